/* int8_kernels_generic.c - int8 kernels in plain C, for every other CPU; and what all others are compared with. */
#include <math.h>
#include <string.h>

#include "nn/int8_kernels_sets.h"

#define LANES 4
#define TILE_ROWS 4
#define GROUP 4
#define KERNELS ss_floats_generic
#define KERNELS_NAME "generic"
#define INT8_KERNELS ss_int8_generic
#define INT8_NAME "generic"

typedef uint8_t cell;
typedef struct weights {
    int8_t column[LANES][GROUP];
} weights;
typedef float floats_of_4 __attribute__((vector_size(16)));
typedef int32_t sums_of_4 __attribute__((vector_size(16)));

static inline __attribute__((always_inline)) weights load_weights(const int8_t *from)
{
    weights w;
    memcpy(&w, from, sizeof w);
    return w;
}

static inline __attribute__((always_inline)) sums_of_4 add_products(sums_of_4 sums, int32_t values, weights w)
{
    uint8_t value[GROUP];
    memcpy(value, &values, sizeof value);
    for (size_t j = 0; j < LANES; j++)
        for (size_t g = 0; g < GROUP; g++) sums[j] += value[g] * w.column[j][g];
    return sums;
}

/* The other sets have an instruction for it; so has this one on AArch64, elsewhere it is a function of the C library.
 */
static inline __attribute__((always_inline)) floats_of_4 fused(floats_of_4 a, floats_of_4 b, floats_of_4 c)
{
    for (size_t i = 0; i < LANES; i++) c[i] = fmaf(a[i], b[i], c[i]);
    return c;
}
#define FUSED(a, b, c) fused(a, b, c)

#include "nn/int8_kernels_body.h"
