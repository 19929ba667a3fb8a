/* step.c - see step.h. */
#include "nn/train/step.h"

#include <math.h>
#include <stdlib.h>

ss_train_step_options ss_train_step_defaults(void)
{
    return (ss_train_step_options){.loss = {.scale = 20.0f, .symmetric = 0.0f, .second = SS_SECOND_POSITIVE},
                                   .adamw = ss_adamw_defaults(),
                                   .clip = 1.0};
}

/* Loss of the batch's vectors, then gradients of all parameters. vectors and d_vectors (B + C, D). */
static int compute_gradients(ss_train_engine *engine, uint64_t step, const ss_train_texts *texts,
                             const ss_contrastive_batch *batch, const ss_contrastive_options *options, float *vectors,
                             float *d_vectors, ss_train_step_result *result, ss_error *err)
{
    ss_train_model *model = ss_train_engine_model(engine);
    ss_pool *pool = ss_train_engine_pool(engine);
    size_t dims = ss_train_model_dims(model), split = batch->pairs * dims;
    ss_contrastive_result loss;
    if (ss_train_forward(engine, texts, step, vectors, err) != 0 ||
        ss_contrastive_loss(batch, options, dims, vectors, vectors + split, pool, d_vectors, d_vectors + split, &loss,
                            err) != 0)
        return -1;
    result->loss = loss.loss;
    result->accuracy = loss.accuracy;
    if (!isfinite(loss.loss)) return ss_fail(err, SS_INPUT, "the loss is not a number");
    ss_gradients_clear(model, pool);
    if (ss_train_backward(engine, d_vectors, err) != 0) return -1;
    result->gradient_norm = ss_gradient_norm(model, pool);
    return isfinite(result->gradient_norm) ? 0 : ss_fail(err, SS_INPUT, "the gradient's norm is not a number");
}

int ss_train_step(ss_train_engine *engine, ss_adamw *state, const ss_train_texts *texts,
                  const ss_contrastive_batch *batch, const ss_train_step_options *options, double lr,
                  ss_train_step_result *result, ss_error *err)
{
    ss_train_model *model = ss_train_engine_model(engine);
    size_t dims = ss_train_model_dims(model);
    *result = (ss_train_step_result){.loss = 0.0};
    if (texts->count != batch->pairs + batch->candidates)
        return ss_fail(err, SS_INPUT, "%zu texts for %zu pairs and %zu candidates", texts->count, batch->pairs,
                       batch->candidates);
    float *vectors = calloc(texts->count, dims * sizeof *vectors);
    float *d_vectors = calloc(texts->count, dims * sizeof *d_vectors);
    int status = vectors && d_vectors ? 0 : ss_fail_memory(err, "starting a training step");
    if (status == 0) {
        result->tokens = texts->starts[texts->count];
        status = compute_gradients(engine, state->step, texts, batch, &options->loss, vectors, d_vectors, result, err);
    }
    if (status == 0)
        ss_adamw_update(state, model, ss_train_engine_pool(engine), &options->adamw, lr,
                        ss_clip_factor(result->gradient_norm, options->clip));
    free(vectors);
    free(d_vectors);
    return status;
}
