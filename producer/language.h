/* language.h - is a sentence in the language it should be in?
 *
 * Told by different function words ("the", "und", "pour") of two letters and more: some dozens of each language,
 * shared ones left to both. A sentence is
 * refused only when another language has at least two more of them than the expected one: requirement lines often have
 * none at all ("Python, SQL"), and those pass. Also refused: a sentence most of whose letters are of a script that the
 * expected language is not written in. For a language that is not in the table only the latter is checked, and only
 * where the script is known.
 *
 * Pure; any thread.
 */
#ifndef SKILLSTREAM_PRODUCER_LANGUAGE_H
#define SKILLSTREAM_PRODUCER_LANGUAGE_H

#include "producer/words.h"

/* English name of a BCP 47 language ("en" or "en-GB" -> "English"), or NULL when it is not in the table. */
const char *ss_language_name(const char *tag);

/* 1: nothing speaks against it; 0: it is something else. */
int ss_language_fits(const ss_words *words, const char *tag);

#endif
