/* test_plan.c - the order of an epoch, by its properties. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/train/plan.h"

/* n examples over `skills` skills, unevenly: low numbers more often. */
static ss_examples make_examples(size_t n, uint32_t skills)
{
    ss_examples e = {.items = calloc(n, sizeof *e.items), .count = n, .room = n};
    for (size_t i = 0; i < n; i++) e.items[i].skill = (uint32_t)(i * i % 977) % skills;
    return e;
}

static size_t doubles_in_batch(const ss_examples *e, const uint32_t *batch, size_t size)
{
    size_t doubles = 0;
    for (size_t i = 0; i < size; i++)
        for (size_t j = 0; j < i; j++)
            if (e->items[batch[i]].skill == e->items[batch[j]].skill) {
                doubles++;
                break;
            }
    return doubles;
}

static void check_plan(size_t n, uint32_t skills, size_t batch, size_t most_doubles)
{
    ss_examples e = make_examples(n, skills);
    ss_epoch_plan plan;
    assert_int_equal(ss_epoch_plan_make(&e, skills, batch, 7, 3, &plan, NULL), 0);
    assert_int_equal(plan.steps, ss_epoch_steps(n, batch));
    assert_int_equal(plan.batch, ss_epoch_batch(n, batch));
    unsigned char *used = calloc(n, 1);
    size_t doubles = 0;
    for (size_t i = 0; i < plan.steps * plan.batch; i++) {
        assert_true(plan.order[i] < n);
        assert_int_equal(used[plan.order[i]], 0); /* at most once an epoch */
        used[plan.order[i]] = 1;
    }
    for (size_t s = 0; s < plan.steps; s++) doubles += doubles_in_batch(&e, plan.order + s * plan.batch, plan.batch);
    assert_true(doubles <= most_doubles);
    free(used);
    ss_epoch_plan_free(&plan);
    free(e.items);
}

static void every_example_is_used_once_and_no_skill_stands_twice_in_a_batch(void **state)
{
    (void)state;
    check_plan(5000, 900, 64, 0);
    check_plan(64, 64, 64, 64);
    check_plan(1000, 100, 32, 40); /* towards the end some have to share */
}

static void few_skills_and_small_sets_do_no_harm(void **state)
{
    (void)state;
    check_plan(1, 1, 64, 0);
    check_plan(10, 3, 64, 10);
    check_plan(3000, 1, 512, 3000);
    check_plan(20000, 2, 64, 20000);
}

static void an_epoch_is_a_function_of_seed_and_number(void **state)
{
    (void)state;
    ss_examples e = make_examples(2000, 500);
    ss_epoch_plan a, b, other_epoch, other_seed;
    assert_int_equal(ss_epoch_plan_make(&e, 500, 64, 7, 0, &a, NULL), 0);
    assert_int_equal(ss_epoch_plan_make(&e, 500, 64, 7, 0, &b, NULL), 0);
    assert_int_equal(ss_epoch_plan_make(&e, 500, 64, 7, 1, &other_epoch, NULL), 0);
    assert_int_equal(ss_epoch_plan_make(&e, 500, 64, 8, 0, &other_seed, NULL), 0);
    size_t bytes = a.steps * a.batch * sizeof *a.order;
    assert_memory_equal(a.order, b.order, bytes);
    assert_memory_not_equal(a.order, other_epoch.order, bytes);
    assert_memory_not_equal(a.order, other_seed.order, bytes);
    ss_epoch_plan_free(&a);
    ss_epoch_plan_free(&b);
    ss_epoch_plan_free(&other_epoch);
    ss_epoch_plan_free(&other_seed);
    free(e.items);
}

/* Each place of the order is equally likely for each example: chi-square over 2,000 epochs of 10 examples. */
static void the_shuffle_is_fair(void **state)
{
    (void)state;
    enum { N = 10, EPOCHS = 2000 };
    ss_examples e = {.items = calloc(N, sizeof *e.items), .count = N};
    for (uint32_t i = 0; i < N; i++) e.items[i].skill = i;
    size_t counts[N][N] = {{0}};
    for (uint64_t epoch = 0; epoch < EPOCHS; epoch++) {
        ss_epoch_plan plan;
        assert_int_equal(ss_epoch_plan_make(&e, N, N, 1, epoch, &plan, NULL), 0);
        for (size_t i = 0; i < N; i++) counts[i][plan.order[i]]++;
        ss_epoch_plan_free(&plan);
    }
    double chi = 0, want = (double)EPOCHS / N;
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < N; k++) chi += ((double)counts[i][k] - want) * ((double)counts[i][k] - want) / want;
    assert_true(chi < 126); /* 81 degrees of freedom: 1 in 1,000 */
    free(e.items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_is_used_once_and_no_skill_stands_twice_in_a_batch),
        cmocka_unit_test(few_skills_and_small_sets_do_no_harm),
        cmocka_unit_test(an_epoch_is_a_function_of_seed_and_number),
        cmocka_unit_test(the_shuffle_is_fair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
