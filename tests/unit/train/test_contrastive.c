/* test_contrastive.c - the loss against its definition in double precision (reference.c), its gradient against
 * differences of that, and the rules for labels one by one.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/train/reference.h"
#include "tests/unit/train/tiny_family.h"

enum { MOST = 160, DIMS = 19 };

typedef struct vectors {
    float sentences[MOST * DIMS], skills[MOST * DIMS], d_sentences[MOST * DIMS], d_skills[MOST * DIMS];
    double reference[2 * MOST * DIMS]; /* sentences, then skills */
} vectors;

static void fill(float *x, double *copy, size_t rows, uint64_t *state)
{
    for (size_t r = 0; r < rows; r++) {
        double norm = 0.0;
        for (size_t d = 0; d < DIMS; d++) {
            copy[r * DIMS + d] = tiny_uniform(state);
            norm += copy[r * DIMS + d] * copy[r * DIMS + d];
        }
        for (size_t d = 0; d < DIMS; d++) {
            x[r * DIMS + d] = (float)(copy[r * DIMS + d] / sqrt(norm));
            copy[r * DIMS + d] = (double)x[r * DIMS + d];
        }
    }
}

static vectors *random_vectors(const ss_contrastive_batch *batch, uint64_t seed)
{
    vectors *v = calloc(1, sizeof *v);
    assert_non_null(v);
    fill(v->sentences, v->reference, batch->pairs, &seed);
    fill(v->skills, v->reference + MOST * DIMS, batch->candidates, &seed);
    return v;
}

static double wanted(const vectors *v, const ss_contrastive_batch *batch, const ss_contrastive_options *options)
{
    return reference_loss(batch, options, DIMS, v->reference, v->reference + MOST * DIMS);
}

static ss_contrastive_result run(vectors *v, const ss_contrastive_batch *batch, const ss_contrastive_options *options,
                                 size_t threads)
{
    ss_error err = {0};
    ss_contrastive_result result;
    ss_pool *pool = ss_pool_new(threads, &err);
    assert_non_null(pool);
    if (ss_contrastive_loss(batch, options, DIMS, v->sentences, v->skills, pool, v->d_sentences, v->d_skills, &result,
                            &err) != 0)
        fail_msg("%s", err.text);
    ss_pool_free(pool);
    return result;
}

/* The slope along random directions of all vectors. */
static void check_gradient(vectors *v, const ss_contrastive_batch *batch, const ss_contrastive_options *options)
{
    const double h = 1e-6;
    uint64_t state = 5;
    size_t rows[] = {batch->pairs, batch->candidates};
    const float *gradients[] = {v->d_sentences, v->d_skills};
    for (int side = 0; side < 2; side++) {
        double *x = v->reference + side * MOST * DIMS, direction[MOST * DIMS], got = 0.0, norm = 0.0, length = 0.0;
        size_t count = rows[side] * DIMS;
        for (size_t i = 0; i < count; i++) {
            direction[i] = tiny_uniform(&state);
            got += (double)gradients[side][i] * direction[i];
            norm += (double)gradients[side][i] * (double)gradients[side][i];
            length += direction[i] * direction[i];
            x[i] += h * direction[i];
        }
        double above = wanted(v, batch, options);
        for (size_t i = 0; i < count; i++) x[i] -= 2.0 * h * direction[i];
        double below = wanted(v, batch, options);
        for (size_t i = 0; i < count; i++) x[i] += h * direction[i];
        assert_true(fabs(got - (above - below) / (2.0 * h)) <= 1e-5 * sqrt(norm * length) + 1e-8);
    }
}

static void check(const ss_contrastive_batch *batch, const ss_contrastive_options *options)
{
    vectors *v = random_vectors(batch, 17 + batch->candidates);
    ss_contrastive_result result = run(v, batch, options, 2);
    double want = wanted(v, batch, options);
    if (!(fabs(result.loss - want) <= 1e-5 * (want > 1.0 ? want : 1.0)))
        fail_msg("loss %.9g, reference %.9g", result.loss, want);
    check_gradient(v, batch, options);
    free(v);
}

static void it_is_what_the_definition_says(void **state)
{
    (void)state;
    int32_t labels[MOST], seconds[MOST];
    float weights[MOST];
    for (int i = 0; i < MOST; i++) {
        labels[i] = i % 29;
        seconds[i] = i % 3 ? SS_NO_LABEL : (i * 7) % 31;
        weights[i] = (float)(i % 5) / 4.0f;
    }
    for (size_t pairs = 1; pairs <= 65; pairs += pairs < 4 ? 1 : 20)
        for (int variant = 0; variant < 8; variant++) {
            ss_contrastive_batch batch = {.pairs = pairs,
                                          .candidates = pairs + (variant & 1 ? 71 : 0),
                                          .labels = labels,
                                          .seconds = variant & 2 ? seconds : NULL,
                                          .weights = variant & 4 && pairs > 1 ? weights : NULL};
            for (int s = 0; s < 3; s++) {
                ss_contrastive_options options = {.scale = variant & 1 ? 20.0f : 3.0f,
                                                  .symmetric = (float)s / 2.0f,
                                                  .second = s ? SS_SECOND_MASKED : SS_SECOND_POSITIVE};
                check(&batch, &options);
            }
        }
}

/* Equal vectors everywhere: each contest is even, so a row's loss is the logarithm of its number of contestants. */
static double even_loss(const int32_t *labels, const int32_t *seconds, size_t pairs, size_t candidates,
                        ss_second_rule second)
{
    vectors *v = calloc(1, sizeof *v);
    assert_non_null(v);
    for (size_t r = 0; r < MOST; r++) v->sentences[r * DIMS] = v->skills[r * DIMS] = 1.0f;
    float weights[MOST] = {1.0f}; /* the first row alone */
    ss_contrastive_batch batch = {
        .pairs = pairs, .candidates = candidates, .labels = labels, .seconds = seconds, .weights = weights};
    ss_contrastive_options options = {.scale = 20.0f, .second = second};
    double loss = run(v, &batch, &options, 1).loss;
    free(v);
    return loss;
}

static void who_competes_is_decided_by_labels(void **state)
{
    (void)state;
    const int32_t distinct[] = {1, 2, 3, 4}, twice[] = {1, 1, 3, 4}, hard[] = {1, 2, 1, 5, 6};
    const int32_t second[] = {3, SS_NO_LABEL, SS_NO_LABEL, SS_NO_LABEL}, absent[] = {9, 0, 0, 0}, own[] = {1, 0, 0, 0};
    const int32_t doubled[] = {1, 3, 3, 4};
    assert_near(even_loss(distinct, NULL, 4, 4, SS_SECOND_POSITIVE), log(4), 1e-6);
    assert_near(even_loss(twice, NULL, 4, 4, SS_SECOND_POSITIVE), log(3), 1e-6);
    assert_near(even_loss(hard, NULL, 2, 5, SS_SECOND_POSITIVE), log(4), 1e-6); /* column 2 is skill 1 again */
    assert_near(even_loss(distinct, second, 4, 4, SS_SECOND_MASKED), log(3), 1e-6);
    assert_near(even_loss(distinct, second, 4, 4, SS_SECOND_POSITIVE), log(3), 1e-6); /* both of them */
    assert_near(even_loss(doubled, second, 4, 4, SS_SECOND_POSITIVE), log(2), 1e-6);
    assert_near(even_loss(distinct, absent, 4, 4, SS_SECOND_POSITIVE), log(4), 1e-6);
    assert_near(even_loss(distinct, own, 4, 4, SS_SECOND_POSITIVE), log(4), 1e-6);
}

static void a_second_positive_is_pulled_closer(void **state)
{
    (void)state;
    const int32_t labels[] = {1, 2, 3}, seconds[] = {2, SS_NO_LABEL, SS_NO_LABEL};
    ss_contrastive_batch batch = {.pairs = 3, .candidates = 3, .labels = labels, .seconds = seconds};
    ss_contrastive_options options = {.scale = 20.0f};
    float first[] = {1.0f, 0.0f, 0.0f}; /* only row 0 counts */
    batch.weights = first;
    vectors *v = random_vectors(&batch, 3);
    run(v, &batch, &options, 1);
    for (size_t j = 0; j < 3; j++) {
        double towards = 0.0; /* descent along skill j's own gradient, seen from the sentence */
        for (size_t d = 0; d < DIMS; d++) towards -= (double)v->d_skills[j * DIMS + d] * (double)v->sentences[d];
        assert_true(j < 2 ? towards > 0.0 : towards < 0.0);
    }
    free(v);
}

static void accuracy_counts_rows_whose_own_column_wins(void **state)
{
    (void)state;
    vectors *v = calloc(1, sizeof *v);
    assert_non_null(v);
    const int32_t labels[] = {1, 2, 3, 4};
    const int best[] = {0, 1, 3, 3}; /* of row 2, another column is the best */
    for (size_t i = 0; i < 4; i++) {
        v->skills[i * DIMS + i] = 1.0f;
        v->sentences[i * DIMS + (size_t)best[i]] = 1.0f;
    }
    ss_contrastive_batch batch = {.pairs = 4, .candidates = 4, .labels = labels};
    ss_contrastive_options options = {.scale = 20.0f};
    assert_near(run(v, &batch, &options, 1).accuracy, 0.75, 1e-12);
    free(v);
}

static void large_scores_do_not_overflow(void **state)
{
    (void)state;
    const int32_t labels[] = {1, 2};
    vectors *v = calloc(1, sizeof *v);
    assert_non_null(v);
    v->sentences[0] = v->sentences[DIMS] = 1.0f;
    v->skills[0] = -1.0f; /* both rows: column 1 by far */
    v->skills[DIMS] = 1.0f;
    ss_contrastive_batch batch = {.pairs = 2, .candidates = 2, .labels = labels};
    ss_contrastive_options options = {.scale = 1000.0f, .symmetric = 0.5f};
    ss_contrastive_result result = run(v, &batch, &options, 1);
    assert_true(fabs(result.loss - (0.5 * 1000.0 + 0.5 * log(2.0))) < 1e-3);
    for (size_t i = 0; i < 2 * DIMS; i++) assert_true(isfinite(v->d_sentences[i]) && isfinite(v->d_skills[i]));
    free(v);
}

static void threads_do_not_change_a_bit(void **state)
{
    (void)state;
    int32_t labels[MOST];
    for (int i = 0; i < MOST; i++) labels[i] = i % 40;
    ss_contrastive_batch batch = {.pairs = 100, .candidates = 150, .labels = labels};
    ss_contrastive_options options = {.scale = 20.0f, .symmetric = 0.3f};
    vectors *one = random_vectors(&batch, 1), *four = random_vectors(&batch, 1);
    assert_true(run(one, &batch, &options, 1).loss == run(four, &batch, &options, 4).loss);
    assert_memory_equal(one, four, sizeof *one);
    free(one);
    free(four);
}

static void senseless_batches_are_refused(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_contrastive_result result;
    ss_pool *pool = ss_pool_new(1, &err);
    float x[4] = {0}, bad[] = {1.0f, -1.0f}, zero[] = {0.0f, 0.0f}, nan[] = {1.0f, NAN};
    const int32_t labels[] = {1, 2};
    ss_contrastive_options options = {.scale = 20.0f}, lopsided = {.scale = 20.0f, .symmetric = 1.5f};
    ss_contrastive_batch none = {.labels = labels}, few = {.pairs = 2, .candidates = 1, .labels = labels};
    ss_contrastive_batch whole = {.pairs = 2, .candidates = 2, .labels = labels};
    assert_int_equal(ss_contrastive_loss(&none, &options, 2, x, x, pool, x, x, &result, &err), -1);
    assert_int_equal(ss_contrastive_loss(&few, &options, 2, x, x, pool, x, x, &result, &err), -1);
    assert_int_equal(ss_contrastive_loss(&whole, &lopsided, 2, x, x, pool, x, x, &result, &err), -1);
    const float *const weights[] = {bad, zero, nan};
    for (size_t i = 0; i < 3; i++) {
        whole.weights = weights[i];
        assert_int_equal(ss_contrastive_loss(&whole, &options, 2, x, x, pool, x, x, &result, &err), -1);
        assert_int_equal(err.status, SS_INPUT);
    }
    ss_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_is_what_the_definition_says),
                                       cmocka_unit_test(who_competes_is_decided_by_labels),
                                       cmocka_unit_test(a_second_positive_is_pulled_closer),
                                       cmocka_unit_test(accuracy_counts_rows_whose_own_column_wins),
                                       cmocka_unit_test(large_scores_do_not_overflow),
                                       cmocka_unit_test(threads_do_not_change_a_bit),
                                       cmocka_unit_test(senseless_batches_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
