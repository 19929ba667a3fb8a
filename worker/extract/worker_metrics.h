/* worker_metrics.h - what the worker counts; names are promised in the table of metrics of this folder's README. */
#ifndef SKILLSTREAM_WORKER_EXTRACT_WORKER_METRICS_H
#define SKILLSTREAM_WORKER_EXTRACT_WORKER_METRICS_H

#include "base/error.h"
#include "match/release.h"
#include "ops/metrics.h"
#include "stream/kafka_exchange.h"
#include "stream/sentence_cache.h"
#include "worker/extract/job.h"
#include "worker/extract/timeline.h"

typedef struct ss_worker_metrics ss_worker_metrics;

ss_worker_metrics *ss_worker_metrics_new(ss_error *err);
void ss_worker_metrics_free(ss_worker_metrics *metrics);
ss_metrics *ss_worker_metrics_registry(ss_worker_metrics *metrics);

/* What is asked at each rendering: the cache, if there is one, from the start; the rest from when there is a broker. */
void ss_worker_metrics_watch_cache(ss_worker_metrics *metrics, const ss_cache *cache);
void ss_worker_metrics_watch(ss_worker_metrics *metrics, ss_exchange *exchange, ss_timeline *timeline);

void ss_worker_metrics_computed(ss_worker_metrics *metrics, const ss_job *job);
/* Counts records, mentions and dead letters only when they are committed. */
void ss_worker_metrics_published(ss_worker_metrics *metrics, const ss_job *job, ss_publish_result result,
                                 double seconds);
void ss_worker_metrics_release(ss_worker_metrics *metrics, const ss_release *release);
void ss_worker_metrics_swap_failed(ss_worker_metrics *metrics);

#endif
