/* encoder_load.c - an encoder from its files; see encoder.h.
 *
 * The two families differ in the names of their tensors and in little else, so each has a table of names. Exporters put
 * "bert.", "mpnet." or "0.auto_model." before all names; the prefix is found by looking for the word embeddings.
 *
 * Matrices of linear layers are copied into the layout of the engine; tables and vectors are read in place. A
 * half-filled encoder can always be freed, so an error is just a return.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/encoder.h"
#include "nn/encoder_parts.h"
#include "nn/safetensors.h"

enum { MAX_NAME = 160 };

/* Tensor names inside a layer, without ".weight" or ".bias". */
typedef struct layer_names {
    const char *query, *key, *value, *out, *after_attention, *up, *down, *after_inner;
} layer_names;

static const layer_names bert_names = {.query = "attention.self.query",
                                       .key = "attention.self.key",
                                       .value = "attention.self.value",
                                       .out = "attention.output.dense",
                                       .after_attention = "attention.output.LayerNorm",
                                       .up = "intermediate.dense",
                                       .down = "output.dense",
                                       .after_inner = "output.LayerNorm"};
static const layer_names mpnet_names = {.query = "attention.attn.q",
                                        .key = "attention.attn.k",
                                        .value = "attention.attn.v",
                                        .out = "attention.attn.o",
                                        .after_attention = "attention.LayerNorm",
                                        .up = "intermediate.dense",
                                        .down = "output.dense",
                                        .after_inner = "output.LayerNorm"};

/* Where tensors come from while loading. */
typedef struct source {
    const ss_safetensors *file;
    const char *prefix;  /* before every name */
    char path[MAX_NAME]; /* "encoder.layer.3.", or "" */
} source;

static const char *find_prefix(const ss_safetensors *file)
{
    static const char *const prefixes[] = {"", "bert.", "mpnet.", "0.auto_model.", "auto_model.", "model."};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        char name[MAX_NAME];
        snprintf(name, sizeof name, "%sembeddings.word_embeddings.weight", prefixes[i]);
        if (ss_safetensors_find(file, name)) return prefixes[i];
    }
    return NULL;
}

/* A tensor of the shape (rows, columns), or (columns) if rows is 0. */
static int read_weights(const source *from, const char *name, const char *kind, size_t rows, size_t columns,
                        ss_weights *out, ss_error *err)
{
    char full[3 * MAX_NAME];
    snprintf(full, sizeof full, "%s%s%s.%s", from->prefix, from->path, name, kind);
    const ss_tensor *tensor = ss_safetensors_find(from->file, full);
    if (!tensor) return ss_fail(err, SS_INPUT, "no tensor '%s'", full);
    int fits = rows ? tensor->rank == 2 && tensor->shape[0] == rows && tensor->shape[1] == columns
                    : tensor->rank == 1 && tensor->shape[0] == columns;
    if (!fits) return ss_fail(err, SS_INPUT, "tensor '%s' has another shape than config.json says", full);
    return ss_tensor_floats(tensor, &out->data, &out->own, err);
}

static int read_norm(const source *from, const char *name, size_t hidden, ss_layer_norm *norm, ss_error *err)
{
    return read_weights(from, name, "weight", 0, hidden, &norm->gamma, err) != 0
               ? -1
               : read_weights(from, name, "bias", 0, hidden, &norm->beta, err);
}

/* One linear layer out of `count` matrices of `rows` rows each; `sizes` of its inputs (ss_balance), or NULL. */
static int read_linear(ss_encoder *encoder, const source *from, const char *const *names, size_t count, size_t rows,
                       size_t in, const float *sizes, ss_map *map, ss_error *err)
{
    enum { MOST = 3 };
    ss_weights weight[MOST] = {0}, bias[MOST] = {0};
    ss_linear_part parts[MOST];
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        if (read_weights(from, names[i], "weight", rows, in, &weight[i], err) != 0 ||
            read_weights(from, names[i], "bias", 0, rows, &bias[i], err) != 0)
            result = -1;
        parts[i] = (ss_linear_part){.weight = weight[i].data, .bias = bias[i].data, .rows = rows};
    }
    ss_engine engine = encoder->engine;
    if (result == 0)
        result = engine.int8 ? ss_int8_linear_init(&map->int8, engine.int8, in, parts, count, sizes, err)
                             : ss_linear_init(&map->fp32, engine, in, parts, count, err);
    for (size_t i = 0; i < count; i++) {
        if (result == 0 && !weight[i].own)
            encoder->copied[encoder->copied_count++] = (ss_copied_weights){weight[i].data, rows * in * sizeof(float)};
        free(weight[i].own);
        free(bias[i].own);
    }
    return result;
}

/* The norms first: the balancing sentences pass each half of the layer as soon as its matrices are there. */
static int read_layer(ss_encoder *encoder, source *from, size_t index, ss_balance *balance, ss_layer *layer,
                      ss_error *err)
{
    const layer_names *names = encoder->config.family == SS_BERT ? &bert_names : &mpnet_names;
    const char *const qkv[] = {names->query, names->key, names->value};
    size_t hidden = encoder->config.hidden, inner = encoder->config.inner;
    snprintf(from->path, sizeof from->path, "encoder.layer.%zu.", index);
    if (read_norm(from, names->after_attention, hidden, &layer->after_attention, err) != 0 ||
        read_norm(from, names->after_inner, hidden, &layer->after_inner, err) != 0 ||
        read_linear(encoder, from, qkv, 3, hidden, hidden, ss_balance_hidden(balance), &layer->qkv, err) != 0 ||
        read_linear(encoder, from, &names->out, 1, hidden, hidden, NULL, &layer->out, err) != 0)
        return -1;
    ss_balance_attention(balance, layer);
    if (read_linear(encoder, from, &names->up, 1, inner, hidden, ss_balance_hidden(balance), &layer->up, err) != 0)
        return -1;
    ss_balance_up(balance, layer);
    if (read_linear(encoder, from, &names->down, 1, hidden, inner, ss_balance_inner(balance), &layer->down, err) != 0)
        return -1;
    ss_balance_down(balance, layer);
    return 0;
}

/* MPNet's position bias, from its table (buckets, heads) to one vector over distances per head. */
static int read_bias(ss_encoder *encoder, const source *from, ss_error *err)
{
    const ss_model_config *config = &encoder->config;
    ss_weights table = {0};
    if (read_weights(from, "encoder.relative_attention_bias", "weight", config->buckets, config->heads, &table, err) !=
        0)
        return -1;
    size_t distances = 2 * config->max_tokens - 1;
    encoder->bias = calloc(config->heads * distances, sizeof *encoder->bias);
    for (size_t d = 0; encoder->bias && d < distances; d++) {
        size_t bucket = ss_relative_bucket((long)d - (long)(config->max_tokens - 1), config->buckets);
        for (size_t head = 0; head < config->heads; head++)
            encoder->bias[head * distances + d] = table.data[bucket * config->heads + head];
    }
    free(table.own);
    return encoder->bias ? 0 : ss_fail_memory(err, "loading an encoder");
}

static int read_embeddings(ss_encoder *encoder, const source *from, ss_error *err)
{
    const ss_model_config *config = &encoder->config;
    size_t hidden = config->hidden;
    if (read_weights(from, "embeddings.word_embeddings", "weight", config->vocabulary, hidden, &encoder->words, err) !=
            0 ||
        read_weights(from, "embeddings.position_embeddings", "weight", config->positions, hidden, &encoder->positions,
                     err) != 0 ||
        read_norm(from, "embeddings.LayerNorm", hidden, &encoder->embedding_norm, err) != 0)
        return -1;
    if (config->family == SS_MPNET) return read_bias(encoder, from, err);
    return read_weights(from, "embeddings.token_type_embeddings", "weight", config->types, hidden, &encoder->types,
                        err);
}

static void set_attention(ss_encoder *encoder)
{
    const ss_model_config *config = &encoder->config;
    size_t width = config->hidden / config->heads;
    encoder->attention = (ss_attention){.kernels = encoder->engine.kernels,
                                        .heads = config->heads,
                                        .width = width,
                                        .max_tokens = config->max_tokens,
                                        .scale = 1.0f / sqrtf((float)width),
                                        .bias = encoder->bias};
}

static int read_layers(ss_encoder *encoder, source *from, ss_error *err)
{
    ss_balance *balance = encoder->engine.int8 ? ss_balance_new(encoder, err) : NULL;
    int failed = encoder->engine.int8 && !balance;
    for (size_t i = 0; i < encoder->config.layers && !failed; i++)
        failed = read_layer(encoder, from, i, balance, &encoder->layers[i], err) != 0;
    ss_balance_free(balance);
    return failed ? -1 : 0;
}

static int read_tensors(ss_encoder *encoder, const ss_safetensors *file, ss_error *err)
{
    source from = {.file = file, .prefix = find_prefix(file)};
    if (!from.prefix) return ss_fail(err, SS_INPUT, "no tensor 'embeddings.word_embeddings.weight'");
    if (read_embeddings(encoder, &from, err) != 0) return -1;
    set_attention(encoder);
    encoder->layers = calloc(encoder->config.layers, sizeof *encoder->layers);
    encoder->copied = calloc(encoder->config.layers * SS_LAYER_MATRICES, sizeof *encoder->copied);
    if (!encoder->layers || !encoder->copied) return ss_fail_memory(err, "loading an encoder");
    return read_layers(encoder, &from, err);
}

static int check_tokenizer(const ss_encoder *encoder, ss_error *err)
{
    size_t ids = ss_tokenizer_vocabulary(encoder->tokenizer);
    if (ids > encoder->config.vocabulary)
        return ss_fail(err, SS_INPUT, "the tokenizer has %zu ids, the model only %zu", ids, encoder->config.vocabulary);
    if (ss_tokenizer_specials(encoder->tokenizer) >= encoder->config.max_tokens)
        return ss_fail(err, SS_INPUT, "a limit of %zu tokens has no room for text", encoder->config.max_tokens);
    if (ss_tokenizer_specials(encoder->tokenizer) == 0)
        return ss_fail(err, SS_UNSUPPORTED, "the tokenizer puts no special token around a text");
    if (encoder->config.lower_case && !ss_tokenizer_lowers(encoder->tokenizer))
        return ss_fail(err, SS_UNSUPPORTED, "do_lower_case with a tokenizer that keeps the case");
    return 0;
}

static int load(ss_encoder *encoder, const ss_fileset *files, ss_error *err)
{
    if (ss_model_config_read(files, &encoder->config, err) != 0) return -1;
    encoder->tokenizer = ss_tokenizer_load(files, err);
    if (!encoder->tokenizer || check_tokenizer(encoder, err) != 0) return -1;
    const ss_named_bytes *weights = ss_fileset_find(files, "model.safetensors");
    if (!weights) return ss_fail(err, SS_NOT_FOUND, "model.safetensors is missing");
    ss_safetensors *file = ss_safetensors_open(weights->data, weights->len, err);
    int result = file ? read_tensors(encoder, file, err) : -1;
    ss_safetensors_close(file);
    return result == 0 ? 0 : ss_fail_in(err, "model.safetensors");
}

ss_encoder *ss_encoder_load_with(const ss_fileset *files, ss_engine engine, ss_error *err)
{
    ss_encoder *encoder = calloc(1, sizeof *encoder);
    if (!encoder) {
        ss_fail_memory(err, "loading an encoder");
        return NULL;
    }
    encoder->engine = engine;
    if (load(encoder, files, err) != 0) {
        ss_encoder_free(encoder);
        return NULL;
    }
    return encoder;
}

ss_encoder *ss_encoder_load(const ss_fileset *files, ss_error *err)
{
    return ss_encoder_load_with(files, ss_engine_best(), err);
}

static void free_map(ss_map *map)
{
    ss_linear_free(&map->fp32);
    ss_int8_linear_free(&map->int8);
}

static void free_norm(ss_layer_norm *norm)
{
    free(norm->gamma.own);
    free(norm->beta.own);
}

void ss_encoder_free(ss_encoder *encoder)
{
    if (!encoder) return;
    for (size_t i = 0; encoder->layers && i < encoder->config.layers; i++) {
        ss_layer *layer = &encoder->layers[i];
        free_map(&layer->qkv);
        free_map(&layer->out);
        free_map(&layer->up);
        free_map(&layer->down);
        free_norm(&layer->after_attention);
        free_norm(&layer->after_inner);
    }
    free(encoder->layers);
    free(encoder->copied);
    free_norm(&encoder->embedding_norm);
    free(encoder->words.own);
    free(encoder->positions.own);
    free(encoder->types.own);
    free(encoder->bias);
    ss_tokenizer_free(encoder->tokenizer);
    free(encoder);
}
