/* utf8.c - decoding, encoding and repair of UTF-8.
 *
 * Repair runs twice over the bytes: once to count, once to write, so that what
 * it leaves in the arena has exactly the size of its result. Both passes go through
 * next_code(), the one place that says what a byte means. Nothing here keeps state.
 */
#include "text/utf8.h"

#include <string.h>

/* Length of a sequence by its first byte and the range of its second byte (Unicode, table 3-7); 0 = cannot begin one.
 */
static size_t lead(unsigned char byte, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xBF;
    if (byte < 0xC2) return 0;
    if (byte < 0xE0) return 2;
    if (byte < 0xF0) {
        if (byte == 0xE0) *low = 0xA0;
        if (byte == 0xED) *high = 0x9F;
        return 3;
    }
    if (byte > 0xF4) return 0;
    if (byte == 0xF0) *low = 0x90;
    if (byte == 0xF4) *high = 0x8F;
    return 4;
}

size_t ss_utf8_decode(const char *bytes, size_t len, uint32_t *code)
{
    const unsigned char *in = (const unsigned char *)bytes;
    if (in[0] < 0x80) {
        *code = in[0];
        return 1;
    }
    unsigned char low, high;
    size_t need = lead(in[0], &low, &high);
    *code = SS_UTF8_INVALID;
    if (need == 0) return 1;
    uint32_t value = in[0] & (0xFFu >> (need + 1));
    for (size_t i = 1; i < need; i++) {
        if (i == len || in[i] < low || in[i] > high) return i;
        value = value << 6 | (in[i] & 0x3F);
        low = 0x80;
        high = 0xBF;
    }
    *code = value;
    return need;
}

size_t ss_utf8_before(const char *bytes, size_t at)
{
    size_t back = 1;
    while (back < 4 && back < at && ((unsigned char)bytes[at - back] & 0xC0) == 0x80) back++;
    return at - back;
}

size_t ss_utf8_encode(uint32_t code, char out[4])
{
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) code = SS_UTF8_REPLACEMENT;
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = (char)((0xF00u >> len & 0xF0u) | code);
    return len;
}

int ss_utf8_valid(const char *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        uint32_t code;
        at += ss_utf8_decode(bytes + at, len - at, &code);
        if (code == SS_UTF8_INVALID) return 0;
    }
    return 1;
}

int ss_utf8_is_space(uint32_t code)
{
    if (code < 0x80) return code == ' ' || (code >= '\t' && code <= '\r');
    switch (code) {
    case 0x85:
    case 0xA0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202F:
    case 0x205F:
    case 0x3000:
    case 0xFEFF: return 1;
    default: return code >= 0x2000 && code <= 0x200B;
    }
}

int ss_utf8_is_clean(const char *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        unsigned char byte = (unsigned char)bytes[at];
        if (byte >= 0x80) {
            uint32_t code;
            at += ss_utf8_decode(bytes + at, len - at, &code);
            if (code == SS_UTF8_INVALID || code == 0xFEFF) return 0;
        } else {
            if ((byte < 0x20 && byte != '\t' && byte != '\n') || byte == 0x7F) return 0;
            at++;
        }
    }
    return 1;
}

/* What windows-1252 has in 0x80-0x9F (WHATWG index; the five holes are C1 controls). The rest equals Latin-1. */
static const uint16_t windows_1252[32] = {0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                          0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,   0x017D, 0x8F,
                                          0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                          0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};

/* Invalid UTF-8 without one valid multi-byte sequence: not damaged UTF-8, but another encoding. */
static int looks_like_windows_1252(const char *bytes, size_t len)
{
    int invalid = 0;
    for (size_t at = 0; at < len;) {
        uint32_t code;
        at += ss_utf8_decode(bytes + at, len - at, &code);
        if (code == SS_UTF8_INVALID)
            invalid = 1;
        else if (code >= 0x80)
            return 0;
    }
    return invalid;
}

/* The repaired code point that begins at bytes[0]; returns how many bytes it stands for. */
static size_t next_code(const char *bytes, size_t len, int single_byte, uint32_t *code)
{
    unsigned char byte = (unsigned char)bytes[0];
    if (byte >= 0x80 && single_byte) {
        *code = byte < 0xA0 ? windows_1252[byte - 0x80] : byte;
        return 1;
    }
    if (byte >= 0x80) {
        size_t used = ss_utf8_decode(bytes, len, code);
        if (*code == SS_UTF8_INVALID) *code = SS_UTF8_REPLACEMENT;
        return used;
    }
    *code = byte;
    if (byte == '\r') {
        *code = '\n';
        return len > 1 && bytes[1] == '\n' ? 2 : 1;
    }
    if ((byte < 0x20 && byte != '\t' && byte != '\n') || byte == 0x7F) *code = ' ';
    return 1;
}

static size_t skip_mark(const char *bytes, size_t len)
{
    return len >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

int ss_utf8_repair(const char *bytes, size_t len, ss_arena *arena, ss_text *out, ss_error *err)
{
    *out = (ss_text){0};
    if (len > SS_TEXT_MAX)
        return ss_fail(err, SS_LIMIT, "text of %zu bytes: at most %zu can be mapped", len, SS_TEXT_MAX);
    size_t start = skip_mark(bytes, len);
    int single_byte = looks_like_windows_1252(bytes + start, len - start);
    size_t total = 0;
    char code_bytes[4];
    uint32_t code;
    for (size_t at = start; at < len;) {
        at += next_code(bytes + at, len - at, single_byte, &code);
        total += code < 0x80 ? 1 : ss_utf8_encode(code, code_bytes);
    }
    if (total > SS_TEXT_MAX)
        return ss_fail(err, SS_LIMIT, "repaired text of %zu bytes: at most %zu", total, SS_TEXT_MAX);
    char *text = ss_arena_alloc(arena, total + 1);
    uint32_t *source = ss_arena_alloc(arena, (total + 1) * sizeof *source);
    if (!text || !source) return ss_fail_memory(err, "repairing the text of an ad");
    size_t to = 0;
    for (size_t at = start; at < len;) {
        size_t used = next_code(bytes + at, len - at, single_byte, &code);
        size_t made = ss_utf8_encode(code, code_bytes);
        for (size_t i = 0; i < made; i++) {
            text[to] = code_bytes[i];
            /* A valid sequence maps byte by byte; anything made up maps to where it came from. */
            source[to++] = (uint32_t)(made == used ? at + i : at);
        }
        at += used;
    }
    text[to] = 0;
    source[to] = (uint32_t)len;
    *out = (ss_text){.bytes = text, .len = to, .source = source};
    return 0;
}

int ss_text_from_plain(const char *body, size_t len, ss_arena *arena, ss_text *out, ss_error *err)
{
    return ss_utf8_repair(body, len, arena, out, err);
}
