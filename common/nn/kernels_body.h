/* kernels_body.h - the source of one set of kernels; see kernels.h.
 *
 * Included once by each kernels_<cpu>.c, which is compiled with that CPU's flags and defines
 *   LANES       floats of a vector
 *   TILE_ROWS   rows of the register tile; with the two vectors per row of a panel, TILE_ROWS * 2 accumulators plus two
 *               vectors of b and one of a must fit the registers
 *   KERNELS, KERNELS_NAME   name of the set as symbol and as text
 * Everything is written with the vector extensions that GCC and Clang share, so there is one source. What these cannot
 * say well may come from lanes_<cpu>.h, with the same results:
 *   LARGER, SMALLER(a, b)       a if it is larger (smaller), else b
 *   FUSED(a, b, c)              a b + c, rounded once
 *   LARGEST(v)                  the largest element
 *   LOAD_SOME(from, n, fill), STORE_SOME(to, v, n)   the first n < LANES floats of a vector
 *
 * Products: each element is one chain of multiply-adds over k in order, whatever the tile it lands in;
 * that is what makes results independent of the place in a batch. Sums of a row: element i is added to partial sum
 * i % 16, whatever the width of a vector. So where the compiler is told not to fuse multiplication and addition
 * (int8_kernels_body.h), all sets give the same bits.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "nn/kernels.h"

#define INLINE static inline __attribute__((always_inline))
/* Unrolls the loop over the rows of a tile: only then do its accumulators stay in registers. */
#if defined(__clang__)
#define UNROLL_ROWS _Pragma("clang loop unroll(full)")
#else
#define UNROLL_ROWS _Pragma("GCC unroll 16")
#endif

enum { PANEL = 2 * LANES, SUMS = 16, PARTS = SUMS / LANES /* vectors that hold the 16 partial sums of a row */ };
_Static_assert((int)PANEL <= SS_MAX_PANEL && TILE_ROWS <= SS_MAX_TILE_ROWS, "kernels.h promises these limits");
_Static_assert(SUMS % LANES == 0, "rows are summed alike for every width of vector");

typedef float vec __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t ivec __attribute__((vector_size(LANES * sizeof(int32_t))));

INLINE vec load(const float *from)
{
    vec v;
    memcpy(&v, from, sizeof v);
    return v;
}

INLINE void store(float *to, vec v)
{
    memcpy(to, &v, sizeof v);
}

INLINE vec splat(float x)
{
    return x - (vec){0};
}

/* The first n < LANES floats; the rest is `fill`. */
INLINE vec load_some(const float *from, size_t n, float fill)
{
#ifdef LOAD_SOME
    return LOAD_SOME(from, n, fill);
#else
    float lanes[LANES];
    for (size_t i = 0; i < LANES; i++) lanes[i] = i < n ? from[i] : fill;
    return load(lanes);
#endif
}

INLINE void store_some(float *to, vec v, size_t n)
{
#ifdef STORE_SOME
    STORE_SOME(to, v, n);
#else
    float lanes[LANES];
    store(lanes, v);
    for (size_t i = 0; i < n; i++) to[i] = lanes[i];
#endif
}

INLINE vec choose(ivec mask, vec yes, vec no)
{
    return (vec)(((ivec)yes & mask) | ((ivec)no & ~mask));
}

INLINE vec larger(vec a, vec b)
{
#ifdef LARGER
    return LARGER(a, b);
#else
    return choose(a > b, a, b);
#endif
}

INLINE vec smaller(vec a, vec b)
{
#ifdef SMALLER
    return SMALLER(a, b);
#else
    return choose(a < b, a, b);
#endif
}

/* a b + c; whether it is rounded once or twice is the compiler's choice unless the set says how. */
INLINE vec multiply_add(vec a, vec b, vec c)
{
#ifdef FUSED
    return FUSED(a, b, c);
#else
    return a * b + c;
#endif
}

/* As many of n floats as a vector holds, n may be 0; the rest is `fill`. */
INLINE vec load_up_to(const float *from, size_t n, float fill)
{
    return n >= LANES ? load(from) : load_some(from, n, fill);
}

INLINE void store_up_to(float *to, vec v, size_t n)
{
    if (n >= LANES)
        store(to, v);
    else
        store_some(to, v, n);
}

INLINE size_t beyond(size_t n, size_t at)
{
    return n > at ? n - at : 0;
}

typedef float eight __attribute__((vector_size(32)));
typedef float four __attribute__((vector_size(16)));

/* The sum of the 16 partial sums, halves added to each other. */
INLINE float sum(const vec parts[PARTS])
{
    eight a[2];
    four b[2];
    _Static_assert(sizeof a == SUMS * sizeof(float), "two halves");
    memcpy(a, parts, sizeof a);
    a[0] += a[1];
    memcpy(b, a, sizeof b);
    b[0] += b[1];
    return (b[0][0] + b[0][2]) + (b[0][1] + b[0][3]);
}

INLINE float largest(vec v)
{
#ifdef LARGEST
    return LARGEST(v);
#else
    float lanes[LANES];
    store(lanes, v);
    for (size_t width = LANES / 2; width > 0; width /= 2)
        for (size_t i = 0; i < width; i++) lanes[i] = lanes[i + width] > lanes[i] ? lanes[i + width] : lanes[i];
    return lanes[0];
#endif
}

/* ---- matrix product ---- */

/* What a product is added to: nothing, the bias, or what c holds. Added at the end, so that a long k, cut into blocks
 * by the caller, is summed in parts and rounds less than one long chain. */
INLINE vec base_value(const float *bias, const float *c, int add, size_t at)
{
    return add ? load(c + at) : bias ? load(bias + at) : (vec){0};
}

/* `rows` is a constant wherever this is inlined, so the loops over it unroll and acc stays in registers. */
INLINE void tile(size_t rows, size_t k, const float *a, size_t lda, const float *b, size_t ldb, const float *bias,
                 float *c, size_t ldc, int add)
{
    vec acc[TILE_ROWS][2];
    UNROLL_ROWS
    for (size_t r = 0; r < rows; r++) acc[r][0] = acc[r][1] = (vec){0};
    for (size_t i = 0; i < k; i++) {
        vec b0 = load(b + i * ldb), b1 = load(b + i * ldb + LANES);
        UNROLL_ROWS
        for (size_t r = 0; r < rows; r++) {
            vec left = splat(a[r * lda + i]);
            acc[r][0] = multiply_add(left, b0, acc[r][0]);
            acc[r][1] = multiply_add(left, b1, acc[r][1]);
        }
    }
    UNROLL_ROWS
    for (size_t r = 0; r < rows; r++) {
        float *to = c + r * ldc;
        store(to, acc[r][0] + base_value(bias, to, add, 0));
        store(to + LANES, acc[r][1] + base_value(bias, to, add, LANES));
    }
}

/* The last rows of a matrix, fewer than TILE_ROWS, by tiles of falling height. */
INLINE void tile_rest(size_t rows, size_t k, const float *a, size_t lda, const float *b, size_t ldb, const float *bias,
                      float *c, size_t ldc, int add)
{
    size_t done = 0;
#define PART(count)                                                                                                    \
    if (rows - done >= (size_t)(count)) {                                                                              \
        tile(count, k, a + done * lda, lda, b, ldb, bias, c + done * ldc, ldc, add);                                   \
        done += (size_t)(count);                                                                                       \
    }
#if TILE_ROWS > 8
    PART(8)
#endif
#if TILE_ROWS > 6
    PART(6)
#endif
#if TILE_ROWS > 4
    PART(4)
#endif
    PART(3)
    PART(2)
    PART(1)
#undef PART
}

/* ldb: distance of the rows of b; PANEL in a packed panel. */
static void multiply_panel(size_t m, size_t k, const float *a, size_t lda, const float *b, size_t ldb,
                           const float *bias, float *c, size_t ldc, int add)
{
    size_t i = 0;
    for (; i + TILE_ROWS <= m; i += TILE_ROWS)
        tile(TILE_ROWS, k, a + i * lda, lda, b, ldb, bias, c + i * ldc, ldc, add);
    if (i < m) tile_rest(m - i, k, a + i * lda, lda, b, ldb, bias, c + i * ldc, ldc, add);
}

/* A panel whose last columns do not exist in c: through a small matrix that has them. */
static void multiply_narrow(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, const float *bias,
                            float *c, size_t ldc, int add)
{
    float wide[TILE_ROWS * PANEL], wide_bias[PANEL] = {0};
    if (bias) memcpy(wide_bias, bias, n * sizeof *bias);
    for (size_t i = 0; i < m; i += TILE_ROWS) {
        size_t rows = m - i < TILE_ROWS ? m - i : TILE_ROWS;
        if (add) {
            memset(wide, 0, sizeof wide);
            for (size_t r = 0; r < rows; r++) memcpy(wide + r * PANEL, c + (i + r) * ldc, n * sizeof *c);
        }
        multiply_panel(rows, k, a + i * lda, lda, b, PANEL, wide_bias, wide, PANEL, add);
        for (size_t r = 0; r < rows; r++) memcpy(c + (i + r) * ldc, wide + r * PANEL, n * sizeof *c);
    }
}

static void multiply(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, const float *bias,
                     float *c, size_t ldc, int add)
{
    if (n == PANEL)
        multiply_panel(m, k, a, lda, b, PANEL, bias, c, ldc, add);
    else
        multiply_narrow(m, n, k, a, lda, b, bias, c, ldc, add);
}

/* ---- exp and the activations ---- */

/* e^x within 2 units of the last place for x in [-87, 88]; smaller x give about 1e-38 instead of less, larger ones are
 * cut. x = n ln 2 + r with ln 2 in two parts (Cody and Waite 1980), e^r by its Taylor polynomial on |r| <= 0.35. */
INLINE vec exponential(vec x)
{
    x = larger(x, splat(-87.0f));
    x = smaller(x, splat(88.0f));
    vec shifted = x * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: rounds to a whole number in the low bits */
    vec n = shifted - 12582912.0f;
    vec r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    vec p = r * (1.0f / 5040.0f) + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * (r * r) + r + 1.0f;
    ivec power = (ivec)shifted << 23; /* the low bits of n become the exponent; what lies above falls out */
    return (vec)((ivec)p + power);
}

/* x * Phi(x), Phi the normal distribution. With u = |x|:
 *   u < sqrt 2   Phi = 1/2 + x P(x^2),      |error of P| < 2e-9 relative
 *   else         Phi(-u) = exp(-G(u)),      |error of G| < 3e-7 on [sqrt 2, 9]
 * P and G are least-maximum fits (Lawson's algorithm) to erf(u / sqrt 2) / 2u and -ln(erfc(u / sqrt 2) / 2). The second
 * form keeps the small values on the left accurate, where 1 + erf would cancel. */
INLINE vec gelu(vec x)
{
    vec u = larger(x, -x), t = x * x;
    vec p = t * 4.338706300e-07f + -8.850110728e-06f;
    p = p * t + 1.146469630e-04f;
    p = p * t + -1.186782077e-03f;
    p = p * t + 9.973374495e-03f;
    p = p * t + -6.649035695e-02f;
    p = p * t + 3.989422799e-01f;
    vec middle = p * x + 0.5f;

    vec far = smaller(u, splat(9.0f));
    vec g = far * 3.190761512e-09f + -1.869748389e-07f;
    g = g * far + 4.948134523e-06f;
    g = g * far + -7.864361170e-05f;
    g = g * far + 8.441143199e-04f;
    g = g * far + -6.548225075e-03f;
    g = g * far + 3.864190317e-02f;
    g = g * far + 3.165048187e-01f;
    g = g * far + 7.985752603e-01f;
    g = g * far + 6.930854688e-01f;
    vec tail = choose(u < splat(16.0f), exponential(-g), splat(0.0f)); /* so that a huge x gives 0 or x exactly */
    tail = choose(x < 0.0f, tail, 1.0f - tail);
    return x * choose(u < splat(1.41421354f), middle, tail);
}

/* 0.5 x (1 + tanh(s)) = x / (1 + exp(-2 s)), s = sqrt(2 / pi) (x + 0.044715 x^3) (Hendrycks and Gimpel 2016). */
INLINE vec gelu_tanh(vec x)
{
    vec s = (x * x * 0.044715f + 1.0f) * x * 0.797884561f;
    return x / (exponential(s * -2.0f) + 1.0f);
}

INLINE vec activation_of(ss_activation activation, vec x)
{
    switch (activation) {
    case SS_GELU: return gelu(x);
    case SS_GELU_TANH: return gelu_tanh(x);
    case SS_RELU: break;
    }
    return larger(x, splat(0.0f));
}

INLINE void activate_all(ss_activation activation, float *x, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) store(x + i, activation_of(activation, load(x + i)));
    if (i < n) store_some(x + i, activation_of(activation, load_some(x + i, n - i, 0.0f)), n - i);
}

static void activate(ss_activation activation, float *x, size_t n)
{
    switch (activation) { /* so that each loop knows its function */
    case SS_GELU: activate_all(SS_GELU, x, n); break;
    case SS_GELU_TANH: activate_all(SS_GELU_TANH, x, n); break;
    case SS_RELU: activate_all(SS_RELU, x, n); break;
    }
}

/* ---- rows ---- */

static void softmax(float *x, size_t n, float scale, const float *bias)
{
    const float lowest = -3.0e38f;
    vec high = splat(lowest), total[PARTS] = {{0}};
    for (size_t i = 0; i < n; i += LANES) {
        vec v = load_up_to(x + i, n - i, 0.0f) * scale;
        if (bias) v += load_up_to(bias + i, n - i, 0.0f);
        store_up_to(x + i, v, n - i);
        high = larger(high, n - i >= LANES ? v : load_some(x + i, n - i, lowest));
    }
    float max = largest(high);
    for (size_t i = 0; i < n; i += SUMS)
        for (size_t at = i, p = 0; p < PARTS; at += LANES, p++) {
            size_t left = beyond(n, at);
            if (!left) continue;
            store_up_to(x + at, exponential(load_up_to(x + at, left, lowest) - max), left);
            total[p] += load_up_to(x + at, left, 0.0f);
        }
    float factor = 1.0f / sum(total);
    for (size_t i = 0; i < n; i++) x[i] *= factor;
}

INLINE vec pair_sum(const float *x, const float *y, size_t at, size_t left)
{
    return y ? load_up_to(x + at, left, 0.0f) + load_up_to(y + at, left, 0.0f) : load_up_to(x + at, left, 0.0f);
}

static void layer_norm(const float *x, const float *y, const float *gamma, const float *beta, float epsilon, size_t n,
                       float *out)
{
    vec total[PARTS] = {{0}}, squares[PARTS] = {{0}};
    for (size_t i = 0; i < n; i += SUMS)
        for (size_t at = i, p = 0; p < PARTS; at += LANES, p++) {
            size_t left = beyond(n, at);
            if (!left) continue;
            vec v = pair_sum(x, y, at, left);
            store_up_to(out + at, v, left);
            total[p] += v;
        }
    float mean = sum(total) / (float)n;
    for (size_t i = 0; i < n; i += SUMS)
        for (size_t at = i, p = 0; p < PARTS; at += LANES, p++) {
            size_t left = beyond(n, at);
            if (!left) continue;
            vec d = load_up_to(out + at, left, mean) - mean;
            squares[p] += d * d;
        }
    float factor = 1.0f / sqrtf(sum(squares) / (float)n + epsilon);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        store(out + i, (load(out + i) - mean) * factor * load(gamma + i) + load(beta + i));
    for (; i < n; i++) out[i] = (out[i] - mean) * factor * gamma[i] + beta[i];
}

static void add(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] += y[i];
}

static void maximum(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] = y[i] > x[i] ? y[i] : x[i];
}

static void scale(float *x, float factor, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] *= factor;
}

static float dot(const float *x, const float *y, size_t n)
{
    vec total[PARTS] = {{0}};
    for (size_t i = 0; i < n; i += SUMS)
        for (size_t at = i, p = 0; p < PARTS; at += LANES, p++) {
            size_t left = beyond(n, at);
            if (left) total[p] += load_up_to(x + at, left, 0.0f) * load_up_to(y + at, left, 0.0f);
        }
    return sum(total);
}

const ss_kernels KERNELS = {.name = KERNELS_NAME,
                            .panel = PANEL,
                            .rows = TILE_ROWS,
                            .multiply = multiply,
                            .activate = activate,
                            .softmax = softmax,
                            .layer_norm = layer_norm,
                            .add = add,
                            .maximum = maximum,
                            .scale = scale,
                            .dot = dot};
