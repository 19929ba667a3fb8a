/* html.c - see html.h: the way of a body through repair, unescaping and one of the two paths.
 *
 * Each step reads the bytes of the step before and keeps a map back to them (NULL
 * where nothing changed); ss_text_from_html puts the maps together at the end. All of that lives in
 * an arena of this call, the tree in a second one, and only the result in the
 * caller's.
 */
#include "text/html.h"

#include <string.h>

#include "text/html_guard.h"
#include "text/html_reference.h"
#include "text/html_scan.h"
#include "text/html_tree.h"
#include "text/html_writer.h"
#include "text/utf8.h"

enum { ESCAPE_LEVELS = 3, PIECE = 64 * 1024, STEPS_PER_BYTE = 32 };
enum { DEFAULT_BYTES = 64 << 20, DEFAULT_WORK = 20 * 1000 * 1000, DEFAULT_MEMORY = 64 << 20 };

/* Bytes and where they came from; source NULL: they are the body's own. */
typedef struct stage {
    const char *bytes;
    size_t len;
    const uint32_t *source;
} stage;

typedef struct job {
    ss_arena work; /* stages and the writer's buffers */
    ss_arena tree;
    ss_html_writer writer;
    stage html;
    ss_html_limits limits;
} job;

static int is_known_tag(const char *name, size_t len)
{
    static const char *const known[] = {"p",  "br", "div",  "ul",    "ol", "li", "b",  "strong", "em",
                                        "i",  "u",  "span", "a",     "h1", "h2", "h3", "h4",     "h5",
                                        "h6", "hr", "font", "table", "tr", "td", "pre"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (ss_html_name_is(name, len, known[i])) return 1;
    return 0;
}

/* Behind "&lt;", "&amp;lt;", "&amp;amp;lt;" (or gt) at `at`; NULL if there is no such thing. */
static const char *skip_escaped(const char *at, const char *end, const char *name)
{
    if (at == end || *at != '&') return NULL;
    at++;
    for (int level = 1; level < ESCAPE_LEVELS && end - at >= 4 && memcmp(at, "amp;", 4) == 0; level++) at += 4;
    return end - at >= 3 && memcmp(at, name, 3) == 0 ? at + 3 : NULL;
}

/* 1 if an escaped tag begins at the '&' at `at`. */
static int is_escaped_tag(const char *at, const char *end)
{
    at = skip_escaped(at, end, "lt;");
    if (!at) return 0;
    if (at < end && *at == '/') at++;
    const char *name = at;
    while (at < end && (ss_html_is_letter(*at) || (*at >= '1' && *at <= '6'))) at++;
    if (!is_known_tag(name, (size_t)(at - name))) return 0;
    if (at < end && *at == '/') at++;
    return at < end && (*at == ' ' || *at == '\t' || *at == '\n' || skip_escaped(at, end, "gt;"));
}

int ss_html_is_escaped(const char *body, size_t len)
{
    const char *end = body + len;
    for (const char *at = body; at < end && (at = memchr(at, '<', (size_t)(end - at))) != NULL; at++)
        if (ss_html_markup_at(at, end).kind != SS_HTML_NO_MARKUP) return 0;
    for (const char *at = body; at < end && (at = memchr(at, '&', (size_t)(end - at))) != NULL; at++)
        if (is_escaped_tag(at, end)) return 1;
    return 0;
}

/* Leads a map over the one before it, in place. */
static void compose(uint32_t *map, size_t count, const stage *before)
{
    if (!before->source) return;
    for (size_t i = 0; i < count; i++) map[i] = before->source[map[i]];
}

static int fail_preparing(ss_error *err)
{
    return ss_fail_memory(err, "preparing the HTML of an ad");
}

static int repair(job *j, ss_error *err)
{
    if (ss_utf8_is_clean(j->html.bytes, j->html.len)) return 0;
    ss_text repaired;
    if (ss_utf8_repair(j->html.bytes, j->html.len, &j->work, &repaired, err) < 0) return -1;
    stage next = {.bytes = repaired.bytes, .len = repaired.len, .source = repaired.source};
    if (j->html.source) { /* a body that was escaped: its map has to lead on */
        size_t count = next.len + 1;
        uint32_t *source = ss_arena_alloc(&j->work, count * sizeof *source);
        if (!source) return fail_preparing(err);
        memcpy(source, next.source, count * sizeof *source);
        compose(source, count, &j->html);
        next.source = source;
    }
    j->html = next;
    return 0;
}

/* Decodes references once more as long as the tags themselves are still escaped. What comes out is a body again, and
 * repaired as one, for references may have stood for carriage returns and controls; no number in it is too large for
 * gumbo. */
static int unescape(job *j, ss_error *err)
{
    if (ss_html_tame_references(&j->html.bytes, j->html.len, &j->work)) return fail_preparing(err);
    for (int level = 0; level < ESCAPE_LEVELS && ss_html_is_escaped(j->html.bytes, j->html.len); level++) {
        ss_html_writer writer;
        if (ss_html_writer_init(&writer, j->html.len, &j->work) < 0) return fail_preparing(err);
        writer.verbatim = 1;
        int failed = ss_html_tree_unescape(j->html.bytes, j->html.len, &j->tree, &writer);
        ss_arena_reset(&j->tree);
        if (failed) return fail_preparing(err);
        ss_html_writer_end(&writer, j->html.len);
        compose(writer.source, writer.len + 1, &j->html);
        j->html = (stage){.bytes = writer.bytes, .len = writer.len, .source = writer.source};
        if (repair(j, err) < 0) return -1;
        if (ss_html_tame_references(&j->html.bytes, j->html.len, &j->work)) return fail_preparing(err);
    }
    return 0;
}

/* 1 if the tree gave the text, 0 if the document has to take the linear path; -1 when memory is out, which must not
 * decide the path: an ad has one text. */
static int write_by_tree(job *j)
{
    size_t budget = j->limits.max_tree_work + STEPS_PER_BYTE * j->html.len;
    int cheap = ss_html_is_cheap(j->html.bytes, j->html.len, budget, &j->work);
    int failed = !cheap || ss_html_tree_write(j->html.bytes, 0, j->html.len, &j->tree, &j->writer);
    if (j->work.starved || j->tree.starved) return -1;
    return !failed && !j->writer.disordered && !j->writer.full;
}

static int write_linearly(job *j)
{
    ss_html_flat flat;
    if (ss_html_flatten(j->html.bytes, j->html.len, &j->work, &flat) < 0) return -1;
    ss_html_writer_clear(&j->writer);
    j->tree.limit = 0; /* pieces are small, and flat */
    for (size_t begin = 0; begin < flat.len;) {
        const char *next = NULL;
        if (flat.len - begin > PIECE) next = memmem(flat.html + begin + PIECE, flat.len - begin - PIECE, "<p>", 3);
        size_t end = next ? (size_t)(next - flat.html) : flat.len;
        ss_arena_reset(&j->tree);
        if (ss_html_tree_write(flat.html, begin, end, &j->tree, &j->writer) < 0) return -1;
        begin = end;
    }
    ss_html_writer_end(&j->writer, flat.len);
    stage flattened = {.source = flat.source};
    compose(j->writer.source, j->writer.len + 1, &flattened);
    return 0;
}

static int make_text(job *j, ss_error *err)
{
    if (repair(j, err) < 0 || unescape(j, err) < 0) return -1;
    if (ss_html_writer_init(&j->writer, j->html.len, &j->work) < 0) return fail_preparing(err);
    int by_tree = write_by_tree(j);
    if (by_tree > 0)
        ss_html_writer_end(&j->writer, j->html.len);
    else if (by_tree < 0 || write_linearly(j) < 0)
        return ss_fail_memory(err, "parsing the HTML of an ad");
    if (j->writer.full) return ss_fail(err, SS_INTERNAL, "text of an ad is longer than its HTML allows");
    compose(j->writer.source, j->writer.len + 1, &j->html);
    return 0;
}

static int copy_out(const job *j, size_t body_len, ss_arena *arena, ss_text *out, ss_error *err)
{
    size_t len = j->writer.len;
    char *bytes = ss_arena_copy(arena, j->writer.bytes, len);
    uint32_t *source = ss_arena_alloc(arena, (len + 1) * sizeof *source);
    if (!bytes || !source) return ss_fail_memory(err, "keeping the text of an ad");
    memcpy(source, j->writer.source, len * sizeof *source);
    source[len] = (uint32_t)body_len;
    *out = (ss_text){.bytes = bytes, .len = len, .source = source};
    return 0;
}

static ss_html_limits with_defaults(const ss_html_limits *limits)
{
    ss_html_limits out = limits ? *limits : (ss_html_limits){0};
    if (!out.max_bytes) out.max_bytes = DEFAULT_BYTES;
    if (!out.max_tree_work) out.max_tree_work = DEFAULT_WORK;
    if (!out.max_tree_memory) out.max_tree_memory = DEFAULT_MEMORY;
    if (out.max_bytes > SS_TEXT_MAX) out.max_bytes = SS_TEXT_MAX;
    return out;
}

int ss_text_from_html(const char *body, size_t len, const ss_html_limits *limits, ss_arena *arena, ss_text *out,
                      ss_error *err)
{
    *out = (ss_text){0};
    job j = {.html = {.bytes = body, .len = len}, .limits = with_defaults(limits)};
    if (len > j.limits.max_bytes)
        return ss_fail(err, SS_LIMIT, "HTML of %zu bytes: at most %zu are accepted", len, j.limits.max_bytes);
    ss_arena_init(&j.work, 0, 0);
    ss_arena_init(&j.tree, 0, j.limits.max_tree_memory);
    int result = make_text(&j, err);
    if (result == 0) result = copy_out(&j, len, arena, out, err);
    ss_arena_free(&j.tree);
    ss_arena_free(&j.work);
    return result;
}
