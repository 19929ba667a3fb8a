/* attention.c - see attention.h. Whole (T, T) matrices of one head are in scratch memory: for the texts that one trains
 * on, a few dozen tokens, they are small; at 512 tokens they are a megabyte each.
 */
#include "nn/train/attention.h"

#include <string.h>

#include "base/aligned.h"
#include "nn/train/product.h"

/* Scratch memory cut up for one head of a text of T tokens. */
typedef struct head_scratch {
    size_t stride;     /* row distance of p and d */
    float *p;          /* (T, T) probabilities */
    float *d;          /* (T, T) their gradient, then that of the scores */
    float *transposed; /* (width, T) panels of keys or values */
    float *panels;     /* (T, width) panels of values, keys, queries or d_out */
    float *strips;     /* (T, T) strips of p or d */
} head_scratch;

/* One more line than needed keeps rows of a power of two from sharing cache sets. */
static size_t score_stride(const ss_train_attention *attention, size_t tokens)
{
    return ss_round_up(ss_round_up(tokens, attention->kernels->panel), SS_LINE_FLOATS) + SS_LINE_FLOATS;
}

static size_t part_sizes(const ss_train_attention *attention, size_t tokens, size_t sizes[5])
{
    size_t panel = attention->kernels->panel, total = 0;
    sizes[0] = sizes[1] = score_stride(attention, tokens) * tokens;
    sizes[2] = ss_packed_size(panel, attention->width, tokens);
    sizes[3] = ss_packed_size(panel, tokens, attention->width);
    sizes[4] = ss_packed_size(attention->rows->strip, tokens, tokens);
    for (size_t i = 0; i < 5; i++) total += sizes[i] = ss_round_up(sizes[i], SS_LINE_FLOATS);
    return total;
}

size_t ss_train_attention_scratch(const ss_train_attention *attention, size_t tokens)
{
    size_t sizes[5];
    return part_sizes(attention, tokens, sizes);
}

static head_scratch cut(const ss_train_attention *attention, size_t tokens, float *scratch)
{
    size_t sizes[5];
    part_sizes(attention, tokens, sizes);
    head_scratch parts = {.stride = score_stride(attention, tokens), .p = scratch};
    parts.d = parts.p + sizes[0];
    parts.transposed = parts.d + sizes[1];
    parts.panels = parts.transposed + sizes[2];
    parts.strips = parts.panels + sizes[3];
    return parts;
}

/* out (T, T) = x y^T of two (T, width) matrices. */
static void all_pairs(const ss_train_attention *attention, size_t tokens, const float *x, size_t ldx, const float *y,
                      size_t ldy, const head_scratch *s, float *out)
{
    size_t panel = attention->kernels->panel;
    for (size_t j = 0; j * panel < tokens; j++)
        ss_pack_panel_transposed(panel, attention->width, tokens, j, y, ldy, s->transposed);
    /* Whole panels: the columns behind the last token are zeros in memory that is there. */
    ss_product(attention->kernels, tokens, ss_round_up(tokens, panel), attention->width, x, ldx, s->transposed, NULL,
               out, s->stride, 0);
}

/* out (T, width) = m x, or m^T x, of (T, T) and (T, width). */
static void combine(const ss_train_attention *attention, size_t tokens, const float *m, const float *x, size_t ldx,
                    const head_scratch *s, float *out, size_t ldo)
{
    ss_pack_rows(attention->kernels->panel, tokens, attention->width, 0, tokens, x, ldx, s->panels);
    ss_product(attention->kernels, tokens, attention->width, tokens, m, s->stride, s->panels, NULL, out, ldo, 0);
}

static void combine_transposed(const ss_train_attention *attention, size_t tokens, const float *m, const float *x,
                               size_t ldx, const head_scratch *s, float *out, size_t ldo)
{
    ss_pack_rows(attention->kernels->panel, tokens, attention->width, 0, tokens, x, ldx, s->panels);
    ss_pack_rows(attention->rows->strip, tokens, tokens, 0, tokens, m, s->stride, s->strips);
    for (size_t i = 0; i < tokens; i++) memset(out + i * ldo, 0, attention->width * sizeof *out);
    ss_outer_product(attention->kernels, attention->rows, tokens, s->strips, 0, tokens, s->panels, 0, attention->width,
                     out, ldo);
}

static void drop_rows(const ss_train_attention *attention, const ss_attended *text, size_t head, float *m,
                      size_t stride)
{
    if (!(text->dropout > 0.0f)) return;
    ss_dropout_row site = text->site;
    for (size_t i = 0; i < text->tokens; i++) {
        site.row = head * text->tokens + i;
        attention->rows->dropout(ss_dropout_key(&site), text->dropout, m + i * stride, text->tokens);
    }
}

static void probabilities(const ss_train_attention *attention, const ss_attended *text, size_t head,
                          const head_scratch *s)
{
    size_t hidden = attention->heads * attention->width;
    const float *query = text->qkv + head * attention->width;
    all_pairs(attention, text->tokens, query, text->ldq, query + hidden, text->ldq, s, s->p);
    const float *bias = attention->bias;
    if (bias) bias += head * (2 * attention->max_tokens - 1) + attention->max_tokens - 1;
    for (size_t i = 0; i < text->tokens; i++)
        attention->kernels->softmax(s->p + i * s->stride, text->tokens, attention->scale, bias ? bias - i : NULL);
}

void ss_train_attention_forward(const ss_train_attention *attention, const ss_attended *text, float *scratch,
                                float *out, size_t ldo)
{
    size_t width = attention->width, hidden = attention->heads * width;
    head_scratch s = cut(attention, text->tokens, scratch);
    for (size_t head = 0; head < attention->heads; head++) {
        probabilities(attention, text, head, &s);
        drop_rows(attention, text, head, s.p, s.stride);
        combine(attention, text->tokens, s.p, text->qkv + 2 * hidden + head * width, text->ldq, &s, out + head * width,
                ldo);
    }
}

/* s->d, the gradient of dropped probabilities, becomes that of the scores before `scale`; d_bias (2 max_tokens - 1)
 * gets the sums of its diagonals. s->p holds undropped probabilities. */
static void score_gradients(const ss_train_attention *attention, const ss_attended *text, size_t head,
                            const head_scratch *s, float *d_bias)
{
    drop_rows(attention, text, head, s->d, s->stride);
    for (size_t i = 0; i < text->tokens; i++) {
        float *d = s->d + i * s->stride;
        attention->rows->softmax_backward(s->p + i * s->stride, d, text->tokens);
        if (d_bias) attention->kernels->add(d_bias + attention->max_tokens - 1 - i, d, text->tokens);
        attention->kernels->scale(d, attention->scale, text->tokens);
    }
}

void ss_train_attention_backward(const ss_train_attention *attention, const ss_attended *text, const float *d_out,
                                 size_t ldo, float *scratch, float *d_qkv, size_t ldd, float *d_bias)
{
    size_t width = attention->width, hidden = attention->heads * width, tokens = text->tokens;
    head_scratch s = cut(attention, tokens, scratch);
    for (size_t head = 0; head < attention->heads; head++) {
        const float *query = text->qkv + head * width, *key = query + hidden, *value = key + hidden;
        const float *d_head = d_out + head * width;
        float *d_query = d_qkv + head * width;
        probabilities(attention, text, head, &s);
        memcpy(s.d, s.p, tokens * s.stride * sizeof *s.d);
        drop_rows(attention, text, head, s.d, s.stride);
        combine_transposed(attention, tokens, s.d, d_head, ldo, &s, d_query + 2 * hidden, ldd);
        all_pairs(attention, tokens, d_head, ldo, value, text->ldq, &s, s.d);
        score_gradients(attention, text, head, &s, d_bias ? d_bias + head * (2 * attention->max_tokens - 1) : NULL);
        combine(attention, tokens, s.d, key, text->ldq, &s, d_query, ldd);
        combine_transposed(attention, tokens, s.d, query, text->ldq, &s, d_query + hidden, ldd);
    }
}
