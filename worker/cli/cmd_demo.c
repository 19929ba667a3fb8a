/* cmd_demo.c - `skillstream demo`: the whole system on one machine, on real ads.
 *
 *   ads file -> topic job-ads -> skillstream-worker (a real one, its own process) -> topic skill-records -> this screen
 *
 * Without --bootstrap the broker is librdkafka's mock cluster inside this process, so no Java is needed; without
 * --redis a redis-server is started. Release and sentence cache go through Redis as in production.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/progress.h"
#include "base/shutdown.h"
#include "match/release.h"
#include "stream/kafka_plain.h"
#include "stream/registry.h"
#include "stream/wire_ad.h"
#include "stream/wire_record.h"
#include "worker/cli/ads_input.h"
#include "worker/cli/command.h"
#include "worker/cli/demo_services.h"
#include "worker/cli/show_record.h"
#include "worker/extract/release_source.h"

enum { WAIT_MS = 50, CHECK_MS = 15000, OPEN_MS = 30000, FLUSH_MS = 60000, LARGEST = 256 << 20, WIDTH = 100 };

typedef struct values {
    ss_common_values common;
    const char *release, *bootstrap, *redis, *in, *out, *dead_letters, *threads;
    ss_strings kafka;
    uint64_t show;
    int64_t timeout;
} values;

#define AT(member) offsetof(values, member)

static const ss_option table[] = {
    {"release", SS_OPT_STRING, AT(release), NULL, NULL, "FILE", "What",
     "The release to work with; compose/quickstart makes one.", SS_OPT_REQUIRED},
    {"show", SS_OPT_COUNT, AT(show), "6", NULL, "N", NULL, "Print the records of the first N ads.", 0},
    {"bootstrap", SS_OPT_STRING, AT(bootstrap), NULL, NULL, "HOST:PORT", "Where",
     "A real Kafka. Default: a broker embedded in this process (in memory; it keeps no transactional offsets).", 0},
    {"redis", SS_OPT_STRING, AT(redis), NULL, NULL, "URL", NULL,
     "A real Redis. Default: a redis-server started for the demo.", 0},
    {"in", SS_OPT_STRING, AT(in), "job-ads", NULL, "TOPIC", NULL, "Topic of ads; must exist in a real Kafka.", 0},
    {"out", SS_OPT_STRING, AT(out), "skill-records", NULL, "TOPIC", NULL, "Topic of records.", 0},
    {"dead-letters", SS_OPT_STRING, AT(dead_letters), "job-ads.dlq", NULL, "TOPIC", NULL, "Topic of dead letters.", 0},
    {"kafka", SS_OPT_LIST, AT(kafka), NULL, NULL, "KEY=VALUE", NULL, "Setting for librdkafka.", 0},
    {"threads", SS_OPT_STRING, AT(threads), "0", NULL, "N", NULL, "Compute threads of the worker; 0: all processors.",
     0},
    {"timeout", SS_OPT_TIME, AT(timeout), "10m", NULL, "TIME", NULL, "Give up when no record comes for so long.", 0},
    {.name = NULL}};

static const ss_command command = {
    .name = "skillstream demo",
    .summary = "everything on one machine: ads through Kafka and a worker to this screen",
    .arguments = "ADS.jsonl...",
    .description =
        "Starts Redis and an embedded broker unless real ones are given, puts the release into Redis, starts a "
        "skillstream-worker, publishes the ads and prints the records that come back: ad, sentence, skill, "
        "score.",
    .examples =
        "  skillstream demo --release esco.release ads.jsonl\n"
        "  skillstream demo --release esco.release --bootstrap localhost:9092 --redis redis://localhost ads.jsonl\n",
    .options = table,
    .size = sizeof(values)};

typedef struct demo {
    const values *v;
    ss_demo_topics topics;
    ss_demo_services services;
    ss_shutdown *shutdown;
    ss_reader *records, *letters;
    ss_producer *producer;
    ss_arena arena;
    size_t published, bad_lines, received, dead, shown, mentions, with_skill;
} demo;

static ss_kafka_config kafka_config(const demo *d)
{
    return (ss_kafka_config){.bootstrap = d->services.bootstrap,
                             .client_id = "skillstream-demo",
                             .settings = (const char *const *)d->v->kafka.items,
                             .setting_count = d->v->kafka.count};
}

/* ---- release ---- */

static int push_release(demo *d, ss_error *err)
{
    ss_release *release = ss_release_open_content(d->v->release, err);
    if (!release) return -1;
    ss_redis_options options = {.url = d->services.redis_url, .command_timeout_ms = 30000};
    ss_redis *redis = ss_redis_new(&options, err);
    ss_registry_push_options push = {.make_current = 1};
    char digest[SS_SHA256_HEX + 1];
    int result = redis ? ss_release_push(redis, release, &push, digest, err) : -1;
    if (!result)
        fprintf(stderr, "release %.12s... in Redis (%u skills, %s)\n", digest, ss_release_manifest(release)->skills,
                ss_release_manifest(release)->taxonomy_name);
    ss_redis_free(redis);
    ss_release_drop(release);
    return result;
}

/* ---- publish ---- */

static void say(void *context, const char *text)
{
    (void)context;
    fprintf(stderr, "skillstream demo: %s\n", text);
}

static int publish_one(demo *d, const ss_input_ad *in, ss_buffer *bytes, ss_error *err)
{
    ss_buffer_clear(bytes);
    if (ss_wire_encode_ad(&in->ad, NULL, bytes, err)) return -1;
    ss_kafka_header header = {
        .name = "content-type", .value = SS_WIRE_CONTENT_TYPE, .len = sizeof SS_WIRE_CONTENT_TYPE - 1};
    ss_output output = {.topic = d->topics.in,
                        .key = in->ad.id.data,
                        .key_len = in->ad.id.len,
                        .value = bytes->data,
                        .value_len = bytes->len,
                        .headers = &header,
                        .header_count = 1};
    return ss_producer_send(d->producer, &output, err);
}

static int publish_all(demo *d, const ss_strings *files, ss_error *err)
{
    ss_ads_input *input = ss_ads_input_open(files, "jsonl", say, NULL, err);
    if (!input) return -1;
    ss_buffer bytes;
    ss_buffer_init(&bytes, LARGEST);
    ss_input_ad ad;
    int state;
    while ((state = ss_ads_input_next(input, &d->arena, &ad, err)) > 0) {
        if (publish_one(d, &ad, &bytes, err)) {
            state = -1;
            break;
        }
        d->published++;
        ss_arena_reset(&d->arena);
    }
    d->bad_lines = ss_ads_input_bad(input);
    ss_buffer_free(&bytes);
    ss_ads_input_close(input);
    if (state < 0) return -1;
    if (!d->published) return ss_fail(err, SS_INPUT, "no ad in the input");
    return ss_producer_flush(d->producer, FLUSH_MS, err);
}

/* ---- receive ---- */

static int take_record(demo *d, const ss_message *message, ss_error *err)
{
    ss_record record;
    ss_arena_reset(&d->arena);
    if (ss_wire_decode_record(message->value, message->value_len, &d->arena, &record, err)) return -1;
    d->received++;
    d->mentions += record.mention_count;
    d->with_skill += record.mention_count > 0;
    if (record.mention_count && d->shown < d->v->show) {
        if (!d->shown++) fputc('\n', stderr);
        ss_show_record(&record, WIDTH, stdout);
        fflush(stdout);
    }
    return 0;
}

static void take_letter(demo *d, const ss_message *message)
{
    char reason[64] = "unknown", error[SS_ERROR_TEXT] = "";
    ss_kafka_header_text(message->headers, message->header_count, "skillstream-reason", reason, sizeof reason);
    ss_kafka_header_text(message->headers, message->header_count, "skillstream-error", error, sizeof error);
    d->dead++;
    printf("\ndead letter: %s: %s\n", reason, error);
}

static int receive_all(demo *d, ss_error *err)
{
    ss_progress bar;
    ss_progress_start(&bar, "tagging", "ads", d->published);
    int64_t last = ss_now_ms();
    while (d->received + d->dead < d->published) {
        ss_message message;
        int state = ss_reader_next(d->records, WAIT_MS, &message, err);
        if (state < 0 || (state && take_record(d, &message, err))) return -1;
        int letter = ss_reader_next(d->letters, 0, &message, err);
        if (letter < 0) return -1;
        if (letter) take_letter(d, &message);
        if (state || letter) last = ss_now_ms();
        if (ss_demo_worker_check(&d->services, err)) return -1;
        if (ss_shutdown_requested(d->shutdown)) return ss_fail(err, SS_STOPPED, "stopped");
        if (ss_now_ms() - last > d->v->timeout)
            return ss_fail(err, SS_TIMEOUT, "no record came for %lld s; %zu of %zu ads are tagged",
                           (long long)(d->v->timeout / 1000), d->received, d->published);
        ss_progress_update(&bar, d->received + d->dead, NULL);
    }
    ss_progress_end(&bar, d->received + d->dead);
    return 0;
}

/* ---- the end ---- */

static void print_next(const demo *d)
{
    const char *release = d->v->release;
    char folder[4200];
    if (ss_sibling_program("", folder, sizeof folder, NULL)) folder[0] = 0;
    printf("\n%zu ads published, %zu records (%zu with skills, %zu mentions), %zu dead letters", d->published,
           d->received, d->with_skill, d->mentions, d->dead);
    if (d->bad_lines) printf(", %zu lines that were no ad", d->bad_lines);
    printf("\n\nWhat to try next   (export PATH=%s:$PATH)\n"
           "  your own ads, no Kafka needed (a line each: {\"id\",\"title\",\"text\" or \"html\"}, or schema.org "
           "JobPosting):\n"
           "      skillstream extract --release %s my-ads.jsonl\n"
           "  your own Kafka and Redis:\n"
           "      skillstream release push %s --redis redis://HOST:6379\n"
           "      skillstream-worker --bootstrap HOST:9092 --redis redis://HOST:6379\n"
           "      skillstream publish --bootstrap HOST:9092 my-ads.jsonl\n"
           "      skillstream tail --bootstrap HOST:9092 --from-beginning\n",
           folder, release, release);
    if (!d->v->bootstrap)
        puts("  exactly-once needs a real broker: the embedded one of this demo lives in memory and keeps no "
             "transactional\n"
             "  offsets. The same demo on a real one: skillstream demo --bootstrap HOST:9092 ...");
}

static int run_demo(demo *d, const ss_strings *files, ss_error *err)
{
    const values *v = d->v;
    if (ss_demo_services_start(&d->services, v->bootstrap, v->redis, &d->topics, err)) return -1;
    fprintf(stderr, "broker %s (%s), Redis %s\n", d->services.bootstrap, v->bootstrap ? "yours" : "embedded",
            v->redis ? "yours" : "started for the demo");
    ss_kafka_config kafka = kafka_config(d);
    const char *topics[] = {d->topics.in, d->topics.out, d->topics.dead_letters};
    if (ss_kafka_check(&kafka, topics, 3, CHECK_MS, err) || push_release(d, err)) return -1;
    if (!(d->records = ss_reader_open(&kafka, d->topics.out, v->bootstrap == NULL, OPEN_MS, err)) ||
        !(d->letters = ss_reader_open(&kafka, d->topics.dead_letters, v->bootstrap == NULL, OPEN_MS, err)) ||
        !(d->producer = ss_producer_open(&kafka, err)))
        return -1;
    if (ss_demo_worker_start(&d->services, &d->topics, &v->kafka, v->threads, err) || publish_all(d, files, err) ||
        receive_all(d, err))
        return -1;
    print_next(d);
    return 0;
}

static int run(int argc, char **argv)
{
    values v;
    ss_options *options;
    ss_log log;
    int code;
    ss_error err = {0};
    if (!ss_command_begin(&command, argc, argv, &v, &options, &log, &code)) return code;
    demo d = {.v = &v, .topics = {.in = v.in, .out = v.out, .dead_letters = v.dead_letters}};
    ss_arena_init(&d.arena, 1 << 20, 0);
    int bad = 0;
    if (!ss_options_arguments(options)->count)
        bad = ss_fail(&err, SS_USAGE, "a file of ads is needed; see --help");
    else if (!(d.shutdown = ss_shutdown_start(40000, NULL, NULL, &err)) ||
             run_demo(&d, ss_options_arguments(options), &err))
        bad = -1;
    if (bad) code = ss_command_fail(&command, &err);
    ss_producer_close(d.producer);
    ss_reader_close(d.records);
    ss_reader_close(d.letters);
    ss_demo_services_stop(&d.services);
    ss_shutdown_end(d.shutdown);
    ss_arena_free(&d.arena);
    ss_options_free(options);
    return code;
}

const ss_subcommand ss_demo_subcommand = {"demo", &command, run};
