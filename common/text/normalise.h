/* normalise.h - the BERT normaliser: what happens to text before it is cut into word pieces.
 *
 * Four steps, in the order of Hugging Face's BertNormalizer, each with its flag:
 *   clean      drops NUL, U+FFFD, control and format characters; every kind of blank becomes ' '
 *   cjk        puts a blank on both sides of every CJK ideograph
 *   accents    canonical decomposition (NFD), then drops nonspacing marks (Mn)
 *   lower      lower case, character by character without context (no final sigma)
 * Invalid UTF-8 counts as U+FFFD, so `clean` drops it.
 *
 * Decomposition, categories and case come from utf8proc. Pure functions, any thread.
 */
#ifndef SKILLSTREAM_TEXT_NORMALISE_H
#define SKILLSTREAM_TEXT_NORMALISE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

typedef struct ss_normaliser {
    int clean, cjk, accents, lower;
} ss_normaliser;

/* Appends the normalised text to `out` (valid UTF-8, at most 5 times len bytes); 0, or -1 when the buffer
 * cannot grow. */
int ss_normalise(const ss_normaliser *rules, const char *text, size_t len, ss_buffer *out);

/* As BERT's pre-tokeniser sees a (normalised) character: blank, or a punctuation mark that stands alone. */
int ss_char_is_blank(int32_t c);
int ss_char_is_punctuation(int32_t c);

#endif
