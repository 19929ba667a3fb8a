/* reference.h - the encoder and the loss once more, in double precision and written from the definitions: one text, one
 * token, one head after the other, with names of tensors looked up where they are used. For comparison only; it shares
 * nothing with what it checks but the dropout masks' function.
 */
#ifndef SKILLSTREAM_TESTS_TRAIN_REFERENCE_H
#define SKILLSTREAM_TESTS_TRAIN_REFERENCE_H

#include "nn/train/contrastive.h"
#include "nn/train/engine.h"

typedef struct reference {
    const ss_train_model *model; /* for configuration and names */
    const double *values;        /* (N) in place of the model's */
    ss_train_engine_options dropout;
    uint64_t step;
} reference;

/* vectors (texts->count, D), L2-normalised. */
void reference_forward(const reference *r, const ss_train_texts *texts, double *vectors);

/* contrastive.h's loss. */
double reference_loss(const ss_contrastive_batch *batch, const ss_contrastive_options *options, size_t dims,
                      const double *sentences, const double *skills);

#endif
