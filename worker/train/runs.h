/* runs.h - the trainings of a state folder: STATE/run-000001, run-000002, ...
 *
 * run.json is written when a training begins and says with how many pairs of the log; result.json (run.h) when it is
 * finished. So the newest folder without result.json is what has to be gone on with after a restart.
 */
#ifndef SKILLSTREAM_WORKER_TRAIN_RUNS_H
#define SKILLSTREAM_WORKER_TRAIN_RUNS_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct ss_run_place {
    char folder[PATH_MAX];
    uint64_t pairs;   /* of the log */
    char source[512]; /* positions in the topic */
} ss_run_place;

typedef struct ss_runs {
    uint64_t trained;     /* pairs of the log that the newest finished training knew; 0 = none */
    int unfinished;       /* 1: `current` is to be gone on with */
    ss_run_place current; /* the newest, finished or not */
    unsigned number;      /* its number, 0 = there is none */
    int unpublished;      /* 1: the newest finished one is better and was not published */
} ss_runs;

int ss_runs_read(const char *state, ss_runs *out, ss_error *err);

/* Makes the next folder, with run.json. */
int ss_runs_begin(const char *state, ss_runs *runs, uint64_t pairs, const char *source, ss_error *err);

/* Ends the current one as failed: result.json with the reason, so that it is not tried again with the same pairs. */
int ss_runs_fail(ss_runs *runs, const char *why, ss_error *err);

/* Removes the folders of all but the newest `keep` trainings (at least one stays). Best effort: what cannot be removed
 * now is tried again after the next training. */
void ss_runs_prune(const char *state, const ss_runs *runs, uint64_t keep);

/* result.json of the current one says from now on that its release is published. */
int ss_runs_published(ss_runs *runs, ss_error *err);

#endif
