/* kafka_exchange_parts.h - the inside of an exchange, shared by kafka_exchange.c (life, batches, statistics),
 * kafka_consumer.c (polling, closing batches, rewinding), kafka_commits.c, kafka_rebalance.c and kafka_transaction.c.
 *
 * Generations. `generation` counts everything that makes batches already handed out worthless: an abort, a rewind, a
 * revoked or lost partition. A batch remembers the generation in which it was made and is published only while that is
 * still the current one. So one comparison, made under the lock together with fetching the group metadata, decides
 * whether offsets may be sent.
 *
 * Rewinds. The publisher only wishes for one (`rewinds_wanted`); the poller carries it out, since seeking while another
 * thread polls would race. Between wish and deed nothing is handed out, and what is polled is thrown away.
 *
 * Who touches what: fields under "shared" only with `lock` held; the others belong to the thread named there. The
 * poller never waits for the publisher, but in a rebalance (bounded by revoke_patience_ms) and in close; the publisher
 * never waits for the poller.
 */
#ifndef SKILLSTREAM_STREAM_KAFKA_EXCHANGE_PARTS_H
#define SKILLSTREAM_STREAM_KAFKA_EXCHANGE_PARTS_H

#include <pthread.h>

#include "base/arena.h"
#include "stream/kafka_client.h"
#include "stream/kafka_exchange.h"

/* ss_cursor.committed without a number. */
enum { UNKNOWN_COMMIT = -1, NO_COMMIT = -2 };

/* One partition that is or was assigned. */
typedef struct ss_cursor {
    char *topic;
    int32_t partition;
    int assigned;
    rd_kafka_queue_t *queue; /* the partition's own, NULL before it was first assigned */
    int64_t next;      /* offset to read next: behind the last message put into a batch, or where a rewind went; -1 */
    int64_t first;     /* first offset seen since it was assigned, -1 = none: where a rewind goes without a commit */
    int64_t committed; /* next offset after the last commit, or one of the two above */
    int64_t back;      /* where librdkafka began again below `next` by itself, -1 = it did not */
    int commit_seen;   /* the broker has shown a commit of the group since it was assigned */
    int64_t cut_since; /* ms: since when the commit lies behind the partition's end, 0 = it does not */
} ss_cursor;

/* Next offset of one partition after a batch. */
typedef struct ss_batch_end {
    size_t cursor; /* index */
    int64_t next;
} ss_batch_end;

struct ss_batch_messages {
    ss_batch batch; /* what the caller sees */
    rd_kafka_message_t **raw;
    ss_message *views;
    size_t capacity;
    ss_batch_end *ends;
    size_t end_count, end_capacity;
    ss_arena headers;
    uint64_t generation;
};

struct ss_exchange {
    ss_kafka_client client; /* first: librdkafka's opaque */

    /* constant after open */
    ss_exchange_config config;
    char *transactional_id, *group, *instance, *client_id, *bootstrap;
    char **topics, **settings;
    rd_kafka_t *consumer, *observer; /* the latter sees the group's commits, kafka_commits.c */

    /* shared */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t generation;
    uint64_t rewinds_wanted, rewinds_done;
    size_t out;         /* batches handed out */
    int64_t stopped_ms; /* when stopping was asked for, 0 = not */
    ss_cursor *cursors;
    size_t cursor_count;
    ss_exchange_stats stats;

    /* the poller's */
    ss_batch_messages *forming;
    rd_kafka_queue_t *messages; /* of all assigned partitions */
    int64_t forming_since;      /* ms, 0 = not */
    int64_t every_second_at;    /* ms */
    int64_t looked_at;          /* ms: at the group's commits */
    int64_t rewind_at;          /* ms: not before; 0 = at once */
    int64_t rewind_pause;       /* ms: before the next attempt, 0 = the last one succeeded */
    int64_t rejoin_at;          /* ms: a partition does not start; 0 = all do */

    /* the publisher's */
    rd_kafka_t *producer;
    ss_output *outputs; /* of the running transaction, for delivery reports */
    size_t output_count;
    uint32_t attempt;                  /* number of the running transaction: reports of older ones are not for us */
    rd_kafka_resp_err_t produce_error; /* first that is not about size */
    int refused_by_broker;             /* a request was too large, which may hit innocent outputs */
    unsigned failures;                 /* transactions failed in a row, for the backoff */
    uint64_t jitter;
    int64_t fenced_at[3]; /* ms of the last fencings */
};

/* kafka_exchange.c */
int64_t ss_exchange_wait(ss_exchange *exchange, int64_t until_ms); /* lock held; returns ss_now_ms() */
int ss_exchange_is_stopping(ss_exchange *exchange);
ss_cursor *ss_exchange_cursor(ss_exchange *exchange, const char *topic, int32_t partition, int make);
ss_batch_messages *ss_batch_new(size_t capacity);
void ss_batch_free(ss_batch_messages *messages);
void ss_exchange_give_back(ss_exchange *exchange, ss_batch *batch);
/* Lock held: what is out becomes worthless; rewind 1 = and is to be read again from here. */
void ss_exchange_invalidate(ss_exchange *exchange, int rewind);

/* kafka_consumer.c */
int ss_exchange_open_consumer(ss_exchange *exchange, ss_error *err);
void ss_exchange_close_consumer(ss_exchange *exchange);             /* leaves the group */
void ss_exchange_forward(ss_exchange *exchange, ss_cursor *cursor); /* its messages come to `messages` */
void ss_exchange_drop_forming(ss_exchange *exchange);

/* kafka_rebalance.c */
void ss_exchange_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
                              void *opaque);

/* kafka_commits.c */
int ss_exchange_open_observer(ss_exchange *exchange, ss_error *err);
/* *gone = 1 when a commit of `partitions` that the broker has shown before is there no more. Any thread. Changes the
 * offsets in the list. */
rd_kafka_resp_err_t ss_exchange_look_at_commits(ss_exchange *exchange, rd_kafka_topic_partition_list_t *partitions,
                                                int patience_ms, int *gone);
/* The poller's: looks if it is time to; asks for a rewind when a commit is gone. */
void ss_exchange_look_now_and_then(ss_exchange *exchange);

/* kafka_transaction.c: makes a producer and fences the one before it, for at most patience_ms. */
int ss_exchange_open_producer(ss_exchange *exchange, int64_t patience_ms, ss_error *err);

#endif
