/* kafka_check.c - are the brokers there, do they let us in, do the topics exist?
 *
 * A consumer handle asks, because asking about a topic through a producer handle creates it on brokers that create
 * topics by themselves, with one partition. Metadata is asked in slices of a second so that refused credentials, which
 * librdkafka keeps trying, end the wait at once.
 */
#include "base/clock.h"
#include "stream/kafka_client.h"

enum { SLICE_MS = 1000, PAUSE_MS = 100, POLL_MS = 10 };

typedef struct check {
    ss_kafka_client client;
    const ss_kafka_config *config;
    rd_kafka_t *rk;
    int64_t started, deadline;
} check;

/* 0 = exists; 1 = ask again; -1 = failed. */
static int ask(check *c, const char *topic, ss_error *err)
{
    int64_t left = c->deadline - ss_now_ms();
    int slice = (int)(left > SLICE_MS ? SLICE_MS : left > 0 ? left : 0);
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(c->rk, topic, NULL);
    if (!rkt) return ss_kafka_fail(err, rd_kafka_last_error(), topic, NULL);
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(c->rk, 0, rkt, &metadata, slice);
    if (!code && metadata->topic_cnt == 1) code = metadata->topics[0].err;
    if (metadata) rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(rkt);
    rd_kafka_poll(c->rk, POLL_MS); /* error callbacks */
    if (!code) return 0;
    if (ss_kafka_status(code) == SS_AUTH) return ss_kafka_fail(err, code, topic, NULL);
    if (ss_kafka_status(ss_kafka_client_error(&c->client, NULL, 0)) == SS_AUTH)
        return ss_kafka_fail_away(err, &c->client, c->config->bootstrap, 0);
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
        return ss_kafka_fail_topic(err, topic, c->config->bootstrap);
    if (code == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION)
        return ss_fail(err, SS_CONFIG, "'%s' is not a valid topic name", topic);
    return 1;
}

static int wait_for(check *c, const char *topic, ss_error *err)
{
    for (;;) {
        int got = ask(c, topic, err);
        if (got <= 0) return got;
        int64_t now = ss_now_ms();
        if (now >= c->deadline) return ss_kafka_fail_away(err, &c->client, c->config->bootstrap, now - c->started);
        ss_sleep_ms(PAUSE_MS);
    }
}

int ss_kafka_check(const ss_kafka_config *config, const char *const *topics, size_t topic_count, int64_t timeout_ms,
                   ss_error *err)
{
    check c = {.config = config, .started = ss_now_ms()};
    int failed = -1;
    c.deadline = c.started + timeout_ms;
    if (ss_kafka_client_init(&c.client, config, err)) return -1;
    rd_kafka_conf_t *conf = ss_kafka_conf_new(config, &c.client, NULL, 0, err);
    if (conf) c.rk = ss_kafka_new(RD_KAFKA_CONSUMER, conf, err);
    if (!c.rk) goto cleanup;
    failed = 0;
    for (size_t i = 0; i < topic_count && !failed; i++) failed = wait_for(&c, topics[i], err);
    rd_kafka_destroy(c.rk);
cleanup:
    ss_kafka_client_free(&c.client);
    return failed;
}
