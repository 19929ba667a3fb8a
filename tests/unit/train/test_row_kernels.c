/* test_row_kernels.c - every set of row kernels that this CPU can run, for every length up to a few vectors, against
 * the same in double precision; dropout masks by their statistics.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "nn/train/dropout.h"
#include "nn/train/product.h"
#include "nn/train/row_kernels.h"
#include "tests/unit/train/tiny_family.h"

enum { MOST = 70 };

typedef void check_fn(const ss_kernels *kernels, const ss_row_kernels *rows, size_t n);

static void for_all_sets(check_fn *check)
{
    static const char *const names[] = {"generic", "avx2", "avx512"};
    int seen = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const ss_kernels *kernels = ss_kernels_named(names[i]);
        if (!kernels) continue;
        assert_string_equal(ss_row_kernels_for(kernels)->name, names[i]);
        for (size_t n = 1; n <= MOST; n++) check(kernels, ss_row_kernels_for(kernels), n);
        seen++;
    }
    assert_true(seen > 0);
}

static void randoms(float *x, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) x[i] = (float)tiny_uniform(&seed);
}

static void norm_of(const float *x, const float *y, size_t n, double *mean, double *root)
{
    double squares = 0.0;
    *mean = 0.0;
    for (size_t i = 0; i < n; i++) *mean += ((double)x[i] + (double)y[i]) / (double)n;
    for (size_t i = 0; i < n; i++) squares += pow((double)x[i] + (double)y[i] - *mean, 2.0) / (double)n;
    *root = 1.0 / sqrt(squares + 1e-3);
}

static void check_norm(const ss_kernels *kernels, const ss_row_kernels *rows, size_t n)
{
    float x[MOST] = {0}, y[MOST] = {0}, gamma[MOST] = {0}, beta[MOST] = {0}, d[MOST] = {0};
    float hat[MOST], out[MOST], dx[MOST];
    float d_gamma[MOST] = {0}, d_beta[MOST] = {0};
    double mean, root, total = 0.0, along = 0.0;
    (void)kernels;
    randoms(x, n, 1);
    randoms(y, n, 2);
    randoms(gamma, n, 3);
    randoms(beta, n, 4);
    randoms(d, n, 5);
    norm_of(x, y, n, &mean, &root);
    assert_near(rows->norm(x, y, gamma, beta, 1e-3f, n, hat, out), root, 1e-4 * root);
    rows->norm_backward(d, hat, gamma, (float)root, n, dx, d_gamma, d_beta);
    rows->norm_backward(d, hat, gamma, (float)root, n, dx, d_gamma, d_beta); /* adds */
    for (size_t i = 0; i < n; i++) {
        double h = ((double)x[i] + (double)y[i] - mean) * root, g = (double)d[i] * (double)gamma[i];
        assert_near(hat[i], h, 1e-4);
        assert_near(out[i], h * (double)gamma[i] + (double)beta[i], 1e-4);
        assert_near(d_gamma[i], 2.0 * (double)d[i] * h, 1e-3);
        assert_near(d_beta[i], 2.0 * (double)d[i], 1e-6);
        total += g / (double)n;
        along += g * h / (double)n;
    }
    for (size_t i = 0; i < n; i++)
        assert_near(dx[i], root * ((double)d[i] * (double)gamma[i] - total - (double)hat[i] * along), 1e-3);
}

static void layer_norm_and_its_gradient(void **state)
{
    (void)state;
    for_all_sets(check_norm);
}

static double gelu(double x)
{
    return 0.5 * x * erfc(-x / sqrt(2.0));
}

static double gelu_tanh(double x)
{
    return 0.5 * x * (1.0 + tanh(sqrt(2.0 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
}

static void check_slope(const ss_kernels *kernels, const ss_row_kernels *rows, size_t n)
{
    const double h = 1e-5;
    float x[MOST], y[MOST], slope[MOST];
    for (size_t i = 0; i < n; i++) x[i] = ((float)i - 30.0f) * 0.37f; /* 0 is not among them; see below */
    for (int a = SS_GELU; a <= SS_RELU; a++) {
        memcpy(y, x, n * sizeof *y);
        memcpy(slope, x, n * sizeof *slope);
        kernels->activate((ss_activation)a, y, n);
        rows->slope((ss_activation)a, slope, y, n);
        for (size_t i = 0; i < n; i++) {
            double at = (double)x[i], want = at > 0.0 ? 1.0 : 0.0;
            if (a == SS_GELU) want = (gelu(at + h) - gelu(at - h)) / (2.0 * h);
            if (a == SS_GELU_TANH) want = (gelu_tanh(at + h) - gelu_tanh(at - h)) / (2.0 * h);
            assert_near(slope[i], want, 3e-6);
        }
    }
    float zero = 0.0f, tiny = -1e-30f;
    rows->slope(SS_GELU, &zero, &(float){0.0f}, 1);
    rows->slope(SS_GELU, &tiny, &(float){0.0f}, 1);
    assert_near(zero, 0.5, 1e-7);
    assert_near(tiny, 0.5, 1e-7);
}

static void slopes_of_activations(void **state)
{
    (void)state;
    for_all_sets(check_slope);
}

static void check_rows(const ss_kernels *kernels, const ss_row_kernels *rows, size_t n)
{
    float p[MOST] = {0}, d[MOST] = {0}, x[MOST], y[MOST];
    double along = 0.0, squares = 0.0;
    (void)kernels;
    randoms(p, n, 6);
    randoms(d, n, 7);
    randoms(x, n, 8);
    randoms(y, n, 9);
    for (size_t i = 0; i < n; i++) {
        along += (double)p[i] * (double)d[i];
        squares += (double)x[i] * (double)x[i];
    }
    float before[MOST];
    memcpy(before, d, n * sizeof *d);
    rows->softmax_backward(p, d, n);
    assert_near(rows->squares(x, n), squares, 1e-12);
    float sum[MOST], product[MOST];
    memcpy(sum, x, n * sizeof *x);
    memcpy(product, x, n * sizeof *x);
    rows->add_scaled(sum, y, 0.5f, n);
    rows->multiply(product, y, n);
    for (size_t i = 0; i < n; i++) {
        assert_near(d[i], (double)p[i] * ((double)before[i] - along), 1e-5);
        assert_near(sum[i], (double)x[i] + 0.5 * (double)y[i], 1e-6);
        assert_near(product[i], (double)x[i] * (double)y[i], 1e-6);
    }
}

static void simple_rows(void **state)
{
    (void)state;
    for_all_sets(check_rows);
}

/* c += a^T b and c = a b + bias for (n, 7 + n % 40) by odd depths. */
static void check_products(const ss_kernels *kernels, const ss_row_kernels *rows, size_t n)
{
    enum { DEPTH = 5, WIDE = 48, ROOM = 96 };
    static float a[MOST * DEPTH], at[DEPTH * MOST], b[DEPTH * WIDE], bt[WIDE * DEPTH], bias[WIDE], c[MOST * WIDE];
    static float panels[ROOM * DEPTH], strips[ROOM * DEPTH];
    size_t columns = 7 + n % 40, panel = kernels->panel;
    randoms(a, n * DEPTH, 1);
    randoms(b, DEPTH * columns, 2);
    randoms(bias, columns, 3);
    for (size_t k = 0; k < DEPTH; k++) {
        for (size_t i = 0; i < n; i++) at[k * n + i] = a[i * DEPTH + k];
        for (size_t j = 0; j < columns; j++) bt[j * DEPTH + k] = b[k * columns + j];
    }
    for (int way = 0; way < 3; way++) {
        memset(panels, 1, sizeof panels);
        if (way == 2)
            for (size_t p = 0; p * panel < columns; p++)
                ss_pack_panel_transposed(panel, DEPTH, columns, p, bt, DEPTH, panels);
        else
            for (size_t first = 0; first < DEPTH; first += 2)
                ss_pack_rows(panel, DEPTH, columns, first, first + 2 > DEPTH ? 1 : 2, b + first * columns, columns,
                             panels);
        for (size_t i = 0; i < n * columns; i++) c[i] = 1.0f;
        if (way == 1) {
            ss_pack_rows(rows->strip, DEPTH, n, 0, DEPTH, at, n, strips);
            ss_outer_product(kernels, rows, DEPTH, strips, 0, n, panels, 0, columns, c, columns);
        } else {
            ss_product(kernels, n, columns, DEPTH, a, DEPTH, panels, way ? NULL : bias, c, columns, way);
        }
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < columns; j++) {
                double want = way ? 1.0 : (double)bias[j];
                for (size_t k = 0; k < DEPTH; k++) want += (double)a[i * DEPTH + k] * (double)b[k * columns + j];
                assert_near(c[i * columns + j], want, 1e-5);
            }
    }
}

static void products(void **state)
{
    (void)state;
    for_all_sets(check_products);
}

/* ---- dropout ---- */

static void check_mask(const ss_kernels *kernels, const ss_row_kernels *rows, size_t n)
{
    float x[MOST], y[MOST];
    (void)kernels;
    for (size_t i = 0; i < n; i++) x[i] = y[i] = 3.0f;
    rows->dropout(0x123456789abcdef0u + n, 0.25f, x, n);
    ss_row_kernels_for(ss_kernels_named("generic"))->dropout(0x123456789abcdef0u + n, 0.25f, y, n);
    for (size_t i = 0; i < n; i++) {
        assert_true(x[i] == y[i]); /* the same on every CPU */
        assert_true(x[i] == 0.0f || x[i] == 4.0f);
    }
}

static void masks_are_the_same_for_all_sets(void **state)
{
    (void)state;
    for_all_sets(check_mask);
}

/* Share of dropped elements, and of elements that are dropped in both of two rows. */
static void count_drops(ss_dropout_row a, ss_dropout_row b, float p, double *share, double *both)
{
    enum { LENGTH = 384, ROWS = 2000 };
    *share = *both = 0.0;
    for (size_t r = 0; r < ROWS; r++) {
        float x[LENGTH], y[LENGTH];
        for (size_t i = 0; i < LENGTH; i++) x[i] = y[i] = 1.0f;
        a.row += 1;
        b.row += 1;
        ss_dropout_apply(ss_dropout_key(&a), p, x, LENGTH);
        ss_dropout_apply(ss_dropout_key(&b), p, y, LENGTH);
        for (size_t i = 0; i < LENGTH; i++) {
            *share += (x[i] == 0.0f) / (double)(LENGTH * ROWS);
            *both += (x[i] == 0.0f && y[i] == 0.0f) / (double)(LENGTH * ROWS);
        }
    }
}

static void rows_drop_the_right_share_independently(void **state)
{
    (void)state;
    const ss_dropout_row base = {.seed = 1, .step = 10, .place = SS_DROP_INNER, .layer = 2, .text = 3, .row = 4};
    ss_dropout_row others[6] = {base, base, base, base, base, base};
    others[0].seed = 2;
    others[1].step = 11;
    others[2].place = SS_DROP_OUTPUT;
    others[3].layer = 3;
    others[4].text = 4;
    others[5].row = 5;
    for (size_t i = 0; i < 6; i++) {
        double share, both; /* of 768,000: five standard deviations are 0.0017 and 0.0006 */
        count_drops(base, others[i], 0.1f, &share, &both);
        assert_near(share, 0.1, 0.0017);
        assert_near(both, 0.01, 0.0006);
    }
}

/* Neighbouring elements of a row are no more alike than others. */
static void elements_of_a_row_are_independent(void **state)
{
    enum { LENGTH = 400, ROWS = 2000, LAGS = 20 };
    (void)state;
    size_t pairs[LAGS] = {0};
    ss_dropout_row row = {.seed = 3};
    for (row.row = 0; row.row < ROWS; row.row++) {
        float x[LENGTH];
        for (size_t i = 0; i < LENGTH; i++) x[i] = 1.0f;
        ss_dropout_apply(ss_dropout_key(&row), 0.5f, x, LENGTH);
        for (size_t lag = 1; lag < LAGS; lag++)
            for (size_t i = 0; i + LAGS < LENGTH; i++) pairs[lag] += x[i] == x[i + lag];
    }
    for (size_t lag = 1; lag < LAGS; lag++)
        assert_near((double)pairs[lag] / (double)((LENGTH - LAGS) * ROWS), 0.5, 0.003);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(layer_norm_and_its_gradient),
                                       cmocka_unit_test(slopes_of_activations),
                                       cmocka_unit_test(simple_rows),
                                       cmocka_unit_test(products),
                                       cmocka_unit_test(masks_are_the_same_for_all_sets),
                                       cmocka_unit_test(rows_drop_the_right_share_independently),
                                       cmocka_unit_test(elements_of_a_row_are_independent)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
