/* int8_kernels_avxvnni.c - int8 kernels for AVX-VNNI: the same instruction on 256 bits, 12 accumulators. */
#if defined(SS_HAVE_AVXVNNI)
#include "nn/int8_kernels_sets.h"
#include "nn/lanes_avx2.h"

#define GROUP 4
#define KERNELS ss_floats_avxvnni
#define KERNELS_NAME "avx2"
#define INT8_KERNELS ss_int8_avxvnni
#define INT8_NAME "avxvnni"

typedef uint8_t cell;
typedef __m256i weights;
typedef int32_t sums_of_8 __attribute__((vector_size(32)));

static inline __attribute__((always_inline)) weights load_weights(const int8_t *from)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)from);
}

static inline __attribute__((always_inline)) sums_of_8 add_products(sums_of_8 sums, int32_t values, weights w)
{
    return (sums_of_8)_mm256_dpbusd_avx_epi32((__m256i)sums, _mm256_set1_epi32(values), w);
}

#include "nn/int8_kernels_body.h"
#else
typedef int ss_no_int8_kernels_here; /* a translation unit must not be empty */
#endif
