/* pair_log.h - the trainer's memory of the stream: pairs in the order they came, appended and never changed.
 *
 *   8 bytes    magic "SSPAIRS1"
 *   records    length (4 bytes, of the content), kind (4), XXH3 of kind and content (8), content
 *     kind 1   a pair: TrainingPair bytes
 *     kind 2   the end of a batch: a position per partition, "topic\0" partition (4) next offset (8) each
 * Numbers are little-endian.
 *
 * Exactly once: the pairs of a batch and the positions behind it are written and synced together, before the consumer
 * group hears of it; only what stands before a whole batch end counts. Opening cuts off what is behind the last one (a
 * kill -9 or a power cut in the middle of a write). A pair that comes again, after a crash between the two or from a
 * topic that was made anew, is known by its id and ignored.
 *
 * A record that fails its checksum in front of a whole one is no torn write: SS_CORRUPT, naming the place; nothing is
 * cut. One process at a time: the file is locked.
 *
 * One thread, except ss_pair_log_pairs.
 */
#ifndef SKILLSTREAM_WORKER_TRAIN_PAIR_LOG_H
#define SKILLSTREAM_WORKER_TRAIN_PAIR_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"
#include "stream/pair.h"

typedef struct ss_pair_log ss_pair_log;

/* Opens or makes the file; *cut is set to the bytes that were cut off. SS_CORRUPT as above; SS_INPUT: not a pair log,
 * or in use by another process. */
ss_pair_log *ss_pair_log_open(const char *path, size_t *cut, ss_error *err);
void ss_pair_log_close(ss_pair_log *log);

/* The offset behind the last message of the partition that is in the log, -1 when it knows none. */
int64_t ss_pair_log_position(const ss_pair_log *log, const char *topic, int32_t partition);

/* Adds a pair to the batch being made. 1: added; 0: its id is in the log already; -1: memory is out. */
int ss_pair_log_add(ss_pair_log *log, const ss_pair *pair, ss_hash128 id, ss_error *err);

/* Says that this batch goes up to offset `next` of the partition. */
int ss_pair_log_move(ss_pair_log *log, const char *topic, int32_t partition, int64_t next, ss_error *err);

/* Writes and syncs the batch. After -1 (disk full ...) the file is as it was before and the batch is dropped; calling
 * with a new batch may succeed later. */
int ss_pair_log_commit(ss_pair_log *log, ss_error *err);

/* Drops the batch. */
void ss_pair_log_abandon(ss_pair_log *log);

/* Pairs in the log, committed; any thread. */
size_t ss_pair_log_pairs(const ss_pair_log *log);

/* "topic/partition:next,..." of what is committed, for checkpoints and manifests; out holds `size` bytes. */
void ss_pair_log_positions_text(const ss_pair_log *log, char *out, size_t size);

/* The first `most` committed pairs of a log file, in order; needs no lock (the file only grows). Non-zero from `each`
 * stops. */
typedef int ss_pair_log_each(void *ctx, const ss_pair *pair, ss_error *err);
int ss_pair_log_read(const char *path, size_t most, ss_pair_log_each *each, void *ctx, ss_error *err);

/* 1 if the bytes are the beginning of such a file. */
int ss_pair_log_is_log(const void *head, size_t len);

#endif
