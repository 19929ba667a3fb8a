/* http_request.c - bytes on a connection to the server for probes and pages.
 *
 * The first byte decides: '@' the rest is an address as --http takes it; otherwise all of it is sent to a server with
 * one page that may be read and one that takes JSON, which answers with a status or closes, and is never told more than
 * a good request holds.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "ops/http_server.h"

enum { BODY_MAX = 200, PATIENCE_MS = 500 };

static ss_http *http;

static unsigned read_page(void *context, const ss_http_request *request, const char **type, ss_buffer *out)
{
    (void)context;
    (void)type;
    const char *name = ss_http_argument(request, "name");
    FUZZ_CHECK(!strcmp(request->path, "/page") && request->body_len == 0);
    ss_buffer_printf(out, "%s", name ? name : "none");
    return 200;
}

static unsigned take_json(void *context, const ss_http_request *request, const char **type, ss_buffer *out)
{
    (void)context;
    FUZZ_CHECK(!strcmp(request->path, "/in") && request->body_len <= BODY_MAX);
    FUZZ_CHECK(request->body[request->body_len] == 0);
    *type = "application/json";
    ss_buffer_add(out, request->body, request->body_len);
    return 200;
}

static int metrics(void *context, ss_buffer *out)
{
    (void)context;
    return ss_buffer_add_string(out, "up 1\n");
}

static void end(void)
{
    ss_http_stop(http);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    static const ss_http_route routes[] = {{"GET", "/page", read_page}, {"POST", "/in", take_json}, {NULL, NULL, NULL}};
    static const char *const names[] = {"inspect.example", NULL};
    static const ss_http_options options = {
        .address = "127.0.0.1:0", .metrics = metrics, .routes = routes, .body_max = BODY_MAX, .hosts = names};
    ss_error err = {0};
    http = ss_http_start(&options, &err);
    if (!http) fprintf(stderr, "%s\n", err.text);
    FUZZ_CHECK(http);
    atexit(end);
    return 0;
}

static int dial(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((in_port_t)ss_http_port(http))};
    struct timeval patience = {.tv_usec = PATIENCE_MS * 1000};
    struct linger at_once = {.l_onoff = 1}; /* no TIME_WAIT: thousands of connections a second */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FUZZ_CHECK(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    FUZZ_CHECK(!connect(fd, (struct sockaddr *)&address, sizeof address));
    return fd;
}

static const char last[] = "\r\n\r\nGET /live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/* 0 when the server has closed before it was all sent. */
static int send_all(int fd, const uint8_t *data, size_t size)
{
    ssize_t n = 0;
    while (size && (n = send(fd, data, size, MSG_NOSIGNAL)) > 0) {
        data += n;
        size -= (size_t)n;
    }
    return !size;
}

/* Sends all, behind it a request that ends the connection where the input left it open, and reads to the end. */
static void check_request(const uint8_t *data, size_t size)
{
    char answer[65536];
    size_t len = 0;
    ssize_t n = 0;
    int fd = dial();
    if (send_all(fd, data, size)) send_all(fd, (const uint8_t *)last, sizeof last - 1);
    shutdown(fd, SHUT_WR);
    while (len < sizeof answer - 1 && (n = recv(fd, answer + len, sizeof answer - 1 - len, 0)) > 0) len += (size_t)n;
    answer[len] = 0;
    FUZZ_CHECK(!len || !strncmp(answer, "HTTP/1.", 7));
    close(fd);
}

static void check_address(const uint8_t *data, size_t size)
{
    char host[256], *text = malloc(size + 1);
    int port = -1;
    ss_error err = {0};
    FUZZ_CHECK(text);
    memcpy(text, data, size);
    text[size] = 0;
    if (!ss_http_split_address(text, host, &port, &err))
        FUZZ_CHECK(port >= 0 && port <= 65535 && memchr(host, 0, sizeof host) && strlen(host) <= strlen(text));
    else
        FUZZ_CHECK(err.status == SS_CONFIG && err.text[0]);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && data[0] == '@')
        check_address(data + 1, size - 1);
    else
        check_request(data, size);
    return 0;
}
