/* embed.h - texts in, embeddings out: tokenizer, packing, encoder and compute threads put together.
 *
 * Texts are tokenised in parallel, equal ones are computed once, the rest is sorted by length, packed without padding
 * into micro-batches of a token budget, and each compute thread runs whole micro-batches. The packing depends on the
 * texts alone, never on the number of threads.
 *
 * An ss_embedder is used by one thread at a time (its pool works for it inside the calls).
 */
#ifndef SKILLSTREAM_NN_EMBED_H
#define SKILLSTREAM_NN_EMBED_H

#include <stddef.h>

#include "base/error.h"
#include "base/pool.h"
#include "nn/encoder.h"

/* A text that is not NUL-terminated. */
typedef struct ss_string_view {
    const char *data;
    size_t len;
} ss_string_view;

typedef struct ss_embedder ss_embedder;

/* Borrows encoder and pool, which must outlive it. */
ss_embedder *ss_embedder_new(const ss_encoder *encoder, ss_pool *pool, ss_error *err);
void ss_embedder_free(ss_embedder *embedder);
const ss_encoder *ss_embedder_encoder(const ss_embedder *embedder);

/* Called on the calling thread now and then with the number of texts done so far; the last call has n. */
typedef void ss_embed_progress(void *ctx, size_t done);

/* Embeds n texts.
 *   out       (n, D) row i belongs to texts[i]
 *   progress  may be NULL
 * A text over the model's token limit is cut, as sentence-transformers does. */
int ss_embed_texts(ss_embedder *embedder, const ss_string_view *texts, size_t n, float *out,
                   ss_embed_progress *progress, void *ctx, ss_error *err);

/* Tokens (special ones included, after the cut) that all calls so far have put through the encoder, which does not see
 * a text again that came before in the same call; for metrics. */
size_t ss_embedder_tokens(const ss_embedder *embedder);

#endif
