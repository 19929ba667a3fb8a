/* sentence_rules.h - where a sentence ends (internal to common/text).
 *
 * All questions look at a few words on either side only, so that a unit of any length takes linear time.
 */
#ifndef SKILLSTREAM_TEXT_SENTENCE_RULES_H
#define SKILLSTREAM_TEXT_SENTENCE_RULES_H

#include "text/sentence_chars.h"

/* At a . ? ! or … at `at`, in a sentence that began at `start`: if the sentence ends here, the offset behind it
 * (closing quotes and brackets included), else 0. *next is where to go on looking. */
size_t ss_sentence_end_at(const ss_unit *unit, size_t start, size_t at, size_t *next);

/* 。！？ and their half-width and full-width kin, which end a sentence whatever follows. */
int ss_is_cjk_stop(uint32_t code);

/* The end of the sentence with a CJK stop at `at`: behind all stops and closing brackets. *next is the same. */
size_t ss_cjk_sentence_end(const ss_unit *unit, size_t at, size_t *next);

#endif
