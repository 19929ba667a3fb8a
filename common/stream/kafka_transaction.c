/* kafka_transaction.c - the publisher's half of an exchange: outputs and offsets in one transaction.
 *
 * librdkafka answers each transactional call with an error object of three flags, and each flag has one right answer:
 *
 *     retriable   the same call again, until commit_patience_ms are over; then the outcome is unknown
 *     abort       abort the transaction; the batch is dropped and everything is rewound to the committed offsets
 *     fatal       this producer is finished
 *
 * An unknown outcome (of a commit or an abort) and a fatal error end the same way: the producer is destroyed and a new
 * one made. Its init_transactions waits until the broker has settled the old transaction one way or the other, and only
 * after that the rewind asks for committed offsets: if the commit did happen the messages do not come again, if it did
 * not they do. librdkafka has no other way out, since it lacks the epoch bump of KIP-890.
 *
 * Being fenced means that somebody else called init_transactions with our transactional.id, or that the broker timed
 * our transaction out while this process was frozen. Both look the same, so a new producer is made; but when it happens
 * FENCES times within FENCE_WINDOW_MS there is another live worker with our instance name, and one of us must go.
 *
 * Offsets are sent with group metadata fetched under the lock at a moment when the batch's generation is still current.
 * A membership that ends after that is fenced by the broker through the metadata's generation. One hole has to be
 * closed here: a member that was just thrown out has empty metadata, which the broker would take without a check (it
 * means "no group management"); so an empty member id counts as lost.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "stream/kafka_exchange_parts.h"

enum {
    CALL_MS = 2000, /* of one call; between two the stop flag is looked at */
    STOP_MS = 8000, /* what is left to a running transaction once stopping is asked for */
    INIT_MS = 10000,
    FULL_QUEUE_MS = 10,
    RETRY_MS = 20,
    BACKOFF_MS = 100,
    BACKOFF_CAP_MS = 5000,
    FENCE_WINDOW_MS = 300000,
    FENCES = 3
};

typedef enum step {
    STEP_OK,
    STEP_AGAIN,    /* retriable, and patience is left */
    STEP_ABORT,    /* abort, drop, rewind */
    STEP_REJECTED, /* an output is too large: abort, the batch stays valid */
    STEP_REFUSED,  /* abort, and further transactions make no sense: *err says why */
    STEP_STALE,    /* the batch is worthless already: abort, no rewind of ours needed */
    STEP_BROKEN    /* the outcome is unknown, or the producer is finished */
} step;

/* --- the producer --- */

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    ss_exchange *ex = opaque;
    uint64_t tag = (uint64_t)(uintptr_t)message->_private;
    size_t index = (size_t)(tag & UINT32_MAX);
    (void)rk;
    if (!message->err || tag >> 32 != ex->attempt || index >= ex->output_count) return;
    if (message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
        ex->outputs[index].rejected = 1;
        ex->refused_by_broker = 1;
    } else if (!ex->produce_error && message->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE &&
               message->err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) { /* purged: by our own abort */
        ex->produce_error = message->err;
    }
}

static rd_kafka_t *new_producer(ss_exchange *ex, ss_error *err)
{
    const ss_kafka_setting ours[] = {
        {"retry.backoff.ms", "5", 0},
        {"linger.ms", "1", 0},
        {"compression.type", "lz4", 0},
        {"transaction.timeout.ms", "20000", 0},
        {"partitioner", "murmur2_random", 0},
        {"message.max.bytes", "268435456", 0}, /* the topic decides what is too large, not the client */
        {"transactional.id", ex->transactional_id, 1}};
    rd_kafka_conf_t *conf = ss_kafka_conf_new(&ex->config.kafka, &ex->client, ours, sizeof ours / sizeof *ours, err);
    if (!conf) return NULL;
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    return ss_kafka_new(RD_KAFKA_PRODUCER, conf, err);
}

/* Waits a moment unless stopped; 1 = stopped. */
static int pause_or_stop(ss_exchange *ex, int64_t ms)
{
    int64_t until = ss_now_ms() + ms;
    pthread_mutex_lock(&ex->lock);
    while (!ex->stopped_ms && ss_exchange_wait(ex, until) < until) {
    }
    int stopping = ex->stopped_ms != 0;
    pthread_mutex_unlock(&ex->lock);
    return stopping;
}

/* A refusal (credentials, a certificate) ends the first start at once: somebody is there to read why. A worker that has
 * worked before waits for it to be mended, within its patience. */
static int gives_up(ss_exchange *ex)
{
    pthread_mutex_lock(&ex->lock);
    int worked = ex->stats.producers > 0;
    pthread_mutex_unlock(&ex->lock);
    return !worked && ss_kafka_status(ss_kafka_client_error(&ex->client, NULL, 0)) == SS_AUTH;
}

/* One attempt at a producer with an id of its own: 0; 1 = may succeed later; -1 = never. */
static int try_producer(ss_exchange *ex, int64_t deadline, ss_error *err)
{
    ex->producer = new_producer(ex, err);
    if (!ex->producer) return -1;
    rd_kafka_error_t *error = NULL;
    do {
        int64_t left = deadline - ss_now_ms();
        if (error) rd_kafka_error_destroy(error);
        error = rd_kafka_init_transactions(ex->producer, (int)(left < INIT_MS ? left > 1 ? left : 1 : INIT_MS));
        rd_kafka_poll(ex->producer, 0); /* error callbacks: they know more than "timed out" */
    } while (error && rd_kafka_error_is_retriable(error) && ss_now_ms() < deadline && !ss_exchange_is_stopping(ex) &&
             !gives_up(ex));
    if (!error) return 0;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    int again = ss_kafka_status(code) != SS_AUTH && ss_kafka_status(code) != SS_CONFIG;
    ss_kafka_fail(err, code, "preparing transactions", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    rd_kafka_destroy(ex->producer);
    ex->producer = NULL;
    return again ? 1 : -1;
}

int ss_exchange_open_producer(ss_exchange *ex, int64_t patience_ms, ss_error *err)
{
    int64_t started = ss_now_ms(), deadline = started + patience_ms;
    ss_kafka_client_clear(&ex->client);
    for (unsigned attempt = 0;; attempt++) {
        int got = try_producer(ex, deadline, err);
        if (got < 0) return -1;
        if (!got) break;
        if (gives_up(ex) || ss_now_ms() >= deadline) {
            if (err && (err->status == SS_TIMEOUT || err->status == SS_NETWORK))
                ss_kafka_fail_away(err, &ex->client, ex->bootstrap, ss_now_ms() - started);
            return -1;
        }
        if (pause_or_stop(ex, ss_backoff_ms(attempt, BACKOFF_MS, BACKOFF_CAP_MS, &ex->jitter)))
            return ss_fail(err, SS_STOPPED, "stopped while waiting for a Kafka broker");
    }
    pthread_mutex_lock(&ex->lock);
    ex->stats.producers++;
    pthread_mutex_unlock(&ex->lock);
    return 0;
}

/* --- one call after the other --- */

/* 1 while a call may be repeated. A transaction that has begun is brought to its end also while stopping, within
 * limits: its outcome decides what the next worker does. */
static int has_patience(ss_exchange *ex, int64_t deadline)
{
    pthread_mutex_lock(&ex->lock);
    int64_t stopped = ex->stopped_ms;
    pthread_mutex_unlock(&ex->lock);
    int64_t now = ss_now_ms();
    return now < deadline && (!stopped || now < stopped + STOP_MS);
}

/* Consumes the error; see the table above. */
static step judge(ss_exchange *ex, rd_kafka_error_t *error, int64_t deadline, const char *what, ss_error *err)
{
    if (!error) return STEP_OK;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    step out = STEP_BROKEN;
    ss_kafka_fail(err, code, what, rd_kafka_error_string(error));
    if (rd_kafka_error_is_fatal(error))
        out = STEP_BROKEN;
    else if (rd_kafka_error_txn_requires_abort(error))
        out = ss_kafka_status(code) == SS_AUTH ? STEP_REFUSED : STEP_ABORT;
    else if (rd_kafka_error_is_retriable(error) && has_patience(ex, deadline))
        out = STEP_AGAIN;
    rd_kafka_error_destroy(error);
    return out;
}

static int call_ms(int64_t deadline)
{
    int64_t left = deadline - ss_now_ms();
    return (int)(left > CALL_MS ? CALL_MS : left > 1 ? left : 1);
}

static size_t count_rejected(const ss_output *outputs, size_t count)
{
    size_t rejected = 0;
    for (size_t i = 0; i < count; i++) rejected += outputs[i].rejected != 0;
    return rejected;
}

static step produce_one(ss_exchange *ex, ss_output *output, size_t index, int64_t deadline, ss_error *err)
{
    void *tag = (void *)(uintptr_t)((uint64_t)ex->attempt << 32 | index);
    for (;;) {
        rd_kafka_resp_err_t code = ss_kafka_produce(ex->producer, output, tag);
        if (!code) return STEP_OK;
        if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
            output->rejected = 1;
            return STEP_OK; /* go on: the caller learns about all of them at once */
        }
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && ss_now_ms() < deadline) {
            rd_kafka_poll(ex->producer, FULL_QUEUE_MS);
            continue;
        }
        ss_kafka_fail(err, code, output->topic, NULL);
        return rd_kafka_fatal_error(ex->producer, NULL, 0) ? STEP_BROKEN
               : ss_kafka_status(code) == SS_AUTH          ? STEP_REFUSED
                                                           : STEP_ABORT;
    }
}

/* one_by_one: each output gets its own request, so that the broker's "too large" hits the guilty one only. Outputs that
 * are known to be too large are left out, and make it a transaction that is not committed. */
static step produce_all(ss_exchange *ex, int one_by_one, int64_t deadline, ss_error *err)
{
    for (size_t i = 0; i < ex->output_count; i++) {
        if (ex->outputs[i].rejected) continue;
        step got = produce_one(ex, &ex->outputs[i], i, deadline, err);
        if (got != STEP_OK) return got;
        if (!one_by_one) continue;
        rd_kafka_flush(ex->producer, call_ms(deadline));
        if (ex->refused_by_broker) break; /* nothing more goes through this producer */
    }
    rd_kafka_poll(ex->producer, 0);
    return count_rejected(ex->outputs, ex->output_count) ? STEP_REJECTED : STEP_OK;
}

static rd_kafka_topic_partition_list_t *offsets_of(ss_exchange *ex, const ss_batch_messages *m)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)m->end_count);
    for (size_t i = 0; i < m->end_count; i++) {
        const ss_cursor *cursor = &ex->cursors[m->ends[i].cursor];
        rd_kafka_topic_partition_list_add(list, cursor->topic, cursor->partition)->offset = m->ends[i].next;
    }
    return list;
}

/* Offsets and metadata for a batch whose partitions are still ours; 0, or -1 when they are not. */
static int claim(ss_exchange *ex, const ss_batch_messages *m, rd_kafka_topic_partition_list_t **offsets,
                 rd_kafka_consumer_group_metadata_t **metadata)
{
    *offsets = NULL;
    *metadata = NULL;
    pthread_mutex_lock(&ex->lock);
    if (m->generation == ex->generation && !rd_kafka_assignment_lost(ex->consumer)) {
        *metadata = rd_kafka_consumer_group_metadata(ex->consumer);
        /* Asked after the metadata: no new membership can begin meanwhile, its callback would need the lock. */
        char *member = rd_kafka_memberid(ex->consumer);
        if (*metadata && member && *member) *offsets = offsets_of(ex, m);
        if (member) rd_kafka_mem_free(ex->consumer, member);
    }
    pthread_mutex_unlock(&ex->lock);
    if (*offsets) return 0;
    if (*metadata) rd_kafka_consumer_group_metadata_destroy(*metadata);
    return -1;
}

/* The transaction failed while the call was under way: librdkafka then names the state, and the cause in the next call.
 */
static int hides_the_cause(const rd_kafka_error_t *error)
{
    return error && rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__STATE && rd_kafka_error_txn_requires_abort(error);
}

static step send_offsets(ss_exchange *ex, const ss_batch_messages *m, int64_t deadline, ss_error *err)
{
    step got;
    int asked = 0; /* for the cause: it decides whether another transaction makes sense */
    do {
        rd_kafka_topic_partition_list_t *offsets;
        rd_kafka_consumer_group_metadata_t *metadata;
        if (claim(ex, m, &offsets, &metadata)) {
            ss_fail_with(err, SS_NETWORK, SS_RETRY, "the partitions were taken away before the commit");
            return STEP_STALE;
        }
        rd_kafka_error_t *error =
            rd_kafka_send_offsets_to_transaction(ex->producer, offsets, metadata, call_ms(deadline));
        rd_kafka_topic_partition_list_destroy(offsets);
        rd_kafka_consumer_group_metadata_destroy(metadata);
        int hidden = !asked && hides_the_cause(error);
        got = judge(ex, error, deadline, "sending offsets", err);
        if (hidden) asked = 1, got = STEP_AGAIN;
    } while (got == STEP_AGAIN);
    return got;
}

/* A batch of a topic that was made anew must not be committed: see kafka_commits.c. */
static step look_at_commits(ss_exchange *ex, const ss_batch_messages *m, int64_t deadline, ss_error *err)
{
    rd_kafka_resp_err_t code;
    int gone;
    pthread_mutex_lock(&ex->lock);
    rd_kafka_topic_partition_list_t *partitions = offsets_of(ex, m);
    pthread_mutex_unlock(&ex->lock);
    do {
        code = ss_exchange_look_at_commits(ex, partitions, call_ms(deadline), &gone);
        if (code) ss_sleep_ms(RETRY_MS);
    } while (code && ss_kafka_status(code) != SS_AUTH && has_patience(ex, deadline));
    rd_kafka_topic_partition_list_destroy(partitions);
    if (code) {
        ss_kafka_fail(err, code, "reading the group's commits", NULL);
        return ss_kafka_status(code) == SS_AUTH ? STEP_REFUSED : STEP_ABORT;
    }
    if (!gone) return STEP_OK;
    ss_fail_with(err, SS_NETWORK, SS_RETRY, "the group's commits are gone, so the topic was made anew");
    return STEP_ABORT;
}

static step commit(ss_exchange *ex, const ss_batch_messages *m, int64_t deadline, ss_error *err)
{
    pthread_mutex_lock(&ex->lock);
    int stale = m->generation != ex->generation;
    pthread_mutex_unlock(&ex->lock);
    if (stale || rd_kafka_assignment_lost(ex->consumer)) {
        ss_fail_with(err, SS_NETWORK, SS_RETRY, "the partitions were taken away during the transaction");
        return STEP_STALE;
    }
    step got;
    do {
        got = judge(ex, rd_kafka_commit_transaction(ex->producer, call_ms(deadline)), deadline, "committing", err);
    } while (got == STEP_AGAIN);
    return got;
}

static step abort_transaction(ss_exchange *ex, int64_t deadline)
{
    step got;
    do {
        got = judge(ex, rd_kafka_abort_transaction(ex->producer, call_ms(deadline)), deadline, "aborting", NULL);
    } while (got == STEP_AGAIN);
    return got;
}

/* A whole transaction, committed or aborted. Never STEP_AGAIN. */
static step transact(ss_exchange *ex, const ss_batch_messages *m, int one_by_one, ss_error *err)
{
    int64_t deadline = ss_now_ms() + ex->config.commit_patience_ms;
    ex->attempt++;
    ex->refused_by_broker = 0;
    ex->produce_error = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_error_t *error = rd_kafka_begin_transaction(ex->producer);
    if (error) {
        judge(ex, error, 0, "beginning a transaction", err);
        return STEP_BROKEN;
    }
    step got = produce_all(ex, one_by_one, deadline, err);
    if (got == STEP_OK) got = send_offsets(ex, m, deadline, err);
    if (got == STEP_OK) got = look_at_commits(ex, m, deadline, err);
    if (got == STEP_OK) got = commit(ex, m, deadline, err);
    if (got == STEP_OK || got == STEP_BROKEN) return got;

    if (abort_transaction(ex, ss_now_ms() + ex->config.commit_patience_ms) != STEP_OK) return STEP_BROKEN;
    /* A delivery report fails the transaction at whatever call comes next; what the reports say is more exact. */
    if (got != STEP_ABORT) return got;
    if (count_rejected(ex->outputs, ex->output_count)) return STEP_REJECTED;
    if (ex->produce_error) ss_kafka_fail(err, ex->produce_error, "writing", NULL);
    return ss_kafka_status(ex->produce_error) == SS_AUTH ? STEP_REFUSED : STEP_ABORT;
}

/* --- after it --- */

static void count_result(ss_exchange *ex, step got)
{
    pthread_mutex_lock(&ex->lock);
    if (got == STEP_OK)
        ex->stats.committed++;
    else if (got == STEP_REJECTED)
        ex->stats.rejected++;
    else if (got == STEP_BROKEN)
        ex->stats.failed++;
    else
        ex->stats.aborted++;
    pthread_mutex_unlock(&ex->lock);
}

static void note_commit(ss_exchange *ex, const ss_batch_messages *m)
{
    pthread_mutex_lock(&ex->lock);
    for (size_t i = 0; i < m->end_count; i++) ex->cursors[m->ends[i].cursor].committed = m->ends[i].next;
    pthread_mutex_unlock(&ex->lock);
}

/* 1 when we were fenced once too often. */
static int fenced_again(ss_exchange *ex)
{
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(ex->producer, NULL, 0);
    if (code != RD_KAFKA_RESP_ERR__FENCED && code != RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH &&
        code != RD_KAFKA_RESP_ERR_PRODUCER_FENCED)
        return 0;
    int64_t now = ss_now_ms(), oldest = ex->fenced_at[0];
    memmove(ex->fenced_at, ex->fenced_at + 1, sizeof ex->fenced_at - sizeof ex->fenced_at[0]);
    ex->fenced_at[FENCES - 1] = now;
    pthread_mutex_lock(&ex->lock);
    ex->stats.fenced++;
    pthread_mutex_unlock(&ex->lock);
    return oldest && now - oldest < FENCE_WINDOW_MS;
}

static void set_recovering(ss_exchange *ex, int recovering)
{
    pthread_mutex_lock(&ex->lock);
    ex->stats.recovering = recovering;
    if (recovering) ss_exchange_invalidate(ex, 1); /* carried out by the poller once recovering is over */
    pthread_cond_broadcast(&ex->changed);
    pthread_mutex_unlock(&ex->lock);
}

/* A new producer in the place of a broken one. */
static int recover(ss_exchange *ex, ss_error *err)
{
    ss_error why = {0};
    int fenced = fenced_again(ex);
    set_recovering(ex, 1);
    ss_kafka_client_say(&ex->client, 4, "the transactional producer is replaced: %s", err ? err->text : "");
    rd_kafka_destroy(ex->producer);
    ex->producer = NULL;
    if (fenced) {
        set_recovering(ex, 0);
        return ss_fail(err, SS_CONFIG,
                       "another live worker of group '%s' uses the instance name '%s': each needs its own", ex->group,
                       ex->instance);
    }
    if (ss_exchange_is_stopping(ex)) {
        set_recovering(ex, 0);
        return ss_fail(err, SS_STOPPED, "stopped with a transaction whose outcome is unknown");
    }
    int failed = ss_exchange_open_producer(ex, ex->config.recover_patience_ms, &why);
    set_recovering(ex, 0);
    if (failed && err) *err = why;
    return failed;
}

/* The batch is dropped and comes again. */
static void drop(ss_exchange *ex, step got)
{
    if (got == STEP_ABORT || got == STEP_REFUSED) {
        pthread_mutex_lock(&ex->lock);
        ss_exchange_invalidate(ex, 1);
        pthread_mutex_unlock(&ex->lock);
    }
    /* An abort that repeats (the output topic is away) must not become a storm. */
    if (got != STEP_STALE) pause_or_stop(ex, ss_backoff_ms(ex->failures++, BACKOFF_MS, BACKOFF_CAP_MS, &ex->jitter));
}

/* A message that the broker has refused leaves a gap in the sequence numbers, over which librdkafka stumbles in the
 * next transactions; a new producer begins anew. The aborted transaction was the last of the old one, so nothing is in
 * doubt, and neither the batch nor the consumer has a part in it. */
static step transact_afresh(ss_exchange *ex, const ss_batch_messages *m, int one_by_one, ss_error *err)
{
    ss_error why = {0};
    step got = transact(ex, m, one_by_one, err);
    count_result(ex, got);
    if (got == STEP_OK || got == STEP_BROKEN || (!ex->refused_by_broker && !ex->produce_error)) return got;
    rd_kafka_destroy(ex->producer);
    ex->producer = NULL;
    if (!ss_exchange_open_producer(ex, ex->config.recover_patience_ms, &why)) return got;
    *err = why;
    return STEP_REFUSED;
}

static step publish(ss_exchange *ex, const ss_batch_messages *m, ss_error *err)
{
    step got = transact_afresh(ex, m, 0, err);
    size_t marked = count_rejected(ex->outputs, ex->output_count);
    int unsure = ex->refused_by_broker && marked > 1; /* the broker refuses whole requests */
    if (got != STEP_REJECTED || (marked == ex->output_count && !unsure)) return got;
    /* And the abort has purged what it had not answered: find out which outputs are the large ones, one a round. */
    for (size_t i = 0; unsure && i < ex->output_count; i++) ex->outputs[i].rejected = 0;
    do {
        got = transact_afresh(ex, m, 1, err);
    } while (got == STEP_REJECTED && ex->refused_by_broker);
    return got;
}

static int is_current(ss_exchange *ex, const ss_batch_messages *m)
{
    pthread_mutex_lock(&ex->lock);
    int current = m->generation == ex->generation;
    pthread_mutex_unlock(&ex->lock);
    return current;
}

int ss_exchange_publish(ss_exchange *ex, ss_batch *batch, ss_output *outputs, size_t count, ss_publish_result *result,
                        ss_error *err)
{
    ss_batch_messages *m = batch->internal;
    ss_error local = {0};
    if (!err) err = &local;
    *result = SS_PUBLISH_DROPPED;
    if (!is_current(ex, m)) {
        ss_exchange_give_back(ex, batch);
        ss_fail_with(err, SS_NETWORK, SS_RETRY, "the batch is older than the last rewind or rebalance");
        return 0;
    }
    if (!ex->producer || count > UINT32_MAX) {
        ss_exchange_discard(ex, batch);
        return ss_fail(err, SS_INTERNAL, "publish was called after it had failed for good");
    }
    for (size_t i = 0; i < count; i++) outputs[i].rejected = 0;
    ex->outputs = outputs;
    ex->output_count = count;
    step got = publish(ex, m, err);
    int failed = got == STEP_REFUSED ? -1 : got == STEP_BROKEN ? recover(ex, err) : 0;
    ex->outputs = NULL;
    ex->output_count = 0;
    if (got == STEP_REJECTED) {
        ss_fail(err, SS_LIMIT, "an output is larger than the broker takes");
        *result = SS_PUBLISH_REJECTED;
        return 0;
    }
    if (got == STEP_OK) {
        ex->failures = 0;
        note_commit(ex, m);
        *result = SS_PUBLISH_COMMITTED;
    } else if (!failed || got == STEP_REFUSED) {
        drop(ex, got);
    }
    ss_exchange_give_back(ex, batch);
    return failed;
}
