/* Pool, queue, shutdown and hashes. Hash oracles: FIPS 180-4's examples, xxHash's own vector for the empty input. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pthread.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/pool.h"
#include "base/queue.h"
#include "base/shutdown.h"

enum { PIECES = 5000 };

typedef struct job {
    atomic_int runs[PIECES];
    atomic_size_t highest_thread;
    size_t fail_at;
} job;

static int run_piece(void *arg, size_t thread, size_t piece)
{
    job *j = arg;
    atomic_fetch_add(&j->runs[piece], 1);
    size_t seen = atomic_load(&j->highest_thread);
    while (thread > seen && !atomic_compare_exchange_weak(&j->highest_thread, &seen, thread)) {
    }
    return piece == j->fail_at ? 42 : 0;
}

static void every_piece_runs_once_on_any_number_of_threads(void **state)
{
    (void)state;
    for (size_t threads = 1; threads <= 4; threads++) {
        ss_error err = {0};
        ss_pool *pool = ss_pool_new(threads, &err);
        assert_non_null(pool);
        for (int round = 0; round < 20; round++) {
            job *j = calloc(1, sizeof *j);
            j->fail_at = SIZE_MAX;
            size_t pieces = round % 2 ? PIECES : (size_t)round;
            assert_int_equal(ss_pool_run(pool, pieces, run_piece, j), 0);
            for (size_t i = 0; i < PIECES; i++) assert_int_equal(atomic_load(&j->runs[i]), i < pieces ? 1 : 0);
            assert_true(atomic_load(&j->highest_thread) < threads);
            free(j);
        }
        ss_pool_free(pool);
    }
}

static void a_failing_piece_is_the_result(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_pool *pool = ss_pool_new(3, &err);
    job *j = calloc(1, sizeof *j);
    j->fail_at = 17;
    assert_int_equal(ss_pool_run(pool, PIECES, run_piece, j), 42);
    free(j);
    ss_pool_free(pool);
}

typedef struct traffic {
    ss_queue *queue;
    atomic_size_t sum, count;
} traffic;

static void *consume(void *arg)
{
    traffic *t = arg;
    size_t *item;
    while ((item = ss_queue_pop(t->queue, -1))) {
        atomic_fetch_add(&t->sum, *item);
        atomic_fetch_add(&t->count, 1);
    }
    return NULL;
}

static void a_queue_loses_and_doubles_nothing(void **state)
{
    (void)state;
    enum { ITEMS = 20000 };
    static size_t items[ITEMS];
    ss_error err = {0};
    traffic t = {.queue = ss_queue_new(3, &err)};
    pthread_t consumers[3];
    for (int i = 0; i < 3; i++) pthread_create(&consumers[i], NULL, consume, &t);
    size_t sum = 0;
    for (size_t i = 0; i < ITEMS; i++) {
        items[i] = i * i;
        sum += items[i];
        assert_int_equal(ss_queue_push(t.queue, &items[i]), 0);
    }
    ss_queue_close(t.queue);
    for (int i = 0; i < 3; i++) pthread_join(consumers[i], NULL);
    assert_int_equal(atomic_load(&t.count), ITEMS);
    assert_int_equal(atomic_load(&t.sum), sum);
    assert_int_equal(ss_queue_push(t.queue, items), -1);
    assert_int_equal(ss_queue_is_finished(t.queue), 1);
    assert_null(ss_queue_pop(t.queue, 0));
    ss_queue_free(t.queue);
}

static void say_stage(void *context, const char *stage)
{
    ssize_t ignored = write(*(int *)context, stage, strlen(stage));
    (void)ignored;
}

/* In a child process, because signals and _exit belong to the whole process. */
static int child_with_signals(int signals, int64_t grace, int out)
{
    pid_t pid = fork();
    if (pid == 0) {
        ss_error err;
        ss_shutdown *s = ss_shutdown_start(grace, say_stage, &out, &err);
        ss_shutdown_stage(s, "sleeping in the test");
        for (int i = 0; i < signals; i++) {
            kill(getpid(), SIGTERM);
            ss_sleep_ms(200);
        }
        if (signals && !ss_shutdown_wait(s, 5000)) _exit(9);
        if (grace > 1000) {
            ss_shutdown_end(s);
            _exit(7);
        }
        ss_sleep_ms(10000);
        _exit(8);
    }
    int status;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_signal_is_a_flag_and_a_stuck_stage_is_named(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(child_with_signals(1, 60000, ends[1]), 7);   /* orderly */
    assert_int_equal(child_with_signals(2, 60000, ends[1]), 130); /* impatient user */
    assert_int_equal(child_with_signals(1, 300, ends[1]), 1);     /* watchdog */
    char text[64] = "";
    assert_true(read(ends[0], text, sizeof text - 1) > 0);
    assert_string_equal(text, "sleeping in the test");
}

static void hashes_equal_their_specifications(void **state)
{
    (void)state;
    char hex[SS_SHA256_HEX + 1];
    ss_error err;
    ss_sha256_hex("abc", 3, hex, &err);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    ss_sha256 *sha = ss_sha256_new(&err);
    const char *text = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    for (const char *c = text; *c; c++) ss_sha256_add(sha, c, 1);
    ss_sha256_end(sha, hex);
    assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    assert_true(ss_hash64("", 0) == 0x2d06800538d394c2u);
    ss_hash128 empty = ss_hash128_of("", 0);
    assert_true(empty.high == 0x99aa06d3014798d8u && empty.low == 0x6001c324468d497fu);
}

static void backoff_stays_within_its_bounds(void **state)
{
    (void)state;
    uint64_t seed = 1;
    int64_t largest = 0;
    for (unsigned attempt = 0; attempt < 200; attempt++) {
        int64_t wait = ss_backoff_ms(attempt, 100, 5000, &seed);
        assert_true(wait >= 0 && wait <= 5000);
        if (attempt < 3) assert_true(wait <= 100 << attempt);
        if (wait > largest) largest = wait;
    }
    assert_true(largest > 2500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_piece_runs_once_on_any_number_of_threads),
        cmocka_unit_test(a_failing_piece_is_the_result),
        cmocka_unit_test(a_queue_loses_and_doubles_nothing),
        cmocka_unit_test(a_signal_is_a_flag_and_a_stuck_stage_is_named),
        cmocka_unit_test(hashes_equal_their_specifications),
        cmocka_unit_test(backoff_stays_within_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
