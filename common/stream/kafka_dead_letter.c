/* kafka_dead_letter.c - see kafka_dead_letter.h. */
#include "stream/kafka_dead_letter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUR_HEADERS = 6, SOURCE_ROOM = 320 };

static const char PREFIX[] = "skillstream-";
static const char *NAMES[OUR_HEADERS] = {"skillstream-reason",  "skillstream-stage",  "skillstream-error",
                                         "skillstream-attempt", "skillstream-source", "skillstream-program"};

static int is_ours(const char *name)
{
    if (strncmp(name, PREFIX, sizeof PREFIX - 1)) return 0;
    for (size_t i = 0; i < OUR_HEADERS; i++)
        if (!strcmp(name, NAMES[i])) return 1;
    return 0;
}

/* 1, or one more than the attempt that the message already had. */
static unsigned long attempt_of(const ss_message *message)
{
    char text[16];
    if (!ss_kafka_header_text(message->headers, message->header_count, "skillstream-attempt", text, sizeof text))
        return 1;
    unsigned long before = strtoul(text, NULL, 10);
    return before < UINT32_MAX ? before + 1 : UINT32_MAX;
}

static int put(ss_arena *arena, ss_kafka_header *header, const char *name, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    char *copy = ss_arena_copy(arena, text, len);
    if (!copy) return -1;
    *header = (ss_kafka_header){.name = name, .value = copy, .len = len};
    return 0;
}

int ss_dead_letter_output(const ss_message *message, const ss_dead_letter *letter, ss_arena *arena, ss_output *out,
                          ss_error *err)
{
    char source[SOURCE_ROOM], attempt[24];
    ss_kafka_header *headers = ss_arena_calloc(arena, message->header_count + OUR_HEADERS, sizeof *headers);
    if (!headers) return ss_fail_memory(err, "writing a dead letter");
    size_t count = 0;
    for (size_t i = 0; i < message->header_count; i++)
        if (!is_ours(message->headers[i].name)) headers[count++] = message->headers[i];
    snprintf(source, sizeof source, "%s/%d/%lld", message->topic, (int)message->partition, (long long)message->offset);
    snprintf(attempt, sizeof attempt, "%lu", attempt_of(message));
    const char *texts[OUR_HEADERS] = {letter->reason, letter->stage, letter->error, attempt, source, letter->program};
    for (size_t i = 0; i < OUR_HEADERS; i++)
        if (put(arena, &headers[count++], NAMES[i], texts[i])) return ss_fail_memory(err, "writing a dead letter");
    *out = (ss_output){.topic = letter->topic,
                       .key = message->key,
                       .key_len = message->key_len,
                       .value = letter->without_value ? NULL : message->value,
                       .value_len = letter->without_value ? 0 : message->value_len,
                       .headers = headers,
                       .header_count = count};
    return 0;
}
