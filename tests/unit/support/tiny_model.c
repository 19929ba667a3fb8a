/* tiny_model.c - see tiny_model.h. */
#include "support/tiny_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "support/temp_folder.h"

enum { HIDDEN = TINY_MODEL_DIMS, INNER = 32, LAYERS = 2, POSITIONS = TINY_MODEL_MAX_TOKENS, TYPES = 2 };
enum { SPECIALS = 5, PRINTABLE = '~' - '!' + 1, VOCABULARY = SPECIALS + 2 * PRINTABLE };
enum { HEADER_ROOM = 16384, MAX_FLOATS = 1 << 14 };

static const char modules[] =
    "[{\"idx\":0,\"name\":\"0\",\"path\":\"\",\"type\":\"sentence_transformers.models.Transformer\"},"
    "{\"idx\":1,\"name\":\"1\",\"path\":\"1_Pooling\","
    "\"type\":\"sentence_transformers.models.Pooling\"},"
    "{\"idx\":2,\"name\":\"2\",\"path\":\"2_Normalize\","
    "\"type\":\"sentence_transformers.models.Normalize\"}]";

static const char pooling[] = "{\"word_embedding_dimension\":16,\"pooling_mode_cls_token\":false,"
                              "\"pooling_mode_mean_tokens\":true,\"pooling_mode_max_tokens\":false}";

static void write_vocabulary(const char *folder)
{
    char text[VOCABULARY * 8] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
    size_t used = strlen(text);
    for (const char *prefix = ""; prefix; prefix = *prefix ? NULL : "##")
        for (int c = '!'; c <= '~'; c++) used += (size_t)snprintf(text + used, sizeof text - used, "%s%c\n", prefix, c);
    temp_write(folder, "vocab.txt", text, used);
}

static void write_config(const char *folder)
{
    char text[512];
    snprintf(text, sizeof text,
             "{\"model_type\":\"bert\",\"hidden_act\":\"gelu\",\"hidden_size\":%d,\"intermediate_size\":%d,"
             "\"num_hidden_layers\":%d,\"num_attention_heads\":2,\"max_position_embeddings\":%d,"
             "\"type_vocab_size\":%d,\"vocab_size\":%d,\"layer_norm_eps\":1e-12,\"pad_token_id\":0}",
             HIDDEN, INNER, LAYERS, POSITIONS, TYPES, VOCABULARY);
    temp_write_text(folder, "config.json", text);
}

/* The weights while they are being made: a JSON header and the floats it describes. */
typedef struct weights {
    char header[HEADER_ROOM];
    size_t header_len;
    float *floats;
    size_t count;
    uint64_t state;
} weights;

/* xorshift64*, Vigna 2016; a number in [-1, 1). */
static float next_random(weights *w)
{
    w->state ^= w->state >> 12;
    w->state ^= w->state << 25;
    w->state ^= w->state >> 27;
    return (float)((w->state * 0x2545F4914F6CDD1DULL) >> 40) / (float)(1 << 23) - 1.0f;
}

/* One tensor: random around `mean` by `spread`. columns 0 = a vector. */
static void add_tensor(weights *w, const char *name, size_t rows, size_t columns, float mean, float spread)
{
    size_t count = columns ? rows * columns : rows, begin = w->count * sizeof(float);
    if (w->count + count > MAX_FLOATS) abort();
    for (size_t i = 0; i < count; i++) w->floats[w->count++] = mean + spread * next_random(w);
    char shape[48];
    if (columns)
        snprintf(shape, sizeof shape, "[%zu,%zu]", rows, columns);
    else
        snprintf(shape, sizeof shape, "[%zu]", rows);
    w->header_len += (size_t)snprintf(w->header + w->header_len, HEADER_ROOM - w->header_len,
                                      "%s\"%s\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
                                      w->header_len > 1 ? "," : "", name, shape, begin, w->count * sizeof(float));
}

static void add_linear(weights *w, const char *name, size_t out, size_t in)
{
    char full[128];
    snprintf(full, sizeof full, "%s.weight", name);
    add_tensor(w, full, out, in, 0.0f, 0.4f);
    snprintf(full, sizeof full, "%s.bias", name);
    add_tensor(w, full, out, 0, 0.0f, 0.1f);
}

static void add_norm(weights *w, const char *name)
{
    char full[128];
    snprintf(full, sizeof full, "%s.weight", name);
    add_tensor(w, full, HIDDEN, 0, 1.0f, 0.2f);
    snprintf(full, sizeof full, "%s.bias", name);
    add_tensor(w, full, HIDDEN, 0, 0.0f, 0.2f);
}

static void add_layer(weights *w, int layer)
{
    static const struct {
        const char *name;
        size_t out, in;
    } parts[] = {{"attention.self.query", HIDDEN, HIDDEN}, {"attention.self.key", HIDDEN, HIDDEN},
                 {"attention.self.value", HIDDEN, HIDDEN}, {"attention.output.dense", HIDDEN, HIDDEN},
                 {"intermediate.dense", INNER, HIDDEN},    {"output.dense", HIDDEN, INNER}};
    char name[96];
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(name, sizeof name, "encoder.layer.%d.%s", layer, parts[i].name);
        add_linear(w, name, parts[i].out, parts[i].in);
    }
    snprintf(name, sizeof name, "encoder.layer.%d.attention.output.LayerNorm", layer);
    add_norm(w, name);
    snprintf(name, sizeof name, "encoder.layer.%d.output.LayerNorm", layer);
    add_norm(w, name);
}

static void write_weights(const char *folder, uint64_t seed)
{
    weights *w = calloc(1, sizeof *w);
    if (w) w->floats = calloc(MAX_FLOATS, sizeof *w->floats);
    if (!w || !w->floats) abort();
    w->state = seed * 2654435761u + 88172645463325252u;
    w->header[w->header_len++] = '{';
    add_tensor(w, "embeddings.word_embeddings.weight", VOCABULARY, HIDDEN, 0.0f, 1.0f);
    add_tensor(w, "embeddings.position_embeddings.weight", POSITIONS, HIDDEN, 0.0f, 0.2f);
    add_tensor(w, "embeddings.token_type_embeddings.weight", TYPES, HIDDEN, 0.0f, 0.1f);
    add_norm(w, "embeddings.LayerNorm");
    for (int layer = 0; layer < LAYERS; layer++) add_layer(w, layer);
    w->header[w->header_len++] = '}';
    while (w->header_len % 8) w->header[w->header_len++] = ' ';

    size_t data = w->count * sizeof(float), size = 8 + w->header_len + data;
    unsigned char *file = calloc(1, size);
    if (!file) abort();
    for (int i = 0; i < 8; i++) file[i] = (unsigned char)(w->header_len >> (8 * i));
    memcpy(file + 8, w->header, w->header_len);
    memcpy(file + 8 + w->header_len, w->floats, data);
    temp_write(folder, "model.safetensors", file, size);
    free(file);
    free(w->floats);
    free(w);
}

void tiny_model_write(const char *where, uint64_t seed)
{
    char folder[1024]; /* the caller's string may be one of temp_path's buffers */
    snprintf(folder, sizeof folder, "%s", where);
    if (mkdir(temp_path(folder, "1_Pooling"), 0755)) abort();
    temp_write_text(folder, "modules.json", modules);
    temp_write_text(folder, "1_Pooling/config.json", pooling);
    temp_write_text(folder, "sentence_bert_config.json", "{\"max_seq_length\":64,\"do_lower_case\":false}");
    temp_write_text(folder, "tokenizer_config.json", "{\"tokenizer_class\":\"BertTokenizer\",\"do_lower_case\":true}");
    write_config(folder);
    write_vocabulary(folder);
    write_weights(folder, seed);
}
