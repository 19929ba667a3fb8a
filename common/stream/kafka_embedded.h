/* kafka_embedded.h - a Kafka broker inside this process, for `skillstream demo` and tests.
 *
 * It is librdkafka's mock cluster: a real socket that speaks the Kafka protocol,
 * in memory, with consumer groups. What it does not do: keep data, hide aborted
 * messages, keep offsets that were sent in a transaction, or check that a
 * transaction is used as it should. Nothing for production, and no proof of
 * exactly-once (tests/stream has a real broker for that).
 */
#ifndef SKILLSTREAM_STREAM_KAFKA_EMBEDDED_H
#define SKILLSTREAM_STREAM_KAFKA_EMBEDDED_H

#include <stddef.h>

#include "base/error.h"

typedef struct ss_embedded ss_embedded;

/* Starts `brokers` (1..) brokers on loopback ports of the system's choice. */
ss_embedded *ss_embedded_start(int brokers, ss_error *err);

/* Creates a topic; one that exists already is an error (SS_INPUT). */
int ss_embedded_topic(ss_embedded *embedded, const char *topic, int partitions, ss_error *err);

/* "127.0.0.1:PORT[,...]"; lives as long as the broker. */
const char *ss_embedded_bootstrap(const ss_embedded *embedded);

/* librdkafka's rd_kafka_mock_cluster_t, for error injection in tests. */
void *ss_embedded_cluster(ss_embedded *embedded);

/* Clients must be closed first. NULL is fine. */
void ss_embedded_stop(ss_embedded *embedded);

#endif
