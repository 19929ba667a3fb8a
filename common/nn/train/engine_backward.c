/* engine_backward.c - one chunk backward; see engine_parts.h.
 *
 * Phases: gradient of the pooling; then for each layer from the last: pack its weights, gradients of its activations
 * (pieces of texts), gradients of its weights (pieces of matrices); then the embeddings.
 *
 * A sum over tokens must not depend on who computes what. Weight gradients are products over all tokens of the chunk,
 * dW = dY^T X, cut into blocks of dW: each block is summed by one thread over the tokens in order. For them the pieces
 * of texts leave dY and X packed (strips, inputs). Sums into vectors (biases, LayerNorm, relative positions) are taken
 * per piece and added up in the order of pieces, which depend on the texts only. Rows of the embedding tables are
 * added to in the order of tokens, by one thread for each block of columns.
 */
#include <string.h>

#include "nn/attention.h"
#include "nn/train/engine_parts.h"
#include "nn/train/product.h"

enum { BLOCK_COLUMNS = 128, BLOCK_ROWS = 384, EMBEDDING_COLUMNS = 64 };

static const float *values(const ss_train_engine *engine, size_t at)
{
    return engine->model->values + at;
}

static float *gradients(const ss_train_engine *engine, size_t at)
{
    return engine->model->gradients + at;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- pooling ---- */

/* With u the pooled row, e = u / |u|: d_u = (d_e - e (e . d_e)) / |u|; a token's share is d_u / T, or d_u for cls. */
static int pool_piece(void *job, size_t thread, size_t number)
{
    ss_train_engine *engine = job;
    const ss_kernels *kernels = engine->kernels;
    const ss_model_config *config = &engine->model->config;
    float *e = engine->workers[thread].x, *d = engine->workers[thread].y;
    ss_span piece = engine->pieces[number];
    for (size_t t = piece.text; t < piece.text + piece.texts; t++) {
        size_t tokens = ss_train_text_tokens(engine, t);
        float norm = ss_train_pool(engine, t, ss_train_layer_input(engine, config->layers), e);
        kernels->scale(e, 1.0f / norm, config->hidden);
        memcpy(d, engine->d_vectors + t * config->hidden, config->hidden * sizeof *d);
        engine->rows->add_scaled(d, e, -kernels->dot(e, d, config->hidden), config->hidden);
        kernels->scale(d, 1.0f / norm, config->hidden);
        if (config->pooling == SS_POOL_MEAN) kernels->scale(d, 1.0f / (float)tokens, config->hidden);
        float *to = engine->d_hidden + ss_train_text_start(engine, t) * engine->ldh;
        for (size_t i = 0; i < tokens; i++, to += engine->ldh) {
            if (i == 0 || config->pooling == SS_POOL_MEAN)
                memcpy(to, d, config->hidden * sizeof *to);
            else
                memset(to, 0, config->hidden * sizeof *to);
        }
    }
    return 0;
}

/* ---- activations of a layer ---- */

static int pack_piece(void *job, size_t thread, size_t number)
{
    ss_train_engine *engine = job;
    (void)thread;
    size_t panel = engine->kernels->panel;
    for (size_t m = 0; m < SS_MAPS; m++) {
        const ss_linear_at *map = &engine->model->layers[engine->layer].maps[m];
        size_t panels = (map->in + panel - 1) / panel;
        if (number < panels) {
            ss_pack_panel(panel, map->out, map->in, number, values(engine, map->weight), map->in, engine->panels[m]);
            return 0;
        }
        number -= panels;
    }
    return 0;
}

/* d_x = d_y W, or d_x += d_y W. */
static void map_backward(const ss_train_engine *engine, ss_map m, size_t tokens, const float *d_y, size_t ldy,
                         float *d_x, size_t ldx, int add)
{
    const ss_linear_at *map = &engine->model->layers[engine->layer].maps[m];
    ss_product(engine->kernels, tokens, map->in, map->out, d_y, ldy, engine->panels[m], NULL, d_x, ldx, add);
}

/* Leaves a piece's rows of d_y and x for dW = d_y^T x, and the sum of d_y for the bias. */
static void leave_for_weights(const ss_train_engine *engine, ss_map m, ss_span piece, const float *d_y, size_t ldy,
                              const float *x, size_t ldx, float *d_bias)
{
    const ss_linear_at *map = &engine->model->layers[engine->layer].maps[m];
    ss_pack_rows(engine->rows->strip, engine->chunk.tokens, map->out, piece.token, piece.tokens, d_y, ldy,
                 engine->strips[m]);
    ss_pack_rows(engine->kernels->panel, engine->chunk.tokens, map->in, piece.token, piece.tokens, x, ldx,
                 engine->inputs[m]);
    memset(d_bias, 0, map->out * sizeof *d_bias);
    for (size_t i = 0; i < piece.tokens; i++) engine->kernels->add(d_bias, d_y + i * ldy, map->out);
}

static void norm_backward(const ss_train_engine *engine, const ss_norm_at *norm, size_t tokens, const float *d_out,
                          const float *hat, const float *root, float *d_x, float *d_gamma, float *d_beta)
{
    size_t hidden = engine->model->config.hidden, ldh = engine->ldh;
    memset(d_gamma, 0, hidden * sizeof *d_gamma);
    memset(d_beta, 0, hidden * sizeof *d_beta);
    for (size_t i = 0; i < tokens; i++)
        engine->rows->norm_backward(d_out + i * ldh, hat + i * ldh, values(engine, norm->gamma), root[i], hidden,
                                    d_x + i * ldh, d_gamma, d_beta);
}

/* y = x where the forward pass kept an element, scaled as there. */
static void drop_copy(const ss_train_engine *engine, ss_dropout_place place, ss_span piece, const float *x, float *y)
{
    size_t ldh = engine->ldh;
    memcpy(y, x, piece.tokens * ldh * sizeof *y);
    for (size_t t = piece.text; t < piece.text + piece.texts; t++)
        ss_train_drop_text(engine, place, engine->layer, t, y + (ss_train_text_start(engine, t) - piece.token) * ldh,
                           ldh);
}

/* The feed-forward half: w->x receives the gradient of kept->middle from that of the layer's output. */
static void inner_backward(const ss_train_engine *engine, const ss_train_worker *w, ss_span piece,
                           const ss_partial *partial)
{
    const ss_layer_at *layer = &engine->model->layers[engine->layer];
    const ss_kept *kept = ss_train_layer_kept(engine, engine->layer);
    size_t h = piece.token * engine->ldh, i = piece.token * engine->ldi, n = piece.tokens, ldh = engine->ldh;
    norm_backward(engine, &layer->after_inner, n, engine->d_hidden + h, kept->hat2 + h, kept->root2 + piece.token, w->x,
                  partial->gamma2, partial->beta2);
    drop_copy(engine, SS_DROP_INNER, piece, w->x, w->y);
    leave_for_weights(engine, SS_MAP_DOWN, piece, w->y, ldh, kept->inner + i, engine->ldi, partial->bias[SS_MAP_DOWN]);
    map_backward(engine, SS_MAP_DOWN, n, w->y, ldh, w->wide, engine->ldw, 0);
    for (size_t r = 0; r < n; r++)
        engine->rows->multiply(w->wide + r * engine->ldw, kept->slope + i + r * engine->ldi,
                               engine->model->config.inner);
    leave_for_weights(engine, SS_MAP_UP, piece, w->wide, engine->ldw, kept->middle + h, ldh, partial->bias[SS_MAP_UP]);
    map_backward(engine, SS_MAP_UP, n, w->wide, engine->ldw, w->x, ldh, 1);
}

/* The attention half: engine->d_hidden receives the gradient of the layer's input from w->x, that of kept->middle. */
static void attention_backward(const ss_train_engine *engine, const ss_train_worker *w, ss_span piece,
                               const ss_partial *partial)
{
    const ss_layer_at *layer = &engine->model->layers[engine->layer];
    const ss_kept *kept = ss_train_layer_kept(engine, engine->layer);
    size_t h = piece.token * engine->ldh, n = piece.tokens, ldh = engine->ldh;
    float *d_attended = engine->d_hidden + h;
    norm_backward(engine, &layer->after_attention, n, w->x, kept->hat1 + h, kept->root1 + piece.token, w->x,
                  partial->gamma1, partial->beta1);
    drop_copy(engine, SS_DROP_OUTPUT, piece, w->x, w->y);
    leave_for_weights(engine, SS_MAP_OUT, piece, w->y, ldh, kept->attended + h, ldh, partial->bias[SS_MAP_OUT]);
    map_backward(engine, SS_MAP_OUT, n, w->y, ldh, d_attended, ldh, 0);
    for (size_t t = piece.text; t < piece.text + piece.texts; t++) {
        ss_attended attended = ss_train_attended(engine, engine->layer, t);
        size_t row = ss_train_text_start(engine, t);
        ss_train_attention_backward(&engine->attention, &attended, engine->d_hidden + row * ldh, ldh, w->attention,
                                    w->wide + (row - piece.token) * engine->ldw, engine->ldw, partial->distances);
    }
    leave_for_weights(engine, SS_MAP_QKV, piece, w->wide, engine->ldw, ss_train_layer_input(engine, engine->layer) + h,
                      ldh, partial->bias[SS_MAP_QKV]);
    memcpy(engine->d_hidden + h, w->x, n * ldh * sizeof *w->x);
    map_backward(engine, SS_MAP_QKV, n, w->wide, engine->ldw, engine->d_hidden + h, ldh, 1);
}

static int layer_piece(void *job, size_t thread, size_t number)
{
    ss_train_engine *engine = job;
    const ss_train_worker *worker = &engine->workers[thread];
    ss_partial partial = ss_train_partial(engine, number);
    if (partial.distances)
        memset(partial.distances, 0,
               engine->attention.heads * (2 * engine->attention.max_tokens - 1) * sizeof *partial.distances);
    inner_backward(engine, worker, engine->pieces[number], &partial);
    attention_backward(engine, worker, engine->pieces[number], &partial);
    return 0;
}

/* ---- weights of a layer ---- */

static size_t blocks_of(const ss_linear_at *map)
{
    return ((map->in + BLOCK_COLUMNS - 1) / BLOCK_COLUMNS) * ((map->out + BLOCK_ROWS - 1) / BLOCK_ROWS);
}

static void weight_block(const ss_train_engine *engine, ss_map m, size_t block)
{
    const ss_linear_at *map = &engine->model->layers[engine->layer].maps[m];
    size_t columns = (map->in + BLOCK_COLUMNS - 1) / BLOCK_COLUMNS;
    size_t m0 = block / columns * BLOCK_ROWS, n0 = block % columns * BLOCK_COLUMNS;
    ss_outer_product(engine->kernels, engine->rows, engine->chunk.tokens, engine->strips[m], m0,
                     least(m0 + BLOCK_ROWS, map->out), engine->inputs[m], n0, least(n0 + BLOCK_COLUMNS, map->in),
                     gradients(engine, map->weight), map->in);
}

/* The relative position table: each distance belongs to a bucket. */
static void add_distances(const ss_train_engine *engine, const float *distances)
{
    const ss_model_config *config = &engine->model->config;
    size_t count = 2 * config->max_tokens - 1;
    float *table = gradients(engine, engine->model->buckets);
    for (size_t d = 0; d < count; d++) {
        size_t bucket = ss_relative_bucket((long)d - (long)(config->max_tokens - 1), config->buckets);
        for (size_t head = 0; head < config->heads; head++)
            table[bucket * config->heads + head] += distances[head * count + d];
    }
}

/* Vectors of the layer: pieces in their order. */
static void add_partials(const ss_train_engine *engine)
{
    const ss_layer_at *layer = &engine->model->layers[engine->layer];
    const ss_kernels *kernels = engine->kernels;
    size_t hidden = engine->model->config.hidden;
    for (size_t p = 0; p < engine->piece_count; p++) {
        ss_partial partial = ss_train_partial(engine, p);
        for (size_t m = 0; m < SS_MAPS; m++)
            kernels->add(gradients(engine, layer->maps[m].bias), partial.bias[m], layer->maps[m].out);
        kernels->add(gradients(engine, layer->after_attention.gamma), partial.gamma1, hidden);
        kernels->add(gradients(engine, layer->after_attention.beta), partial.beta1, hidden);
        kernels->add(gradients(engine, layer->after_inner.gamma), partial.gamma2, hidden);
        kernels->add(gradients(engine, layer->after_inner.beta), partial.beta2, hidden);
        if (partial.distances) add_distances(engine, partial.distances);
    }
}

/* Piece 0 adds up vectors, the others are blocks of the four matrices. */
static int weight_piece(void *job, size_t thread, size_t number)
{
    ss_train_engine *engine = job;
    (void)thread;
    if (number-- == 0) {
        add_partials(engine);
        return 0;
    }
    for (size_t m = 0; m < SS_MAPS; m++) {
        size_t blocks = blocks_of(&engine->model->layers[engine->layer].maps[m]);
        if (number < blocks) {
            weight_block(engine, (ss_map)m, number);
            return 0;
        }
        number -= blocks;
    }
    return 0;
}

static size_t weight_pieces(const ss_train_engine *engine)
{
    size_t count = 1;
    for (size_t m = 0; m < SS_MAPS; m++) count += blocks_of(&engine->model->layers[engine->layer].maps[m]);
    return count;
}

/* ---- embeddings ---- */

/* d_hidden becomes the gradient of the sum of embeddings. */
static int embedding_norm_piece(void *job, size_t thread, size_t number)
{
    ss_train_engine *engine = job;
    (void)thread;
    ss_span piece = engine->pieces[number];
    ss_partial partial = ss_train_partial(engine, number);
    size_t h = piece.token * engine->ldh;
    for (size_t t = piece.text; t < piece.text + piece.texts; t++)
        ss_train_drop_text(engine, SS_DROP_EMBEDDING, 0, t,
                           engine->d_hidden + ss_train_text_start(engine, t) * engine->ldh, engine->ldh);
    norm_backward(engine, &engine->model->embedding_norm, piece.tokens, engine->d_hidden + h, engine->embedding_hat + h,
                  engine->embedding_root + piece.token, engine->d_hidden + h, partial.gamma2, partial.beta2);
    return 0;
}

/* Columns [c0, c1) of the three tables. torch keeps the padding's rows as they are, and so do we. */
static void add_embedding_columns(const ss_train_engine *engine, size_t c0, size_t c1)
{
    const ss_train_model *model = engine->model;
    const ss_kernels *kernels = engine->kernels;
    size_t hidden = model->config.hidden, pad = (size_t)model->config.pad_id;
    const float *d = engine->d_hidden + c0;
    for (size_t t = engine->chunk.text; t < engine->chunk.text + engine->chunk.texts; t++) {
        const int32_t *ids = engine->texts.ids + engine->texts.starts[t];
        size_t counted = 0;
        for (size_t i = 0; i < ss_train_text_tokens(engine, t); i++, d += engine->ldh) {
            size_t position = ss_train_position(&model->config, ids[i], i, &counted);
            if ((size_t)ids[i] != pad)
                kernels->add(gradients(engine, model->words + (size_t)ids[i] * hidden + c0), d, c1 - c0);
            if (model->config.family != SS_MPNET || position != pad)
                kernels->add(gradients(engine, model->positions + position * hidden + c0), d, c1 - c0);
            if (model->config.family == SS_BERT) kernels->add(gradients(engine, model->types + c0), d, c1 - c0);
        }
    }
}

/* Piece 0 adds up the LayerNorm's vectors, the others are blocks of columns. */
static int embedding_piece(void *job, size_t thread, size_t number)
{
    ss_train_engine *engine = job;
    (void)thread;
    size_t hidden = engine->model->config.hidden;
    if (number > 0) {
        size_t c0 = (number - 1) * EMBEDDING_COLUMNS;
        add_embedding_columns(engine, c0, least(c0 + EMBEDDING_COLUMNS, hidden));
        return 0;
    }
    for (size_t p = 0; p < engine->piece_count; p++) {
        ss_partial partial = ss_train_partial(engine, p);
        engine->kernels->add(gradients(engine, engine->model->embedding_norm.gamma), partial.gamma2, hidden);
        engine->kernels->add(gradients(engine, engine->model->embedding_norm.beta), partial.beta2, hidden);
    }
    return 0;
}

void ss_train_chunk_backward(ss_train_engine *engine)
{
    const ss_model_config *config = &engine->model->config;
    ss_pool *pool = engine->pool;
    ss_pool_run(pool, engine->piece_count, pool_piece, engine);
    for (size_t l = config->layers; l-- > 0;) {
        engine->layer = l;
        ss_pool_run(pool, ss_train_panel_count(engine, 0), pack_piece, engine);
        ss_pool_run(pool, engine->piece_count, layer_piece, engine);
        ss_pool_run(pool, weight_pieces(engine), weight_piece, engine);
    }
    ss_pool_run(pool, engine->piece_count, embedding_norm_piece, engine);
    ss_pool_run(pool, (config->hidden + EMBEDDING_COLUMNS - 1) / EMBEDDING_COLUMNS + 1, embedding_piece, engine);
}
