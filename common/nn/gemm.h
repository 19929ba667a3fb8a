/* gemm.h - linear layers: x W^T + b, with the weights prepared once for the CPU at hand.
 *
 * Two engines. Ours cuts W into panels that lie in memory in the order in which the register tile reads them, and
 * applies bias and activation to each block while it is in the cache. Measured against OpenBLAS's sgemm (see
 * README.md): 10 % faster for the whole encoder, the same bits for a row whatever rows stand beside it, and no
 * dependence on OpenBLAS's guess about the CPU. OpenBLAS stands in where we have no kernels with wide vectors (other
 * CPUs than x86-64 with AVX2).
 *
 * A third, int8, is in int8_gemm.h; an ss_engine says which one an encoder uses.
 *
 * Immutable after ss_linear_init; ss_linear_run is a pure function, any thread.
 */
#ifndef SKILLSTREAM_NN_GEMM_H
#define SKILLSTREAM_NN_GEMM_H

#include <stddef.h>

#include "base/error.h"
#include "nn/kernels.h"
#include "nn/precision.h"

struct ss_int8_kernels; /* int8_kernels.h */

typedef struct ss_engine {
    const ss_kernels *kernels; /* for everything but linear layers, and for those too unless one of the next is set */
    int blas;                  /* linear layers by OpenBLAS */
    const struct ss_int8_kernels *int8; /* linear layers in 8 bits, by int8_gemm.h; NULL: fp32 */
} ss_engine;

/* The fastest engine on this CPU: fp32, or of a precision. */
ss_engine ss_engine_best(void);
ss_engine ss_engine_for(ss_precision precision);
/* "avx512", "avx2", "generic", or "openblas" (with the best kernels for the rest); "int8" for the best of those, or
 * "int8-" and the name of a set of int8 kernels; -1 if this CPU has no such. */
int ss_engine_named(const char *name, ss_engine *engine);

/* Some rows of a weight matrix as PyTorch stores it. */
typedef struct ss_linear_part {
    const float *weight; /* (rows, in) */
    const float *bias;   /* (rows), may be NULL for zeros */
    size_t rows;
} ss_linear_part;

typedef struct ss_linear {
    size_t in, out;
    float *weight; /* ours: panels (out / panel rounded up, in, panel); OpenBLAS: (out, in) */
    float *bias;   /* (out) */
} ss_linear;

/* Puts `parts` below each other (as query, key and value, which share their input) and prepares them. Copies. */
int ss_linear_init(ss_linear *linear, ss_engine engine, size_t in, const ss_linear_part *parts, size_t count,
                   ss_error *err);
void ss_linear_free(ss_linear *linear);

/* y = activation(x W^T + b).
 *   x           (m, in), rows ldx floats apart
 *   activation  NULL: none
 *   y           (m, out), rows ldy floats apart; must not overlap x */
void ss_linear_run(const ss_linear *linear, ss_engine engine, size_t m, const float *x, size_t ldx,
                   const ss_activation *activation, float *y, size_t ldy);

#endif
