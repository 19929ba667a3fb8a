/* row_kernels_avx2.c - row kernels for AVX2 and FMA; register tiles as in nn/kernels_avx2.c. */
#if defined(__x86_64__)
#include "nn/train/row_kernels_sets.h"

#define LANES 8
#define STRIP_ROWS 6
#define ROW_KERNELS ss_row_kernels_avx2
#define ROW_KERNELS_NAME "avx2"

#include "nn/train/row_kernels_body.h"
#else
typedef int ss_no_row_kernels_here; /* a translation unit must not be empty */
#endif
