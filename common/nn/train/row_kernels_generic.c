/* row_kernels_generic.c - the set "generic"; see row_kernels_body.h. */
#include "nn/train/row_kernels_sets.h"
