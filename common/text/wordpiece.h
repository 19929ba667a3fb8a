/* wordpiece.h - one word into the longest pieces of a vocabulary (Schuster and Nakajima 2012; as in BERT).
 *
 * From the left, always the longest piece that fits; pieces after the first carry a prefix ("##") in the vocabulary. A
 * word with a rest that no piece begins, or with more than max_chars characters, is the unknown token as a whole.
 *
 * Immutable after ss_wordpiece_new; any number of threads.
 */
#ifndef SKILLSTREAM_TEXT_WORDPIECE_H
#define SKILLSTREAM_TEXT_WORDPIECE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct ss_wordpiece ss_wordpiece;

/* One entry of a vocabulary; text need not outlive the call. */
typedef struct ss_vocabulary_entry {
    const char *text; /* NUL-terminated, not empty */
    int32_t id;       /* >= 0 */
} ss_vocabulary_entry;

/* Where two entries have the same text, the later one counts. Sorts `entries`. */
ss_wordpiece *ss_wordpiece_new(ss_vocabulary_entry *entries, size_t count, const char *prefix, int32_t unknown,
                               size_t max_chars, ss_error *err);
void ss_wordpiece_free(ss_wordpiece *pieces);

/* Cuts word[0..len), len > 0, UTF-8; returns the number of ids, at most max_chars. */
size_t ss_wordpiece_cut(const ss_wordpiece *pieces, const char *word, size_t len, int32_t *ids);

/* The id of an entry, or -1. */
int32_t ss_wordpiece_find(const ss_wordpiece *pieces, const char *text, size_t len);

#endif
