/* kafka_exchange.h - consume, transform, produce: exactly once.
 *
 * An exchange is a consumer and a transactional producer that belong together.
 * It hands out batches of consumed messages; for each batch the caller computes
 * outputs and gives both back; outputs and the batch's offsets are committed in
 * one Kafka transaction. A reader with isolation.level=read_committed sees the
 * outputs of every input exactly once, whatever is killed when.
 *
 *     poller thread                     publisher thread
 *     while (!stop)                     for each batch, in the order they were given
 *       ss_exchange_next -> batch         outputs = compute(batch)
 *       hand over to compute              ss_exchange_publish(batch, outputs)
 *
 * So computing batch n+1 overlaps the commit of batch n.
 *
 * Threads: ss_exchange_next belongs to one thread (the poller), publish and
 * discard to one thread at a time (it may be another one, or the same; if the
 * same, say so in the config). ss_exchange_stats and ss_exchange_stop may be
 * called from any thread. The poller must call next at least once within
 * max.poll.interval.ms (5 minutes by default), also while all batches are out:
 * next then only keeps the group membership alive.
 *
 * What comes back: when a transaction is aborted or a partition is taken away,
 * the batch and all batches handed out before the rewind are DROPPED: their
 * messages come again from the last committed offsets, here or at another worker.
 */
#ifndef SKILLSTREAM_STREAM_KAFKA_EXCHANGE_H
#define SKILLSTREAM_STREAM_KAFKA_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "stream/kafka_config.h"

typedef struct ss_exchange ss_exchange;

/* Zero = the default, where one is named. */
typedef struct ss_exchange_config {
    ss_kafka_config kafka;     /* group and instance are required: transactional.id = GROUP-INSTANCE */
    const char *const *topics; /* to consume */
    size_t topic_count;
    size_t max_messages; /* a batch closes at this many messages; 64 */
    size_t
        max_bytes; /* ... or this many bytes of keys and values; 1 MiB (one larger message makes a batch of its own) */
    int64_t linger_ms;           /* ... or this long after its first message; 50. -1 = at once */
    size_t max_out;              /* batches that may be out at a time; 2 */
    int64_t commit_patience_ms;  /* how long one transaction is tried before its outcome counts as unknown; 30,000 */
    int64_t recover_patience_ms; /* how long a new producer is tried before publish gives up; 300,000 */
    int64_t revoke_patience_ms;  /* how long a rebalance waits for batches that are out; 20,000 */
    int same_thread; /* 1 = the poller publishes too: a rebalance drops what is out instead of waiting for it */
} ss_exchange_config;

typedef struct ss_batch_messages ss_batch_messages;

/* A closed batch. Read-only for the caller, given back by publish or discard. */
typedef struct ss_batch {
    const ss_message *messages; /* by partition in offset order, partitions interleaved as they came */
    size_t count;               /* at least 1 */
    size_t bytes;               /* keys and values */
    ss_batch_messages *internal;
} ss_batch;

typedef enum ss_publish_result {
    SS_PUBLISH_COMMITTED = 0,
    SS_PUBLISH_DROPPED, /* aborted, or the partitions were taken away: the messages come again by themselves */
    SS_PUBLISH_REJECTED /* outputs are too large (all of them are marked, outputs[i].rejected): the batch is still
                           the caller's, who publishes it again with something smaller in their places */
} ss_publish_result;

/* Connects, fences an earlier holder of the transactional.id, joins the group. Waits up to recover_patience_ms for a
 * broker. Errors as ss_kafka_check. */
ss_exchange *ss_exchange_open(const ss_exchange_config *config, ss_error *err);

/* The next closed batch: 1 = *out is a batch; 0 = none within wait_ms; -1 = an error that calling again will not cure
 * (SS_AUTH, SS_NOT_FOUND, SS_CONFIG ...), or SS_STOPPED. */
int ss_exchange_next(ss_exchange *exchange, int64_t wait_ms, ss_batch **out, ss_error *err);

/* Publishes the outputs of `batch` (may be none) and its offsets in one transaction; see the results above. Batches
 * must be published in the order in which they were given. Always consumes the batch, except with SS_PUBLISH_REJECTED.
 * -1: no further transaction is possible (fenced by another live worker with the same instance, no broker for
 * recover_patience_ms, not allowed, SS_STOPPED); the batch is consumed and not committed. *err is also filled, as a
 * reason for the log, with SS_PUBLISH_DROPPED and SS_PUBLISH_REJECTED. */
int ss_exchange_publish(ss_exchange *exchange, ss_batch *batch, ss_output *outputs, size_t count,
                        ss_publish_result *result, ss_error *err);

/* Gives a batch back unpublished. Its messages come again (a rewind), as after an abort. */
void ss_exchange_discard(ss_exchange *exchange, ss_batch *batch);

/* Makes a publish or next that waits return SS_STOPPED soon, unless it can finish. A running commit is finished. Does
 * not block and is safe from any thread (not from a signal handler). */
void ss_exchange_stop(ss_exchange *exchange);

/* Leaves the group and frees everything. All batches must have been given back: -1 (SS_TIMEOUT, nothing freed) when
 * some are still out after timeout_ms. No other thread may be in next or publish any more. NULL is fine. */
int ss_exchange_close(ss_exchange *exchange, int64_t timeout_ms, ss_error *err);

/* 1 while a broker refuses the credentials, or its certificate is refused: *text (of `size` bytes) says why. Such a
 * broker is asked again every few seconds, so what is mended is noticed. Any thread. */
int ss_exchange_is_refused(ss_exchange *exchange, char *text, size_t size);

typedef struct ss_exchange_partition {
    char topic[250];
    int32_t partition;
    int64_t committed; /* next offset after the last commit of ours or the group's, -1 = unknown */
    int64_t high;      /* end of the partition for a read_committed reader, -1 = unknown */
    int64_t lag;       /* high - committed, -1 = unknown; a transaction marker counts as 1 */
} ss_exchange_partition;

typedef struct ss_exchange_stats {
    uint64_t messages; /* handed out, including those that came again */
    uint64_t batches;
    uint64_t committed, aborted, rejected, fenced, failed; /* transactions by result */
    uint64_t rebalances, lost, rewinds, producers;         /* producers: how many were made */
    size_t out;                                            /* batches out now */
    size_t partitions;                                     /* assigned now */
    int recovering;                                        /* 1: a new producer is being made */
    int64_t polled_ms;                                     /* ss_now_ms() of the last poll, for a liveness check */
} ss_exchange_stats;

/* Fills *stats and up to `cap` entries of `partitions` (may be NULL); returns how many entries were filled. Does no
 * network call. */
size_t ss_exchange_read_stats(ss_exchange *exchange, ss_exchange_stats *stats, ss_exchange_partition *partitions,
                              size_t cap);

#endif
