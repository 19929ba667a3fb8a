/* kafka_config.h - what all Kafka clients of skillstream share: settings, checks, messages, errors.
 *
 * Settings come from three places, later ones win: librdkafka's defaults, what
 * exactly-once needs, and the user's KEY=VALUE list (security, tuning). A user's
 * key that would break exactly-once (group.id, transactional.id,
 * enable.auto.commit, isolation.level ...) is refused by name. Values of secrets
 * (passwords, PEM keys, JAAS and OAuth texts) never enter a message.
 */
#ifndef SKILLSTREAM_STREAM_KAFKA_CONFIG_H
#define SKILLSTREAM_STREAM_KAFKA_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A line from librdkafka. level as syslog (3 error, 4 warning, 6 info, 7 debug). Called from librdkafka's own threads.
 */
typedef void ss_kafka_log_fn(void *arg, int level, const char *facility, const char *text);

/* Strings are the caller's; a client copies what it needs while it is opened. */
typedef struct ss_kafka_config {
    const char *bootstrap;       /* "HOST:PORT[,HOST:PORT...]" */
    const char *client_id;       /* NULL = "skillstream" */
    const char *group;           /* consumer group; NULL where there is none */
    const char *instance;        /* unique per live process of the group, stable per place (pod name) */
    const char *const *settings; /* the user's "KEY=VALUE" */
    size_t setting_count;
    ss_kafka_log_fn *log; /* NULL = silent */
    void *log_arg;
} ss_kafka_config;

/* One header; value may hold any bytes. */
typedef struct ss_kafka_header {
    const char *name; /* NUL-terminated */
    const void *value;
    size_t len;
} ss_kafka_header;

/* One message as consumed. Everything lives as long as the batch (or, in kafka_plain.h, until the next call). */
typedef struct ss_message {
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* -1 = none */
    const void *key;      /* NULL = no key */
    size_t key_len;
    const void *value; /* NULL = tombstone */
    size_t value_len;
    const ss_kafka_header *headers; /* in order; names may repeat */
    size_t header_count;
} ss_message;

/* One message to produce. Everything stays the caller's and is copied during the call. */
typedef struct ss_output {
    const char *topic;
    const void *key;
    size_t key_len;
    const void *value;
    size_t value_len;
    const ss_kafka_header *headers;
    size_t header_count;
    int rejected; /* written by ss_exchange_publish: 1 = the broker or the client refuses this very message as too large
                   */
} ss_output;

/* The last header called `name` (Kafka's rule for repeated names), or NULL. */
const ss_kafka_header *ss_kafka_header_find(const ss_kafka_header *headers, size_t count, const char *name);

/* Copies a header's value as text into out (cut to size - 1, NUL-terminated); returns out, or NULL without the header.
 */
const char *ss_kafka_header_text(const ss_kafka_header *headers, size_t count, const char *name, char *out,
                                 size_t size);

/* Checks settings without a network: SS_CONFIG naming the key that librdkafka does not know, or does not accept. */
int ss_kafka_check_settings(const ss_kafka_config *config, ss_error *err);

/* Asks the brokers whether all `topics` (at least one) exist, for at most timeout_ms:
 *     SS_NETWORK    no broker answered: "no broker at HOST:PORT after 30 s: Connection refused" (remedy: retry)
 *     SS_AUTH       the brokers refuse the credentials or the topic
 *     SS_NOT_FOUND  a topic is missing; names it and the command that creates it (remedy: retry)
 *     SS_CONFIG     as ss_kafka_check_settings
 * Whether to wait and ask again is the caller's choice. */
int ss_kafka_check(const ss_kafka_config *config, const char *const *topics, size_t topic_count, int64_t timeout_ms,
                   ss_error *err);

#endif
