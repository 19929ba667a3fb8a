/* train_projections.h - gradients compared with those in a run's file, of which only products with vectors of signs are
 * stored; make_train.py says how.
 */
#ifndef SKILLSTREAM_TESTS_TRAIN_PROJECTIONS_H
#define SKILLSTREAM_TESTS_TRAIN_PROJECTIONS_H

#include <jansson.h>

#include "nn/train/model.h"

/* Compares the model's gradients with `wanted` ("gradients" of the file), tensor by tensor: the estimated distance to
 * torch's gradient over its norm. Prints the largest; returns how many tensors are further away than `limit`, or are
 * not in the file. Of key biases, which softmax does not see, both gradients are rounding only; a tensor with less
 * than a millionth of the whole gradient's norm has to be that small on our side too, no more. */
size_t train_projections_check(ss_train_model *model, const json_t *wanted, double whole, double limit);

#endif
