/* row_kernels_body.h - the source of one set of row kernels; see row_kernels.h.
 *
 * Included once by each row_kernels_<cpu>.c, which is compiled with that CPU's flags and defines
 *   LANES            floats of a vector
 *   STRIP_ROWS       rows of the register tile of outer (two accumulators each)
 *   ROW_KERNELS, ROW_KERNELS_NAME   name of the set as symbol and as text
 * The products are written with vectors; the rest are plain loops that `omp simd` lets the compiler turn into vector
 * code (no iteration needs another's result, even where in- and output are one array); the order of a sum is fixed for
 * a set.
 */
#include <math.h>
#include <string.h>

#include "nn/train/row_kernels.h"

#define INLINE static inline __attribute__((always_inline))

enum { PANEL = 2 * LANES };

typedef float vec __attribute__((vector_size(LANES * sizeof(float))));

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

/* ---- products ---- */

static void outer_whole(size_t k, const float *a, const float *b, float *c, size_t ldc)
{
    vec acc[STRIP_ROWS][2];
#pragma GCC unroll 16
    for (size_t r = 0; r < STRIP_ROWS; r++) acc[r][0] = acc[r][1] = (vec){0};
    for (size_t i = 0; i < k; i++) {
        vec b0 = load(b + i * PANEL), b1 = load(b + i * PANEL + LANES);
#pragma GCC unroll 16
        for (size_t r = 0; r < STRIP_ROWS; r++) {
            vec left = a[i * STRIP_ROWS + r] - (vec){0};
            acc[r][0] += left * b0;
            acc[r][1] += left * b1;
        }
    }
#pragma GCC unroll 16
    for (size_t r = 0; r < STRIP_ROWS; r++) {
        float *to = c + r * ldc;
        store(to, load(to) + acc[r][0]);
        store(to + LANES, load(to + LANES) + acc[r][1]);
    }
}

/* A tile that is not whole goes through one that is; packed operands are whole always. */
static void outer(size_t m, size_t n, size_t k, const float *a, const float *b, float *c, size_t ldc)
{
    if (m == STRIP_ROWS && n == PANEL) {
        outer_whole(k, a, b, c, ldc);
        return;
    }
    float wide[STRIP_ROWS * PANEL] = {0};
    for (size_t r = 0; r < m; r++) memcpy(wide + r * PANEL, c + r * ldc, n * sizeof *c);
    outer_whole(k, a, b, wide, PANEL);
    for (size_t r = 0; r < m; r++) memcpy(c + r * ldc, wide + r * PANEL, n * sizeof *c);
}

/* ---- LayerNorm ---- */

static float norm(const float *x, const float *y, const float *gamma, const float *beta, float epsilon, size_t n,
                  float *hat, float *out)
{
    float total = 0.0f, squares = 0.0f;
    if (y) {
#pragma omp simd
        for (size_t i = 0; i < n; i++) hat[i] = x[i] + y[i];
    } else if (hat != x) {
        memcpy(hat, x, n * sizeof *hat);
    }
#pragma omp simd reduction(+ : total)
    for (size_t i = 0; i < n; i++) total += hat[i];
    float mean = total / (float)n;
#pragma omp simd reduction(+ : squares)
    for (size_t i = 0; i < n; i++) squares += (hat[i] - mean) * (hat[i] - mean);
    float root = 1.0f / sqrtf(squares / (float)n + epsilon);
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        float h = (hat[i] - mean) * root;
        hat[i] = h;
        out[i] = h * gamma[i] + beta[i];
    }
    return root;
}

/* With g = d_out * gamma: d_x = root (g - mean g - hat mean(g hat)). */
static void norm_backward(const float *d_out, const float *hat, const float *gamma, float root, size_t n, float *d_x,
                          float *d_gamma, float *d_beta)
{
    float total = 0.0f, along = 0.0f;
#pragma omp simd reduction(+ : total, along)
    for (size_t i = 0; i < n; i++) {
        float g = d_out[i] * gamma[i];
        total += g;
        along += g * hat[i];
        d_beta[i] += d_out[i];
        d_gamma[i] += d_out[i] * hat[i];
    }
    float mean = total / (float)n, slope = along / (float)n;
#pragma omp simd
    for (size_t i = 0; i < n; i++) d_x[i] = root * (d_out[i] * gamma[i] - mean - hat[i] * slope);
}

/* ---- activations ---- */

/* e^x, x <= 88, as in nn/kernels_body.h: x = n ln 2 + r, e^r by its Taylor polynomial. */
INLINE float exponential(float x)
{
    x = x > -87.0f ? x : -87.0f;
    x = x < 88.0f ? x : 88.0f;
    float shifted = x * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: rounds to a whole number in the low bits */
    float n = shifted - 12582912.0f;
    float r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    float p = r * (1.0f / 5040.0f) + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * (r * r) + r + 1.0f;
    uint32_t bits, power;
    memcpy(&bits, &p, sizeof bits);
    memcpy(&power, &shifted, sizeof power);
    bits += power << 23;
    memcpy(&p, &bits, sizeof p);
    return p;
}

/* x Phi(x) has the slope Phi(x) + x phi(x), and Phi(x) = y / x. */
INLINE float gelu_slope(float x, float y)
{
    float density = 0.398942280f * exponential(-0.5f * x * x);
    float small = x * x < 1e-20f ? 1.0f : 0.0f;
    float below = small > 0.0f ? 0.5f : y / (small > 0.0f ? 1.0f : x);
    return below + x * density;
}

/* x q with q = 1 / (1 + exp(-2 s)), s = sqrt(2 / pi) (x + 0.044715 x^3): slope q + 2 x q (1 - q) s'. */
INLINE float gelu_tanh_slope(float x)
{
    float s = (x * x * 0.044715f + 1.0f) * x * 0.797884561f;
    float ds = (x * x * 0.134145f + 1.0f) * 0.797884561f;
    float q = 1.0f / (1.0f + exponential(-2.0f * s));
    return q + 2.0f * x * q * (1.0f - q) * ds;
}

static void slope(ss_activation activation, float *x, const float *y, size_t n)
{
    switch (activation) {
    case SS_GELU:
#pragma omp simd
        for (size_t i = 0; i < n; i++) x[i] = gelu_slope(x[i], y[i]);
        break;
    case SS_GELU_TANH:
#pragma omp simd
        for (size_t i = 0; i < n; i++) x[i] = gelu_tanh_slope(x[i]);
        break;
    case SS_RELU:
        for (size_t i = 0; i < n; i++) x[i] = x[i] > 0.0f ? 1.0f : 0.0f;
        break;
    }
}

/* ---- rows ---- */

static void softmax_backward(const float *p, float *d, size_t n)
{
    float along = 0.0f;
#pragma omp simd reduction(+ : along)
    for (size_t i = 0; i < n; i++) along += p[i] * d[i];
#pragma omp simd
    for (size_t i = 0; i < n; i++) d[i] = p[i] * (d[i] - along);
}

static void multiply(float *x, const float *y, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++) x[i] *= y[i];
}

static void add_scaled(float *x, const float *y, float factor, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++) x[i] += factor * y[i];
}

static double squares(const float *x, size_t n)
{
    double total = 0.0;
#pragma omp simd reduction(+ : total)
    for (size_t i = 0; i < n; i++) total += (double)x[i] * (double)x[i];
    return total;
}

/* The mixer is "lowbias32" (C. Wellons), with the key's high half added between its rounds. */
static void dropout(uint64_t key, float p, float *x, size_t n)
{
    uint32_t low = (uint32_t)key, high = (uint32_t)(key >> 32);
    uint32_t limit = (uint32_t)((double)p * 4294967296.0);
    float gain = 1.0f / (1.0f - p);
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        uint32_t h = (uint32_t)i * 0x9e3779b1u + low;
        h ^= h >> 16;
        h *= 0x7feb352du;
        h ^= h >> 15;
        h += high;
        h *= 0x846ca68bu;
        h ^= h >> 16;
        x[i] = h < limit ? 0.0f : x[i] * gain;
    }
}

static void adamw(const ss_adamw_numbers *numbers, const float *gradients, float *values, float *first, float *second,
                  size_t n)
{
    ss_adamw_numbers k = *numbers;
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        float g = gradients[i] * k.factor;
        float m = first[i] + k.rest1 * (g - first[i]);
        float v = k.beta2 * second[i] + k.rest2 * g * g;
        first[i] = m;
        second[i] = v;
        values[i] = k.keep * values[i] - k.rate * m / (sqrtf(v) / k.root + k.epsilon);
    }
}

const ss_row_kernels ROW_KERNELS = {.name = ROW_KERNELS_NAME,
                                    .strip = STRIP_ROWS,
                                    .outer = outer,
                                    .norm = norm,
                                    .norm_backward = norm_backward,
                                    .slope = slope,
                                    .softmax_backward = softmax_backward,
                                    .multiply = multiply,
                                    .add_scaled = add_scaled,
                                    .squares = squares,
                                    .dropout = dropout,
                                    .adamw = adamw};
