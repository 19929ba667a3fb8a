/* tiny_family.c - see tiny_family.h. */
#include "tests/unit/train/tiny_family.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HEADER_ROOM = 16384, MAX_FLOATS = 1 << 15, LENGTH_BYTES = 8, POSITIONS = TINY_MAX_TOKENS + 2, TEXT_ROOM = 1024 };

static const char modules[] =
    "[{\"idx\":0,\"name\":\"0\",\"path\":\"\",\"type\":\"sentence_transformers.models.Transformer\"},"
    "{\"idx\":1,\"name\":\"1\",\"path\":\"1_Pooling\",\"type\":\"sentence_transformers.models.Pooling\"},"
    "{\"idx\":2,\"name\":\"2\",\"path\":\"2_Normalize\",\"type\":\"sentence_transformers.models.Normalize\"}]";

uint64_t tiny_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545F4914F6CDD1Du;
}

double tiny_uniform(uint64_t *state)
{
    return (double)(tiny_random(state) >> 11) / (double)(1ull << 52) - 1.0;
}

static void add_item(tiny_family *tiny, const char *name, const void *data, size_t len)
{
    ss_named_bytes *item = &tiny->items[tiny->files.count++];
    *item = (ss_named_bytes){.name = strdup(name), .data = data, .len = len};
    if (!item->name) abort();
}

static void add_text(tiny_family *tiny, const char *name, const char *text)
{
    char *copy = strdup(text);
    if (!copy) abort();
    add_item(tiny, name, copy, strlen(copy));
}

static void add_configuration(tiny_family *tiny, tiny_options options)
{
    char text[TEXT_ROOM];
    int mpnet = options.family == SS_MPNET;
    snprintf(text, sizeof text,
             "{\"model_type\":\"%s\",\"hidden_act\":\"%s\",\"hidden_size\":%d,\"intermediate_size\":%d,"
             "\"num_hidden_layers\":%d,\"num_attention_heads\":%d,\"max_position_embeddings\":%d,"
             "\"type_vocab_size\":2,\"vocab_size\":%d,\"layer_norm_eps\":1e-5,\"pad_token_id\":%d,"
             "\"hidden_dropout_prob\":0.1,\"attention_probs_dropout_prob\":0.2}",
             mpnet ? "mpnet" : "bert", options.activation ? options.activation : "gelu", TINY_HIDDEN, TINY_INNER,
             TINY_LAYERS, TINY_HEADS, POSITIONS, TINY_IDS, mpnet);
    add_text(tiny, "config.json", text);
    snprintf(text, sizeof text,
             "{\"word_embedding_dimension\":%d,\"pooling_mode_cls_token\":%s,\"pooling_mode_mean_tokens\":%s,"
             "\"pooling_mode_max_tokens\":%s}",
             TINY_HIDDEN, options.pooling == SS_POOL_CLS ? "true" : "false",
             options.pooling == SS_POOL_MEAN ? "true" : "false", options.pooling == SS_POOL_MAX ? "true" : "false");
    add_text(tiny, "1_Pooling/config.json", text);
    snprintf(text, sizeof text, "{\"max_seq_length\":%d,\"do_lower_case\":false}", TINY_MAX_TOKENS);
    add_text(tiny, "sentence_bert_config.json", text);
    add_text(tiny, "modules.json", modules);
    add_text(tiny, "tokenizer_config.json",
             mpnet ? "{\"tokenizer_class\":\"MPNetTokenizer\",\"do_lower_case\":true}"
                   : "{\"tokenizer_class\":\"BertTokenizer\",\"do_lower_case\":true}");
    char vocabulary[TEXT_ROOM];
    int used = snprintf(vocabulary, sizeof vocabulary, "%s",
                        mpnet ? "<s>\n<pad>\n</s>\n[UNK]\n<mask>\n" : "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n");
    for (int id = 5; id < TINY_IDS; id++)
        used += snprintf(vocabulary + used, sizeof vocabulary - (size_t)used, "w%d\n", id);
    add_text(tiny, "vocab.txt", vocabulary);
}

/* ---- weights ---- */

typedef struct weights {
    char header[HEADER_ROOM];
    size_t header_len;
    float floats[MAX_FLOATS];
    size_t count;
    uint64_t state;
} weights;

/* Random around `mean` by `spread`; columns 0: a vector. */
static void add_tensor(weights *w, const char *name, size_t rows, size_t columns, double mean, double spread)
{
    size_t count = columns ? rows * columns : rows, begin = w->count * sizeof(float);
    if (w->count + count > MAX_FLOATS) abort();
    for (size_t i = 0; i < count; i++) w->floats[w->count++] = (float)(mean + spread * tiny_uniform(&w->state));
    char shape[48];
    if (columns)
        snprintf(shape, sizeof shape, "[%zu,%zu]", rows, columns);
    else
        snprintf(shape, sizeof shape, "[%zu]", rows);
    w->header_len += (size_t)snprintf(w->header + w->header_len, HEADER_ROOM - w->header_len,
                                      ",\"%s\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}", name,
                                      shape, begin, w->count * sizeof(float));
}

static void add_linear(weights *w, const char *layer, const char *name, size_t out, size_t in)
{
    char full[128];
    snprintf(full, sizeof full, "%s%s.weight", layer, name);
    add_tensor(w, full, out, in, 0.0, 0.5);
    snprintf(full, sizeof full, "%s%s.bias", layer, name);
    add_tensor(w, full, out, 0, 0.0, 0.2);
}

static void add_norm(weights *w, const char *layer, const char *name)
{
    char full[128];
    snprintf(full, sizeof full, "%s%s.weight", layer, name);
    add_tensor(w, full, TINY_HIDDEN, 0, 1.0, 0.3);
    snprintf(full, sizeof full, "%s%s.bias", layer, name);
    add_tensor(w, full, TINY_HIDDEN, 0, 0.0, 0.2);
}

static void add_layer(weights *w, ss_family family, int number)
{
    static const char *const names[2][5] = {
        {"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
         "attention.output.LayerNorm"},
        {"attention.attn.q", "attention.attn.k", "attention.attn.v", "attention.attn.o", "attention.LayerNorm"}};
    const char *const *name = names[family == SS_MPNET];
    char layer[64];
    snprintf(layer, sizeof layer, "encoder.layer.%d.", number);
    for (int i = 0; i < 4; i++) add_linear(w, layer, name[i], TINY_HIDDEN, TINY_HIDDEN);
    add_norm(w, layer, name[4]);
    add_linear(w, layer, "intermediate.dense", TINY_INNER, TINY_HIDDEN);
    add_linear(w, layer, "output.dense", TINY_HIDDEN, TINY_INNER);
    add_norm(w, layer, "output.LayerNorm");
}

static void add_weights(tiny_family *tiny, tiny_options options)
{
    weights *w = calloc(1, sizeof *w);
    if (!w) abort();
    w->state = options.seed * 2654435761u + 88172645463325252u;
    w->header_len = (size_t)snprintf(w->header, HEADER_ROOM, "{\"__metadata__\":{\"format\":\"pt\"}");
    add_tensor(w, "pooler.dense.bias", TINY_HIDDEN, 0, 0.0, 1.0); /* not trained */
    add_tensor(w, "embeddings.word_embeddings.weight", TINY_IDS, TINY_HIDDEN, 0.0, 1.0);
    add_tensor(w, "embeddings.position_embeddings.weight", POSITIONS, TINY_HIDDEN, 0.0, 0.4);
    if (options.family == SS_BERT)
        add_tensor(w, "embeddings.token_type_embeddings.weight", 2, TINY_HIDDEN, 0.0, 0.2);
    else
        add_tensor(w, "encoder.relative_attention_bias.weight", 32, TINY_HEADS, 0.0, 0.7);
    add_norm(w, "", "embeddings.LayerNorm");
    for (int layer = 0; layer < TINY_LAYERS; layer++) add_layer(w, options.family, layer);
    w->header[w->header_len++] = '}';
    while (w->header_len % LENGTH_BYTES) w->header[w->header_len++] = ' ';
    size_t data = w->count * sizeof(float), size = LENGTH_BYTES + w->header_len + data;
    unsigned char *file = malloc(size);
    if (!file) abort();
    for (size_t i = 0; i < LENGTH_BYTES; i++) file[i] = (unsigned char)(w->header_len >> (8 * i));
    memcpy(file + LENGTH_BYTES, w->header, w->header_len);
    memcpy(file + LENGTH_BYTES + w->header_len, w->floats, data);
    free(w);
    add_item(tiny, "model.safetensors", file, size);
}

void tiny_family_make(tiny_family *tiny, tiny_options options)
{
    *tiny = (tiny_family){.files = {.count = 0}};
    tiny->files.items = tiny->items;
    add_configuration(tiny, options);
    add_weights(tiny, options);
}

void tiny_family_free(tiny_family *tiny)
{
    for (size_t i = 0; i < tiny->files.count; i++) {
        free(tiny->items[i].name);
        free((void *)(uintptr_t)tiny->items[i].data);
    }
    *tiny = (tiny_family){.files = {.count = 0}};
}

ss_train_model *tiny_family_load(const tiny_family *tiny)
{
    ss_error err = {0};
    ss_train_model *model = ss_train_model_load(&tiny->files, &err);
    if (!model) fail_msg("%s", err.text);
    return model;
}

void assert_near(double got, double want, double most)
{
    double difference = got > want ? got - want : want - got;
    if (!(difference <= most)) fail_msg("%.9g, not %.9g within %.3g", got, want, most);
}

/* ---- texts ---- */

ss_train_texts tiny_texts_make(size_t count, size_t longest, uint64_t seed)
{
    uint64_t state = seed * 1181783497276652981u + 1;
    int32_t *ids = calloc(count * longest, sizeof *ids);
    uint32_t *starts = calloc(count + 1, sizeof *starts), used = 0;
    if (!ids || !starts) abort();
    for (size_t t = 0; t < count; t++) {
        size_t tokens = 2 + tiny_random(&state) % (longest - 1);
        for (size_t i = 0; i < tokens; i++) ids[used++] = (int32_t)(tiny_random(&state) % TINY_IDS);
        starts[t + 1] = used;
    }
    return (ss_train_texts){.ids = ids, .starts = starts, .count = count};
}

void tiny_texts_free(ss_train_texts *texts)
{
    free((void *)(uintptr_t)texts->ids);
    free((void *)(uintptr_t)texts->starts);
    *texts = (ss_train_texts){.count = 0};
}
