/* worker_state.h - what the worker's threads share; internal to worker.c, pipeline.c and follow.c.
 *
 *   poller      ss_exchange_next -> batches          } pipeline.c
 *   compute     batches -> outputs                   }
 *   publisher   outputs -> Kafka transaction         }
 *   follower    Redis -> the next extractor            follow.c
 *   main        starts, waits for the signal, drains   worker.c
 *
 * Ownership goes with the job through the queues free -> compute -> publish -> free. The extractor belongs to the
 * compute thread; the follower leaves a new one in `next` and the compute thread takes it between two batches.
 */
#ifndef SKILLSTREAM_WORKER_EXTRACT_WORKER_STATE_H
#define SKILLSTREAM_WORKER_EXTRACT_WORKER_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "base/pool.h"
#include "base/queue.h"
#include "base/shutdown.h"
#include "base/signature.h"
#include "ops/health.h"
#include "ops/http_server.h"
#include "stream/kafka_exchange.h"
#include "stream/redis_client.h"
#include "stream/sentence_cache.h"
#include "worker/extract/extractor.h"
#include "worker/extract/job.h"
#include "worker/extract/timeline.h"
#include "worker/extract/worker_metrics.h"
#include "worker/extract/worker_settings.h"

/* One computing, one committing, one read ahead. */
enum { SS_WORKER_JOBS = 3 };

typedef struct ss_worker {
    const ss_worker_settings *settings;
    const ss_log *log;
    ss_shutdown *shutdown;
    char digest[SS_SHA256_HEX + 1]; /* of the options */
    char program[64], instance[128];
    int instance_hold; /* descriptor, -1 = none */
    ss_extract_options extract;
    ss_job_rules rules;

    ss_worker_metrics *metrics;
    ss_health *health;
    ss_http *http;
    ss_pool *pool;
    ss_trusted_keys *trusted; /* NULL: any release will do */
    ss_cache *cache;
    ss_exchange *exchange;
    ss_extractor *extractor;      /* the compute thread's, once it runs */
    _Atomic(ss_extractor *) next; /* from the follower */

    ss_job jobs[SS_WORKER_JOBS];
    ss_queue *idle, *to_compute, *to_publish;
    ss_timeline timeline;
    pthread_t poller, computer, publisher, follower;
    atomic_int running; /* the pipeline's threads are started */
    int following;      /* so is the follower */

    pthread_mutex_t lock; /* of failure */
    ss_error failure;     /* the first one that ends the worker; status SS_OK = none */
} ss_worker;

/* Remembers the first failure and asks everybody to stop. */
void ss_worker_fail(ss_worker *worker, const ss_error *err);

/* Starts the three pipeline threads. */
int ss_pipeline_start(ss_worker *worker, ss_error *err);
/* Waits until what is in the pipeline is published or given back. The poller ends when a shutdown is asked for. */
void ss_pipeline_join(ss_worker *worker);

/* The first release: the file, or the one in use in Redis; waits (not ready) until there is one or a shutdown. */
ss_release *ss_first_release(ss_worker *worker, ss_error *err);
/* The thread that watches Redis for another release. */
int ss_follow_start(ss_worker *worker, ss_error *err);
void ss_follow_join(ss_worker *worker);

#endif
