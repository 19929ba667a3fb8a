/* sentences.c - see sentences.h. */
#include "producer/sentences.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "base/json_load.h"

static ss_slice trim(ss_slice s)
{
    while (s.len && isspace((unsigned char)s.data[0])) s.data++, s.len--;
    while (s.len && isspace((unsigned char)s.data[s.len - 1])) s.len--;
    return s;
}

static int begins(ss_slice s, const char *with)
{
    size_t len = strlen(with);
    return s.len >= len && !memcmp(s.data, with, len);
}

static ss_slice behind(ss_slice s, size_t n)
{
    return (ss_slice){s.data + n, s.len - n};
}

/* The first line, without its end; *s moves behind it. */
static ss_slice take_line(ss_slice *s)
{
    const char *end = memchr(s->data, '\n', s->len);
    size_t len = end ? (size_t)(end - s->data) : s->len;
    ss_slice line = {s->data, len};
    *s = behind(*s, end ? len + 1 : len);
    return line;
}

static int add(ss_sentences *out, ss_arena *arena, ss_slice text)
{
    text = trim(text);
    out->items[out->count] = (ss_slice){.data = ss_arena_copy(arena, text.data, text.len), .len = text.len};
    return out->items[out->count++].data ? 0 : -1;
}

/* ---- JSON ---- */

/* The text of one item: itself, its "sentence" or "text", or its only text member. */
static const json_t *item_text(const json_t *item)
{
    if (!json_is_object(item)) return item;
    const json_t *named = json_object_get(item, "sentence");
    if (!named) named = json_object_get(item, "text");
    if (named) return named;
    const json_t *only = NULL;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(size_t)item, key, value)
    {
        if (!json_is_string(value)) continue;
        if (only) return NULL;
        only = value;
    }
    return only;
}

static const json_t *list_in(const json_t *root)
{
    if (json_is_array(root)) return root;
    const json_t *only = NULL;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(size_t)root, key, value)
    {
        if (json_is_object(value)) return NULL;
        if (!json_is_array(value)) continue;
        if (only) return NULL;
        only = value;
    }
    return only;
}

static const char *take_items(const json_t *list, ss_arena *arena, ss_sentences *out)
{
    if (!list) return "bad-schema";
    if (json_array_size(list) > SS_SENTENCES_MAX) return "too-many";
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *text = item_text(json_array_get(list, i));
        if (!json_is_string(text)) return "bad-schema";
        ss_slice slice = {json_string_value(text), json_string_length(text)};
        if (memchr(slice.data, 0, slice.len)) return "bad-schema";
        if (add(out, arena, slice)) return "memory";
    }
    return NULL;
}

static const char *read_json(ss_slice text, ss_arena *arena, ss_sentences *out)
{
    json_error_t why;
    json_t *root = ss_json_load(text.data, text.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    if (!root) return "bad-json";
    const char *wrong = take_items(list_in(root), arena, out);
    json_decref(root);
    return wrong;
}

/* ---- lists ---- */

/* What stands before an item: returns its length, 0 = no item; *number = 0 for a bullet. */
static size_t item_mark(ss_slice line, unsigned *number)
{
    *number = 0;
    size_t n = 0;
    if (begins(line, "- ") || begins(line, "* ")) return 2;
    if (begins(line, "\xe2\x80\xa2")) return 3;
    while (n < line.len && n < 3 && isdigit((unsigned char)line.data[n]))
        *number = *number * 10 + (unsigned)(line.data[n++] - '0');
    if (!n || n + 1 >= line.len || (line.data[n] != '.' && line.data[n] != ')') || line.data[n + 1] != ' ') return 0;
    return n + 2;
}

static ss_slice without_quotes(ss_slice s)
{
    static const char *const pairs[][2] = {{"\"", "\""}, {"\xe2\x80\x9c", "\xe2\x80\x9d"}, {"'", "'"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        size_t open = strlen(pairs[i][0]), close = strlen(pairs[i][1]);
        if (s.len < open + close || !begins(s, pairs[i][0]) || memcmp(s.data + s.len - close, pairs[i][1], close))
            continue;
        return (ss_slice){s.data + open, s.len - open - close};
    }
    return s;
}

static const char *read_list(ss_slice text, ss_arena *arena, ss_sentences *out)
{
    int numbered = 0;
    while (text.len) {
        ss_slice line = trim(take_line(&text));
        if (!line.len) continue;
        unsigned number;
        size_t mark = item_mark(line, &number);
        if (!mark) return "bad-list";
        if (!out->count) numbered = number != 0;
        if (numbered ? number != out->count + 1 : number != 0) return "bad-list";
        if (out->count == SS_SENTENCES_MAX) return "too-many";
        ss_slice item = without_quotes(trim(behind(line, mark)));
        if (memchr(item.data, 0, item.len)) return "bad-list";
        if (add(out, arena, item)) return "memory";
    }
    return NULL;
}

/* ---- wrappings ---- */

/* The inside of the only fenced block, or the text itself. -1: more than one, or one that has no end. */
static int unfence(ss_slice *text)
{
    const char *open = memmem(text->data, text->len, "```", 3);
    if (!open) return 0;
    ss_slice inside = behind(*text, (size_t)(open - text->data));
    take_line(&inside); /* ```json */
    const char *close = inside.len ? memmem(inside.data, inside.len, "```", 3) : NULL;
    if (!close) return -1;
    ss_slice rest = behind(inside, (size_t)(close - inside.data) + 3);
    if (rest.len && memmem(rest.data, rest.len, "```", 3)) return -1;
    *text = trim((ss_slice){inside.data, (size_t)(close - inside.data)});
    return 0;
}

static int begins_content(ss_slice s)
{
    unsigned number;
    return begins(s, "{") || begins(s, "[") || begins(s, "```") || item_mark(s, &number);
}

static ss_slice without_preamble(ss_slice text)
{
    text = trim(text);
    if (begins(text, "<think>")) {
        const char *end = memmem(text.data, text.len, "</think>", 8);
        if (end) text = trim(behind(text, (size_t)(end - text.data) + 8));
    }
    ss_slice rest = text, line = trim(take_line(&rest));
    rest = trim(rest);
    if (!begins_content(line) && line.len && line.data[line.len - 1] == ':' && begins_content(rest)) return rest;
    return text;
}

const char *ss_sentences_read(const char *bytes, size_t len, ss_arena *arena, ss_sentences *out)
{
    ss_slice text = without_preamble((ss_slice){bytes, len});
    *out = (ss_sentences){.items = ss_arena_calloc(arena, SS_SENTENCES_MAX, sizeof *out->items)};
    if (!out->items) return "memory";
    const char *wrong;
    if (unfence(&text))
        wrong = "bad-list";
    else if (begins(text, "{") || begins(text, "["))
        wrong = read_json(text, arena, out);
    else
        wrong = read_list(text, arena, out);
    if (!wrong && !out->count) wrong = "empty";
    if (wrong) out->count = 0;
    return wrong;
}
