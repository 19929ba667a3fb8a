/* http_judge.c - see http_judge.h.
 *
 * Everything is decided from the headers, before a byte of a body is kept. The order is that of trust: who asks (Host,
 * Origin), what for (path, method), with what (type, length).
 */
#include "ops/http_judge.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <microhttpd.h>

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* ---- who ---- */

static int is_name(const char *text, size_t len, const char *name)
{
    return strlen(name) == len && !strncasecmp(text, name, len);
}

/* Is this Host header, "name" or "name:port", one of ours? Names only: behind `ssh -L` the port is another one. */
static int host_is_ours(const char *host, const char *const *more)
{
    static const char *const loopback[] = {"localhost", "127.0.0.1", "[::1]", NULL};
    if (!host) return 0;
    const char *colon = strrchr(host, ':'), *bracket = strchr(host, ']');
    size_t len = colon && (!bracket || colon > bracket) ? (size_t)(colon - host) : strlen(host);
    for (size_t i = 0; loopback[i]; i++)
        if (is_name(host, len, loopback[i])) return 1;
    for (; *more; more++)
        if (is_name(host, len, *more)) return 1;
    return 0;
}

/* Browsers name the page that sends a POST; programs need not. The scheme may be https behind a proxy. */
static int origin_is_ours(struct MHD_Connection *connection, const char *host)
{
    const char *origin = header(connection, MHD_HTTP_HEADER_ORIGIN);
    const char *site = header(connection, "Sec-Fetch-Site");
    if (site && strcmp(site, "same-origin")) return 0;
    const char *page = origin ? strstr(origin, "://") : NULL;
    return !origin || (page && !strcasecmp(page + 3, host));
}

/* ---- with what ---- */

static int is_json(const char *type)
{
    static const char *const types[] = {"application/json", "application/ld+json"};
    size_t len = type ? strcspn(type, "; \t") : 0;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (is_name(type, len, types[i])) return 1;
    return 0;
}

static void refuse(ss_http_verdict *v, unsigned status, const char *why)
{
    v->status = status;
    v->why = why;
}

static void judge_body(const ss_http_options *options, struct MHD_Connection *connection, ss_http_verdict *v)
{
    const char *length = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (!is_json(header(connection, MHD_HTTP_HEADER_CONTENT_TYPE)))
        refuse(v, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "the body must be application/json\n");
    else if (!length)
        refuse(v, MHD_HTTP_LENGTH_REQUIRED, "a Content-Length is needed\n");
    else if (strtoull(length, NULL, 10) > options->body_max) /* too large a number is ULLONG_MAX; others MHD refuses */
        refuse(v, 413, "the body is larger than this server takes\n");
    else
        v->takes_body = 1;
}

/* ---- what for ---- */

static int answers(const ss_http_route *route, const char *method)
{
    return !strcmp(route->method, method) ||
           (!strcmp(method, MHD_HTTP_METHOD_HEAD) && !strcmp(route->method, MHD_HTTP_METHOD_GET));
}

/* Finds the route; leaves NULL for a path that no route has. */
static void judge_path(const ss_http_options *options, const char *path, const char *method, ss_http_verdict *v)
{
    const ss_http_route *same_path = NULL;
    for (const ss_http_route *r = options->routes; r && r->method; r++) {
        if (strcmp(r->path, path)) continue;
        same_path = r;
        if (answers(r, method)) v->route = r;
    }
    if (same_path && !strcmp(same_path->method, MHD_HTTP_METHOD_POST)) v->allowed = MHD_HTTP_METHOD_POST;
    int reads = !strcmp(method, MHD_HTTP_METHOD_GET) || !strcmp(method, MHD_HTTP_METHOD_HEAD);
    if (same_path ? !v->route : !reads)
        refuse(v, MHD_HTTP_METHOD_NOT_ALLOWED, same_path == NULL ? "only GET and HEAD\n" : "not by this method\n");
}

void ss_http_judge(const ss_http_options *options, struct MHD_Connection *connection, const char *path,
                   const char *method, ss_http_verdict *v)
{
    *v = (ss_http_verdict){.allowed = "GET, HEAD"};
    const char *host = header(connection, MHD_HTTP_HEADER_HOST);
    int reads = !strcmp(method, MHD_HTTP_METHOD_GET) || !strcmp(method, MHD_HTTP_METHOD_HEAD);
    if (options->hosts && !host_is_ours(host, options->hosts))
        refuse(v, MHD_HTTP_FORBIDDEN, "this server does not go by that name\n");
    else if (options->hosts && !reads && !origin_is_ours(connection, host))
        refuse(v, MHD_HTTP_FORBIDDEN, "another site's page may not do that\n");
    else
        judge_path(options, path, method, v);
    if (!v->status && v->route && !reads) judge_body(options, connection, v);
    v->close = v->status && !reads;
}
