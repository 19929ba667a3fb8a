/* normalise.c - the BERT normaliser in one pass.
 *
 * Almost all text is ASCII, so runs of ASCII are copied by a loop over a 128-byte table and only what lies beyond
 * goes through utf8proc, one character at a time. That is enough because every step of the normaliser looks at single
 * characters, with one exception: canonical order of combining marks. Marks that survive (spacing ones with a
 * combining class, about ten in Unicode) are therefore inserted in order into the run they belong to.
 *
 * Categories come from normalise_tables.h and not from utf8proc, see there.
 */
#include "text/normalise.h"

#include <string.h>
#include <utf8proc.h>

#include "text/normalise_tables.h"
#include "text/utf8.h"

enum {
    BYTES_PER_CHAR = 4,
    MAX_DECOMPOSED = 8, /* code points; the longest canonical decomposition has 4 */
    GROWTH = 5,         /* output bytes per input byte at most: a blank on both sides of a 3-byte ideograph, or three
                           3-byte jamo from a 3-byte syllable, or a 1-byte capital I with a dot added */
    CHUNK = 16 * 1024   /* bytes normalised per reservation */
};

#define IN(table, c) in_table(table, sizeof(table) / sizeof((table)[0]), c)

static int in_table(const char_range *table, size_t count, int32_t c)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c > table[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && c >= table[low].first;
}

static int32_t next_char(const char *text, size_t len, size_t *at)
{
    uint32_t c;
    *at += ss_utf8_decode(text + *at, len - *at, &c);
    return c == SS_UTF8_INVALID ? (int32_t)SS_UTF8_REPLACEMENT : (int32_t)c;
}

int ss_char_is_blank(int32_t c)
{
    return IN(blanks, c);
}

int ss_char_is_punctuation(int32_t c)
{
    if (c < 128) return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
    return IN(punctuation, c);
}

/* Where output goes; there is always room for the rest of the chunk. */
typedef struct sink {
    char *at;
    char *marks; /* start of the run of combining marks at the end, for canonical order */
} sink;

static void put(sink *out, int32_t c)
{
    out->at += utf8proc_encode_char(c, (utf8proc_uint8_t *)out->at);
    out->marks = out->at;
}

/* Puts a combining mark behind those of its run whose class is not higher (Unicode D108, canonical ordering). */
static void put_mark(sink *out, int32_t c, int combining_class)
{
    utf8proc_uint8_t bytes[BYTES_PER_CHAR];
    size_t width = (size_t)utf8proc_encode_char(c, bytes);
    char *place = out->at;
    while (place > out->marks) {
        char *before = place - 1;
        while (((unsigned char)*before & 0xc0) == 0x80) before--;
        utf8proc_int32_t mark;
        utf8proc_iterate((const utf8proc_uint8_t *)before, (utf8proc_ssize_t)(place - before), &mark);
        if (utf8proc_get_property(mark)->combining_class <= combining_class) break;
        place = before;
    }
    memmove(place + width, place, (size_t)(out->at - place));
    memcpy(place, bytes, width);
    out->at += width;
}

static void put_lower(const ss_normaliser *rules, sink *out, int32_t c)
{
    if (!rules->lower) {
        put(out, c);
    } else if (c == 0x130) { /* the only character whose lower case is two characters */
        put(out, 'i');
        put(out, 0x307);
    } else {
        put(out, utf8proc_tolower(c));
    }
}

static void put_decomposed(const ss_normaliser *rules, sink *out, int32_t c)
{
    utf8proc_int32_t parts[MAX_DECOMPOSED];
    int boundary = UTF8PROC_BOUNDCLASS_START;
    utf8proc_ssize_t n = utf8proc_decompose_char(c, parts, MAX_DECOMPOSED, UTF8PROC_DECOMPOSE, &boundary);
    if (n < 0 || n > MAX_DECOMPOSED) { /* not assigned in utf8proc's Unicode: stands for itself */
        parts[0] = c;
        n = 1;
    }
    for (utf8proc_ssize_t i = 0; i < n; i++) {
        int combining_class = utf8proc_get_property(parts[i])->combining_class;
        if (IN(marks, parts[i])) {
            if (combining_class == 0) out->marks = out->at;
        } else if (combining_class != 0) {
            put_mark(out, parts[i], combining_class);
        } else {
            put_lower(rules, out, parts[i]);
        }
    }
}

static void put_char(const ss_normaliser *rules, sink *out, int32_t c)
{
    if (rules->clean) {
        if (c == '\t' || c == '\n' || c == '\r') c = ' ';
        if (IN(dropped, c)) return;
        if (IN(blanks, c)) c = ' ';
    }
    int spaced = rules->cjk && c >= ideographs[0].first && IN(ideographs, c);
    if (spaced) put(out, ' ');
    if (rules->accents && c >= 0x80)
        put_decomposed(rules, out, c);
    else
        put_lower(rules, out, c);
    if (spaced) put(out, ' ');
}

/* Copies ASCII that needs no decision beyond lower case; returns where it stopped. */
static size_t put_ascii(const ss_normaliser *rules, sink *out, const char *text, size_t at, size_t end)
{
    char *to = out->at;
    int lower = rules->lower;
    for (; at < end; at++) {
        unsigned char c = (unsigned char)text[at];
        if (c < ' ' || c >= 0x7f) break; /* a control character, or not ASCII */
        *to++ = (char)(lower && c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    if (to != out->at) out->marks = to;
    out->at = to;
    return at;
}

int ss_normalise(const ss_normaliser *rules, const char *text, size_t len, ss_buffer *out)
{
    size_t at = 0, marks_behind = 0; /* bytes of combining marks at the end of `out` */
    while (at < len) {
        size_t end = len - at > CHUNK ? at + CHUNK : len;
        char *room = ss_buffer_reserve(out, (end - at + BYTES_PER_CHAR) * GROWTH);
        if (!room) return -1;
        sink to = {.at = room, .marks = room - marks_behind};
        while (at < end) {
            at = put_ascii(rules, &to, text, at, end);
            if (at < end) put_char(rules, &to, next_char(text, len, &at));
        }
        marks_behind = (size_t)(to.at - to.marks);
        out->len += (size_t)(to.at - room);
        *to.at = 0;
    }
    return 0;
}
