/* test_redis_client.c - URLs by table; the client against a real redis-server that is killed, paused, full and guarded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "base/clock.h"
#include "stream/redis_client.h"
#include "support/redis_fixture.h"

/* ---- URLs ---- */

static void good_urls_give_their_parts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host, *path, *user, *password;
        int port, db, tls;
        const char *shown;
    } cases[] = {
        {"redis://localhost", "localhost", NULL, NULL, NULL, 6379, 0, 0, "redis://localhost:6379/0"},
        {"redis://h:1", "h", NULL, NULL, NULL, 1, 0, 0, "redis://h:1/0"},
        {"redis://h:65535/", "h", NULL, NULL, NULL, 65535, 0, 0, "redis://h:65535/0"},
        {"redis://h/3", "h", NULL, NULL, NULL, 6379, 3, 0, "redis://h:6379/3"},
        {"redis://:pw@h:7/15", "h", NULL, NULL, "pw", 7, 15, 0, "redis://:***@h:7/15"},
        {"redis://bob:p%40%3a%2F%25@h", "h", NULL, "bob", "p@:/%", 6379, 0, 0, "redis://bob:***@h:6379/0"},
        {"redis://bob:a:b@h", "h", NULL, "bob", "a:b", 6379, 0, 0, "redis://bob:***@h:6379/0"},
        {"redis://u:a@b@h", "h", NULL, "u", "a@b", 6379, 0, 0, "redis://u:***@h:6379/0"},
        {"redis://[::1]:6380/2", "::1", NULL, NULL, NULL, 6380, 2, 0, "redis://[::1]:6380/2"},
        {"redis://u:p@[fe80::1]", "fe80::1", NULL, "u", "p", 6379, 0, 0, "redis://u:***@[fe80::1]:6379/0"},
        {"rediss://h:1/0", "h", NULL, NULL, NULL, 1, 0, 1, "rediss://h:1/0"},
        {"unix:///run/redis.sock", NULL, "/run/redis.sock", NULL, NULL, 0, 0, 0, "unix:///run/redis.sock"},
        {"unix:///a%20b?db=4", NULL, "/a b", NULL, NULL, 0, 4, 0, "unix:///a b?db=4"},
        {"unix://u:p@/s", NULL, "/s", "u", "p", 0, 0, 0, "unix://u:***@/s"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ss_redis_url url;
        ss_error err;
        char shown[128];
        if (ss_redis_url_parse(cases[i].text, &url, &err)) fail_msg("%s: %s", cases[i].text, err.text);
        ss_redis_url_text(&url, shown, sizeof shown);
        assert_string_equal(shown, cases[i].shown);
        const char *pairs[][2] = {{url.host, cases[i].host},
                                  {url.unix_path, cases[i].path},
                                  {url.user, cases[i].user},
                                  {url.password, cases[i].password}};
        for (int p = 0; p < 4; p++) {
            assert_int_equal(!pairs[p][0], !pairs[p][1]);
            if (pairs[p][0]) assert_string_equal(pairs[p][0], pairs[p][1]);
        }
        assert_int_equal(url.port, cases[i].port);
        assert_int_equal(url.db, cases[i].db);
        assert_int_equal(url.tls, cases[i].tls);
        ss_redis_url_free(&url);
    }
}

static void bad_urls_are_config_errors_without_the_password(void **state)
{
    (void)state;
    static const char *const bad[] = {
        NULL,
        "",
        "localhost:6379",
        "http://h",
        "redis:/h",
        "redis://",
        "redis://:6379",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:",
        "redis://h:x",
        "redis://h:12x",
        "redis://h:-1",
        "redis://h/x",
        "redis://h/-1",
        "redis://h/99999999",
        "redis://h/1/2",
        "redis://secret@h",
        "redis://u:@h",
        "redis://u:secret%4@h",
        "redis://u:secret%zz@h",
        "redis://u:secret%00@h",
        "redis://u:secret@",
        "redis://u:secret@[::1",
        "redis://u:secret@[::1]x",
        "redis://u:sec/ret@h",
        "redis://u:secret@::1",
        "redis://u:secret@h?x=1",
        "redis://h?ca=/x",
        "rediss://h?ca=",
        "rediss://h?cb=secret",
        "rediss://h?ca=/x&",
        "rediss://h?ca=/x&ca=/y",
        "rediss://h?cert=/x",
        "rediss://h?key=/secret",
        "rediss://h?",
        "redis://u:secret@h/0#f",
        "unix://",
        "unix:///",
        "unix://relative/path",
        "unix:///p?x=1",
        "unix:///p?db=secret",
        "redis://h:99999999999999999999",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ss_redis_url url;
        ss_error err = {0};
        if (ss_redis_url_parse(bad[i], &url, &err) == 0) fail_msg("'%s' was taken", bad[i]);
        assert_int_equal(err.status, SS_CONFIG);
        assert_null(strstr(err.text, "sec"));
        assert_null(url.host);
        assert_null(url.password);
        assert_null(ss_redis_new(&(ss_redis_options){.url = bad[i]}, &err));
    }
}

static void tls_takes_files_and_names_one_that_it_cannot_use(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_redis_url url;
    assert_int_equal(ss_redis_url_parse("rediss://u:p@h/2?ca=/etc/my%20ca.pem", &url, &err), 0);
    assert_string_equal(url.ca_file, "/etc/my ca.pem");
    assert_int_equal(url.db, 2);
    assert_null(url.cert_file);
    ss_redis_url_free(&url);
    assert_int_equal(ss_redis_url_parse("rediss://h?key=/k&ca=/x&cert=/c%26d", &url, &err), 0);
    assert_string_equal(url.host, "h");
    assert_string_equal(url.ca_file, "/x");
    assert_string_equal(url.cert_file, "/c&d");
    assert_string_equal(url.key_file, "/k");
    ss_redis_url_free(&url);
    ss_redis *redis = ss_redis_new(&(ss_redis_options){.url = "rediss://u:secret@localhost:1/0"}, &err);
    assert_non_null(redis); /* nothing is asked of the network yet */
    ss_redis_free(redis);
    redis = ss_redis_new(&(ss_redis_options){.url = "rediss://u:secret@localhost:1/0?ca=/no/such.pem"}, &err);
    assert_null(redis);
    assert_int_equal(err.status, SS_CONFIG);
    assert_non_null(strstr(err.text, "/no/such.pem"));
    assert_null(strstr(err.text, "secret"));
}

/* ---- With a server ---- */

static ss_redis *client(const char *url)
{
    ss_error err;
    ss_redis *redis = ss_redis_new(&(ss_redis_options){.url = url,
                                                       .connect_timeout_ms = 500,
                                                       .command_timeout_ms = 500,
                                                       .backoff_base_ms = 20,
                                                       .backoff_cap_ms = 100},
                                   &err);
    if (!redis) fail_msg("%s", err.text);
    return redis;
}

static void expect_text(redisReply *reply, const char *want)
{
    assert_non_null(reply);
    assert_string_equal(reply->str, want);
    ss_redis_reply_free(reply);
}

static redis_fixture *server_or_skip(const char *const *extra)
{
    if (!redis_fixture_available()) skip();
    redis_fixture *server = redis_fixture_start(extra);
    assert_non_null(server);
    return server;
}

static void commands_work_over_tcp_and_unix_socket(void **state)
{
    (void)state;
    redis_fixture *server = server_or_skip(NULL);
    char unix_url[160];
    snprintf(unix_url, sizeof unix_url, "unix://%s?db=2", server->socket_path);
    const char *urls[] = {server->url, unix_url};
    for (int i = 0; i < 2; i++) {
        ss_error err = {0};
        ss_redis *redis = client(urls[i]);
        assert_false(ss_redis_is_connected(redis)); /* making one touches no network */
        static const unsigned char bytes[] = {0, 1, '\r', '\n', 0xff, 0};
        ss_redis_arg set[] = {ss_redis_text("SET"), {.data = "k\0ey", .len = 4}, {.data = bytes, .len = sizeof bytes}};
        expect_text(ss_redis_run(redis, set, 3, &err), "OK");
        ss_redis_arg get[] = {ss_redis_text("GET"), {.data = "k\0ey", .len = 4}};
        redisReply *reply = ss_redis_run(redis, get, 2, &err);
        assert_int_equal(reply->len, sizeof bytes);
        assert_memory_equal(reply->str, bytes, sizeof bytes);
        ss_redis_reply_free(reply);
        assert_null(ss_redis_run_words(redis, &err, "NOSUCHCOMMAND", NULL));
        assert_int_equal(err.status, SS_INPUT);
        assert_true(ss_redis_is_connected(redis)); /* an error reply is no lost connection */
        ss_redis_free(redis);
    }
    ss_redis *db2 = client(unix_url), *db0 = client(server->url);
    redisReply *size = ss_redis_run_words(db2, NULL, "DBSIZE", NULL);
    assert_int_equal(size->integer, 1); /* each SET went to the database of its URL */
    ss_redis_reply_free(size);
    ss_redis_free(db2);
    ss_redis_free(db0);
    redis_fixture_stop(server);
}

static void pipelined_replies_come_in_order_and_errors_do_not_shift_them(void **state)
{
    (void)state;
    redis_fixture *server = server_or_skip(NULL);
    ss_redis *redis = client(server->url);
    ss_error err = {0};
    enum { N = 20000 };
    char number[16];
    for (int i = 0; i < N; i++) {
        snprintf(number, sizeof number, "%d", i);
        ss_redis_arg echo[] = {ss_redis_text("ECHO"), ss_redis_text(number)};
        ss_redis_arg wrong[] = {ss_redis_text("ECHO")};
        assert_int_equal(ss_redis_append(redis, i % 100 == 7 ? wrong : echo, i % 100 == 7 ? 1 : 2, &err), 0);
    }
    assert_int_equal(ss_redis_pending(redis), N);
    assert_null(ss_redis_run_words(redis, &err, "PING", NULL)); /* would get another's reply */
    assert_int_equal(err.status, SS_INTERNAL);
    for (int i = 0; i < N; i++) {
        redisReply *reply = ss_redis_next(redis, &err);
        if (i % 100 == 7) {
            assert_null(reply);
            assert_int_equal(err.status, SS_INPUT);
            continue;
        }
        snprintf(number, sizeof number, "%d", i);
        expect_text(reply, number);
    }
    assert_int_equal(ss_redis_pending(redis), 0);
    assert_null(ss_redis_next(redis, &err));
    assert_int_equal(err.status, SS_INTERNAL);
    ss_redis_free(redis);
    redis_fixture_stop(server);
}

static void nobody_listening_is_a_network_error_with_backoff(void **state)
{
    (void)state;
    char url[64];
    snprintf(url, sizeof url, "redis://:secret@127.0.0.1:%d/0", redis_fixture_free_port());
    ss_redis *redis =
        ss_redis_new(&(ss_redis_options){.url = url, .backoff_base_ms = 100000, .backoff_cap_ms = 200000}, NULL);
    ss_error err = {0};
    assert_int_equal(ss_redis_connect(redis, &err), -1);
    assert_int_equal(err.status, SS_NETWORK);
    assert_int_equal(err.remedy, SS_RETRY);
    assert_null(strstr(err.text, "secret"));
    assert_non_null(strstr(err.text, "127.0.0.1"));
    assert_true(ss_redis_wait_ms(redis) <= 100000);
    int64_t start = ss_now_ms(); /* in backoff: no attempt, no wait */
    ss_error first = err;
    for (int i = 0; i < 1000; i++) assert_null(ss_redis_run_words(redis, &err, "PING", NULL));
    assert_true(ss_now_ms() - start < 1000);
    assert_int_equal(err.status, SS_NETWORK);
    assert_string_equal(err.text, first.text); /* so that a caller can see that it has told it */
    ss_redis_free(redis);

    redis = client(url);
    start = ss_now_ms();
    assert_int_equal(ss_redis_connect_within(redis, 300, &err), -1);
    assert_in_range(ss_now_ms() - start, 250, 2000);
    ss_redis_free(redis);

    redis = client("redis://no-such-host.invalid:1/0");
    assert_int_equal(ss_redis_connect(redis, &err), -1);
    assert_int_equal(err.status, SS_NETWORK);
    ss_redis_free(redis);
}

static void a_killed_server_is_noticed_and_found_again(void **state)
{
    (void)state;
    redis_fixture *server = server_or_skip(NULL);
    ss_redis *redis = client(server->url);
    ss_error err = {0};
    expect_text(ss_redis_run_words(redis, &err, "PING", NULL), "PONG");
    ss_redis_arg ping = ss_redis_text("PING");
    for (int i = 0; i < 3; i++) assert_int_equal(ss_redis_append(redis, &ping, 1, &err), 0);
    redis_fixture_kill(server);
    assert_null(ss_redis_next(redis, &err)); /* would also die of SIGPIPE here if that were not kept away */
    assert_int_equal(err.status, SS_NETWORK);
    assert_int_equal(ss_redis_pending(redis), 0);
    assert_false(ss_redis_is_connected(redis));
    assert_int_equal(redis_fixture_restart(server), 0);
    assert_int_equal(ss_redis_connect_within(redis, 5000, &err), 0);
    expect_text(ss_redis_run_words(redis, &err, "PING", NULL), "PONG");
    ss_redis_free(redis);
    redis_fixture_stop(server);
}

static int is_set(void *flag)
{
    return *(int *)flag;
}

/* The time-out is so long that the test's would end it first. */
static void a_caller_that_is_stopped_does_not_wait_for_a_hanging_server(void **state)
{
    (void)state;
    redis_fixture *server = server_or_skip(NULL);
    int stopped = 0;
    ss_redis_options options = {
        .url = server->url, .command_timeout_ms = 3600000, .stopped = is_set, .context = &stopped};
    ss_redis *redis = ss_redis_new(&options, NULL);
    ss_error err = {0};
    expect_text(ss_redis_run_words(redis, &err, "PING", NULL), "PONG");
    redis_fixture_pause(server);
    stopped = 1;
    assert_null(ss_redis_run_words(redis, &err, "PING", NULL));
    assert_int_equal(err.status, SS_STOPPED);
    assert_int_equal(err.remedy, SS_GIVE_UP);
    assert_int_equal(ss_redis_connect_within(redis, 3600000, &err), -1);
    assert_int_equal(err.status, SS_STOPPED);
    redis_fixture_resume(server);
    ss_redis_free(redis);
    redis_fixture_stop(server);
}

static void a_hanging_server_costs_one_timeout_and_then_backoff(void **state)
{
    (void)state;
    redis_fixture *server = server_or_skip(NULL);
    ss_redis *redis = client(server->url);
    ss_error err = {0};
    expect_text(ss_redis_run_words(redis, &err, "PING", NULL), "PONG");
    redis_fixture_pause(server);
    int64_t start = ss_now_ms();
    assert_null(ss_redis_run_words(redis, &err, "PING", NULL));
    assert_int_equal(err.status, SS_TIMEOUT);
    assert_int_equal(err.remedy, SS_RETRY);
    assert_in_range(ss_now_ms() - start, 400, 1500);
    while (ss_redis_wait_ms(redis)) ss_sleep_ms(5);
    assert_int_equal(ss_redis_connect(redis, &err), -1); /* the kernel accepts, the server does not answer */
    assert_int_equal(err.status, SS_TIMEOUT);
    ss_redis_set_deadline(redis, ss_now_ms() + 50);
    while (ss_redis_wait_ms(redis)) ss_sleep_ms(5);
    ss_redis_set_deadline(redis, ss_now_ms() + 50);
    start = ss_now_ms();
    assert_int_equal(ss_redis_connect(redis, &err), -1);
    assert_true(ss_now_ms() - start < 450); /* the deadline is shorter than the time-out */
    ss_redis_set_deadline(redis, 0);
    redis_fixture_resume(server);
    assert_int_equal(ss_redis_connect_within(redis, 5000, &err), 0);
    ss_redis_free(redis);
    redis_fixture_stop(server);
}

static void credentials_decide(void **state)
{
    (void)state;
    static const char *const guarded[] = {"--requirepass", "p@ss/word", "--user", "bob",  "on",
                                          ">bobs-word",    "~*",        "+ping",  "+get", NULL};
    redis_fixture *server = server_or_skip(guarded);
    const struct {
        const char *credentials;
        ss_status status;
    } cases[] = {
        {":p%40ss%2Fword@", SS_OK}, {"default:p%40ss%2Fword@", SS_OK}, {"bob:bobs-word@", SS_OK},   {"", SS_AUTH},
        {":wrong-one@", SS_AUTH},   {"bob:wrong-one@", SS_AUTH},       {"eve:wrong-one@", SS_AUTH},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char url[128];
        ss_error err = {0};
        snprintf(url, sizeof url, "redis://%s127.0.0.1:%d/0", cases[i].credentials, server->port);
        ss_redis *redis = client(url);
        int result = ss_redis_connect(redis, &err);
        assert_int_equal(result, cases[i].status == SS_OK ? 0 : -1);
        if (result) {
            assert_int_equal(err.status, cases[i].status);
            assert_int_equal(err.remedy, SS_GIVE_UP);
            assert_null(strstr(err.text, "wrong-one"));
            int64_t start = ss_now_ms();
            assert_int_equal(ss_redis_connect_within(redis, 5000, &err), -1); /* waiting cannot help */
            assert_int_equal(err.status, SS_AUTH);
            assert_true(ss_now_ms() - start < 2000);
        }
        if (strncmp(cases[i].credentials, "bob:bobs", 8) == 0) {
            assert_null(ss_redis_run_words(redis, &err, "SET", "a", "b", NULL)); /* NOPERM */
            assert_int_equal(err.status, SS_AUTH);
        }
        ss_redis_free(redis);
    }
    redis_fixture_stop(server);
}

static void a_database_that_is_not_there_is_a_config_error(void **state)
{
    (void)state;
    redis_fixture *server = server_or_skip(NULL); /* has 4 */
    char url[64];
    ss_error err = {0};
    snprintf(url, sizeof url, "redis://127.0.0.1:%d/9", server->port);
    ss_redis *redis = client(url);
    assert_int_equal(ss_redis_connect(redis, &err), -1);
    assert_int_equal(err.status, SS_CONFIG);
    ss_redis_free(redis);
    redis_fixture_stop(server);
}

static void a_password_where_none_is_set_is_refused(void **state)
{
    (void)state;
    redis_fixture *server = server_or_skip(NULL);
    char url[64];
    ss_error err = {0};
    snprintf(url, sizeof url, "redis://:secret@127.0.0.1:%d/0", server->port);
    ss_redis *redis = client(url);
    assert_int_equal(ss_redis_connect(redis, &err), -1);
    assert_int_equal(err.status, SS_AUTH);
    ss_redis_free(redis);
    redis_fixture_stop(server);
}

static void a_full_server_is_a_limit(void **state)
{
    (void)state;
    static const char *const small[] = {"--maxmemory", "3mb", "--maxmemory-policy", "noeviction", NULL};
    redis_fixture *server = server_or_skip(small);
    ss_redis *redis = client(server->url);
    ss_error err = {0};
    char *big = malloc(1 << 20);
    memset(big, 'x', 1 << 20);
    redisReply *reply = NULL;
    for (int i = 0; i < 8; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        ss_redis_arg set[] = {ss_redis_text("SET"), ss_redis_text(key), {.data = big, .len = 1 << 20}};
        reply = ss_redis_run(redis, set, 3, &err);
        ss_redis_reply_free(reply);
        if (!reply) break;
    }
    assert_null(reply);
    assert_int_equal(err.status, SS_LIMIT);
    assert_int_equal(err.remedy, SS_RETRY);
    free(big);
    ss_redis_free(redis);
    redis_fixture_stop(server);
}

/* ---- Servers that are not Redis ---- */

typedef struct fake {
    int fd, port;
    pid_t pid;
} fake;

/* A process that accepts once, reads the PING of the handshake, answers it, and sends `tail` to the next command, in
 * pieces of `step` bytes with a pause between them; then closes. */
static fake fake_server(const char *tail, size_t step, int pause_ms)
{
    fake f = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    assert_int_equal(bind(f.fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(f.fd, 4), 0);
    getsockname(f.fd, (struct sockaddr *)&address, &len);
    f.port = ntohs(address.sin_port);
    f.pid = fork();
    if (f.pid == 0) {
        char buffer[256];
        alarm(20);
        int c = accept(f.fd, NULL, NULL);
        if (recv(c, buffer, sizeof buffer, 0) > 0) send(c, "+PONG\r\n", 7, MSG_NOSIGNAL);
        if (recv(c, buffer, sizeof buffer, 0) > 0)
            for (size_t at = 0, all = strlen(tail); at < all; at += step) {
                size_t part = all - at < step ? all - at : step;
                if (send(c, tail + at, part, MSG_NOSIGNAL) < 0) break;
                ss_sleep_ms(pause_ms);
            }
        close(c);
        _exit(0);
    }
    close(f.fd);
    return f;
}

static void half_replies_and_nonsense_lose_the_connection(void **state)
{
    (void)state;
    static const char *const tails[] = {"$100\r\nabc", "*3\r\n$1\r\na\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n",
                                        "$-7\r\n",     "*99999999999\r\n",  ""};
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        fake f = fake_server(tails[i], 1000, 0);
        char url[64];
        ss_error err = {0};
        snprintf(url, sizeof url, "redis://127.0.0.1:%d/0", f.port);
        ss_redis *redis = client(url);
        assert_int_equal(ss_redis_connect(redis, &err), 0);
        redisReply *reply = ss_redis_run_words(redis, &err, "GET", "k", NULL);
        assert_null(reply);
        assert_true(err.status == SS_NETWORK);
        assert_false(ss_redis_is_connected(redis));
        assert_int_equal(ss_redis_pending(redis), 0);
        ss_redis_free(redis);
        kill(f.pid, SIGKILL);
        waitpid(f.pid, NULL, 0);
    }
}

static void a_dripping_server_cannot_stretch_the_timeout(void **state)
{
    (void)state;
    fake f = fake_server("$1000\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 1, 100);
    char url[64];
    ss_error err = {0};
    snprintf(url, sizeof url, "redis://127.0.0.1:%d/0", f.port);
    ss_redis *redis = client(url);
    assert_int_equal(ss_redis_connect(redis, &err), 0);
    int64_t start = ss_now_ms();
    assert_null(ss_redis_run_words(redis, &err, "GET", "k", NULL));
    assert_int_equal(err.status, SS_TIMEOUT);
    assert_in_range(ss_now_ms() - start, 400, 1500);
    ss_redis_free(redis);
    kill(f.pid, SIGKILL);
    waitpid(f.pid, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_urls_give_their_parts),
        cmocka_unit_test(bad_urls_are_config_errors_without_the_password),
        cmocka_unit_test(tls_takes_files_and_names_one_that_it_cannot_use),
        cmocka_unit_test(commands_work_over_tcp_and_unix_socket),
        cmocka_unit_test(pipelined_replies_come_in_order_and_errors_do_not_shift_them),
        cmocka_unit_test(nobody_listening_is_a_network_error_with_backoff),
        cmocka_unit_test(a_killed_server_is_noticed_and_found_again),
        cmocka_unit_test(a_caller_that_is_stopped_does_not_wait_for_a_hanging_server),
        cmocka_unit_test(a_hanging_server_costs_one_timeout_and_then_backoff),
        cmocka_unit_test(credentials_decide),
        cmocka_unit_test(a_database_that_is_not_there_is_a_config_error),
        cmocka_unit_test(a_password_where_none_is_set_is_refused),
        cmocka_unit_test(a_full_server_is_a_limit),
        cmocka_unit_test(half_replies_and_nonsense_lose_the_connection),
        cmocka_unit_test(a_dripping_server_cannot_stretch_the_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
