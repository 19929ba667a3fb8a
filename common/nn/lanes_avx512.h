/* lanes_avx512.h - what kernels_body.h cannot say in plain C, for AVX-512; see there. */
#include <immintrin.h>

#define LANES 16
#define TILE_ROWS 12 /* 32 registers hold 24 accumulators, two vectors of b and one of a */

#define MASK_OF(n) ((__mmask16)((1u << (n)) - 1u))
#define LARGER(a, b) ((vec)_mm512_max_ps((__m512)(a), (__m512)(b)))
#define SMALLER(a, b) ((vec)_mm512_min_ps((__m512)(a), (__m512)(b)))
#define FUSED(a, b, c) ((vec)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define LOAD_SOME(from, n, fill) ((vec)_mm512_mask_loadu_ps(_mm512_set1_ps(fill), MASK_OF(n), (from)))
#define STORE_SOME(to, v, n) _mm512_mask_storeu_ps((to), MASK_OF(n), (__m512)(v))
#define LARGEST(v) _mm512_reduce_max_ps((__m512)(v))
