/* test_kernels.c - every set of kernels that this CPU can run, against double precision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/attention.h"
#include "nn/gemm.h"
#include "nn/kernels.h"

static const char *const engines[] = {"avx512", "avx2", "generic", "openblas"};
enum { ENGINES = 4, MOST = 200 };

static float random_float(void)
{
    return (float)rand() / (float)RAND_MAX * 2.0f - 1.0f;
}

static float *random_floats(size_t n)
{
    float *x = malloc(n * sizeof *x + 1);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++) x[i] = random_float();
    return x;
}

/* Calls `test` with every set of kernels. */
static void with_each(void (*test)(const ss_kernels *))
{
    for (size_t i = 0; i < ENGINES; i++) {
        const ss_kernels *kernels = ss_kernels_named(engines[i]);
        if (kernels) test(kernels);
    }
    assert_non_null(ss_kernels_named("generic"));
    assert_null(ss_kernels_named("abacus"));
}

static double gelu(double x)
{
    return 0.5 * x * erfc(-x / sqrt(2.0));
}

static void check_gelu(const ss_kernels *kernels)
{
    enum { N = 100003 };
    float *x = malloc(N * sizeof *x);
    assert_non_null(x);
    double worst = 0, worst_tanh = 0;
    for (size_t i = 0; i < N; i++) x[i] = -12.0f + 24.0f * (float)i / (float)(N - 1);
    kernels->activate(SS_GELU, x, N);
    for (size_t i = 0; i < N; i++) {
        double at = (double)(-12.0f + 24.0f * (float)i / (float)(N - 1));
        double error = fabs((double)x[i] - gelu(at)) / fmax(1.0, fabs(at));
        worst = fmax(worst, error);
        x[i] = (float)at;
    }
    assert_true(worst < 1.2e-7);
    kernels->activate(SS_GELU_TANH, x, N);
    for (size_t i = 0; i < N; i++) {
        double at = (double)(-12.0f + 24.0f * (float)i / (float)(N - 1));
        double right = 0.5 * at * (1.0 + tanh(sqrt(2.0 / acos(-1.0)) * (at + 0.044715 * at * at * at)));
        worst_tanh = fmax(worst_tanh, fabs((double)x[i] - right) / fmax(1.0, fabs(at)));
    }
    assert_true(worst_tanh < 3e-7);
    free(x);
}

/* The small values left of zero keep their relative accuracy, and huge arguments do no harm. */
static void check_gelu_ends(const ss_kernels *kernels)
{
    for (float at = -5.0f; at < -1.0f; at += 0.01f) {
        float x = at;
        kernels->activate(SS_GELU, &x, 1);
        assert_true(fabs((double)x / gelu((double)at) - 1.0) < 1e-5);
    }
    static const float ends[] = {0.0f, -0.0f, 1e30f, -1e30f, 100.0f, -100.0f};
    static const ss_activation all[] = {SS_GELU, SS_RELU};
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < 2; j++) {
            float x = ends[i];
            kernels->activate(all[j], &x, 1);
            assert_true(fabsf(x - (ends[i] > 0 ? ends[i] : 0.0f)) < 1e-10f);
        }
}

static void activations_match_double_precision(void **state)
{
    (void)state;
    with_each(check_gelu);
    with_each(check_gelu_ends);
}

static void check_softmax(const ss_kernels *kernels)
{
    for (size_t n = 1; n < MOST; n += n < 40 ? 1 : 23) {
        for (int spread = 1; spread <= 100; spread *= 10) {
            float *x = random_floats(n), *bias = random_floats(n);
            double *right = malloc(n * sizeof *right), total = 0, scale = 0.3535;
            assert_non_null(right);
            for (size_t i = 0; i < n; i++) {
                x[i] *= (float)spread;
                right[i] = exp(scale * (double)x[i] + (double)bias[i]);
                total += right[i];
            }
            kernels->softmax(x, n, (float)scale, bias);
            for (size_t i = 0; i < n; i++) assert_true(fabs((double)x[i] - right[i] / total) < 3e-6);
            free(right);
            free(bias);
            free(x);
        }
    }
    float huge[3] = {1e30f, -1e30f, 1e30f};
    kernels->softmax(huge, 3, 1.0f, NULL);
    assert_true(fabsf(huge[0] - 0.5f) < 1e-6f && huge[1] < 1e-30f);
}

static void check_layer_norm(const ss_kernels *kernels)
{
    for (size_t n = 1; n < MOST; n += n < 40 ? 1 : 17) {
        float *x = random_floats(n), *y = random_floats(n), *gamma = random_floats(n), *beta = random_floats(n);
        double mean = 0, variance = 0, *v = malloc(n * sizeof *v);
        assert_non_null(v);
        for (size_t i = 0; i < n; i++) mean += v[i] = (double)x[i] + (double)y[i];
        mean /= (double)n;
        for (size_t i = 0; i < n; i++) variance += (v[i] - mean) * (v[i] - mean) / (double)n;
        kernels->layer_norm(x, y, gamma, beta, 1e-5f, n, x);
        for (size_t i = 0; i < n; i++) {
            double right = (v[i] - mean) / sqrt(variance + 1e-5) * (double)gamma[i] + (double)beta[i];
            assert_true(fabs((double)x[i] - right) < 3e-6);
        }
        free(v);
        free(beta);
        free(gamma);
        free(y);
        free(x);
    }
}

static void rows_match_double_precision(void **state)
{
    (void)state;
    with_each(check_softmax);
    with_each(check_layer_norm);
}

/* ---- linear layers ---- */

static void check_linear(ss_engine engine, size_t m, size_t in, size_t out, const ss_activation *activation)
{
    size_t ldx = in + 3, ldy = out + 5, half = out / 2;
    float *x = random_floats(m * ldx), *w = random_floats(out * in), *b = random_floats(out);
    float *y = random_floats(m * ldy), *before = malloc(m * ldy * sizeof *before);
    assert_non_null(before);
    memcpy(before, y, m * ldy * sizeof *y);
    ss_linear linear;
    ss_linear_part parts[] = {{w, b, half}, {w + half * in, b + half, out - half}};
    assert_int_equal(ss_linear_init(&linear, engine, in, parts, 2, NULL), 0);
    ss_linear_run(&linear, engine, m, x, ldx, activation, y, ldy);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < ldy; j++) {
            if (j >= out) {
                assert_true(y[i * ldy + j] == before[i * ldy + j]); /* nothing beside the result is touched */
                continue;
            }
            double right = (double)b[j];
            for (size_t k = 0; k < in; k++) right += (double)x[i * ldx + k] * (double)w[j * in + k];
            if (activation) right = right > 0 ? right : 0; /* only SS_RELU is used here */
            assert_true(fabs((double)y[i * ldy + j] - right) < 2e-6 * sqrt((double)in) + 1e-6);
        }
    ss_linear_free(&linear);
    free(before);
    free(y);
    free(b);
    free(w);
    free(x);
}

static void linear_layers_match_double_precision(void **state)
{
    (void)state;
    static const size_t sizes[][3] = {{1, 1, 1},    {1, 5, 3},     {13, 16, 32},   {12, 32, 33},   {25, 24, 72},
                                      {7, 385, 40}, {3, 1000, 10}, {30, 384, 130}, {11, 800, 257}, {14, 48, 31}};
    static const ss_activation relu = SS_RELU;
    for (size_t e = 0; e < ENGINES; e++) {
        ss_engine engine;
        if (ss_engine_named(engines[e], &engine) != 0) continue;
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            check_linear(engine, sizes[i][0], sizes[i][1], sizes[i][2], i % 2 ? &relu : NULL);
    }
}

/* The promise in kernels.h: a row's result is the same bits wherever the row stands. */
static void check_rows_are_independent(const ss_kernels *kernels)
{
    enum { M = 40, IN = 500, OUT = 96 };
    ss_engine engine = {.kernels = kernels};
    float *x = random_floats(M * IN), *w = random_floats(OUT * IN), *all = random_floats(M * OUT), one[OUT];
    ss_linear linear;
    ss_linear_part part = {.weight = w, .rows = OUT};
    assert_int_equal(ss_linear_init(&linear, engine, IN, &part, 1, NULL), 0);
    ss_linear_run(&linear, engine, M, x, IN, NULL, all, OUT);
    for (size_t i = 0; i < M; i++) {
        ss_linear_run(&linear, engine, 1, x + i * IN, IN, NULL, one, OUT);
        assert_memory_equal(one, all + i * OUT, sizeof one);
    }
    ss_linear_free(&linear);
    free(all);
    free(w);
    free(x);
}

static void rows_are_independent_of_their_place(void **state)
{
    (void)state;
    with_each(check_rows_are_independent);
}

/* ---- attention ---- */

static void check_attention(const ss_kernels *kernels, size_t tokens, size_t heads, size_t width, int biased)
{
    size_t hidden = heads * width, ldq = 3 * hidden + 7, most = tokens + 3, distances = 2 * most - 1;
    float *qkv = random_floats(tokens * ldq), *out = random_floats(tokens * hidden);
    float *bias = random_floats(heads * distances);
    ss_attention attention = {.kernels = kernels,
                              .heads = heads,
                              .width = width,
                              .max_tokens = most,
                              .scale = 0.7f,
                              .bias = biased ? bias : NULL};
    float *scratch = aligned_alloc(64, (ss_attention_scratch(&attention) * sizeof(float) + 63) / 64 * 64);
    double *p = malloc(tokens * sizeof *p);
    assert_true(scratch && p);
    ss_attention_run(&attention, tokens, qkv, ldq, scratch, out, hidden);
    for (size_t h = 0; h < heads; h++)
        for (size_t i = 0; i < tokens; i++) {
            double total = 0;
            for (size_t j = 0; j < tokens; j++) {
                double s = 0;
                for (size_t d = 0; d < width; d++)
                    s += (double)qkv[i * ldq + h * width + d] * (double)qkv[j * ldq + hidden + h * width + d];
                s *= (double)0.7f;
                if (biased) s += (double)bias[h * distances + most - 1 + j - i];
                total += p[j] = exp(s);
            }
            for (size_t d = 0; d < width; d++) {
                double right = 0;
                for (size_t j = 0; j < tokens; j++)
                    right += p[j] / total * (double)qkv[j * ldq + 2 * hidden + h * width + d];
                assert_true(fabs((double)out[i * hidden + h * width + d] - right) < 1e-5);
            }
        }
    free(p);
    free(scratch);
    free(bias);
    free(out);
    free(qkv);
}

static void check_attentions(const ss_kernels *kernels)
{
    static const size_t sizes[][3] = {{1, 1, 1}, {2, 3, 5}, {12, 2, 32}, {13, 2, 64}, {33, 1, 40}, {70, 2, 16}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int biased = 0; biased < 2; biased++)
            check_attention(kernels, sizes[i][0], sizes[i][1], sizes[i][2], biased);
}

static void attention_matches_double_precision(void **state)
{
    (void)state;
    with_each(check_attentions);
}

/* Raffel et al. 2020 with 32 buckets: 0-7 single distances, then 8-11, 12-15, 16-22, 23-31, 32-45, 46-63, 64-90, 91 and
 * more; keys to the right add 16. The borders are 8 * 16^(i / 8), rounded up. */
static void buckets_have_the_papers_borders(void **state)
{
    (void)state;
    static const long borders[] = {8, 12, 16, 23, 32, 46, 64, 91};
    for (long d = 0; d < 600; d++) {
        size_t expected = (size_t)(d < 8 ? d : 7);
        for (size_t i = 0; i < 8; i++) expected += d >= borders[i];
        assert_int_equal(ss_relative_bucket(-d, 32), expected);
        if (d > 0) assert_int_equal(ss_relative_bucket(d, 32), expected + 16);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(activations_match_double_precision),   cmocka_unit_test(rows_match_double_precision),
        cmocka_unit_test(linear_layers_match_double_precision), cmocka_unit_test(rows_are_independent_of_their_place),
        cmocka_unit_test(attention_matches_double_precision),   cmocka_unit_test(buckets_have_the_papers_borders)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
