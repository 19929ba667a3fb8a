/* kernels.h - the inner loops of the encoder, one set per kind of CPU.
 *
 * The same source (kernels_body.h) is compiled for AVX-512, for AVX2 with FMA and for whatever the compiler's baseline
 * is; ss_kernels_best asks CPUID at run time. Sets differ in the last bits of their results, never more. For one set,
 * a row of a result depends on that row of the input alone, bit for bit, however many rows there are and wherever it
 * stands.
 *
 * Matrices are row-major; ld* is the distance between two rows in floats. Pointers need no alignment.
 * Pure functions, any thread.
 */
#ifndef SKILLSTREAM_NN_KERNELS_H
#define SKILLSTREAM_NN_KERNELS_H

#include <stddef.h>

#include "nn/model_files.h"

enum { SS_MAX_PANEL = 32, SS_MAX_TILE_ROWS = 16 };

typedef struct ss_kernels {
    const char *name; /* "avx512", "avx2", "generic" */
    size_t panel;     /* columns of a panel, at most SS_MAX_PANEL */
    size_t rows;      /* rows of a register tile, at most SS_MAX_TILE_ROWS */

    /* One panel of a matrix product:
     *   a      (m, k) left operand
     *   b      (k, panel) right operand, one packed panel
     *   bias   (n) added, may be NULL
     *   c      (m, n) result, n <= panel columns are written
     *   add    non-zero: c += a b, else c = a b + bias */
    void (*multiply)(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, const float *bias,
                     float *c, size_t ldc, int add);

    /* x (n) -> its activation, in place; SS_GELU is the exact one, 0.5 x (1 + erf(x / sqrt 2)). */
    void (*activate)(ss_activation activation, float *x, size_t n);

    /* One row of attention, in place: softmax over j < n of scale * x[j] + bias[j]; bias may be NULL. */
    void (*softmax)(float *x, size_t n, float scale, const float *bias);

    /* out (n) = (v - mean v) / sqrt(var v + epsilon) * gamma + beta with v = x + y; y may be NULL, out may be x. */
    void (*layer_norm)(const float *x, const float *y, const float *gamma, const float *beta, float epsilon, size_t n,
                       float *out);

    void (*add)(float *x, const float *y, size_t n);     /* x += y */
    void (*maximum)(float *x, const float *y, size_t n); /* x = max(x, y) */
    void (*scale)(float *x, float factor, size_t n);     /* x *= factor */
    float (*dot)(const float *x, const float *y, size_t n);
} ss_kernels;

/* The fastest set for this CPU. */
const ss_kernels *ss_kernels_best(void);

/* A set by name, or NULL if there is none or this CPU cannot run it; for tests and benchmarks. */
const ss_kernels *ss_kernels_named(const char *name);

#endif
