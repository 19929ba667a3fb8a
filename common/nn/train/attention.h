/* attention.h - self-attention of one text for training: forward with dropout, and backward.
 *
 *   S = scale Q K^T + bias,  P = softmax(S),  O = dropout(P) V      per head, see nn/attention.h
 *   dV = dropout(P)^T dO,  dP = dropout(dO V^T),  dS = P (dP - sum P dP),  dQ = scale dS K,  dK = scale dS^T Q
 * P is not kept: the backward pass computes it again from Q and K, which are.
 */
#ifndef SKILLSTREAM_NN_TRAIN_ATTENTION_H
#define SKILLSTREAM_NN_TRAIN_ATTENTION_H

#include <stddef.h>
#include <stdint.h>

#include "nn/train/dropout.h"
#include "nn/train/row_kernels.h"

typedef struct ss_train_attention {
    const ss_kernels *kernels;
    const ss_row_kernels *rows;
    size_t heads, width; /* H = heads * width */
    size_t max_tokens;
    float scale;
    const float *bias; /* (heads, 2 max_tokens - 1) as in nn/attention.h, or NULL */
} ss_train_attention;

/* One text. */
typedef struct ss_attended {
    size_t tokens;
    const float *qkv; /* (tokens, 3 H) rows ldq apart */
    size_t ldq;
    float dropout;
    ss_dropout_row site; /* its row is filled in here */
} ss_attended;

/* Floats of scratch memory for texts of up to `tokens` tokens. */
size_t ss_train_attention_scratch(const ss_train_attention *attention, size_t tokens);

/*   out  (tokens, H) rows ldo apart */
void ss_train_attention_forward(const ss_train_attention *attention, const ss_attended *text, float *scratch,
                                float *out, size_t ldo);

/*   d_out   (tokens, H) rows ldo apart
 *   d_qkv   (tokens, 3 H) rows ldd apart, overwritten
 *   d_bias  (heads, 2 max_tokens - 1) added to; NULL without bias */
void ss_train_attention_backward(const ss_train_attention *attention, const ss_attended *text, const float *d_out,
                                 size_t ldo, float *scratch, float *d_qkv, size_t ldd, float *d_bias);

#endif
