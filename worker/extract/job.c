/* job.c - see job.h.
 *
 * Every message gets exactly one output: a record, or a dead letter that says why not. An ad that makes the machine
 * fail (memory) although it is alone becomes a dead letter too: a batch that can never succeed would stop its
 * partition.
 */
#include "worker/extract/job.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "stream/kafka_dead_letter.h"
#include "stream/wire_record.h"
#include "text/utf8.h"

enum { LARGEST_RECORD = 512 * 1024 * 1024 };

static const ss_kafka_header record_headers[] = {
    {.name = "content-type", .value = SS_WIRE_CONTENT_TYPE, .len = sizeof SS_WIRE_CONTENT_TYPE - 1}};

void ss_job_init(ss_job *job)
{
    *job = (ss_job){0};
    ss_arena_init(&job->arena, 1 << 20, 0);
}

void ss_job_free(ss_job *job)
{
    ss_arena_free(&job->arena);
}

static int dead_letter(ss_job *job, const ss_job_rules *rules, size_t i, const char *reason, const char *stage,
                       const char *error, int without_value, ss_error *err)
{
    ss_dead_letter letter = {.topic = rules->dead_letters,
                             .reason = reason,
                             .stage = stage,
                             .error = error,
                             .program = rules->program,
                             .without_value = without_value};
    if (ss_dead_letter_output(&job->batch->messages[i], &letter, &job->arena, &job->outputs[i], err)) return -1;
    if (!job->reasons[i]) job->counts.dead_letters++;
    job->reasons[i] = reason;
    return 0;
}

/* ---- decode ---- */

/* An ad without id is named by the Kafka key, else by its place. */
static int name_ad(const ss_message *message, ss_arena *arena, ss_ad *ad, ss_error *err)
{
    if (ad->id.len) return 0;
    if (message->key && message->key_len) {
        ss_text key;
        if (ss_utf8_repair(message->key, message->key_len, arena, &key, err)) return -1;
        ad->id = (ss_slice){.data = key.bytes, .len = key.len};
        return 0;
    }
    char place[320];
    int len =
        snprintf(place, sizeof place, "%.249s-%d-%lld", message->topic, message->partition, (long long)message->offset);
    char *copy = ss_arena_copy(arena, place, (size_t)len);
    if (!copy) return ss_fail_memory(err, "naming an ad");
    ad->id = (ss_slice){.data = copy, .len = (size_t)len};
    return 0;
}

/* 1: *ad is filled; 0: a dead letter took its place; -1: memory. */
static int decode(ss_job *job, const ss_job_rules *rules, size_t i, ss_ad *ad, ss_error *err)
{
    const ss_message *message = &job->batch->messages[i];
    char type[128];
    const char *content_type =
        ss_kafka_header_text(message->headers, message->header_count, "content-type", type, sizeof type);
    const char *reason = NULL;
    ss_error why = {0};
    ss_wire_options wire = rules->wire;
    wire.framing = SS_WIRE_FRAMING_AUTO; /* that of the rules is for records; an ad tells by its first byte */
    if (ss_wire_decode_ad(message->value, message->value_len, content_type, &wire, &job->arena, ad, &reason, &why)) {
        if (why.status == SS_MEMORY) {
            if (err) *err = why;
            return -1;
        }
        return dead_letter(job, rules, i, reason ? reason : "bad-ad", "decode", why.text, 0, err);
    }
    return name_ad(message, &job->arena, ad, err) ? -1 : 1;
}

/* ---- encode ---- */

static int encode(ss_job *job, const ss_job_rules *rules, size_t i, ss_extraction *extraction, ss_error *err)
{
    const ss_message *message = &job->batch->messages[i];
    if (extraction->reason)
        return dead_letter(job, rules, i, extraction->reason, extraction->stage, extraction->error, 0, err);
    ss_record *record = &extraction->record;
    record->source_topic = (ss_slice){.data = message->topic, .len = strlen(message->topic)};
    record->source_partition = message->partition;
    record->source_offset = message->offset;
    ss_buffer bytes;
    ss_buffer_init(&bytes, LARGEST_RECORD);
    int result = ss_wire_encode_record(record, &rules->wire, &bytes, err);
    char *value = result ? NULL : ss_arena_copy(&job->arena, bytes.data, bytes.len);
    char *key = ss_arena_copy(&job->arena, record->ad_id.data, record->ad_id.len);
    if (!result && (!value || !key)) result = ss_fail_memory(err, "encoding a record");
    if (!result) {
        job->outputs[i] = (ss_output){.topic = rules->out,
                                      .key = key,
                                      .key_len = record->ad_id.len,
                                      .value = value,
                                      .value_len = bytes.len,
                                      .headers = record_headers,
                                      .header_count = 1};
        job->counts.records++;
    }
    ss_buffer_free(&bytes);
    return result;
}

/* ---- the whole ---- */

static int extract_and_encode(ss_job *job, const ss_job_rules *rules, ss_extractor *extractor, const ss_ad *ads,
                              const size_t *places, size_t n, ss_extraction *extractions, ss_error *err)
{
    if (ss_extract(extractor, ads, n, extractions, &job->stats, err)) return -1;
    double start = ss_now();
    for (size_t k = 0; k < n; k++)
        if (encode(job, rules, places[k], &extractions[k], err)) return -1;
    job->counts.encode_seconds += ss_now() - start;
    return 0;
}

/* The batch together failed for want of memory: one ad after the other, so that a monster fails alone. */
static int one_by_one(ss_job *job, const ss_job_rules *rules, ss_extractor *extractor, const ss_ad *ads,
                      const size_t *places, size_t n, ss_extraction *extractions, ss_error *err)
{
    job->stats = (ss_extract_stats){0};
    job->counts.records = 0;
    for (size_t k = 0; k < n; k++) {
        ss_error why = {0};
        if (!extract_and_encode(job, rules, extractor, ads + k, places + k, 1, extractions, &why)) continue;
        if (dead_letter(job, rules, places[k], ss_status_word(why.status), "extract", why.text, 0, err)) return -1;
    }
    return 0;
}

int ss_job_compute(ss_job *job, const ss_job_rules *rules, ss_extractor *extractor, ss_error *err)
{
    ss_arena_reset(&job->arena);
    size_t count = job->batch->count, n = 0;
    job->counts = (ss_job_counts){0};
    job->stats = (ss_extract_stats){0};
    job->count = count;
    job->outputs = ss_arena_calloc(&job->arena, count, sizeof *job->outputs);
    job->reasons = ss_arena_calloc(&job->arena, count, sizeof *job->reasons);
    ss_ad *ads = ss_arena_calloc(&job->arena, count, sizeof *ads);
    size_t *places = ss_arena_calloc(&job->arena, count, sizeof *places);
    ss_extraction *extractions = ss_arena_calloc(&job->arena, count, sizeof *extractions);
    if (!job->outputs || !job->reasons || !ads || !places || !extractions)
        return ss_fail_memory(err, "starting a batch");
    double start = ss_now();
    for (size_t i = 0; i < count; i++) {
        int state = decode(job, rules, i, &ads[n], err);
        if (state < 0) return -1;
        if (state) places[n++] = i;
    }
    job->counts.decode_seconds = ss_now() - start;
    if (!extract_and_encode(job, rules, extractor, ads, places, n, extractions, err)) return 0;
    return one_by_one(job, rules, extractor, ads, places, n, extractions, err);
}

int ss_job_replace(ss_job *job, const ss_job_rules *rules, size_t i, ss_error *err)
{
    const char *reason = job->reasons[i];
    if (reason)
        return dead_letter(job, rules, i, reason, "publish",
                           "the ad itself is larger than the dead letter topic takes (max.message.bytes): its value is "
                           "left out; read it at the source position",
                           1, err);
    job->counts.records--;
    return dead_letter(
        job, rules, i, "record-too-large", "publish",
        "the record is larger than the topic takes (max.message.bytes): raise the topic's limit or leave "
        "out --with-text",
        0, err);
}
