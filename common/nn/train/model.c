/* model.c - the trainable parameters from a model's files; see model.h. Writing them back is in model_save.c.
 *
 * Two rounds over the same list of tensors (visit_all): the first gives every tensor its place and fills the table of
 * parameters, then memory is taken, and load_values copies from the file. The families differ in names only.
 *
 * A half-filled model can always be freed, so an error is just a return.
 */
#include "nn/train/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json_load.h"
#include "nn/safetensors.h"
#include "nn/train/model_parts.h"

enum { MAX_NAME = 256, TENSORS_PER_LAYER = 16, OTHER_TENSORS = 6, LENGTH_BYTES = 8 };

/* Names inside a layer, without ".weight" or ".bias"; encoder_load.c has the same for inference. */
typedef struct layer_names {
    const char *qkv[3], *out, *after_attention;
} layer_names;

static const layer_names bert_names = {.qkv = {"attention.self.query", "attention.self.key", "attention.self.value"},
                                       .out = "attention.output.dense",
                                       .after_attention = "attention.output.LayerNorm"};
static const layer_names mpnet_names = {.qkv = {"attention.attn.q", "attention.attn.k", "attention.attn.v"},
                                        .out = "attention.attn.o",
                                        .after_attention = "attention.LayerNorm"};

/* ---- places ---- */

typedef struct place {
    ss_train_model *model;
    const char *prefix;  /* before every name of the file */
    char path[MAX_NAME]; /* "encoder.layer.3.", or "" */
    int failed;          /* out of memory */
} place;

/* Appends a tensor (rows, columns), or a vector if rows is 0; returns its offset. */
static size_t put(place *p, const char *name, const char *kind, size_t rows, size_t columns, int decay)
{
    ss_train_model *model = p->model;
    char full[3 * MAX_NAME];
    snprintf(full, sizeof full, "%s%s%s.%s", p->prefix, p->path, name, kind);
    char *copy = strdup(full);
    if (!copy || model->count == model->room) {
        free(copy);
        p->failed = 1;
        return 0;
    }
    size_t at = model->size, count = rows ? rows * columns : columns;
    model->parameters[model->count++] =
        (ss_parameter){.name = copy, .rows = rows, .columns = columns, .at = at, .count = count, .decay = decay};
    model->size += count;
    return at;
}

static ss_norm_at put_norm(place *p, const char *name)
{
    size_t hidden = p->model->config.hidden;
    ss_norm_at at;
    at.gamma = put(p, name, "weight", 0, hidden, 0);
    at.beta = put(p, name, "bias", 0, hidden, 0);
    return at;
}

/* `count` matrices of (out, in) below each other. */
static ss_linear_at put_linear(place *p, const char *const *names, size_t count, size_t out, size_t in)
{
    ss_linear_at at = {.weight = p->model->size, .out = count * out, .in = in};
    for (size_t i = 0; i < count; i++) put(p, names[i], "weight", out, in, 1);
    at.bias = p->model->size;
    for (size_t i = 0; i < count; i++) put(p, names[i], "bias", 0, out, 0);
    return at;
}

static void put_layer(place *p, ss_layer_at *layer)
{
    const ss_model_config *config = &p->model->config;
    const layer_names *names = config->family == SS_BERT ? &bert_names : &mpnet_names;
    static const char *const up = "intermediate.dense", *const down = "output.dense";
    layer->maps[SS_MAP_QKV] = put_linear(p, names->qkv, 3, config->hidden, config->hidden);
    layer->maps[SS_MAP_OUT] = put_linear(p, &names->out, 1, config->hidden, config->hidden);
    layer->after_attention = put_norm(p, names->after_attention);
    layer->maps[SS_MAP_UP] = put_linear(p, &up, 1, config->inner, config->hidden);
    layer->maps[SS_MAP_DOWN] = put_linear(p, &down, 1, config->hidden, config->inner);
    layer->after_inner = put_norm(p, "output.LayerNorm");
}

static int put_all(ss_train_model *model, const char *prefix, ss_error *err)
{
    const ss_model_config *config = &model->config;
    place p = {.model = model, .prefix = prefix};
    model->room = config->layers * TENSORS_PER_LAYER + OTHER_TENSORS;
    model->parameters = calloc(model->room, sizeof *model->parameters);
    model->layers = calloc(config->layers, sizeof *model->layers);
    if (!model->parameters || !model->layers) return ss_fail_memory(err, "loading a model to train");
    model->words = put(&p, "embeddings.word_embeddings", "weight", config->vocabulary, config->hidden, 1);
    model->positions = put(&p, "embeddings.position_embeddings", "weight", config->positions, config->hidden, 1);
    if (config->family == SS_MPNET)
        model->buckets = put(&p, "encoder.relative_attention_bias", "weight", config->buckets, config->heads, 1);
    else
        model->types = put(&p, "embeddings.token_type_embeddings", "weight", config->types, config->hidden, 1);
    model->embedding_norm = put_norm(&p, "embeddings.LayerNorm");
    for (size_t i = 0; i < config->layers; i++) {
        snprintf(p.path, sizeof p.path, "encoder.layer.%zu.", i);
        put_layer(&p, &model->layers[i]);
    }
    return p.failed ? ss_fail_memory(err, "loading a model to train") : 0;
}

/* ---- values ---- */

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

static int load_values(ss_train_model *model, const ss_safetensors *file, ss_error *err)
{
    model->values = calloc(model->size, sizeof *model->values);
    model->gradients = calloc(model->size, sizeof *model->gradients);
    if (!model->values || !model->gradients) return ss_fail_memory(err, "loading a model to train");
    for (size_t i = 0; i < model->count; i++) {
        const ss_parameter *parameter = &model->parameters[i];
        const ss_tensor *tensor = ss_safetensors_find(file, parameter->name);
        if (!tensor) return ss_fail(err, SS_INPUT, "no tensor '%s'", parameter->name);
        int fits = parameter->rows ? tensor->rank == 2 && tensor->shape[0] == parameter->rows &&
                                         tensor->shape[1] == parameter->columns
                                   : tensor->rank == 1 && tensor->shape[0] == parameter->columns;
        if (!fits)
            return ss_fail(err, SS_INPUT, "tensor '%s' has another shape than config.json says", parameter->name);
        const float *floats;
        float *own;
        if (ss_tensor_floats(tensor, &floats, &own, err) != 0) return -1;
        memcpy(model->values + parameter->at, floats, parameter->count * sizeof *floats);
        free(own);
    }
    return 0;
}

static int is_trained(const ss_train_model *model, const char *name)
{
    for (size_t i = 0; i < model->count; i++)
        if (strcmp(model->parameters[i].name, name) == 0) return 1;
    return 0;
}

/* Copies of the tensors that are not trained. */
static int carry_others(ss_train_model *model, const ss_safetensors *file, ss_error *err)
{
    model->carried = calloc(ss_safetensors_count(file) + 1, sizeof *model->carried);
    if (!model->carried) return ss_fail_memory(err, "loading a model to train");
    const char *name;
    json_t *entry;
    json_object_foreach(model->header, name, entry)
    {
        const ss_tensor *tensor = ss_safetensors_find(file, name);
        if (!tensor || is_trained(model, name)) continue;
        ss_carried *carried = &model->carried[model->carried_count];
        *carried = (ss_carried){.name = strdup(name), .bytes = malloc(tensor->len + 1), .len = tensor->len};
        model->carried_count++;
        if (!carried->name || !carried->bytes) return ss_fail_memory(err, "loading a model to train");
        memcpy(carried->bytes, tensor->data, tensor->len);
    }
    return 0;
}

/* The file is one that ss_safetensors_open has accepted. */
static int keep_header(ss_train_model *model, const ss_named_bytes *bytes, ss_error *err)
{
    size_t len = 0;
    for (size_t i = 0; i < LENGTH_BYTES; i++) len |= (size_t)bytes->data[i] << (8 * i);
    model->header = ss_json_load(bytes->data + LENGTH_BYTES, len, 0, NULL);
    return model->header ? 0 : ss_fail_memory(err, "loading a model to train");
}

static int load_tensors(ss_train_model *model, const ss_named_bytes *bytes, ss_error *err)
{
    ss_safetensors *file = ss_safetensors_open(bytes->data, bytes->len, err);
    if (!file) return -1;
    const char *prefix = find_prefix(file);
    int result = -1;
    if (!prefix)
        ss_fail(err, SS_INPUT, "no tensor 'embeddings.word_embeddings.weight'");
    else if (put_all(model, prefix, err) == 0 && load_values(model, file, err) == 0 &&
             keep_header(model, bytes, err) == 0 && carry_others(model, file, err) == 0)
        result = 0;
    ss_safetensors_close(file);
    return result;
}

/* ---- configuration ---- */

static int read_rate(const json_t *root, const char *key, float *rate, ss_error *err)
{
    const json_t *value = json_object_get(root, key);
    if (!value) return 0;
    double p = json_number_value(value);
    if (!json_is_number(value) || !(p >= 0.0 && p < 1.0))
        return ss_fail(err, SS_INPUT, "config.json: %s is not a probability below 1", key);
    *rate = (float)p;
    return 0;
}

static int read_dropout(ss_train_model *model, const ss_fileset *files, ss_error *err)
{
    const ss_named_bytes *file = ss_fileset_find(files, "config.json");
    json_t *root = file ? ss_json_load(file->data, file->len, 0, NULL) : NULL;
    if (!root) return ss_fail(err, SS_INPUT, "config.json is not readable");
    int result = read_rate(root, "hidden_dropout_prob", &model->hidden_dropout, err) != 0
                     ? -1
                     : read_rate(root, "attention_probs_dropout_prob", &model->attention_dropout, err);
    json_decref(root);
    return result;
}

static int check(const ss_train_model *model, ss_error *err)
{
    const ss_model_config *config = &model->config;
    size_t ids = ss_tokenizer_vocabulary(model->tokenizer), specials = ss_tokenizer_specials(model->tokenizer);
    if (config->pooling == SS_POOL_MAX) return ss_fail(err, SS_UNSUPPORTED, "training with max pooling");
    if (ids > config->vocabulary)
        return ss_fail(err, SS_INPUT, "the tokenizer has %zu ids, the model only %zu", ids, config->vocabulary);
    if (specials == 0 || specials >= config->max_tokens)
        return ss_fail(err, SS_INPUT, "a limit of %zu tokens with %zu special ones has no room for text",
                       config->max_tokens, specials);
    return 0;
}

static int load(ss_train_model *model, const ss_fileset *files, ss_error *err)
{
    if (ss_model_config_read(files, &model->config, err) != 0 || read_dropout(model, files, err) != 0) return -1;
    model->tokenizer = ss_tokenizer_load(files, err);
    if (!model->tokenizer || check(model, err) != 0) return -1;
    const ss_named_bytes *weights = ss_fileset_find(files, "model.safetensors");
    if (!weights) return ss_fail(err, SS_NOT_FOUND, "model.safetensors is missing");
    return load_tensors(model, weights, err) == 0 ? 0 : ss_fail_in(err, "model.safetensors");
}

ss_train_model *ss_train_model_load(const ss_fileset *files, ss_error *err)
{
    ss_train_model *model = calloc(1, sizeof *model);
    if (!model) {
        ss_fail_memory(err, "loading a model to train");
        return NULL;
    }
    if (load(model, files, err) == 0) return model;
    ss_train_model_free(model);
    return NULL;
}

void ss_train_model_free(ss_train_model *model)
{
    if (!model) return;
    for (size_t i = 0; i < model->count; i++) free((char *)(uintptr_t)model->parameters[i].name);
    for (size_t i = 0; i < model->carried_count; i++) {
        free(model->carried[i].name);
        free(model->carried[i].bytes);
    }
    free(model->carried);
    json_decref(model->header);
    free(model->parameters);
    free(model->layers);
    free(model->values);
    free(model->gradients);
    ss_tokenizer_free(model->tokenizer);
    free(model);
}

/* ---- what callers see ---- */

const ss_model_config *ss_train_model_config(const ss_train_model *model)
{
    return &model->config;
}

const ss_tokenizer *ss_train_model_tokenizer(const ss_train_model *model)
{
    return model->tokenizer;
}

size_t ss_train_model_dims(const ss_train_model *model)
{
    return model->config.hidden;
}

float ss_train_model_hidden_dropout(const ss_train_model *model)
{
    return model->hidden_dropout;
}

float ss_train_model_attention_dropout(const ss_train_model *model)
{
    return model->attention_dropout;
}

size_t ss_train_model_size(const ss_train_model *model)
{
    return model->size;
}

float *ss_train_model_values(ss_train_model *model)
{
    return model->values;
}

float *ss_train_model_gradients(ss_train_model *model)
{
    return model->gradients;
}

const ss_parameter *ss_train_model_parameters(const ss_train_model *model, size_t *count)
{
    *count = model->count;
    return model->parameters;
}

uint64_t ss_train_model_layout(const ss_train_model *model)
{
    uint64_t layout = 0;
    for (size_t i = 0; i < model->count; i++) {
        const ss_parameter *p = &model->parameters[i];
        uint64_t parts[] = {layout, ss_hash64(p->name, strlen(p->name)), p->rows, p->columns};
        layout = ss_hash64(parts, sizeof parts);
    }
    return layout;
}
