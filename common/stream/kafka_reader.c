/* kafka_reader.c - the read_committed reader of `skillstream tail`; see kafka_plain.h.
 *
 * It assigns all partitions to itself instead of joining a group, so that looking at a topic leaves no trace. "At end"
 * comes from librdkafka's end-of-partition events, which are sent once per partition whenever its end is reached.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "stream/kafka_client.h"
#include "stream/kafka_plain.h"

enum { PAUSE_MS = 100, SLICE_MS = 1000 };

struct ss_reader {
    ss_kafka_client client; /* first: librdkafka's opaque */
    rd_kafka_t *rk;
    rd_kafka_message_t *message; /* of the last call */
    ss_arena headers;
    unsigned char *ended;      /* [partitions] */
    rd_kafka_queue_t **queues; /* [partitions] held for closing */
    int partitions;
};

static int count_partitions(ss_reader *reader, const ss_kafka_config *config, const char *topic, int64_t timeout_ms,
                            ss_error *err)
{
    if (ss_kafka_check(config, &topic, 1, timeout_ms, err)) return -1;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(reader->rk, topic, NULL);
    if (!rkt) return ss_kafka_fail(err, rd_kafka_last_error(), topic, NULL);
    int64_t deadline = ss_now_ms() + timeout_ms;
    int count = 0;
    while (!count && ss_now_ms() <= deadline) {
        const struct rd_kafka_metadata *metadata = NULL;
        if (!rd_kafka_metadata(reader->rk, 0, rkt, &metadata, SLICE_MS)) count = metadata->topics[0].partition_cnt;
        if (metadata) rd_kafka_metadata_destroy(metadata);
        if (!count) ss_sleep_ms(PAUSE_MS);
    }
    rd_kafka_topic_destroy(rkt);
    return count ? count : ss_kafka_fail_away(err, &reader->client, config->bootstrap, timeout_ms);
}

static int assign(ss_reader *reader, const char *topic, int from_beginning, ss_error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(reader->partitions);
    for (int i = 0; i < reader->partitions; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset =
            from_beginning ? RD_KAFKA_OFFSET_BEGINNING : RD_KAFKA_OFFSET_END;
    for (int i = 0; i < reader->partitions; i++) reader->queues[i] = rd_kafka_queue_get_partition(reader->rk, topic, i);
    rd_kafka_resp_err_t code = rd_kafka_assign(reader->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? ss_kafka_fail(err, code, topic, NULL) : 0;
}

ss_reader *ss_reader_open(const ss_kafka_config *config, const char *topic, int from_beginning, int64_t timeout_ms,
                          ss_error *err)
{
    static const ss_kafka_setting OURS[] = {
        {"auto.offset.reset", "earliest", 0},
        {"group.id", "skillstream-tail", 1}, /* librdkafka wants one; never joined */
        {"enable.auto.commit", "false", 1},
        {"isolation.level", "read_committed", 1},
        {"enable.partition.eof", "true", 1}};
    ss_reader *reader = calloc(1, sizeof *reader);
    if (!reader || ss_kafka_client_init(&reader->client, config, err)) {
        free(reader);
        ss_fail_memory(err, "opening a Kafka reader");
        return NULL;
    }
    ss_arena_init(&reader->headers, 0, 0);
    rd_kafka_conf_t *conf = ss_kafka_conf_new(config, &reader->client, OURS, sizeof OURS / sizeof *OURS, err);
    if (conf) reader->rk = ss_kafka_new(RD_KAFKA_CONSUMER, conf, err);
    if (!reader->rk) goto fail;
    rd_kafka_poll_set_consumer(reader->rk);
    reader->partitions = count_partitions(reader, config, topic, timeout_ms, err);
    if (reader->partitions < 0) goto fail;
    reader->ended = calloc((size_t)reader->partitions, 1);
    reader->queues = calloc((size_t)reader->partitions, sizeof(rd_kafka_queue_t *));
    if (!reader->ended || !reader->queues) {
        ss_fail_memory(err, "opening a Kafka reader");
        goto fail;
    }
    if (assign(reader, topic, from_beginning, err)) goto fail;
    return reader;
fail:
    ss_reader_close(reader);
    return NULL;
}

/* An event in the place of a message: 0 = goes by itself, -1 = failed. */
static int judge(ss_reader *reader, const rd_kafka_message_t *raw, ss_error *err)
{
    if (raw->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (raw->partition >= 0 && raw->partition < reader->partitions) reader->ended[raw->partition] = 1;
        return 0;
    }
    ss_status status = ss_kafka_status(raw->err);
    if (status == SS_AUTH || status == SS_NOT_FOUND || raw->err == RD_KAFKA_RESP_ERR__FATAL)
        return ss_kafka_fail(err, raw->err, "reading", rd_kafka_message_errstr(raw));
    return 0; /* brokers come and go; librdkafka reconnects */
}

int ss_reader_next(ss_reader *reader, int64_t wait_ms, ss_message *out, ss_error *err)
{
    int64_t until = ss_now_ms() + wait_ms;
    if (reader->message) rd_kafka_message_destroy(reader->message);
    reader->message = NULL;
    ss_arena_reset(&reader->headers);
    for (;;) {
        int64_t left = until - ss_now_ms();
        rd_kafka_message_t *raw = rd_kafka_consumer_poll(reader->rk, (int)(left > 0 ? left : 0));
        if (!raw) return 0;
        if (raw->err) {
            int failed = judge(reader, raw, err), was_end = raw->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
            rd_kafka_message_destroy(raw);
            if (failed) return -1;
            if (was_end && ss_reader_at_end(reader)) return 0;
            continue;
        }
        reader->message = raw;
        if (raw->partition < reader->partitions) reader->ended[raw->partition] = 0;
        return ss_kafka_view(raw, &reader->headers, out) ? ss_fail_memory(err, "reading a message") : 1;
    }
}

int ss_reader_at_end(const ss_reader *reader)
{
    for (int i = 0; i < reader->partitions; i++)
        if (!reader->ended[i]) return 0;
    return 1;
}

void ss_reader_close(ss_reader *reader)
{
    if (!reader) return;
    if (reader->message) rd_kafka_message_destroy(reader->message);
    if (reader->rk) {
        rd_kafka_consumer_close(reader->rk);
        for (int i = 0; reader->queues && i < reader->partitions; i++) ss_kafka_end_queue(reader->queues[i]);
        rd_kafka_destroy(reader->rk);
    }
    ss_arena_free(&reader->headers);
    free(reader->ended);
    free(reader->queues);
    ss_kafka_client_free(&reader->client);
    free(reader);
}
