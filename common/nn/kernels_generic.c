/* kernels_generic.c - kernels for the compiler's baseline: SSE2 on x86-64, NEON on AArch64. */
#include "nn/kernels_sets.h"

#define LANES 4
#define TILE_ROWS 4
#define KERNELS ss_kernels_generic
#define KERNELS_NAME "generic"

#include "nn/kernels_body.h"
