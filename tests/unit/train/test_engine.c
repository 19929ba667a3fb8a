/* test_engine.c - what engine.h and step.h promise beside right gradients: vectors equal to inference, results that do
 * not depend on threads, on chunks (but for rounding) or on a restart, and errors.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nn/encoder.h"
#include "nn/train/step.h"
#include "tests/unit/train/tiny_family.h"

enum { TEXTS = 40, STEPS = 6 };

/* A model with everything to train it. */
typedef struct bench {
    tiny_family tiny;
    ss_train_model *model;
    ss_pool *pool;
    ss_train_engine *engine;
    ss_adamw state;
} bench;

static void bench_make(bench *b, ss_family family, size_t threads, const ss_train_engine_options *options)
{
    ss_error err = {0};
    tiny_family_make(&b->tiny, (tiny_options){.family = family, .seed = 11});
    b->model = tiny_family_load(&b->tiny);
    b->pool = ss_pool_new(threads, &err);
    assert_non_null(b->pool);
    b->engine = ss_train_engine_new(b->model, b->pool, options, &err);
    assert_non_null(b->engine);
    assert_int_equal(ss_adamw_init(&b->state, b->model, &err), 0);
}

static void bench_free(bench *b)
{
    ss_adamw_free(&b->state);
    ss_train_engine_free(b->engine);
    ss_pool_free(b->pool);
    ss_train_model_free(b->model);
    tiny_family_free(&b->tiny);
}

static const ss_train_engine_options with_dropout = {.hidden_dropout = 0.1f, .attention_dropout = 0.1f, .seed = 42};

/* One step on a batch of its own; returns the loss. */
static double train(bench *b, uint64_t seed)
{
    ss_error err = {0};
    ss_train_step_result result;
    ss_train_step_options options = ss_train_step_defaults();
    int32_t labels[TEXTS / 2];
    for (int i = 0; i < TEXTS / 2; i++) labels[i] = i;
    ss_train_texts texts = tiny_texts_make(TEXTS, TINY_MAX_TOKENS, seed);
    ss_contrastive_batch batch = {.pairs = TEXTS / 2, .candidates = TEXTS / 2, .labels = labels};
    if (ss_train_step(b->engine, &b->state, &texts, &batch, &options, 1e-3, &result, &err) != 0)
        fail_msg("%s", err.text);
    tiny_texts_free(&texts);
    return result.loss;
}

static void vectors_are_those_of_inference(void **state)
{
    (void)state;
    ss_error err = {0};
    for (int family = SS_BERT; family <= SS_MPNET; family++) {
        bench b;
        float vectors[TEXTS * TINY_HIDDEN], wanted[TEXTS * TINY_HIDDEN];
        bench_make(&b, (ss_family)family, 2, &with_dropout);
        ss_train_texts texts = tiny_texts_make(TEXTS, TINY_MAX_TOKENS, 3);
        ss_encoder *encoder = ss_encoder_load(&b.tiny.files, &err);
        assert_non_null(encoder);
        ss_encoder_run *run = ss_encoder_run_new(encoder, texts.starts[TEXTS], &err);
        assert_non_null(run);
        assert_int_equal(ss_encoder_forward(run, texts.ids, texts.starts, TEXTS, wanted, &err), 0);
        assert_int_equal(ss_train_embed(b.engine, &texts, vectors, &err), 0);
        for (size_t i = 0; i < TEXTS * TINY_HIDDEN; i++) assert_near(vectors[i], wanted[i], 3e-6);
        ss_encoder_run_free(run);
        ss_encoder_free(encoder);
        tiny_texts_free(&texts);
        bench_free(&b);
    }
}

static void dropout_changes_vectors_with_the_step_only(void **state)
{
    (void)state;
    ss_error err = {0};
    bench b;
    float first[TEXTS * TINY_HIDDEN], again[TEXTS * TINY_HIDDEN], next[TEXTS * TINY_HIDDEN];
    bench_make(&b, SS_BERT, 2, &with_dropout);
    ss_train_texts texts = tiny_texts_make(TEXTS, TINY_MAX_TOKENS, 3);
    assert_int_equal(ss_train_forward(b.engine, &texts, 1, first, &err), 0);
    assert_int_equal(ss_train_forward(b.engine, &texts, 2, next, &err), 0);
    assert_int_equal(ss_train_forward(b.engine, &texts, 1, again, &err), 0);
    assert_memory_equal(first, again, sizeof first);
    assert_memory_not_equal(first, next, sizeof first);
    tiny_texts_free(&texts);
    bench_free(&b);
}

static void threads_do_not_change_a_bit(void **state)
{
    (void)state;
    for (int family = SS_BERT; family <= SS_MPNET; family++) {
        bench one, four;
        bench_make(&one, (ss_family)family, 1, &with_dropout);
        bench_make(&four, (ss_family)family, 4, &with_dropout);
        size_t bytes = ss_train_model_size(one.model) * sizeof(float);
        for (uint64_t step = 0; step < STEPS; step++) assert_true(train(&one, step) == train(&four, step));
        assert_memory_equal(ss_train_model_gradients(one.model), ss_train_model_gradients(four.model), bytes);
        assert_memory_equal(ss_train_model_values(one.model), ss_train_model_values(four.model), bytes);
        assert_memory_equal(one.state.second, four.state.second, bytes);
        bench_free(&one);
        bench_free(&four);
    }
}

static void a_restart_does_not_change_a_bit(void **state)
{
    (void)state;
    bench whole, before, after;
    bench_make(&whole, SS_MPNET, 2, &with_dropout);
    bench_make(&before, SS_MPNET, 2, &with_dropout);
    bench_make(&after, SS_MPNET, 1, &with_dropout);
    size_t bytes = ss_train_model_size(whole.model) * sizeof(float);
    for (uint64_t step = 0; step < STEPS / 2; step++) train(&before, step);
    memcpy(ss_train_model_values(after.model), ss_train_model_values(before.model), bytes);
    memcpy(after.state.first, before.state.first, bytes);
    memcpy(after.state.second, before.state.second, bytes);
    after.state.step = before.state.step;
    for (uint64_t step = 0; step < STEPS; step++) {
        double loss = train(&whole, step);
        if (step >= STEPS / 2) assert_true(loss == train(&after, step));
    }
    assert_memory_equal(ss_train_model_values(whole.model), ss_train_model_values(after.model), bytes);
    bench_free(&whole);
    bench_free(&before);
    bench_free(&after);
}

/* Chunks change only the order in which tokens are added up. */
static void chunks_change_rounding_only(void **state)
{
    (void)state;
    for (int family = SS_BERT; family <= SS_MPNET; family++) {
        bench one, many;
        ss_train_engine_options small = with_dropout;
        small.activation_bytes = 1;
        bench_make(&one, (ss_family)family, 2, &with_dropout);
        bench_make(&many, (ss_family)family, 2, &small);
        assert_near(train(&one, 1), train(&many, 1), 1e-6);
        const float *a = ss_train_model_gradients(one.model), *b = ss_train_model_gradients(many.model);
        double difference = 0.0, norm = 0.0;
        for (size_t i = 0; i < ss_train_model_size(one.model); i++) {
            difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
            norm += (double)a[i] * (double)a[i];
        }
        assert_true(sqrt(difference / norm) < 1e-5);
        assert_true(ss_train_engine_bytes(many.engine) < ss_train_engine_bytes(one.engine));
        bench_free(&one);
        bench_free(&many);
    }
}

static void a_small_problem_is_learnt(void **state)
{
    (void)state;
    bench b;
    ss_train_engine_options none = {.seed = 1};
    bench_make(&b, SS_BERT, 2, &none);
    double first = train(&b, 8), last = first;
    for (int i = 0; i < 60; i++) last = train(&b, 8);
    assert_true(last < 0.1 * first);
    bench_free(&b);
}

static void padding_is_never_trained(void **state)
{
    (void)state;
    for (int family = SS_BERT; family <= SS_MPNET; family++) {
        bench b;
        bench_make(&b, (ss_family)family, 1, &with_dropout);
        train(&b, 5); /* its texts contain padding ids */
        size_t count;
        const ss_parameter *parameters = ss_train_model_parameters(b.model, &count);
        const float *words = ss_train_model_gradients(b.model) + parameters[0].at;
        assert_string_equal(parameters[0].name, "embeddings.word_embeddings.weight");
        for (size_t i = 0; i < TINY_HIDDEN; i++) {
            assert_true(words[(family == SS_MPNET) * TINY_HIDDEN + (int)i] == 0.0f);
            assert_true(words[7 * TINY_HIDDEN + i] != 0.0f);
        }
        bench_free(&b);
    }
}

static void bad_batches_are_refused(void **state)
{
    (void)state;
    ss_error err = {0};
    bench b;
    float out[2 * TINY_HIDDEN];
    int32_t ids[TINY_MAX_TOKENS + 2] = {0};
    uint32_t whole[] = {0, 2, 4}, empty[] = {0, 2, 2}, late[] = {1, 2, 4}, too_long[] = {0, TINY_MAX_TOKENS + 1};
    bench_make(&b, SS_BERT, 1, &with_dropout);
    assert_int_equal(ss_train_embed(b.engine, &(ss_train_texts){ids, empty, 2}, out, &err), -1);
    assert_int_equal(err.status, SS_INPUT);
    assert_int_equal(ss_train_embed(b.engine, &(ss_train_texts){ids, late, 2}, out, &err), -1);
    assert_int_equal(err.status, SS_INPUT);
    assert_int_equal(ss_train_embed(b.engine, &(ss_train_texts){ids, too_long, 1}, out, &err), -1);
    assert_int_equal(err.status, SS_LIMIT);
    assert_int_equal(ss_train_embed(b.engine, &(ss_train_texts){ids, whole, 0}, out, &err), -1);
    assert_int_equal(err.status, SS_INPUT);
    ids[3] = TINY_IDS;
    assert_int_equal(ss_train_forward(b.engine, &(ss_train_texts){ids, whole, 2}, 0, out, &err), -1);
    assert_int_equal(err.status, SS_INPUT);
    assert_int_equal(ss_train_backward(b.engine, out, &err), -1);
    assert_int_equal(err.status, SS_INTERNAL);
    ids[3] = 4;
    assert_int_equal(ss_train_forward(b.engine, &(ss_train_texts){ids, whole, 2}, 0, out, &err), 0);
    assert_int_equal(ss_train_backward(b.engine, out, &err), 0);
    assert_int_equal(ss_train_backward(b.engine, out, &err), -1);
    ss_train_engine_options wild = {.hidden_dropout = 1.0f};
    assert_null(ss_train_engine_new(b.model, b.pool, &wild, &err));
    wild = (ss_train_engine_options){.attention_dropout = NAN};
    assert_null(ss_train_engine_new(b.model, b.pool, &wild, &err));
    bench_free(&b);
}

static void a_loss_that_is_no_number_changes_nothing(void **state)
{
    (void)state;
    ss_error err = {0};
    bench b;
    ss_train_step_result result;
    ss_train_step_options options = ss_train_step_defaults();
    int32_t labels[] = {0, 1};
    ss_contrastive_batch batch = {.pairs = 2, .candidates = 2, .labels = labels};
    ss_train_texts texts = tiny_texts_make(4, 5, 1);
    bench_make(&b, SS_BERT, 1, &with_dropout);
    train(&b, 1);
    float *values = ss_train_model_values(b.model);
    size_t size = ss_train_model_size(b.model);
    values[size - 1] = NAN; /* of the last LayerNorm */
    float *copy = malloc(size * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, values, size * sizeof *copy);
    assert_int_equal(ss_train_step(b.engine, &b.state, &texts, &batch, &options, 1e-3, &result, &err), -1);
    assert_int_equal(err.status, SS_INPUT);
    assert_true(isnan(result.loss));
    assert_memory_equal(copy, values, size * sizeof *copy);
    assert_int_equal(b.state.step, 1);
    batch.candidates = 3;
    assert_int_equal(ss_train_step(b.engine, &b.state, &texts, &batch, &options, 1e-3, &result, &err), -1);
    free(copy);
    tiny_texts_free(&texts);
    bench_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(vectors_are_those_of_inference),
                                       cmocka_unit_test(dropout_changes_vectors_with_the_step_only),
                                       cmocka_unit_test(threads_do_not_change_a_bit),
                                       cmocka_unit_test(a_restart_does_not_change_a_bit),
                                       cmocka_unit_test(chunks_change_rounding_only),
                                       cmocka_unit_test(a_small_problem_is_learnt),
                                       cmocka_unit_test(padding_is_never_trained),
                                       cmocka_unit_test(bad_batches_are_refused),
                                       cmocka_unit_test(a_loss_that_is_no_number_changes_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
