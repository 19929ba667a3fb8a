/* words.h - a sentence as its words, for the checks: folded to lower case without accents, punctuation dropped.
 *
 * A word is a run of letters, digits and the marks + # that names like C++ and C# need. Apostrophes and hyphens end a
 * word, so "don't" is two. One thread per ss_words.
 */
#ifndef SKILLSTREAM_PRODUCER_WORDS_H
#define SKILLSTREAM_PRODUCER_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "stream/ad.h"

enum { SS_WORDS_MAX = 4096 };

typedef struct ss_words {
    ss_buffer text; /* the words with one blank between, NUL-terminated: a normal form to compare and hash */
    ss_slice items[SS_WORDS_MAX];
    uint64_t hashes[SS_WORDS_MAX];
    size_t count;   /* further words are left out */
    size_t letters; /* letters of any script */
    size_t latin;   /* of them, Latin ones */
} ss_words;

ss_words *ss_words_new(ss_error *err);
void ss_words_free(ss_words *words);

/* Splits; what was there before is gone. Malformed UTF-8 separates words. -1 when memory is out. */
int ss_words_read(ss_words *words, const char *text, size_t len, ss_error *err);

/* Hash of `count` words from `first` on, as a sequence. */
uint64_t ss_words_hash(const ss_words *words, size_t first, size_t count);

#endif
