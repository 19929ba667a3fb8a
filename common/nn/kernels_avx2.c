/* kernels_avx2.c - kernels for AVX2 and FMA: 16 registers hold 12 accumulators, two vectors of b and one of a. */
#if defined(__x86_64__)
#include "nn/kernels_sets.h"

#define LANES 8
#define TILE_ROWS 6
#define KERNELS ss_kernels_avx2
#define KERNELS_NAME "avx2"

#include "nn/kernels_body.h"
#else
typedef int ss_no_kernels_here; /* a translation unit must not be empty */
#endif
