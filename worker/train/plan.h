/* plan.h - which pairs make which step.
 *
 * A training is a row of epochs, each over one list of examples: first those of the first stage, then those of the
 * sentences. An epoch's order is a seeded shuffle, in which an example waits for the next batch when its skill is in
 * the present one already, so that no skill stands twice in a batch as long as others are left (what remains is masked
 * by the loss). An epoch over n examples has floor(n / batch) steps, one at least; which few are left out changes from
 * epoch to epoch. So the number of steps is known beforehand, and any epoch can be planned without the ones before.
 */
#ifndef SKILLSTREAM_WORKER_TRAIN_PLAN_H
#define SKILLSTREAM_WORKER_TRAIN_PLAN_H

#include "worker/train/dataset.h"

/* Example numbers in the order in which they are used: step s of the epoch has order[s * batch] .. */
typedef struct ss_epoch_plan {
    uint32_t *order; /* (steps * batch) */
    size_t steps, batch;
} ss_epoch_plan;

/* Steps of an epoch over n examples, and the size of its batches (n itself when it is smaller than `batch`). */
size_t ss_epoch_steps(size_t n, size_t batch);
size_t ss_epoch_batch(size_t n, size_t batch);

/* Plans epoch number `epoch` (counted over all stages). `examples` has at least one item. */
int ss_epoch_plan_make(const ss_examples *examples, size_t skills, size_t batch, uint64_t seed, uint64_t epoch,
                       ss_epoch_plan *out, ss_error *err);
void ss_epoch_plan_free(ss_epoch_plan *plan);

#endif
