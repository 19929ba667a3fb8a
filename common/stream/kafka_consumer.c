/* kafka_consumer.c - the poller's half of an exchange: messages into batches.
 *
 * One batch is being formed. It is handed out when it is full (messages or bytes) or has lingered, and fewer than
 * max_out batches are out. While it waits for its turn it goes on filling.
 *
 * Two queues. The messages of all assigned partitions are forwarded to a queue of ours (`messages`); what is left in
 * the consumer's own queue are events: rebalances, errors. So while a batch is full and may not go, events alone are
 * served (which also keeps max.poll.interval.ms), for as long as it takes, and the messages wait where they are,
 * bounded by queued.max.messages.kbytes. rd_kafka_pause_partitions is not used for it: a partition that is taken away
 * while paused stays paused when it comes back (librdkafka 2.0.2 resets only its own flag), and pausing while the first
 * offset is being looked up throws the answer away; either way nothing is read from it any more. librdkafka ends the
 * forwarding when it stops a partition, on its own thread, which may be after the partition has come back; therefore
 * forwarding is renewed every second.
 *
 * Rewinds are carried out here, between two polls: every assigned partition goes back to the group's committed offset
 * (asked from the broker, which waits for open transactions), or without a commit to the first offset that was seen.
 * rd_kafka_position is never used: it runs ahead of the batch.
 *
 * A partition that is new to us starts where the group's commit says, for which librdkafka asks once. When the answer
 * is an error that it does not try again (the coordinator has just moved), it tells and leaves the partition unread for
 * as long as the assignment lasts: a worker that is well and does nothing. So then we subscribe anew, which makes it
 * leave the assignment in order and ask again.
 *
 * Where to read next is our own knowledge (ss_cursor.next). Only librdkafka's own offset reset goes behind it. Mostly
 * that is a mistake: a leader that is new or was away says that our offset is out of range, and all that was
 * read comes again. But a topic that was made anew looks the same. The group's commits know: they vanish with a topic.
 * So nothing of it is taken, and a rewind goes to the commits, or without them to where librdkafka went. Commits that
 * stay behind the partition's end (for CUT_MS, since a frozen leader may tell of an old end) are those of another
 * topic or of an end that was cut off, too. A topic that was made anew and has grown past our offsets before we look
 * resets nothing; that its commits are gone is noticed by kafka_commits.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "stream/kafka_exchange_parts.h"

enum {
    POLL_MS = 100,
    FULL_POLL_MS = 5,
    REWIND_MS = 5000,
    AGAIN_MS = 100,
    AGAIN_CAP_MS = 3000,
    LEARN_MS = 200,
    EVERY_MS = 1000,
    CUT_MS = 10000,
    REJOIN_MS = 1000
};

static rd_kafka_resp_err_t subscribe(ss_exchange *ex)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)ex->config.topic_count);
    for (size_t i = 0; i < ex->config.topic_count; i++)
        rd_kafka_topic_partition_list_add(list, ex->topics[i], RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(ex->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

int ss_exchange_open_consumer(ss_exchange *ex, ss_error *err)
{
    const ss_kafka_setting ours[] = {{"auto.offset.reset", "earliest", 0},
                                     {"queued.max.messages.kbytes", "16384", 0},
                                     {"fetch.wait.max.ms", "100", 0},
                                     {"partition.assignment.strategy", "range,roundrobin", 0},
                                     {"group.id", ex->group, 1},
                                     {"enable.auto.commit", "false", 1},
                                     {"enable.auto.offset.store", "false", 1},
                                     {"isolation.level", "read_committed", 1},
                                     {"enable.partition.eof", "false", 1}};
    rd_kafka_conf_t *conf = ss_kafka_conf_new(&ex->config.kafka, &ex->client, ours, sizeof ours / sizeof *ours, err);
    if (!conf) return -1;
    rd_kafka_conf_set_rebalance_cb(conf, ss_exchange_on_rebalance);
    ex->consumer = ss_kafka_new(RD_KAFKA_CONSUMER, conf, err);
    if (!ex->consumer) return -1;
    rd_kafka_poll_set_consumer(ex->consumer);
    ex->messages = rd_kafka_queue_new(ex->consumer);
    rd_kafka_resp_err_t code = subscribe(ex);
    if (!code) return 0;
    ss_exchange_close_consumer(ex);
    return ss_kafka_fail(err, code, "subscribing", NULL);
}

void ss_exchange_close_consumer(ss_exchange *ex)
{
    rd_kafka_consumer_close(ex->consumer);
    for (size_t i = 0; i < ex->cursor_count; i++) ss_kafka_end_queue(ex->cursors[i].queue);
    rd_kafka_queue_destroy(ex->messages);
    rd_kafka_destroy(ex->consumer);
    ex->consumer = NULL;
}

void ss_exchange_drop_forming(ss_exchange *ex)
{
    ss_batch_free(ex->forming);
    ex->forming = NULL;
    ex->forming_since = 0;
}

/* --- rewinding --- */

static rd_kafka_topic_partition_list_t *assigned_partitions(ss_exchange *ex)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    pthread_mutex_lock(&ex->lock);
    for (size_t i = 0; i < ex->cursor_count; i++)
        if (ex->cursors[i].assigned)
            rd_kafka_topic_partition_list_add(list, ex->cursors[i].topic, ex->cursors[i].partition);
    pthread_mutex_unlock(&ex->lock);
    return list;
}

/* 1 when the commit lies behind the partition's end and has done so for long enough to be believed; 0 = no; -1 = not
 * known yet. */
static int is_cut(ss_exchange *ex, ss_cursor *cursor, int64_t committed)
{
    int64_t low, high, now = ss_now_ms();
    if (rd_kafka_query_watermark_offsets(ex->consumer, cursor->topic, cursor->partition, &low, &high, REWIND_MS))
        return -1;
    if (high >= committed) {
        cursor->cut_since = 0;
        return 0;
    }
    if (!cursor->cut_since) cursor->cut_since = now;
    return now - cursor->cut_since >= CUT_MS ? 1 : -1;
}

/* A partition whose commit has vanished begins anew, at its first offset. */
static rd_kafka_resp_err_t begin_anew(ss_exchange *ex, ss_cursor *cursor)
{
    int64_t low, high;
    rd_kafka_resp_err_t code =
        rd_kafka_query_watermark_offsets(ex->consumer, cursor->topic, cursor->partition, &low, &high, REWIND_MS);
    if (!code) cursor->first = cursor->back = low;
    return code;
}

/* Looks at the commits of partitions where librdkafka went back by itself, or that had a commit and have none; those of
 * another topic are forgotten. Only this thread changes `back`, `first` and `cut_since`, so the lock is not held while
 * the broker is asked. */
static rd_kafka_resp_err_t judge_commits(ss_exchange *ex, rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_t *p = &list->elems[i];
        pthread_mutex_lock(&ex->lock);
        ss_cursor *cursor = ss_exchange_cursor(ex, p->topic, p->partition, 0);
        int gone = cursor && cursor->commit_seen && p->offset < 0;
        pthread_mutex_unlock(&ex->lock);
        rd_kafka_resp_err_t code = gone ? begin_anew(ex, cursor) : RD_KAFKA_RESP_ERR_NO_ERROR;
        if (code) return code;
        if (!cursor || cursor->back < 0 || gone) continue;
        int cut = p->offset >= 0 ? is_cut(ex, cursor, p->offset) : 1;
        if (cut < 0) return RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE;
        if (!cut) continue;
        p->offset = RD_KAFKA_OFFSET_INVALID;
        cursor->first = cursor->back;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void tell_of_backs(ss_exchange *ex, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *p = &list->elems[i];
        pthread_mutex_lock(&ex->lock);
        ss_cursor *cursor = ss_exchange_cursor(ex, p->topic, p->partition, 0);
        int64_t back = cursor ? cursor->back : -1, next = cursor ? cursor->next : -1;
        if (cursor) cursor->back = -1, cursor->cut_since = 0;
        pthread_mutex_unlock(&ex->lock);
        if (back < 0) continue;
        if (next == back)
            ss_kafka_client_say(
                &ex->client, 4,
                "%s [%d]: nothing is committed, so the topic was made anew or never read; reading from offset %lld",
                p->topic, (int)p->partition, (long long)next);
        else
            ss_kafka_client_say(&ex->client, 4,
                                "%s [%d]: offset %lld came again; reading on from the group's commit, %lld", p->topic,
                                (int)p->partition, (long long)back, (long long)next);
    }
}

/* Committed offsets become targets; partitions from which nothing was read yet need no seek and leave the list. */
static void set_targets(ss_exchange *ex, rd_kafka_topic_partition_list_t *list)
{
    pthread_mutex_lock(&ex->lock);
    for (int i = list->cnt - 1; i >= 0; i--) {
        rd_kafka_topic_partition_t *p = &list->elems[i];
        ss_cursor *cursor = ss_exchange_cursor(ex, p->topic, p->partition, 0);
        if (cursor && p->offset >= 0) cursor->committed = p->offset;
        if (cursor && p->offset < 0) {
            if (cursor->commit_seen) cursor->committed = NO_COMMIT, cursor->commit_seen = 0;
            p->offset = cursor->first;
        }
        if (cursor) cursor->next = p->offset;
        if (p->offset < 0) rd_kafka_topic_partition_list_del_by_idx(list, i);
    }
    pthread_mutex_unlock(&ex->lock);
}

static rd_kafka_resp_err_t seek_all(ss_exchange *ex, rd_kafka_topic_partition_list_t *list)
{
    if (!list->cnt) return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_error_t *error = rd_kafka_seek_partitions(ex->consumer, list, REWIND_MS);
    rd_kafka_resp_err_t code = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (error) rd_kafka_error_destroy(error);
    for (int i = 0; i < list->cnt && !code; i++) code = list->elems[i].err;
    return code;
}

/* Does the rewind that is wished for, if one is. When the broker does not answer, the wish stays and the next call
 * tries again; until then nothing is handed out. */
static void rewind_if_wanted(ss_exchange *ex)
{
    pthread_mutex_lock(&ex->lock);
    uint64_t wanted = ex->rewinds_wanted;
    int recovering = ex->stats.recovering; /* a new producer first settles the transaction that is in doubt */
    int pending = wanted != ex->rewinds_done;
    pthread_mutex_unlock(&ex->lock);
    if (!pending || recovering || ss_now_ms() < ex->rewind_at) return;
    ss_exchange_drop_forming(ex);
    rd_kafka_topic_partition_list_t *list = assigned_partitions(ex);
    rd_kafka_resp_err_t code =
        list->cnt ? rd_kafka_committed(ex->consumer, list, REWIND_MS) : RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; i < list->cnt && !code; i++) code = list->elems[i].err;
    if (!code) code = judge_commits(ex, list);
    if (!code) {
        set_targets(ex, list);
        code = seek_all(ex, list);
    }
    if (!code) tell_of_backs(ex, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code) {
        ss_kafka_client_say(&ex->client, 4, "rewinding: %s; trying again", rd_kafka_err2str(code));
        ex->rewind_pause = ex->rewind_pause ? ex->rewind_pause * 2 : AGAIN_MS;
        if (ex->rewind_pause > AGAIN_CAP_MS) ex->rewind_pause = AGAIN_CAP_MS;
        ex->rewind_at = ss_now_ms() + ex->rewind_pause;
        return;
    }
    ex->rewind_pause = 0;
    pthread_mutex_lock(&ex->lock);
    ex->rewinds_done = wanted;
    ex->stats.rewinds++;
    pthread_mutex_unlock(&ex->lock);
}

/* Asks for the committed offsets of partitions that are new to us, so that their lag is known before our first commit.
 * Briefly: the answer may have to wait for somebody's transaction. */
static void learn_commits(ss_exchange *ex)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    pthread_mutex_lock(&ex->lock);
    for (size_t i = 0; i < ex->cursor_count; i++)
        if (ex->cursors[i].assigned && ex->cursors[i].committed == UNKNOWN_COMMIT)
            rd_kafka_topic_partition_list_add(list, ex->cursors[i].topic, ex->cursors[i].partition);
    pthread_mutex_unlock(&ex->lock);
    if (list->cnt && !rd_kafka_committed(ex->consumer, list, LEARN_MS)) {
        pthread_mutex_lock(&ex->lock);
        for (int i = 0; i < list->cnt; i++) {
            const rd_kafka_topic_partition_t *p = &list->elems[i];
            ss_cursor *cursor = ss_exchange_cursor(ex, p->topic, p->partition, 0);
            if (!cursor || p->err) continue;
            if (cursor->committed == UNKNOWN_COMMIT) cursor->committed = p->offset >= 0 ? p->offset : NO_COMMIT;
            if (p->offset >= 0) cursor->commit_seen = 1;
        }
        pthread_mutex_unlock(&ex->lock);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

void ss_exchange_forward(ss_exchange *ex, ss_cursor *cursor)
{
    if (cursor->queue) rd_kafka_queue_forward(cursor->queue, ex->messages);
}

static void forward_all(ss_exchange *ex)
{
    pthread_mutex_lock(&ex->lock);
    for (size_t i = 0; i < ex->cursor_count; i++)
        if (ex->cursors[i].assigned) ss_exchange_forward(ex, &ex->cursors[i]);
    pthread_mutex_unlock(&ex->lock);
}

static void every_second(ss_exchange *ex)
{
    int64_t now = ss_now_ms();
    if (now < ex->every_second_at) return;
    ex->every_second_at = now + EVERY_MS;
    forward_all(ex);
    learn_commits(ex);
    ss_exchange_look_now_and_then(ex);
}

/* --- forming --- */

static int is_full(const ss_exchange *ex)
{
    const ss_batch_messages *m = ex->forming;
    return m && (m->batch.count >= ex->config.max_messages || m->batch.bytes >= ex->config.max_bytes);
}

static int grow(ss_batch_messages *m)
{
    size_t capacity = m->capacity * 2;
    rd_kafka_message_t **raw = realloc(m->raw, capacity * sizeof(rd_kafka_message_t *));
    if (!raw) return -1;
    m->raw = raw;
    ss_message *views = realloc(m->views, capacity * sizeof *views);
    if (!views) return -1;
    m->views = views;
    m->capacity = capacity;
    return 0;
}

/* Moves the batch's end of a partition behind `offset`. */
static int move_end(ss_batch_messages *m, size_t cursor, int64_t offset)
{
    for (size_t i = m->end_count; i-- > 0;) {
        if (m->ends[i].cursor != cursor) continue;
        m->ends[i].next = offset + 1;
        return 0;
    }
    if (m->end_count == m->end_capacity) {
        size_t capacity = m->end_capacity ? m->end_capacity * 2 : 8;
        ss_batch_end *ends = realloc(m->ends, capacity * sizeof *ends);
        if (!ends) return -1;
        m->ends = ends;
        m->end_capacity = capacity;
    }
    m->ends[m->end_count++] = (ss_batch_end){.cursor = cursor, .next = offset + 1};
    return 0;
}

static int put_message(ss_batch_messages *m, rd_kafka_message_t *raw, size_t cursor)
{
    if (m->batch.count == m->capacity && grow(m)) return -1;
    if (ss_kafka_view(raw, &m->headers, &m->views[m->batch.count]) || move_end(m, cursor, raw->offset)) return -1;
    m->raw[m->batch.count++] = raw;
    m->batch.messages = m->views;
    m->batch.bytes += raw->len + raw->key_len;
    return 0;
}

/* Puts the message into the forming batch. 1 = it is the batch's now; 0 = it is not wanted; -1 = out of memory. */
static int add(ss_exchange *ex, rd_kafka_message_t *raw)
{
    pthread_mutex_lock(&ex->lock);
    ss_cursor *cursor = ss_exchange_cursor(ex, rd_kafka_topic_name(raw->rkt), raw->partition, 0);
    int ours = cursor && cursor->assigned;
    if (ours && cursor->first < 0) cursor->first = raw->offset;
    int settled = ex->rewinds_wanted == ex->rewinds_done;
    /* What is thrown away must be read again. */
    if (ours && settled && ex->stats.recovering) ss_exchange_invalidate(ex, 1);
    int wanted = ours && settled && !ex->stats.recovering;
    if (wanted && raw->offset < cursor->next) {
        cursor->back = raw->offset;
        ss_exchange_invalidate(ex, 1);
        wanted = 0;
    }
    size_t index = wanted ? (size_t)(cursor - ex->cursors) : 0;
    if (wanted) cursor->next = raw->offset + 1;
    uint64_t generation = ex->generation;
    pthread_mutex_unlock(&ex->lock);
    if (!wanted) return 0;
    if (!ex->forming) {
        ex->forming = ss_batch_new(ex->config.max_messages);
        if (!ex->forming) return -1;
        ex->forming->generation = generation;
        ex->forming_since = ss_now_ms();
    }
    return put_message(ex->forming, raw, index) ? -1 : 1;
}

/* Takes the forming batch if it is due, valid, and may go. */
static int hand_out(ss_exchange *ex, ss_batch **out)
{
    if (!ex->forming) return 0;
    int due = is_full(ex) || ss_now_ms() - ex->forming_since >= ex->config.linger_ms;
    pthread_mutex_lock(&ex->lock);
    int valid = ex->forming->generation == ex->generation, free_slot = ex->out < ex->config.max_out;
    int go = due && valid && free_slot && !ex->stats.recovering;
    if (go) {
        ex->out++;
        ex->stats.batches++;
        ex->stats.messages += ex->forming->batch.count;
    }
    pthread_mutex_unlock(&ex->lock);
    if (!valid) ss_exchange_drop_forming(ex);
    if (!go) return 0;
    *out = &ex->forming->batch;
    ex->forming = NULL;
    ex->forming_since = 0;
    return 1;
}

/* --- polling --- */

/* What an error in the place of a message means: 0 = goes by itself; -1 = the caller must know. */
static int judge(ss_exchange *ex, const rd_kafka_message_t *raw, ss_error *err)
{
    char text[256];
    rd_kafka_resp_err_t code = raw->err;
    const char *topic = raw->rkt ? rd_kafka_topic_name(raw->rkt) : ex->topics[0];
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        code = rd_kafka_fatal_error(ex->consumer, text, sizeof text);
        return ss_fail(err, ss_kafka_status(code), "the consumer cannot go on: %s", text);
    }
    if (ss_kafka_status(code) == SS_AUTH) return ss_kafka_fail(err, code, "reading", rd_kafka_message_errstr(raw));
    if (code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
        return ss_fail(err, SS_NOT_FOUND, "topic '%s' no longer has the messages behind the committed offset", topic);
    if (code == RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL)
        return ss_fail(err, SS_CONFIG, "the group has members with another partition.assignment.strategy");
    ss_exchange_stats stats;
    ss_exchange_read_stats(ex, &stats, NULL, 0);
    if (ss_kafka_status(code) == SS_NOT_FOUND && !stats.partitions)
        return ss_kafka_fail_topic(err, topic, ex->bootstrap);
    ss_kafka_client_say(&ex->client, 5, "consumer: %s", rd_kafka_message_errstr(raw));
    return 0;
}

/* An error of one partition from which nothing has come yet: its first offset could not be had. */
static void note_unstarted(ss_exchange *ex, const rd_kafka_message_t *raw)
{
    ss_status status = ss_kafka_status(raw->err);
    if (!raw->rkt || raw->partition < 0 || (status != SS_NETWORK && status != SS_TIMEOUT) || ex->rejoin_at) return;
    pthread_mutex_lock(&ex->lock);
    const ss_cursor *cursor = ss_exchange_cursor(ex, rd_kafka_topic_name(raw->rkt), raw->partition, 0);
    if (cursor && cursor->assigned && cursor->first < 0) ex->rejoin_at = ss_now_ms() + REJOIN_MS;
    pthread_mutex_unlock(&ex->lock);
}

static void rejoin_if_wanted(ss_exchange *ex)
{
    if (!ex->rejoin_at || ss_now_ms() < ex->rejoin_at) return;
    rd_kafka_resp_err_t code = subscribe(ex);
    ex->rejoin_at = code ? ss_now_ms() + REJOIN_MS : 0;
    ss_kafka_client_say(&ex->client, 4, "a partition does not start, as its committed offset could not be had: %s",
                        code ? rd_kafka_err2str(code) : "joining the group anew");
}

/* The message is in no batch: it and what follows must come again, or it would be lost. */
static int fail_to_add(ss_exchange *ex, ss_error *err)
{
    pthread_mutex_lock(&ex->lock);
    ss_exchange_invalidate(ex, 1);
    pthread_mutex_unlock(&ex->lock);
    return ss_fail_memory(err, "forming a batch");
}

/* What a poll gave; it is destroyed or in the batch afterwards. */
static int take_polled(ss_exchange *ex, rd_kafka_message_t *raw, ss_error *err)
{
    int failed = 0, kept = 0;
    if (raw->err)
        failed = judge(ex, raw, err);
    else
        kept = add(ex, raw);
    if (raw->err && !failed) note_unstarted(ex, raw);
    if (kept < 0) failed = fail_to_add(ex, err);
    if (kept <= 0) rd_kafka_message_destroy(raw);
    return failed;
}

/* Rebalances, errors, callbacks. No message comes this way; if one did, its place would be before those of the queue.
 */
static int serve_events(ss_exchange *ex, ss_error *err)
{
    rd_kafka_message_t *raw = rd_kafka_consumer_poll(ex->consumer, 0);
    pthread_mutex_lock(&ex->lock);
    ex->stats.polled_ms = ss_now_ms();
    pthread_mutex_unlock(&ex->lock);
    for (; raw; raw = rd_kafka_consumer_poll(ex->consumer, 0))
        if (take_polled(ex, raw, err)) return -1;
    return 0;
}

static int poll_message(ss_exchange *ex, int64_t timeout_ms, ss_error *err)
{
    rd_kafka_message_t *raw = rd_kafka_consume_queue(ex->messages, (int)timeout_ms);
    return raw ? take_polled(ex, raw, err) : 0;
}

/* 1 when taking further messages makes no sense now. */
static int is_blocked(ss_exchange *ex)
{
    pthread_mutex_lock(&ex->lock);
    int held = ex->stats.recovering || ex->rewinds_wanted != ex->rewinds_done;
    int no_slot = ex->out >= ex->config.max_out;
    pthread_mutex_unlock(&ex->lock);
    return held || (is_full(ex) && no_slot);
}

/* Until something changes, or events are to be looked at. */
static void wait_blocked(ss_exchange *ex, int64_t until)
{
    int64_t limit = ss_now_ms() + POLL_MS;
    pthread_mutex_lock(&ex->lock);
    if (ex->stats.recovering || ex->out >= ex->config.max_out || ex->rewinds_wanted != ex->rewinds_done)
        ss_exchange_wait(ex, until < limit ? until : limit);
    pthread_mutex_unlock(&ex->lock);
}

static int64_t poll_time(const ss_exchange *ex, int64_t until)
{
    int64_t now = ss_now_ms(), wait = until - now;
    if (wait > POLL_MS) wait = POLL_MS;
    if (ex->forming && ex->forming_since + ex->config.linger_ms - now < wait)
        wait = ex->forming_since + ex->config.linger_ms - now;
    /* A batch that has lingered but may not go yet fills up; a short poll then looks again. */
    return wait > 0 ? wait : ex->forming && until > now ? FULL_POLL_MS : 0;
}

int ss_exchange_next(ss_exchange *ex, int64_t wait_ms, ss_batch **out, ss_error *err)
{
    int64_t until = ss_now_ms() + wait_ms;
    for (int first = 1;; first = 0) {
        if (ss_exchange_is_stopping(ex)) return ss_fail(err, SS_STOPPED, "stopping");
        if (serve_events(ex, err)) return -1;
        rejoin_if_wanted(ex);
        rewind_if_wanted(ex);
        every_second(ex);
        if (hand_out(ex, out)) return 1;
        if (!first && ss_now_ms() >= until) return 0;
        if (is_blocked(ex))
            wait_blocked(ex, until);
        else if (poll_message(ex, poll_time(ex, until), err))
            return -1;
    }
}
