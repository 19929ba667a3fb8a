/* pool.h - a few compute threads that run numbered pieces of one job.
 *
 * The heavy work (micro-batches of tokens, rows of a matrix) is cut into pieces
 * that do not depend on each other; ss_pool_run hands piece numbers out to the
 * threads until all are done. The calling thread takes part as thread 0, so a
 * pool of one thread has no thread of its own and costs nothing. Results must
 * not depend on which thread runs which piece.
 *
 * One job at a time: ss_pool_run must not be called from two threads at once.
 */
#ifndef SKILLSTREAM_BASE_POOL_H
#define SKILLSTREAM_BASE_POOL_H

#include <stddef.h>

#include "base/error.h"

typedef struct ss_pool ss_pool;

/* Runs piece `piece` on thread `thread` (0 .. threads-1). A non-zero result stops the handing out of further pieces. */
typedef int ss_piece_fn(void *job, size_t thread, size_t piece);

/* threads 0 = one per processor that this process may use. */
ss_pool *ss_pool_new(size_t threads, ss_error *err);
size_t ss_pool_threads(const ss_pool *pool);

/* Runs pieces 0 .. pieces-1 and returns when all are done: 0, or the first non-zero result. */
int ss_pool_run(ss_pool *pool, size_t pieces, ss_piece_fn *run, void *job);

void ss_pool_free(ss_pool *pool);

/* Processors that this process may use (affinity mask and cgroup quota), at least 1. */
size_t ss_cpu_count(void);

#endif
