/* cases.h - what the tests of the sentence splitter share: JSON lines with a text and its sentences, the invariants
 * that every split must keep, and a small random generator (seeded: the same run every time). */
#ifndef SKILLSTREAM_TESTS_TEXT_CASES_H
#define SKILLSTREAM_TESTS_TEXT_CASES_H

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "text/html.h"
#include "text/sentence.h"
#include "text/utf8.h"

typedef struct random_state {
    uint64_t state;
} random_state;

static inline unsigned random_below(random_state *random, unsigned below)
{
    random->state = random->state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((random->state >> 33) % below);
}

/* Fills a buffer of `cap` bytes with pieces drawn from `pieces`; returns the length, never over cap. */
static inline size_t random_text(random_state *random, const char *const *pieces, size_t count, char *out, size_t cap)
{
    size_t len = 0;
    for (;;) {
        const char *piece = pieces[random_below(random, (unsigned)count)];
        size_t more = strlen(piece);
        if (len + more > cap) return len;
        memcpy(out + len, piece, more);
        len += more;
    }
}

/* The next object of a JSON lines file, or NULL at its end. The caller decrefs it. */
static inline json_t *next_case(FILE *file)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len = getline(&line, &cap, file);
    json_t *object = len > 0 ? json_loadb(line, (size_t)len, 0, NULL) : NULL;
    if (len > 0) assert_non_null(object);
    free(line);
    return object;
}

/* 1 if the spans are the expected sentences, byte by byte. */
static inline int same_sentences(const char *text, const ss_span *spans, size_t count, const json_t *expected)
{
    if (count != json_array_size(expected)) return 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *sentence = json_array_get(expected, i);
        size_t len = spans[i].end - spans[i].begin;
        if (len != json_string_length(sentence)) return 0;
        if (memcmp(text + spans[i].begin, json_string_value(sentence), len) != 0) return 0;
    }
    return 1;
}

/* 1 if a separator may hold these bytes: no ASCII letter or digit, but for the "o" that some use as a bullet. */
static inline int is_separator(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = bytes[i];
        if ((c >= 'a' && c <= 'z' && c != 'o') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return 0;
    }
    return 1;
}

static inline int is_space_at(const char *text, size_t at, size_t end)
{
    uint32_t code;
    ss_utf8_decode(text + at, end - at, &code);
    return ss_utf8_is_space(code);
}

/* The guarantees of sentence.h: every byte in one span or one separator, spans in order, on borders, trimmed. */
static inline void assert_spans_hold(const char *text, size_t len, const ss_span *spans, size_t count)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        assert_true(spans[i].begin >= at && spans[i].begin < spans[i].end && spans[i].end <= len);
        assert_true(is_separator(text + at, spans[i].begin - at));
        at = spans[i].end;
        assert_true(((unsigned char)text[spans[i].begin] & 0xC0) != 0x80);
        assert_true(at == len || ((unsigned char)text[at] & 0xC0) != 0x80);
        assert_false(is_space_at(text, spans[i].begin, at));
        assert_false(is_space_at(text, ss_utf8_before(text, at), at));
    }
    assert_true(is_separator(text + at, len - at));
}

#endif
