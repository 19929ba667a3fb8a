/* cmd_publish.c - `skillstream publish`: ads from files to a topic.
 *
 * Idempotent producer, so its own retries make no duplicates; running the command twice does publish twice.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/progress.h"
#include "stream/kafka_plain.h"
#include "stream/wire_ad.h"
#include "worker/cli/ads_input.h"
#include "worker/cli/command.h"

enum { FLUSH_MS = 120000, CHECK_MS = 15000, LARGEST = 256 << 20 };

typedef struct values {
    ss_common_values common;
    const char *bootstrap, *topic, *format, *framing;
    ss_strings kafka;
    uint64_t schema_id;
} values;

#define AT(member) offsetof(values, member)

static const ss_option table[] = {
    {"bootstrap", SS_OPT_STRING, AT(bootstrap), NULL, NULL, "HOST:PORT", "Kafka", "Brokers to start from.",
     SS_OPT_REQUIRED},
    {"topic", SS_OPT_STRING, AT(topic), "job-ads", NULL, "TOPIC", NULL, "Where to; the topic must exist.", 0},
    {"format", SS_OPT_CHOICE, AT(format), "protobuf", "protobuf|json", "FORMAT", NULL,
     "protobuf: skillstream.v1.JobAd; json: the lines as they are.", 0},
    {"framing", SS_OPT_CHOICE, AT(framing), "plain", "plain|confluent", "KIND", NULL,
     "Frame of protobuf bytes: none, or the Schema Registry header.", 0},
    {"schema-id", SS_OPT_COUNT, AT(schema_id), "0", "0..2147483647", "ID", NULL, "For --framing confluent.", 0},
    {"kafka", SS_OPT_LIST, AT(kafka), NULL, NULL, "KEY=VALUE", NULL, "Setting for librdkafka.", 0},
    {.name = NULL}};

static const ss_command command = {
    .name = "skillstream publish",
    .summary = "ads from files -> a Kafka topic",
    .arguments = "[FILE...]",
    .description =
        "Reads ads as JSON lines (plain or gzip, '-' or nothing: standard input) and publishes each with its id "
        "as the key. Lines that are no ad are reported and left out, and make the exit code 1.",
    .examples = "  skillstream publish --bootstrap localhost:9092 ads.jsonl.gz\n",
    .options = table,
    .size = sizeof(values)};

typedef struct publishing {
    const values *v;
    ss_producer *producer;
    ss_buffer bytes;
    ss_progress bar;
} publishing;

static void say(void *context, const char *text)
{
    (void)context;
    fprintf(stderr, "skillstream publish: %s\n", text);
}

static int send_one(publishing *p, const ss_input_ad *in, ss_error *err)
{
    int json = !strcmp(p->v->format, "json");
    const char *type = json ? "application/json" : "application/x-protobuf";
    ss_kafka_header header = {.name = "content-type", .value = type, .len = strlen(type)};
    ss_output output = {.topic = p->v->topic,
                        .key = in->ad.id.data,
                        .key_len = in->ad.id.len,
                        .value = in->raw.data,
                        .value_len = in->raw.len,
                        .headers = &header,
                        .header_count = 1};
    if (!json) {
        ss_wire_options options = {.framing = strcmp(p->v->framing, "plain") ? SS_WIRE_FRAMING_CONFLUENT
                                                                             : SS_WIRE_FRAMING_PLAIN,
                                   .schema_id = (int)p->v->schema_id};
        ss_buffer_clear(&p->bytes);
        if (ss_wire_encode_ad(&in->ad, &options, &p->bytes, err)) return -1;
        output.value = p->bytes.data;
        output.value_len = p->bytes.len;
    }
    return ss_producer_send(p->producer, &output, err);
}

static int send_all(publishing *p, ss_ads_input *input, size_t *refused, ss_error *err)
{
    ss_arena arena;
    ss_arena_init(&arena, 1 << 20, 0);
    ss_input_ad ad;
    size_t n = 0;
    int state;
    while ((state = ss_ads_input_next(input, &arena, &ad, err)) > 0) {
        ss_error why = {0};
        if (send_one(p, &ad, &why)) {
            if (why.status != SS_LIMIT) {
                *err = why;
                state = -1;
                break;
            }
            fprintf(stderr, "skillstream publish: %s:%zu: %s\n", ad.path, ad.line, why.text);
            ++*refused;
        }
        ss_arena_reset(&arena);
        ss_progress_update(&p->bar, ++n, NULL);
    }
    ss_arena_free(&arena);
    return state < 0 ? -1 : 0;
}

static int publish(const values *v, const ss_strings *files, ss_error *err)
{
    ss_kafka_config kafka = {.bootstrap = v->bootstrap,
                             .client_id = "skillstream-publish",
                             .settings = (const char *const *)v->kafka.items,
                             .setting_count = v->kafka.count};
    publishing p = {.v = v};
    size_t refused = 0;
    ss_buffer_init(&p.bytes, LARGEST);
    if (ss_kafka_check(&kafka, &v->topic, 1, CHECK_MS, err)) return -1;
    ss_ads_input *input = ss_ads_input_open(files, "jsonl", say, NULL, err);
    int result = -1;
    if (input) p.producer = ss_producer_open(&kafka, err);
    if (p.producer) {
        double start = ss_now();
        ss_progress_start(&p.bar, "publishing", "ads", 0);
        result = send_all(&p, input, &refused, err);
        ss_error flushed = {0};
        if (ss_producer_flush(p.producer, FLUSH_MS, &flushed) && !result) {
            *err = flushed;
            result = -1;
        }
        ss_producer_stats stats = ss_producer_read_stats(p.producer);
        ss_progress_end(&p.bar, stats.delivered);
        printf("%llu ads delivered to %s in %.1f s\n", (unsigned long long)stats.delivered, v->topic, ss_now() - start);
        refused += ss_ads_input_bad(input);
        if (!result && refused) result = ss_fail(err, SS_INPUT, "%zu lines were left out, see above", refused);
    }
    ss_producer_close(p.producer);
    ss_ads_input_close(input);
    ss_buffer_free(&p.bytes);
    return result;
}

static int run(int argc, char **argv)
{
    values v;
    ss_options *options;
    ss_log log;
    int code;
    ss_error err = {0};
    if (!ss_command_begin(&command, argc, argv, &v, &options, &log, &code)) return code;
    if (publish(&v, ss_options_arguments(options), &err)) code = ss_command_fail(&command, &err);
    ss_options_free(options);
    return code;
}

const ss_subcommand ss_publish_subcommand = {"publish", &command, run};
