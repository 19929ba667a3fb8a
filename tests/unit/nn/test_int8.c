/* test_int8.c - every set of int8 kernels that this CPU can run: against whole numbers and double precision, and bit
 * for bit against plain C, on random rows and on extreme ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/int8_gemm.h"
#include "nn/int8_kernels.h"
#include "nn/precision.h"

static const char *const names[] = {"avx512vnni", "avxvnni", "avx2", "generic"};
enum { SETS = sizeof names / sizeof names[0] };

static float random_float(void)
{
    return (float)rand() / (float)RAND_MAX * 2.0f - 1.0f;
}

static void *memory(size_t bytes)
{
    void *p = calloc(1, bytes + 1);
    assert_non_null(p);
    return p;
}

static float *random_floats(size_t n, float size)
{
    float *x = memory(n * sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = random_float() * size;
    return x;
}

static void with_each(void (*test)(const ss_int8_kernels *))
{
    for (size_t i = 0; i < SETS; i++) {
        const ss_int8_kernels *kernels = ss_int8_kernels_named(names[i]);
        if (kernels)
            test(kernels);
        else
            print_message("  %s: not on this CPU\n", names[i]);
    }
    assert_non_null(ss_int8_kernels_named("generic"));
    assert_null(ss_int8_kernels_named("abacus"));
}

static int cell_at(const ss_int8_kernels *kernels, const unsigned char *q, size_t i)
{
    int16_t wide;
    if (kernels->cell == 1) return q[i];
    memcpy(&wide, q + 2 * i, sizeof wide);
    return wide;
}

/* ---- rows to bytes ---- */

static void check_row(const ss_int8_kernels *kernels, const float *x, size_t n)
{
    unsigned char *q = memory(ss_int8_row_bytes(kernels, n));
    ss_row_scale row;
    float low = 0, high = 0;
    kernels->quantise(x, NULL, n, q, &row);
    for (size_t i = 0; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    assert_true(row.zero >= 0 && row.zero <= 255);
    assert_true(fabs((double)row.scale * 253.0 - ((double)high - (double)low)) <= 1e-5 * ((double)high - (double)low));
    for (size_t i = 0; i < n; i++) {
        int value = cell_at(kernels, q, i);
        assert_true(value >= 0 && value <= 255);
        double back = (double)row.scale * (value - row.zero);
        assert_true(fabs(back - (double)x[i]) <= 0.5001 * (double)row.scale);
        if (x[i] == 0.0f) assert_int_equal(value, row.zero);
    }
    for (size_t i = n; i % SS_INT8_GROUP; i++) assert_int_equal(cell_at(kernels, q, i), 0);
    free(q);
}

static void check_rows(const ss_int8_kernels *kernels)
{
    for (size_t n = 1; n < 80; n++) {
        float *x = random_floats(n, (float)n);
        check_row(kernels, x, n);
        for (size_t i = 0; i < n; i++) x[i] = fabsf(x[i]);
        check_row(kernels, x, n);
        for (size_t i = 0; i < n; i++) x[i] = -x[i];
        check_row(kernels, x, n);
        x[n / 2] = 1e30f; /* an outlier swallows all others */
        check_row(kernels, x, n);
        for (size_t i = 0; i < n; i++) x[i] = i % 2 ? 0.0f : -0.0f;
        check_row(kernels, x, n);
        free(x);
    }
}

static void rows_become_bytes_within_half_a_step(void **state)
{
    (void)state;
    with_each(check_rows);
}

/* With factors: the bytes of the row that was multiplied before. */
static void check_factors(const ss_int8_kernels *kernels)
{
    for (size_t n = 1; n < 80; n++) {
        float *x = random_floats(n, 2.0f), *factors = random_floats(n, 3.0f);
        float *right = memory(n * sizeof *right);
        size_t bytes = ss_int8_row_bytes(kernels, n);
        unsigned char *q = memory(2 * bytes);
        ss_row_scale a, b;
        for (size_t i = 0; i < n; i++) right[i] = x[i] * factors[i];
        kernels->quantise(x, factors, n, q, &a);
        kernels->quantise(right, NULL, n, q + bytes, &b);
        assert_memory_equal(q, q + bytes, bytes);
        assert_true(a.scale == b.scale && a.zero == b.zero);
        free(x);
        free(factors);
        free(right);
        free(q);
    }
}

static void factors_are_multiplied_before(void **state)
{
    (void)state;
    with_each(check_factors);
}

/* Values that no sound model gives: whatever comes out, it is the same in every set and harms nothing. */
static void check_odd_row(const ss_int8_kernels *kernels)
{
    static const float odd[] = {INFINITY, -INFINITY, 3e38f, -3e38f, 1e-40f, -1e-40f, 1e-31f};
    const ss_int8_kernels *plain = ss_int8_kernels_named("generic");
    enum { N = 40 };
    for (size_t o = 0; o < sizeof odd / sizeof odd[0]; o++) {
        float *x = random_floats(N, 1e-30f);
        unsigned char q[2 * N], right[2 * N];
        ss_row_scale a, b;
        x[7] = odd[o];
        x[8] = o % 2 ? 0.0f : -odd[o];
        kernels->quantise(x, NULL, N, q, &a);
        plain->quantise(x, NULL, N, right, &b);
        assert_int_equal(a.zero, b.zero);
        for (size_t i = 0; i < N; i++) assert_int_equal(cell_at(kernels, q, i), cell_at(plain, right, i));
        free(x);
    }
}

static void odd_rows_do_no_harm(void **state)
{
    (void)state;
    with_each(check_odd_row);
}

/* ---- linear layers ---- */

typedef struct layer_case {
    size_t m, in, out;
    float *x, *w, *b, *y;
    float *sizes; /* NULL: not balanced */
} layer_case;

/* kind 0: random; 1: the largest sums there can be (bytes 254 and weights +-127); 2: whole weights, so that nothing is
 * lost in quantising them. */
static layer_case make_case(size_t m, size_t in, size_t out, int kind)
{
    layer_case c = {.m = m, .in = in, .out = out};
    c.x = random_floats(m * in, 3.0f);
    c.w = random_floats(out * in, 0.2f);
    c.b = random_floats(out, 1.0f);
    c.y = memory(m * out * sizeof *c.y);
    for (size_t i = 0; kind == 1 && i < m * in; i++) c.x[i] = i % 31 ? 1.0f : 0.5f;
    for (size_t i = 0; kind == 1 && i < out * in; i++) c.w[i] = i / in % 2 ? 1.0f : -1.0f;
    for (size_t i = 0; kind == 2 && i < out * in; i++) c.w[i] = i % in ? (float)(rand() % 255 - 127) : 127.0f;
    return c;
}

static void free_case(layer_case *c)
{
    free(c->x);
    free(c->w);
    free(c->b);
    free(c->y);
    free(c->sizes);
}

static void run_case(const layer_case *c, const ss_int8_kernels *kernels, const ss_activation *activation, float *y)
{
    ss_int8_linear linear;
    ss_linear_part part = {.weight = c->w, .bias = c->b, .rows = c->out};
    size_t ldq = ss_int8_row_bytes(kernels, c->in) + 3;
    unsigned char *q = memory(c->m * ldq);
    ss_row_scale *rows = memory(c->m * sizeof *rows);
    assert_int_equal(ss_int8_linear_init(&linear, kernels, c->in, &part, 1, c->sizes, NULL), 0);
    for (size_t i = 0; i < c->m; i++) kernels->quantise(c->x + i * c->in, linear.factors, c->in, q + i * ldq, &rows[i]);
    ss_int8_linear_run(&linear, kernels, c->m, q, ldq, rows, activation, y, c->out);
    ss_int8_linear_free(&linear);
    free(rows);
    free(q);
}

static const size_t sizes[][3] = {{1, 1, 1},      {1, 5, 3},    {13, 16, 32},   {12, 32, 33},
                                  {25, 24, 72},   {7, 385, 40}, {3, 1000, 10},  {30, 384, 130},
                                  {11, 800, 257}, {14, 48, 31}, {13, 3072, 64}, {97, 64, 48}};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

/* With whole weights the only error is that of fp32 after the sum, so the sum itself must be right. */
static void check_exact(const ss_int8_kernels *kernels)
{
    for (size_t s = 0; s < SIZES; s++) {
        layer_case c = make_case(sizes[s][0], sizes[s][1], sizes[s][2], 2);
        unsigned char *q = memory(ss_int8_row_bytes(kernels, c.in));
        run_case(&c, kernels, NULL, c.y);
        for (size_t i = 0; i < c.m; i++) {
            ss_row_scale row;
            kernels->quantise(c.x + i * c.in, NULL, c.in, q, &row);
            for (size_t j = 0; j < c.out; j++) {
                int64_t sum = 0;
                for (size_t k = 0; k < c.in; k++)
                    sum += (cell_at(kernels, q, k) - row.zero) * (int64_t)c.w[j * c.in + k];
                double right = (double)sum * (double)row.scale + (double)c.b[j];
                double size = fabs((double)sum * (double)row.scale) + fabs((double)c.b[j]) + 1e-30;
                assert_true(fabs((double)c.y[i * c.out + j] - right) <= 1e-6 * size);
            }
        }
        free(q);
        free_case(&c);
    }
}

static void sums_are_exact(void **state)
{
    (void)state;
    with_each(check_exact);
}

static void check_same_as_plain(const ss_int8_kernels *kernels)
{
    static const ss_activation all[] = {SS_GELU, SS_GELU_TANH, SS_RELU};
    for (size_t s = 0; s < SIZES; s++)
        for (int kind = 0; kind < 3; kind++)
            for (size_t a = 0; a < 4; a++) {
                layer_case c = make_case(sizes[s][0], sizes[s][1], sizes[s][2], kind);
                float *right = memory(c.m * c.out * sizeof *right);
                run_case(&c, kernels, a < 3 ? &all[a] : NULL, c.y);
                run_case(&c, ss_int8_kernels_named("generic"), a < 3 ? &all[a] : NULL, right);
                assert_memory_equal(c.y, right, c.m * c.out * sizeof *right);
                free(right);
                free_case(&c);
            }
}

static void all_sets_give_the_bits_of_plain_c(void **state)
{
    (void)state;
    with_each(check_same_as_plain);
}

/* |y - y'| / |y'|, where y' is the layer in double precision. */
static double relative_error(const layer_case *c, const ss_int8_kernels *kernels)
{
    run_case(c, kernels, NULL, c->y);
    double error = 0, size = 0;
    for (size_t i = 0; i < c->m; i++)
        for (size_t j = 0; j < c->out; j++) {
            double right = (double)c->b[j];
            for (size_t k = 0; k < c->in; k++) right += (double)c->x[i * c->in + k] * (double)c->w[j * c->in + k];
            error += pow((double)c->y[i * c->out + j] - right, 2);
            size += right * right;
        }
    return sqrt(error / size);
}

/* With weights of about the same size, rounding to bytes costs a few parts in a thousand. */
static void check_near(const ss_int8_kernels *kernels)
{
    layer_case c = make_case(20, 384, 70, 0);
    assert_true(relative_error(&c, kernels) < 0.01);
    free_case(&c);
}

/* Inputs some of which are always forty times larger, as those of an encoder are: balanced they cost much less, and
 * what was never seen large may be. */
static void check_balanced(const ss_int8_kernels *kernels)
{
    layer_case c = make_case(20, 384, 70, 0);
    float *seen = memory(c.in * sizeof *seen);
    for (size_t i = 0; i < c.m * c.in; i++) c.x[i] *= i % c.in % 100 == 7 ? 40.0f : 1.0f;
    for (size_t j = 0; j < c.out * c.in; j++) c.w[j] *= j % c.in % 100 == 7 ? 0.1f : 1.0f;
    for (size_t i = 0; i < c.m * c.in; i++)
        if (fabsf(c.x[i]) > seen[i % c.in]) seen[i % c.in] = fabsf(c.x[i]);
    double plain = relative_error(&c, kernels);
    c.sizes = seen;
    double balanced = relative_error(&c, kernels);
    assert_true(balanced < plain / 3);
    memset(seen, 0, c.in * sizeof *seen); /* no input was ever seen */
    assert_true(relative_error(&c, kernels) < 2 * plain);
    memset(c.w, 0, c.in * c.out * sizeof *c.w);
    assert_true(relative_error(&c, kernels) < 1e-6); /* the biases are left */
    free_case(&c);
}

static void balancing_makes_large_inputs_cost_less(void **state)
{
    (void)state;
    with_each(check_balanced);
}

static void linear_layers_are_near_double_precision(void **state)
{
    (void)state;
    with_each(check_near);
}

static void check_gelu(const ss_int8_kernels *kernels)
{
    enum { N = 4001 };
    static const ss_activation gelu = SS_GELU;
    layer_case c = make_case(1, 4, N, 0); /* the bias alone decides */
    for (size_t i = 0; i < 4; i++) c.x[i] = 0.0f;
    for (size_t j = 0; j < N; j++) c.b[j] = -20.0f + 0.01f * (float)j;
    run_case(&c, kernels, &gelu, c.y);
    for (size_t j = 0; j < N; j++) {
        double x = (double)c.b[j];
        assert_true(fabs((double)c.y[j] - 0.5 * x * erfc(-x / sqrt(2.0))) < 1e-4);
    }
    free_case(&c);
}

static void gelu_is_near_double_precision(void **state)
{
    (void)state;
    with_each(check_gelu);
}

static void bad_weights_are_refused(void **state)
{
    (void)state;
    const ss_int8_kernels *kernels = ss_int8_kernels_best();
    static const float bad[] = {INFINITY, -INFINITY, NAN};
    float w[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    ss_linear_part part = {.weight = w, .rows = 2};
    ss_int8_linear linear;
    for (size_t i = 0; i < 3; i++) {
        ss_error err = {0};
        w[6] = bad[i];
        assert_int_equal(ss_int8_linear_init(&linear, kernels, 4, &part, 1, NULL, &err), -1);
        assert_int_equal(err.status, SS_INPUT);
    }
    ss_error err = {0};
    assert_int_equal(ss_int8_linear_init(&linear, kernels, 1 << 17, &part, 1, NULL, &err), -1);
    assert_int_equal(err.status, SS_UNSUPPORTED);
    for (size_t i = 0; i < 8; i++) w[i] = i < 4 ? 0.0f : 1e-40f; /* channels of nothing */
    assert_int_equal(ss_int8_linear_init(&linear, kernels, 4, &part, 1, NULL, NULL), 0);
    assert_true(linear.scales[0] == 0.0f && linear.scales[1] == 0.0f && linear.sums[1] == 0);
    ss_int8_linear_free(&linear);
}

/* ---- attention ---- */

typedef struct attention_case {
    ss_attention attention;
    size_t tokens, hidden, ldq;
    float *qkv, *bias;
} attention_case;

static void run_attention(const attention_case *c, const ss_int8_kernels *kernels, float *out)
{
    ss_attention attention = c->attention;
    attention.kernels = kernels->floats;
    float *scratch = memory(ss_int8_attention_scratch(kernels, &attention) * sizeof *scratch);
    kernels->attend(&attention, c->tokens, c->qkv, c->ldq, scratch, out, c->hidden);
    free(scratch);
}

static void check_attention(const attention_case *c, const float *out)
{
    size_t width = c->attention.width, most = c->attention.max_tokens;
    double *p = memory(c->tokens * sizeof *p);
    for (size_t h = 0; h < c->attention.heads; h++)
        for (size_t i = 0; i < c->tokens; i++) {
            double total = 0;
            for (size_t j = 0; j < c->tokens; j++) {
                double s = 0;
                for (size_t d = h * width; d < (h + 1) * width; d++)
                    s += (double)c->qkv[i * c->ldq + d] * (double)c->qkv[j * c->ldq + c->hidden + d];
                s *= (double)c->attention.scale;
                if (c->attention.bias) s += (double)c->bias[h * (2 * most - 1) + most - 1 + j - i];
                total += p[j] = exp(s);
            }
            for (size_t d = h * width; d < (h + 1) * width; d++) {
                double right = 0;
                for (size_t j = 0; j < c->tokens; j++)
                    right += p[j] / total * (double)c->qkv[j * c->ldq + 2 * c->hidden + d];
                assert_true(fabs((double)out[i * c->hidden + d] - right) < 1e-5);
            }
        }
    free(p);
}

static void check_attentions(const ss_int8_kernels *kernels)
{
    static const size_t shapes[][3] = {{1, 1, 1},   {2, 3, 5},   {12, 2, 32}, {13, 2, 64}, {33, 1, 40},
                                       {70, 2, 16}, {19, 3, 32}, {16, 2, 8},  {31, 2, 48}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int biased = 0; biased < 2; biased++) {
            size_t tokens = shapes[s][0], heads = shapes[s][1], width = shapes[s][2], most = tokens + 3;
            attention_case c = {.tokens = tokens, .hidden = heads * width, .ldq = 3 * heads * width + 7};
            c.qkv = random_floats(tokens * c.ldq, 1.0f);
            c.bias = random_floats(heads * (2 * most - 1), 1.0f);
            c.attention = (ss_attention){
                .heads = heads, .width = width, .max_tokens = most, .scale = 0.7f, .bias = biased ? c.bias : NULL};
            float *out = memory(tokens * c.hidden * sizeof *out), *right = memory(tokens * c.hidden * sizeof *right);
            run_attention(&c, kernels, out);
            check_attention(&c, out);
            run_attention(&c, ss_int8_kernels_named("generic"), right);
            assert_memory_equal(out, right, tokens * c.hidden * sizeof *right);
            free(right);
            free(out);
            free(c.bias);
            free(c.qkv);
        }
}

static void attention_matches_double_precision_and_plain_c(void **state)
{
    (void)state;
    with_each(check_attentions);
}

/* ---- rows in fp32 ---- */

static void change_row(const ss_kernels *kernels, float *x, const float *y, const float *bias, size_t n)
{
    kernels->add(x, y, n);
    kernels->scale(x, 0.3f, n);
    kernels->maximum(x, bias, n);
    kernels->softmax(x, n, 0.4f, n % 2 ? bias : NULL);
}

static void check_float_rows(const ss_int8_kernels *kernels)
{
    const ss_kernels *ours = kernels->floats, *plain = ss_int8_kernels_named("generic")->floats;
    for (size_t n = 1; n < 100; n++) {
        float *x = random_floats(n, 3), *y = random_floats(n, 3), *g = random_floats(n, 2), *b = random_floats(n, 1);
        float *out = memory(n * sizeof *out), *right = memory(n * sizeof *right);
        ours->layer_norm(x, y, g, b, 1e-5f, n, out);
        plain->layer_norm(x, y, g, b, 1e-5f, n, right);
        assert_memory_equal(out, right, n * sizeof *out);
        float d1 = ours->dot(x, y, n), d2 = plain->dot(x, y, n);
        assert_memory_equal(&d1, &d2, sizeof d1);
        memcpy(out, x, n * sizeof *x);
        memcpy(right, x, n * sizeof *x);
        change_row(ours, out, y, b, n);
        change_row(plain, right, y, b, n);
        assert_memory_equal(out, right, n * sizeof *out);
        free(x);
        free(y);
        free(g);
        free(b);
        free(out);
        free(right);
    }
}

static void float_rows_give_the_bits_of_plain_c(void **state)
{
    (void)state;
    with_each(check_float_rows);
}

static void precisions_have_names(void **state)
{
    (void)state;
    ss_precision precision;
    ss_error err = {0};
    assert_int_equal(ss_precision_parse("fp32", &precision, NULL), 0);
    assert_int_equal(precision, SS_FP32);
    assert_int_equal(ss_precision_parse("int8", &precision, NULL), 0);
    assert_string_equal(ss_precision_name(precision), "int8");
    assert_int_equal(ss_precision_parse("int4", &precision, &err), -1);
    assert_int_equal(err.status, SS_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_become_bytes_within_half_a_step),
        cmocka_unit_test(odd_rows_do_no_harm),
        cmocka_unit_test(factors_are_multiplied_before),
        cmocka_unit_test(balancing_makes_large_inputs_cost_less),
        cmocka_unit_test(sums_are_exact),
        cmocka_unit_test(all_sets_give_the_bits_of_plain_c),
        cmocka_unit_test(linear_layers_are_near_double_precision),
        cmocka_unit_test(gelu_is_near_double_precision),
        cmocka_unit_test(bad_weights_are_refused),
        cmocka_unit_test(attention_matches_double_precision_and_plain_c),
        cmocka_unit_test(float_rows_give_the_bits_of_plain_c),
        cmocka_unit_test(precisions_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
