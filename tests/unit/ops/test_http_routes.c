/* test_http_routes.c - pages of a program's own: who may ask for them, with which bodies, and that nothing else gets
 * in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/clock.h"
#include "ops/http_client.h"
#include "ops/http_server.h"

enum { BODY_MAX = 20000 };

/* Says what it was told. */
static unsigned echo(void *context, const ss_http_request *request, const char **type, ss_buffer *out)
{
    const char *name = ss_http_argument(request, "name");
    ++*(int *)context;
    *type = "text/x-echo";
    ss_buffer_printf(out, "%s|%s|%zu|", request->path, name ? name : "none", request->body_len);
    ss_buffer_add(out, request->body, request->body_len);
    return request->body_len == 4 ? 422 : 200;
}

static const ss_http_route routes[] = {{"GET", "/", echo}, {"POST", "/in", echo}, {NULL, NULL, NULL}};
static const ss_http_header headers[] = {{"X-Content-Type-Options", "nosniff"}, {NULL, NULL}};
static const char *const names[] = {"inspect.example", NULL};
static int calls;

static ss_http *start(int threads, const char *const *hosts)
{
    ss_error err;
    ss_http *http = ss_http_start(&(ss_http_options){.address = "127.0.0.1:0",
                                                     .routes = routes,
                                                     .routes_context = &calls,
                                                     .body_max = BODY_MAX,
                                                     .headers = headers,
                                                     .hosts = hosts,
                                                     .thread_per_connection = threads},
                                  &err);
    if (!http) fail_msg("%s", err.text);
    calls = 0;
    return http;
}

/* Sends `lines` (each ends with CR LF) between the request line and a body. */
static void post(const ss_http *http, const char *path, const char *lines, const char *body, size_t len, reply *r)
{
    char *bytes = malloc(len + 1024);
    int head = snprintf(bytes, 1024, "POST %s HTTP/1.1\r\n%sConnection: close\r\nContent-Length: %zu\r\n\r\n", path,
                        lines, len);
    memcpy(bytes + head, body, len);
    exchange(ss_http_port(http), bytes, (size_t)head + len, r);
    free(bytes);
}

static void get_with(const ss_http *http, const char *path, const char *lines, reply *r)
{
    char bytes[1024];
    int len = snprintf(bytes, sizeof bytes, "GET %s HTTP/1.1\r\n%sConnection: close\r\n\r\n", path, lines);
    exchange(ss_http_port(http), bytes, (size_t)len, r);
}

#define JSON "Host: localhost\r\nContent-Type: application/json\r\n"

static void handlers_get_path_arguments_and_bodies(void **state)
{
    (void)state;
    for (int threads = 0; threads < 2; threads++) {
        ss_http *http = start(threads, NULL);
        reply r;
        request(ss_http_port(http), "GET", "/?name=a%20%3Cb%3E&x=1", &r);
        assert_int_equal(r.status, 200);
        assert_string_equal(r.body, "/|a <b>|0|");
        assert_non_null(strstr(r.text, "Content-Type: text/x-echo\r\n"));
        assert_non_null(strstr(r.text, "X-Content-Type-Options: nosniff\r\n"));
        assert_null(strstr(r.text, "Access-Control"));
        request(ss_http_port(http), "HEAD", "/", &r);
        assert_int_equal(r.status, 200);
        assert_string_equal(r.body, "");
        post(http, "/in?name=n", JSON, "[1,2]", 5, &r);
        assert_string_equal(r.body, "/in|n|5|[1,2]");
        post(http, "/in", JSON, "", 0, &r);
        assert_string_equal(r.body, "/in|none|0|");
        post(http, "/in", JSON, "null", 4, &r);
        assert_int_equal(r.status, 422);
        request(ss_http_port(http), "GET", "/live", &r); /* the pages of every program are still there */
        assert_string_equal(r.body, "ok\n");
        assert_non_null(strstr(r.text, "nosniff"));
        ss_http_stop(http);
    }
}

static void a_body_up_to_the_limit_arrives_whole(void **state)
{
    (void)state;
    ss_http *http = start(1, NULL);
    reply r;
    char *body = malloc(BODY_MAX + 1);
    for (int i = 0; i <= BODY_MAX; i++) body[i] = (char)('a' + i % 26);
    post(http, "/in", JSON, body, BODY_MAX, &r);
    assert_int_equal(r.status, 200);
    assert_int_equal(strlen(r.body), strlen("/in|none|20000|") + BODY_MAX);
    assert_memory_equal(r.body + strlen("/in|none|20000|"), body, BODY_MAX);
    calls = 0;
    post(http, "/in", JSON, body, BODY_MAX + 1, &r);
    assert_int_equal(r.status, 413);
    static const char *const lengths[] = {"1000000000", "99999999999999999999999", "-1", "x"};
    for (size_t i = 0; i < 4; i++) { /* none of them waits for the body */
        char bytes[300];
        int len = snprintf(bytes, sizeof bytes, "POST /in HTTP/1.1\r\n" JSON "Content-Length: %s\r\n\r\n{", lengths[i]);
        int64_t before = ss_now_ms();
        int fd = dial(ss_http_port(http));
        send(fd, bytes, (size_t)len, MSG_NOSIGNAL);
        shutdown(fd, SHUT_WR);
        finish(fd, &r);
        if (r.status != 413 && r.status != 400) fail_msg("Content-Length: %s: %d", lengths[i], r.status);
        assert_true(ss_now_ms() - before < 5000);
    }
    static const char chunked[] = "POST /in HTTP/1.1\r\n" JSON "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    exchange(ss_http_port(http), chunked, strlen(chunked), &r); /* a length is needed to judge it */
    assert_int_equal(r.status, 411);
    assert_int_equal(calls, 0);
    free(body);
    ss_http_stop(http);
}

static void only_json_is_taken_and_only_by_the_right_method(void **state)
{
    (void)state;
    ss_http *http = start(0, NULL);
    reply r;
    static const char *const bad[] = {"",
                                      "Content-Type: text/plain\r\n",
                                      "Content-Type: application/x-www-form-urlencoded\r\n",
                                      "Content-Type: multipart/form-data; boundary=x\r\n",
                                      "Content-Type: application/jsonx\r\n",
                                      "Content-Type: \r\n",
                                      "Content-Type: text/plain, application/json\r\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char lines[200];
        snprintf(lines, sizeof lines, "Host: h\r\n%s", bad[i]);
        post(http, "/in", lines, "{}", 2, &r);
        if (r.status != 415) fail_msg("'%s': %d", bad[i], r.status);
    }
    request(ss_http_port(http), "GET", "/in", &r);
    assert_int_equal(r.status, 405);
    assert_non_null(strstr(r.text, "Allow: POST\r\n"));
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "NONSENSE"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        request(ss_http_port(http), methods[i], "/", &r);
        assert_int_equal(r.status, 405);
        assert_non_null(strstr(r.text, "Allow: GET, HEAD\r\n"));
    }
    assert_int_equal(calls, 0);
    static const char *const good[] = {"application/json", "Application/JSON; charset=utf-8", "application/ld+json"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char lines[200];
        snprintf(lines, sizeof lines, "Host: h\r\nContent-Type: %s\r\n", good[i]);
        post(http, "/in", lines, "{}", 2, &r);
        assert_int_equal(r.status, 200);
    }
    ss_http_stop(http);
}

static void foreign_hosts_are_refused(void **state)
{
    (void)state;
    ss_http *http = start(1, names);
    reply r;
    static const char *const bad[] = {"Host: evil.example\r\n",
                                      "Host: localhost.evil.example\r\n",
                                      "Host: localhostx:80\r\n",
                                      "Host: 127.0.0.1.nip.example:80\r\n",
                                      "Host: \r\n",
                                      "Host: :80\r\n",
                                      "Host: [::1]x\r\n",
                                      "Host: 10.0.0.1\r\n",
                                      "Host: localhost:80:80\r\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        get_with(http, "/", bad[i], &r);
        if (r.status != 403) fail_msg("'%s': %d", bad[i], r.status);
        get_with(http, "/live", bad[i], &r);
        assert_int_equal(r.status, 403);
        char lines[200];
        snprintf(lines, sizeof lines, "%sContent-Type: application/json\r\n", bad[i]);
        post(http, "/in", lines, "{}", 2, &r);
        assert_int_equal(r.status, 403);
    }
    exchange(ss_http_port(http), "GET / HTTP/1.0\r\n\r\n", 18, &r); /* no Host at all */
    assert_int_equal(r.status, 403);
    assert_int_equal(calls, 0);
    static const char *const good[] = {"Host: localhost\r\n",  "Host: LOCALHOST:8070\r\n", "Host: 127.0.0.1:1\r\n",
                                       "Host: [::1]:8070\r\n", "Host: [::1]\r\n",          "Host: inspect.example\r\n"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        get_with(http, "/", good[i], &r);
        if (r.status != 200) fail_msg("'%s': %d", good[i], r.status);
    }
    ss_http_stop(http);
}

static void other_sites_pages_cannot_post(void **state)
{
    (void)state;
    ss_http *http = start(1, names);
    reply r;
    static const struct {
        const char *lines;
        int status;
    } cases[] = {{"Origin: http://localhost\r\n", 200},
                 {"Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n", 200},
                 {"Origin: http://evil.example\r\n", 403},
                 {"Origin: null\r\n", 403},
                 {"Origin: http://localhost:9999\r\n", 403},
                 {"Origin: http://localhost.evil.example\r\n", 403},
                 {"Sec-Fetch-Site: cross-site\r\n", 403},
                 {"Sec-Fetch-Site: same-site\r\n", 403}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char lines[300];
        snprintf(lines, sizeof lines, JSON "%s", cases[i].lines);
        post(http, "/in", lines, "{}", 2, &r);
        if (r.status != cases[i].status) fail_msg("%s: %d", cases[i].lines, r.status);
    }
    ss_http_stop(http);
}

static void a_slow_body_holds_nobody_up(void **state)
{
    (void)state;
    ss_http *http = start(1, names);
    static const char begin[] = "POST /in HTTP/1.1\r\n" JSON "Connection: close\r\nContent-Length: 6\r\n\r\n[1,";
    int slow = dial(ss_http_port(http));
    send(slow, begin, sizeof begin - 1, MSG_NOSIGNAL);
    reply r;
    int64_t before = ss_now_ms();
    get_with(http, "/", "Host: localhost\r\n", &r);
    assert_int_equal(r.status, 200);
    assert_true(ss_now_ms() - before < 2000);
    send(slow, "22]", 3, MSG_NOSIGNAL);
    finish(slow, &r);
    assert_string_equal(r.body, "/in|none|6|[1,22]");
    int gone = dial(ss_http_port(http)); /* one that never comes must not keep the server from ending */
    send(gone, begin, sizeof begin - 1, MSG_NOSIGNAL);
    ss_sleep_ms(100);
    before = ss_now_ms();
    ss_http_stop(http);
    assert_true(ss_now_ms() - before < 5000);
    finish(gone, &r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handlers_get_path_arguments_and_bodies),
        cmocka_unit_test(a_body_up_to_the_limit_arrives_whole),
        cmocka_unit_test(only_json_is_taken_and_only_by_the_right_method),
        cmocka_unit_test(foreign_hosts_are_refused),
        cmocka_unit_test(other_sites_pages_cannot_post),
        cmocka_unit_test(a_slow_body_holds_nobody_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
