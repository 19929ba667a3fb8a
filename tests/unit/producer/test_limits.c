/* test_limits.c - token bucket, circuit breaker and backoff under a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/clock.h"
#include "producer/breaker.h"
#include "producer/bucket.h"

static uint32_t seed = 7;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)(seed >> 8) * n) >> 24);
}

/* Sends as fast as the bucket lets, with pauses of its own now and then; no 60 s may hold more than the limit. */
static void no_minute_holds_more_than_the_limit(void **state)
{
    (void)state;
    enum { MOST = 200000, HOURS = 1 };
    static int64_t at[MOST];
    static uint64_t amount[MOST];
    static const struct {
        uint64_t limit, largest;
    } cases[] = {{1, 1},    {2, 1},     {7, 1},        {60, 1},       {500, 1},
                 {3000, 1}, {20000, 1}, {10000, 5000}, {100000, 700}, {60000, 1500}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        ss_bucket b;
        int64_t now = 1000, end = now + HOURS * 3600000;
        size_t n = 0, first = 0;
        uint64_t inside = 0, most = 0, all = 0;
        ss_bucket_init(&b, cases[c].limit, now);
        while (now < end && n < MOST) {
            uint64_t want = 1 + (cases[c].largest > 1 ? random_below((uint32_t)cases[c].largest) : 0);
            int64_t wait;
            while ((wait = ss_bucket_wait(&b, want, now)) > 0) now += wait;
            assert_int_equal(wait, 0);
            ss_bucket_take(&b, want, now);
            at[n] = now;
            amount[n++] = want;
            all += want;
            inside += want;
            while (at[first] <= now - 60000) inside -= amount[first++];
            if (inside > most) most = inside;
            if (random_below(1000) == 0) now += random_below(90000); /* idle for a while: no credit may pile up */
        }
        if (most > cases[c].limit)
            fail_msg("limit %llu: %llu in a minute", (unsigned long long)cases[c].limit, (unsigned long long)most);
        (void)all;
    }
}

static void the_limit_is_nearly_reached(void **state)
{
    (void)state;
    ss_bucket b;
    int64_t now = 0;
    uint64_t n = 0;
    ss_bucket_init(&b, 600, now);
    while (now < 600000) {
        int64_t wait = ss_bucket_wait(&b, 1, now);
        now += wait;
        if (wait) continue;
        ss_bucket_take(&b, 1, now);
        n++;
    }
    assert_in_range(n, 5700, 6000);
}

static void no_limit_and_too_much(void **state)
{
    (void)state;
    ss_bucket b;
    ss_bucket_init(&b, 0, 0);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(ss_bucket_wait(&b, 1000000, 0), 0);
        ss_bucket_take(&b, 1000000, 0);
    }
    ss_bucket_init(&b, 1000, 0);
    assert_int_equal(ss_bucket_wait(&b, 501, 0), -1);
    assert_true(ss_bucket_wait(&b, 500, 0) >= 0);
}

static void debt_is_waited_for(void **state)
{
    (void)state;
    ss_bucket b;
    ss_bucket_init(&b, 61000, 0); /* capacity 10, then 1 a millisecond */
    assert_int_equal(ss_bucket_wait(&b, 10, 0), 0);
    ss_bucket_take(&b, 10, 0);
    ss_bucket_owe(&b, 1000);
    assert_in_range(ss_bucket_wait(&b, 10, 0), 1000, 1020);
}

static void breaker_opens_probes_and_closes(void **state)
{
    (void)state;
    ss_breaker b;
    ss_breaker_init(&b, 3, 100, 350);
    for (int i = 0; i < 2; i++) ss_breaker_failure(&b, 0);
    assert_int_equal(ss_breaker_wait(&b, 0), 0);
    ss_breaker_success(&b); /* in a row, so this begins anew */
    for (int i = 0; i < 3; i++) ss_breaker_failure(&b, 10);
    assert_int_equal(ss_breaker_wait(&b, 10), 100);
    ss_breaker_failure(&b, 90); /* a late one prolongs nothing */
    assert_int_equal(ss_breaker_wait(&b, 100), 10);
    assert_int_equal(ss_breaker_wait(&b, 110), 0);
    ss_breaker_sent(&b);
    assert_int_equal(ss_breaker_wait(&b, 110), INT64_MAX); /* one probe only */
    ss_breaker_failure(&b, 120);
    assert_int_equal(ss_breaker_wait(&b, 120), 200); /* twice as long */
    assert_int_equal(ss_breaker_wait(&b, 320), 0);
    ss_breaker_sent(&b);
    ss_breaker_neutral(&b); /* told to slow down: another probe may go */
    assert_int_equal(ss_breaker_wait(&b, 330), 0);
    ss_breaker_sent(&b);
    ss_breaker_failure(&b, 330);
    assert_int_equal(ss_breaker_wait(&b, 330), 350); /* no longer than the most */
    assert_int_equal(ss_breaker_wait(&b, 680), 0);
    ss_breaker_sent(&b);
    ss_breaker_success(&b);
    assert_int_equal(ss_breaker_wait(&b, 680), 0);
    assert_int_equal(b.state, SS_BREAKER_CLOSED);
    for (int i = 0; i < 3; i++) ss_breaker_failure(&b, 700);
    assert_int_equal(ss_breaker_wait(&b, 700), 100); /* cool-down begins anew */
}

static void backoff_doubles_and_is_spread_out(void **state)
{
    (void)state;
    uint64_t jitter = 3;
    for (unsigned attempt = 0; attempt < 12; attempt++) {
        int64_t top = attempt < 7 ? 500ll << attempt : 60000, sum = 0;
        if (top > 60000) top = 60000;
        for (int i = 0; i < 2000; i++) {
            int64_t ms = ss_backoff_ms(attempt, 500, 60000, &jitter);
            assert_true(ms >= 0 && ms <= top);
            sum += ms;
        }
        assert_in_range(sum / 2000, top * 45 / 100, top * 55 / 100); /* full jitter: the mean is half */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_minute_holds_more_than_the_limit),
        cmocka_unit_test(the_limit_is_nearly_reached),
        cmocka_unit_test(no_limit_and_too_much),
        cmocka_unit_test(debt_is_waited_for),
        cmocka_unit_test(breaker_opens_probes_and_closes),
        cmocka_unit_test(backoff_doubles_and_is_spread_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
