/* session.h - one training: from an encoder and a dataset to better weights.
 *
 * The run is a function of encoder, dataset, recipe and taxonomy: whatever is killed when, with any number of threads,
 * resumed from its checkpoints it ends with the same weights, bit for bit (on the same kind of CPU).
 *
 * ss_session_run ends
 *   0            all steps are done, the last checkpoint is written
 *   SS_STOPPED   hooks->stop said so; a checkpoint is written
 *   SS_INPUT     loss or gradient are not finite; the checkpoint holds the state before that step
 *   SS_IO        the last checkpoint could not be written
 * With SS_INPUT the error names the step and a skill of its batch, which is in FOLDER/failed-batch.txt. A checkpoint in
 * between that cannot be written is told (hooks->say) and tried again after the next step: the training goes on.
 *
 * One thread; the pool works inside the calls.
 */
#ifndef SKILLSTREAM_WORKER_TRAIN_SESSION_H
#define SKILLSTREAM_WORKER_TRAIN_SESSION_H

#include "base/options.h"
#include "base/pool.h"
#include "nn/train/model.h"
#include "worker/train/checkpoint.h"
#include "worker/train/dataset.h"
#include "worker/train/recipe.h"

typedef struct ss_session ss_session;

typedef struct ss_session_step {
    uint64_t step, steps; /* done, in all */
    size_t pairs;         /* of this step */
    size_t tokens;
    const char *stage; /* "definitions" or "sentences" */
    ss_curve_point point;
    double seconds;
} ss_session_step;

typedef enum ss_session_event {
    SS_SESSION_RESUMED,    /* from a checkpoint */
    SS_SESSION_CHECKPOINT, /* written */
    SS_SESSION_CHECKED,    /* validated while training */
    SS_SESSION_ENDED_EARLY,
    SS_SESSION_TROUBLE /* something went wrong that does not end the training */
} ss_session_event;

/* All may be NULL. */
typedef struct ss_session_hooks {
    void *ctx;
    int (*stop)(void *ctx); /* 1: end after this step */
    void (*step)(void *ctx, const ss_session_step *step);
    void (*say)(void *ctx, ss_session_event event, const char *text);
    void (*busy)(void *ctx, const char *what); /* begins something that takes a while: "hard negatives" ... */
} ss_session_hooks;

typedef struct ss_session_options {
    const ss_recipe *recipe;
    const char *encoder_dir;
    const char *folder; /* exists; checkpoints go here */
    const char *source; /* where the pairs come from, for the checkpoint */
    uint64_t pairs;     /* of the pair log; 0 for files */
    const ss_strings *validate;
    int resume; /* 1: go on from a checkpoint if there is one; 0: there must be none (SS_USAGE) */
    ss_session_hooks hooks;
} ss_session_options;

/* Borrows options, dataset (whose digest it takes: nothing can be added afterwards) and pool. SS_CONFIG: the checkpoint
 * belongs to other options or data. SS_INPUT: nothing to train on. */
ss_session *ss_session_open(const ss_session_options *options, ss_dataset *set, ss_pool *pool, ss_error *err);
void ss_session_close(ss_session *session);

int ss_session_run(ss_session *session, ss_error *err);

uint64_t ss_session_done(const ss_session *session);       /* steps done */
uint64_t ss_session_steps(const ss_session *session);      /* in all */
const char *ss_session_dataset(const ss_session *session); /* digest */
const ss_curve_point *ss_session_curve(const ss_session *session, size_t *count);
const ss_curve_check *ss_session_checks(const ss_session *session, size_t *count);
uint64_t ss_session_best_step(const ss_session *session); /* whose weights are kept; 0: the last ones */

/* Writes the encoder as a sentence-transformers folder, with the best weights if the recipe wants them; the digest is
 * the SHA-256 of its model.safetensors. */
int ss_session_export(ss_session *session, const char *to, char digest[SS_SHA256_HEX + 1], ss_error *err);

#endif
