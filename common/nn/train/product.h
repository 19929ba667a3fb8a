/* product.h - matrix products whose operands change with every step, over the register tiles of nn/kernels.h.
 *
 * A right operand B (k, n) is packed into panels of P columns (nn/gemm.h has the same layout for weights that stay):
 *   panel j:  (k, P) columns jP .. jP + P - 1 of B, the last one filled up with zeros
 * For a product over tokens, A^T B, the left operand A (k, m) is packed into strips in the same way; so packing is
 * copying in both cases, and nothing is transposed but weights for the forward pass.
 *
 * Pure functions, any thread. Sums run over k in blocks from the front, whatever m and n are.
 */
#ifndef SKILLSTREAM_NN_TRAIN_PRODUCT_H
#define SKILLSTREAM_NN_TRAIN_PRODUCT_H

#include <stddef.h>

#include "nn/train/row_kernels.h"

/* Floats of a matrix (k, n) in panels or strips of `width`. */
size_t ss_packed_size(size_t width, size_t k, size_t n);

/* Rows first .. first + count - 1 of a matrix (k, n) to their places.
 *   b  (count, n) these rows, ldb apart */
void ss_pack_rows(size_t width, size_t k, size_t n, size_t first, size_t count, const float *b, size_t ldb,
                  float *packed);

/* Panel number `panel` alone, of a matrix (k, n), from the matrix or from its transpose (n, k). */
void ss_pack_panel(size_t width, size_t k, size_t n, size_t panel, const float *b, size_t ldb, float *packed);
void ss_pack_panel_transposed(size_t width, size_t k, size_t n, size_t panel, const float *bt, size_t ldb,
                              float *packed);

/* c = a b + bias, or c += a b if `add`.
 *   a (m, k) rows lda apart    panels: b (k, n)    bias (n) or NULL    c (m, n) rows ldc apart */
void ss_product(const ss_kernels *kernels, size_t m, size_t n, size_t k, const float *a, size_t lda,
                const float *panels, const float *bias, float *c, size_t ldc, int add);

/* Rows [m0, m1) and columns [n0, n1) of c += a^T b; m0 and n0 are multiples of strip and panel.
 *   strips: a (k, m)    panels: b (k, n)    c (m, n) rows ldc apart */
void ss_outer_product(const ss_kernels *kernels, const ss_row_kernels *rows, size_t k, const float *strips, size_t m0,
                      size_t m1, const float *panels, size_t n0, size_t n1, float *c, size_t ldc);

#endif
