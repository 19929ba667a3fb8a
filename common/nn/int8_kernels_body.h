/* int8_kernels_body.h - the source of one set of int8 kernels; see int8_kernels.h.
 *
 * Included once by each int8_kernels_<cpu>.c, which is compiled with that CPU's flags and with -ffp-contract=off, and
 * defines what kernels_body.h wants and
 *   INT8_KERNELS, INT8_NAME  name of the set as symbol and as text
 *   GROUP                    inputs that one `add_products` takes
 *   cell                     type of a quantised value: uint8_t or int16_t
 *   weights                  type of LANES x GROUP weights as `add_products` wants them
 *   load_weights(from)       reads them: GROUP of each of LANES columns
 *   add_products(sums, values, w)     sums + products of GROUP values, given as the bits of one int32_t, with the
 * weights of each column
 *
 * The register tile is that of the fp32 product with wider steps: for each group of inputs, two vectors of weights and
 * one group of each row. Its sums go through memory to the second half, which scales and activates row by row: a
 * tile of 24 vectors against some hundred steps of 24 instructions each.
 */
#include "nn/int8_kernels.h"
#include "nn/kernels_body.h"

typedef cell cells __attribute__((vector_size(LANES * sizeof(cell))));

/* ---- rows to bytes ---- */

/* n < LANES values of a row, or LANES. */
INLINE void put_cells(vec x, float inverse, vec zero, unsigned char *q, size_t n)
{
    ivec whole = (ivec)(x * inverse + zero) & 0xff;
    cells values = __builtin_convertvector(whole, cells);
    memcpy(q, &values, n * sizeof(cell));
}

/* LANES values of a row; factors is a constant NULL or not wherever this is inlined. */
INLINE vec scaled(const float *x, const float *factors)
{
    return factors ? load(x) * load(factors) : load(x);
}

/* 253 steps from the smallest to the largest value (0 is always between them), and one to spare at either end for
 * rounding: nothing has to be cut. The addition of 1.5 * 2^23 rounds to a whole number in the low bits. */
INLINE void quantise_row(const float *x, const float *factors, size_t n, unsigned char *q, ss_row_scale *scale)
{
    const float steps = 253.0f, least = 1e-30f, rounding = 12582912.0f;
    vec high[2] = {{0}}, low[2] = {{0}};
    size_t i = 0, rest = n % LANES;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        vec v = scaled(x + i, factors ? factors + i : NULL);
        vec w = scaled(x + i + LANES, factors ? factors + i + LANES : NULL);
        high[0] = larger(high[0], v);
        high[1] = larger(high[1], w);
        low[0] = smaller(low[0], v);
        low[1] = smaller(low[1], w);
    }
    for (; i < n; i += LANES) {
        vec v = load_up_to(x + i, n - i, 0.0f);
        if (factors) v *= load_up_to(factors + i, n - i, 0.0f);
        high[0] = larger(high[0], v);
        low[0] = smaller(low[0], v);
    }
    float below = largest(-smaller(low[0], low[1])), range = largest(larger(high[0], high[1])) + below;
    float inverse = range > least ? steps / range : 0.0f;
    scale->scale = range > least ? range / steps : 0.0f;
    float shift = below * inverse + rounding; /* first to a whole number, */
    shift += 1.0f;                            /* then one more */
    int32_t bits;
    memcpy(&bits, &shift, sizeof bits);
    scale->zero = bits & 0xff;
    vec zero = splat(shift);
    for (i = 0; i + LANES <= n; i += LANES)
        put_cells(scaled(x + i, factors ? factors + i : NULL), inverse, zero, q + i * sizeof(cell), LANES);
    if (rest) {
        vec v = load_some(x + i, rest, 0.0f);
        if (factors) v *= load_some(factors + i, rest, 0.0f);
        put_cells(v, inverse, zero, q + i * sizeof(cell), rest);
    }
    for (i = n; i % SS_INT8_GROUP; i++) memset(q + i * sizeof(cell), 0, sizeof(cell));
}

static void quantise(const float *x, const float *factors, size_t n, unsigned char *q, ss_row_scale *scale)
{
    if (factors)
        quantise_row(x, factors, n, q, scale);
    else
        quantise_row(x, NULL, n, q, scale);
}

/* ---- matrix product ---- */

/* By value: the address of an accumulator would keep it out of the registers. */
INLINE void put_sums(int32_t *to, ivec v)
{
    memcpy(to, &v, sizeof v);
}

/* sums (rows, PANEL) = q W^T; `rows` is a constant wherever this is inlined. */
INLINE void sum_products(size_t rows, size_t k, const unsigned char *q, size_t ldq, const int8_t *weight, int32_t *sums)
{
    ivec acc[TILE_ROWS][2];
    UNROLL_ROWS
    for (size_t r = 0; r < rows; r++) acc[r][0] = acc[r][1] = (ivec){0};
    for (size_t i = 0; i < k; i += GROUP, weight += PANEL * GROUP) {
        weights w0 = load_weights(weight), w1 = load_weights(weight + LANES * GROUP);
        UNROLL_ROWS
        for (size_t r = 0; r < rows; r++) {
            int32_t values;
            memcpy(&values, q + r * ldq + i * sizeof(cell), sizeof values);
            acc[r][0] = add_products(acc[r][0], values, w0);
            acc[r][1] = add_products(acc[r][1], values, w1);
        }
    }
    UNROLL_ROWS
    for (size_t r = 0; r < rows; r++) {
        put_sums(sums + r * PANEL, acc[r][0]);
        put_sums(sums + r * PANEL + LANES, acc[r][1]);
    }
}

/* x * Phi(x) within 1e-4 for |x| < 20: Phi(x) = 1/2 + x P(x^2) on |x| < 4.25 and 0 or 1 beyond. P is a least-maximum
 * fit (Lawson's algorithm) to the error of x Phi(x), held to reach 0 and 1 at the ends. */
INLINE vec quick_gelu(vec x)
{
    vec u = smaller(larger(x, splat(-4.25f)), splat(4.25f));
    vec t = u * u;
    vec p = multiply_add(t, splat(6.551278272e-11f), splat(-6.161027112e-09f));
    p = multiply_add(p, t, splat(2.549945387e-07f));
    p = multiply_add(p, t, splat(-6.190406527e-06f));
    p = multiply_add(p, t, splat(9.974454318e-05f));
    p = multiply_add(p, t, splat(-1.150436840e-03f));
    p = multiply_add(p, t, splat(9.972012274e-03f));
    p = multiply_add(p, t, splat(-6.663283288e-02f));
    p = multiply_add(p, t, splat(3.990918883e-01f));
    return x * multiply_add(p, u, splat(0.5f));
}

enum { NO_ACTIVATION = -1 };

/* Sums of `rows` rows to floats, LANES columns from j on, of which n are written. The share of the zero is taken off in
 * floats: a vector multiplies whole numbers of 32 bits several times slower, and below 2^24, where real sums are,
 * nothing is rounded. */
INLINE void finish_columns(const ss_int8_product *p, int activation, const int32_t *sums, size_t first, size_t rows,
                           size_t j, size_t n)
{
    const ss_row_scale *scales = p->rows + first;
    size_t ldc = p->ldc;
    float *c = p->c + first * ldc + j;
    vec scale = load(p->scales + j), bias = load(p->bias + j);
    ivec column_sums, sum_of_row;
    memcpy(&column_sums, p->sums + j, sizeof column_sums);
    vec column = __builtin_convertvector(column_sums, vec);
    for (size_t r = 0; r < rows; r++, c += ldc) {
        memcpy(&sum_of_row, sums + r * PANEL + j, sizeof sum_of_row);
        vec y = __builtin_convertvector(sum_of_row, vec);
        y = multiply_add(column, splat(-(float)scales[r].zero), y);
        y = multiply_add(y, scale * scales[r].scale, bias);
        if (activation == SS_GELU)
            y = quick_gelu(y);
        else if (activation != NO_ACTIVATION)
            y = activation_of((ss_activation)activation, y);
        store_up_to(c, y, n);
    }
}

INLINE void finish_tile(const ss_int8_product *p, int activation, const int32_t *sums, size_t first, size_t rows)
{
    if (p->n == PANEL) {
        finish_columns(p, activation, sums, first, rows, 0, LANES);
        finish_columns(p, activation, sums, first, rows, LANES, LANES);
        return;
    }
    for (size_t j = 0; j < p->n; j += LANES) finish_columns(p, activation, sums, first, rows, j, p->n - j);
}

static void finish(const ss_int8_product *p, const int32_t *sums, size_t first, size_t rows)
{
    if (!p->activation)
        finish_tile(p, NO_ACTIVATION, sums, first, rows);
    else if (*p->activation == SS_GELU)
        finish_tile(p, SS_GELU, sums, first, rows);
    else
        finish_tile(p, (int)*p->activation, sums, first, rows);
}

/* A case for each height of a tile: as a constant, so that each is code of its own. */
#define HEIGHTS_TO_4(CASE) CASE(1) CASE(2) CASE(3) CASE(4)
#define HEIGHTS_TO_6(CASE) HEIGHTS_TO_4(CASE) CASE(5) CASE(6)
#if TILE_ROWS == 4
#define HEIGHTS HEIGHTS_TO_4
#elif TILE_ROWS == 6
#define HEIGHTS HEIGHTS_TO_6
#elif TILE_ROWS == 12
#define HEIGHTS(CASE) HEIGHTS_TO_6(CASE) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)
#else
#error "list the heights of this tile"
#endif

/* Height of tiles that divide m rows evenly: a last tile of one or two rows would take as long as one of six. */
INLINE size_t even_height(size_t m)
{
    size_t tiles = (m + TILE_ROWS - 1) / TILE_ROWS;
    return (m + tiles - 1) / tiles;
}

/* Functions of their own: in one large function the compiler keeps some of the accumulators in memory, which takes a
 * quarter of the speed. */
#define CASE(n)                                                                                                        \
    static __attribute__((noinline)) void sum_products_##n(size_t k, const unsigned char *q, size_t ldq,               \
                                                           const int8_t *weight, int32_t *sums)                        \
    {                                                                                                                  \
        sum_products(n, k, q, ldq, weight, sums);                                                                      \
    }
HEIGHTS(CASE)
#undef CASE

static void multiply_int8(const ss_int8_product *p)
{
    int32_t sums[TILE_ROWS * PANEL];
    size_t height = even_height(p->m), rows;
    for (size_t i = 0; i < p->m; i += rows) {
        const unsigned char *q = p->q + i * p->ldq;
        rows = p->m - i < height ? p->m - i : height;
        switch (rows) {
#define CASE(n)                                                                                                        \
    case n: sum_products_##n(p->k, q, p->ldq, p->weight, sums); break;
            HEIGHTS(CASE)
#undef CASE
        default: break;
        }
        finish(p, sums, i, rows);
    }
}

/* ---- attention ---- */

/* out (4, 4), rows ld apart, = x (4, 4) transposed. */
INLINE void transpose_four(const float *x, size_t ldx, float *out, size_t ld)
{
    four r[4], t[4];
    for (size_t i = 0; i < 4; i++) memcpy(&r[i], x + i * ldx, sizeof r[i]);
    t[0] = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5);
    t[1] = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
    t[2] = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
    t[3] = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
    r[0] = __builtin_shufflevector(t[0], t[1], 0, 1, 4, 5);
    r[1] = __builtin_shufflevector(t[0], t[1], 2, 3, 6, 7);
    r[2] = __builtin_shufflevector(t[2], t[3], 0, 1, 4, 5);
    r[3] = __builtin_shufflevector(t[2], t[3], 2, 3, 6, 7);
    for (size_t i = 0; i < 4; i++) memcpy(out + i * ld, &r[i], sizeof r[i]);
}

/* Keys of a head, transposed: (width, ld). Columns from `tokens` on are never used, but are no NaN that could slow
 * arithmetic down. */
static void transpose_keys(size_t tokens, size_t width, const float *keys, size_t ldk, float *out, size_t ld)
{
    size_t whole = width - width % 4, j = 0;
    for (; j + 4 <= tokens; j += 4) {
        for (size_t d = 0; d < whole; d += 4) transpose_four(keys + j * ldk + d, ldk, out + d * ld + j, ld);
        for (size_t d = whole; d < width; d++)
            for (size_t i = j; i < j + 4; i++) out[d * ld + i] = keys[i * ldk + d];
    }
    for (; j < tokens; j++)
        for (size_t d = 0; d < width; d++) out[d * ld + j] = keys[j * ldk + d];
    for (size_t d = 0; d < width && tokens < ld; d++) memset(out + d * ld + tokens, 0, (ld - tokens) * sizeof *out);
}

/* x (n) = exp(scale x + bias - max), and 1 / their sum. x has room for a whole number of vectors. */
static float weigh(float *x, size_t n, float scale, const float *bias)
{
    const float lowest = -3.0e38f;
    vec high = splat(lowest), total[PARTS] = {{0}};
    for (size_t i = 0; i < n; i += LANES) {
        vec v = load(x + i) * scale;
        if (bias) v += load_up_to(bias + i, n - i, 0.0f);
        store(x + i, v);
        high = larger(high, n - i >= LANES ? v : load_some(x + i, n - i, lowest));
    }
    float max = largest(high);
    for (size_t i = 0; i < n; i += SUMS)
        for (size_t at = i, p = 0; p < PARTS; at += LANES, p++) {
            size_t left = beyond(n, at);
            if (!left) continue;
            store(x + at, exponential(load(x + at) - max));
            total[p] += load_up_to(x + at, left, 0.0f);
        }
    return 1.0f / sum(total);
}

/* c (m, n) = a (m, k) b (k, n); m is at most TILE_ROWS, n a multiple of PANEL. */
static void multiply_free(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
                          float *c, size_t ldc)
{
    for (size_t j = 0; j < n; j += PANEL) {
        switch (m) {
#define CASE(rows)                                                                                                     \
    case rows: tile(rows, k, a, lda, b + j, ldb, NULL, c + j, ldc, 0); break;
            HEIGHTS(CASE)
#undef CASE
        default: break;
        }
    }
}

INLINE size_t whole_panels(size_t n)
{
    return (n + PANEL - 1) / PANEL * PANEL;
}

/* One head. Values are read where they are if a head is a whole number of panels wide, else through a copy. */
static void attend_head(const ss_attention *attention, size_t head, size_t tokens, const float *qkv, size_t ldq,
                        float *scratch, float *out, size_t ldo)
{
    size_t width = attention->width, hidden = attention->heads * width;
    size_t padded = whole_panels(tokens), wide = whole_panels(width), stride = padded + PANEL, ldv = ldq;
    float *keys = scratch, *copy = keys + width * padded, *scores = copy + tokens * wide;
    float *context = scores + TILE_ROWS * stride;
    const float *query = qkv + head * width, *values = query + 2 * hidden;
    transpose_keys(tokens, width, query + hidden, ldq, keys, padded);
    if (wide != width) {
        for (size_t j = 0; j < tokens; j++) {
            memcpy(copy + j * wide, values + j * ldq, width * sizeof *copy);
            memset(copy + j * wide + width, 0, (wide - width) * sizeof *copy);
        }
        values = copy;
        ldv = wide;
    }
    const float *bias = attention->bias;
    if (bias) bias += head * (2 * attention->max_tokens - 1) + attention->max_tokens - 1;
    size_t height = even_height(tokens);
    for (size_t i = 0; i < tokens; i += height) {
        size_t rows = tokens - i < height ? tokens - i : height;
        float inverse[TILE_ROWS];
        multiply_free(rows, padded, width, query + i * ldq, ldq, keys, padded, scores, stride);
        for (size_t r = 0; r < rows; r++)
            inverse[r] = weigh(scores + r * stride, tokens, attention->scale, bias ? bias - i - r : NULL);
        multiply_free(rows, wide, tokens, scores, stride, values, ldv, context, wide);
        for (size_t r = 0; r < rows; r++) {
            float *to = out + (i + r) * ldo + head * width;
            for (size_t d = 0; d < width; d += LANES)
                store_up_to(to + d, load(context + r * wide + d) * inverse[r], width - d);
        }
    }
}

static void attend(const ss_attention *attention, size_t tokens, const float *qkv, size_t ldq, float *scratch,
                   float *out, size_t ldo)
{
    for (size_t head = 0; head < attention->heads; head++)
        attend_head(attention, head, tokens, qkv, ldq, scratch, out, ldo);
}

const ss_int8_kernels INT8_KERNELS = {.name = INT8_NAME,
                                      .floats = &KERNELS,
                                      .panel = PANEL,
                                      .group = GROUP,
                                      .cell = sizeof(cell),
                                      .quantise = quantise,
                                      .multiply = multiply_int8,
                                      .attend = attend};
