/* encoder.h - a BERT-family sentence encoder: token ids in, one vector per sequence out.
 *
 * Families: BERT (Devlin et al. 2018) and MPNet (Song et al. 2020, relative position bias as in T5), post-norm, any
 * size. In fp32 or int8 (precision.h); int8 gives the same bits on every CPU.
 *
 * A micro-batch is packed: sequences lie end to end without padding, so the matrix products see only real tokens, and
 * attention runs on each sequence's own rows. The vector of a sequence does not depend on its neighbours in
 * the micro-batch.
 *
 * Threads: an ss_encoder is immutable and shared; an ss_encoder_run is one thread's memory.
 */
#ifndef SKILLSTREAM_NN_ENCODER_H
#define SKILLSTREAM_NN_ENCODER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file.h"
#include "nn/gemm.h"
#include "nn/model_files.h"
#include "text/tokenizer.h"

typedef struct ss_encoder ss_encoder;
typedef struct ss_encoder_run ss_encoder_run;

/* Loads configuration, tokenizer and weights, for fp32. `files` and their bytes must stay alive as long as the encoder:
 * weights are read in place where that is possible. */
ss_encoder *ss_encoder_load(const ss_fileset *files, ss_error *err);
/* The same with an engine of choice (gemm.h: ss_engine_for a precision; ss_engine_named for tests and benchmarks). */
ss_encoder *ss_encoder_load_with(const ss_fileset *files, ss_engine engine, ss_error *err);
void ss_encoder_free(ss_encoder *encoder);

size_t ss_encoder_dims(const ss_encoder *encoder);       /* D, floats of an embedding */
size_t ss_encoder_max_tokens(const ss_encoder *encoder); /* per sequence, special tokens included */
const ss_tokenizer *ss_encoder_tokenizer(const ss_encoder *encoder);
const ss_model_config *ss_encoder_config(const ss_encoder *encoder);

/* Parts of the files' bytes that the encoder has copied into a layout of its own and does not read again: the weights
 * of linear layers, 42 MB of MiniLM's 91. They belong to the encoder's owner, who may give their memory back (pages.h).
 */
typedef struct ss_copied_weights {
    const void *data;
    size_t len; /* bytes */
} ss_copied_weights;
const ss_copied_weights *ss_encoder_copied(const ss_encoder *encoder, size_t *count);

/* "avx512", "avx2", "generic" or "openblas", in int8 also "avx512vnni" or "avxvnni": what computes the matrix products;
 * for the log. Static storage. */
const char *ss_encoder_engine(const ss_encoder *encoder);
ss_precision ss_encoder_precision(const ss_encoder *encoder);

/* Multiply-add operations times two for one sequence of `tokens` tokens; for benchmarks. */
double ss_encoder_flops(const ss_encoder *encoder, size_t tokens);

/* Memory for micro-batches of up to max_batch_tokens tokens (at least one sequence of ss_encoder_max_tokens always
 * fits). Taken at once; a forward pass allocates nothing. */
ss_encoder_run *ss_encoder_run_new(const ss_encoder *encoder, size_t max_batch_tokens, ss_error *err);
void ss_encoder_run_free(ss_encoder_run *run);

/* One packed micro-batch.
 *   ids        (starts[sequences]) token ids of all sequences, special tokens included
 *   starts     (sequences + 1) sequence s has ids[starts[s]] .. ids[starts[s+1] - 1]; starts[0] = 0; none may be empty
 *   out        (sequences, D) one vector per sequence, L2-normalised if the model says so
 * Errors: SS_LIMIT (batch or sequence too long), SS_INPUT (id outside the vocabulary, empty sequence). */
int ss_encoder_forward(ss_encoder_run *run, const int32_t *ids, const uint32_t *starts, size_t sequences, float *out,
                       ss_error *err);

/* All hidden states of one sequence, for comparison with other implementations.
 *   states  (L + 1, tokens, D): after the embeddings, then after each layer */
int ss_encoder_states(ss_encoder_run *run, const int32_t *ids, size_t tokens, float *states, ss_error *err);

#endif
