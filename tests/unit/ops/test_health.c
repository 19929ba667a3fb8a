/* test_health.c - ready and live follow their conditions and hearts. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "ops/health.h"

static void ready_means_every_condition_is_met(void **state)
{
    (void)state;
    ss_health *health = ss_health_new(NULL);
    ss_buffer text;
    ss_buffer_init(&text, 4096);
    assert_false(ss_health_is_ready(health, NULL)); /* nobody has said anything yet */
    ss_health_set(health, "broker", 1, "connected");
    assert_true(ss_health_is_ready(health, NULL));
    ss_health_set(health, "release", 0, "waiting for %s", "redis://h");
    assert_false(ss_health_is_ready(health, &text));
    assert_string_equal(text.data, "broker: ok, connected\nrelease: not ok, waiting for redis://h\nnot ready\n");
    ss_health_set(health, "release", 1, "%s", "");
    ss_buffer_clear(&text);
    assert_true(ss_health_is_ready(health, &text));
    assert_string_equal(text.data, "broker: ok, connected\nrelease: ok\nready\n");
    assert_true(ss_health_is_live(health, NULL)); /* conditions have nothing to do with being alive */
    ss_buffer_free(&text);
    ss_health_free(health);
}

static void a_long_reason_is_cut(void **state)
{
    (void)state;
    ss_health *health = ss_health_new(NULL);
    ss_buffer text;
    char reason[1000];
    memset(reason, 'x', sizeof reason);
    reason[999] = 0;
    ss_buffer_init(&text, 4096);
    ss_health_set(health, "a", 1, "%s", reason);
    assert_true(ss_health_is_ready(health, &text));
    assert_true(text.len < SS_HEALTH_REASON + 30);
    ss_buffer_free(&text);
    ss_health_free(health);
}

static void too_many_conditions_are_not_ready_rather_than_forgotten(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i",
                                        "j", "k", "l", "m", "n", "o", "p", "q"};
    ss_health *health = ss_health_new(NULL);
    for (int i = 0; i < SS_HEALTH_MAX; i++) ss_health_set(health, names[i], 1, "x");
    assert_true(ss_health_is_ready(health, NULL));
    ss_health_set(health, names[SS_HEALTH_MAX], 1, "x");
    assert_false(ss_health_is_ready(health, NULL));
    ss_health_free(health);
}

static void a_heart_that_stops_is_not_live(void **state)
{
    (void)state;
    ss_health *health = ss_health_new(NULL);
    ss_health_beat(health, "nobody"); /* no heart of that name: nothing */
    ss_health_add_heart(health, "loop", 500);
    ss_health_add_heart(health, "slow", 60000);
    assert_true(ss_health_is_live(health, NULL));
    for (int i = 0; i < 20; i++) {
        ss_sleep_ms(40);
        ss_health_beat(health, "loop");
    }
    assert_true(ss_health_is_live(health, NULL));
    ss_sleep_ms(600);
    ss_buffer text;
    ss_buffer_init(&text, 4096);
    assert_false(ss_health_is_live(health, &text));
    assert_non_null(strstr(text.data, "loop: not ok"));
    assert_non_null(strstr(text.data, "slow: ok"));
    ss_health_beat(health, "loop");
    assert_true(ss_health_is_live(health, NULL));
    ss_buffer_free(&text);
    ss_health_free(health);
}

static void *change(void *context)
{
    for (int i = 0; i < 2000; i++) {
        ss_health_set(context, i % 2 ? "a" : "b", i % 3 == 0, "round %d", i);
        ss_health_beat(context, "loop");
    }
    return NULL;
}

static void threads_may_share_it(void **state)
{
    (void)state;
    ss_health *health = ss_health_new(NULL);
    ss_health_add_heart(health, "loop", 60000);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, change, health), 0);
    for (int i = 0; i < 1000; i++) {
        ss_buffer text;
        ss_buffer_init(&text, 4096);
        ss_health_is_ready(health, &text);
        assert_true(ss_health_is_live(health, &text));
        ss_buffer_free(&text);
    }
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    ss_health_free(health);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ready_means_every_condition_is_met),
        cmocka_unit_test(a_long_reason_is_cut),
        cmocka_unit_test(too_many_conditions_are_not_ready_rather_than_forgotten),
        cmocka_unit_test(a_heart_that_stops_is_not_live),
        cmocka_unit_test(threads_may_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
