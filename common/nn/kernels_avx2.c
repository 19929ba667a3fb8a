/* kernels_avx2.c - fp32 kernels for AVX2 and FMA. */
#if defined(__x86_64__)
#include "nn/kernels_sets.h"
#include "nn/lanes_avx2.h"

#define KERNELS ss_kernels_avx2
#define KERNELS_NAME "avx2"

#include "nn/kernels_body.h"
#else
typedef int ss_no_kernels_here; /* a translation unit must not be empty */
#endif
