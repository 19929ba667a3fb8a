/* test_adamw.c - AdamW against its published formula in double precision, clipping, norm and schedule. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nn/train/adamw.h"
#include "tests/unit/train/tiny_family.h"

enum { STEPS = 5 };

typedef struct fixture {
    tiny_family tiny;
    ss_train_model *model;
    ss_pool *pool;
    ss_adamw state;
    size_t size;
    float *values, *gradients;
} fixture;

static void make(fixture *f, size_t threads)
{
    ss_error err = {0};
    tiny_family_make(&f->tiny, (tiny_options){.family = SS_BERT, .seed = 21});
    f->model = tiny_family_load(&f->tiny);
    f->pool = ss_pool_new(threads, &err);
    assert_non_null(f->pool);
    assert_int_equal(ss_adamw_init(&f->state, f->model, &err), 0);
    f->size = ss_train_model_size(f->model);
    f->values = ss_train_model_values(f->model);
    f->gradients = ss_train_model_gradients(f->model);
}

static void drop(fixture *f)
{
    ss_adamw_free(&f->state);
    ss_pool_free(f->pool);
    ss_train_model_free(f->model);
    tiny_family_free(&f->tiny);
}

/* Gradients of very different sizes. */
static double gradient_scale(size_t i)
{
    return pow(10.0, (double)(i % 7) - 5.0);
}

static void random_gradients(fixture *f, uint64_t seed)
{
    uint64_t state = seed + 1;
    for (size_t i = 0; i < f->size; i++) f->gradients[i] = (float)(tiny_uniform(&state) * gradient_scale(i));
}

/* Loshchilov and Hutter 2019, algorithm 2, with the decay times the learning rate as torch has it. */
typedef struct wanted {
    double value, first, second;
} wanted;

static void step_wanted(wanted *w, double gradient, double lr, double decay, const ss_adamw_options *o, int t)
{
    w->value -= lr * decay * w->value;
    w->first = o->beta1 * w->first + (1.0 - o->beta1) * gradient;
    w->second = o->beta2 * w->second + (1.0 - o->beta2) * gradient * gradient;
    double first = w->first / (1.0 - pow(o->beta1, t)), second = w->second / (1.0 - pow(o->beta2, t));
    w->value -= lr * first / (sqrt(second) + o->epsilon);
}

static void check_updates(int decay_all)
{
    fixture f;
    make(&f, 3);
    ss_adamw_options options = ss_adamw_defaults();
    options.weight_decay = 0.3;
    options.decay_all = decay_all;
    wanted *want = calloc(f.size, sizeof *want);
    assert_non_null(want);
    for (size_t i = 0; i < f.size; i++) want[i].value = (double)f.values[i];
    size_t count, decayed = 0;
    const ss_parameter *parameters = ss_train_model_parameters(f.model, &count);
    for (int t = 1; t <= STEPS; t++) {
        double lr = 0.01 / t, factor = t == 2 ? 0.5 : 1.0;
        random_gradients(&f, (uint64_t)t);
        for (size_t p = 0; p < count; p++)
            for (size_t i = parameters[p].at; i < parameters[p].at + parameters[p].count; i++)
                step_wanted(&want[i], (double)f.gradients[i] * factor, lr,
                            decay_all || parameters[p].decay ? options.weight_decay : 0.0, &options, t);
        ss_adamw_update(&f.state, f.model, f.pool, &options, lr, factor);
    }
    assert_int_equal(f.state.step, STEPS);
    for (size_t i = 0; i < f.size; i++) {
        assert_near(f.values[i], want[i].value, 2e-6);
        double scale = gradient_scale(i); /* moments are sums of numbers of this size */
        assert_near(f.state.first[i], want[i].first, 1e-6 * scale);
        assert_near(f.state.second[i], want[i].second, 1e-9 * scale * scale);
    }
    for (size_t p = 0; p < count; p++) {
        int vector = strstr(parameters[p].name, ".bias") || strstr(parameters[p].name, "LayerNorm");
        assert_int_equal(parameters[p].decay, !vector);
        decayed += (size_t)parameters[p].decay;
    }
    assert_int_equal(decayed, 3 + 6 * TINY_LAYERS);
    free(want);
    drop(&f);
}

static void updates_follow_the_formula(void **state)
{
    (void)state;
    check_updates(0);
    check_updates(1);
}

static void the_norm_is_that_of_all_gradients(void **state)
{
    (void)state;
    fixture f;
    make(&f, 2);
    random_gradients(&f, 9);
    double squares = 0.0;
    for (size_t i = 0; i < f.size; i++) squares += (double)f.gradients[i] * (double)f.gradients[i];
    assert_near(ss_gradient_norm(f.model, f.pool), sqrt(squares), 1e-9 * sqrt(squares));
    f.gradients[f.size / 2] = NAN;
    assert_true(isnan(ss_gradient_norm(f.model, f.pool)));
    ss_gradients_clear(f.model, f.pool);
    assert_true(ss_gradient_norm(f.model, f.pool) == 0.0);
    drop(&f);
}

static void threads_do_not_change_a_bit(void **state)
{
    (void)state;
    fixture one, four;
    make(&one, 1);
    make(&four, 4);
    ss_adamw_options options = ss_adamw_defaults();
    for (int t = 0; t < STEPS; t++) {
        random_gradients(&one, (uint64_t)t);
        random_gradients(&four, (uint64_t)t);
        assert_true(ss_gradient_norm(one.model, one.pool) == ss_gradient_norm(four.model, four.pool));
        ss_adamw_update(&one.state, one.model, one.pool, &options, 0.01, 0.7);
        ss_adamw_update(&four.state, four.model, four.pool, &options, 0.01, 0.7);
    }
    assert_memory_equal(one.values, four.values, one.size * sizeof(float));
    drop(&one);
    drop(&four);
}

static void clipping_and_schedule(void **state)
{
    (void)state;
    assert_near(ss_clip_factor(4.0, 1.0), 1.0 / (4.0 + 1e-6), 1e-15);
    assert_true(ss_clip_factor(0.5, 1.0) == 1.0);
    assert_true(ss_clip_factor(1e9, 0.0) == 1.0);
    const double want[] = {0.0, 0.5, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0}; /* transformers, warm-up 2 of 6 */
    for (uint64_t step = 0; step < 8; step++) assert_near(ss_linear_schedule(step, 2, 6), want[step], 1e-12);
    assert_near(ss_linear_schedule(0, 0, 4), 1.0, 1e-12);
    assert_near(ss_linear_schedule(0, 0, 0), 0.0, 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_follow_the_formula), cmocka_unit_test(the_norm_is_that_of_all_gradients),
        cmocka_unit_test(threads_do_not_change_a_bit), cmocka_unit_test(clipping_and_schedule)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
