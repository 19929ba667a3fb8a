/* tokenizer.h - WordPiece: text in, the model's token ids out, equal to Hugging Face's.
 *
 * Reads the model's own files: tokenizer.json if it is there, else vocab.txt with
 * tokenizer_config.json. Supported: a WordPiece model behind the BERT normaliser and pre-tokeniser, with BERT's
 * ([CLS] text [SEP]) or MPNet's (<s> text </s>) or any other one-sequence template; anything else is an
 * SS_UNSUPPORTED error that names it. Truncation and padding stored in tokenizer.json are ignored: the
 * model's limit is the caller's business (ss_encoder_max_tokens).
 *
 * Special tokens written in the text ("[MASK]", "</s>") become those tokens, as in Hugging Face.
 *
 * An ss_tokenizer is immutable after loading and may be used by any number of threads; each thread brings
 * its own ss_tokenizer_scratch. Text should be UTF-8; malformed bytes are dropped.
 */
#ifndef SKILLSTREAM_TEXT_TOKENIZER_H
#define SKILLSTREAM_TEXT_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file.h"

typedef struct ss_tokenizer ss_tokenizer;
typedef struct ss_tokenizer_scratch ss_tokenizer_scratch; /* one thread's working memory */

/* Loads from the files of a model folder ("tokenizer.json", "vocab.txt", "tokenizer_config.json"). The files may go
 * away afterwards. NULL and *err: SS_NOT_FOUND, SS_INPUT (not what a tokenizer file should be), SS_UNSUPPORTED,
 * SS_MEMORY. */
ss_tokenizer *ss_tokenizer_load(const ss_fileset *files, ss_error *err);
void ss_tokenizer_free(ss_tokenizer *tokenizer);

ss_tokenizer_scratch *ss_tokenizer_scratch_new(ss_error *err);
void ss_tokenizer_scratch_free(ss_tokenizer_scratch *scratch);

/* Number of ids; every id is below it. */
size_t ss_tokenizer_vocabulary(const ss_tokenizer *tokenizer);

/* Special tokens that are put around every text (2 for BERT and MPNet). */
size_t ss_tokenizer_specials(const ss_tokenizer *tokenizer);

/* Whether the tokenizer lower-cases text itself. */
int ss_tokenizer_lowers(const ss_tokenizer *tokenizer);

/* The id of a token as the vocabulary spells it ("##ing", "[PAD]"), or -1. */
int32_t ss_tokenizer_id(const ss_tokenizer *tokenizer, const char *token);

/* Ids of `text` with the special tokens around it, cut on the right to max_tokens (special tokens included;
 * max_tokens must be at least ss_tokenizer_specials).
 *   ids    (max_tokens) room for the ids
 *   count  how many were written
 *   full   how many there would be without the cut; NULL = not wanted, which saves the time for the rest of a long text
 * -1 only when memory is out or max_tokens is too small. */
int ss_tokenize(const ss_tokenizer *tokenizer, ss_tokenizer_scratch *scratch, const char *text, size_t len,
                size_t max_tokens, int32_t *ids, size_t *count, size_t *full, ss_error *err);

/* Tokens of `text` without special ones around it, for whoever cuts sentences at a token limit; 0, or -1 without
 * memory. */
int ss_tokenizer_count(const ss_tokenizer *tokenizer, ss_tokenizer_scratch *scratch, const char *text, size_t len,
                       size_t *tokens, ss_error *err);

#endif
