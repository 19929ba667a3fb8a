/* kafka_sink.h - a producer whose messages come in transactions, for a program that has no input topic.
 *
 * Opening a sink fences whoever had its transactional id and aborts what that one had left open. So a program that
 * opens its sink first and reads its own output topic (read_committed, to the end) afterwards knows exactly what is
 * there: nothing of its killed predecessor can still arrive.
 *
 * Life of a transaction: ss_sink_begin, ss_sink_send ..., then ss_sink_commit until it says how it ended.
 * ss_sink_commit waits at most wait_ms at a time, so that an event loop can go on between two calls; nothing may be
 * sent meanwhile.
 *
 * Errors: remedy SS_ABORT means that the transaction was aborted and the same messages may be sent in a new one;
 * anything else means that this sink is finished and the outcome of the transaction unknown: close it, open a new one,
 * look at the topic.
 *
 * One thread.
 */
#ifndef SKILLSTREAM_STREAM_KAFKA_SINK_H
#define SKILLSTREAM_STREAM_KAFKA_SINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "stream/kafka_config.h"

typedef struct ss_sink ss_sink;

/* Asked now and then while a call waits for a broker; 1 = give up with SS_STOPPED. */
typedef int ss_sink_stop(void *context);

/* Waits up to patience_ms for a broker. transactional_id must be the same in every run of the same job, and no two live
 * programs may share it. `stop` may be NULL. */
ss_sink *ss_sink_open(const ss_kafka_config *config, const char *transactional_id, int64_t patience_ms,
                      ss_sink_stop *stop, void *context, ss_error *err);

int ss_sink_begin(ss_sink *sink, ss_error *err);

/* Queues a copy; waits while the queue is full. SS_LIMIT: this one message is too large, the transaction goes on. */
int ss_sink_send(ss_sink *sink, const ss_output *output, ss_error *err);

/* 1: committed; 0: not yet, call again; -1: see above. */
int ss_sink_commit(ss_sink *sink, int64_t wait_ms, ss_error *err);

/* 1 when the error that ended the sink was that somebody else opened one with the same id. */
int ss_sink_was_fenced(const ss_sink *sink);

/* An open transaction is aborted by the broker when the next sink of that id is opened, or by its time limit. NULL is
 * fine. */
void ss_sink_close(ss_sink *sink);

#endif
