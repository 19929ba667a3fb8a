/* gemm.c - see gemm.h.
 *
 * Blocking (after Goto and van de Geijn 2008): a block of W, BLOCK_K deep and BLOCK_N wide, stays in the L2 cache
 * (196 KiB) while all rows of x pass it; of these, one register tile (a dozen rows, BLOCK_K deep: 18 KiB) stays in L1
 * while the block's panels pass it. x needs no packing: the register tile reads single floats of it.
 */
#include "nn/gemm.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

#include "base/aligned.h"
#include "nn/int8_kernels.h"

enum { BLOCK_K = 384, BLOCK_N = 128 };

ss_engine ss_engine_best(void)
{
    const ss_kernels *kernels = ss_kernels_best();
    return (ss_engine){.kernels = kernels, .blas = strcmp(kernels->name, "generic") == 0};
}

ss_engine ss_engine_for(ss_precision precision)
{
    if (precision != SS_INT8) return ss_engine_best();
    const ss_int8_kernels *int8 = ss_int8_kernels_best();
    return (ss_engine){.kernels = int8->floats, .int8 = int8};
}

int ss_engine_named(const char *name, ss_engine *engine)
{
    if (strncmp(name, "int8", 4) == 0 && (!name[4] || name[4] == '-')) {
        *engine = ss_engine_for(SS_INT8);
        if (name[4]) engine->int8 = ss_int8_kernels_named(name + 5);
        if (engine->int8) engine->kernels = engine->int8->floats;
        return engine->int8 ? 0 : -1;
    }
    *engine = ss_engine_best();
    engine->blas = strcmp(name, "openblas") == 0;
    if (!engine->blas) engine->kernels = ss_kernels_named(name);
    return engine->kernels ? 0 : -1;
}

/* Element (row, i) of W goes to panel row / P, there to (i, row % P). */
static void pack(float *packed, size_t panel, size_t in, size_t first, const ss_linear_part *part)
{
    for (size_t r = 0; r < part->rows; r++) {
        float *column = packed + (first + r) / panel * panel * in + (first + r) % panel;
        for (size_t i = 0; i < in; i++) column[i * panel] = part->weight[r * in + i];
    }
}

int ss_linear_init(ss_linear *linear, ss_engine engine, size_t in, const ss_linear_part *parts, size_t count,
                   ss_error *err)
{
    *linear = (ss_linear){.in = in};
    for (size_t i = 0; i < count; i++) linear->out += parts[i].rows;
    size_t panel = engine.blas ? 1 : engine.kernels->panel;
    size_t bytes = ss_round_up(linear->out, panel) * in * sizeof(float);
    linear->weight = ss_aligned_new(bytes);
    linear->bias = calloc(linear->out, sizeof *linear->bias);
    if (!linear->weight || !linear->bias) {
        ss_linear_free(linear);
        return ss_fail_memory(err, "preparing weights");
    }
    memset(linear->weight, 0, bytes);
    size_t first = 0;
    for (size_t i = 0; i < count; i++) {
        pack(linear->weight, panel, in, first, &parts[i]);
        if (parts[i].bias) memcpy(linear->bias + first, parts[i].bias, parts[i].rows * sizeof(float));
        first += parts[i].rows;
    }
    return 0;
}

void ss_linear_free(ss_linear *linear)
{
    free(linear->weight);
    free(linear->bias);
    *linear = (ss_linear){.in = 0};
}

static void run_blas(const ss_linear *linear, const ss_kernels *kernels, size_t m, const float *x, size_t ldx,
                     const ss_activation *activation, float *y, size_t ldy)
{
    for (size_t i = 0; i < m; i++) memcpy(y + i * ldy, linear->bias, linear->out * sizeof *y);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)m, (blasint)linear->out, (blasint)linear->in, 1.0f, x,
                (blasint)ldx, linear->weight, (blasint)linear->in, 1.0f, y, (blasint)ldy);
    if (!activation) return;
    for (size_t i = 0; i < m; i++) kernels->activate(*activation, y + i * ldy, linear->out);
}

/* Columns [n0, n1) of y, from inputs [k0, k1) of x. */
static void run_block(const ss_linear *linear, const ss_kernels *kernels, size_t m, size_t n0, size_t n1, size_t k0,
                      size_t k1, const float *x, size_t ldx, const ss_activation *activation, float *y, size_t ldy)
{
    size_t panel = kernels->panel;
    for (size_t i = 0; i < m; i += kernels->rows) {
        size_t rows = m - i < kernels->rows ? m - i : kernels->rows;
        for (size_t j = n0; j < n1; j += panel) {
            size_t columns = n1 - j < panel ? n1 - j : panel;
            kernels->multiply(rows, columns, k1 - k0, x + i * ldx + k0, ldx,
                              linear->weight + j * linear->in + k0 * panel, linear->bias + j, y + i * ldy + j, ldy,
                              k0 > 0);
        }
        if (!activation || k1 < linear->in) continue;
        for (size_t r = i; r < i + rows; r++) kernels->activate(*activation, y + r * ldy + n0, n1 - n0);
    }
}

void ss_linear_run(const ss_linear *linear, ss_engine engine, size_t m, const float *x, size_t ldx,
                   const ss_activation *activation, float *y, size_t ldy)
{
    if (engine.blas) {
        run_blas(linear, engine.kernels, m, x, ldx, activation, y, ldy);
        return;
    }
    for (size_t n0 = 0; n0 < linear->out; n0 += BLOCK_N) {
        size_t n1 = linear->out - n0 < BLOCK_N ? linear->out : n0 + BLOCK_N;
        for (size_t k0 = 0; k0 < linear->in; k0 += BLOCK_K) {
            size_t k1 = linear->in - k0 < BLOCK_K ? linear->in : k0 + BLOCK_K;
            run_block(linear, engine.kernels, m, n0, n1, k0, k1, x, ldx, activation, y, ldy);
        }
    }
}
