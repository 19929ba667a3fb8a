/* snapshot.h - the model's present weights as an encoder like any other, to rank with while training. */
#ifndef SKILLSTREAM_WORKER_TRAIN_SNAPSHOT_H
#define SKILLSTREAM_WORKER_TRAIN_SNAPSHOT_H

#include "base/options.h"
#include "base/pool.h"
#include "match/taxonomy.h"
#include "nn/train/model.h"

/* RP@5 and MRR (x 100), mean over the files, by labels alone. `files`: the encoder's folder, from which everything but
 * the weights is taken. */
int ss_snapshot_evaluate(const ss_train_model *model, const ss_fileset *files, const ss_taxonomy *taxonomy,
                         const ss_strings *validate, ss_pool *pool, double *rp5, double *mrr, ss_error *err);

#endif
