/* int8_gemm.h - linear layers in 8 bits: weights quantised once, rows of activations as they come.
 *
 *   y = activation(s_x (q_x - z) (s_w q_w)^T + b)
 * Each output channel (row of W) has its scale, the largest of its weights / 127; each row of x has its own scale and
 * zero (ss_int8_kernels' quantise). Sums are exact in 32 bits.
 *
 * Immutable after ss_int8_linear_init; ss_int8_linear_run is a pure function, any thread.
 */
#ifndef SKILLSTREAM_NN_INT8_GEMM_H
#define SKILLSTREAM_NN_INT8_GEMM_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "nn/gemm.h"
#include "nn/int8_kernels.h"

typedef struct ss_int8_linear {
    size_t in, out;
    int8_t *weight; /* panels: (out / panel rounded up, in / group rounded up, panel, group), zeros where padded */
    int32_t *sums;  /* (out, padded to whole panels) of a channel's weights */
    float *scales;  /* likewise: s_w */
    float *bias;    /* likewise */
} ss_int8_linear;

/* Puts `parts` below each other and quantises them. Copies. SS_UNSUPPORTED when a sum could leave 32 bits (more than
 * 65,536 inputs), SS_INPUT for weights that are not finite. */
int ss_int8_linear_init(ss_int8_linear *linear, const ss_int8_kernels *kernels, size_t in, const ss_linear_part *parts,
                        size_t count, ss_error *err);
void ss_int8_linear_free(ss_int8_linear *linear);

/* |w - w'|, where w (in) is what channel `column` was made of and w' what its 8 bits say. */
double ss_int8_linear_error(const ss_int8_linear *linear, const ss_int8_kernels *kernels, size_t column,
                            const float *w);

/* Bytes of a quantised row of n values, padding included. */
size_t ss_int8_row_bytes(const ss_int8_kernels *kernels, size_t n);

/*   q     (m, in) quantised rows, ldq bytes apart
 *   rows  (m) their scales
 *   y     (m, out) rows ldy floats apart */
void ss_int8_linear_run(const ss_int8_linear *linear, const ss_int8_kernels *kernels, size_t m, const unsigned char *q,
                        size_t ldq, const ss_row_scale *rows, const ss_activation *activation, float *y, size_t ldy);

/* The same for the output channels [from, to) only, of which y has the columns; `from` is a multiple of the set's
 * panel. */
void ss_int8_linear_run_part(const ss_int8_linear *linear, const ss_int8_kernels *kernels, size_t from, size_t to,
                             size_t m, const unsigned char *q, size_t ldq, const ss_row_scale *rows,
                             const ss_activation *activation, float *y, size_t ldy);

#endif
