/* http_server.h - /live, /ready and /metrics for probes and Prometheus, and pages of a program's own.
 *
 * A libmicrohttpd daemon with one thread of its own. It answers GET and HEAD:
 *   /         a few lines of help
 *   /live     200 or 503 and a reason, one line per heart
 *   /ready    200 or 503 and a reason, one line per condition
 *   /metrics  Prometheus text format 0.0.4
 * 404 for other paths, 405 with Allow for other methods. No TLS, no
 * authentication: bind it to an address that only the cluster reaches.
 * Limits: 64 connections, some 6 KiB of request line and headers, idle connections
 * are closed after 10 s, 16 MiB of output.
 *
 * Routes add paths (or take the place of those above). What a browser may be
 * tricked into is refused before a handler sees it: with `hosts`, a Host header
 * that is neither a loopback name nor in the list (403: DNS rebinding) and a POST
 * that another site's page sends (403); a POST that is not JSON (415: a form
 * cannot make one), has no Content-Length (411) or a larger one than body_max (413).
 * There are no CORS headers, so other sites' pages can send and read nothing.
 *
 * The callbacks run on the server's thread, so they must be thread safe and
 * quick; between ss_http_start and ss_http_stop only. With thread_per_connection
 * they run on up to 64 threads and may take their time.
 */
#ifndef SKILLSTREAM_OPS_HTTP_SERVER_H
#define SKILLSTREAM_OPS_HTTP_SERVER_H

#include "base/buffer.h"
#include "base/error.h"

/* 1 = yes (200), 0 = no (503); appends text for people. */
typedef int ss_http_check(void *context, ss_buffer *text);
/* Appends the page; 0, or -1 (500). */
typedef int ss_http_page(void *context, ss_buffer *out);

/* What a route's handler is told. */
typedef struct ss_http_request {
    const char *path;
    const char *body; /* of a POST, NUL-terminated; "" of a GET */
    size_t body_len;
    void *connection; /* for ss_http_argument */
} ss_http_request;

/* Appends the answer to `out`, sets *type if it is no text, and returns the HTTP status. */
typedef unsigned ss_http_handler(void *context, const ss_http_request *request, const char **type, ss_buffer *out);

typedef struct ss_http_route {
    const char *method; /* "GET" (which answers HEAD as well) or "POST"; NULL ends the list */
    const char *path;
    ss_http_handler *handler;
} ss_http_route;

typedef struct ss_http_header {
    const char *name, *value; /* name NULL ends a list */
} ss_http_header;

typedef struct ss_http_options {
    const char
        *address; /* "127.0.0.1:9100", "[::1]:9100", "localhost:9100", ":9100" (all interfaces); port 0 = a free one */
    const char *program; /* for the help page: "skillstream-worker" */
    ss_http_check *live; /* NULL: always 200 */
    void *live_context;
    ss_http_check *ready; /* NULL: always 200 */
    void *ready_context;
    ss_http_page *metrics; /* NULL: 404 */
    void *metrics_context;
    const ss_http_route *routes; /* NULL: none. This and what follows must outlive the server */
    void *routes_context;
    size_t body_max;               /* bytes of a POST */
    const ss_http_header *headers; /* sent with every answer; NULL: none */
    const char *const *hosts; /* names beside the loopback ones that Host may hold, ends with NULL; NULL: any Host */
    int thread_per_connection;
} ss_http_options;

typedef struct ss_http ss_http;

/* Binds and starts. SS_CONFIG for a malformed or unknown address, SS_NETWORK when it cannot be bound (in use, no
 * right). */
ss_http *ss_http_start(const ss_http_options *options, ss_error *err);

/* The value of `name` in the request's query ("?after=7"), decoded, or NULL. */
const char *ss_http_argument(const ss_http_request *request, const char *name);

/* The port that was bound. */
int ss_http_port(const ss_http *http);

/* Stops the thread, waits for it, and frees all. NULL is fine. */
void ss_http_stop(ss_http *http);

/* Splits "host:port" or "[v6]:port" (for option checks); host holds 256 bytes and may come out empty. SS_CONFIG. */
int ss_http_split_address(const char *address, char host[256], int *port, ss_error *err);

#endif
