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

/* 253 steps from the smallest to the largest value (0 is always between them), and one to spare at either end for
 * rounding: nothing has to be cut. The addition of 1.5 * 2^23 rounds to a whole number in the low bits. */
static void quantise(const float *x, size_t n, unsigned char *q, ss_row_scale *scale)
{
    const float steps = 253.0f, least = 1e-30f, rounding = 12582912.0f;
    vec high = {0}, low = {0};
    for (size_t i = 0; i < n; i += LANES) {
        vec v = load_up_to(x + i, n - i, 0.0f);
        high = larger(high, v);
        low = larger(low, -v);
    }
    float below = largest(low), range = largest(high) + below;
    float inverse = range > least ? steps / range : 0.0f;
    scale->scale = range > least ? range / steps : 0.0f;
    vec zero = splat(below * inverse + rounding) + 1.0f; /* in two steps, so that it is the whole number */
    int32_t bits[LANES];
    memcpy(bits, &zero, sizeof bits);
    scale->zero = bits[0] & 0xff;
    for (size_t i = 0; i < n; i += LANES) {
        ivec whole = (ivec)(load_up_to(x + i, n - i, 0.0f) * inverse + zero) & 0xff;
        cells values = __builtin_convertvector(whole, cells);
        memcpy(q + i * sizeof(cell), &values, (n - i < LANES ? n - i : LANES) * sizeof(cell));
    }
    for (size_t i = n; i % SS_INT8_GROUP; i++) memset(q + i * sizeof(cell), 0, sizeof(cell));
}

/* ---- matrix product ---- */

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
    for (size_t r = 0; r < rows; r++) memcpy(sums + r * PANEL, acc[r], sizeof acc[r]);
}

/* x * Phi(x) within 1e-4 for |x| < 20: Phi(x) = 1/2 + x P(x^2) on |x| < 4.25 and 0 or 1 beyond. P is a least-maximum
 * fit (Lawson's algorithm) to the error of x Phi(x), held to reach 0 and 1 at the ends. */
INLINE vec quick_gelu(vec x)
{
    vec u = larger(x, splat(-4.25f));
    u = choose(u < splat(4.25f), u, splat(4.25f));
    vec t = u * u;
    vec p = t * 6.551278272e-11f + -6.161027112e-09f;
    p = p * t + 2.549945387e-07f;
    p = p * t + -6.190406527e-06f;
    p = p * t + 9.974454318e-05f;
    p = p * t + -1.150436840e-03f;
    p = p * t + 9.972012274e-03f;
    p = p * t + -6.663283288e-02f;
    p = p * t + 3.990918883e-01f;
    return x * (p * u + 0.5f);
}

INLINE vec int8_activation(ss_activation activation, vec x)
{
    return activation == SS_GELU ? quick_gelu(x) : activation_of(activation, x);
}

/* A row of sums (PANEL) to n floats. */
INLINE void finish_row(const ss_int8_product *p, const int32_t *sums, ss_row_scale row, size_t n, float *c)
{
    for (size_t j = 0; j < n; j += LANES) {
        ivec sum_of_row, column;
        memcpy(&sum_of_row, sums + j, sizeof sum_of_row);
        memcpy(&column, p->sums + j, sizeof column);
        vec y = __builtin_convertvector(sum_of_row - column * row.zero, vec);
        y = y * (load(p->scales + j) * row.scale) + load(p->bias + j);
        if (p->activation) y = int8_activation(*p->activation, y);
        store_up_to(c + j, y, n - j);
    }
}

static void finish(const ss_int8_product *p, const int32_t *sums, size_t first, size_t rows)
{
    for (size_t r = 0; r < rows; r++) {
        float *c = p->c + (first + r) * p->ldc;
        if (p->n == PANEL)
            finish_row(p, sums + r * PANEL, p->rows[first + r], PANEL, c);
        else
            finish_row(p, sums + r * PANEL, p->rows[first + r], p->n, c);
    }
}

static void multiply_int8(const ss_int8_product *p)
{
    int32_t sums[TILE_ROWS * PANEL];
    size_t done = 0;
#define PART(count)                                                                                                    \
    while ((size_t)(count) <= TILE_ROWS && p->m - done >= (size_t)(count)) {                                           \
        sum_products(count, p->k, p->q + done * p->ldq, p->ldq, p->weight, sums);                                      \
        finish(p, sums, done, count);                                                                                  \
        done += (size_t)(count);                                                                                       \
    }
    PART(TILE_ROWS)
    PART(8)
    PART(4)
    PART(2)
    PART(1)
#undef PART
}

/* ---- attention ---- */

/* Keys of a head, transposed: (width, ld), the columns from `tokens` on are zero. */
static void transpose_keys(size_t tokens, size_t width, const float *keys, size_t ldk, float *out, size_t ld)
{
    for (size_t d = 0; d < width; d++, out += ld) {
        for (size_t j = 0; j < tokens; j++) out[j] = keys[j * ldk + d];
        memset(out + tokens, 0, (ld - tokens) * sizeof *out);
    }
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

/* c (m, n) = a (m, k) b (k, n); n is a multiple of PANEL. */
static void multiply_free(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
                          float *c, size_t ldc)
{
    for (size_t j = 0; j < n; j += PANEL) multiply_panel(m, k, a, lda, b + j, ldb, NULL, c + j, ldc, 0);
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
    for (size_t i = 0; i < tokens; i += TILE_ROWS) {
        size_t rows = tokens - i < TILE_ROWS ? tokens - i : TILE_ROWS;
        float inverse[TILE_ROWS];
        multiply_free(rows, padded, width, query + i * ldq, ldq, keys, padded, scores, stride);
        for (size_t r = 0; r < rows; r++)
            inverse[r] = weigh(scores + r * stride, tokens, attention->scale, bias ? bias - i - r : NULL);
        multiply_free(rows, wide, tokens, scores, stride, values, ldv, context, wide);
        for (size_t r = 0; r < rows; r++) {
            float *to = out + (i + r) * ldo + head * width;
            for (size_t d = 0; d < width; d++) to[d] = context[r * wide + d] * inverse[r];
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
