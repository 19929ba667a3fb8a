/* cmd_tail.c - `skillstream tail`: skill records from a topic as JSON lines. */
#include <stddef.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/shutdown.h"
#include "stream/kafka_plain.h"
#include "stream/wire_record.h"
#include "worker/cli/command.h"

enum { WAIT_MS = 200, OPEN_MS = 30000, LARGEST = 1 << 30 };

typedef struct values {
    ss_common_values common;
    const char *bootstrap, *topic;
    ss_strings kafka;
    int from_beginning, until_end;
    uint64_t max;
} values;

#define AT(member) offsetof(values, member)

static const ss_option table[] = {
    {"bootstrap", SS_OPT_STRING, AT(bootstrap), NULL, NULL, "HOST:PORT", "Kafka", "Brokers to start from.",
     SS_OPT_REQUIRED},
    {"topic", SS_OPT_STRING, AT(topic), "skill-records", NULL, "TOPIC", NULL, "Topic of skill records.", 0},
    {"kafka", SS_OPT_LIST, AT(kafka), NULL, NULL, "KEY=VALUE", NULL, "Setting for librdkafka.", 0},
    {"from-beginning", SS_OPT_FLAG, AT(from_beginning), "false", NULL, NULL, "What",
     "Start with the oldest record instead of the next new one.", 0},
    {"until-end", SS_OPT_FLAG, AT(until_end), "false", NULL, NULL, NULL,
     "Stop at the present end of the topic instead of waiting for more.", 0},
    {"max", SS_OPT_COUNT, AT(max), "0", NULL, "N", NULL, "Stop after N records; 0: no limit.", 0},
    {.name = NULL}};

static const ss_command command = {
    .name = "skillstream tail",
    .summary = "skill records from a topic -> JSON lines",
    .description =
        "Reads committed records from all partitions, in no consumer group, and prints each as a line of JSON. "
        "Ends with Ctrl-C. A message that is no record is reported on stderr.",
    .examples = "  skillstream tail --bootstrap localhost:9092 --from-beginning --max 10 | jq .\n",
    .options = table,
    .size = sizeof(values)};

static int print(const ss_message *message, ss_arena *arena, ss_buffer *line, size_t *bad, ss_error *err)
{
    ss_record record;
    ss_error why = {0};
    ss_arena_reset(arena);
    ss_buffer_clear(line);
    if (ss_wire_decode_record(message->value, message->value_len, arena, &record, &why)) {
        fprintf(stderr, "skillstream tail: %s/%d/%lld: %s\n", message->topic, message->partition,
                (long long)message->offset, why.text);
        ++*bad;
        return 0;
    }
    if (ss_wire_record_json(&record, line, err) || ss_buffer_add(line, "\n", 1))
        return ss_fail_memory(err, "printing a record");
    if (fwrite(line->data, 1, line->len, stdout) != line->len || fflush(stdout))
        return ss_fail(err, SS_IO, "cannot write to standard output");
    return 1;
}

static int follow(const values *v, ss_reader *reader, ss_shutdown *shutdown, ss_error *err)
{
    ss_arena arena;
    ss_buffer line;
    ss_arena_init(&arena, 1 << 18, 0);
    ss_buffer_init(&line, LARGEST);
    uint64_t printed = 0;
    size_t bad = 0;
    int state = 0;
    while (!ss_shutdown_requested(shutdown) && (!v->max || printed < v->max)) {
        ss_message message;
        state = ss_reader_next(reader, WAIT_MS, &message, err);
        if (state > 0) state = print(&message, &arena, &line, &bad, err);
        if (state < 0) break;
        printed += state > 0;
        if (v->until_end && ss_reader_at_end(reader)) break;
    }
    ss_buffer_free(&line);
    ss_arena_free(&arena);
    if (state >= 0 && bad) state = ss_fail(err, SS_INPUT, "%zu messages were no skill records, see above", bad);
    return state < 0 ? -1 : 0;
}

static int tail(const values *v, ss_error *err)
{
    ss_kafka_config kafka = {.bootstrap = v->bootstrap,
                             .client_id = "skillstream-tail",
                             .settings = (const char *const *)v->kafka.items,
                             .setting_count = v->kafka.count};
    ss_shutdown *shutdown = ss_shutdown_start(5000, NULL, NULL, err);
    ss_reader *reader = shutdown ? ss_reader_open(&kafka, v->topic, v->from_beginning, OPEN_MS, err) : NULL;
    int result = reader ? follow(v, reader, shutdown, err) : -1;
    ss_reader_close(reader);
    ss_shutdown_end(shutdown);
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
    if (tail(&v, &err)) code = ss_command_fail(&command, &err);
    ss_options_free(options);
    return code;
}

const ss_subcommand ss_tail_subcommand = {"tail", &command, run};
