/* test_encoder.c - small random models of both families against a plain forward pass in double precision, written here
 * from the papers (Devlin et al. 2018; Song et al. 2020) without any of the encoder's code.
 *
 * Sizes are chosen to be awkward: widths that are no multiple of a panel, 3 heads of 8, sequences of 1 to 20 tokens.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/attention.h"
#include "nn/encoder.h"

enum { H = 24, HEADS = 3, WIDTH = H / HEADS, INNER = 40, LAYERS = 2, VOCAB = 50, POSITIONS = 22, BUCKETS = 32 };
enum { MAX_TENSORS = 64, MAX_FLOATS = 20000, PAD = 1, LIMIT = 20 };
static const double EPSILON = 1e-5;

/* ---- a model in memory ---- */

typedef struct tensor {
    char name[96];
    size_t rows, columns; /* columns 0: a vector */
    float *data;
} tensor;

typedef struct model {
    ss_family family;
    ss_activation activation;
    ss_pooling pooling;
    tensor tensors[MAX_TENSORS];
    size_t count, used;
    float floats[MAX_FLOATS];
    char config[512], pooling_json[256], vocab[1024];
    unsigned char *weights;
    size_t weights_len;
    ss_named_bytes items[8];
    ss_fileset files;
} model;

static void add_tensor(model *m, const char *name, size_t rows, size_t columns, float mean, float spread)
{
    tensor *t = &m->tensors[m->count++];
    assert_true(m->count <= MAX_TENSORS);
    snprintf(t->name, sizeof t->name, "%s", name);
    t->rows = rows;
    t->columns = columns;
    t->data = m->floats + m->used;
    size_t n = rows * (columns ? columns : 1);
    m->used += n;
    assert_true(m->used <= MAX_FLOATS);
    for (size_t i = 0; i < n; i++) t->data[i] = mean + spread * ((float)rand() / (float)RAND_MAX * 2.0f - 1.0f);
}

static void add_pair(model *m, const char *prefix, const char *name, size_t out, size_t in)
{
    char full[96];
    snprintf(full, sizeof full, "%s%s.weight", prefix, name);
    add_tensor(m, full, out, in, in ? 0.0f : 1.0f, 0.4f);
    snprintf(full, sizeof full, "%s%s.bias", prefix, name);
    add_tensor(m, full, out, 0, 0.0f, 0.3f);
}

/* Names of the two families: query, key, value, output projection, norm after it. */
static const char *const names[2][5] = {
    {"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
     "attention.output.LayerNorm"},
    {"attention.attn.q", "attention.attn.k", "attention.attn.v", "attention.attn.o", "attention.LayerNorm"}};

static void add_tensors(model *m)
{
    add_tensor(m, "embeddings.word_embeddings.weight", VOCAB, H, 0, 1);
    add_tensor(m, "embeddings.position_embeddings.weight", POSITIONS, H, 0, 0.5f);
    if (m->family == SS_BERT) add_tensor(m, "embeddings.token_type_embeddings.weight", 2, H, 0, 0.5f);
    if (m->family == SS_MPNET) add_tensor(m, "encoder.relative_attention_bias.weight", BUCKETS, HEADS, 0, 2);
    add_pair(m, "embeddings.", "LayerNorm", H, 0);
    for (int layer = 0; layer < LAYERS; layer++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "encoder.layer.%d.", layer);
        for (int i = 0; i < 4; i++) add_pair(m, prefix, names[m->family][i], H, H);
        add_pair(m, prefix, names[m->family][4], H, 0);
        add_pair(m, prefix, "intermediate.dense", INNER, H);
        add_pair(m, prefix, "output.dense", H, INNER);
        add_pair(m, prefix, "output.LayerNorm", H, 0);
    }
}

/* model.safetensors, every name behind `prefix`. */
static void write_weights(model *m, const char *prefix)
{
    static char header[16384];
    size_t len = 0, at = 0;
    for (size_t i = 0; i < m->count; i++) {
        const tensor *t = &m->tensors[i];
        size_t bytes = t->rows * (t->columns ? t->columns : 1) * sizeof(float);
        char shape[32];
        snprintf(shape, sizeof shape, t->columns ? "[%zu,%zu]" : "[%zu]", t->rows, t->columns);
        len += (size_t)snprintf(header + len, sizeof header - len,
                                "%c\"%s%s\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}", i ? ',' : '{',
                                prefix, t->name, shape, at, at + bytes);
        at += bytes;
    }
    header[len++] = '}';
    while (len % 8) header[len++] = ' '; /* as Hugging Face's writer does, so that tensors can be read in place */
    m->weights_len = 8 + len + at;
    m->weights = realloc(m->weights, m->weights_len);
    assert_non_null(m->weights);
    for (size_t i = 0; i < 8; i++) m->weights[i] = (unsigned char)((uint64_t)len >> (8 * i));
    memcpy(m->weights + 8, header, len);
    memcpy(m->weights + 8 + len, m->floats, at);
}

static void set_file(model *m, const char *name, const void *bytes, size_t len)
{
    size_t i = 0;
    while (i < m->files.count && strcmp(m->items[i].name, name) != 0) i++;
    if (i == m->files.count) m->files.count++;
    m->items[i] = (ss_named_bytes){.name = (char *)(uintptr_t)name, .data = bytes, .len = len};
}

static void set_text(model *m, const char *name, const char *text)
{
    set_file(m, name, text, strlen(text));
}

static const char chain[] = "[{\"type\":\"sentence_transformers.models.Transformer\",\"path\":\"\"},"
                            "{\"type\":\"sentence_transformers.models.Pooling\",\"path\":\"1_Pooling\"}]";

static model *make_model(ss_family family, ss_activation activation, ss_pooling pooling, const char *prefix)
{
    static const char *const acts[] = {"gelu", "gelu_new", "relu"}, *const modes[] = {"mean_tokens", "cls_token",
                                                                                      "max_tokens"};
    model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->family = family;
    m->activation = activation;
    m->pooling = pooling;
    m->files.items = m->items;
    add_tensors(m);
    write_weights(m, prefix);
    snprintf(m->config, sizeof m->config,
             "{\"model_type\":\"%s\",\"hidden_act\":\"%s\",\"hidden_size\":%d,\"num_hidden_layers\":%d,"
             "\"num_attention_heads\":%d,\"intermediate_size\":%d,\"vocab_size\":%d,\"max_position_embeddings\":%d,"
             "\"layer_norm_eps\":%g,\"pad_token_id\":%d}",
             family == SS_BERT ? "bert" : "mpnet", acts[activation], H, LAYERS, HEADS, INNER, VOCAB, POSITIONS, EPSILON,
             PAD);
    snprintf(m->pooling_json, sizeof m->pooling_json, "{\"word_embedding_dimension\":%d,\"pooling_mode_%s\":true}", H,
             modes[pooling]);
    size_t len = (size_t)snprintf(m->vocab, sizeof m->vocab, "[PAD]\n[CLS]\n[SEP]\n[UNK]\n[MASK]\n");
    for (char c = 'a'; c <= 'z'; c++) len += (size_t)snprintf(m->vocab + len, sizeof m->vocab - len, "%c\n", c);
    set_text(m, "modules.json", chain);
    set_text(m, "config.json", m->config);
    set_text(m, "1_Pooling/config.json", m->pooling_json);
    set_text(m, "vocab.txt", m->vocab);
    set_file(m, "model.safetensors", m->weights, m->weights_len);
    return m;
}

static void free_model(model *m)
{
    free(m->weights);
    free(m);
}

/* ---- the plain forward pass ---- */

static const float *data_of(const model *m, const char *prefix, const char *name, const char *kind)
{
    char full[128];
    snprintf(full, sizeof full, "%s%s.%s", prefix, name, kind);
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->tensors[i].name, full) == 0) return m->tensors[i].data;
    fail_msg("no tensor %s", full);
    return NULL;
}

static void plain_linear(const model *m, const char *prefix, const char *name, size_t in, size_t out, const double *x,
                         double *y)
{
    const float *w = data_of(m, prefix, name, "weight"), *b = data_of(m, prefix, name, "bias");
    for (size_t j = 0; j < out; j++) {
        y[j] = (double)b[j];
        for (size_t i = 0; i < in; i++) y[j] += (double)w[j * in + i] * x[i];
    }
}

static void plain_norm(const model *m, const char *prefix, const char *name, double *x)
{
    const float *gamma = data_of(m, prefix, name, "weight"), *beta = data_of(m, prefix, name, "bias");
    double mean = 0, variance = 0;
    for (size_t i = 0; i < H; i++) mean += x[i] / H;
    for (size_t i = 0; i < H; i++) variance += (x[i] - mean) * (x[i] - mean) / H;
    for (size_t i = 0; i < H; i++) x[i] = (x[i] - mean) / sqrt(variance + EPSILON) * (double)gamma[i] + (double)beta[i];
}

static double plain_activation(ss_activation activation, double x)
{
    if (activation == SS_RELU) return x > 0 ? x : 0;
    if (activation == SS_GELU) return 0.5 * x * (1 + erf(x / sqrt(2.0)));
    return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
}

typedef double rows[LIMIT][H];

static void plain_embed(const model *m, const int32_t *ids, size_t n, rows x)
{
    const float *words = data_of(m, "embeddings.", "word_embeddings", "weight");
    const float *positions = data_of(m, "embeddings.", "position_embeddings", "weight");
    size_t seen = 0;
    for (size_t i = 0; i < n; i++) {
        size_t position = i;
        if (m->family == SS_MPNET) position = ids[i] == PAD ? PAD : PAD + ++seen;
        for (size_t d = 0; d < H; d++) {
            x[i][d] = (double)words[(size_t)ids[i] * H + d] + (double)positions[position * H + d];
            if (m->family == SS_BERT)
                x[i][d] += (double)data_of(m, "embeddings.", "token_type_embeddings", "weight")[d];
        }
        plain_norm(m, "embeddings.", "LayerNorm", x[i]);
    }
}

static void plain_attention(const model *m, size_t n, rows q, rows k, rows v, rows out)
{
    const float *bias = m->family == SS_MPNET ? data_of(m, "encoder.", "relative_attention_bias", "weight") : NULL;
    for (size_t h = 0; h < HEADS; h++)
        for (size_t i = 0; i < n; i++) {
            double p[LIMIT], total = 0;
            for (size_t j = 0; j < n; j++) {
                double s = 0;
                for (size_t d = h * WIDTH; d < (h + 1) * WIDTH; d++) s += q[i][d] * k[j][d];
                s /= sqrt((double)WIDTH);
                if (bias) s += (double)bias[ss_relative_bucket((long)j - (long)i, BUCKETS) * HEADS + h];
                total += p[j] = exp(s);
            }
            for (size_t d = h * WIDTH; d < (h + 1) * WIDTH; d++) {
                out[i][d] = 0;
                for (size_t j = 0; j < n; j++) out[i][d] += p[j] / total * v[j][d];
            }
        }
}

static void plain_layer(const model *m, int layer, size_t n, rows x)
{
    static rows q, k, v, context;
    char prefix[32];
    const char *const *part = names[m->family];
    snprintf(prefix, sizeof prefix, "encoder.layer.%d.", layer);
    for (size_t i = 0; i < n; i++) {
        plain_linear(m, prefix, part[0], H, H, x[i], q[i]);
        plain_linear(m, prefix, part[1], H, H, x[i], k[i]);
        plain_linear(m, prefix, part[2], H, H, x[i], v[i]);
    }
    plain_attention(m, n, q, k, v, context);
    for (size_t i = 0; i < n; i++) {
        double y[H], inner[INNER];
        plain_linear(m, prefix, part[3], H, H, context[i], y);
        for (size_t d = 0; d < H; d++) x[i][d] += y[d];
        plain_norm(m, prefix, part[4], x[i]);
        plain_linear(m, prefix, "intermediate.dense", H, INNER, x[i], inner);
        for (size_t d = 0; d < INNER; d++) inner[d] = plain_activation(m->activation, inner[d]);
        plain_linear(m, prefix, "output.dense", INNER, H, inner, y);
        for (size_t d = 0; d < H; d++) x[i][d] += y[d];
        plain_norm(m, prefix, "output.LayerNorm", x[i]);
    }
}

static void plain_forward(const model *m, const int32_t *ids, size_t n, double *out)
{
    static rows x;
    plain_embed(m, ids, n, x);
    for (int layer = 0; layer < LAYERS; layer++) plain_layer(m, layer, n, x);
    for (size_t d = 0; d < H; d++) {
        out[d] = x[0][d];
        for (size_t i = 1; i < n && m->pooling != SS_POOL_CLS; i++)
            out[d] = m->pooling == SS_POOL_MEAN ? out[d] + x[i][d] : fmax(out[d], x[i][d]);
        if (m->pooling == SS_POOL_MEAN) out[d] /= (double)n;
    }
}

/* ---- tests ---- */

enum { SEQUENCES = 9 };

/* Sequences of 1 to 20 tokens, with padding tokens (id 1) inside. */
static void make_batch(int32_t *ids, uint32_t *starts)
{
    static const uint32_t lengths[SEQUENCES] = {5, 1, 20, 2, 13, 12, 20, 7, 3};
    starts[0] = 0;
    for (size_t s = 0; s < SEQUENCES; s++) {
        starts[s + 1] = starts[s] + lengths[s];
        for (uint32_t i = starts[s]; i < starts[s + 1]; i++) ids[i] = rand() % 6 == 0 ? PAD : rand() % VOCAB;
    }
}

static void check_model(const model *m, const char *engine_name)
{
    int32_t ids[SEQUENCES * LIMIT];
    uint32_t starts[SEQUENCES + 1];
    float out[SEQUENCES * H], alone[H];
    double right[H];
    ss_error err = {0};
    ss_engine engine;
    if (ss_engine_named(engine_name, &engine) != 0) return;
    ss_encoder *encoder = ss_encoder_load_with(&m->files, engine, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(ss_encoder_dims(encoder), H);
    assert_int_equal(ss_encoder_max_tokens(encoder), m->family == SS_BERT ? POSITIONS : LIMIT);
    ss_encoder_run *run = ss_encoder_run_new(encoder, SEQUENCES * LIMIT, &err);
    assert_non_null(run);
    make_batch(ids, starts);
    assert_int_equal(ss_encoder_forward(run, ids, starts, SEQUENCES, out, &err), 0);
    for (size_t s = 0; s < SEQUENCES; s++) {
        uint32_t one[2] = {0, starts[s + 1] - starts[s]};
        plain_forward(m, ids + starts[s], one[1], right);
        for (size_t d = 0; d < H; d++) assert_true(fabs((double)out[s * H + d] - right[d]) < 2e-5);
        assert_int_equal(ss_encoder_forward(run, ids + starts[s], one, 1, alone, &err), 0);
        for (size_t d = 0; d < H; d++) assert_true(fabsf(out[s * H + d] - alone[d]) < (engine.blas ? 1e-5f : 1e-30f));
    }
    ss_encoder_run_free(run);
    ss_encoder_free(encoder);
}

static void forward_matches_double_precision(void **state)
{
    (void)state;
    static const char *const prefixes[2][3] = {{"", "bert.", "0.auto_model."}, {"", "mpnet.", "0.auto_model."}};
    static const char *const engines[] = {"avx512", "avx2", "generic", "openblas"};
    for (int family = 0; family < 2; family++)
        for (int variant = 0; variant < 3; variant++) {
            model *m =
                make_model((ss_family)family, (ss_activation)variant, (ss_pooling)variant, prefixes[family][variant]);
            for (size_t e = 0; e < 4; e++) check_model(m, engines[e]);
            free_model(m);
        }
}

/* int8: the same bits from every set of kernels, alone and in a batch, and the direction of double precision. */
static void check_int8(const model *m)
{
    static const char *const engines[] = {"int8-generic", "int8-avx2", "int8-avxvnni", "int8-avx512vnni", "int8"};
    int32_t ids[SEQUENCES * LIMIT];
    uint32_t starts[SEQUENCES + 1];
    float first[SEQUENCES * H], out[SEQUENCES * H], alone[H];
    double right[H];
    make_batch(ids, starts);
    for (size_t e = 0; e < sizeof engines / sizeof engines[0]; e++) {
        ss_engine engine;
        if (ss_engine_named(engines[e], &engine) != 0) continue;
        ss_encoder *encoder = ss_encoder_load_with(&m->files, engine, NULL);
        ss_encoder_run *run = ss_encoder_run_new(encoder, SEQUENCES * LIMIT, NULL);
        assert_int_equal(ss_encoder_precision(encoder), SS_INT8);
        assert_int_equal(ss_encoder_forward(run, ids, starts, SEQUENCES, e ? out : first, NULL), 0);
        if (e) assert_memory_equal(out, first, sizeof out);
        for (size_t s = 0; s < SEQUENCES; s++) {
            uint32_t one[2] = {0, starts[s + 1] - starts[s]};
            double ab = 0, aa = 0, bb = 0;
            plain_forward(m, ids + starts[s], one[1], right);
            for (size_t d = 0; d < H; d++) {
                double x = (double)first[s * H + d];
                ab += x * right[d];
                aa += x * x;
                bb += right[d] * right[d];
            }
            assert_true(ab / sqrt(aa * bb) > 0.999);
            assert_int_equal(ss_encoder_forward(run, ids + starts[s], one, 1, alone, NULL), 0);
            assert_memory_equal(alone, first + s * H, sizeof alone);
        }
        ss_encoder_run_free(run);
        ss_encoder_free(encoder);
    }
}

static void int8_gives_the_same_bits_everywhere(void **state)
{
    (void)state;
    for (int family = 0; family < 2; family++)
        for (int variant = 0; variant < 3; variant++) {
            model *m = make_model((ss_family)family, (ss_activation)variant, (ss_pooling)variant, "");
            check_int8(m);
            free_model(m);
        }
}

static void check_copied_weights(const char *engine_name)
{
    int32_t ids[SEQUENCES * LIMIT];
    uint32_t starts[SEQUENCES + 1];
    float before[SEQUENCES * H], after[SEQUENCES * H];
    ss_engine engine;
    if (ss_engine_named(engine_name, &engine) != 0) return;
    model *m = make_model(SS_BERT, SS_GELU, SS_POOL_MEAN, "");
    make_batch(ids, starts);
    ss_encoder *encoder = ss_encoder_load_with(&m->files, engine, NULL);
    ss_encoder_run *run = ss_encoder_run_new(encoder, SEQUENCES * LIMIT, NULL);
    assert_int_equal(ss_encoder_forward(run, ids, starts, SEQUENCES, before, NULL), 0);
    size_t count, total = 0;
    const ss_copied_weights *copied = ss_encoder_copied(encoder, &count);
    for (size_t i = 0; i < count; i++) {
        size_t at = (size_t)((const unsigned char *)copied[i].data - m->weights);
        assert_true(at < m->weights_len && copied[i].len <= m->weights_len - at);
        memset(m->weights + at, 0xFF, copied[i].len); /* not a number */
        total += copied[i].len;
    }
    assert_int_equal(total, LAYERS * (4 * H * H + 2 * H * INNER) * sizeof(float)); /* all linear layers */
    assert_int_equal(ss_encoder_forward(run, ids, starts, SEQUENCES, after, NULL), 0);
    assert_memory_equal(after, before, sizeof before);
    ss_encoder_run_free(run);
    ss_encoder_free(encoder);
    free_model(m);
}

static void copied_weights_are_not_read_again(void **state)
{
    (void)state;
    static const char *const engines[] = {"avx512", "avx2", "generic", "openblas", "int8"};
    for (size_t e = 0; e < sizeof engines / sizeof engines[0]; e++) check_copied_weights(engines[e]);
}

static void hidden_states_end_in_the_embedding(void **state)
{
    (void)state;
    model *m = make_model(SS_MPNET, SS_GELU, SS_POOL_CLS, "");
    static const int32_t ids[] = {1, 9, 8, 7};
    static const uint32_t starts[] = {0, 4};
    float states[(LAYERS + 1) * 4 * H], out[H];
    static rows x;
    ss_encoder *encoder = ss_encoder_load(&m->files, NULL);
    ss_encoder_run *run = ss_encoder_run_new(encoder, 1, NULL);
    assert_int_equal(ss_encoder_states(run, ids, 4, states, NULL), 0);
    assert_int_equal(ss_encoder_forward(run, ids, starts, 1, out, NULL), 0);
    assert_memory_equal(out, states + LAYERS * 4 * H, sizeof out);
    plain_embed(m, ids, 4, x);
    for (size_t i = 0; i < 4 * H; i++) assert_true(fabs((double)states[i] - x[i / H][i % H]) < 1e-5);
    ss_encoder_run_free(run);
    ss_encoder_free(encoder);
    free_model(m);
}

static void expect_forward(ss_encoder_run *run, const int32_t *ids, const uint32_t *starts, size_t sequences,
                           ss_status status)
{
    float out[4 * H];
    ss_error err = {0};
    assert_int_equal(ss_encoder_forward(run, ids, starts, sequences, out, &err), -1);
    assert_int_equal(err.status, status);
}

static void bad_batches_are_refused(void **state)
{
    (void)state;
    model *m = make_model(SS_BERT, SS_GELU, SS_POOL_MEAN, "");
    ss_encoder *encoder = ss_encoder_load(&m->files, NULL);
    ss_encoder_run *run = ss_encoder_run_new(encoder, POSITIONS, NULL);
    int32_t ids[2 * POSITIONS] = {0};
    static const uint32_t empty[] = {0, 2, 2}, back[] = {0, 3, 1}, late[] = {1, 3}, longer[] = {0, POSITIONS + 1};
    static const uint32_t large[] = {0, POSITIONS, POSITIONS + 1}, good[] = {0, 3};
    expect_forward(run, ids, empty, 2, SS_INPUT);
    expect_forward(run, ids, back, 2, SS_INPUT);
    expect_forward(run, ids, late, 1, SS_INPUT);
    expect_forward(run, ids, longer, 1, SS_LIMIT);
    expect_forward(run, ids, large, 2, SS_LIMIT);
    ids[1] = VOCAB;
    expect_forward(run, ids, good, 1, SS_INPUT);
    ids[1] = -1;
    expect_forward(run, ids, good, 1, SS_INPUT);
    assert_null(ss_encoder_run_new(encoder, SIZE_MAX, NULL));
    ss_encoder_run_free(run);
    ss_encoder_free(encoder);
    free_model(m);
}

static void expect_load(const model *m, ss_status status, const char *word)
{
    ss_error err = {0};
    assert_null(ss_encoder_load(&m->files, &err));
    assert_int_equal(err.status, status);
    if (!strstr(err.text, word)) fail_msg("'%s' does not name '%s'", err.text, word);
}

static void broken_models_are_refused(void **state)
{
    (void)state;
    model *m = make_model(SS_BERT, SS_GELU, SS_POOL_MEAN, "");
    for (size_t i = 0; i < m->count; i++) { /* each tensor: missing, then of another shape */
        char first = m->tensors[i].name[0];
        m->tensors[i].name[0] = 'X';
        write_weights(m, "");
        set_file(m, "model.safetensors", m->weights, m->weights_len);
        expect_load(m, SS_INPUT, "tensor");
        m->tensors[i].name[0] = first;
        size_t rows_before = m->tensors[i].rows;
        m->tensors[i].rows--;
        write_weights(m, "");
        set_file(m, "model.safetensors", m->weights, m->weights_len);
        expect_load(m, SS_INPUT, "shape");
        m->tensors[i].rows = rows_before;
    }
    write_weights(m, "");
    for (size_t len = 0; len < m->weights_len; len += 997) {
        set_file(m, "model.safetensors", m->weights, len);
        expect_load(m, SS_INPUT, "model.safetensors");
    }
    set_file(m, "model.safetensors", m->weights, m->weights_len);
    char vocab[2048];
    size_t len = strlen(m->vocab);
    memcpy(vocab, m->vocab, len + 1);
    for (int i = 0; i < 30; i++) len += (size_t)snprintf(vocab + len, sizeof vocab - len, "more%d\n", i);
    set_text(m, "vocab.txt", vocab);
    expect_load(m, SS_INPUT, "ids");
    m->items[3].name = (char *)(uintptr_t) "else.txt";
    expect_load(m, SS_NOT_FOUND, "vocab.txt");
    free_model(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_matches_double_precision),    cmocka_unit_test(hidden_states_end_in_the_embedding),
        cmocka_unit_test(int8_gives_the_same_bits_everywhere), cmocka_unit_test(bad_batches_are_refused),
        cmocka_unit_test(copied_weights_are_not_read_again),   cmocka_unit_test(broken_models_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
