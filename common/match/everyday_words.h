/* everyday_words.h - words that the taxonomy itself writes in lower case; internal to span_named.c.
 *
 * ESCO names tools by ordinary words: "Salt (tools for ...)", "Source (digital game ...)", "LESS". In an ad the same
 * word in lower case mostly is the ordinary word. Which words are ordinary is read off the taxonomy's own texts:
 * "source" stands in lower case in many of them, "java" in none. No word list, no language.
 */
#ifndef SKILLSTREAM_MATCH_EVERYDAY_WORDS_H
#define SKILLSTREAM_MATCH_EVERYDAY_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "match/taxonomy.h"

typedef struct ss_everyday_words {
    uint64_t *hashes; /* open addressing; 0 = free */
    size_t slots, count;
} ss_everyday_words;

/* Collects the lower-case words of all labels, alternatives and descriptions. -1 without memory. */
int ss_everyday_words_collect(ss_everyday_words *words, const ss_taxonomy *taxonomy);

/* 1 if the word, in lower case, is one of them. ASCII letters only: others are never everyday words. */
int ss_everyday_words_has(const ss_everyday_words *words, const char *word, size_t len);

void ss_everyday_words_free(ss_everyday_words *words);

#endif
