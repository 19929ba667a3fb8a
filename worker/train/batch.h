/* batch.h - one step's texts as token ids, and who is whose positive.
 *
 * Rows are the sentences of the step's pairs, each perhaps joined with a partner. Columns are texts of skills, each
 * skill at most once unless two rows of the batch share it: first the rows' own skills, row by row; then those of the
 * partners; then the hard negatives. What is chosen by chance depends on (seed, step) alone. Pairs out of the taxonomy
 * (first stage) are never joined, and their skill is always shown by its label.
 *
 * Memory is taken when the batch is made and used again from step to step. One thread.
 */
#ifndef SKILLSTREAM_WORKER_TRAIN_BATCH_H
#define SKILLSTREAM_WORKER_TRAIN_BATCH_H

#include "nn/embed.h"
#include "nn/train/contrastive.h"
#include "nn/train/engine.h"
#include "text/tokenizer.h"
#include "worker/train/dataset.h"
#include "worker/train/recipe.h"

typedef struct ss_batch_maker ss_batch_maker;

typedef struct ss_training_batch {
    ss_train_texts texts; /* rows, then columns */
    ss_contrastive_batch labels;
    const uint32_t *examples; /* (labels.pairs) the plan's */
} ss_training_batch;

/* Borrows everything. */
ss_batch_maker *ss_batch_maker_new(const ss_recipe *recipe, const ss_model_config *config,
                                   const ss_tokenizer *tokenizer, const ss_taxonomy *taxonomy, ss_error *err);
void ss_batch_maker_free(ss_batch_maker *maker);

/* The batch of step `step` out of `set`.
 *   definitions  1: `set` holds pairs out of the taxonomy
 *   examples   (rows) numbers in set->pairs
 *   negatives  (rows, recipe->hard_negatives) skills or SS_NO_SKILL; NULL: none
 * *out is valid until the next call. -1 only when memory is out. */
int ss_batch_make(ss_batch_maker *maker, const ss_dataset *set, int definitions, const uint32_t *examples, size_t rows,
                  const uint32_t *negatives, uint64_t step, ss_training_batch *out, ss_error *err);

/* Plain texts as token ids, cut in the same way; for mining and checks. *out is valid until the next call. */
int ss_batch_texts(ss_batch_maker *maker, const ss_string_view *texts, size_t count, ss_train_texts *out,
                   ss_error *err);

#endif
