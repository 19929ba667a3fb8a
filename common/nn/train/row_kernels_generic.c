/* row_kernels_generic.c - row kernels for the compiler's baseline; register tiles as in nn/kernels_generic.c. */
#include "nn/train/row_kernels_sets.h"

#define LANES 4
#define STRIP_ROWS 4
#define ROW_KERNELS ss_row_kernels_generic
#define ROW_KERNELS_NAME "generic"

#include "nn/train/row_kernels_body.h"
