/* kafka_sink.c - see kafka_sink.h.
 *
 * librdkafka's error object has three flags (see kafka_transaction.c for the table): retriable - the same call again;
 * abort - abort, then a new transaction; neither or fatal - this producer is finished. The long part of a commit,
 * getting the messages out, is done with rd_kafka_flush, which may be given up and called again at any moment. The
 * commit itself is one exchange with the broker and gets seconds: librdkafka 2.0 fails an assertion when it is called
 * again quickly. A delivery report that failed makes the commit fail with "abort", which is why reports only keep their
 * reason for the text.
 */
#include "stream/kafka_sink.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "stream/kafka_client.h"

enum {
    INIT_MS = 2000,
    COMMIT_MS = 5000,
    ABORT_MS = 15000,
    FULL_MS = 50,
    FULL_PATIENCE_MS = 60000,
    BACKOFF_MS = 100,
    BACKOFF_CAP_MS = 5000
};

struct ss_sink {
    ss_kafka_client client; /* first: librdkafka's opaque */
    rd_kafka_t *rk;
    rd_kafka_resp_err_t delivery_error; /* first of the running transaction */
    uint64_t jitter;
    int fenced;
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    ss_sink *sink = opaque;
    (void)rk;
    if (message->err && !sink->delivery_error) sink->delivery_error = message->err;
}

static int is_fenced(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH ||
           code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED;
}

/* Consumes the error. 0: call again; -1: *err says how it ended. */
static int judge(ss_sink *sink, rd_kafka_error_t *error, const char *what, ss_error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    int fatal = rd_kafka_error_is_fatal(error), needs_abort = rd_kafka_error_txn_requires_abort(error);
    int again = !fatal && !needs_abort && rd_kafka_error_is_retriable(error);
    if (fatal && code == RD_KAFKA_RESP_ERR__FATAL) code = rd_kafka_fatal_error(sink->rk, NULL, 0);
    if (is_fenced(code)) sink->fenced = 1;
    ss_kafka_fail(err, sink->delivery_error && needs_abort ? sink->delivery_error : code, what,
                  rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    if (again) return 0;
    if (err) err->remedy = needs_abort && !fatal ? SS_ABORT : SS_GIVE_UP;
    return -1;
}

/* One attempt to get the transactional id: 0; 1 = may succeed later; -1 = never. */
static int try_init(ss_sink *sink, ss_error *err)
{
    rd_kafka_error_t *error = rd_kafka_init_transactions(sink->rk, INIT_MS);
    rd_kafka_poll(sink->rk, 0); /* error callbacks: they know more than "timed out" */
    if (!error) return 0;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    ss_status known = ss_kafka_status(ss_kafka_client_error(&sink->client, NULL, 0));
    if (rd_kafka_error_is_fatal(error) && code == RD_KAFKA_RESP_ERR__FATAL)
        code = rd_kafka_fatal_error(sink->rk, NULL, 0);
    if (is_fenced(code)) sink->fenced = 1;
    int again = rd_kafka_error_is_retriable(error) && known != SS_AUTH && ss_kafka_status(code) != SS_AUTH;
    ss_kafka_fail(err, code, "preparing transactions", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return again ? 1 : -1;
}

static int init(ss_sink *sink, const char *bootstrap, const char *id, int64_t patience_ms, ss_sink_stop *stop,
                void *context, ss_error *err)
{
    int64_t started = ss_now_ms();
    for (unsigned attempt = 0;; attempt++) {
        int got = try_init(sink, err);
        if (!got) return 0;
        if (sink->fenced)
            return ss_fail(err, SS_CONFIG, "another program has taken over the transactional id '%s'", id);
        if (got < 0 || ss_now_ms() - started >= patience_ms) {
            if (err && (err->status == SS_TIMEOUT || err->status == SS_NETWORK))
                ss_kafka_fail_away(err, &sink->client, bootstrap, ss_now_ms() - started);
            return -1;
        }
        int64_t until = ss_now_ms() + ss_backoff_ms(attempt, BACKOFF_MS, BACKOFF_CAP_MS, &sink->jitter);
        do {
            if (stop && stop(context)) return ss_fail(err, SS_STOPPED, "stopped while waiting for a Kafka broker");
            ss_sleep_ms(FULL_MS);
        } while (ss_now_ms() < until);
    }
}

ss_sink *ss_sink_open(const ss_kafka_config *config, const char *transactional_id, int64_t patience_ms,
                      ss_sink_stop *stop, void *context, ss_error *err)
{
    const ss_kafka_setting ours[] = {{"retry.backoff.ms", "10", 0},        {"linger.ms", "5", 0},
                                     {"compression.type", "lz4", 0},       {"transaction.timeout.ms", "60000", 0},
                                     {"partitioner", "murmur2_random", 0}, {"transactional.id", transactional_id, 1}};
    ss_sink *sink = calloc(1, sizeof *sink);
    if (!sink || ss_kafka_client_init(&sink->client, config, err)) {
        free(sink);
        ss_fail_memory(err, "opening a Kafka producer");
        return NULL;
    }
    sink->jitter = (uint64_t)ss_wall_ms();
    rd_kafka_conf_t *conf = ss_kafka_conf_new(config, &sink->client, ours, sizeof ours / sizeof *ours, err);
    if (conf) {
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
        sink->rk = ss_kafka_new(RD_KAFKA_PRODUCER, conf, err);
    }
    if (!sink->rk || init(sink, config->bootstrap, transactional_id, patience_ms, stop, context, err)) {
        ss_sink_close(sink);
        return NULL;
    }
    return sink;
}

int ss_sink_begin(ss_sink *sink, ss_error *err)
{
    sink->delivery_error = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_error_t *error = rd_kafka_begin_transaction(sink->rk);
    if (!error) return 0;
    judge(sink, error, "beginning a transaction", err);
    if (err) err->remedy = SS_GIVE_UP; /* there is nothing to abort */
    return -1;
}

static int abort_transaction(ss_sink *sink)
{
    int64_t deadline = ss_now_ms() + ABORT_MS;
    for (;;) {
        rd_kafka_error_t *error = rd_kafka_abort_transaction(sink->rk, INIT_MS);
        if (!error) return 0;
        if (judge(sink, error, "aborting", NULL) || ss_now_ms() >= deadline) return -1;
    }
}

/* The transaction failed with *err: aborts it where that is the way out. */
static int fail_transaction(ss_sink *sink, ss_error *err)
{
    if (err->remedy == SS_ABORT && abort_transaction(sink)) err->remedy = SS_GIVE_UP;
    return -1;
}

int ss_sink_send(ss_sink *sink, const ss_output *output, ss_error *err)
{
    ss_error local;
    if (!err) err = &local;
    int64_t deadline = ss_now_ms() + FULL_PATIENCE_MS;
    for (;;) {
        rd_kafka_resp_err_t code = ss_kafka_produce(sink->rk, output, NULL);
        if (!code) break;
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && ss_now_ms() < deadline) {
            rd_kafka_poll(sink->rk, FULL_MS);
            continue;
        }
        ss_kafka_fail(err, code, output->topic, NULL);
        if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
            err->remedy = SS_GIVE_UP;
            return -1;
        }
        rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(sink->rk, NULL, 0);
        if (is_fenced(fatal)) sink->fenced = 1;
        err->remedy = fatal ? SS_GIVE_UP : SS_ABORT;
        return fail_transaction(sink, err);
    }
    rd_kafka_poll(sink->rk, 0);
    return 0;
}

int ss_sink_commit(ss_sink *sink, int64_t wait_ms, ss_error *err)
{
    ss_error local = {0};
    if (!err) err = &local;
    rd_kafka_poll(sink->rk, 0);
    if (rd_kafka_flush(sink->rk, (int)wait_ms) == RD_KAFKA_RESP_ERR__TIMED_OUT) return 0;
    rd_kafka_error_t *error = rd_kafka_commit_transaction(sink->rk, COMMIT_MS);
    if (!error) return 1;
    if (!judge(sink, error, "committing", err)) return 0;
    return fail_transaction(sink, err);
}

int ss_sink_was_fenced(const ss_sink *sink)
{
    return sink->fenced;
}

void ss_sink_close(ss_sink *sink)
{
    if (!sink) return;
    if (sink->rk) rd_kafka_destroy(sink->rk);
    ss_kafka_client_free(&sink->client);
    free(sink);
}
