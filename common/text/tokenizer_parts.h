/* tokenizer_parts.h - what tokenizer_load.c fills and tokenizer.c runs on; private to the two. */
#ifndef SKILLSTREAM_TEXT_TOKENIZER_PARTS_H
#define SKILLSTREAM_TEXT_TOKENIZER_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "text/normalise.h"
#include "text/tokenizer.h"
#include "text/wordpiece.h"

/* A token that is looked for in the text as a whole, before words are cut. Hugging Face's flags lstrip and rstrip
 * (swallow the blanks beside it) are not kept: blanks never become tokens here. */
typedef struct ss_added_token {
    char *text; /* as it must stand in the (for `normalised` ones: normalised) text */
    size_t len; /* > 0 */
    int32_t id;
    int single_word; /* only where no letter or digit touches it */
} ss_added_token;

/* All added tokens that are looked for in the same form of the text. */
typedef struct ss_added_tokens {
    ss_added_token *items; /* longest first, so that the first that fits is the longest */
    size_t count;
    unsigned char starts[256]; /* 1 where a token starts with this byte */
} ss_added_tokens;

struct ss_tokenizer {
    ss_wordpiece *pieces;
    ss_normaliser normaliser;
    ss_added_tokens raw, normalised; /* looked for before and after normalising */
    int32_t *before, *after;         /* special tokens around a text */
    size_t before_count, after_count;
    size_t max_chars;  /* of a word */
    size_t vocabulary; /* highest id + 1 */
};

struct ss_tokenizer_scratch {
    ss_buffer text;  /* normalised text of the piece at hand */
    int32_t *pieces; /* of the word at hand */
    size_t pieces_cap;
};

#endif
