/* The account of the worker's threads: a hand-drawn run of three jobs, and that every thread's states add up to the
 * time passed whatever happens when. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "worker/extract/timeline.h"

static void expect_near(double got, double wanted)
{
    if (!(fabs(got - wanted) < 1e-6)) fail_msg("%.9f, not %.9f", got, wanted);
}

static void expect(ss_timeline *timeline, double now, const double wanted[SS_THREAD_STATES])
{
    double seconds[SS_THREAD_STATES];
    ss_timeline_read(timeline, now, seconds);
    for (int i = 0; i < SS_THREAD_STATES; i++) expect_near(seconds[i], wanted[i]);
}

static void a_slow_publisher_is_what_the_compute_thread_waits_for(void **state)
{
    (void)state;
    ss_timeline t;
    ss_timeline_init(&t, 3, 100);
    ss_timeline_note(&t, SS_BATCH_TAKEN, 102); /* 2 s without ads */
    ss_timeline_note(&t, SS_BATCH_STARTED, 102);
    ss_timeline_note(&t, SS_BATCH_TAKEN, 103);
    ss_timeline_note(&t, SS_BATCH_COMPUTED, 105); /* 3 s of work */
    ss_timeline_note(&t, SS_BATCH_PUBLISHING, 105);
    ss_timeline_note(&t, SS_BATCH_STARTED, 105);
    ss_timeline_note(&t, SS_BATCH_TAKEN, 106); /* all three are out */
    ss_timeline_note(&t, SS_BATCH_COMPUTED, 107);
    ss_timeline_note(&t, SS_BATCH_STARTED, 107);
    ss_timeline_note(&t, SS_BATCH_COMPUTED, 108); /* three at the publisher: 6 s of work */
    expect(&t, 112,
           (double[]){[SS_POLLER_FETCH] = 6,
                      [SS_POLLER_FULL] = 6,
                      [SS_COMPUTE_WORK] = 6,
                      [SS_COMPUTE_ADS] = 2,
                      [SS_COMPUTE_COMMIT] = 4,
                      [SS_PUBLISHER_COMMIT] = 7,
                      [SS_PUBLISHER_IDLE] = 5});
    ss_timeline_note(&t, SS_BATCH_DONE, 113);
    expect(&t, 115,
           (double[]){[SS_POLLER_FETCH] = 8,
                      [SS_POLLER_FULL] = 7,
                      [SS_COMPUTE_WORK] = 6,
                      [SS_COMPUTE_ADS] = 4,
                      [SS_COMPUTE_COMMIT] = 5,
                      [SS_PUBLISHER_COMMIT] = 8,
                      [SS_PUBLISHER_IDLE] = 7});
    ss_timeline_free(&t);
}

static void a_batch_given_back_frees_its_job(void **state)
{
    (void)state;
    ss_timeline t;
    ss_timeline_init(&t, 1, 0);
    ss_timeline_note(&t, SS_BATCH_TAKEN, 1);
    ss_timeline_note(&t, SS_BATCH_STARTED, 1);
    ss_timeline_note(&t, SS_BATCH_GIVEN_BACK, 4);
    expect(&t, 6,
           (double[]){[SS_POLLER_FETCH] = 3,
                      [SS_POLLER_FULL] = 3,
                      [SS_COMPUTE_WORK] = 3,
                      [SS_COMPUTE_ADS] = 3,
                      [SS_PUBLISHER_IDLE] = 6});
    ss_timeline_free(&t);
}

static void states_of_a_thread_add_up_whatever_happens(void **state)
{
    (void)state;
    ss_timeline t;
    ss_timeline_init(&t, 3, 0);
    srand(7);
    double now = 0, s[SS_THREAD_STATES];
    int waiting = 0, computing = 0, done = 0, publishing = 0; /* jobs by where they are */
    for (int step = 0; step < 5000; step++) {
        now += (rand() % 1000 - 20) * 1e-3; /* clocks of threads are read in another order now and then */
        switch (rand() % 5) {
        case 0:
            if (waiting + computing + done + publishing == 3) break;
            ss_timeline_note(&t, SS_BATCH_TAKEN, now);
            waiting++;
            break;
        case 1:
            if (!waiting || computing) break;
            ss_timeline_note(&t, SS_BATCH_STARTED, now);
            waiting--;
            computing = 1;
            break;
        case 2:
            if (!computing) break;
            ss_timeline_note(&t, rand() % 8 ? SS_BATCH_COMPUTED : SS_BATCH_GIVEN_BACK, now);
            computing = 0;
            done = (int)t.at_publisher - publishing;
            break;
        case 3:
            if (!done || publishing) break;
            ss_timeline_note(&t, SS_BATCH_PUBLISHING, now);
            done--;
            publishing = 1;
            break;
        default:
            if (!publishing) break;
            ss_timeline_note(&t, SS_BATCH_DONE, now);
            publishing = 0;
        }
        assert_int_equal(t.out, (size_t)(waiting + computing + done + publishing));
    }
    ss_timeline_read(&t, now + 1, s);
    expect_near(s[SS_POLLER_FETCH] + s[SS_POLLER_FULL], now + 1);
    expect_near(s[SS_COMPUTE_WORK] + s[SS_COMPUTE_ADS] + s[SS_COMPUTE_COMMIT], now + 1);
    expect_near(s[SS_PUBLISHER_COMMIT] + s[SS_PUBLISHER_IDLE], now + 1);
    ss_timeline_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_publisher_is_what_the_compute_thread_waits_for),
        cmocka_unit_test(a_batch_given_back_frees_its_job),
        cmocka_unit_test(states_of_a_thread_add_up_whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
