/* trainer_metrics.h - what the trainer counts. */
#ifndef SKILLSTREAM_WORKER_TRAIN_TRAINER_METRICS_H
#define SKILLSTREAM_WORKER_TRAIN_TRAINER_METRICS_H

#include "ops/metrics.h"
#include "stream/kafka_exchange.h"
#include "worker/train/run.h"

typedef struct ss_trainer_metrics ss_trainer_metrics;

ss_trainer_metrics *ss_trainer_metrics_new(ss_error *err);
void ss_trainer_metrics_free(ss_trainer_metrics *metrics);
ss_metrics *ss_trainer_metrics_registry(ss_trainer_metrics *metrics);
/* Asked for its lag at each rendering; set before serving anything else. */
void ss_trainer_metrics_watch(ss_trainer_metrics *metrics, ss_exchange *exchange);

/* One batch of messages; `log_pairs` is what the log holds now. */
void ss_trainer_metrics_batch(ss_trainer_metrics *metrics, size_t messages, size_t appended, size_t repeated,
                              size_t log_pairs);
void ss_trainer_metrics_dead_letter(ss_trainer_metrics *metrics, const char *reason);

void ss_trainer_metrics_running(ss_trainer_metrics *metrics, int running);
void ss_trainer_metrics_step(ss_trainer_metrics *metrics, const ss_session_step *step);
void ss_trainer_metrics_checkpoint(ss_trainer_metrics *metrics);
/* result: "published", "kept", "failed" */
void ss_trainer_metrics_training(ss_trainer_metrics *metrics, const char *result, const ss_outcome *outcome);

#endif
