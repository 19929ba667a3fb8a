/* span_fold.h - text without case, accents and kinds of blank, with the way back; for span.c only. */
#ifndef SKILLSTREAM_MATCH_SPAN_FOLD_H
#define SKILLSTREAM_MATCH_SPAN_FOLD_H

#include <stddef.h>
#include <stdint.h>

/* Folded byte i came from the source bytes begin[i] .. end[i]-1. Reused from text to text; grows as needed. */
typedef struct ss_folded {
    char *text; /* (len), NUL-terminated */
    uint32_t *begin, *end;
    size_t len, room;
} ss_folded;

/* Folds UTF-8: compatibility decomposition, marks dropped, case folded, hyphens and quotation marks made alike, runs of
 * white space made one blank, none at either end. Malformed bytes become 0xFF, which stands in no label. -1: no memory.
 */
int ss_fold(ss_folded *folded, const char *text, size_t len);
void ss_folded_free(ss_folded *folded);

/* 1 if the character that begins at `at` (or, for ss_fold_word_before, ends at `at`) is a letter, digit or '_'. 0
 * outside. */
int ss_fold_word_at(const char *text, size_t len, size_t at);
int ss_fold_word_before(const char *text, size_t at);

#endif
