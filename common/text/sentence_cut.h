/* sentence_cut.h - run-on sentences into pieces that a model can take (internal to common/text). */
#ifndef SKILLSTREAM_TEXT_SENTENCE_CUT_H
#define SKILLSTREAM_TEXT_SENTENCE_CUT_H

#include <stddef.h>

#include "text/sentence.h"

/* Bytes of the first piece of text[0 .. len): all of it if it has at most options->max_tokens tokens, else up to a good
 * place. At least one code point. */
size_t ss_sentence_piece(const char *text, size_t len, const ss_sentence_options *options);

#endif
