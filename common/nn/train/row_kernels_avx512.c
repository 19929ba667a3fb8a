/* row_kernels_avx512.c - row kernels for AVX-512; register tiles as in nn/kernels_avx512.c. */
#if defined(__x86_64__)
#include "nn/train/row_kernels_sets.h"

#define LANES 16
#define STRIP_ROWS 12
#define ROW_KERNELS ss_row_kernels_avx512
#define ROW_KERNELS_NAME "avx512"

#include "nn/train/row_kernels_body.h"
#else
typedef int ss_no_row_kernels_here; /* a translation unit must not be empty */
#endif
