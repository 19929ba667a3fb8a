/* test_budget.c - the limit is never passed, under any order of events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "producer/budget.h"

static uint32_t seed = 11;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)(seed >> 8) * n) >> 24);
}

typedef struct request {
    ss_spend spend;
    uint64_t in, out; /* what it will really cost */
} request;

/* Requests of random sizes begin and end in random order, in every way; what they really cost is summed up apart. */
static void never_passes_the_limit(void **state)
{
    (void)state;
    enum { MOST = 50 };
    for (int round = 0; round < 300; round++) {
        ss_budget b;
        ss_error err = {0};
        double price_in = random_below(1000) / 100.0, price_out = random_below(3000) / 100.0;
        double limit = (1 + random_below(1000)) / 1000.0, real = 0;
        request out[MOST];
        size_t n = 0;
        int refused = 0;
        assert_int_equal(ss_budget_init(&b, limit, price_in, price_out, &err), 0);
        for (int i = 0; i < 2000; i++) {
            if (n < MOST && random_below(2)) {
                uint64_t in = 1 + random_below(4000), most = 1 + random_below(2000);
                if (ss_budget_reserve(&b, in, most, &out[n].spend)) {
                    out[n].in = random_below((uint32_t)in + 1);
                    out[n].out = random_below((uint32_t)most + 1);
                    n++;
                } else {
                    refused = 1;
                }
            } else if (n) {
                size_t at = random_below((uint32_t)n);
                request *r = &out[at];
                uint32_t how = random_below(10);
                if (how < 6) {
                    ss_budget_settle(&b, &r->spend, r->in, r->out);
                    real += ((double)r->in * price_in + (double)r->out * price_out) / 1e6;
                } else if (how < 8) { /* nobody can tell: at most the worst case */
                    ss_budget_settle_worst(&b, &r->spend);
                    real += ((double)r->spend.tokens_in * price_in + (double)r->spend.tokens_out * price_out) / 1e6;
                } else {
                    ss_budget_release(&b, &r->spend);
                }
                out[at] = out[--n];
            }
            assert_true(b.spent >= 0 && b.reserved >= 0 && b.spent + b.reserved <= b.limit);
            assert_true(real <= limit * (1 + 1e-9));
            assert_true(fabs(ss_budget_units(b.spent) - real) < 1e-9 * (1 + real));
        }
        while (n) ss_budget_release(&b, &out[--n].spend);
        assert_int_equal(b.reserved, 0);
        if (real > limit / 2) assert_true(refused || real <= limit);
    }
}

static void counts_without_prices_and_without_a_limit(void **state)
{
    (void)state;
    ss_budget b;
    ss_spend spend;
    ss_error err = {0};
    assert_int_equal(ss_budget_init(&b, NAN, NAN, NAN, &err), 0);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(ss_budget_reserve(&b, 1000000, 1000000, &spend), 1);
        ss_budget_settle(&b, &spend, 5, 6);
    }
    assert_int_equal(b.tokens_in, 5000);
    assert_int_equal(b.tokens_out, 6000);
    assert_int_equal(b.spent, 0);
}

static void refuses_what_cannot_be_counted(void **state)
{
    (void)state;
    ss_budget b;
    ss_spend spend;
    ss_error err = {0};
    assert_int_equal(ss_budget_init(&b, 1, NAN, 1, &err), -1);
    assert_int_equal(err.status, SS_CONFIG);
    assert_int_equal(ss_budget_init(&b, -1, 1, 1, &err), -1);
    assert_int_equal(ss_budget_init(&b, 1, -1, 1, &err), -1);
    assert_int_equal(ss_budget_init(&b, 1e9, 1, 1, &err), -1);
    assert_int_equal(ss_budget_init(&b, 1e6, 1e6, 1e6, &err), 0);
    assert_int_equal(ss_budget_reserve(&b, UINT64_MAX, 1, &spend), 0);
    assert_int_equal(ss_budget_reserve(&b, INT64_MAX, INT64_MAX, &spend), 0);
    assert_int_equal(ss_budget_init(&b, 0, 1, 1, &err), 0);
    assert_int_equal(ss_budget_reserve(&b, 1, 0, &spend), 0);
    assert_int_equal(ss_budget_reserve(&b, 0, 0, &spend), 1);
}

/* A server that reports more than was allowed: written down, and nothing more is sent. */
static void more_than_allowed_stops_it(void **state)
{
    (void)state;
    ss_budget b;
    ss_spend spend;
    ss_error err = {0};
    assert_int_equal(ss_budget_init(&b, 1, 1, 1, &err), 0);
    assert_int_equal(ss_budget_reserve(&b, 100000, 100000, &spend), 1);
    ss_budget_settle(&b, &spend, 5000000, 0);
    assert_true(b.spent > b.limit);
    assert_int_equal(ss_budget_reserve(&b, 0, 1, &spend), 0);
    ss_budget_settle(&b, &(ss_spend){0}, UINT64_MAX, UINT64_MAX);
    assert_int_equal(b.spent, INT64_MAX);
    assert_int_equal(ss_budget_reserve(&b, 0, 1, &spend), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_passes_the_limit),
        cmocka_unit_test(counts_without_prices_and_without_a_limit),
        cmocka_unit_test(refuses_what_cannot_be_counted),
        cmocka_unit_test(more_than_allowed_stops_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
