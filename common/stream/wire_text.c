/* wire_text.c - see wire_text.h.
 *
 * Everything here is on the path of every ad, so each function first looks whether there is anything to do (memchr and
 * a byte loop that the compiler vectorises for ASCII) and copies only then. All loops are linear in the input.
 */
#include "stream/wire_text.h"

#include <stdint.h>
#include <string.h>

static const char REPLACEMENT[3] = "\xEF\xBF\xBD";

ss_slice ss_slice_of(const char *string)
{
    return (ss_slice){.data = string, .len = string ? strlen(string) : 0};
}

int ss_slice_equals(ss_slice slice, const char *string)
{
    size_t len = strlen(string);
    return slice.len == len && (len == 0 || memcmp(slice.data, string, len) == 0);
}

static int is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

ss_slice ss_slice_trim(ss_slice slice)
{
    while (slice.len && is_space(slice.data[0])) slice.data++, slice.len--;
    while (slice.len && is_space(slice.data[slice.len - 1])) slice.len--;
    return slice;
}

size_t ss_wire_utf8_step(const unsigned char *bytes, size_t len, int *bad)
{
    unsigned char first = bytes[0];
    *bad = 0;
    if (first < 0x80) return 1;
    size_t need = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    /* The second byte's range excludes overlong forms, surrogates and what lies over U+10FFFF. */
    unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (first >= 0xC2 && first <= 0xF4) {
        size_t got = 1;
        while (got < need && got < len && bytes[got] >= low && bytes[got] <= high) got++, low = 0x80, high = 0xBF;
        *bad = got < need;
        return got;
    }
    *bad = 1;
    return 1;
}

static size_t ascii_run(const char *data, size_t len)
{
    size_t at = 0;
    while (len - at >= 8) {
        uint64_t word;
        memcpy(&word, data + at, sizeof word);
        if (word & 0x8080808080808080u) break;
        at += 8;
    }
    while (at < len && (unsigned char)data[at] < 0x80) at++;
    return at;
}

typedef struct utf8_look {
    int bad;       /* an ill-formed sequence somewhere */
    int multibyte; /* a well-formed one of more than a byte somewhere */
} utf8_look;

static utf8_look look_at(ss_slice text)
{
    utf8_look look = {0};
    for (size_t at = ascii_run(text.data, text.len); at < text.len; at += ascii_run(text.data + at, text.len - at)) {
        int bad;
        at += ss_wire_utf8_step((const unsigned char *)text.data + at, text.len - at, &bad);
        if (bad)
            look.bad = 1;
        else
            look.multibyte = 1;
    }
    return look;
}

int ss_wire_repair(ss_arena *arena, ss_slice *text)
{
    if (!text->len || (!look_at(*text).bad && !memchr(text->data, 0, text->len))) return 0;
    if (text->len > SIZE_MAX / 3) return -1;
    char *out = ss_arena_alloc(arena, text->len * 3);
    if (!out) return -1;
    size_t len = 0;
    for (size_t at = 0; at < text->len;) {
        int bad;
        size_t step = ss_wire_utf8_step((const unsigned char *)text->data + at, text->len - at, &bad);
        if (bad)
            memcpy(out + len, REPLACEMENT, 3), len += 3;
        else if (!text->data[at])
            out[len++] = ' ';
        else
            memcpy(out + len, text->data + at, step), len += step;
        at += step;
    }
    *text = (ss_slice){.data = out, .len = len};
    return 0;
}

/* --- JSON --- */

/* windows-1252, 0x80..0x9F (WHATWG index); the rest is Latin-1. */
static const uint16_t CP1252[32] = {0x20AC, 0x81,   0x201A, 0x192,  0x201E, 0x2026, 0x2020, 0x2021,
                                    0x2C6,  0x2030, 0x160,  0x2039, 0x152,  0x8D,   0x17D,  0x8F,
                                    0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                    0x2DC,  0x2122, 0x161,  0x203A, 0x153,  0x9D,   0x17E,  0x178};

static size_t put_cp1252(unsigned char byte, char *out)
{
    unsigned code = byte < 0xA0 ? CP1252[byte - 0x80] : byte;
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    out[0] = (char)(0xE0 | code >> 12);
    out[1] = (char)(0x80 | (code >> 6 & 0x3F));
    out[2] = (char)(0x80 | (code & 0x3F));
    return 3;
}

/* The value of \uXXXX at `at`, or -1. */
static long escape_value(ss_slice json, size_t at)
{
    if (json.len - at < 6 || json.data[at] != '\\' || json.data[at + 1] != 'u') return -1;
    long value = 0;
    for (size_t i = at + 2; i < at + 6; i++) {
        char c = json.data[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* Bytes of the escape that begins at `at` (inside a string); *lone = 1 for a surrogate without its partner. */
static size_t escape_step(ss_slice json, size_t at, int *lone)
{
    *lone = 0;
    long value = escape_value(json, at);
    if (value < 0) return json.len - at < 2 ? 1 : 2;
    if (value >= 0xD800 && value <= 0xDBFF) {
        long next = json.len - at >= 12 ? escape_value(json, at + 6) : -1;
        if (next >= 0xDC00 && next <= 0xDFFF) return 12;
        *lone = 1;
    } else if (value >= 0xDC00 && value <= 0xDFFF) {
        *lone = 1;
    }
    return 6;
}

typedef struct json_look {
    int sloppy; /* something has to change */
    int deep;   /* nested deeper than allowed */
} json_look;

static json_look look_at_json(ss_slice json, size_t max_depth)
{
    json_look look = {0};
    size_t depth = 0;
    int in_string = 0, lone = 0;
    for (size_t at = 0; at < json.len;) {
        char c = json.data[at];
        size_t step = 1;
        if (!in_string) {
            if (c == '"')
                in_string = 1;
            else if ((c == '{' || c == '[') && ++depth > max_depth)
                look.deep = 1;
            else if ((c == '}' || c == ']') && depth)
                depth--;
        } else if (c == '\\') {
            step = escape_step(json, at, &lone);
            look.sloppy |= lone;
        } else if (c == '"') {
            in_string = 0;
        } else if ((unsigned char)c < 0x20) {
            look.sloppy = 1;
        }
        at += step;
    }
    return look;
}

/* One character of a string or between strings, as it may stay; returns bytes written, at most 3 per byte read. */
static size_t clean_step(ss_slice json, size_t at, int in_string, int cp1252, size_t *read, char *out)
{
    unsigned char c = (unsigned char)json.data[at];
    *read = 1;
    if (c >= 0x80) {
        if (cp1252) return put_cp1252(c, out);
        int bad;
        *read = ss_wire_utf8_step((const unsigned char *)json.data + at, json.len - at, &bad);
        if (bad) return memcpy(out, REPLACEMENT, 3), 3;
        return memcpy(out, json.data + at, *read), *read;
    }
    if (in_string && c == '\\') {
        int lone;
        *read = escape_step(json, at, &lone);
        if (lone) return memcpy(out, "\\ufffd", 6), 6;
        return memcpy(out, json.data + at, *read), *read;
    }
    if (in_string && c < 0x20) {
        if (c != '\n' && c != '\t') return out[0] = ' ', 1;
        out[0] = '\\';
        out[1] = c == '\n' ? 'n' : 't';
        return 2;
    }
    out[0] = (char)c;
    return 1;
}

ss_wire_clean ss_wire_clean_json(ss_arena *arena, size_t max_depth, ss_slice *json)
{
    if (json->len >= 3 && !memcmp(json->data, "\xEF\xBB\xBF", 3)) json->data += 3, json->len -= 3;
    json_look look = look_at_json(*json, max_depth);
    if (look.deep) return SS_WIRE_CLEAN_TOO_DEEP;
    utf8_look utf8 = look_at(*json);
    if (!look.sloppy && !utf8.bad) return SS_WIRE_CLEAN_OK;
    if (json->len > SIZE_MAX / 3) return SS_WIRE_CLEAN_MEMORY;
    char *out = ss_arena_alloc(arena, json->len * 3);
    if (!out) return SS_WIRE_CLEAN_MEMORY;
    int in_string = 0, cp1252 = utf8.bad && !utf8.multibyte;
    size_t len = 0, read;
    for (size_t at = 0; at < json->len; at += read) {
        int quote = json->data[at] == '"';
        len += clean_step(*json, at, in_string, cp1252, &read, out + len);
        if (quote) in_string = !in_string;
    }
    *json = (ss_slice){.data = out, .len = len};
    return SS_WIRE_CLEAN_OK;
}

/* --- HTML, as far as the wire has to know it --- */

int ss_wire_has_tag(ss_slice text)
{
    const char *end = text.data + text.len;
    for (const char *at = text.len ? memchr(text.data, '<', text.len) : NULL; at;
         at = memchr(at + 1, '<', (size_t)(end - at - 1))) {
        if (end - at < 3) return 0;
        char c = at[1];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/' || c == '!')
            return memchr(at, '>', (size_t)(end - at)) != NULL;
    }
    return 0;
}

typedef struct entity {
    const char *name;
    char means;
} entity;

static const entity ENTITIES[] = {{"&lt;", '<'},    {"&gt;", '>'},   {"&amp;", '&'}, {"&quot;", '"'},
                                  {"&apos;", '\''}, {"&#39;", '\''}, {"&#34;", '"'}, {"&nbsp;", ' '}};

int ss_wire_unescape(ss_arena *arena, ss_slice *text)
{
    if (!text->len || !memchr(text->data, '&', text->len)) return 0;
    char *out = ss_arena_alloc(arena, text->len);
    if (!out) return -1;
    size_t len = 0;
    for (size_t at = 0; at < text->len;) {
        size_t step = 1;
        char c = text->data[at];
        for (size_t i = 0; c == '&' && step == 1 && i < sizeof ENTITIES / sizeof *ENTITIES; i++) {
            size_t n = strlen(ENTITIES[i].name);
            if (text->len - at >= n && !memcmp(text->data + at, ENTITIES[i].name, n)) {
                out[len] = ENTITIES[i].means;
                step = n;
            }
        }
        if (step == 1) out[len] = c;
        len++;
        at += step;
    }
    *text = (ss_slice){.data = out, .len = len};
    return 0;
}
