/* run.h - a whole training, from pairs to a verdict: what `skillstream train` and the trainer have in common.
 *
 *   FOLDER/checkpoint      and checkpoint.previous, while it is not finished
 *   FOLDER/encoder/        the trained encoder in sentence-transformers layout
 *   FOLDER/model.release   encoder, skill matrix, taxonomy, thresholds, gate; its notes say how it came about
 *   FOLDER/report.html     loss curve, figures before and after
 *   FOLDER/result.json     the outcome; written last: a folder that has it is finished
 *   FOLDER/held-out.csv    with hold-out: the validation set of its own
 *   FOLDER/gate.csv        what the gate was fitted on, if these were the training's own sentences
 *
 * "Before" is the release in use in Redis where there is one, else the encoder that the training began with, its skills
 * embedded in the same way. A release that is better is published if a Redis is given; one that is not stays here.
 */
#ifndef SKILLSTREAM_WORKER_TRAIN_RUN_H
#define SKILLSTREAM_WORKER_TRAIN_RUN_H

#include "match/index.h"
#include "worker/train/publish.h"
#include "worker/train/session.h"
#include "worker/train/verdict.h"

typedef struct ss_run_options {
    const ss_recipe *recipe;
    const char *encoder_dir, *taxonomy_path, *taxonomy_name, *taxonomy_version; /* the last two as ss_index_options */
    const char *folder;                                                         /* made if need be */
    const ss_strings *validate;
    const char *redis;         /* URL, or NULL */
    int64_t redis_patience_ms; /* how long a Redis that is away is waited for */
    const ss_publish_keys *keys;
    const char *source; /* where the pairs come from, for people */
    uint64_t pairs;     /* of the pair log; 0 for files */
    int resume;
    const char *program;
    ss_session_hooks hooks;
    ss_index_progress *index_progress; /* with hooks.ctx; NULL = none */
} ss_run_options;

/* One validation file, for tables. */
typedef struct ss_outcome_set {
    char name[64];
    ss_evaluation before, after;
} ss_outcome_set;

enum { SS_OUTCOME_SETS = 16 };

typedef struct ss_outcome {
    char weights[SS_SHA256_HEX + 1]; /* SHA-256 of encoder/model.safetensors */
    char release[SS_SHA256_HEX + 1];
    char dataset[SS_SHA256_HEX + 1];
    uint64_t steps, best_step;
    double first_loss, last_loss; /* means of the first and last tenth of the curve */
    ss_verdict verdict;
    ss_outcome_set sets[SS_OUTCOME_SETS]; /* of the first files */
    size_t set_count;
    int published;
    char why[SS_ERROR_TEXT]; /* of being published or not, for people */
} ss_outcome;

/* `set` is filled; its taxonomy is the one at taxonomy_path. Errors: as ss_session_run, ss_index_build. A Redis that is
 * away at the end is none: then the outcome is better and not published. */
int ss_run(const ss_run_options *options, ss_dataset *set, ss_outcome *outcome, ss_error *err);

/* Reads the validation, calibration and gate files, so that a wrong one is told at once. */
int ss_run_check_inputs(const ss_recipe *recipe, const ss_strings *validate, const ss_taxonomy *taxonomy,
                        ss_error *err);

/* FOLDER/NAME in malloc'ed memory; NULL with *err when memory is out. */
char *ss_run_path(const char *folder, const char *name, ss_error *err);

#endif
