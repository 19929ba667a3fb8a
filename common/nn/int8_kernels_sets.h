/* int8_kernels_sets.h - the int8 sets that this build contains; private to int8_kernels.c and int8_kernels_<cpu>.c. */
#ifndef SKILLSTREAM_NN_INT8_KERNELS_SETS_H
#define SKILLSTREAM_NN_INT8_KERNELS_SETS_H

#include "nn/int8_kernels.h"

extern const ss_int8_kernels ss_int8_generic;
#if defined(__x86_64__)
extern const ss_int8_kernels ss_int8_avx2, ss_int8_avx512vnni;
#endif
#if defined(SS_HAVE_AVXVNNI)
extern const ss_int8_kernels ss_int8_avxvnni;
#endif

#endif
