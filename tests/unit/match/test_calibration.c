/* test_calibration.c - the fit against its own conditions and a known truth; the threshold against trying every cut. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "match/calibration.h"
#include "support/random.h"

static double logistic(double z)
{
    return 1 / (1 + exp(-z));
}

/* n pairs whose labels are drawn with the probability that `truth` gives them; every third skill is named. */
static ss_judged_pair *draw_judged(size_t n, ss_calibration truth)
{
    ss_judged_pair *out = calloc(n, sizeof *out);
    assert_non_null(out);
    for (size_t i = 0; i < n; i++) {
        out[i].evidence = (ss_evidence){.score = (float)random_uniform(),
                                        .gate = (float)(4 * random_uniform() - 2),
                                        .named = random_uniform() < 0.33,
                                        .overlap = (float)(3 * random_uniform()),
                                        .place = (float)random_uniform()};
        out[i].positive = random_uniform() < ss_calibration_probability(&truth, out[i].evidence);
    }
    return out;
}

static ss_scored_pair *draw(size_t n, double slope, double intercept)
{
    ss_scored_pair *out = calloc(n, sizeof *out);
    assert_non_null(out);
    for (size_t i = 0; i < n; i++) {
        out[i].score = (float)random_uniform();
        out[i].positive = random_uniform() < logistic(slope * out[i].score + intercept);
    }
    return out;
}

/* The conditions that define the solution: for smoothed targets t and every kind of evidence x, sum (p - t) * x = 0. */
static void check_conditions(const ss_judged_pair *pairs, size_t n, const ss_calibration *fit)
{
    double positives = 0, sums[6] = {0};
    for (size_t i = 0; i < n; i++) positives += pairs[i].positive != 0;
    double high = (positives + 1) / (positives + 2), low = 1 / ((double)n - positives + 2);
    for (size_t i = 0; i < n; i++) {
        double d = ss_calibration_probability(fit, pairs[i].evidence) - (pairs[i].positive ? high : low);
        sums[0] += d;
        sums[1] += d * pairs[i].evidence.score;
        sums[2] += d * pairs[i].evidence.named;
        sums[3] += d * pairs[i].evidence.gate;
        sums[4] += d * pairs[i].evidence.overlap;
        sums[5] += d * pairs[i].evidence.place;
    }
    for (int k = 0; k < 6; k++) assert_true(fabs(sums[k]) < 1e-6 * (double)n);
}

static void fit_meets_the_conditions_of_maximum_likelihood(void **state)
{
    (void)state;
    const ss_calibration truths[] = {{.slope = 12, .named = 4, .overlap = 1, .place = 2, .gate = 0.5, .intercept = -9},
                                     {.slope = 0.5, .named = -1, .gate = 1, .intercept = -3},
                                     {.slope = -6, .intercept = 3},
                                     {.slope = 40, .named = 9, .gate = -1, .intercept = -20},
                                     {.slope = 0}};
    for (size_t t = 0; t < sizeof truths / sizeof *truths; t++) {
        const size_t n = 20000;
        ss_judged_pair *pairs = draw_judged(n, truths[t]);
        ss_error err = {0};
        ss_calibration fit = {0};
        assert_int_equal(ss_calibration_fit(pairs, n, &fit, &err), 0);
        check_conditions(pairs, n, &fit);
        /* The maximum is near the truth: over the data the probabilities differ by less than a point. */
        double difference = 0;
        for (size_t i = 0; i < n; i++)
            difference += fabs(ss_calibration_probability(&fit, pairs[i].evidence) -
                               ss_calibration_probability(&truths[t], pairs[i].evidence));
        assert_true(difference / (double)n < 0.01);
        free(pairs);
    }
}

/* Two scores only: the fit must give each its own smoothed share of positives, which can be written down. The kinds of
 * evidence that never vary must weigh nothing. */
static void fit_of_two_scores_has_a_closed_form(void **state)
{
    (void)state;
    ss_judged_pair pairs[100];
    for (int i = 0; i < 100; i++) pairs[i] = (ss_judged_pair){{.score = i < 40 ? 1.0f : 0.0f}, i < 30 || i >= 90};
    ss_error err = {0};
    ss_calibration fit = {0};
    assert_int_equal(ss_calibration_fit(pairs, 100, &fit, &err), 0);
    double high = 41.0 / 42, low = 1.0 / 62; /* 40 positives, 60 negatives */
    double at1 = (30 * high + 10 * low) / 40, at0 = (10 * high + 50 * low) / 60;
    assert_true(fabs(logistic(fit.intercept) - at0) < 1e-6);
    assert_true(fabs(logistic(fit.slope + fit.intercept) - at1) < 1e-6);
    assert_true(fit.named == 0 && fit.gate == 0 && fit.overlap == 0 && fit.place == 0);
}

static void fit_survives_separable_and_equal_scores(void **state)
{
    (void)state;
    ss_judged_pair pairs[8];
    ss_error err = {0};
    ss_calibration fit = {0};
    for (int i = 0; i < 8; i++) pairs[i] = (ss_judged_pair){{.score = (float)i / 8}, i >= 4};
    assert_int_equal(ss_calibration_fit(pairs, 8, &fit, &err), 0);
    assert_true(isfinite(fit.slope) && isfinite(fit.intercept) && fit.slope > 0);
    for (int i = 0; i < 8; i++) pairs[i].evidence.score = 0.5f;
    assert_int_equal(ss_calibration_fit(pairs, 8, &fit, &err), 0);
    assert_true(fabs(logistic(fit.slope * 0.5 + fit.intercept) - 0.5) < 1e-6);
    for (int i = 0; i < 8; i++) pairs[i].positive = 1;
    assert_int_equal(ss_calibration_fit(pairs, 8, &fit, &err), -1);
    assert_int_equal(err.status, SS_INPUT);
    assert_int_equal(ss_calibration_fit(pairs, 0, &fit, &err), -1);
}

static void check_best_cut(const ss_scored_pair *pairs, size_t n, size_t missed)
{
    ss_operating_point got;
    ss_error err = {0};
    assert_int_equal(ss_best_operating_point(pairs, n, missed, &got, &err), 0);
    double best = 0, positives = (double)missed, hits = 0, kept = 0;
    for (size_t i = 0; i < n; i++) positives += pairs[i].positive;
    for (size_t c = 0; c < n; c++) { /* every score as the cut */
        double h = 0, k = 0;
        for (size_t i = 0; i < n; i++)
            if (pairs[i].score >= pairs[c].score) {
                k++;
                h += pairs[i].positive;
            }
        best = fmax(best, 2 * h / (k + positives));
    }
    assert_true(fabs(got.f1 - best) < 1e-12);
    for (size_t i = 0; i < n; i++)
        if (pairs[i].score >= got.score) {
            kept++;
            hits += pairs[i].positive;
        }
    assert_int_equal(got.kept, (size_t)kept); /* and the cut does what the figures say */
    if (best > 0) {
        assert_true(fabs(got.precision - hits / kept) < 1e-12);
        assert_true(fabs(got.recall - hits / positives) < 1e-12);
    }
}

static void threshold_is_the_best_of_all_cuts(void **state)
{
    (void)state;
    for (size_t n = 1; n < 60; n++) {
        ss_scored_pair *pairs = draw(n, 8, -5);
        check_best_cut(pairs, n, 0);
        for (size_t i = 0; i < n; i++) pairs[i].score = floorf(pairs[i].score * 8) / 8; /* many equal scores */
        check_best_cut(pairs, n, n / 3);
        free(pairs);
    }
}

static void without_positives_nothing_is_kept(void **state)
{
    (void)state;
    const ss_scored_pair pairs[2] = {{0.9f, 0}, {0.1f, 0}};
    ss_operating_point got;
    ss_error err = {0};
    assert_int_equal(ss_best_operating_point(pairs, 2, 1, &got, &err), 0);
    assert_int_equal(got.kept, 0);
    assert_true(got.score > 1 && got.f1 == 0);
}

static void probability_is_the_logistic_function(void **state)
{
    (void)state;
    const ss_calibration c = {.slope = 10, .named = 3, .gate = 2, .intercept = -5};
    assert_true(fabs(ss_calibration_probability(&c, (ss_evidence){.score = 0.5f}) - 0.5) < 1e-15);
    assert_true(fabs(ss_calibration_probability(&c, (ss_evidence){.score = 0.5f, .named = 1}) - logistic(3)) < 1e-15);
    assert_true(fabs(ss_calibration_probability(&c, (ss_evidence){.score = 0.5f, .gate = -1}) - logistic(-2)) < 1e-15);
    assert_true(ss_calibration_probability(&c, (ss_evidence){.score = 1000}) == 1);
    assert_true(ss_calibration_probability(&c, (ss_evidence){.score = -1000}) == 0);
    ss_calibration d = ss_calibration_default(0);
    assert_string_equal(d.fitted_on, "default");
    assert_true(d.slope > 0 && d.threshold > 0 && d.threshold < 1);
}

int main(void)
{
    random_state = 4101842887655102017u; /* tolerances below are of this sequence */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fit_meets_the_conditions_of_maximum_likelihood),
        cmocka_unit_test(fit_of_two_scores_has_a_closed_form),
        cmocka_unit_test(fit_survives_separable_and_equal_scores),
        cmocka_unit_test(threshold_is_the_best_of_all_cuts),
        cmocka_unit_test(without_positives_nothing_is_kept),
        cmocka_unit_test(probability_is_the_logistic_function),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
