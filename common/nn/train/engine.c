/* engine.c - batches, chunks and memory; see engine.h and engine_parts.h.
 *
 * Chunks and pieces are cut greedily, so they depend on the lengths of the texts, on the model and on activation_bytes,
 * never on the number of threads. Chunks are cut from the end: the last one, which is not run forward twice, is full.
 *
 * Memory grows to what the largest batch so far needed, and every size is computed from sizes that model_files.c has
 * limited and from counts of tokens below MAX_TOKENS, so products fit size_t.
 */
#include "nn/train/engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/aligned.h"
#include "nn/attention.h"
#include "nn/gemm.h"
#include "nn/train/engine_parts.h"
#include "nn/train/product.h"

enum { PIECE = 128 /* tokens */, MAX_TOKENS = 1 << 27 };

static const size_t default_bytes = (size_t)1 << 30;

static size_t lines(size_t floats)
{
    return ss_round_up(floats, SS_LINE_FLOATS);
}

static float *allocate(size_t floats)
{
    return ss_aligned_new(floats * sizeof(float));
}

/* ---- memory ---- */

/* Cuts an allocation into arrays; with base NULL it only measures. */
typedef struct cutter {
    float *base;
    size_t used;
} cutter;

static float *take(cutter *c, size_t floats)
{
    float *at = c->base ? c->base + c->used : NULL;
    c->used += lines(floats);
    return at;
}

static void cut_layer(const ss_train_engine *engine, cutter *c, size_t tokens, ss_kept *kept)
{
    size_t ldh = engine->ldh, ldi = engine->ldi;
    kept->qkv = take(c, tokens * engine->ldq);
    kept->attended = take(c, tokens * ldh);
    kept->hat1 = take(c, tokens * ldh);
    kept->middle = take(c, tokens * ldh);
    kept->slope = take(c, tokens * ldi);
    kept->inner = take(c, tokens * ldi);
    kept->hat2 = take(c, tokens * ldh);
    kept->root1 = take(c, tokens);
    kept->root2 = take(c, tokens);
    kept->out = take(c, tokens * ldh);
}

static size_t cut_activations(ss_train_engine *engine, float *base, size_t tokens)
{
    cutter c = {.base = base};
    engine->embedding_hat = take(&c, tokens * engine->ldh);
    engine->embedding_root = take(&c, tokens);
    engine->embedded = take(&c, tokens * engine->ldh);
    for (size_t l = 0; l < engine->model->config.layers; l++) cut_layer(engine, &c, tokens, &engine->kept[l]);
    return c.used;
}

static size_t cut_gradients(ss_train_engine *engine, float *base, size_t tokens, size_t pieces)
{
    cutter c = {.base = base};
    engine->d_hidden = take(&c, tokens * engine->ldh);
    for (size_t m = 0; m < SS_MAPS; m++) {
        const ss_linear_at *map = &engine->model->layers[0].maps[m];
        engine->strips[m] = take(&c, ss_packed_size(engine->rows->strip, tokens, map->out));
        engine->inputs[m] = take(&c, ss_packed_size(engine->kernels->panel, tokens, map->in));
    }
    engine->partials = take(&c, pieces * engine->partial_size);
    return c.used;
}

static size_t cut_worker(const ss_train_engine *engine, ss_train_worker *worker, size_t rows, size_t tokens)
{
    cutter c = {.base = worker->memory};
    worker->x = take(&c, rows * engine->ldh);
    worker->y = take(&c, rows * engine->ldh);
    worker->wide = take(&c, rows * engine->ldw);
    worker->attention = take(&c, ss_train_attention_scratch(&engine->attention, tokens));
    return c.used;
}

static size_t cut_panels(ss_train_engine *engine, float *base)
{
    size_t panel = engine->kernels->panel;
    cutter c = {.base = base};
    for (size_t m = 0; m < SS_MAPS; m++) {
        const ss_linear_at *map = &engine->model->layers[0].maps[m];
        size_t forward = ss_packed_size(panel, map->in, map->out), backward = ss_packed_size(panel, map->out, map->in);
        engine->panels[m] = take(&c, forward > backward ? forward : backward);
    }
    return c.used;
}

/* Room for chunks of `tokens` tokens. */
static int reserve_activations(ss_train_engine *engine, size_t tokens, ss_error *err)
{
    if (tokens <= engine->capacity) return 0;
    free(engine->activations);
    engine->capacity = 0;
    engine->floats = cut_activations(engine, NULL, tokens);
    engine->activations = allocate(engine->floats);
    if (!engine->activations) return ss_fail_memory(err, "making room for activations");
    cut_activations(engine, engine->activations, tokens);
    engine->capacity = tokens;
    return 0;
}

static int reserve_gradients(ss_train_engine *engine, size_t tokens, size_t pieces, ss_error *err)
{
    if (tokens <= engine->gradient_capacity && pieces <= engine->partial_room) return 0;
    free(engine->gradient_memory);
    engine->gradient_capacity = engine->partial_room = 0;
    engine->gradient_floats = cut_gradients(engine, NULL, tokens, pieces);
    engine->gradient_memory = allocate(engine->gradient_floats);
    if (!engine->gradient_memory) return ss_fail_memory(err, "making room for gradients");
    cut_gradients(engine, engine->gradient_memory, tokens, pieces);
    engine->gradient_capacity = tokens;
    engine->partial_room = pieces;
    return 0;
}

/* Every thread's memory, for pieces of `rows` rows and texts of `tokens` tokens. */
static int reserve_workers(ss_train_engine *engine, size_t rows, size_t tokens, ss_error *err)
{
    if (rows <= engine->worker_rows && tokens <= engine->worker_tokens) return 0;
    if (rows < engine->worker_rows) rows = engine->worker_rows;
    if (tokens < engine->worker_tokens) tokens = engine->worker_tokens;
    engine->worker_rows = engine->worker_tokens = 0;
    for (size_t i = 0; i < engine->threads; i++) {
        ss_train_worker *worker = &engine->workers[i];
        free(worker->memory);
        worker->memory = NULL;
        engine->worker_floats = cut_worker(engine, worker, rows, tokens);
        worker->memory = allocate(engine->worker_floats);
        if (!worker->memory) return ss_fail_memory(err, "making room for compute threads");
        cut_worker(engine, worker, rows, tokens);
    }
    engine->worker_rows = rows;
    engine->worker_tokens = tokens;
    return 0;
}

/* Appends to a list of spans. */
static int push(ss_span **list, size_t *count, size_t *room, ss_span span, ss_error *err)
{
    if (*count == *room) {
        size_t more = *room ? 2 * *room : 64;
        ss_span *grown = realloc(*list, more * sizeof *grown);
        if (!grown) return ss_fail_memory(err, "cutting a batch");
        *list = grown;
        *room = more;
    }
    (*list)[(*count)++] = span;
    return 0;
}

/* ---- chunks and pieces ---- */

/* Cuts the chunk into pieces of at most PIECE tokens, or one text. */
static int cut_pieces(ss_train_engine *engine, ss_error *err)
{
    const uint32_t *starts = engine->texts.starts;
    ss_span piece = {.text = engine->chunk.text};
    engine->piece_count = 0;
    for (size_t t = engine->chunk.text; t < engine->chunk.text + engine->chunk.texts; t++) {
        size_t tokens = starts[t + 1] - starts[t];
        if (piece.texts > 0 && piece.tokens + tokens > PIECE) {
            if (push(&engine->pieces, &engine->piece_count, &engine->piece_room, piece, err) != 0) return -1;
            piece = (ss_span){.text = t, .token = starts[t] - engine->chunk.token};
        }
        piece.texts++;
        piece.tokens += tokens;
    }
    return push(&engine->pieces, &engine->piece_count, &engine->piece_room, piece, err);
}

/* Cuts the batch into chunks of at most `most` tokens, or one text. */
static int cut_chunks(ss_train_engine *engine, const ss_train_texts *texts, size_t most, ss_error *err)
{
    engine->chunk_count = 0;
    for (size_t end = texts->count; end > 0;) {
        size_t first = end - 1;
        while (first > 0 && texts->starts[end] - texts->starts[first - 1] <= most) first--;
        ss_span chunk = {.text = first,
                         .texts = end - first,
                         .token = texts->starts[first],
                         .tokens = texts->starts[end] - texts->starts[first]};
        if (push(&engine->chunks, &engine->chunk_count, &engine->chunk_room, chunk, err) != 0) return -1;
        end = first;
    }
    for (size_t i = 0, j = engine->chunk_count - 1; i < j; i++, j--) {
        ss_span other = engine->chunks[i];
        engine->chunks[i] = engine->chunks[j];
        engine->chunks[j] = other;
    }
    return 0;
}

/* Tokens whose activations fit the option. */
static size_t chunk_limit(ss_train_engine *engine)
{
    cutter c = {.base = NULL};
    ss_kept kept;
    cut_layer(engine, &c, SS_LINE_FLOATS, &kept);
    size_t bytes = engine->options.activation_bytes ? engine->options.activation_bytes : default_bytes;
    size_t per_token = (c.used * engine->model->config.layers / SS_LINE_FLOATS + 2 * engine->ldh) * sizeof(float);
    size_t tokens = bytes / per_token, least = engine->model->config.max_tokens;
    return tokens > least ? tokens : least;
}

static int check_texts(const ss_train_engine *engine, const ss_train_texts *texts, size_t *longest, ss_error *err)
{
    const ss_model_config *config = &engine->model->config;
    if (texts->count == 0 || texts->starts[0] != 0) return ss_fail(err, SS_INPUT, "a batch without texts");
    *longest = 0;
    for (size_t t = 0; t < texts->count; t++) {
        if (texts->starts[t + 1] <= texts->starts[t]) return ss_fail(err, SS_INPUT, "text %zu of a batch is empty", t);
        size_t tokens = texts->starts[t + 1] - texts->starts[t];
        if (tokens > config->max_tokens)
            return ss_fail(err, SS_LIMIT, "a text of %zu tokens is longer than the model's %zu", tokens,
                           config->max_tokens);
        if (tokens > *longest) *longest = tokens;
    }
    if (texts->starts[texts->count] > MAX_TOKENS)
        return ss_fail(err, SS_LIMIT, "a batch of %u tokens", texts->starts[texts->count]);
    for (size_t i = 0; i < texts->starts[texts->count]; i++)
        if (texts->ids[i] < 0 || (size_t)texts->ids[i] >= config->vocabulary)
            return ss_fail(err, SS_INPUT, "token id %d is not in the vocabulary", texts->ids[i]);
    return 0;
}

/* Makes `texts` the engine's batch. */
static int set_batch(ss_train_engine *engine, const ss_train_texts *texts, ss_error *err)
{
    size_t longest = 0, most = 0;
    engine->ready = 0;
    if (check_texts(engine, texts, &longest, err) != 0 || cut_chunks(engine, texts, chunk_limit(engine), err) != 0)
        return -1;
    for (size_t c = 0; c < engine->chunk_count; c++)
        if (engine->chunks[c].tokens > most) most = engine->chunks[c].tokens;
    engine->texts = *texts;
    if (reserve_activations(engine, most, err) != 0) return -1;
    return reserve_workers(engine, longest > PIECE ? longest : PIECE, longest, err);
}

static int set_chunk(ss_train_engine *engine, size_t number, ss_error *err)
{
    engine->chunk = engine->chunks[number];
    return cut_pieces(engine, err);
}

/* MPNet's position bias, from its table (buckets, heads) to one vector over distances per head. */
static void spread_distances(ss_train_engine *engine)
{
    const ss_model_config *config = &engine->model->config;
    if (!engine->distance_bias) return;
    const float *table = engine->model->values + engine->model->buckets;
    size_t count = 2 * config->max_tokens - 1;
    for (size_t d = 0; d < count; d++) {
        size_t bucket = ss_relative_bucket((long)d - (long)(config->max_tokens - 1), config->buckets);
        for (size_t head = 0; head < config->heads; head++)
            engine->distance_bias[head * count + d] = table[bucket * config->heads + head];
    }
}

/* ---- engine.h ---- */

static int fill(ss_train_engine *engine, ss_error *err)
{
    const ss_model_config *config = &engine->model->config;
    size_t wide = 3 * config->hidden > config->inner ? 3 * config->hidden : config->inner;
    size_t distances = config->family == SS_MPNET ? config->heads * (2 * config->max_tokens - 1) : 0;
    engine->kernels = ss_engine_best().kernels;
    engine->rows = ss_row_kernels_for(engine->kernels);
    engine->ldh = lines(config->hidden) + SS_LINE_FLOATS;
    engine->ldq = lines(3 * config->hidden) + SS_LINE_FLOATS;
    engine->ldi = lines(config->inner) + SS_LINE_FLOATS;
    engine->ldw = lines(wide) + SS_LINE_FLOATS;
    engine->partial_size = lines(config->hidden * 9 + config->inner + distances);
    engine->threads = ss_pool_threads(engine->pool);
    engine->kept = calloc(config->layers, sizeof *engine->kept);
    engine->workers = calloc(engine->threads, sizeof *engine->workers);
    float *panels = allocate(cut_panels(engine, NULL));
    if (panels) cut_panels(engine, panels);
    if (distances) engine->distance_bias = calloc(distances, sizeof *engine->distance_bias);
    if (!engine->kept || !engine->workers || !panels || (distances && !engine->distance_bias))
        return ss_fail_memory(err, "starting a training engine");
    engine->attention = (ss_train_attention){.kernels = engine->kernels,
                                             .rows = engine->rows,
                                             .heads = config->heads,
                                             .width = config->hidden / config->heads,
                                             .max_tokens = config->max_tokens,
                                             .bias = engine->distance_bias};
    engine->attention.scale = 1.0f / sqrtf((float)engine->attention.width);
    return 0;
}

ss_train_engine *ss_train_engine_new(ss_train_model *model, ss_pool *pool, const ss_train_engine_options *options,
                                     ss_error *err)
{
    const float rates[] = {options->hidden_dropout, options->attention_dropout};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        if (rates[i] >= 0.0f && rates[i] < 1.0f) continue;
        ss_fail(err, SS_INPUT, "a dropout of %g is not a probability below 1", (double)rates[i]);
        return NULL;
    }
    ss_train_engine *engine = calloc(1, sizeof *engine);
    if (!engine) {
        ss_fail_memory(err, "starting a training engine");
        return NULL;
    }
    engine->model = model;
    engine->pool = pool;
    engine->options = *options;
    if (fill(engine, err) == 0) return engine;
    ss_train_engine_free(engine);
    return NULL;
}

void ss_train_engine_free(ss_train_engine *engine)
{
    if (!engine) return;
    for (size_t i = 0; engine->workers && i < engine->threads; i++) free(engine->workers[i].memory);
    free(engine->workers);
    free(engine->kept);
    free(engine->panels[0]);
    free(engine->distance_bias);
    free(engine->activations);
    free(engine->gradient_memory);
    free(engine->chunks);
    free(engine->pieces);
    free(engine);
}

ss_train_model *ss_train_engine_model(const ss_train_engine *engine)
{
    return engine->model;
}

ss_pool *ss_train_engine_pool(const ss_train_engine *engine)
{
    return engine->pool;
}

static int forward(ss_train_engine *engine, const ss_train_texts *texts, int keep, float *vectors, ss_error *err)
{
    if (set_batch(engine, texts, err) != 0) return -1;
    spread_distances(engine);
    engine->vectors = vectors;
    for (size_t c = 0; c < engine->chunk_count; c++) {
        if (set_chunk(engine, c, err) != 0) return -1;
        engine->live = c;
        engine->keep = keep && c + 1 == engine->chunk_count;
        ss_train_chunk_forward(engine);
    }
    return 0;
}

int ss_train_forward(ss_train_engine *engine, const ss_train_texts *texts, uint64_t step, float *vectors, ss_error *err)
{
    engine->step = step;
    engine->dropout = 1;
    if (forward(engine, texts, 1, vectors, err) != 0) return -1;
    engine->ready = 1;
    return 0;
}

int ss_train_embed(ss_train_engine *engine, const ss_train_texts *texts, float *vectors, ss_error *err)
{
    engine->dropout = 0;
    return forward(engine, texts, 0, vectors, err);
}

int ss_train_backward(ss_train_engine *engine, const float *d_vectors, ss_error *err)
{
    if (!engine->ready) return ss_fail(err, SS_INTERNAL, "a backward pass without a forward pass");
    engine->ready = 0;
    engine->vectors = NULL;
    engine->d_vectors = d_vectors;
    engine->keep = 1;
    for (size_t c = engine->chunk_count; c-- > 0;) {
        if (set_chunk(engine, c, err) != 0 ||
            reserve_gradients(engine, engine->chunk.tokens, engine->piece_count, err) != 0)
            return -1;
        if (c != engine->live) ss_train_chunk_forward(engine);
        engine->live = c;
        ss_train_chunk_backward(engine);
    }
    return 0;
}

size_t ss_train_engine_bytes(const ss_train_engine *engine)
{
    size_t floats = engine->threads * engine->worker_floats + engine->floats + engine->gradient_floats;
    const ss_train_model *model = engine->model;
    for (size_t m = 0; m < SS_MAPS; m++)
        floats += ss_packed_size(engine->kernels->panel, model->layers[0].maps[m].in, model->layers[0].maps[m].out);
    return floats * sizeof(float);
}

/* ---- for the passes ---- */

ss_kept *ss_train_layer_kept(const ss_train_engine *engine, size_t layer)
{
    return &engine->kept[engine->keep ? layer : 0];
}

const float *ss_train_layer_input(const ss_train_engine *engine, size_t layer)
{
    return layer == 0 ? engine->embedded : ss_train_layer_kept(engine, layer - 1)->out;
}

ss_partial ss_train_partial(const ss_train_engine *engine, size_t piece)
{
    const ss_model_config *config = &engine->model->config;
    float *at = engine->partials + piece * engine->partial_size;
    ss_partial partial;
    for (size_t m = 0; m < SS_MAPS; m++) {
        partial.bias[m] = at;
        at += engine->model->layers[0].maps[m].out;
    }
    partial.gamma1 = at;
    partial.beta1 = partial.gamma1 + config->hidden;
    partial.gamma2 = partial.beta1 + config->hidden;
    partial.beta2 = partial.gamma2 + config->hidden;
    partial.distances = config->family == SS_MPNET ? partial.beta2 + config->hidden : NULL;
    return partial;
}

size_t ss_train_panel_count(const ss_train_engine *engine, int forward_pass)
{
    size_t panel = engine->kernels->panel, count = 0;
    for (size_t m = 0; m < SS_MAPS; m++) {
        const ss_linear_at *map = &engine->model->layers[engine->layer].maps[m];
        count += ((forward_pass ? map->out : map->in) + panel - 1) / panel;
    }
    return count;
}
