/* train_curve.c - does a run of training lie on PyTorch's?
 *
 *   golden_train_curve CURVE.json [THREADS]
 *
 * CURVE.json is made by make_train.py (or its like beside the repository): the model's name, options, pairs of each
 * step, and what torch had: loss, gradient norm before clipping, norm of all weights after the step, and perhaps
 * projections of the first step's gradients (train_projections.h). Dropout is off.
 * Prints the largest deviations; fails above the limits below. Both sides add the same numbers in single precision
 * in another order.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "nn/blas.h"
#include "tests/golden/golden_data.h"
#include "tests/golden/train_case.h"
#include "tests/golden/train_projections.h"

enum { MAX_PATH = 4096 };

/* Largest relative deviations allowed; of the loss relative to 1 where it is smaller. */
static const double loss_limit = 1e-4, gradient_limit = 5e-4, first_limit = 1e-4;
/* Of the weights' norm, for each step: torch rounds after the decay and again after the update, and a decay of 2e-7 is
 * two or three units of the last place, so its rounding has a direction; we round once. */
static const double weight_limit = 2e-8;
static const double tensor_limit = 1e-4; /* distance of a tensor's gradient over its norm */

typedef struct curve {
    json_t *run;
    ss_model_files *files;
    ss_train_model *model;
    ss_pool *pool;
    ss_train_engine *engine;
    ss_adamw state;
    double others;
    double loss, gradient, weight; /* largest deviations so far */
} curve;

static double wanted(const json_t *run, const char *key, size_t step)
{
    return json_number_value(json_array_get(json_object_get(run, key), step));
}

static double deviation(double got, double want, double unit)
{
    double d = fabs(got - want) / unit;
    return d >= 0.0 ? d : HUGE_VAL;
}

static void note(double *largest, double d)
{
    if (d > *largest) *largest = d;
}

static int open_model(curve *c, size_t threads, ss_error *err)
{
    char folder[MAX_PATH];
    const char *name = json_string_value(json_object_get(c->run, "model"));
    if (!name || golden_model_folder(name, folder, sizeof folder) != 0) {
        printf("skipped: no model '%s'\n", name ? name : "");
        return GOLDEN_SKIP;
    }
    ss_train_engine_options options = {.seed = 1};
    c->files = ss_model_files_open(folder, err);
    c->model = c->files ? ss_train_model_load(ss_model_files_set(c->files), err) : NULL;
    c->pool = c->model ? ss_pool_new(threads, err) : NULL;
    c->engine = c->pool ? ss_train_engine_new(c->model, c->pool, &options, err) : NULL;
    if (!c->engine || ss_adamw_init(&c->state, c->model, err) != 0) return -1;
    c->others = train_case_others(ss_model_files_set(c->files));
    return 0;
}

static int run_step(curve *c, size_t step, ss_error *err)
{
    train_batch batch;
    ss_train_step_result result;
    ss_train_step_options options = train_case_options(c->run);
    double lr = json_number_value(json_object_get(c->run, "lr"));
    if (train_batch_read(c->run, step, ss_train_model_tokenizer(c->model), &batch, err) != 0) return -1;
    int status = ss_train_step(c->engine, &c->state, &batch.texts, &batch.pairs, &options, lr, &result, err);
    train_batch_free(&batch);
    if (status != 0) return -1;
    double loss = wanted(c->run, "loss", step), gradient = wanted(c->run, "grad_norm", step);
    double weight = wanted(c->run, "weight_norm", step);
    note(&c->loss, deviation(result.loss, loss, loss > 1.0 ? loss : 1.0));
    note(&c->gradient, deviation(result.gradient_norm, gradient, gradient));
    note(&c->weight, deviation(train_case_norm(c->model, c->others), weight, weight));
    return 0;
}

static int run_all(curve *c, ss_error *err)
{
    size_t steps = json_array_size(json_object_get(c->run, "batches"));
    double start = ss_now();
    int bad = steps == 0;
    for (size_t step = 0; step < steps; step++) {
        if (run_step(c, step, err) != 0) return -1;
        if (step == 0) {
            printf("first step: loss off by %.1e, gradient norm by %.1e\n", c->loss, c->gradient);
            bad |= !(c->loss <= first_limit && c->gradient <= first_limit);
            const json_t *gradients = json_object_get(c->run, "gradients");
            if (gradients)
                bad |= train_projections_check(c->model, gradients, wanted(c->run, "grad_norm", 0), tensor_limit) > 0;
        }
    }
    printf("%zu steps: loss off by at most %.1e, gradient norm by %.1e, weight norm by %.1e; %.3f s a step\n", steps,
           c->loss, c->gradient, c->weight, (ss_now() - start) / (double)(steps ? steps : 1));
    return bad ||
           !(c->loss <= loss_limit && c->gradient <= gradient_limit && c->weight <= weight_limit * (double)steps);
}

int main(int argc, char **argv)
{
    ss_error err = {0};
    curve c = {0};
    json_error_t at;
    ss_blas_prepare(argv, NULL);
    c.run = argc > 1 ? json_load_file(argv[1], 0, &at) : NULL;
    if (!c.run) {
        printf("skipped: no file %s\n", argc > 1 ? argv[1] : "given");
        return GOLDEN_SKIP;
    }
    int result = open_model(&c, argc > 2 ? strtoul(argv[2], NULL, 10) : 0, &err);
    if (result == 0) result = run_all(&c, &err);
    if (result < 0) fprintf(stderr, "%s\n", err.text);
    ss_adamw_free(&c.state);
    ss_train_engine_free(c.engine);
    ss_pool_free(c.pool);
    ss_train_model_free(c.model);
    ss_model_files_close(c.files);
    json_decref(c.run);
    return result < 0 ? 1 : result;
}
