/* trainer_state.h - what the trainer's threads share; internal to trainer.c, intake.c and learner.c.
 *
 *   intake    topic -> checked pairs -> log, synced -> dead letters and offsets in one transaction   intake.c
 *   learner   waits for enough new pairs, trains, judges, publishes                                  learner.c
 *   main      starts, waits for the signal, ends both                                                trainer.c
 *
 * The log belongs to the intake thread; the learner reads the committed part of its file. So a training never keeps the
 * consumer from polling, and the other way round.
 */
#ifndef SKILLSTREAM_WORKER_TRAIN_TRAINER_STATE_H
#define SKILLSTREAM_WORKER_TRAIN_TRAINER_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "base/shutdown.h"
#include "ops/health.h"
#include "ops/http_server.h"
#include "stream/kafka_exchange.h"
#include "worker/train/pair_log.h"
#include "worker/train/publish.h"
#include "worker/train/runs.h"
#include "worker/train/trainer_metrics.h"
#include "worker/train/trainer_settings.h"

typedef struct ss_trainer {
    const ss_trainer_settings *settings;
    const ss_log *log;
    ss_shutdown *shutdown;
    char program[64], instance[128];
    int instance_hold; /* descriptor, -1 = none */

    ss_trainer_metrics *metrics;
    ss_health *health;
    ss_http *http;
    ss_taxonomy *taxonomy;
    ss_publish_keys keys;
    ss_exchange *exchange;
    ss_pair_log *pairs;
    char *pairs_path;
    ss_runs runs; /* the learner's */

    pthread_t intake, learner;
    atomic_int taking; /* threads are started */
    int learning;
    atomic_int finishing; /* the learner is past the last checkpoint: what it does can be done again */
    atomic_int learner_done;

    pthread_mutex_t lock; /* of the two below */
    char positions[512];  /* of the log, as text */
    ss_error failure;     /* the first one that ends the trainer; status SS_OK = none */
} ss_trainer;

/* Remembers the first failure and asks everybody to stop. */
void ss_trainer_fail(ss_trainer *trainer, const ss_error *err);

int ss_intake_start(ss_trainer *trainer, ss_error *err);
void ss_intake_join(ss_trainer *trainer);

int ss_learner_start(ss_trainer *trainer, ss_error *err);
/* 1: ended; 0: it still works on something that can be done again, after wait_ms. */
int ss_learner_join(ss_trainer *trainer, int64_t wait_ms);

#endif
