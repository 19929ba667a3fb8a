/* train_case.h - a training run as a JSON file describes it (make_train.py), and its batches as token ids. */
#ifndef SKILLSTREAM_TESTS_TRAIN_CASE_H
#define SKILLSTREAM_TESTS_TRAIN_CASE_H

#include <jansson.h>

#include "nn/train/step.h"

/* One batch, owned: sentences, then labels. */
typedef struct train_batch {
    int32_t *ids;
    uint32_t *starts;
    int32_t *labels; /* (B) equal texts have equal numbers */
    ss_train_texts texts;
    ss_contrastive_batch pairs;
} train_batch;

/* Batch number `step` of "batches": [[sentence, label], ...], cut to "max_len" tokens. 0, or -1 and *err. */
int train_batch_read(const json_t *run, size_t step, const ss_tokenizer *tokenizer, train_batch *batch, ss_error *err);
void train_batch_free(train_batch *batch);

/* Scale, AdamW and clipping as the file says; every parameter decays, as in the script. */
ss_train_step_options train_case_options(const json_t *run);

/* L2 norm of all weights of the model, with those that are not trained (the pooler), as torch sees them.
 *   others  sum of squares of the latter, by train_case_others */
double train_case_norm(ss_train_model *model, double others);
double train_case_others(const ss_fileset *files);

#endif
