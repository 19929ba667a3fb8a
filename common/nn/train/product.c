/* product.c - see product.h. Blocks as in nn/gemm.c: a block of panels stays in the L2 cache while rows pass it. */
#include "nn/train/product.h"

#include <string.h>

enum { BLOCK_K = 384, BLOCK_N = 128, SQUARE = 16 /* floats of a cache line */ };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t ss_packed_size(size_t width, size_t k, size_t n)
{
    return (n + width - 1) / width * width * k;
}

/* Columns [column, column + width) of `count` rows. */
static void pack_columns(size_t width, size_t n, size_t column, size_t count, const float *b, size_t ldb, float *to)
{
    size_t columns = least(n - column, width);
    for (size_t i = 0; i < count; i++, to += width) {
        memcpy(to, b + i * ldb + column, columns * sizeof *to);
        if (columns < width) memset(to + columns, 0, (width - columns) * sizeof *to);
    }
}

void ss_pack_rows(size_t width, size_t k, size_t n, size_t first, size_t count, const float *b, size_t ldb,
                  float *packed)
{
    for (size_t column = 0; column < n; column += width)
        pack_columns(width, n, column, count, b, ldb, packed + column * k + first * width);
}

void ss_pack_panel(size_t width, size_t k, size_t n, size_t panel, const float *b, size_t ldb, float *packed)
{
    pack_columns(width, n, panel * width, k, b, ldb, packed + panel * width * k);
}

/* In squares, so that the lines that are read and those that are written stay in the cache. */
void ss_pack_panel_transposed(size_t width, size_t k, size_t n, size_t panel, const float *bt, size_t ldb,
                              float *packed)
{
    float *to = packed + panel * width * k;
    size_t columns = least(n - panel * width, width);
    if (columns < width) memset(to, 0, width * k * sizeof *to);
    for (size_t i0 = 0; i0 < k; i0 += SQUARE) {
        size_t i1 = least(i0 + SQUARE, k);
        for (size_t j = 0; j < columns; j++) {
            const float *row = bt + (panel * width + j) * ldb;
            for (size_t i = i0; i < i1; i++) to[i * width + j] = row[i];
        }
    }
}

/* Columns [n0, n1) of c from inputs [k0, k1). */
static void product_block(const ss_kernels *kernels, size_t m, size_t n0, size_t n1, size_t k0, size_t k1, size_t k,
                          const float *a, size_t lda, const float *panels, const float *bias, float *c, size_t ldc,
                          int add)
{
    for (size_t i = 0; i < m; i += kernels->rows) {
        size_t rows = least(m - i, kernels->rows);
        for (size_t j = n0; j < n1; j += kernels->panel)
            kernels->multiply(rows, least(n1 - j, kernels->panel), k1 - k0, a + i * lda + k0, lda,
                              panels + j * k + k0 * kernels->panel, bias ? bias + j : NULL, c + i * ldc + j, ldc, add);
    }
}

void ss_product(const ss_kernels *kernels, size_t m, size_t n, size_t k, const float *a, size_t lda,
                const float *panels, const float *bias, float *c, size_t ldc, int add)
{
    for (size_t n0 = 0; n0 < n; n0 += BLOCK_N)
        for (size_t k0 = 0; k0 < k; k0 += BLOCK_K)
            product_block(kernels, m, n0, least(n0 + BLOCK_N, n), k0, least(k0 + BLOCK_K, k), k, a, lda, panels, bias,
                          c, ldc, add || k0 > 0);
}

void ss_outer_product(const ss_kernels *kernels, const ss_row_kernels *rows, size_t k, const float *strips, size_t m0,
                      size_t m1, const float *panels, size_t n0, size_t n1, float *c, size_t ldc)
{
    size_t panel = kernels->panel, strip = rows->strip;
    for (size_t k0 = 0; k0 < k; k0 += BLOCK_K) {
        size_t depth = least(BLOCK_K, k - k0);
        for (size_t i = m0; i < m1; i += strip)
            for (size_t j = n0; j < n1; j += panel)
                rows->outer(least(m1 - i, strip), least(n1 - j, panel), depth, strips + i * k + k0 * strip,
                            panels + j * k + k0 * panel, c + i * ldc + j, ldc);
    }
}
