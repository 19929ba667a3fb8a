/* Memory that runs out at the n-th allocation, for every n: of a batch from messages to records, of making an
 * extractor, of opening a release. Nothing crashes or leaks (the build with AddressSanitizer looks), the error says
 * what it is, no record differs from the one that is made with enough memory, and what failed works when it is tried
 * again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "extract/tiny_release.h"
#include "support/failing_malloc.h"
#include "support/temp_folder.h"
#include "worker/extract/job.h"

static const ss_job_rules rules = {.out = "records", .dead_letters = "dlq", .program = "test 1"};
static const ss_extract_options options = {.threshold = 0, .top = 5, .with_text = 1};

/* Every way through decoder and text: JSON to be cleaned, an escaped body, one whose text by the tree is not that by
 * the linear path, attributes, a body by pieces, a sentence that must be cut, and three kinds of dead letters. */
static const char *const values[] = {
    "{\"id\":\"a\",\"title\":\"T\",\"text\":\"Java and SQL. Manage staff,\\ud800 and write reports!\",\"attributes\":"
    "{\"k\":\"v\"}}",
    "{\"id\":\"b\",\"html\":\"<p>Welding &amp; cooking.</p><svg><text>Java</text></svg><pre>  SQL\\n  too</pre>\"}",
    "{\"id\":\"c\",\"html\":\"&lt;p&gt;Java&lt;/p&gt;&amp;amp; SQL caf\xE9\"}",
    "{\"@type\":\"JobPosting\",\"identifier\":\"d\",\"description\":\"<table>x<td>Java</table>\",\"skills\":[\"SQL\"]}",
    "{\"id\":\"e\",\"text\":\"aaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb; cccccccccccccccccccccccccccc, "
    "dddddddddddddddddddddddddddddddd eeeeeeeeeeeeeeeeeeeee.\"}",
    "\x0A\x01\x66\x1A\x0CJava \xFF <b> x\x52\x07\x0A\x02k\xFF\x12\x01v",
    "{\"id\":",
    "[1]",
    ""};
enum { MESSAGES = sizeof values / sizeof *values };

static tiny_release tiny;
static ss_pool *pool;
static ss_message messages[MESSAGES];
static ss_batch batch = {.messages = messages, .count = MESSAGES};

/* What enough memory gives. */
static struct {
    const char *reason; /* of a dead letter */
    char *record;
    size_t len;
} expected[MESSAGES];

static int set_up(void **state)
{
    (void)state;
    tiny_release_make(&tiny);
    pool = ss_pool_new(1, NULL);
    for (size_t i = 0; i < MESSAGES; i++)
        messages[i] =
            (ss_message){.topic = "ads", .offset = (int64_t)i, .value = values[i], .value_len = strlen(values[i])};
    return pool ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < MESSAGES; i++) free(expected[i].record);
    ss_pool_free(pool);
    tiny_release_free(&tiny);
    return 0;
}

/* ---- a batch ---- */

typedef struct engine {
    ss_cache *cache;
    ss_extractor *extractor;
    ss_job job;
} engine;

static engine start(void)
{
    engine e = {
        .cache = ss_cache_new(&(ss_cache_options){.memory_bytes = 65536, .hits_per_sentence = SS_EXTRACT_HITS}, NULL)};
    assert_non_null(e.cache);
    e.extractor = ss_extractor_new(tiny.release, &options, pool, e.cache, NULL);
    assert_non_null(e.extractor);
    ss_job_init(&e.job);
    e.job.batch = &batch;
    return e;
}

static void stop(engine *e)
{
    ss_job_free(&e->job);
    ss_extractor_free(e->extractor);
    ss_cache_free(e->cache);
}

static void remember(const ss_job *job)
{
    size_t records = 0;
    for (size_t i = 0; i < MESSAGES; i++) {
        expected[i].reason = job->reasons[i];
        if (job->reasons[i]) continue;
        expected[i].len = job->outputs[i].value_len;
        expected[i].record = malloc(expected[i].len);
        assert_non_null(expected[i].record);
        memcpy(expected[i].record, job->outputs[i].value, expected[i].len);
        records++;
    }
    assert_int_equal(records, MESSAGES - 3);
}

/* Every output as expected; where `memory` may be short, a dead letter that says so instead of a record. */
static void check_outputs(const ss_job *job, int memory, size_t n)
{
    assert_int_equal(job->count, MESSAGES);
    for (size_t i = 0; i < MESSAGES; i++) {
        const char *reason = job->reasons[i];
        if (memory && reason && !expected[i].reason && !strcmp(reason, "memory")) continue;
        if (!reason != !expected[i].reason || (reason && strcmp(reason, expected[i].reason)))
            fail_msg("message %zu, allocation %zu: %s, not %s", i, n, reason ? reason : "a record",
                     expected[i].reason ? expected[i].reason : "a record");
        if (reason) continue;
        if (job->outputs[i].value_len != expected[i].len ||
            memcmp(job->outputs[i].value, expected[i].record, expected[i].len))
            fail_msg("message %zu, allocation %zu: another record", i, n);
    }
}

/* Fails the n-th allocation of a batch; 0 when the batch has not as many. */
static int fail_batch_at(size_t n, int all)
{
    engine e = start();
    ss_error err = {0};
    failing_malloc_arm(n, all);
    int result = ss_job_compute(&e.job, &rules, e.extractor, &err);
    size_t made = failing_malloc_disarm();
    if (result)
        assert_int_equal(err.status, SS_MEMORY);
    else
        check_outputs(&e.job, all, n);
    assert_int_equal(ss_job_compute(&e.job, &rules, e.extractor, NULL), 0);
    check_outputs(&e.job, 0, n);
    stop(&e);
    return made >= n;
}

static void a_batch_survives_every_allocation_that_fails(void **state)
{
    (void)state;
    engine e = start();
    assert_int_equal(ss_job_compute(&e.job, &rules, e.extractor, NULL), 0);
    remember(&e.job);
    stop(&e);
    size_t once = 1, on = 1;
    while (fail_batch_at(once, 0)) once++;
    while (fail_batch_at(on, 1)) on++;
    print_message("%zu allocations of a batch, each failed once, and with all that follow\n", once - 1);
    assert_true(once > 100 && once == on);
}

/* ---- before the first batch ---- */

static void an_extractor_is_made_or_the_error_says_memory(void **state)
{
    (void)state;
    size_t n = 1, made;
    do {
        ss_error err = {0};
        failing_malloc_arm(n, 0);
        ss_extractor *extractor = ss_extractor_new(tiny.release, &options, pool, NULL, &err);
        made = failing_malloc_disarm();
        if (!extractor) assert_int_equal(err.status, SS_MEMORY);
        ss_extractor_free(extractor);
    } while (made >= n++);
    assert_true(n > 10);
}

static void a_release_is_opened_or_the_error_says_memory(void **state)
{
    (void)state;
    size_t n = 1, made;
    const char *path = temp_path(tiny.folder, "r.release");
    do {
        ss_error err = {0};
        failing_malloc_arm(n, 0);
        ss_release *release = ss_release_open(path, &err);
        made = failing_malloc_disarm();
        if (!release && err.status != SS_MEMORY) fail_msg("allocation %zu: %s", n, err.text);
        if (release) assert_string_equal(ss_release_digest(release), ss_release_digest(tiny.release));
        ss_release_drop(release);
    } while (made >= n++);
    print_message("%zu allocations of a release\n", n - 2);
    assert_true(n > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_survives_every_allocation_that_fails),
        cmocka_unit_test(an_extractor_is_made_or_the_error_says_memory),
        cmocka_unit_test(a_release_is_opened_or_the_error_says_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
