/* http_server.c - see http_server.h.
 *
 * The listening socket is made here rather than by libmicrohttpd, so that an
 * address that is taken or malformed gives an error that says so, and port 0 can
 * be read back. The daemon's own thread accepts, reads, calls answer() and
 * writes; every page is built into a bounded buffer whose memory is handed to
 * the response. Nothing is shared between requests but the options, which do not
 * change after the start. What a request may do is judged in http_judge.c as soon
 * as its headers are there.
 */
#include "ops/http_server.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "ops/http_judge.h"

/* libmicrohttpd 0.9.71 turned the handlers' int into an enum. */
#if MHD_VERSION >= 0x00097002
typedef enum MHD_Result mhd_result;
#else
typedef int mhd_result;
#endif

enum { CONNECTIONS = 64, IDLE_SECONDS = 10, BACKLOG = 64, CONNECTION_MEMORY = 8 << 10, PAGE_MAX = 16 << 20 };

static const char text_type[] = "text/plain; charset=utf-8";
static const char metrics_type[] = "text/plain; version=0.0.4; charset=utf-8";

struct ss_http {
    ss_http_options options;
    char program[64];
    struct MHD_Daemon *daemon;
    int port;
};

/* ---- Address ---- */

int ss_http_split_address(const char *address, char host[256], int *port, ss_error *err)
{
    const char *from = address, *colon = strrchr(address, ':'), *to = colon;
    if (!colon) return ss_fail(err, SS_CONFIG, "'%.100s' is no HOST:PORT", address);
    if (*from == '[') {
        from++;
        to = colon - 1;
        if (to < from || *to != ']') return ss_fail(err, SS_CONFIG, "'%.100s' is no [IPv6]:PORT", address);
    } else if (memchr(from, ':', (size_t)(to - from))) {
        return ss_fail(err, SS_CONFIG, "'%.100s': an IPv6 address goes in brackets: [::1]:9100", address);
    }
    size_t len = (size_t)(to - from), digits = strspn(colon + 1, "0123456789");
    long number = digits >= 1 && digits <= 5 && colon[1 + digits] == 0 ? strtol(colon + 1, NULL, 10) : -1;
    if (number < 0 || number > 65535)
        return ss_fail(err, SS_CONFIG, "'%.100s': the port is not a number from 0 to 65535", address);
    if (len > 255) return ss_fail(err, SS_CONFIG, "'%.100s...': the host is too long", address);
    memcpy(host, from, len);
    host[len] = 0;
    *port = (int)number;
    return 0;
}

/* A listening socket, or -1 with errno of the step that failed. */
static int listen_at(const struct sockaddr *address, socklen_t len, int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    int on = 1, off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); /* only TIME_WAIT is passed over, not a live listener */
    if (family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, address, len) == 0 && listen(fd, BACKLOG) == 0) return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

/* Binds the first of the host's addresses that works. */
static int open_listener(const char *address, ss_error *err)
{
    char host[256] = "", service[8];
    int port = 0;
    if (ss_http_split_address(address, host, &port, err)) return -1;
    snprintf(service, sizeof service, "%d", port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    /* "::" with V6ONLY off also takes IPv4; a machine without IPv6 falls back below. */
    int why = getaddrinfo(host[0] ? host : "::", service, &hints, &found);
    if (why) return ss_fail(err, SS_CONFIG, "HTTP address '%.100s': %s", address, gai_strerror(why));
    int fd = -1;
    for (struct addrinfo *a = found; a && fd < 0; a = a->ai_next)
        fd = listen_at(a->ai_addr, a->ai_addrlen, a->ai_family);
    freeaddrinfo(found);
    if (fd < 0 && !host[0] && errno == EAFNOSUPPORT) {
        struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        fd = listen_at((const struct sockaddr *)&any, sizeof any, AF_INET);
    }
    if (fd >= 0) return fd;
    if (errno == EADDRINUSE)
        return ss_fail(err, SS_NETWORK, "HTTP address '%.100s' is in use by another process; give another port, or 0",
                       address);
    return ss_fail(err, SS_NETWORK, "HTTP address '%.100s': %s", address, strerror(errno));
}

static int bound_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.v6 = {0}};
    socklen_t len = sizeof address;
    if (getsockname(fd, &address.any, &len)) return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

/* ---- Pages ---- */

static void add_headers(struct MHD_Response *response, const ss_http_header *headers)
{
    for (; headers && headers->name; headers++) MHD_add_response_header(response, headers->name, headers->value);
}

/* Sends the buffer's bytes, which the response then owns. */
static mhd_result send_page(const ss_http *http, struct MHD_Connection *connection, const ss_http_verdict *verdict,
                            unsigned status, const char *type, ss_buffer *page)
{
    size_t len;
    char *bytes = ss_buffer_take(page, &len);
    if (!bytes) return MHD_NO;
    struct MHD_Response *response = MHD_create_response_from_buffer(len, bytes, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        free(bytes);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    add_headers(response, http->options.headers);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, verdict->allowed);
    if (verdict->close) MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    mhd_result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static unsigned check_page(ss_http_check *check, void *context, ss_buffer *page)
{
    if (check) return check(context, page) ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
    ss_buffer_add_string(page, "ok\n");
    return MHD_HTTP_OK;
}

static unsigned build_page(const ss_http *http, const char *path, const char **type, ss_buffer *page)
{
    const ss_http_options *o = &http->options;
    if (strcmp(path, "/live") == 0) return check_page(o->live, o->live_context, page);
    if (strcmp(path, "/ready") == 0) return check_page(o->ready, o->ready_context, page);
    if (strcmp(path, "/metrics") == 0 && o->metrics) {
        *type = metrics_type;
        if (o->metrics(o->metrics_context, page) == 0) return MHD_HTTP_OK;
        *type = text_type;
        ss_buffer_clear(page);
        ss_buffer_add_string(page, "the metrics could not be rendered\n");
        return MHD_HTTP_INTERNAL_SERVER_ERROR;
    }
    if (strcmp(path, "/") == 0) {
        ss_buffer_printf(page, "%s\n\n/live     is the process alive?\n/ready    should it get work?\n%s",
                         http->program, o->metrics ? "/metrics  for Prometheus\n" : "");
        return MHD_HTTP_OK;
    }
    ss_buffer_add_string(page, "not found; see /\n");
    return MHD_HTTP_NOT_FOUND;
}

/* ---- Requests ---- */

const char *ss_http_argument(const ss_http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

/* One request on its way. */
typedef struct call {
    ss_http_verdict verdict;
    ss_buffer body;
} call;

static call *call_new(const ss_http *http, struct MHD_Connection *connection, const char *path, const char *method)
{
    call *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    ss_http_judge(&http->options, connection, path, method, &c->verdict);
    ss_buffer_init(&c->body, http->options.body_max);
    return c;
}

static void call_end(void *context, struct MHD_Connection *connection, void **request,
                     enum MHD_RequestTerminationCode why)
{
    (void)context;
    (void)connection;
    (void)why;
    call *c = *request;
    if (c) ss_buffer_free(&c->body);
    free(c);
    *request = NULL;
}

static mhd_result reply(const ss_http *http, struct MHD_Connection *connection, const char *path, const call *c)
{
    const ss_http_route *route = c->verdict.route;
    const char *type = text_type;
    unsigned status = c->verdict.status;
    ss_buffer page;
    ss_buffer_init(&page, PAGE_MAX);
    if (status) {
        ss_buffer_add_string(&page, c->verdict.why);
    } else if (route) {
        ss_http_request request = {
            .path = path, .body = c->body.data ? c->body.data : "", .body_len = c->body.len, .connection = connection};
        status = route->handler(http->options.routes_context, &request, &type, &page);
    } else {
        status = build_page(http, path, &type, &page);
    }
    mhd_result result = send_page(http, connection, &c->verdict, status, type, &page);
    ss_buffer_free(&page);
    return result;
}

/* Called once when the headers are there, then for pieces of a body, then for the answer. To answer at the first call
 * closes the connection afterwards: right for a POST we refuse (nobody reads its body), wrong for Prometheus, which
 * keeps its connection. */
static mhd_result answer(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                         const char *version, const char *upload, size_t *upload_size, void **request)
{
    (void)version;
    const ss_http *http = context;
    call *c = *request;
    if (!c) {
        *request = c = call_new(http, connection, url, method);
        if (!c) return MHD_NO;
        if (!c->verdict.close) return MHD_YES;
    } else if (*upload_size) {
        /* The verdict saw that the body fits; one of a GET means nothing. */
        if (c->verdict.route && c->verdict.takes_body && ss_buffer_add(&c->body, upload, *upload_size)) return MHD_NO;
        *upload_size = 0;
        return MHD_YES;
    }
    return reply(http, connection, url, c);
}

/* ---- Life ---- */

ss_http *ss_http_start(const ss_http_options *options, ss_error *err)
{
    int fd = open_listener(options->address, err);
    if (fd < 0) return NULL;
    ss_http *http = calloc(1, sizeof *http);
    if (!http) {
        close(fd);
        ss_fail_memory(err, "starting the HTTP server");
        return NULL;
    }
    http->options = *options;
    http->options.address = http->options.program = NULL; /* not ours to keep */
    http->port = bound_port(fd);
    snprintf(http->program, sizeof http->program, "%s", options->program ? options->program : "skillstream");
    unsigned threads = options->thread_per_connection ? MHD_USE_THREAD_PER_CONNECTION : 0;
    http->daemon =
        MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD | threads, 0, NULL, NULL, answer, http, MHD_OPTION_LISTEN_SOCKET,
                         fd, MHD_OPTION_NOTIFY_COMPLETED, call_end, NULL, MHD_OPTION_CONNECTION_LIMIT,
                         (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
    if (!http->daemon) {
        free(http); /* whether fd is still open is the library's secret: rather leak it than close another's */
        ss_fail(err, SS_IO, "the HTTP server's thread could not be started");
        return NULL;
    }
    return http;
}

int ss_http_port(const ss_http *http)
{
    return http->port;
}

void ss_http_stop(ss_http *http)
{
    if (!http) return;
    MHD_stop_daemon(http->daemon); /* also closes the listening socket */
    free(http);
}
