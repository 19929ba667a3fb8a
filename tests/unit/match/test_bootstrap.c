/* test_bootstrap.c - the paired bootstrap against what statistics says about simple samples. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "match/bootstrap.h"

static void a_difference_that_is_the_same_everywhere_is_sure(void **state)
{
    (void)state;
    double all[20];
    for (int i = 0; i < 20; i++) all[i] = 3;
    ss_paired_set set = {.differences = all, .count = 20};
    ss_bootstrap b;
    assert_int_equal(ss_bootstrap_paired(&set, 1, 2.5, 1000, 1, &b, NULL), 0);
    assert_true(b.difference == 3 && b.low == 3 && b.high == 3 && b.above == 1);
    assert_int_equal(ss_bootstrap_paired(&set, 1, 3, 1000, 1, &b, NULL), 0);
    assert_true(b.above == 0); /* not more than the margin */
}

/* The mean of 400 values +-1 with mean m is normal with deviation sqrt((1 - m^2) / 400). */
static void the_interval_is_that_of_the_normal_distribution(void **state)
{
    (void)state;
    double all[400], mean = 0;
    for (int i = 0; i < 400; i++) mean += (all[i] = i % 9 < 5 ? 1 : -1) / 400;
    double deviation = sqrt((1 - mean * mean) / 400);
    ss_paired_set set = {.differences = all, .count = 400};
    ss_bootstrap b;
    assert_int_equal(ss_bootstrap_paired(&set, 1, 0, SS_BOOTSTRAP_ROUNDS, 5, &b, NULL), 0);
    assert_true(fabs(b.difference - mean) < 1e-12);
    assert_true(fabs(b.low - (mean - 1.96 * deviation)) < 0.15 * deviation);
    assert_true(fabs(b.high - (mean + 1.96 * deviation)) < 0.15 * deviation);
    double expected = 0.5 * erfc(-(mean / deviation) / sqrt(2));
    assert_true(fabs(b.above - expected) < 0.01);
}

/* Each set counts alike, however large. */
static void sets_are_averaged_not_pooled(void **state)
{
    (void)state;
    double small[2] = {10, 10}, large[500] = {0};
    ss_paired_set sets[2] = {{.differences = small, .count = 2}, {.differences = large, .count = 500}};
    ss_bootstrap b;
    assert_int_equal(ss_bootstrap_paired(sets, 2, 0, 100, 1, &b, NULL), 0);
    assert_true(b.difference == 5);
}

static void the_seed_decides_and_nothing_else(void **state)
{
    (void)state;
    double all[50];
    for (int i = 0; i < 50; i++) all[i] = sin(i * 12.9898);
    ss_paired_set set = {.differences = all, .count = 50};
    ss_bootstrap a, b, c;
    assert_int_equal(ss_bootstrap_paired(&set, 1, 0, 500, 1, &a, NULL), 0);
    assert_int_equal(ss_bootstrap_paired(&set, 1, 0, 500, 1, &b, NULL), 0);
    assert_int_equal(ss_bootstrap_paired(&set, 1, 0, 500, 2, &c, NULL), 0);
    assert_memory_equal(&a, &b, sizeof a);
    assert_true(a.low != c.low || a.high != c.high);
}

static void nothing_to_compare_is_an_error(void **state)
{
    (void)state;
    ss_bootstrap b;
    ss_error err = {0};
    double none = 0;
    ss_paired_set empty = {.differences = &none, .count = 0};
    assert_int_equal(ss_bootstrap_paired(NULL, 0, 0, 10, 1, &b, &err), -1);
    assert_int_equal(err.status, SS_INPUT);
    assert_int_equal(ss_bootstrap_paired(&empty, 1, 0, 10, 1, &b, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_difference_that_is_the_same_everywhere_is_sure),
        cmocka_unit_test(the_interval_is_that_of_the_normal_distribution),
        cmocka_unit_test(sets_are_averaged_not_pooled),
        cmocka_unit_test(the_seed_decides_and_nothing_else),
        cmocka_unit_test(nothing_to_compare_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
