/* int8_kernels_avx2.c - int8 kernels for AVX2 without VNNI. vpmaddubsw would saturate, so values are kept as 16-bit
 * numbers and weights are widened when they are read: vpmaddwd is exact. */
#if defined(__x86_64__)
#include "nn/int8_kernels_sets.h"
#include "nn/lanes_avx2.h"

#define GROUP 2
#define KERNELS ss_floats_avx2
#define KERNELS_NAME "avx2"
#define INT8_KERNELS ss_int8_avx2
#define INT8_NAME "avx2"

typedef int16_t cell;
typedef __m256i weights;
typedef int32_t sums_of_8 __attribute__((vector_size(32)));

static inline __attribute__((always_inline)) weights load_weights(const int8_t *from)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)from));
}

static inline __attribute__((always_inline)) sums_of_8 add_products(sums_of_8 sums, int32_t values, weights w)
{
    return sums + (sums_of_8)_mm256_madd_epi16(_mm256_set1_epi32(values), w);
}

#include "nn/int8_kernels_body.h"
#else
typedef int ss_no_int8_kernels_here; /* a translation unit must not be empty */
#endif
