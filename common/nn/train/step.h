/* step.h - one training step: vectors, loss, gradients, clipping, update.
 *
 * The pieces are public (engine.h, contrastive.h, adamw.h), for losses of another kind; this puts them together for the
 * usual case.
 */
#ifndef SKILLSTREAM_NN_TRAIN_STEP_H
#define SKILLSTREAM_NN_TRAIN_STEP_H

#include "nn/train/adamw.h"
#include "nn/train/contrastive.h"
#include "nn/train/engine.h"

typedef struct ss_train_step_options {
    ss_contrastive_options loss;
    ss_adamw_options adamw;
    double clip; /* largest gradient norm, 1; 0: no clipping */
} ss_train_step_options;

/* Scale 20, one direction, a joined sentence's skill as second positive, AdamW's defaults, clip 1. */
ss_train_step_options ss_train_step_defaults(void);

typedef struct ss_train_step_result {
    double loss;
    double accuracy;      /* of contrastive.h */
    double gradient_norm; /* before clipping */
    size_t tokens;        /* of all texts */
} ss_train_step_result;

/* One step with learning rate `lr`.
 *   texts  B + C of them: the batch's sentences, then its candidates
 *   state  state->step is the number of the step, for dropout as well, and goes up by one
 * When loss or gradient norm is not finite, SS_INPUT, *result is filled, and weights and state are untouched. */
int ss_train_step(ss_train_engine *engine, ss_adamw *state, const ss_train_texts *texts,
                  const ss_contrastive_batch *batch, const ss_train_step_options *options, double lr,
                  ss_train_step_result *result, ss_error *err);

#endif
