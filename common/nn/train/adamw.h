/* adamw.h - AdamW (Loshchilov and Hutter 2019) as torch.optim.AdamW computes it, gradient clipping, learning rate.
 *
 *   p -= lr * decay * p                     (only tensors with ss_parameter.decay, unless decay_all)
 *   m  = beta1 m + (1 - beta1) g            v = beta2 v + (1 - beta2) g^2
 *   p -= lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + epsilon)        t = 1, 2, ...
 * The state is open: a checkpoint writes `step` and both arrays, and a restart fills them in.
 * The pool's threads work on fixed blocks, so results do not depend on their number.
 */
#ifndef SKILLSTREAM_NN_TRAIN_ADAMW_H
#define SKILLSTREAM_NN_TRAIN_ADAMW_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pool.h"
#include "nn/train/model.h"

typedef struct ss_adamw_options {
    double beta1, beta2, epsilon; /* 0.9, 0.999, 1e-8 */
    double weight_decay;          /* 0.01 */
    int decay_all;                /* biases and LayerNorm decay too, as with a single group in torch */
} ss_adamw_options;

typedef struct ss_adamw {
    size_t size;   /* N, as ss_train_model_size */
    uint64_t step; /* updates done */
    float *first;  /* (N) m */
    float *second; /* (N) v */
} ss_adamw;

/* The values named above. */
ss_adamw_options ss_adamw_defaults(void);

/* Moments of zero. */
int ss_adamw_init(ss_adamw *state, const ss_train_model *model, ss_error *err);
void ss_adamw_free(ss_adamw *state);

/* L2 norm of all gradients; NaN or infinite if one of them is. */
double ss_gradient_norm(ss_train_model *model, ss_pool *pool);
void ss_gradients_clear(ss_train_model *model, ss_pool *pool);

/* What gradients are multiplied with so that their norm is at most `most` (torch's clip_grad_norm_); most 0: 1. */
double ss_clip_factor(double norm, double most);

/* One update with the model's gradients times `factor`. */
void ss_adamw_update(ss_adamw *state, ss_train_model *model, ss_pool *pool, const ss_adamw_options *options, double lr,
                     double factor);

/* Linear warm-up, then linear decay to 0 at `total`, as transformers' get_linear_schedule_with_warmup: the factor for
 * update number `step` (from 0), 0 for the very first one if there is a warm-up. */
double ss_linear_schedule(uint64_t step, uint64_t warmup, uint64_t total);

#endif
