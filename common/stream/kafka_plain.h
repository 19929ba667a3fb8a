/* kafka_plain.h - a producer and a reader without transactions, for `skillstream publish`, `tail` and `demo`.
 *
 * The producer is idempotent (no duplicates by its own retries) and counts
 * delivery reports; the reader is read_committed, joins no group and commits
 * nothing. Each belongs to one thread.
 */
#ifndef SKILLSTREAM_STREAM_KAFKA_PLAIN_H
#define SKILLSTREAM_STREAM_KAFKA_PLAIN_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "stream/kafka_config.h"

typedef struct ss_producer ss_producer;

ss_producer *ss_producer_open(const ss_kafka_config *config, ss_error *err);

/* Queues a copy of the message; waits while the queue is full. -1: this message cannot be sent (SS_LIMIT: too large;
 * SS_NOT_FOUND: no such topic) or no message can (fatal). */
int ss_producer_send(ss_producer *producer, const ss_output *output, ss_error *err);

typedef struct ss_producer_stats {
    uint64_t sent;      /* accepted by ss_producer_send */
    uint64_t delivered; /* acknowledged by the brokers */
    uint64_t failed;    /* given up */
} ss_producer_stats;
ss_producer_stats ss_producer_read_stats(const ss_producer *producer);

/* Waits until every message has its delivery report: 0 when all were delivered since the last flush; -1 with the first
 * failure's reason, or SS_TIMEOUT. */
int ss_producer_flush(ss_producer *producer, int64_t timeout_ms, ss_error *err);

/* Does not flush. NULL is fine. */
void ss_producer_close(ss_producer *producer);

typedef struct ss_reader ss_reader;

/* Reads all partitions of `topic` from their beginning, or from their present end. Waits up to timeout_ms for a broker.
 */
ss_reader *ss_reader_open(const ss_kafka_config *config, const char *topic, int from_beginning, int64_t timeout_ms,
                          ss_error *err);

/* 1: *out is a message, valid until the next call; 0: none within wait_ms; -1: error. */
int ss_reader_next(ss_reader *reader, int64_t wait_ms, ss_message *out, ss_error *err);

/* 1 once the end that each partition had when it was last looked at was reached (for reading "all there is"). */
int ss_reader_at_end(const ss_reader *reader);

void ss_reader_close(ss_reader *reader);

#endif
