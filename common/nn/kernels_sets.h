/* kernels_sets.h - the sets that this build contains; private to kernels.c and kernels_<cpu>.c. */
#ifndef SKILLSTREAM_NN_KERNELS_SETS_H
#define SKILLSTREAM_NN_KERNELS_SETS_H

#include "nn/kernels.h"

extern const ss_kernels ss_kernels_generic;
#if defined(__x86_64__)
extern const ss_kernels ss_kernels_avx2, ss_kernels_avx512;
#endif

#endif
