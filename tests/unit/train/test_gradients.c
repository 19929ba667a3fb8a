/* test_gradients.c - gradients of every tensor against central differences of a loss in double precision.
 *
 * The gradient of key biases is zero (softmax does not see them), so what is allowed does not shrink with a tensor's
 * own gradient alone: a ten-millionth of the gradient of all is allowed as well. The loss is that of a whole batch:
 * encoder, dropout, pooling, InfoNCE. For each tensor: the slope along three random directions, which covers all of its
 * elements, and along the axes of its largest gradients. Differences of a double loss at 1e-5 are good to about 1e-9;
 * what remains is the single precision of the gradients.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nn/train/step.h"
#include "tests/unit/train/reference.h"
#include "tests/unit/train/tiny_family.h"

enum { PAIRS = 4, CANDIDATES = 6, TEXTS = PAIRS + CANDIDATES, DIRECTIONS = 3, AXES = 3, LONGEST = 9 };

static const double step_size = 1e-5, tolerance = 3e-5, floor_share = 1e-7;

static const int32_t labels[CANDIDATES] = {7, 8, 7, 9, 10, 11};
static const int32_t seconds[PAIRS] = {SS_NO_LABEL, 9, 10, SS_NO_LABEL};

typedef struct setting {
    ss_train_model *model;
    ss_train_texts texts;
    ss_contrastive_batch batch;
    ss_contrastive_options loss;
    reference r;
    double *values; /* (N) of r */
    double norm;    /* of all gradients */
} setting;

static double loss_of(const setting *s)
{
    double vectors[TEXTS * TINY_HIDDEN];
    reference_forward(&s->r, &s->texts, vectors);
    return reference_loss(&s->batch, &s->loss, TINY_HIDDEN, vectors, vectors + PAIRS * TINY_HIDDEN);
}

/* Slope of the loss along `direction`, which spans the tensor. */
static double slope_along(setting *s, const ss_parameter *p, const double *direction)
{
    double *at = s->values + p->at, sides[2];
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < p->count; i++) at[i] += (side ? -2.0 : 1.0) * step_size * direction[i];
        sides[side] = loss_of(s);
    }
    const float *values = ss_train_model_values(s->model);
    for (size_t i = 0; i < p->count; i++) at[i] = (double)values[p->at + i];
    return (sides[0] - sides[1]) / (2.0 * step_size);
}

static void expect_slope(setting *s, const ss_parameter *p, const double *direction, double norm)
{
    const float *gradient = ss_train_model_gradients(s->model) + p->at;
    double got = 0.0, length = 0.0;
    for (size_t i = 0; i < p->count; i++) {
        got += (double)gradient[i] * direction[i];
        length += direction[i] * direction[i];
    }
    double want = slope_along(s, p, direction);
    if (!(fabs(got - want) <= (tolerance * norm + floor_share * s->norm) * sqrt(length)))
        fail_msg("%s: slope %.9g, by differences %.9g (norm %.3g)", p->name, got, want, norm);
}

static void check_tensor(setting *s, const ss_parameter *p, uint64_t *random)
{
    const float *gradient = ss_train_model_gradients(s->model) + p->at;
    double *direction = calloc(p->count, sizeof *direction), norm = 0.0;
    assert_non_null(direction);
    for (size_t i = 0; i < p->count; i++) norm += (double)gradient[i] * (double)gradient[i];
    norm = sqrt(norm);
    for (int d = 0; d < DIRECTIONS; d++) {
        for (size_t i = 0; i < p->count; i++) direction[i] = tiny_uniform(random);
        expect_slope(s, p, direction, norm);
    }
    double below = HUGE_VAL;
    for (int axis = 0; axis < AXES; axis++) {
        size_t best = p->count;
        for (size_t i = 0; i < p->count; i++) {
            double size = fabs((double)gradient[i]);
            if (size < below && (best == p->count || size > fabs((double)gradient[best]))) best = i;
        }
        if (best == p->count) break;
        below = fabs((double)gradient[best]);
        memset(direction, 0, p->count * sizeof *direction);
        direction[best] = 1.0;
        expect_slope(s, p, direction, norm);
    }
    free(direction);
}

/* Rows that torch never changes: the padding's. The reference knows nothing of that, so texts here have no padding. */
static void without_padding(ss_train_texts *texts, int pad)
{
    int32_t *ids = (int32_t *)(uintptr_t)texts->ids;
    for (size_t i = 0; i < texts->starts[texts->count]; i++)
        if (ids[i] == pad) ids[i] = TINY_IDS - 1;
}

static void compute(setting *s, const ss_train_engine_options *options)
{
    ss_error err = {0};
    ss_train_step_result result;
    ss_adamw state;
    ss_train_step_options step = ss_train_step_defaults();
    ss_pool *pool = ss_pool_new(2, &err);
    ss_train_engine *engine = ss_train_engine_new(s->model, pool, options, &err);
    assert_non_null(engine);
    assert_int_equal(ss_adamw_init(&state, s->model, &err), 0);
    state.step = s->r.step;
    step.loss = s->loss;
    step.adamw.weight_decay = 0.0;
    if (ss_train_step(engine, &state, &s->texts, &s->batch, &step, 0.0, &result, &err) != 0) fail_msg("%s", err.text);
    assert_true(fabs(result.loss - loss_of(s)) < 1e-5);
    s->norm = result.gradient_norm;
    ss_adamw_free(&state);
    ss_train_engine_free(engine);
    ss_pool_free(pool);
}

static void check_gradients(tiny_options options, ss_train_engine_options dropout, ss_contrastive_options loss)
{
    tiny_family tiny;
    tiny_family_make(&tiny, options);
    setting s = {
        .model = tiny_family_load(&tiny), .texts = tiny_texts_make(TEXTS, LONGEST, options.seed), .loss = loss};
    without_padding(&s.texts, options.family == SS_MPNET);
    s.batch = (ss_contrastive_batch){.pairs = PAIRS, .candidates = CANDIDATES, .labels = labels, .seconds = seconds};
    size_t size = ss_train_model_size(s.model), count;
    s.values = calloc(size, sizeof *s.values);
    assert_non_null(s.values);
    for (size_t i = 0; i < size; i++) s.values[i] = (double)ss_train_model_values(s.model)[i];
    s.r = (reference){.model = s.model, .values = s.values, .dropout = dropout, .step = 3};
    compute(&s, &dropout);
    const ss_parameter *parameters = ss_train_model_parameters(s.model, &count);
    uint64_t random = 99;
    for (size_t i = 0; i < count; i++) check_tensor(&s, &parameters[i], &random);
    free(s.values);
    tiny_texts_free(&s.texts);
    ss_train_model_free(s.model);
    tiny_family_free(&tiny);
}

static void bert_gradients_are_slopes_of_the_loss(void **state)
{
    (void)state;
    check_gradients((tiny_options){.family = SS_BERT, .seed = 1}, (ss_train_engine_options){.seed = 5},
                    (ss_contrastive_options){.scale = 20.0f});
}

static void mpnet_gradients_are_slopes_of_the_loss(void **state)
{
    (void)state;
    check_gradients((tiny_options){.family = SS_MPNET, .seed = 2}, (ss_train_engine_options){.seed = 5},
                    (ss_contrastive_options){.scale = 20.0f});
}

static void with_dropout_the_masks_of_both_passes_agree(void **state)
{
    (void)state;
    ss_train_engine_options dropout = {.hidden_dropout = 0.15f, .attention_dropout = 0.25f, .seed = 77};
    ss_contrastive_options loss = {.scale = 5.0f, .symmetric = 0.4f};
    check_gradients((tiny_options){.family = SS_BERT, .seed = 3}, dropout, loss);
    check_gradients((tiny_options){.family = SS_MPNET, .seed = 4}, dropout, loss);
}

static void over_several_chunks(void **state)
{
    (void)state;
    ss_train_engine_options dropout = {
        .hidden_dropout = 0.1f, .attention_dropout = 0.1f, .seed = 78, .activation_bytes = 1};
    ss_contrastive_options loss = {.scale = 10.0f, .second = SS_SECOND_MASKED};
    check_gradients((tiny_options){.family = SS_MPNET, .seed = 5}, dropout, loss);
}

static void other_activations_and_cls_pooling(void **state)
{
    (void)state;
    ss_contrastive_options loss = {.scale = 10.0f, .symmetric = 0.5f};
    ss_train_engine_options none = {.seed = 1};
    check_gradients((tiny_options){.family = SS_BERT, .activation = "gelu_new", .seed = 6}, none, loss);
    check_gradients((tiny_options){.family = SS_BERT, .activation = "relu", .pooling = SS_POOL_CLS, .seed = 7}, none,
                    loss);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bert_gradients_are_slopes_of_the_loss),
                                       cmocka_unit_test(mpnet_gradients_are_slopes_of_the_loss),
                                       cmocka_unit_test(with_dropout_the_masks_of_both_passes_agree),
                                       cmocka_unit_test(over_several_chunks),
                                       cmocka_unit_test(other_activations_and_cls_pooling)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
