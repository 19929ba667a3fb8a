/* int8_kernels_avx512vnni.c - int8 kernels for AVX-512 with VNNI: 24 accumulators, as in fp32. */
#if defined(__x86_64__)
#include "nn/int8_kernels_sets.h"
#include "nn/lanes_avx512.h"

#define GROUP 4
#define KERNELS ss_floats_avx512
#define KERNELS_NAME "avx512"
#define INT8_KERNELS ss_int8_avx512vnni
#define INT8_NAME "avx512vnni"

typedef uint8_t cell;
typedef __m512i weights;
typedef int32_t sums_of_16 __attribute__((vector_size(64)));

static inline __attribute__((always_inline)) weights load_weights(const int8_t *from)
{
    return _mm512_loadu_si512(from);
}

static inline __attribute__((always_inline)) sums_of_16 add_products(sums_of_16 sums, int32_t values, weights w)
{
    return (sums_of_16)_mm512_dpbusd_epi32((__m512i)sums, _mm512_set1_epi32(values), w);
}

#include "nn/int8_kernels_body.h"
#else
typedef int ss_no_int8_kernels_here; /* a translation unit must not be empty */
#endif
