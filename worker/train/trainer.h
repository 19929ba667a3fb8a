/* trainer.h - skillstream-trainer, from start to orderly end. */
#ifndef SKILLSTREAM_WORKER_TRAIN_TRAINER_H
#define SKILLSTREAM_WORKER_TRAIN_TRAINER_H

#include "base/log.h"
#include "base/shutdown.h"
#include "worker/train/trainer_settings.h"

/* Runs until a shutdown is asked for (0; SS_STOPPED when that was while starting) or something ends it for good. *hurry
 * is set when a thread is still at work on something that can be done again: then the process must end by _exit. */
int ss_trainer_run(const ss_trainer_settings *settings, const ss_log *log, ss_shutdown *shutdown, int *hurry,
                   ss_error *err);

#endif
