/* overlap_words.h - folded text as stems with numbers; internal to overlap.c. */
#ifndef SKILLSTREAM_MATCH_OVERLAP_WORDS_H
#define SKILLSTREAM_MATCH_OVERLAP_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "match/span_fold.h"

#define SS_NO_WORD UINT32_MAX

/* Stems by hash; a word's number is the order in which it was first seen. Two stems with the same 64-bit hash are one
 * word. */
typedef struct ss_word_table {
    uint64_t *hashes; /* open addressing; 0 = free */
    uint32_t *numbers;
    size_t slots, count;
} ss_word_table;

struct sb_stemmer;

/* One thread's: Snowball keeps the stem in the stemmer. NULL without memory. */
struct sb_stemmer *ss_stemmer_new(void);
void ss_stemmer_free(struct sb_stemmer *stemmer);

/* Moves *at behind the next word of the text and returns the hash of its stem; 0 = no more words. */
uint64_t ss_next_stem(const ss_folded *text, size_t *at, struct sb_stemmer *stemmer);

uint32_t ss_word_number(const ss_word_table *table, uint64_t hash);  /* or SS_NO_WORD */
uint32_t ss_word_number_or_new(ss_word_table *table, uint64_t hash); /* SS_NO_WORD: no memory */
void ss_word_table_free(ss_word_table *table);

#endif
