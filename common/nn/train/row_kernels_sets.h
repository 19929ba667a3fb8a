/* row_kernels_sets.h - the sets that this build contains; private to row_kernels*.c. */
#ifndef SKILLSTREAM_NN_TRAIN_ROW_KERNELS_SETS_H
#define SKILLSTREAM_NN_TRAIN_ROW_KERNELS_SETS_H

#include "nn/train/row_kernels.h"

extern const ss_row_kernels ss_row_kernels_generic;
#if defined(__x86_64__)
extern const ss_row_kernels ss_row_kernels_avx2, ss_row_kernels_avx512;
#endif

#endif
