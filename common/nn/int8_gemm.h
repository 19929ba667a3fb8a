/* int8_gemm.h - linear layers in 8 bits: weights quantised once, rows of activations as they come.
 *
 *   y = activation(s_x (q_x - z) (s_w q_w)^T + b)
 * Each output channel (row of W) has its scale, the largest of its weights / 127; each row of x has its own scale and
 * zero (ss_int8_kernels' quantise). Sums are exact in 32 bits.
 *
 * Balancing. A few inputs of an encoder's layers are always some twenty times larger than the others, and would leave
 * those a handful of the row's 254 steps. So each input j is multiplied by a factor r_j before it is quantised, and
 * column j of W divided by it, which changes nothing but the rounding (SmoothQuant, Xiao et al. 2023, arXiv 2211.10438,
 * with alpha = 1/2):
 *   r_j = sqrt(max_i |W_ij| / max |x_j|)
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
    float *factors; /* (in) r_j for `quantise`; NULL: not balanced */
} ss_int8_linear;

/* Puts `parts` below each other and quantises them. Copies. `sizes` (in) is the largest absolute value to expect of
 * each input, for balancing, or NULL. SS_UNSUPPORTED when a sum could leave 32 bits (more than
 * 65,536 inputs), SS_INPUT for weights that are not finite. */
int ss_int8_linear_init(ss_int8_linear *linear, const ss_int8_kernels *kernels, size_t in, const ss_linear_part *parts,
                        size_t count, const float *sizes, ss_error *err);
void ss_int8_linear_free(ss_int8_linear *linear);

/* |w - w'| of a linear layer that is not balanced, where w (in) is what channel `column` was made of and w' what its 8
 * bits say. */
double ss_int8_linear_error(const ss_int8_linear *linear, const ss_int8_kernels *kernels, size_t column,
                            const float *w);

/* Bytes of a quantised row of n values, padding included. */
size_t ss_int8_row_bytes(const ss_int8_kernels *kernels, size_t n);

/*   q     (m, in) rows quantised with the layer's factors, ldq bytes apart
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
