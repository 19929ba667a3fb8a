/* lanes_avx2.h - what kernels_body.h cannot say in plain C, for AVX2 and FMA; see there. */
#include <immintrin.h>

#define LANES 8
#define TILE_ROWS 6 /* 16 registers hold 12 accumulators, two vectors of b and one of a */

#define MASK_OF(n) _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
#define LARGER(a, b) ((vec)_mm256_max_ps((__m256)(a), (__m256)(b)))
#define SMALLER(a, b) ((vec)_mm256_min_ps((__m256)(a), (__m256)(b)))
#define FUSED(a, b, c) ((vec)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define LOAD_SOME(from, n, fill)                                                                                       \
    ((vec)_mm256_blendv_ps(_mm256_set1_ps(fill), _mm256_maskload_ps((from), MASK_OF(n)), (__m256)MASK_OF(n)))
#define STORE_SOME(to, v, n) _mm256_maskstore_ps((to), MASK_OF(n), (__m256)(v))

static inline __attribute__((always_inline)) float largest_of_8(__m256 v)
{
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    four = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
}
#define LARGEST(v) largest_of_8((__m256)(v))
