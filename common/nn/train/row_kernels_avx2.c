/* row_kernels_avx2.c - the set "avx2"; see row_kernels_body.h. */
#include "nn/train/row_kernels_sets.h"
