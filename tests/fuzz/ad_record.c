/* ad_record.c - the whole way of an ad through a worker's batch: any bytes give exactly one record or dead letter, and
 * what a record says lies inside the ad's text.
 *
 * The first line is the content-type header; the rest is the value. The release is tiny: a random encoder, a dozen
 * skills.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "extract/tiny_release.h"
#include "fuzz/fuzz.h"
#include "stream/wire_record.h"
#include "worker/extract/job.h"

static const ss_job_rules rules = {.out = "records", .dead_letters = "dlq", .program = "test 1"};
static tiny_release tiny;
static ss_pool *pool;
static ss_extractor *extractor;

static void end(void)
{
    ss_extractor_free(extractor);
    ss_pool_free(pool);
    tiny_release_free(&tiny);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    ss_extract_options options = {.threshold = 0, .top = 5, .max_ad_bytes = 4096, .max_sentences = 64, .with_text = 1};
    tiny_release_make(&tiny);
    pool = ss_pool_new(1, NULL);
    extractor = pool ? ss_extractor_new(tiny.release, &options, pool, NULL, NULL) : NULL;
    FUZZ_CHECK(extractor);
    atexit(end);
    return 0;
}

static void check_mention(const ss_record *record, const ss_record_mention *mention)
{
    FUZZ_CHECK(mention->sentence_index < record->sentence_count);
    FUZZ_CHECK(mention->sentence_begin <= mention->begin && mention->begin < mention->end);
    FUZZ_CHECK(mention->end <= mention->sentence_end && mention->sentence_end <= record->text.len);
    FUZZ_CHECK(mention->probability >= 0 && mention->probability <= 1 && isfinite(mention->score));
    FUZZ_CHECK(fuzz_same(mention->text, (ss_slice){record->text.data + mention->begin, mention->end - mention->begin}));
}

static void check_output(const ss_job *job, const ss_message *message)
{
    const ss_output *output = &job->outputs[0];
    ss_record record;
    ss_arena arena;
    if (job->reasons[0]) {
        FUZZ_CHECK(!strcmp(output->topic, "dlq") && output->value_len == message->value_len);
        FUZZ_CHECK(job->counts.records == 0 && job->counts.dead_letters == 1);
        return;
    }
    FUZZ_CHECK(job->counts.records == 1 && job->counts.dead_letters == 0);
    ss_arena_init(&arena, 0, 0);
    FUZZ_CHECK(!ss_wire_decode_record(output->value, output->value_len, &arena, &record, NULL));
    FUZZ_CHECK(record.ad_id.len && record.scored_sentence_count <= record.sentence_count);
    for (size_t i = 0; i < record.mention_count; i++) check_mention(&record, &record.mentions[i]);
    ss_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ss_slice type = fuzz_line(&data, &size);
    ss_kafka_header header = {.name = "content-type", .value = type.data, .len = type.len};
    ss_message message = {.topic = "ads",
                          .key = "k",
                          .key_len = 1,
                          .value = (const char *)data,
                          .value_len = size,
                          .headers = &header,
                          .header_count = type.len != 0};
    ss_batch batch = {.messages = &message, .count = 1};
    ss_job job;
    ss_job_init(&job);
    job.batch = &batch;
    FUZZ_CHECK(!ss_job_compute(&job, &rules, extractor, NULL));
    FUZZ_CHECK(job.count == 1);
    check_output(&job, &message);
    ss_job_free(&job);
    return 0;
}
