/* int8_kernels_generic.c - int8 kernels in plain C, for every other CPU; and what all others are compared with. */
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

#include "nn/int8_kernels_body.h"
