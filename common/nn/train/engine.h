/* engine.h - forward and backward pass of an encoder over a batch of texts of any size.
 *
 *   forward    ids -> one L2-normalised vector per text
 *   backward   gradient of the vectors -> added to the gradients of all parameters
 *
 * Memory: a batch is cut, in its order, into chunks whose activations fit `activation_bytes`. The forward pass keeps
 * the activations of the last chunk only; the backward pass goes through the chunks from last to first and runs all but
 * the last forward once more, with the same dropout masks (GradCache, Gao et al. 2021, arXiv 2101.06983). So a
 * contrastive loss over 512 and more pairs needs the memory of one chunk, and a batch of one chunk costs nothing extra.
 *
 * Determinism: results are the same bit for bit for any number of threads. Rows of a matrix never depend on each other;
 * sums over tokens are cut at fixed places (engine.c). They do depend on `activation_bytes`, on the order of the texts
 * and on the kind of CPU (kernels.h).
 *
 * Threads: one caller at a time; the pool works inside the calls.
 */
#ifndef SKILLSTREAM_NN_TRAIN_ENGINE_H
#define SKILLSTREAM_NN_TRAIN_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pool.h"
#include "nn/train/model.h"

typedef struct ss_train_engine ss_train_engine;

/* Token ids of some texts, end to end, as in encoder.h: text t has ids[starts[t]] .. ids[starts[t+1] - 1]. */
typedef struct ss_train_texts {
    const int32_t *ids;
    const uint32_t *starts; /* (count + 1), starts[0] = 0; no text is empty */
    size_t count;
} ss_train_texts;

typedef struct ss_train_engine_options {
    float hidden_dropout;    /* after the embeddings and after each block, 0 <= p < 1; 0: off */
    float attention_dropout; /* on attention probabilities */
    uint64_t seed;           /* masks are a function of (seed, step, layer, text, token, element), see dropout.h */
    size_t activation_bytes; /* 0: 1 GiB. At least one text of the token limit always fits */
} ss_train_engine_options;

/* Borrows model and pool, which must outlive it. Memory is taken as batches need it, and kept. */
ss_train_engine *ss_train_engine_new(ss_train_model *model, ss_pool *pool, const ss_train_engine_options *options,
                                     ss_error *err);
void ss_train_engine_free(ss_train_engine *engine);
ss_train_model *ss_train_engine_model(const ss_train_engine *engine);
ss_pool *ss_train_engine_pool(const ss_train_engine *engine);

/* Vectors of `texts` with the model's present weights.
 *   step     chooses the dropout masks; the same step and texts give the same masks
 *   vectors  (texts->count, D)
 * ids and starts must stay as they are until ss_train_backward. Errors: SS_INPUT, SS_LIMIT, SS_MEMORY. */
int ss_train_forward(ss_train_engine *engine, const ss_train_texts *texts, uint64_t step, float *vectors,
                     ss_error *err);

/* Adds to ss_train_model_gradients what the loss's gradient of the vectors of the last ss_train_forward means for the
 * parameters. The weights must not have changed in between. Each forward allows one backward.
 *   d_vectors  (texts->count, D) */
int ss_train_backward(ss_train_engine *engine, const float *d_vectors, ss_error *err);

/* As ss_train_forward without dropout, and without anything kept for a backward pass: for mining and checks while
 * training. */
int ss_train_embed(ss_train_engine *engine, const ss_train_texts *texts, float *vectors, ss_error *err);

/* Bytes that the engine holds now, without the model. */
size_t ss_train_engine_bytes(const ss_train_engine *engine);

#endif
