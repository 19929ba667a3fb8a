/* encoder_int8.c - the layers of the int8 encoder; see encoder.h.
 *
 * The hidden state x is fp32 and travels with its bytes, which each LayerNorm makes anew. A layer takes a group of
 * sequences at a time, about a hundred rows, all the way through:
 *   query, key, value -> attention of each sequence -> bytes -> output projection -> x = LN(x + .), bytes
 *   -> up, activation -> bytes -> down -> x = LN(x + .), bytes
 * so that what is in between, the wide inner layer above all, lies in buffers of one group that stay in the L2 cache. A
 * long sequence is a group of its own, whose rows pass the linear layers in blocks. Every operation but attention works
 * on rows alone, and attention on sequences, so groups and blocks do not show in the result.
 */
#include <stdlib.h>

#include "base/aligned.h"
#include "nn/encoder_parts.h"

/* BLOCK: rows enough that a panel of weights is used often, few enough that a block's inner layer (600 KiB) is cached.
 */
enum { BLOCK = 96 };

/* Quantised rows. */
typedef struct byte_rows {
    unsigned char *q;
    ss_row_scale *scales;
    size_t ld;
} byte_rows;

struct ss_int8_run {
    const ss_encoder *encoder;
    const ss_int8_kernels *kernels;
    byte_rows x;     /* (max_tokens, H) */
    byte_rows input; /* (BLOCK, max(H, I)) */
    float *narrow;   /* (BLOCK, H) */
    float *inner;    /* (BLOCK, I) */
    size_t ldn, ldi; /* rows of narrow and inner */
};

static int take_rows(byte_rows *rows, const ss_int8_kernels *kernels, size_t count, size_t n)
{
    rows->ld = ss_round_up(ss_int8_row_bytes(kernels, n), SS_LINE) + SS_LINE;
    rows->q = ss_aligned_new(count * rows->ld);
    rows->scales = calloc(count, sizeof *rows->scales);
    return rows->q && rows->scales ? 0 : -1;
}

size_t ss_int8_group_rows(const ss_encoder *encoder)
{
    return encoder->config.max_tokens > BLOCK ? encoder->config.max_tokens : BLOCK;
}

ss_int8_run *ss_int8_run_new(const ss_encoder *encoder, size_t max_tokens, ss_error *err)
{
    size_t hidden = encoder->config.hidden, inner = encoder->config.inner;
    ss_int8_run *run = calloc(1, sizeof *run);
    if (run) {
        *run = (ss_int8_run){.encoder = encoder, .kernels = encoder->engine.int8};
        run->ldn = ss_round_up(hidden, SS_LINE_FLOATS) + SS_LINE_FLOATS;
        run->ldi = ss_round_up(inner, SS_LINE_FLOATS) + SS_LINE_FLOATS;
        run->narrow = ss_aligned_new(BLOCK * run->ldn * sizeof *run->narrow);
        run->inner = ss_aligned_new(BLOCK * run->ldi * sizeof *run->inner);
    }
    if (!run || !run->narrow || !run->inner || take_rows(&run->x, run->kernels, max_tokens, hidden) ||
        take_rows(&run->input, run->kernels, BLOCK, hidden > inner ? hidden : inner)) {
        ss_int8_run_free(run);
        ss_fail_memory(err, "making room for micro-batches");
        return NULL;
    }
    return run;
}

void ss_int8_run_free(ss_int8_run *run)
{
    if (!run) return;
    free(run->x.q);
    free(run->x.scales);
    free(run->input.q);
    free(run->input.scales);
    free(run->narrow);
    free(run->inner);
    free(run);
}

/* Rows [to, to + count) of `rows` from `count` rows of x, for the linear layer that takes them. */
static void quantise(const ss_int8_run *run, size_t count, const float *x, size_t ldx, const ss_map *taker,
                     byte_rows *rows, size_t to)
{
    for (size_t i = 0; i < count; i++)
        run->kernels->quantise(x + i * ldx, taker->int8.factors, taker->int8.in, rows->q + (to + i) * rows->ld,
                               &rows->scales[to + i]);
}

void ss_int8_begin(ss_int8_run *run, const float *x, size_t ldx, size_t tokens)
{
    if (run->encoder->config.layers) quantise(run, tokens, x, ldx, &run->encoder->layers[0].qkv, &run->x, 0);
}

/* x = LN(x + narrow), and its bytes for `taker` (NULL: nobody), for `count` rows from `first` on. */
static void add_and_normalise(ss_int8_run *run, size_t first, size_t count, float *x, size_t ldx,
                              const ss_layer_norm *norm, const ss_map *taker)
{
    for (size_t i = 0; i < count; i++) {
        float *row = x + (first + i) * ldx;
        ss_encoder_normalise(run->encoder, 1, row, ldx, run->narrow + i * run->ldn, run->ldn, norm);
        if (taker) quantise(run, 1, row, ldx, taker, &run->x, first + i);
    }
}

static void run_linear(const ss_int8_run *run, const ss_map *map, size_t rows, const byte_rows *input, size_t first,
                       const ss_activation *activation, float *y, size_t ldy)
{
    ss_int8_linear_run(&map->int8, run->kernels, rows, input->q + first * input->ld, input->ld, input->scales + first,
                       activation, y, ldy);
}

static void run_block(ss_int8_run *run, const ss_layer *layer, const ss_hidden *state, size_t first, size_t rows)
{
    const ss_encoder *encoder = run->encoder;
    const ss_layer *next = layer + 1 < encoder->layers + encoder->config.layers ? layer + 1 : NULL;
    quantise(run, rows, state->y + first * state->ldx, state->ldx, &layer->out, &run->input, 0);
    run_linear(run, &layer->out, rows, &run->input, 0, NULL, run->narrow, run->ldn);
    add_and_normalise(run, first, rows, state->x, state->ldx, &layer->after_attention, &layer->up);
    run_linear(run, &layer->up, rows, &run->x, first, &encoder->config.activation, run->inner, run->ldi);
    quantise(run, rows, run->inner, run->ldi, &layer->down, &run->input, 0);
    run_linear(run, &layer->down, rows, &run->input, 0, NULL, run->narrow, run->ldn);
    add_and_normalise(run, first, rows, state->x, state->ldx, &layer->after_inner, next ? &next->qkv : NULL);
}

/* A layer of the sequences [from, to). */
static void run_group(ss_int8_run *run, const ss_layer *layer, const ss_hidden *state, const uint32_t *starts,
                      size_t from, size_t to)
{
    size_t first = starts[from], rows = starts[to] - first;
    for (size_t i = 0; i < rows; i += BLOCK)
        run_linear(run, &layer->qkv, rows - i < BLOCK ? rows - i : BLOCK, &run->x, first + i, NULL,
                   state->wide + i * state->ldw, state->ldw);
    for (size_t s = from; s < to; s++)
        run->kernels->attend(&run->encoder->attention, starts[s + 1] - starts[s],
                             state->wide + (starts[s] - first) * state->ldw, state->ldw, state->scratch,
                             state->y + starts[s] * state->ldx, state->ldx);
    for (size_t i = 0; i < rows; i += BLOCK)
        run_block(run, layer, state, first + i, rows - i < BLOCK ? rows - i : BLOCK);
}

void ss_int8_layer(ss_int8_run *run, const ss_layer *layer, const ss_hidden *state, const uint32_t *starts,
                   size_t sequences)
{
    for (size_t from = 0, to; from < sequences; from = to) {
        for (to = from + 1; to < sequences && starts[to + 1] - starts[from] <= BLOCK;) to++;
        run_group(run, layer, state, starts, from, to);
    }
}
