/* A batch of messages: every message gets exactly one output, a record or a dead letter that says why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "extract/tiny_release.h"
#include "stream/wire_record.h"
#include "worker/extract/instance_name.h"
#include "worker/extract/job.h"
#include "worker/extract/worker_settings.h"

static tiny_release tiny;
static ss_pool *pool;
static ss_extractor *extractor;

static const ss_job_rules rules = {.out = "records", .dead_letters = "dlq", .program = "test 1"};

static int set_up(void **state)
{
    (void)state;
    tiny_release_make(&tiny);
    pool = ss_pool_new(1, NULL);
    ss_extract_options options = {.threshold = 0, .top = 5, .max_ad_bytes = 1000};
    extractor = ss_extractor_new(tiny.release, &options, pool, NULL, NULL);
    return extractor ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    ss_extractor_free(extractor);
    ss_pool_free(pool);
    tiny_release_free(&tiny);
    return 0;
}

static ss_message message(const char *key, const char *value, int64_t offset)
{
    return (ss_message){.topic = "ads",
                        .partition = 2,
                        .offset = offset,
                        .key = key,
                        .key_len = key ? strlen(key) : 0,
                        .value = value,
                        .value_len = value ? strlen(value) : 0};
}

static void expect_header(const ss_output *output, const char *name, const char *value)
{
    char text[512];
    if (!ss_kafka_header_text(output->headers, output->header_count, name, text, sizeof text)) fail_msg("no %s", name);
    assert_string_equal(text, value);
}

static ss_record decoded(const ss_output *output, ss_arena *arena)
{
    ss_record record;
    assert_string_equal(output->topic, "records");
    assert_int_equal(ss_wire_decode_record(output->value, output->value_len, arena, &record, NULL), 0);
    return record;
}

static void every_message_gets_one_output(void **state)
{
    (void)state;
    static char large[5000];
    int len = snprintf(large, sizeof large, "{\"id\":\"big\",\"text\":\"");
    memset(large + len, 'x', 3000);
    strcpy(large + len + 3000, "\"}");
    ss_message messages[] = {message("k", "{\"id\":\"a\",\"title\":\"T\",\"text\":\"Java and SQL.\"}", 10),
                             message("k", "{\"id\":", 11),
                             message("key-1", "{\"text\":\"Java\"}", 12),
                             message(NULL, "{\"text\":\"Java\"}", 13),
                             message("k", "[1,2]", 14),
                             message("k", NULL, 15),
                             message("k", large, 16),
                             message("\xFFkey", "{\"text\":\"Java\"}", 17)};
    enum { N = sizeof messages / sizeof *messages };
    ss_batch batch = {.messages = messages, .count = N};
    ss_job job;
    ss_job_init(&job);
    job.batch = &batch;
    ss_error err = {0};
    assert_int_equal(ss_job_compute(&job, &rules, extractor, &err), 0);
    assert_int_equal(job.count, N);
    static const char *const reasons[N] = {NULL,    "bad-json",  NULL, NULL, "not-a-job-posting",
                                           "empty", "too-large", NULL};
    static const char *const ids[N] = {"a",  NULL, "key-1", "ads-2-13",
                                       NULL, NULL, NULL,    "\xC3\xBFkey"}; /* not UTF-8: read as windows-1252 */
    ss_arena arena;
    ss_arena_init(&arena, 0, 0);
    for (size_t i = 0; i < N; i++) {
        const ss_output *output = &job.outputs[i];
        if (!reasons[i]) {
            ss_record record = decoded(output, &arena);
            assert_int_equal(record.ad_id.len, strlen(ids[i]));
            assert_memory_equal(record.ad_id.data, ids[i], record.ad_id.len);
            assert_int_equal(output->key_len, record.ad_id.len);
            assert_memory_equal(output->key, ids[i], output->key_len);
            assert_int_equal(record.source_partition, 2);
            assert_int_equal(record.source_offset, messages[i].offset);
            expect_header(output, "content-type", "application/x-protobuf");
            continue;
        }
        assert_string_equal(output->topic, "dlq");
        expect_header(output, "skillstream-reason", reasons[i]);
        expect_header(output, "skillstream-attempt", "1");
        expect_header(output, "skillstream-program", "test 1");
        assert_ptr_equal(output->value, messages[i].value);
        assert_int_equal(output->value_len, messages[i].value_len);
    }
    expect_header(&job.outputs[1], "skillstream-source", "ads/2/11");
    expect_header(&job.outputs[6], "skillstream-stage", "text");
    assert_int_equal(job.counts.records, 4);
    assert_int_equal(job.counts.dead_letters, 4);
    ss_arena_free(&arena);
    ss_job_free(&job);
}

static void an_ad_over_the_limit_of_nesting_becomes_a_dead_letter(void **state)
{
    (void)state;
    ss_job_rules shallow = rules;
    shallow.wire.max_depth = 3;
    ss_message two[] = {message("k", "[[{\"id\":\"a\",\"text\":\"Java\"}]]", 1),
                        message("k", "[[[{\"id\":\"a\",\"text\":\"Java\"}]]]", 2)};
    ss_batch batch = {.messages = two, .count = 2};
    ss_job job;
    ss_job_init(&job);
    job.batch = &batch;
    assert_int_equal(ss_job_compute(&job, &shallow, extractor, NULL), 0);
    expect_header(&job.outputs[1], "skillstream-reason", "bad-json");
    assert_true(!job.reasons[0] || strcmp(job.reasons[0], "bad-json"));
    ss_job_free(&job);
}

/* What is not said is limited: nobody sets these who does not know of them. */
static void a_worker_has_limits_without_being_told(void **state)
{
    (void)state;
    char program[] = "w", bootstrap[] = "--bootstrap=h:1";
    char *argv[] = {program, bootstrap, NULL};
    ss_worker_settings settings;
    ss_options *options;
    assert_int_equal(ss_options_parse(&options, ss_worker_command(), 2, argv, "1", &settings, NULL), SS_PARSE_RUN);
    assert_int_equal(settings.extract.max_ad_bytes, 8 << 20);
    assert_int_equal(settings.extract.max_sentences, 10000);
    assert_int_equal(settings.max_json_depth, 64);
    ss_options_free(options);
}

static void a_rejected_record_becomes_a_dead_letter_and_then_loses_its_value(void **state)
{
    (void)state;
    ss_message one = message("k", "{\"id\":\"a\",\"text\":\"Java\"}", 1);
    ss_batch batch = {.messages = &one, .count = 1};
    ss_job job;
    ss_job_init(&job);
    job.batch = &batch;
    assert_int_equal(ss_job_compute(&job, &rules, extractor, NULL), 0);
    assert_int_equal(ss_job_replace(&job, &rules, 0, NULL), 0);
    expect_header(&job.outputs[0], "skillstream-reason", "record-too-large");
    assert_int_equal(job.outputs[0].value_len, one.value_len);
    assert_int_equal(job.counts.records, 0);
    assert_int_equal(job.counts.dead_letters, 1);
    assert_int_equal(ss_job_replace(&job, &rules, 0, NULL), 0);
    expect_header(&job.outputs[0], "skillstream-reason", "record-too-large");
    assert_int_equal(job.outputs[0].value_len, 0);
    assert_int_equal(job.counts.dead_letters, 1);
    ss_job_free(&job);
}

static void instance_names_are_unique_while_held(void **state)
{
    (void)state;
    char group[64], a[128], b[128], c[128];
    snprintf(group, sizeof group, "group-%d", (int)getpid());
    int hold_a = ss_instance_name(group, a, NULL), hold_b = ss_instance_name(group, b, NULL);
    assert_true(hold_a >= 0 && hold_b >= 0);
    assert_string_not_equal(a, b);
    close(hold_a);
    int hold_c = ss_instance_name(group, c, NULL);
    assert_string_equal(a, c); /* the name that became free */
    close(hold_b);
    close(hold_c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_gets_one_output),
        cmocka_unit_test(an_ad_over_the_limit_of_nesting_becomes_a_dead_letter),
        cmocka_unit_test(a_worker_has_limits_without_being_told),
        cmocka_unit_test(a_rejected_record_becomes_a_dead_letter_and_then_loses_its_value),
        cmocka_unit_test(instance_names_are_unique_while_held),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
