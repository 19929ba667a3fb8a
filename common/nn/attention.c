/* attention.c - see attention.h.
 *
 * Both products use the register tile of the linear layers, so keys and values of a head are copied into panels first:
 * keys transposed, (width, T), values as they are, (T, width). That costs 2 T width moves against 4 T^2 width
 * operations. Columns beyond T or width in the last panel are zero and are never looked at.
 */
#include "nn/attention.h"

#include <math.h>
#include <string.h>

#include "base/aligned.h"

enum { MAX_DISTANCE = 128 };

static size_t panels(const ss_attention *attention, size_t columns)
{
    return ss_round_up(columns, attention->kernels->panel) / attention->kernels->panel;
}

/* Row distance of the scores; the extra line keeps rows of a power of two from sharing cache sets. */
static size_t score_stride(const ss_attention *attention, size_t tokens)
{
    return ss_round_up(panels(attention, tokens) * attention->kernels->panel, SS_LINE_FLOATS) + SS_LINE_FLOATS;
}

static size_t keys_size(const ss_attention *attention, size_t tokens)
{
    return ss_round_up(panels(attention, tokens) * attention->kernels->panel * attention->width, SS_LINE_FLOATS);
}

static size_t values_size(const ss_attention *attention, size_t tokens)
{
    return ss_round_up(panels(attention, attention->width) * attention->kernels->panel * tokens, SS_LINE_FLOATS);
}

size_t ss_attention_scratch(const ss_attention *attention)
{
    size_t tokens = attention->max_tokens;
    return keys_size(attention, tokens) + values_size(attention, tokens) +
           attention->kernels->rows * score_stride(attention, tokens);
}

/* Key j becomes column j: panel j / P, there (d, j % P). */
static void pack_keys(const ss_attention *attention, size_t tokens, const float *keys, size_t ldk, float *packed)
{
    size_t panel = attention->kernels->panel, width = attention->width;
    for (size_t j = 0; j < ss_round_up(tokens, panel); j++) {
        float *column = packed + j / panel * panel * width + j % panel;
        const float *key = keys + j * ldk;
        if (j < tokens)
            for (size_t d = 0; d < width; d++) column[d * panel] = key[d];
        else
            for (size_t d = 0; d < width; d++) column[d * panel] = 0.0f;
    }
}

static void pack_values(const ss_attention *attention, size_t tokens, const float *values, size_t ldv, float *packed)
{
    size_t panel = attention->kernels->panel, width = attention->width;
    for (size_t d = 0; d < width; d += panel) {
        size_t columns = width - d < panel ? width - d : panel;
        for (size_t j = 0; j < tokens; j++, packed += panel) {
            memcpy(packed, values + j * ldv + d, columns * sizeof *packed);
            memset(packed + columns, 0, (panel - columns) * sizeof *packed);
        }
    }
}

/* Query rows [first, first + rows) of one head: scores, softmax, product with the values. */
static void attend(const ss_attention *attention, size_t head, size_t tokens, size_t first, size_t rows,
                   const float *query, size_t ldq, const float *keys, const float *values, float *scores, float *out,
                   size_t ldo)
{
    const ss_kernels *kernels = attention->kernels;
    size_t panel = kernels->panel, width = attention->width, stride = score_stride(attention, tokens);
    for (size_t j = 0; j < tokens; j += panel)
        kernels->multiply(rows, panel, width, query, ldq, keys + j * width, NULL, scores + j, stride, 0);
    const float *bias = attention->bias;
    if (bias) bias += head * (2 * attention->max_tokens - 1) + attention->max_tokens - 1 - first;
    for (size_t r = 0; r < rows; r++)
        kernels->softmax(scores + r * stride, tokens, attention->scale, bias ? bias - r : NULL);
    for (size_t d = 0; d < width; d += panel) {
        size_t columns = width - d < panel ? width - d : panel;
        kernels->multiply(rows, columns, tokens, scores, stride, values + d * tokens, NULL, out + d, ldo, 0);
    }
}

void ss_attention_run(const ss_attention *attention, size_t tokens, const float *qkv, size_t ldq, float *scratch,
                      float *out, size_t ldo)
{
    size_t width = attention->width, hidden = attention->heads * width, tile = attention->kernels->rows;
    float *keys = scratch;
    float *values = keys + keys_size(attention, tokens);
    float *scores = values + values_size(attention, tokens);
    for (size_t head = 0; head < attention->heads; head++) {
        const float *query = qkv + head * width;
        pack_keys(attention, tokens, query + hidden, ldq, keys);
        pack_values(attention, tokens, query + 2 * hidden, ldq, values);
        for (size_t i = 0; i < tokens; i += tile) {
            size_t rows = tokens - i < tile ? tokens - i : tile;
            attend(attention, head, tokens, i, rows, query + i * ldq, ldq, keys, values, scores,
                   out + i * ldo + head * width, ldo);
        }
    }
}

size_t ss_relative_bucket(long distance, size_t buckets)
{
    size_t half = buckets / 2, exact = half / 2;
    size_t first = distance > 0 ? half : 0;
    size_t n = (size_t)(distance < 0 ? -distance : distance);
    if (n < exact) return first + n;
    /* In single precision and in this order, as PyTorch computes it. */
    float steps =
        logf((float)n / (float)exact) / (float)log((double)MAX_DISTANCE / (double)exact) * (float)(half - exact);
    size_t bucket = exact + (size_t)steps;
    return first + (bucket < half ? bucket : half - 1);
}
