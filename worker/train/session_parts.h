/* session_parts.h - the inside of an ss_session; for session*.c only. */
#ifndef SKILLSTREAM_WORKER_TRAIN_SESSION_PARTS_H
#define SKILLSTREAM_WORKER_TRAIN_SESSION_PARTS_H

#include "nn/train/step.h"
#include "worker/train/batch.h"
#include "worker/train/plan.h"
#include "worker/train/session.h"

struct ss_session {
    const ss_session_options *options;
    const ss_recipe *recipe;
    ss_dataset *set;
    ss_dataset definitions; /* of the first stage; empty without one */
    char digest[SS_SHA256_HEX + 1];
    ss_buffer recipe_text;

    ss_pool *pool;
    ss_model_files *files;
    ss_train_model *model;
    ss_train_engine *engine;
    ss_adamw state; /* state.step: steps done */
    ss_batch_maker *maker;
    ss_train_step_options step_options;

    uint64_t steps, warm_up, first_stage_epochs;
    ss_epoch_plan plan; /* of the epoch `planned`, which begins at step plan_from */
    uint64_t planned, plan_from;

    uint32_t *mined;
    size_t mined_count;
    uint64_t mined_from, mined_to;

    ss_curve_point *curve; /* (steps) */
    ss_curve_check *checks;
    size_t check_count;
    float *best; /* (size), NULL unless keep_best and validated */
    uint64_t best_step, since_best;
    double best_figure;
    uint64_t written; /* step of the last checkpoint; UINT64_MAX = none */
};

void ss_session_say(const ss_session *session, ss_session_event event, const char *format, ...) SS_PRINTF(3, 4);

/* session_state.c: the state from and to disk. 1 / 0: resumed or not. */
int ss_session_resume(ss_session *session, ss_error *err);
int ss_session_save(ss_session *session, ss_error *err);
/* FOLDER/failed-batch.txt; fills *err with the step and the first pair. Returns -1. */
int ss_session_fail_batch(ss_session *session, const ss_dataset *set, const uint32_t *examples, size_t rows,
                          double loss, double norm, ss_error *err);

#endif
