/* kafka_commits.c - are the group's commits still there? How a topic that was made anew is told from the old one.
 *
 * A topic that is deleted and made anew under a running worker has the same name, and librdkafka 2.0 does not know
 * topics by their ids (KIP-516). When the new one has reached our offsets before we look, reading goes on in its middle
 * as if nothing had happened, and the ads before that would be lost. But the broker removes the group's offsets
 * together with the topic. So a partition of which we have seen a commit on the broker, and that has none any more, is
 * another partition: it is read from its beginning. Commits of a group with members do not go otherwise: they do not
 * expire while a member reads the topic (KIP-211), and the broker refuses to delete or to reset them.
 *
 * That the evidence stays: our own next transaction would write a commit for the new topic. Therefore each transaction
 * looks after its offsets were sent and before it commits, and aborts when there is nothing. A topic that is deleted
 * after the look takes the sent offsets along (tests/stream/test_anew.py). A partition whose end is exactly where we
 * wait brings no transaction; for it the poller looks every few seconds.
 *
 * Who looks is a consumer of its own that never joins the group, the observer. It is read_uncommitted, so that the
 * broker answers at once with what was committed before, while our transaction is open; and it has a connection to the
 * coordinator on which nothing waits. (An admin request of the consumer's waits behind its fetches, 100 ms; one of the
 * producer's crashes librdkafka 2.0.2 when the coordinator has moved.) A look costs one round trip.
 *
 * The look only raises a suspicion. The rewind that follows asks once more, then for stable offsets, and decides
 * (kafka_consumer.c). A broker that never shows a commit (the mock cluster keeps none of transactions) raises none.
 *
 * What remains: a partition of which the group has never committed anything, until the first commit was seen, which
 * takes a second or two. And a coordinator that hears of the deletion later than the partition's leader of the new
 * topic (milliseconds): what is committed in between comes again from the beginning, twice.
 */
#include "base/clock.h"
#include "stream/kafka_exchange_parts.h"

enum { LOOK_MS = 200, SOON_MS = 1000, IDLE_MS = 5000 };

/* Compares the answer with what was seen before; 1 = a commit is gone. */
static int compare(ss_exchange *ex, const rd_kafka_topic_partition_list_t *found)
{
    int gone = 0;
    pthread_mutex_lock(&ex->lock);
    for (int i = 0; i < found->cnt; i++) {
        const rd_kafka_topic_partition_t *p = &found->elems[i];
        ss_cursor *cursor = ss_exchange_cursor(ex, p->topic, p->partition, 0);
        if (!cursor || !cursor->assigned) continue;
        if (p->offset >= 0)
            cursor->commit_seen = 1;
        else if (cursor->commit_seen)
            gone = 1;
    }
    pthread_mutex_unlock(&ex->lock);
    return gone;
}

int ss_exchange_open_observer(ss_exchange *ex, ss_error *err)
{
    const ss_kafka_setting ours[] = {
        {"group.id", ex->group, 1}, {"enable.auto.commit", "false", 1}, {"isolation.level", "read_uncommitted", 1}};
    rd_kafka_conf_t *conf = ss_kafka_conf_new(&ex->config.kafka, &ex->client, ours, sizeof ours / sizeof *ours, err);
    if (!conf) return -1;
    ex->observer = ss_kafka_new(RD_KAFKA_CONSUMER, conf, err);
    if (!ex->observer) return -1;
    rd_kafka_poll_set_consumer(ex->observer);
    return 0;
}

rd_kafka_resp_err_t ss_exchange_look_at_commits(ss_exchange *ex, rd_kafka_topic_partition_list_t *partitions,
                                                int patience_ms, int *gone)
{
    *gone = 0;
    rd_kafka_resp_err_t code = rd_kafka_committed(ex->observer, partitions, patience_ms);
    for (int i = 0; i < partitions->cnt && !code; i++) code = partitions->elems[i].err;
    if (!code) *gone = compare(ex, partitions);
    return code;
}

/* Its errors are told by callback; nothing else comes. */
static void serve_observer(ss_exchange *ex)
{
    rd_kafka_message_t *raw;
    while ((raw = rd_kafka_consumer_poll(ex->observer, 0))) rd_kafka_message_destroy(raw);
}

/* Assigned partitions with a commit; *unseen = 1 when one of them was not seen on the broker yet. */
static rd_kafka_topic_partition_list_t *committed_partitions(ss_exchange *ex, int *unseen)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    pthread_mutex_lock(&ex->lock);
    for (size_t i = 0; i < ex->cursor_count; i++) {
        const ss_cursor *cursor = &ex->cursors[i];
        if (!cursor->assigned || cursor->committed < 0) continue;
        rd_kafka_topic_partition_list_add(list, cursor->topic, cursor->partition);
        if (!cursor->commit_seen) *unseen = 1;
    }
    pthread_mutex_unlock(&ex->lock);
    return list;
}

void ss_exchange_look_now_and_then(ss_exchange *ex)
{
    int64_t now = ss_now_ms();
    int unseen = 0, gone = 0;
    serve_observer(ex);
    if (now < ex->looked_at + SOON_MS) return;
    rd_kafka_topic_partition_list_t *list = committed_partitions(ex, &unseen);
    if (list->cnt && (unseen || now >= ex->looked_at + IDLE_MS)) {
        ss_exchange_look_at_commits(ex, list, LOOK_MS, &gone);
        ex->looked_at = ss_now_ms();
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (!gone) return;
    pthread_mutex_lock(&ex->lock);
    if (ex->rewinds_wanted == ex->rewinds_done) ss_exchange_invalidate(ex, 1);
    pthread_mutex_unlock(&ex->lock);
}
