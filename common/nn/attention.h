/* attention.h - multi-head self-attention of one sequence, on its rows of a packed micro-batch.
 *
 *   S = scale Q K^T + bias,  P = softmax(S),  out = P V      per head (Vaswani et al. 2017)
 * The bias (MPNet's relative positions) depends on j - i only, so a head's T x T matrix is a vector of 2T - 1.
 * Scores of a dozen query rows at a time live in the cache; the T x T matrix is never written.
 */
#ifndef SKILLSTREAM_NN_ATTENTION_H
#define SKILLSTREAM_NN_ATTENTION_H

#include <stddef.h>

#include "nn/kernels.h"

typedef struct ss_attention {
    const ss_kernels *kernels;
    size_t heads, width; /* H = heads * width */
    size_t max_tokens;
    float scale;
    const float *bias; /* (heads, 2 max_tokens - 1): entry max_tokens - 1 + (j - i) for key j, query i; NULL: none */
} ss_attention;

/* Floats of scratch memory for sequences of up to max_tokens. */
size_t ss_attention_scratch(const ss_attention *attention);

/*   qkv      (tokens, 3 H) query, key and value of each token side by side, rows ldq apart
 *   scratch  64-byte aligned
 *   out      (tokens, H) rows ldo apart; must not overlap qkv */
void ss_attention_run(const ss_attention *attention, size_t tokens, const float *qkv, size_t ldq, float *scratch,
                      float *out, size_t ldo);

/* MPNet's and T5's bucket of the distance key - query (Raffel et al. 2020): half of the buckets for each direction, of
 * these half for single distances and the rest in logarithmic steps up to 128. */
size_t ss_relative_bucket(long distance, size_t buckets);

#endif
