/* trainer_settings.h - the option table of skillstream-trainer. */
#ifndef SKILLSTREAM_WORKER_TRAIN_TRAINER_SETTINGS_H
#define SKILLSTREAM_WORKER_TRAIN_TRAINER_SETTINGS_H

#include "worker/train/train_settings.h"

typedef struct ss_trainer_settings {
    ss_common_values common;
    ss_train_settings train;
    const char *bootstrap, *group, *instance, *in, *dead_letters, *state, *http;
    ss_strings kafka;
    uint64_t batch_pairs, train_after, keep_runs;
    int64_t linger, wait_broker, grace;
} ss_trainer_settings;

/* For main, `skillstream lint` and the reference page. */
const ss_command *ss_trainer_command(void);

/* Checks what the table cannot. */
int ss_trainer_settings_check(const ss_trainer_settings *settings, ss_error *err);

#endif
