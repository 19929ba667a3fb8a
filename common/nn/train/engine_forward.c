/* engine_forward.c - one chunk forward; see engine_parts.h. The computation is that of nn/encoder.c with dropout, and
 * with everything kept that the backward pass needs.
 *
 * Phases: embed; then for each layer: pack its weights, run it; then pool. Without `keep` all layers write to the same
 * memory: a layer reads its input for the last time before its output is written.
 */
#include <math.h>
#include <string.h>

#include "nn/train/engine_parts.h"
#include "nn/train/product.h"

static const float *values(const ss_train_engine *engine, size_t at)
{
    return engine->model->values + at;
}

void ss_train_drop_text(const ss_train_engine *engine, ss_dropout_place place, size_t layer, size_t text, float *x,
                        size_t ldx)
{
    float p = engine->dropout ? engine->options.hidden_dropout : 0.0f;
    if (!(p > 0.0f)) return;
    ss_dropout_row site = {
        .seed = engine->options.seed, .step = engine->step, .place = place, .layer = layer, .text = text};
    for (size_t i = 0; i < ss_train_text_tokens(engine, text); i++) {
        site.row = i;
        engine->rows->dropout(ss_dropout_key(&site), p, x + i * ldx, engine->model->config.hidden);
    }
}

ss_attended ss_train_attended(const ss_train_engine *engine, size_t layer, size_t text)
{
    return (ss_attended){.tokens = ss_train_text_tokens(engine, text),
                         .qkv =
                             ss_train_layer_kept(engine, layer)->qkv + ss_train_text_start(engine, text) * engine->ldq,
                         .ldq = engine->ldq,
                         .dropout = engine->dropout ? engine->options.attention_dropout : 0.0f,
                         .site = {.seed = engine->options.seed,
                                  .step = engine->step,
                                  .place = SS_DROP_ATTENTION,
                                  .layer = layer,
                                  .text = text}};
}

/* ---- embeddings ---- */

/* x = word + position (+ type 0) of one text. */
static void add_embeddings(const ss_train_engine *engine, size_t text, float *x)
{
    const ss_train_model *model = engine->model;
    const ss_kernels *kernels = engine->kernels;
    const int32_t *ids = engine->texts.ids + engine->texts.starts[text];
    size_t hidden = model->config.hidden, counted = 0;
    for (size_t i = 0; i < ss_train_text_tokens(engine, text); i++, x += engine->ldh) {
        size_t position = ss_train_position(&model->config, ids[i], i, &counted);
        memcpy(x, values(engine, model->words + (size_t)ids[i] * hidden), hidden * sizeof *x);
        if (model->config.family == SS_BERT) kernels->add(x, values(engine, model->types), hidden);
        kernels->add(x, values(engine, model->positions + position * hidden), hidden);
    }
}

static int embed_piece(void *job, size_t thread, size_t number)
{
    ss_train_engine *engine = job;
    (void)thread;
    const ss_model_config *config = &engine->model->config;
    const ss_norm_at *norm = &engine->model->embedding_norm;
    ss_span piece = engine->pieces[number];
    for (size_t t = piece.text; t < piece.text + piece.texts; t++) {
        size_t first = ss_train_text_start(engine, t), tokens = ss_train_text_tokens(engine, t);
        float *out = engine->embedded + first * engine->ldh, *hat = engine->embedding_hat + first * engine->ldh;
        add_embeddings(engine, t, hat);
        for (size_t i = 0; i < tokens; i++)
            engine->embedding_root[first + i] =
                engine->rows->norm(hat + i * engine->ldh, NULL, values(engine, norm->gamma), values(engine, norm->beta),
                                   config->norm_epsilon, config->hidden, hat + i * engine->ldh, out + i * engine->ldh);
        ss_train_drop_text(engine, SS_DROP_EMBEDDING, 0, t, out, engine->ldh);
    }
    return 0;
}

/* ---- layers ---- */

static int pack_piece(void *job, size_t thread, size_t number)
{
    ss_train_engine *engine = job;
    (void)thread;
    size_t panel = engine->kernels->panel;
    for (size_t m = 0; m < SS_MAPS; m++) {
        const ss_linear_at *map = &engine->model->layers[engine->layer].maps[m];
        size_t panels = (map->out + panel - 1) / panel;
        if (number < panels) {
            ss_pack_panel_transposed(panel, map->in, map->out, number, values(engine, map->weight), map->in,
                                     engine->panels[m]);
            return 0;
        }
        number -= panels;
    }
    return 0;
}

/* y = x W^T + b for the rows of a piece. */
static void run_map(const ss_train_engine *engine, ss_map m, size_t tokens, const float *x, size_t ldx, float *y,
                    size_t ldy)
{
    const ss_linear_at *map = &engine->model->layers[engine->layer].maps[m];
    ss_product(engine->kernels, tokens, map->out, map->in, x, ldx, engine->panels[m], values(engine, map->bias), y, ldy,
               0);
}

/* out = LayerNorm(x + y) of a piece's rows; x comes from the sublayer, y passed it by. */
static void run_norm(const ss_train_engine *engine, const ss_norm_at *norm, size_t tokens, const float *x,
                     const float *y, float *hat, float *root, float *out)
{
    const ss_model_config *config = &engine->model->config;
    size_t ldh = engine->ldh;
    for (size_t i = 0; i < tokens; i++)
        root[i] = engine->rows->norm(x + i * ldh, y + i * ldh, values(engine, norm->gamma), values(engine, norm->beta),
                                     config->norm_epsilon, config->hidden, hat + i * ldh, out + i * ldh);
}

static void drop_piece(const ss_train_engine *engine, ss_dropout_place place, ss_span piece, float *x)
{
    for (size_t t = piece.text; t < piece.text + piece.texts; t++)
        ss_train_drop_text(engine, place, engine->layer, t,
                           x + (ss_train_text_start(engine, t) - piece.token) * engine->ldh, engine->ldh);
}

static void activate(const ss_train_engine *engine, size_t tokens, float *inner, float *slope)
{
    const ss_model_config *config = &engine->model->config;
    for (size_t i = 0; i < tokens; i++, inner += engine->ldi, slope += engine->ldi) {
        if (engine->keep) memcpy(slope, inner, config->inner * sizeof *slope);
        engine->kernels->activate(config->activation, inner, config->inner);
        if (engine->keep) engine->rows->slope(config->activation, slope, inner, config->inner);
    }
}

static int layer_piece(void *job, size_t thread, size_t number)
{
    ss_train_engine *engine = job;
    ss_span piece = engine->pieces[number];
    const ss_layer_at *layer = &engine->model->layers[engine->layer];
    const ss_kept *kept = ss_train_layer_kept(engine, engine->layer);
    float *x = engine->workers[thread].x;
    size_t h = piece.token * engine->ldh, i = piece.token * engine->ldi, n = piece.tokens;
    const float *input = ss_train_layer_input(engine, engine->layer) + h;

    run_map(engine, SS_MAP_QKV, n, input, engine->ldh, kept->qkv + piece.token * engine->ldq, engine->ldq);
    for (size_t t = piece.text; t < piece.text + piece.texts; t++) {
        ss_attended attended = ss_train_attended(engine, engine->layer, t);
        ss_train_attention_forward(&engine->attention, &attended, engine->workers[thread].attention,
                                   kept->attended + ss_train_text_start(engine, t) * engine->ldh, engine->ldh);
    }
    run_map(engine, SS_MAP_OUT, n, kept->attended + h, engine->ldh, x, engine->ldh);
    drop_piece(engine, SS_DROP_OUTPUT, piece, x);
    run_norm(engine, &layer->after_attention, n, x, input, kept->hat1 + h, kept->root1 + piece.token, kept->middle + h);

    run_map(engine, SS_MAP_UP, n, kept->middle + h, engine->ldh, kept->inner + i, engine->ldi);
    activate(engine, n, kept->inner + i, kept->slope + i);
    run_map(engine, SS_MAP_DOWN, n, kept->inner + i, engine->ldi, x, engine->ldh);
    drop_piece(engine, SS_DROP_INNER, piece, x);
    run_norm(engine, &layer->after_inner, n, x, kept->middle + h, kept->hat2 + h, kept->root2 + piece.token,
             kept->out + h);
    return 0;
}

/* ---- pooling ---- */

float ss_train_pool(const ss_train_engine *engine, size_t text, const float *hidden, float *out)
{
    const ss_model_config *config = &engine->model->config;
    size_t tokens = ss_train_text_tokens(engine, text);
    const float *x = hidden + ss_train_text_start(engine, text) * engine->ldh;
    memcpy(out, x, config->hidden * sizeof *out);
    if (config->pooling == SS_POOL_MEAN) {
        for (size_t i = 1; i < tokens; i++) engine->kernels->add(out, x + i * engine->ldh, config->hidden);
        engine->kernels->scale(out, 1.0f / (float)tokens, config->hidden);
    }
    float norm = sqrtf(engine->kernels->dot(out, out, config->hidden));
    return norm > 1e-12f ? norm : 1e-12f; /* as torch's normalize */
}

static int pool_piece(void *job, size_t thread, size_t number)
{
    ss_train_engine *engine = job;
    (void)thread;
    ss_span piece = engine->pieces[number];
    const float *hidden = ss_train_layer_input(engine, engine->model->config.layers);
    for (size_t t = piece.text; t < piece.text + piece.texts; t++) {
        float *out = engine->vectors + t * engine->model->config.hidden;
        float norm = ss_train_pool(engine, t, hidden, out);
        engine->kernels->scale(out, 1.0f / norm, engine->model->config.hidden);
    }
    return 0;
}

void ss_train_chunk_forward(ss_train_engine *engine)
{
    ss_pool_run(engine->pool, engine->piece_count, embed_piece, engine);
    for (engine->layer = 0; engine->layer < engine->model->config.layers; engine->layer++) {
        ss_pool_run(engine->pool, ss_train_panel_count(engine, 1), pack_piece, engine);
        ss_pool_run(engine->pool, engine->piece_count, layer_piece, engine);
    }
    if (engine->vectors) ss_pool_run(engine->pool, engine->piece_count, pool_piece, engine);
}
