/* load.h - pairs into a dataset, from files or one by one. */
#ifndef SKILLSTREAM_WORKER_TRAIN_LOAD_H
#define SKILLSTREAM_WORKER_TRAIN_LOAD_H

#include <stdio.h>

#include "base/options.h"
#include "worker/train/dataset.h"
#include "worker/train/pair_file.h"
#include "worker/train/recipe.h"

/* Checks a pair and adds it, unless its kind has weight 0. 0: taken (or known already); 1: refused, *fault says why;
 * -1: memory is out. */
int ss_load_pair(ss_dataset *set, const ss_recipe *recipe, const ss_pair *pair, ss_pair_fault *fault, ss_error *err);

typedef struct ss_load_report {
    size_t read, refused;
} ss_load_report;

/* All files, in order. Each refused line goes to `refused` (NULL: nowhere) as FILE:LINE, reason and text, separated by
 * tabs; what is no pair at all has the reason bad-line. */
int ss_load_files(ss_dataset *set, const ss_recipe *recipe, const ss_strings *files, FILE *refused,
                  ss_pair_file_progress *progress, void *ctx, ss_load_report *report, ss_error *err);

#endif
