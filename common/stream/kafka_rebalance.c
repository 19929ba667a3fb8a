/* kafka_rebalance.c - partitions come and go.
 *
 * librdkafka calls back from rd_kafka_consumer_poll and rd_kafka_consumer_close, so always on the poller's thread, and
 * waits for our rd_kafka_assign. Until then the group keeps our membership, within max.poll.interval.ms.
 *
 *   assigned  cursors are made; the new owner starts at the committed offset, for which the broker lets it wait while a
 *             transaction of the old owner is still open (isolation.level=read_committed asks for stable offsets).
 *   revoked   an orderly hand-over: what is out is computed and committed first, for at most revoke_patience_ms; only
 *             then the partitions are let go. What is not ready by then becomes worthless.
 *   lost      the group has given the partitions to others already (session timeout, fenced): nothing may be committed.
 *
 * All revocations make the batch that is being formed worthless too; it was never handed out. Under a cooperative
 * protocol the partitions that stay would continue behind it, therefore they are rewound.
 */
#include <string.h>

#include "base/clock.h"
#include "stream/kafka_exchange_parts.h"

static int is_cooperative(rd_kafka_t *rk)
{
    const char *protocol = rd_kafka_rebalance_protocol(rk);
    return protocol && !strcmp(protocol, "COOPERATIVE");
}

static void check(ss_exchange *ex, const char *what, rd_kafka_error_t *error, rd_kafka_resp_err_t code)
{
    if (error) code = rd_kafka_error_code(error);
    if (code) ss_kafka_client_say(&ex->client, 4, "%s: %s", what, rd_kafka_err2str(code));
    if (error) rd_kafka_error_destroy(error);
}

static void take(ss_exchange *ex, rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list)
{
    ex->rejoin_at = 0; /* every partition starts anew */
    pthread_mutex_lock(&ex->lock);
    ex->stats.rebalances++;
    for (int i = 0; i < list->cnt; i++) {
        ss_cursor *cursor = ss_exchange_cursor(ex, list->elems[i].topic, list->elems[i].partition, 1);
        if (!cursor) continue; /* out of memory: its messages are not put into batches and come again later */
        cursor->assigned = 1;
        ss_kafka_end_queue(cursor->queue); /* of an older object, if the topic was made anew */
        cursor->queue = rd_kafka_queue_get_partition(rk, cursor->topic, cursor->partition);
        ss_exchange_forward(ex, cursor); /* before it is started: no message may go another way */
        cursor->next = cursor->first = cursor->committed = cursor->back = -1;
        cursor->cut_since = 0;
        cursor->commit_seen = 0;
    }
    pthread_mutex_unlock(&ex->lock);
    ss_kafka_client_say(&ex->client, 6, "%d partitions assigned", list->cnt);
    if (is_cooperative(rk))
        check(ex, "taking partitions", rd_kafka_incremental_assign(rk, list), 0);
    else
        check(ex, "taking partitions", NULL, rd_kafka_assign(rk, list));
}

/* Waits until all that is out has been published or discarded, where waiting can help. Lock held. */
static void wait_for_batches(ss_exchange *ex)
{
    int64_t deadline = ss_now_ms() + ex->config.revoke_patience_ms;
    while (!ex->config.same_thread && ex->out && ex->rewinds_wanted == ex->rewinds_done &&
           ss_exchange_wait(ex, deadline) < deadline) {
    }
}

static void let_go(ss_exchange *ex, rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list)
{
    int lost = rd_kafka_assignment_lost(rk), cooperative = is_cooperative(rk);
    ss_exchange_drop_forming(ex);
    pthread_mutex_lock(&ex->lock);
    if (lost)
        ex->stats.lost++;
    else
        wait_for_batches(ex);
    size_t kept = 0, out = ex->out;
    for (int i = 0; i < list->cnt; i++) {
        ss_cursor *cursor = ss_exchange_cursor(ex, list->elems[i].topic, list->elems[i].partition, 0);
        if (cursor) cursor->assigned = 0;
    }
    for (size_t i = 0; i < ex->cursor_count; i++) kept += (size_t)ex->cursors[i].assigned;
    ss_exchange_invalidate(ex, kept > 0);
    if (!kept)
        ex->rewinds_done = ex->rewinds_wanted; /* nothing to rewind: the next assignment starts from the commits */
    pthread_mutex_unlock(&ex->lock);
    ss_kafka_client_say(&ex->client, 6, "%d partitions %s, %zu batches dropped", list->cnt, lost ? "lost" : "revoked",
                        out);
    if (cooperative)
        check(ex, "letting partitions go", rd_kafka_incremental_unassign(rk, list), 0);
    else
        check(ex, "letting partitions go", NULL, rd_kafka_assign(rk, NULL));
}

void ss_exchange_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
                              void *opaque)
{
    ss_exchange *ex = opaque;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        take(ex, rk, list);
    else if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
        let_go(ex, rk, list);
    else
        check(ex, "rebalance", NULL, rd_kafka_assign(rk, NULL));
}
