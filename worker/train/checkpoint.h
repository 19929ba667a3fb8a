/* checkpoint.h - a training as it stands, on disk: whole or not at all.
 *
 *   FOLDER/checkpoint            the newest
 *   FOLDER/checkpoint.previous   the one before
 * Written beside, synced, renamed; every section carries its checksum. Reading takes the newest that is whole and says
 * so when it had to take the older one. Chance is a function of seed and step (random.h, nn/train/dropout.h), and so is
 * the position in the data: the step is all that there is to remember of both.
 *
 * Numbers are little-endian, as the machine has them.
 */
#ifndef SKILLSTREAM_WORKER_TRAIN_CHECKPOINT_H
#define SKILLSTREAM_WORKER_TRAIN_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"

/* One step, or one validation. */
typedef struct ss_curve_point {
    float loss, accuracy, lr, norm;
} ss_curve_point;

typedef struct ss_curve_check {
    uint64_t step;
    double rp5, mrr; /* mean over the files, x 100 */
} ss_curve_check;

typedef struct ss_checkpoint {
    uint64_t layout; /* ss_train_model_layout */
    uint64_t step;   /* steps done; also the number of the next one */
    uint64_t pairs;  /* of the pair log that this training uses; 0 for files */
    char dataset[SS_SHA256_HEX + 1];
    const char *recipe; /* ss_recipe_text */
    const char *source; /* files, or positions in the topic */

    const float *values, *first, *second; /* (size) weights and moments */
    size_t size;
    const float *best; /* (size) weights of the best validation, or NULL */
    uint64_t best_step, since_best;
    double best_figure;

    const uint32_t *mined; /* hard negatives of the steps mined_from .. mined_to - 1 */
    size_t mined_count;
    uint64_t mined_from, mined_to;

    const ss_curve_point *curve; /* (step) */
    const ss_curve_check *checks;
    size_t check_count;

    ss_bytes file; /* of one that was read: everything above points into it */
} ss_checkpoint;

/* SS_IO names the reason (disk full ...); then the older checkpoints are as they were. */
int ss_checkpoint_write(const char *folder, const ss_checkpoint *checkpoint, ss_error *err);

/* 1: *out is filled, to be closed; 0: there is none; -1: there are some, but none is whole (SS_CORRUPT).
 * `note` (SS_ERROR_TEXT bytes) says what is wrong with the newest one when the older one was taken, else ""; the
 * damaged file is then called checkpoint.damaged. */
int ss_checkpoint_read(const char *folder, ss_checkpoint *out, char *note, ss_error *err);
void ss_checkpoint_close(ss_checkpoint *checkpoint);

/* Removes both; for a training that is finished. */
void ss_checkpoint_remove(const char *folder);

/* SS_IO when the disk has not the room for `copies` times `bytes`. A new training needs three (the newest, the older
 * one, the one being written), one that is resumed one more. */
int ss_checkpoint_check_room(const char *folder, size_t bytes, unsigned copies, ss_error *err);

#endif
