/* row_kernels.c - which set goes with one of nn/kernels.h; see row_kernels.h. */
#include "nn/train/row_kernels.h"

#include <string.h>

#include "nn/train/row_kernels_sets.h"

const ss_row_kernels *ss_row_kernels_for(const ss_kernels *kernels)
{
#if defined(__x86_64__)
    if (strcmp(kernels->name, "avx512") == 0) return &ss_row_kernels_avx512;
    if (strcmp(kernels->name, "avx2") == 0) return &ss_row_kernels_avx2;
#endif
    return &ss_row_kernels_generic;
}
