/* kernels_avx512.c - fp32 kernels for AVX-512. */
#if defined(__x86_64__)
#include "nn/kernels_sets.h"
#include "nn/lanes_avx512.h"

#define KERNELS ss_kernels_avx512
#define KERNELS_NAME "avx512"

#include "nn/kernels_body.h"
#else
typedef int ss_no_kernels_here; /* a translation unit must not be empty */
#endif
