/* inspect_pages.c - see inspect_pages.h.
 *
 * Handlers run on the server's threads, several at once; they only read `pages`, and the engine and the live view guard
 * themselves. Nothing here builds HTML: the page puts text into the document by textContent, and the headers below keep
 * a browser from running or loading anything that is not one of its four files, even if it did not.
 */
#include "worker/cli/inspect_pages.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "ops/build_info.h"
#include "stream/wire_ad.h"
#include "worker/cli/inspect_files.h"

static const char json_page[] = "application/json; charset=utf-8";

static const ss_http_header headers[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
     "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {NULL, NULL}};

static unsigned fail(unsigned status, const char *text, const char **type, ss_buffer *out)
{
    *type = "text/plain; charset=utf-8";
    ss_buffer_clear(out);
    ss_buffer_printf(out, "%s\n", text);
    return status;
}

/* ---- Files ---- */

static const char *type_of(const char *name)
{
    static const struct {
        const char *end, *type;
    } types[] = {{".html", "text/html; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},
                 {".js", "text/javascript; charset=utf-8"},
                 {".svg", "image/svg+xml"}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(strrchr(name, '.'), types[i].end)) return types[i].type;
    return json_page;
}

static unsigned send_file(void *context, const ss_http_request *request, const char **type, ss_buffer *out)
{
    (void)context;
    const char *name = strcmp(request->path, "/") ? request->path + 1 : "page.html";
    for (const ss_inspect_file *file = ss_inspect_files; file->name; file++) {
        if (strcmp(file->name, name)) continue;
        *type = type_of(name);
        return ss_buffer_add(out, file->data, file->len) ? 500 : 200;
    }
    return fail(404, "not built in", type, out);
}

/* ---- About ---- */

static json_t *describe(const ss_inspect_pages *pages, size_t i)
{
    const ss_release *release = ss_inspect_engine_release(pages->engine, i);
    const ss_manifest *m = ss_release_manifest(release);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:f}", "digest", ss_release_digest(release), "name",
                     m->name, "createdAt", m->created_at, "encoder", m->encoder, "precision",
                     ss_precision_name(ss_encoder_precision(ss_release_encoder(release))), "taxonomyName",
                     m->taxonomy_name, "taxonomyVersion", m->taxonomy_version, "skills", (int)m->skills, "threshold",
                     ss_inspect_engine_threshold(pages->engine, i));
}

static unsigned send_about(void *context, const ss_http_request *request, const char **type, ss_buffer *out)
{
    (void)request;
    const ss_inspect_pages *pages = context;
    char program[128];
    json_t *releases = json_array();
    for (size_t i = 0; i < ss_inspect_engine_count(pages->engine); i++)
        json_array_append_new(releases, describe(pages, i));
    json_t *about =
        json_pack("{s:s, s:i, s:i, s:o, s:s?}", "program", ss_build_program("skillstream", program, sizeof program),
                  "maxBytes", (int)pages->body_max, "top", (int)pages->top, "releases", releases, "liveTopic",
                  pages->live ? pages->live_topic : NULL);
    char *text = about ? json_dumps(about, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
    int failed = !text || ss_buffer_add_string(out, text);
    free(text);
    json_decref(about);
    *type = json_page;
    return failed ? fail(500, "out of memory", type, out) : 200;
}

/* ---- Ads and records ---- */

static unsigned send_ads(void *context, const ss_http_request *request, const char **type, ss_buffer *out)
{
    (void)request;
    const ss_inspect_pages *pages = context;
    *type = json_page;
    return ss_buffer_add(out, pages->ads.data, pages->ads.len) ? 500 : 200;
}

static unsigned send_records(void *context, const ss_http_request *request, const char **type, ss_buffer *out)
{
    const ss_inspect_pages *pages = context;
    const char *after = ss_http_argument(request, "after");
    *type = json_page;
    if (ss_inspect_live_json(pages->live, after ? strtoull(after, NULL, 10) : 0, out))
        return fail(500, "out of memory", type, out);
    return 200;
}

static unsigned status_of(const ss_error *err)
{
    if (err->status == SS_INPUT) return 422;
    return err->status == SS_LIMIT ? 413 : 500;
}

static unsigned extract(void *context, const ss_http_request *request, const char **type, ss_buffer *out)
{
    const ss_inspect_pages *pages = context;
    ss_ad ad;
    ss_arena arena;
    ss_error err = {0};
    ss_wire_options options = {.max_bytes = pages->body_max};
    unsigned status = 200;
    ss_arena_init(&arena, 1 << 16, 0);
    *type = json_page;
    if (ss_wire_decode_ad(request->body, request->body_len, "application/json", &options, &arena, &ad, NULL, &err))
        status = fail(400, err.text, type, out);
    else if (ss_inspect_extract(pages->engine, &ad, out, &err))
        status = fail(status_of(&err), err.text, type, out);
    ss_arena_free(&arena);
    return status;
}

ss_http *ss_inspect_serve(const ss_inspect_pages *pages, const char *address, const char *const *hosts, ss_error *err)
{
    static const ss_http_route routes[] = {
        {"GET", "/", send_file},           {"GET", "/page.css", send_file},       {"GET", "/page.js", send_file},
        {"GET", "/icon.svg", send_file},   {"GET", "/api/about", send_about},     {"GET", "/api/ads", send_ads},
        {"POST", "/api/extract", extract}, {"GET", "/api/records", send_records}, {NULL, NULL, NULL}};
    ss_http_options options = {.address = address,
                               .program = "skillstream inspect",
                               .routes = routes,
                               .routes_context = (void *)(uintptr_t)pages,
                               .body_max = pages->body_max,
                               .headers = headers,
                               .hosts = hosts,
                               .thread_per_connection = 1};
    return ss_http_start(&options, err);
}
