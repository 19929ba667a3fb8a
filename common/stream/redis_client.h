/* redis_client.h - one connection to Redis that comes back by itself.
 *
 * A client object is made without touching the network. Every call connects
 * when it has to: AUTH, SELECT and a PING belong to connecting, so a server
 * that accepts but does not answer is found there. After a failure the client
 * waits before it tries again (exponential backoff with full jitter); calls in
 * that time fail at once with the last error, so a caller can offer its
 * work at any rate and never hammers nor hangs on a Redis that is away.
 *
 * Every call ends within the command time-out, measured over the whole call
 * and not per read (only the system's name resolution is outside our hands).
 * A read or write that fails half-way closes the connection: what was still in
 * the pipe is lost, ss_redis_pending is 0 afterwards.
 *
 * Errors: not reachable, reset, in backoff  SS_NETWORK / SS_RETRY
 *         no answer in time                 SS_TIMEOUT / SS_RETRY (a write may have happened)
 *         WRONGPASS, NOAUTH, NOPERM, a certificate that is refused  SS_AUTH
 *         OOM (maxmemory reached)           SS_LIMIT / SS_RETRY
 *         LOADING, BUSY, TRYAGAIN, READONLY, MASTERDOWN, CLUSTERDOWN  SS_NETWORK / SS_RETRY
 *         any other error reply             SS_INPUT
 *         the caller's `stopped` says so    SS_STOPPED
 * Texts name the server (never the password).
 *
 * Threads: one thread at a time per client. No SIGPIPE reaches the program.
 * Made for hiredis 0.14 and 1.x. What rediss:// checks stands in redis_link.h.
 */
#ifndef SKILLSTREAM_STREAM_REDIS_CLIENT_H
#define SKILLSTREAM_STREAM_REDIS_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct redisReply; /* <hiredis/hiredis.h>: type, integer, str, len, elements, element */

typedef struct ss_redis_url {
    int tls;         /* rediss:// */
    char *host;      /* NULL for a unix socket */
    int port;        /* 6379 unless given */
    char *unix_path; /* NULL for TCP */
    char *user;      /* NULL = the server's default user */
    char *password;  /* NULL = no AUTH */
    int db;
    char *ca_file;   /* rediss:// only: certificates to trust; NULL = the system's */
    char *cert_file; /* rediss:// only: our certificate with its chain, for servers that want one; NULL = none */
    char *key_file;  /* its key; both or none */
} ss_redis_url;

/* The forms of a Redis URL, for the help of options. */
#define SS_REDIS_URL_FORMS                                                                                             \
    "redis://[user:password@]host:port/db, unix:///path, or for TLS rediss://...?ca=FILE&cert=FILE&key=FILE, each "    \
    "where it is needed."

/* Reads `redis://[[user]:password@]host[:port][/db]`, the same with `rediss://` and then optionally
 * `?ca=FILE&cert=FILE&key=FILE` (each may be left out, cert and key go together), or
 * `unix://[[user]:password@]/path[?db=N]`. host may be an IPv6 literal in brackets; user, password, path and FILE are
 * percent-decoded. SS_CONFIG when malformed. */
int ss_redis_url_parse(const char *url, ss_redis_url *out, ss_error *err);

/* The URL for people, with "***" for the password. `out` holds `size` bytes. */
void ss_redis_url_text(const ss_redis_url *url, char *out, size_t size);

/* Wipes the password and frees all; *url may be reused. */
void ss_redis_url_free(ss_redis_url *url);

typedef struct ss_redis_options {
    const char *url;
    int connect_timeout_ms;        /* 0 = 2000 */
    int command_timeout_ms;        /* 0 = 5000 */
    int backoff_base_ms;           /* 0 = 200; the first wait after a failure is in [0, base] */
    int backoff_cap_ms;            /* 0 = 10000 */
    int (*stopped)(void *context); /* or NULL. Non-zero ends a call that waits, soon, with SS_STOPPED */
    void *context;
} ss_redis_options;

typedef struct ss_redis ss_redis;

/* Checks URL and options; does not connect. SS_CONFIG when they are wrong, or a file that they name cannot
 * be used. */
ss_redis *ss_redis_new(const ss_redis_options *options, ss_error *err);
void ss_redis_free(ss_redis *redis);

/* Connects unless connected already. Fails at once while in backoff; see ss_redis_wait_ms. */
int ss_redis_connect(ss_redis *redis, ss_error *err);

/* Connects, waiting out backoff, until it succeeds, fails for good (SS_AUTH, SS_CONFIG) or `patience_ms` are over. */
int ss_redis_connect_within(ss_redis *redis, int64_t patience_ms, ss_error *err);

/* Milliseconds until the next attempt is allowed; 0 = now. */
int64_t ss_redis_wait_ms(const ss_redis *redis);

/* 1 while a connection is open (it may turn out dead at the next call). */
int ss_redis_is_connected(const ss_redis *redis);

/* "redis://127.0.0.1:6379/0", password masked; lives as long as the client. */
const char *ss_redis_name(const ss_redis *redis);

/* No later call goes on past this moment (ss_now_ms clock), whatever the time-outs say; 0 takes the limit away. */
void ss_redis_set_deadline(ss_redis *redis, int64_t at_ms);

/* One argument of a command: any bytes. */
typedef struct ss_redis_arg {
    const void *data;
    size_t len;
} ss_redis_arg;

/* For literals and NUL-terminated strings. */
ss_redis_arg ss_redis_text(const char *text);

/* Runs one command and returns its reply, never of type REDIS_REPLY_ERROR (that is an error here).
 * Free it with ss_redis_reply_free. Must not be called while replies are pending. */
struct redisReply *ss_redis_run(ss_redis *redis, const ss_redis_arg *args, size_t count, ss_error *err);

/* The same for plain words without blanks: ss_redis_run_words(r, err, "GET", key, NULL). */
struct redisReply *ss_redis_run_words(ss_redis *redis, ss_error *err, ...) __attribute__((sentinel));

/* Pipelining: puts a command into the send buffer (connecting first if needed) ... */
int ss_redis_append(ss_redis *redis, const ss_redis_arg *args, size_t count, ss_error *err);
/* ... sends the buffer without reading ... */
int ss_redis_flush(ss_redis *redis, ss_error *err);
/* ... and reads the next reply (sends first what is not sent). An error reply gives NULL with the status from the
 * table above, and the connection stays usable: ask ss_redis_pending whether more replies follow. */
struct redisReply *ss_redis_next(ss_redis *redis, ss_error *err);

/* Replies still to come. */
size_t ss_redis_pending(const ss_redis *redis);

/* Closes the connection; replies still to come are lost. Does not start a backoff. */
void ss_redis_close(ss_redis *redis);

void ss_redis_reply_free(struct redisReply *reply);

#endif
