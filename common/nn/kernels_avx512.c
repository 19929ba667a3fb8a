/* kernels_avx512.c - kernels for AVX-512: 32 registers hold 24 accumulators, two vectors of b and one of a. */
#if defined(__x86_64__)
#include "nn/kernels_sets.h"

#define LANES 16
#define TILE_ROWS 12
#define KERNELS ss_kernels_avx512
#define KERNELS_NAME "avx512"

#include "nn/kernels_body.h"
#else
typedef int ss_no_kernels_here; /* a translation unit must not be empty */
#endif
