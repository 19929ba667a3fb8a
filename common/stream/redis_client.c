/* redis_client.c - see redis_client.h.
 *
 * hiredis connects, formats commands and parses replies; sending and receiving
 * (redis_link.h, where TLS is) and waiting are done here. After the (blocking,
 * bounded) connect the socket is switched to non-blocking and every call runs
 * write / read / poll against one deadline, so a server that drips bytes cannot
 * stretch a time-out, as it could with hiredis' own per-read SO_RCVTIMEO.
 *
 * State: `context` is NULL or a connection on which the handshake succeeded.
 * `pending` counts the commands in the pipe whose reply was not read. Each
 * failure of the connection goes through lose(), which frees the context (a
 * half-read reply makes it unusable), forgets the pipe and starts the backoff;
 * any reply at all ends it. `last` is the error told to callers meanwhile.
 */
#include "stream/redis_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <hiredis/hiredis.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "stream/redis_link.h"

enum { SLICE_MS = 200, WORDS_MAX = 16, NAME_SIZE = 300, PIECE = 32 * 1024, OUT_KEPT = 1 << 20 };

struct ss_redis {
    redisContext *context;
    ss_redis_link link; /* on the context's socket */
    size_t pending;
    ss_buffer out; /* commands; those before `sent` are on their way */
    size_t sent;
    char piece[PIECE]; /* what one read takes */

    ss_redis_url url;
    char name[NAME_SIZE];
    int connect_timeout_ms, command_timeout_ms, backoff_base_ms, backoff_cap_ms;
    int64_t limit_ms;              /* see ss_redis_set_deadline; 0 = none */
    int (*stopped)(void *context); /* or NULL */
    void *stopped_context;

    unsigned attempt; /* failures in a row */
    int64_t next_try_ms;
    uint64_t seed;
    ss_error last;

    const char **argv; /* scratch for hiredis, grown as needed */
    size_t *lens;
    size_t arg_room;
    ss_redis_tls *tls; /* NULL = plain */
};

/* ---- Errors ---- */

typedef struct reply_class {
    const char *word;
    ss_status status;
    ss_remedy remedy;
} reply_class;

static int fail_by_reply(const ss_redis *redis, const char *text, ss_error *err)
{
    static const reply_class classes[] = {
        {"WRONGPASS", SS_AUTH, SS_GIVE_UP},   {"NOAUTH", SS_AUTH, SS_GIVE_UP},       {"NOPERM", SS_AUTH, SS_GIVE_UP},
        {"DENIED", SS_AUTH, SS_GIVE_UP},      {"OOM", SS_LIMIT, SS_RETRY},           {"LOADING", SS_NETWORK, SS_RETRY},
        {"BUSY", SS_NETWORK, SS_RETRY},       {"TRYAGAIN", SS_NETWORK, SS_RETRY},    {"READONLY", SS_NETWORK, SS_RETRY},
        {"MASTERDOWN", SS_NETWORK, SS_RETRY}, {"CLUSTERDOWN", SS_NETWORK, SS_RETRY}, {"MISCONF", SS_NETWORK, SS_RETRY},
    };
    size_t word = strcspn(text, " ");
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (strlen(classes[i].word) == word && memcmp(classes[i].word, text, word) == 0)
            return ss_fail_with(err, classes[i].status, classes[i].remedy, "%s: %.200s", redis->name, text);
    if (strncmp(text, "ERR max number of clients", 25) == 0)
        return ss_fail_with(err, SS_NETWORK, SS_RETRY, "%s: %.200s", redis->name, text);
    return ss_fail(err, SS_INPUT, "%s: %.200s", redis->name, text);
}

static void drop(ss_redis *redis)
{
    ss_redis_link_close(&redis->link);
    if (redis->context) redisFree(redis->context);
    redis->context = NULL;
    redis->pending = 0;
    ss_buffer_clear(&redis->out);
    redis->sent = 0;
}

/* The connection is gone: remember why, start the backoff, tell the caller. */
static int lose(ss_redis *redis, const ss_error *why, ss_error *err)
{
    drop(redis);
    redis->next_try_ms =
        ss_now_ms() + ss_backoff_ms(redis->attempt, redis->backoff_base_ms, redis->backoff_cap_ms, &redis->seed);
    if (redis->attempt < 30) redis->attempt++;
    redis->last = *why;
    if (err) *err = *why;
    return -1;
}

static int lose_network(ss_redis *redis, const char *what, ss_error *err)
{
    ss_error why;
    ss_fail_with(&why, SS_NETWORK, SS_RETRY, "%s: %s", redis->name, what);
    return lose(redis, &why, err);
}

static int lose_timeout(ss_redis *redis, ss_error *err)
{
    ss_error why;
    ss_fail_with(&why, SS_TIMEOUT, SS_RETRY, "%s: no answer in time", redis->name);
    return lose(redis, &why, err);
}

static int is_stopped(const ss_redis *redis)
{
    return redis->stopped && redis->stopped(redis->stopped_context);
}

static int lose_stopped(ss_redis *redis, ss_error *err)
{
    ss_error why;
    ss_fail(&why, SS_STOPPED, "%s: stopped while waiting for it", redis->name);
    return lose(redis, &why, err);
}

/* The link says what is wrong. */
static int lose_link(ss_redis *redis, ss_error *why, ss_error *err)
{
    ss_fail_in(why, "%s", redis->name);
    return lose(redis, why, err);
}

/* hiredis says what is wrong in errstr, or leaves it in errno for REDIS_ERR_IO. */
static int lose_context(ss_redis *redis, ss_error *err)
{
    char text[160];
    snprintf(text, sizeof text, "%s", redis->context->errstr[0] ? redis->context->errstr : "connection lost");
    return lose_network(redis, text, err);
}

/* ---- Sending and receiving against a deadline ---- */

static int64_t call_deadline(const ss_redis *redis, int timeout_ms)
{
    int64_t at = ss_now_ms() + timeout_ms;
    return redis->limit_ms && redis->limit_ms < at ? redis->limit_ms : at;
}

/* 0 when the socket is ready, -1 with the connection lost. */
static int wait_for(ss_redis *redis, short events, int64_t deadline, ss_error *err)
{
    for (;;) {
        int64_t left = deadline - ss_now_ms();
        if (left <= 0) return lose_timeout(redis, err);
        if (is_stopped(redis)) return lose_stopped(redis, err);
        struct pollfd fd = {.fd = redis->context->fd, .events = events};
        int slice = redis->stopped ? SLICE_MS : 60000;
        int ready = poll(&fd, 1, left > slice ? slice : (int)left);
        if (ready > 0) return 0;
        if (ready < 0 && errno != EINTR) return lose_network(redis, strerror(errno), err);
    }
}

/* Waits for what the link asked for, or gives the connection up. */
static int wait_link(ss_redis *redis, ssize_t result, ss_error *why, int64_t deadline, ss_error *err)
{
    if (result == SS_LINK_LOST) return lose_link(redis, why, err);
    return wait_for(redis, result == SS_LINK_READ ? POLLIN : POLLOUT, deadline, err);
}

static int flush_until(ss_redis *redis, int64_t deadline, ss_error *err)
{
    while (redis->sent < redis->out.len) {
        ss_error why = {0};
        ssize_t sent =
            ss_redis_link_send(&redis->link, redis->out.data + redis->sent, redis->out.len - redis->sent, &why);
        if (sent > 0)
            redis->sent += (size_t)sent;
        else if (wait_link(redis, sent, &why, deadline, err))
            return -1;
    }
    redis->sent = 0;
    if (redis->out.cap > OUT_KEPT) ss_buffer_free(&redis->out); /* a release's blobs; the next one is long in coming */
    ss_buffer_clear(&redis->out);
    return 0;
}

/* The next reply of any type, or NULL with the connection lost. Reads before it polls: with TLS, bytes may wait in the
 * library although the socket has none. */
static redisReply *read_until(ss_redis *redis, int64_t deadline, ss_error *err)
{
    for (;;) {
        void *reply = NULL;
        if (redisReaderGetReply(redis->context->reader, &reply) != REDIS_OK) {
            lose_network(redis, redis->context->reader->errstr, err);
            return NULL;
        }
        if (reply) {
            redis->pending--;
            redis->attempt = 0;
            return reply;
        }
        ss_error why = {0};
        ssize_t got = ss_redis_link_receive(&redis->link, redis->piece, sizeof redis->piece, &why);
        if (got > 0 && redisReaderFeed(redis->context->reader, redis->piece, (size_t)got) != REDIS_OK) {
            lose_network(redis, "out of memory", err);
            return NULL;
        }
        if (got <= 0 && wait_link(redis, got, &why, deadline, err)) return NULL;
    }
}

/* ---- Connecting ---- */

static struct timeval as_timeval(int64_t ms)
{
    if (ms < 1) ms = 1;
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
}

static int start_link(ss_redis *redis, int64_t deadline, ss_error *err)
{
    if (ss_redis_link_open(&redis->link, redis->context->fd, redis->tls))
        return lose_network(redis, "out of memory", err);
    for (;;) {
        ss_error why = {0};
        int got = ss_redis_link_handshake(&redis->link, &why);
        if (got == 1) return 0;
        if (!wait_link(redis, got, &why, deadline, err)) continue;
        if (redis->last.status == SS_TIMEOUT) { /* what a server without TLS does: it waits for the end of a line */
            ss_fail_with(&redis->last, SS_TIMEOUT, SS_RETRY, "%s: no answer in time; does it speak TLS at this port?",
                         redis->name);
            if (err) *err = redis->last;
        }
        return -1;
    }
}

static int open_socket(ss_redis *redis, int64_t deadline, ss_error *err)
{
    struct timeval timeout = as_timeval(deadline - ss_now_ms());
    redis->context = redis->url.unix_path ? redisConnectUnixWithTimeout(redis->url.unix_path, timeout)
                                          : redisConnectWithTimeout(redis->url.host, redis->url.port, timeout);
    if (!redis->context) return ss_fail_memory(err, "connecting to Redis");
    if (redis->context->err) return lose_context(redis, err);
    if (!redis->url.unix_path) redisEnableKeepAlive(redis->context);
    int flags = fcntl(redis->context->fd, F_GETFL);
    if (flags < 0 || fcntl(redis->context->fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return lose_network(redis, strerror(errno), err);
    fcntl(redis->context->fd, F_SETFD, FD_CLOEXEC);
    redis->context->flags &= ~REDIS_BLOCK;
    return start_link(redis, deadline, err);
}

/* A command into the send buffer. */
static int put_command(ss_redis *redis, size_t argc, const char **argv, const size_t *lens)
{
    char *text = NULL;
    long long len = redisFormatCommandArgv(&text, (int)argc, argv, lens); /* an int in older ones */
    int failed = len < 0 || ss_buffer_add(&redis->out, text, (size_t)len);
    if (len >= 0) redisFreeCommand(text);
    if (!failed) redis->pending++;
    return failed ? -1 : 0;
}

/* One command of the handshake; an error reply closes the connection. `refused`: status of error replies without a
 * class of their own. */
static int handshake_step(ss_redis *redis, size_t argc, const char **argv, ss_status refused, int64_t deadline,
                          ss_error *err)
{
    if (put_command(redis, argc, argv, NULL)) return lose_network(redis, "out of memory", err);
    if (flush_until(redis, deadline, err)) return -1;
    unsigned attempt = redis->attempt;
    redisReply *reply = read_until(redis, deadline, err);
    if (!reply) return -1;
    int failed = reply->type == REDIS_REPLY_ERROR;
    ss_error why = {0};
    if (failed) {
        redis->attempt = attempt;
        fail_by_reply(redis, reply->str, &why);
        if (why.status == SS_INPUT) why.status = refused;
    }
    freeReplyObject(reply);
    return failed ? lose(redis, &why, err) : 0;
}

static int handshake(ss_redis *redis, int64_t deadline, ss_error *err)
{
    const ss_redis_url *url = &redis->url;
    if (url->password) {
        const char *argv[3] = {"AUTH"};
        size_t argc = 1;
        if (url->user) argv[argc++] = url->user;
        argv[argc++] = url->password;
        if (handshake_step(redis, argc, argv, SS_AUTH, deadline, err)) return -1;
    }
    if (url->db) {
        char db[16];
        snprintf(db, sizeof db, "%d", url->db);
        if (handshake_step(redis, 2, (const char *[]){"SELECT", db}, SS_CONFIG, deadline, err)) return -1;
    }
    return handshake_step(redis, 1, (const char *[]){"PING"}, SS_NETWORK, deadline, err);
}

int ss_redis_connect(ss_redis *redis, ss_error *err)
{
    if (redis->context) return 0;
    int64_t wait = ss_redis_wait_ms(redis);
    if (wait > 0) {
        if (err) *err = redis->last; /* word for word, so that callers can say it once */
        return -1;
    }
    int64_t deadline = call_deadline(redis, redis->connect_timeout_ms);
    if (open_socket(redis, deadline, err)) return -1;
    return handshake(redis, deadline, err);
}

int ss_redis_connect_within(ss_redis *redis, int64_t patience_ms, ss_error *err)
{
    int64_t deadline = ss_now_ms() + patience_ms;
    ss_error why = {0};
    while (ss_redis_connect(redis, &why)) {
        int64_t wait = ss_redis_wait_ms(redis), left = deadline - ss_now_ms();
        if (why.remedy != SS_RETRY || left <= 0) {
            if (err) *err = redis->last;
            return -1;
        }
        if (is_stopped(redis)) return lose_stopped(redis, err);
        if (wait < 10) wait = 10;
        if (wait > SLICE_MS) wait = SLICE_MS;
        ss_sleep_ms(wait < left ? wait : left);
    }
    return 0;
}

int64_t ss_redis_wait_ms(const ss_redis *redis)
{
    int64_t left = redis->next_try_ms - ss_now_ms();
    return !redis->context && left > 0 ? left : 0;
}

/* ---- Life ---- */

ss_redis *ss_redis_new(const ss_redis_options *options, ss_error *err)
{
    ss_redis *redis = calloc(1, sizeof *redis);
    if (!redis) {
        ss_fail_memory(err, "making a Redis client");
        return NULL;
    }
    redis->connect_timeout_ms = options->connect_timeout_ms > 0 ? options->connect_timeout_ms : 2000;
    redis->command_timeout_ms = options->command_timeout_ms > 0 ? options->command_timeout_ms : 5000;
    redis->backoff_base_ms = options->backoff_base_ms > 0 ? options->backoff_base_ms : 200;
    redis->backoff_cap_ms = options->backoff_cap_ms > 0 ? options->backoff_cap_ms : 10000;
    redis->stopped = options->stopped;
    redis->stopped_context = options->context;
    ss_buffer_init(&redis->out, SIZE_MAX);
    redis->link.fd = -1;
    redis->seed = (uint64_t)ss_wall_ms() ^ (uint64_t)(uintptr_t)redis;
    if (ss_redis_url_parse(options->url, &redis->url, err)) goto fail;
    ss_redis_url_text(&redis->url, redis->name, sizeof redis->name);
    if (redis->url.tls && !(redis->tls = ss_redis_tls_new(&redis->url, err))) goto fail;
    return redis;

fail:
    ss_redis_free(redis);
    return NULL;
}

void ss_redis_free(ss_redis *redis)
{
    if (!redis) return;
    drop(redis);
    ss_redis_tls_free(redis->tls);
    if (redis->out.data) explicit_bzero(redis->out.data, redis->out.cap); /* AUTH went through it */
    ss_buffer_free(&redis->out);
    ss_redis_url_free(&redis->url);
    free(redis->argv);
    free(redis->lens);
    free(redis);
}

int ss_redis_is_connected(const ss_redis *redis)
{
    return redis->context != NULL;
}

const char *ss_redis_name(const ss_redis *redis)
{
    return redis->name;
}

void ss_redis_set_deadline(ss_redis *redis, int64_t at_ms)
{
    redis->limit_ms = at_ms;
}

void ss_redis_close(ss_redis *redis)
{
    drop(redis);
}

/* ---- Commands ---- */

ss_redis_arg ss_redis_text(const char *text)
{
    return (ss_redis_arg){.data = text, .len = strlen(text)};
}

static int make_arg_room(ss_redis *redis, size_t count, ss_error *err)
{
    if (count > INT32_MAX / 2) return ss_fail(err, SS_LIMIT, "%s: %zu arguments in one command", redis->name, count);
    if (count <= redis->arg_room) return 0;
    const char **argv = realloc(redis->argv, count * sizeof *argv);
    if (argv) redis->argv = argv;
    size_t *lens = realloc(redis->lens, count * sizeof *lens);
    if (lens) redis->lens = lens;
    if (!argv || !lens) return ss_fail_memory(err, "preparing a Redis command");
    redis->arg_room = count;
    return 0;
}

int ss_redis_append(ss_redis *redis, const ss_redis_arg *args, size_t count, ss_error *err)
{
    if (make_arg_room(redis, count, err) || ss_redis_connect(redis, err)) return -1;
    for (size_t i = 0; i < count; i++) {
        redis->argv[i] = args[i].data;
        redis->lens[i] = args[i].len;
    }
    if (!put_command(redis, count, redis->argv, redis->lens)) return 0;
    drop(redis); /* the pipe would be one command short */
    return ss_fail_memory(err, "preparing a Redis command");
}

int ss_redis_flush(ss_redis *redis, ss_error *err)
{
    return redis->context ? flush_until(redis, call_deadline(redis, redis->command_timeout_ms), err) : 0;
}

redisReply *ss_redis_next(ss_redis *redis, ss_error *err)
{
    if (!redis->pending) {
        ss_fail(err, SS_INTERNAL, "%s: no reply is pending", redis->name);
        return NULL;
    }
    int64_t deadline = call_deadline(redis, redis->command_timeout_ms);
    if (flush_until(redis, deadline, err)) return NULL;
    redisReply *reply = read_until(redis, deadline, err);
    if (reply && reply->type == REDIS_REPLY_ERROR) {
        fail_by_reply(redis, reply->str, err);
        freeReplyObject(reply);
        return NULL;
    }
    return reply;
}

redisReply *ss_redis_run(ss_redis *redis, const ss_redis_arg *args, size_t count, ss_error *err)
{
    if (redis->pending) {
        ss_fail(err, SS_INTERNAL, "%s: a command while %zu replies are pending", redis->name, redis->pending);
        return NULL;
    }
    return ss_redis_append(redis, args, count, err) ? NULL : ss_redis_next(redis, err);
}

redisReply *ss_redis_run_words(ss_redis *redis, ss_error *err, ...)
{
    ss_redis_arg args[WORDS_MAX];
    size_t count = 0;
    va_list list;
    va_start(list, err);
    for (const char *word; (word = va_arg(list, const char *)) != NULL && count < WORDS_MAX;)
        args[count++] = ss_redis_text(word);
    va_end(list);
    return ss_redis_run(redis, args, count, err);
}

size_t ss_redis_pending(const ss_redis *redis)
{
    return redis->pending;
}

void ss_redis_reply_free(redisReply *reply)
{
    if (reply) freeReplyObject(reply);
}
