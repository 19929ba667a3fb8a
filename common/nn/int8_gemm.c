/* int8_gemm.c - see int8_gemm.h.
 *
 * Blocking: a panel of W (32 columns of 384 inputs: 12 KiB) stays in the L1 cache while the rows pass it. Bytes are
 * four times smaller than floats, so no block over the inputs is needed: callers bring about a hundred rows at a time,
 * which with the longest panels stay in L2.
 */
#include "nn/int8_gemm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/aligned.h"

enum { MOST_INPUTS = 1 << 16, LARGEST = 127 };

static void *zeros(size_t bytes)
{
    void *memory = ss_aligned_new(bytes);
    if (memory) memset(memory, 0, bytes);
    return memory;
}

/* Largest absolute value, or NaN if there is one. */
static float largest(const float *x, size_t n)
{
    float most = 0.0f;
    for (size_t i = 0; i < n; i++) {
        float size = fabsf(x[i]);
        if (size > most || isnan(size)) most = size; /* nothing is larger than NaN: it stays */
    }
    return most;
}

/* Channel `column` of the layer from row `w` (overwritten) of a matrix: input i goes to panel column / P, there to
 * group i / G. */
static int quantise_channel(ss_int8_linear *linear, const ss_int8_kernels *kernels, size_t column, float *w)
{
    size_t panel = kernels->panel, group = kernels->group, inputs = ss_round_up(linear->in, SS_INT8_GROUP);
    for (size_t i = 0; linear->factors && i < linear->in; i++) w[i] /= linear->factors[i];
    int8_t *to = linear->weight + column / panel * panel * inputs + column % panel * group;
    float most = largest(w, linear->in);
    if (!isfinite(most)) return -1;
    float inverse = most > 0.0f ? (float)LARGEST / most : 0.0f;
    if (!isfinite(inverse)) inverse = most = 0.0f; /* weights below 1e-36 are zeros */
    int32_t sum = 0;
    for (size_t i = 0; i < linear->in; i++) {
        int8_t q = (int8_t)lrintf(w[i] * inverse);
        to[i / group * panel * group + i % group] = q;
        sum += q;
    }
    linear->sums[column] = sum;
    linear->scales[column] = most / (float)LARGEST;
    return 0;
}

static float mean(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i];
    return n ? (float)(sum / (double)n) : 0.0f;
}

static float at_least(float value, float least)
{
    return value > least ? value : least;
}

/* What was never large may be large once: nothing is taken for smaller than an eighth of the mean. */
static int balance(ss_int8_linear *linear, const ss_linear_part *parts, size_t count, const float *sizes)
{
    size_t in = linear->in;
    linear->factors = zeros(in * sizeof *linear->factors);
    float *columns = linear->factors;
    if (!columns) return -1;
    for (size_t p = 0; p < count; p++)
        for (size_t r = 0; r < parts[p].rows; r++)
            for (size_t i = 0; i < in; i++) columns[i] = at_least(fabsf(parts[p].weight[r * in + i]), columns[i]);
    float least_size = at_least(mean(sizes, in) / 8, 1e-20f), least_weight = at_least(mean(columns, in) / 8, 1e-20f);
    for (size_t i = 0; i < in; i++)
        linear->factors[i] = sqrtf(at_least(columns[i], least_weight) / at_least(sizes[i], least_size));
    return 0;
}

int ss_int8_linear_init(ss_int8_linear *linear, const ss_int8_kernels *kernels, size_t in, const ss_linear_part *parts,
                        size_t count, const float *sizes, ss_error *err)
{
    *linear = (ss_int8_linear){.in = in};
    if (in > MOST_INPUTS) return ss_fail(err, SS_UNSUPPORTED, "int8: %zu inputs are more than %d", in, MOST_INPUTS);
    for (size_t i = 0; i < count; i++) linear->out += parts[i].rows;
    size_t columns = ss_round_up(linear->out, kernels->panel);
    linear->weight = zeros(columns * ss_round_up(in, SS_INT8_GROUP));
    linear->sums = zeros(columns * sizeof *linear->sums);
    linear->scales = zeros(columns * sizeof *linear->scales);
    linear->bias = zeros(columns * sizeof *linear->bias);
    float *row = zeros(in * sizeof *row);
    if (!linear->weight || !linear->sums || !linear->scales || !linear->bias || !row ||
        (sizes && balance(linear, parts, count, sizes))) {
        ss_int8_linear_free(linear);
        free(row);
        return ss_fail_memory(err, "preparing weights");
    }
    size_t column = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].bias) memcpy(linear->bias + column, parts[i].bias, parts[i].rows * sizeof(float));
        for (size_t r = 0; r < parts[i].rows; r++, column++) {
            memcpy(row, parts[i].weight + r * in, in * sizeof *row);
            if (quantise_channel(linear, kernels, column, row) == 0) continue;
            ss_int8_linear_free(linear);
            free(row);
            return ss_fail(err, SS_INPUT, "weights that are not finite");
        }
    }
    free(row);
    return 0;
}

void ss_int8_linear_free(ss_int8_linear *linear)
{
    free(linear->weight);
    free(linear->sums);
    free(linear->scales);
    free(linear->bias);
    free(linear->factors);
    *linear = (ss_int8_linear){.in = 0};
}

double ss_int8_linear_error(const ss_int8_linear *linear, const ss_int8_kernels *kernels, size_t column, const float *w)
{
    size_t panel = kernels->panel, group = kernels->group, inputs = ss_round_up(linear->in, SS_INT8_GROUP);
    const int8_t *from = linear->weight + column / panel * panel * inputs + column % panel * group;
    double scale = (double)linear->scales[column], squares = 0;
    for (size_t i = 0; i < linear->in; i += group, from += panel * group)
        for (size_t g = 0; g < group && i + g < linear->in; g++) {
            double error = (double)w[i + g] - scale * from[g];
            squares += error * error;
        }
    return sqrt(squares);
}

size_t ss_int8_row_bytes(const ss_int8_kernels *kernels, size_t n)
{
    return ss_round_up(n, SS_INT8_GROUP) * kernels->cell;
}

void ss_int8_linear_run(const ss_int8_linear *linear, const ss_int8_kernels *kernels, size_t m, const unsigned char *q,
                        size_t ldq, const ss_row_scale *rows, const ss_activation *activation, float *y, size_t ldy)
{
    ss_int8_linear_run_part(linear, kernels, 0, linear->out, m, q, ldq, rows, activation, y, ldy);
}

void ss_int8_linear_run_part(const ss_int8_linear *linear, const ss_int8_kernels *kernels, size_t from, size_t to,
                             size_t m, const unsigned char *q, size_t ldq, const ss_row_scale *rows,
                             const ss_activation *activation, float *y, size_t ldy)
{
    size_t inputs = ss_round_up(linear->in, SS_INT8_GROUP), panel = kernels->panel;
    for (size_t j = from; j < to; j += panel) {
        ss_int8_product product = {.m = m,
                                   .n = to - j < panel ? to - j : panel,
                                   .k = inputs,
                                   .q = q,
                                   .ldq = ldq,
                                   .rows = rows,
                                   .weight = linear->weight + j * inputs,
                                   .sums = linear->sums + j,
                                   .scales = linear->scales + j,
                                   .bias = linear->bias + j,
                                   .activation = activation,
                                   .c = y + (j - from),
                                   .ldc = ldy};
        kernels->multiply(&product);
    }
}
