/* encoder.c - the forward pass; see encoder.h. Loading is in encoder_load.c.
 *
 * All tokens of the micro-batch pass the linear layers together, as the rows of one matrix; only attention and pooling
 * know where a sequence begins. Four buffers are enough:
 *   x     (M, H) the hidden state
 *   y     (M, H) what attention and the feed-forward network give, before it is added to x
 *   wide  (M, max(3 H, I)) query, key and value; then the attention's output projection; then the inner layer
 *   attention scratch of one sequence
 * In int8 a layer is that of encoder_int8.c, and `wide` holds a group of its sequences only.
 * Their rows are one cache line longer than the data: rows of 4096 bytes and multiples would all fall into the same
 * sets of the L1 cache, and the register tile reads a dozen rows at once.
 */
#include "nn/encoder.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/aligned.h"
#include "nn/encoder_parts.h"

enum { MAX_BATCH = 1 << 20 };

struct ss_encoder_run {
    const ss_encoder *encoder;
    size_t max_tokens; /* M */
    size_t ldx, ldw;   /* row distances of x and y, and of wide */
    float *x, *y, *wide, *scratch;
    ss_int8_run *int8; /* NULL: fp32 */
};

size_t ss_encoder_dims(const ss_encoder *encoder)
{
    return encoder->config.hidden;
}

size_t ss_encoder_max_tokens(const ss_encoder *encoder)
{
    return encoder->config.max_tokens;
}

const ss_tokenizer *ss_encoder_tokenizer(const ss_encoder *encoder)
{
    return encoder->tokenizer;
}

const ss_model_config *ss_encoder_config(const ss_encoder *encoder)
{
    return &encoder->config;
}

const char *ss_encoder_engine(const ss_encoder *encoder)
{
    if (encoder->engine.int8) return encoder->engine.int8->name;
    return encoder->engine.blas ? "openblas" : encoder->engine.kernels->name;
}

const ss_copied_weights *ss_encoder_copied(const ss_encoder *encoder, size_t *count)
{
    *count = encoder->copied_count;
    return encoder->copied;
}

ss_precision ss_encoder_precision(const ss_encoder *encoder)
{
    return encoder->engine.int8 ? SS_INT8 : SS_FP32;
}

double ss_encoder_flops(const ss_encoder *encoder, size_t tokens)
{
    double hidden = (double)encoder->config.hidden, inner = (double)encoder->config.inner, t = (double)tokens;
    double linear = 2.0 * t * (4.0 * hidden * hidden + 2.0 * hidden * inner);
    double attention = 2.0 * 2.0 * t * t * hidden;
    return (double)encoder->config.layers * (linear + attention);
}

static float *floats(size_t rows, size_t stride)
{
    return ss_aligned_new(rows * stride * sizeof(float));
}

ss_encoder_run *ss_encoder_run_new(const ss_encoder *encoder, size_t max_batch_tokens, ss_error *err)
{
    const ss_model_config *config = &encoder->config;
    size_t tokens = max_batch_tokens > config->max_tokens ? max_batch_tokens : config->max_tokens;
    const ss_int8_kernels *int8 = encoder->engine.int8;
    size_t wide = int8 || 3 * config->hidden > config->inner ? 3 * config->hidden : config->inner;
    if (tokens > MAX_BATCH) {
        ss_fail(err, SS_LIMIT, "a micro-batch of %zu tokens is more than %d", tokens, MAX_BATCH);
        return NULL;
    }
    ss_encoder_run *run = calloc(1, sizeof *run);
    if (run) {
        *run = (ss_encoder_run){.encoder = encoder, .max_tokens = tokens};
        run->ldx = ss_round_up(config->hidden, SS_LINE_FLOATS) + SS_LINE_FLOATS;
        run->ldw = ss_round_up(wide, SS_LINE_FLOATS) + SS_LINE_FLOATS;
        run->x = floats(tokens, run->ldx);
        run->y = floats(tokens, run->ldx);
        run->wide = floats(int8 ? ss_int8_group_rows(encoder) : tokens, run->ldw);
        run->scratch = floats(1, int8 ? ss_int8_attention_scratch(int8, &encoder->attention)
                                      : ss_attention_scratch(&encoder->attention));
        run->int8 = int8 ? ss_int8_run_new(encoder, tokens, err) : NULL;
    }
    if (!run || !run->x || !run->y || !run->wide || !run->scratch || (int8 && !run->int8)) {
        ss_encoder_run_free(run);
        ss_fail_memory(err, "making room for micro-batches");
        return NULL;
    }
    return run;
}

void ss_encoder_run_free(ss_encoder_run *run)
{
    if (!run) return;
    free(run->x);
    free(run->y);
    free(run->wide);
    free(run->scratch);
    ss_int8_run_free(run->int8);
    free(run);
}

static int check_batch(const ss_encoder_run *run, const int32_t *ids, const uint32_t *starts, size_t sequences,
                       ss_error *err)
{
    const ss_model_config *config = &run->encoder->config;
    if (starts[0] != 0) return ss_fail(err, SS_INPUT, "the first sequence does not start at 0");
    for (size_t s = 0; s < sequences; s++) {
        if (starts[s + 1] <= starts[s]) return ss_fail(err, SS_INPUT, "sequence %zu of a micro-batch is empty", s);
        if (starts[s + 1] - starts[s] > config->max_tokens)
            return ss_fail(err, SS_LIMIT, "a sequence of %u tokens is longer than the model's %zu",
                           starts[s + 1] - starts[s], config->max_tokens);
    }
    if (starts[sequences] > run->max_tokens)
        return ss_fail(err, SS_LIMIT, "a micro-batch of %u tokens is larger than %zu", starts[sequences],
                       run->max_tokens);
    for (size_t i = 0; i < starts[sequences]; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= config->vocabulary)
            return ss_fail(err, SS_INPUT, "token id %d is not in the vocabulary", ids[i]);
    return 0;
}

void ss_encoder_normalise(const ss_encoder *encoder, size_t rows, float *x, size_t ldx, const float *add, size_t lda,
                          const ss_layer_norm *norm)
{
    for (size_t i = 0; i < rows; i++)
        encoder->engine.kernels->layer_norm(x + i * ldx, add + i * lda, norm->gamma.data, norm->beta.data,
                                            encoder->config.norm_epsilon, encoder->config.hidden, x + i * ldx);
}

/* BERT counts positions from 0. MPNet counts from pad_id + 1, and a padding token inside the text takes the padding's
 * position and is not counted. */
void ss_encoder_embed(const ss_encoder *encoder, const int32_t *ids, size_t tokens, float *x, size_t ldx)
{
    const ss_kernels *kernels = encoder->engine.kernels;
    size_t hidden = encoder->config.hidden, counted = 0;
    int mpnet = encoder->config.family == SS_MPNET, pad = encoder->config.pad_id;
    const ss_layer_norm *norm = &encoder->embedding_norm;
    for (size_t i = 0; i < tokens; i++, x += ldx) {
        size_t position = !mpnet ? i : ids[i] == pad ? (size_t)pad : (size_t)pad + ++counted;
        memcpy(x, encoder->words.data + (size_t)ids[i] * hidden, hidden * sizeof *x);
        if (encoder->types.data) kernels->add(x, encoder->types.data, hidden);
        kernels->add(x, encoder->positions.data + position * hidden, hidden);
        kernels->layer_norm(x, NULL, norm->gamma.data, norm->beta.data, encoder->config.norm_epsilon, hidden, x);
    }
}

static void embed(const ss_encoder_run *run, const int32_t *ids, const uint32_t *starts, size_t sequences)
{
    for (size_t s = 0; s < sequences; s++)
        ss_encoder_embed(run->encoder, ids + starts[s], starts[s + 1] - starts[s], run->x + starts[s] * run->ldx,
                         run->ldx);
    if (run->int8) ss_int8_begin(run->int8, run->x, run->ldx, starts[sequences]);
}

static ss_hidden state_of(const ss_encoder_run *run)
{
    return (ss_hidden){
        .x = run->x, .y = run->y, .wide = run->wide, .ldx = run->ldx, .ldw = run->ldw, .scratch = run->scratch};
}

/* One post-norm block: x = LN(x + attention(x)); x = LN(x + down(act(up(x)))). */
static void run_layer(const ss_encoder_run *run, const ss_layer *layer, const uint32_t *starts, size_t sequences)
{
    const ss_encoder *encoder = run->encoder;
    if (run->int8) {
        ss_hidden state = state_of(run);
        ss_int8_layer(run->int8, layer, &state, starts, sequences);
        return;
    }
    ss_engine engine = encoder->engine;
    size_t tokens = starts[sequences], ldx = run->ldx, ldw = run->ldw;
    ss_linear_run(&layer->qkv.fp32, engine, tokens, run->x, ldx, NULL, run->wide, ldw);
    for (size_t s = 0; s < sequences; s++)
        ss_attention_run(&encoder->attention, starts[s + 1] - starts[s], run->wide + starts[s] * ldw, ldw, run->scratch,
                         run->y + starts[s] * ldx, ldx);
    ss_linear_run(&layer->out.fp32, engine, tokens, run->y, ldx, NULL, run->wide, ldw);
    ss_encoder_normalise(encoder, tokens, run->x, ldx, run->wide, ldw, &layer->after_attention);

    ss_linear_run(&layer->up.fp32, engine, tokens, run->x, ldx, &encoder->config.activation, run->wide, ldw);
    ss_linear_run(&layer->down.fp32, engine, tokens, run->wide, ldw, NULL, run->y, ldx);
    ss_encoder_normalise(encoder, tokens, run->x, ldx, run->y, ldx, &layer->after_inner);
}

/* out (H) = the pooled rows of one sequence. */
static void pool_sequence(const ss_encoder_run *run, size_t first, size_t tokens, float *out)
{
    const ss_model_config *config = &run->encoder->config;
    const ss_kernels *kernels = run->encoder->engine.kernels;
    const float *x = run->x + first * run->ldx;
    memcpy(out, x, config->hidden * sizeof *out);
    for (size_t i = 1; i < tokens && config->pooling != SS_POOL_CLS; i++) {
        if (config->pooling == SS_POOL_MEAN)
            kernels->add(out, x + i * run->ldx, config->hidden);
        else
            kernels->maximum(out, x + i * run->ldx, config->hidden);
    }
    if (config->pooling == SS_POOL_MEAN) kernels->scale(out, 1.0f / (float)tokens, config->hidden);
    if (!config->normalise) return;
    float norm = sqrtf(kernels->dot(out, out, config->hidden));
    kernels->scale(out, 1.0f / (norm > 1e-12f ? norm : 1e-12f), config->hidden); /* as torch's normalize */
}

int ss_encoder_forward(ss_encoder_run *run, const int32_t *ids, const uint32_t *starts, size_t sequences, float *out,
                       ss_error *err)
{
    const ss_encoder *encoder = run->encoder;
    if (check_batch(run, ids, starts, sequences, err) != 0) return -1;
    embed(run, ids, starts, sequences);
    for (size_t i = 0; i < encoder->config.layers; i++) run_layer(run, &encoder->layers[i], starts, sequences);
    for (size_t s = 0; s < sequences; s++)
        pool_sequence(run, starts[s], starts[s + 1] - starts[s], out + s * encoder->config.hidden);
    return 0;
}

static void copy_state(const ss_encoder_run *run, size_t tokens, float *to)
{
    size_t hidden = run->encoder->config.hidden;
    for (size_t i = 0; i < tokens; i++) memcpy(to + i * hidden, run->x + i * run->ldx, hidden * sizeof *to);
}

int ss_encoder_states(ss_encoder_run *run, const int32_t *ids, size_t tokens, float *states, ss_error *err)
{
    const ss_encoder *encoder = run->encoder;
    if (tokens > run->max_tokens) return ss_fail(err, SS_LIMIT, "%zu tokens are too many", tokens);
    uint32_t starts[2] = {0, (uint32_t)tokens};
    if (check_batch(run, ids, starts, 1, err) != 0) return -1;
    embed(run, ids, starts, 1);
    copy_state(run, tokens, states);
    for (size_t i = 0; i < encoder->config.layers; i++) {
        run_layer(run, &encoder->layers[i], starts, 1);
        copy_state(run, tokens, states + (i + 1) * tokens * encoder->config.hidden);
    }
    return 0;
}
