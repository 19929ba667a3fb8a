/* kafka_client.h - what every Kafka handle of ours has in common (inside common/stream).
 *
 * librdkafka gives one `opaque` per handle to all callbacks. It is always an ss_kafka_client or a structure that begins
 * with one, so log and error callbacks are shared.
 */
#ifndef SKILLSTREAM_STREAM_KAFKA_CLIENT_H
#define SKILLSTREAM_STREAM_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>

#include "base/arena.h"
#include "stream/kafka_config.h"

typedef struct ss_kafka_client {
    ss_kafka_log_fn *log;
    void *log_arg;
    pthread_mutex_t lock; /* of the two below: set by librdkafka's threads */
    rd_kafka_resp_err_t last_error;
    char last_text[256];
    char refused_text[256]; /* what was said then; last_text may be of a later, lesser error */
    int64_t refused_ms;     /* when credentials or a certificate were last refused; 0 = never */
    int64_t told_ms;        /* when a refused certificate was last told to the log */
} ss_kafka_client;

int ss_kafka_client_init(ss_kafka_client *client, const ss_kafka_config *config, ss_error *err);
void ss_kafka_client_free(ss_kafka_client *client);
/* The last error that librdkafka reported by callback, 0 = none; text may be NULL. __SSL stands for
 * a broker's certificate that we refuse, with the reason and the way out as text; other failures of TLS (a connection
 * closed in the middle of a handshake) are __TRANSPORT, because they may pass by themselves. */
rd_kafka_resp_err_t ss_kafka_client_error(ss_kafka_client *client, char *text, size_t size);
/* 1 while a broker refuses us, or we its certificate: at the last attempt, which is made every few seconds. */
int ss_kafka_client_is_refused(ss_kafka_client *client, char *text, size_t size);
/* Forgets it: what comes from now on belongs to a new attempt. */
void ss_kafka_client_clear(ss_kafka_client *client);
/* A line to the caller's log function, facility "SKILLSTREAM". */
void ss_kafka_client_say(ss_kafka_client *client, int level, const char *format, ...) SS_PRINTF(3, 4);

/* A setting of ours. fixed: the user may not change it. */
typedef struct ss_kafka_setting {
    const char *key, *value;
    int fixed;
} ss_kafka_setting;

/* A configuration with bootstrap servers, client id, `ours` and the user's settings, callbacks routed to `client`.
 * NULL with SS_CONFIG. */
rd_kafka_conf_t *ss_kafka_conf_new(const ss_kafka_config *config, ss_kafka_client *client, const ss_kafka_setting *ours,
                                   size_t count, ss_error *err);

/* rd_kafka_new; always consumes conf. */
rd_kafka_t *ss_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, ss_error *err);

/* Empties a partition's queue (rd_kafka_queue_get_partition), ends its forwarding and lets it go; NULL is fine. For
 * each partition that was assigned, after rd_kafka_consumer_close and before rd_kafka_destroy: a partition whose topic
 * was deleted gets an error into its queue after it was stopped. The error holds the partition, the partition its queue
 * and a broker, and rd_kafka_destroy waits for the broker for ever (librdkafka 2.0.2, any consumer). */
void ss_kafka_end_queue(rd_kafka_queue_t *queue);

/* What an error code means for a caller. */
ss_status ss_kafka_status(rd_kafka_resp_err_t code);

/* Fills *err from a code, with SS_RETRY for what may pass by itself; returns -1. */
int ss_kafka_fail(ss_error *err, rd_kafka_resp_err_t code, const char *what, const char *text);

/* SS_NETWORK with the last reason: "no broker at HOST:PORT after 30 s: ..."; SS_AUTH where that was the reason. */
int ss_kafka_fail_away(ss_error *err, ss_kafka_client *client, const char *bootstrap, int64_t waited_ms);

/* Text of the error that says that a topic is missing, and the way out. */
int ss_kafka_fail_topic(ss_error *err, const char *topic, const char *bootstrap);

/* The message as views; its headers are cut from `arena`. -1 when the arena is exhausted. */
int ss_kafka_view(const rd_kafka_message_t *raw, ss_arena *arena, ss_message *out);

/* One message into the producer's queue, copied. `opaque` comes back in the delivery report. */
rd_kafka_resp_err_t ss_kafka_produce(rd_kafka_t *producer, const ss_output *output, void *opaque);

#endif
