/* sentence_words.h - the word lists of the sentence splitter (internal to common/text).
 *
 * The lists hold general English and the language of job ads; a word is on a list for
 * what it does to the full stop behind it, not for any one text.
 */
#ifndef SKILLSTREAM_TEXT_SENTENCE_WORDS_H
#define SKILLSTREAM_TEXT_SENTENCE_WORDS_H

#include <stddef.h>

/* What a full stop behind the word may be. */
typedef enum ss_abbreviation {
    SS_ABBREVIATION_NONE,
    SS_ABBREVIATION_NEVER,  /* never the end of a sentence: Mr., e.g., incl. */
    SS_ABBREVIATION_NUMBER, /* not the end before a number or sign, else perhaps: No. 5, Fig. 2, Sept. 1 */
    SS_ABBREVIATION_NAME,   /* the end only before a word that usually begins a sentence: Inc., Jr., Dept. */
    SS_ABBREVIATION_UNIT    /* the end before a capital: etc., yrs., p.m. */
} ss_abbreviation;

/* `word` without its last full stop; case does not matter. */
ss_abbreviation ss_abbreviation_of(const char *word, size_t len);

/* 1 for capitalised words that usually begin a sentence: The, We, However. Case matters. */
int ss_is_sentence_starter(const char *word, size_t len);

#endif
