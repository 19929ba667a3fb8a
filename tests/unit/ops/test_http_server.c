/* test_http_server.c - raw sockets against the server: right, malformed, oversized, slow and many requests. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "ops/health.h"
#include "ops/http_client.h"
#include "ops/http_server.h"
#include "ops/metrics.h"

/* ---- A server ---- */

typedef struct world {
    ss_health *health;
    ss_metrics *metrics;
    ss_http *http;
    int port;
} world;

static int set_up(void **state)
{
    world *w = calloc(1, sizeof *w);
    ss_error err;
    w->health = ss_health_new(&err);
    w->metrics = ss_metrics_new(&err);
    ss_metric *ads = ss_metrics_add(w->metrics, SS_COUNTER, "ads_total", "Ads.", NULL, 0, &err);
    ss_counter_add(ss_metric_with(ads, NULL), 7);
    w->http = ss_http_start(&(ss_http_options){.address = "127.0.0.1:0",
                                               .program = "test",
                                               .live = ss_health_is_live,
                                               .live_context = w->health,
                                               .ready = ss_health_is_ready,
                                               .ready_context = w->health,
                                               .metrics = ss_metrics_page,
                                               .metrics_context = w->metrics},
                            &err);
    if (!w->http) fail_msg("%s", err.text);
    w->port = ss_http_port(w->http);
    assert_in_range(w->port, 1, 65535);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    world *w = *state;
    ss_http_stop(w->http);
    ss_health_free(w->health);
    ss_metrics_free(w->metrics);
    free(w);
    return 0;
}

/* ---- Tests ---- */

static void pages_say_what_they_should(void **state)
{
    world *w = *state;
    reply r;
    request(w->port, "GET", "/live", &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "live\n");
    request(w->port, "GET", "/ready", &r);
    assert_int_equal(r.status, 503);
    assert_string_equal(r.body, "not ready\n");
    ss_health_set(w->health, "broker", 1, "connected");
    request(w->port, "GET", "/ready", &r);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "broker: ok, connected\nready\n");
    ss_health_add_heart(w->health, "loop", -1);
    request(w->port, "GET", "/live", &r);
    assert_int_equal(r.status, 503);
    request(w->port, "GET", "/metrics?x=1", &r);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.text, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert_string_equal(r.body, "# HELP ads_total Ads.\n# TYPE ads_total counter\nads_total 7\n");
    request(w->port, "GET", "/", &r);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body, "/metrics"));
}

static void head_has_no_body(void **state)
{
    world *w = *state;
    static const char *const paths[] = {"/", "/live", "/ready", "/metrics", "/nothing"};
    static const int statuses[] = {200, 200, 503, 200, 404};
    for (size_t i = 0; i < 5; i++) {
        reply r;
        request(w->port, "HEAD", paths[i], &r);
        assert_int_equal(r.status, statuses[i]);
        assert_string_equal(r.body, "");
        assert_non_null(strstr(r.text, "Content-Length: "));
    }
}

static void other_paths_and_methods_are_refused(void **state)
{
    world *w = *state;
    reply r;
    static const char *const paths[] = {"/x", "/live/", "/LIVE", "//live", "/../etc/passwd", "/metricsx"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        request(w->port, "GET", paths[i], &r);
        if (r.status != 404) fail_msg("%s: %d", paths[i], r.status);
    }
    static const char *const methods[] = {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "NONSENSE"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        request(w->port, methods[i], "/live", &r);
        if (r.status != 405) fail_msg("%s: %d", methods[i], r.status);
        assert_non_null(strstr(r.text, "Allow: GET, HEAD\r\n"));
    }
    static const char post[] = "POST /live HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\nsome of it";
    exchange(w->port, post, strlen(post), &r); /* does not wait for the rest */
    assert_int_equal(r.status, 405);
}

static void malformed_and_oversized_requests_do_no_harm(void **state)
{
    world *w = *state;
    static const char *const bad[] = {
        "GET\r\n\r\n",
        "GET /live\r\n\r\n",
        "GET /live HTTP/9.9\r\n\r\n",
        "GET /live HTTP/1.1\r\nHost h\r\nConnection: close\r\n\r\n",
        "GET /live HTTP/1.1\r\n: x\r\nConnection: close\r\n\r\n",
        "GET /live HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\nConnection: close\r\n\r\n",
        "GET /live HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\nConnection: close\r\n\r\n",
        "GET /live HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n",
    };
    static const char hello[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"; /* somebody speaks TLS */
    int tls = dial(w->port), nothing = dial(w->port);
    send(tls, hello, sizeof hello - 1, MSG_NOSIGNAL);
    send(nothing, "\r\n\r\n\r\n", 6, MSG_NOSIGNAL);
    close(tls);
    close(nothing);
    reply r;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int fd = dial(w->port);
        send(fd, bad[i], strlen(bad[i]), MSG_NOSIGNAL);
        shutdown(fd, SHUT_WR);
        finish(fd, &r);
        if (r.status == 500) fail_msg("request %zu: 500", i);
    }
    size_t size = 1 << 20;
    char *huge = malloc(size);
    memset(huge, 'a', size);
    memcpy(huge, "GET /", 5);
    exchange(w->port, huge, size, &r); /* a request line without end */
    assert_true(r.status == 0 || r.status == 400 || r.status == 413 || r.status == 414 || r.status == 431);
    int len = snprintf(huge, size, "GET /live HTTP/1.1\r\nHost: h\r\nX: ");
    memset(huge + len, 'b', 64 << 10);
    memcpy(huge + len + (64 << 10), "\r\n\r\n", 4);
    exchange(w->port, huge, (size_t)len + (64 << 10) + 4, &r); /* too large a header */
    assert_true(r.status == 0 || r.status == 413 || r.status == 431);
    len = snprintf(huge, size, "GET /live HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX: ");
    memset(huge + len, 'b', 4 << 10);
    memcpy(huge + len + (4 << 10), "\r\n\r\n", 4);
    exchange(w->port, huge, (size_t)len + (4 << 10) + 4, &r); /* a large one that is still allowed */
    assert_int_equal(r.status, 200);
    free(huge);
    request(w->port, "GET", "/live", &r);
    assert_int_equal(r.status, 200);
}

static void keep_alive_serves_several_requests(void **state)
{
    world *w = *state;
    reply r;
    static const char two[] =
        "GET /live HTTP/1.1\r\nHost: h\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    int64_t start = ss_now_ms();
    exchange(w->port, two, strlen(two), &r);
    assert_true(ss_now_ms() - start < 5000);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body, "HTTP/1.1 404"));
}

static void slow_clients_hold_nobody_up_and_are_dropped(void **state)
{
    world *w = *state;
    enum { SLOW = 40 };
    int fds[SLOW];
    reply r;
    for (int i = 0; i < SLOW; i++) {
        fds[i] = dial(w->port);
        assert_true(fds[i] >= 0);
        send(fds[i], "GET /li", 7, MSG_NOSIGNAL);
    }
    int64_t start = ss_now_ms();
    request(w->port, "GET", "/live", &r);
    assert_int_equal(r.status, 200);
    assert_true(ss_now_ms() - start < 2000);
    send(fds[0], "ve HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 44, MSG_NOSIGNAL); /* slow, but done */
    finish(fds[0], &r);
    assert_int_equal(r.status, 200);
    start = ss_now_ms();
    for (int i = 1; i < SLOW; i++) finish(fds[i], &r);
    assert_in_range(ss_now_ms() - start, 5000, 19000); /* the server closes them after 10 idle seconds */
}

static void connections_are_limited(void **state)
{
    world *w = *state;
    enum { MANY = 100 }; /* 64 are served, the others wait in the backlog */
    int fds[MANY];
    for (int i = 0; i < MANY; i++) {
        fds[i] = dial(w->port);
        assert_true(fds[i] >= 0);
    }
    static const char get[] = "GET /live HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    send(fds[MANY - 1], get, strlen(get), MSG_NOSIGNAL);
    ss_sleep_ms(200);
    char byte;
    assert_int_equal(recv(fds[MANY - 1], &byte, 1, MSG_DONTWAIT), -1); /* its turn has not come */
    int64_t start = ss_now_ms();
    for (int i = 0; i < MANY - 1; i++) close(fds[i]);
    reply r;
    finish(fds[MANY - 1], &r);
    assert_int_equal(r.status, 200); /* it comes when others go */
    assert_true(ss_now_ms() - start < 3000);
}

typedef struct crowd {
    int port;
    atomic_int good;
} crowd;

static void *visit(void *context)
{
    static const char *const paths[] = {"/live", "/metrics", "/"};
    crowd *c = context;
    reply *r = malloc(sizeof *r);
    for (int i = 0; i < 60; i++) {
        request(c->port, "GET", paths[i % 3], r);
        if (r->status == 200) atomic_fetch_add(&c->good, 1);
    }
    free(r);
    return NULL;
}

static void many_clients_at_once_are_all_served(void **state)
{
    world *w = *state;
    crowd c = {.port = w->port};
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) assert_int_equal(pthread_create(&threads[i], NULL, visit, &c), 0);
    for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&c.good), 8 * 60);
}

/* ---- Addresses ---- */

static void addresses_are_split(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        int port;
    } good[] = {{"127.0.0.1:9100", "127.0.0.1", 9100}, {"h:0", "h", 0}, {":65535", "", 65535}, {"[::1]:1", "::1", 1}};
    char host[256];
    int port;
    ss_error err;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(ss_http_split_address(good[i].text, host, &port, &err), 0);
        assert_string_equal(host, good[i].host);
        assert_int_equal(port, good[i].port);
    }
    static const char *const bad[] = {"",         "h",      "h:",    "h:x",  "h:1x",      "h:65536", "h:-1",
                                      "h:999999", "::1:80", "[::1]", "[::1", "[::1]x:80", "[:1",     "h: 1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (ss_http_split_address(bad[i], host, &port, &err) == 0) fail_msg("taken: '%s'", bad[i]);
        assert_int_equal(err.status, SS_CONFIG);
        assert_null(ss_http_start(&(ss_http_options){.address = bad[i]}, &err));
        assert_int_equal(err.status, SS_CONFIG);
    }
    char longest[400];
    memset(longest, 'h', 300);
    memcpy(longest + 300, ":1", 3);
    assert_int_equal(ss_http_split_address(longest, host, &port, &err), -1);
}

static void a_taken_port_is_a_clear_error(void **state)
{
    world *w = *state;
    char address[32];
    ss_error err = {0};
    snprintf(address, sizeof address, "127.0.0.1:%d", w->port);
    assert_null(ss_http_start(&(ss_http_options){.address = address}, &err));
    assert_int_equal(err.status, SS_NETWORK);
    assert_non_null(strstr(err.text, "in use"));
    assert_non_null(strstr(err.text, address));
    assert_null(ss_http_start(&(ss_http_options){.address = "no-such-host.invalid:0"}, &err));
    assert_int_equal(err.status, SS_CONFIG);
    assert_null(ss_http_start(&(ss_http_options){.address = "192.0.2.1:0"}, &err)); /* not an address of this machine */
    assert_int_equal(err.status, SS_NETWORK);
}

static void without_callbacks_it_is_live_and_has_no_metrics(void **state)
{
    (void)state;
    ss_error err;
    static const char *const addresses[] = {":0", "localhost:0"};
    for (int i = 0; i < 2; i++) {
        ss_http *http = ss_http_start(&(ss_http_options){.address = addresses[i]}, &err);
        if (!http) fail_msg("%s", err.text);
        int fd = dial(ss_http_port(http)); /* localhost may be ::1 alone; ":0" takes IPv4 in any case */
        if (i == 0) assert_true(fd >= 0);
        if (fd >= 0) {
            close(fd);
            reply r;
            request(ss_http_port(http), "GET", "/ready", &r);
            assert_int_equal(r.status, 200);
            request(ss_http_port(http), "GET", "/metrics", &r);
            assert_int_equal(r.status, 404);
        }
        ss_http_stop(http);
    }
    ss_http_stop(NULL);
}

static void ipv6_literals_work(void **state)
{
    (void)state;
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int has_ipv6 = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0) close(fd);
    if (!has_ipv6) {
        print_message("skipped: this machine has no IPv6\n");
        skip();
    }
    ss_error err;
    ss_http *http = ss_http_start(&(ss_http_options){.address = "[::1]:0"}, &err);
    if (!http) fail_msg("%s", err.text);
    address.sin6_port = htons((in_port_t)ss_http_port(http));
    fd = socket(AF_INET6, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    send(fd, "GET /live HTTP/1.0\r\n\r\n", 22, MSG_NOSIGNAL);
    reply r;
    finish(fd, &r);
    assert_int_equal(r.status, 200);
    ss_http_stop(http);
}

static int too_much(void *context, ss_buffer *out)
{
    (void)context;
    ss_buffer_add_string(out, "half a page");
    return -1;
}

static void a_page_that_fails_is_a_500_without_half_of_it(void **state)
{
    (void)state;
    ss_http *http = ss_http_start(&(ss_http_options){.address = "127.0.0.1:0", .metrics = too_much}, NULL);
    assert_non_null(http);
    reply r;
    request(ss_http_port(http), "GET", "/metrics", &r);
    assert_int_equal(r.status, 500);
    assert_null(strstr(r.body, "half"));
    ss_http_stop(http);
}

int main(void)
{
#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SERVED(pages_say_what_they_should),
        SERVED(head_has_no_body),
        SERVED(other_paths_and_methods_are_refused),
        SERVED(malformed_and_oversized_requests_do_no_harm),
        SERVED(keep_alive_serves_several_requests),
        SERVED(slow_clients_hold_nobody_up_and_are_dropped),
        SERVED(connections_are_limited),
        SERVED(many_clients_at_once_are_all_served),
        SERVED(a_taken_port_is_a_clear_error),
        cmocka_unit_test(addresses_are_split),
        cmocka_unit_test(without_callbacks_it_is_live_and_has_no_metrics),
        cmocka_unit_test(ipv6_literals_work),
        cmocka_unit_test(a_page_that_fails_is_a_500_without_half_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
