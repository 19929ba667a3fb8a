/* kafka_plain.c - the idempotent producer of `skillstream publish`; see kafka_plain.h.
 *
 * Delivery reports are served on the caller's thread, inside send and flush, so the counters need no lock.
 */
#include "stream/kafka_plain.h"

#include <stdlib.h>

#include "base/clock.h"
#include "stream/kafka_client.h"

enum { FULL_MS = 100, FULL_PATIENCE_MS = 60000, FLUSH_SLICE_MS = 200 };

struct ss_producer {
    ss_kafka_client client; /* first: librdkafka's opaque */
    rd_kafka_t *rk;
    ss_producer_stats stats;
    uint64_t failed_before;          /* failures that an earlier flush has told */
    rd_kafka_resp_err_t first_error; /* since then */
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    ss_producer *producer = opaque;
    (void)rk;
    if (!message->err) {
        producer->stats.delivered++;
        return;
    }
    producer->stats.failed++;
    if (!producer->first_error) producer->first_error = message->err;
}

ss_producer *ss_producer_open(const ss_kafka_config *config, ss_error *err)
{
    static const ss_kafka_setting OURS[] = {{"linger.ms", "20", 0},
                                            {"compression.type", "lz4", 0},
                                            {"partitioner", "murmur2_random", 0},
                                            {"message.timeout.ms", "60000", 0},
                                            {"message.max.bytes", "268435456", 0}, /* the topic decides */
                                            {"enable.idempotence", "true", 1}};
    ss_producer *producer = calloc(1, sizeof *producer);
    if (!producer || ss_kafka_client_init(&producer->client, config, err)) {
        free(producer);
        ss_fail_memory(err, "opening a Kafka producer");
        return NULL;
    }
    rd_kafka_conf_t *conf = ss_kafka_conf_new(config, &producer->client, OURS, sizeof OURS / sizeof *OURS, err);
    if (conf) {
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
        producer->rk = ss_kafka_new(RD_KAFKA_PRODUCER, conf, err);
    }
    if (!producer->rk) {
        ss_kafka_client_free(&producer->client);
        free(producer);
        return NULL;
    }
    return producer;
}

int ss_producer_send(ss_producer *producer, const ss_output *output, ss_error *err)
{
    int64_t deadline = ss_now_ms() + FULL_PATIENCE_MS;
    for (;;) {
        rd_kafka_resp_err_t code = ss_kafka_produce(producer->rk, output, NULL);
        if (!code) break;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || ss_now_ms() >= deadline)
            return ss_kafka_fail(err, code, output->topic, NULL);
        rd_kafka_poll(producer->rk, FULL_MS);
    }
    producer->stats.sent++;
    rd_kafka_poll(producer->rk, 0);
    return 0;
}

ss_producer_stats ss_producer_read_stats(const ss_producer *producer)
{
    return producer->stats;
}

int ss_producer_flush(ss_producer *producer, int64_t timeout_ms, ss_error *err)
{
    int64_t deadline = ss_now_ms() + timeout_ms;
    rd_kafka_resp_err_t code;
    do {
        code = rd_kafka_flush(producer->rk, FLUSH_SLICE_MS);
        if (code && ss_kafka_status(ss_kafka_client_error(&producer->client, NULL, 0)) == SS_AUTH)
            return ss_kafka_fail_away(err, &producer->client, "the bootstrap servers", 0);
    } while (code == RD_KAFKA_RESP_ERR__TIMED_OUT && ss_now_ms() < deadline);
    uint64_t failed = producer->stats.failed - producer->failed_before;
    rd_kafka_resp_err_t first = producer->first_error;
    producer->failed_before = producer->stats.failed;
    producer->first_error = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (failed) {
        ss_kafka_fail(err, first, "not delivered", NULL);
        return ss_fail_in(err, "%llu messages", (unsigned long long)failed);
    }
    if (!code) return 0;
    return ss_fail_with(err, SS_TIMEOUT, SS_RETRY, "%d messages are not yet delivered",
                        rd_kafka_outq_len(producer->rk));
}

void ss_producer_close(ss_producer *producer)
{
    if (!producer) return;
    rd_kafka_destroy(producer->rk);
    ss_kafka_client_free(&producer->client);
    free(producer);
}
