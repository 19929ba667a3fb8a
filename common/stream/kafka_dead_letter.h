/* kafka_dead_letter.h - an ad that cannot be processed becomes a message on the dead letter topic.
 *
 * The original key, value and headers, byte for byte, plus the headers
 *     skillstream-reason   one word, e.g. "bad-json"
 *     skillstream-stage    "decode", "text", "embed", "publish"
 *     skillstream-error    a sentence for people, without content of the ad
 *     skillstream-attempt  1, or one more than the message's own skillstream-attempt (a dead letter that was sent
 * round) skillstream-source   topic/partition/offset skillstream-program  e.g. "skillstream-worker 0.1.0" Earlier
 * headers of these names are replaced, so a letter that went round does not grow.
 */
#ifndef SKILLSTREAM_STREAM_KAFKA_DEAD_LETTER_H
#define SKILLSTREAM_STREAM_KAFKA_DEAD_LETTER_H

#include "base/arena.h"
#include "base/error.h"
#include "stream/kafka_config.h"

typedef struct ss_dead_letter {
    const char *topic;  /* where to, e.g. "job-ads.dlq" */
    const char *reason; /* one word */
    const char *stage;
    const char *error;
    const char *program;
    int without_value; /* 1: leave the value out (the original is itself too large for the dead letter topic) */
} ss_dead_letter;

/* Fills *out; headers and texts are cut from `arena`, key and value point into `message`, topic into `letter`: all must
 * outlive the publish. -1 when memory is out. */
int ss_dead_letter_output(const ss_message *message, const ss_dead_letter *letter, ss_arena *arena, ss_output *out,
                          ss_error *err);

#endif
