/* row_kernels_avx512.c - the set "avx512"; see row_kernels_body.h. */
#include "nn/train/row_kernels_sets.h"
