/* reference.c - see reference.h. */
#include "tests/unit/train/reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/train/dropout.h"

/* ---- encoder ---- */

static double *zeros(size_t count)
{
    double *x = calloc(count, sizeof *x);
    if (!x) abort();
    return x;
}

static const double *tensor(const reference *r, const char *layer, const char *name)
{
    char full[128];
    size_t count;
    const ss_parameter *parameters = ss_train_model_parameters(r->model, &count);
    snprintf(full, sizeof full, "%s%s", layer, name);
    for (size_t i = 0; i < count; i++)
        if (strcmp(parameters[i].name, full) == 0) return r->values + parameters[i].at;
    fprintf(stderr, "no tensor %s\n", full);
    abort();
}

/* The mask of a row, as factors. */
static void drop(const reference *r, ss_dropout_row site, double *x, size_t n)
{
    float p = site.place == SS_DROP_ATTENTION ? r->dropout.attention_dropout : r->dropout.hidden_dropout;
    float mask[64];
    site.seed = r->dropout.seed;
    site.step = r->step;
    for (size_t i = 0; i < n; i++) mask[i] = 1.0f;
    ss_dropout_apply(ss_dropout_key(&site), p, mask, n);
    for (size_t i = 0; i < n; i++) x[i] *= mask[i] > 0.0f ? 1.0 / (1.0 - (double)p) : 0.0;
}

static void linear(const reference *r, const char *layer, const char *name, size_t in, size_t out, const double *x,
                   double *y)
{
    char weight[96], bias[96];
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    const double *w = tensor(r, layer, weight), *b = tensor(r, layer, bias);
    for (size_t o = 0; o < out; o++) {
        y[o] = b[o];
        for (size_t i = 0; i < in; i++) y[o] += w[o * in + i] * x[i];
    }
}

static void layer_norm(const reference *r, const char *layer, const char *name, double *x, size_t n)
{
    char weight[96], bias[96];
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    const double *gamma = tensor(r, layer, weight), *beta = tensor(r, layer, bias);
    double mean = 0.0, variance = 0.0;
    for (size_t i = 0; i < n; i++) mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++) variance += (x[i] - mean) * (x[i] - mean) / (double)n;
    for (size_t i = 0; i < n; i++)
        x[i] =
            (x[i] - mean) / sqrt(variance + (double)ss_train_model_config(r->model)->norm_epsilon) * gamma[i] + beta[i];
}

static double activation(ss_activation which, double x)
{
    if (which == SS_GELU) return 0.5 * x * (1.0 + erf(x / sqrt(2.0)));
    if (which == SS_GELU_TANH) return 0.5 * x * (1.0 + tanh(sqrt(2.0 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
    return x > 0.0 ? x : 0.0;
}

/* T5's bucket of key - query, from the paper: 32 buckets, distances up to 128. */
static size_t bucket(long distance)
{
    size_t first = distance > 0 ? 16 : 0, n = (size_t)labs(distance);
    if (n < 8) return first + n;
    size_t step = 8 + (size_t)(log((double)n / 8.0) / log(16.0) * 8.0);
    return first + (step < 15 ? step : 15);
}

/* One head: out (T, width) of it. q, k, v (T, H). */
static void attend(const reference *r, size_t layer, size_t text, size_t head, size_t tokens, const double *q,
                   const double *k, const double *v, double *out)
{
    const ss_model_config *config = ss_train_model_config(r->model);
    size_t hidden = config->hidden, width = hidden / config->heads, at = head * width;
    for (size_t i = 0; i < tokens; i++) {
        double p[64], total = 0.0;
        for (size_t j = 0; j < tokens; j++) {
            p[j] = 0.0;
            for (size_t d = 0; d < width; d++) p[j] += q[i * hidden + at + d] * k[j * hidden + at + d];
            p[j] /= sqrt((double)width);
            if (config->family == SS_MPNET)
                p[j] += tensor(
                    r, "", "encoder.relative_attention_bias.weight")[bucket((long)j - (long)i) * config->heads + head];
        }
        for (size_t j = 0; j < tokens; j++) total += exp(p[j]);
        for (size_t j = 0; j < tokens; j++) p[j] = exp(p[j]) / total;
        drop(r, (ss_dropout_row){.place = SS_DROP_ATTENTION, .layer = layer, .text = text, .row = head * tokens + i}, p,
             tokens);
        for (size_t d = 0; d < width; d++) {
            out[i * hidden + at + d] = 0.0;
            for (size_t j = 0; j < tokens; j++) out[i * hidden + at + d] += p[j] * v[j * hidden + at + d];
        }
    }
}

/* x = LayerNorm(x + dropout(y)) for each token. */
static void add_and_norm(const reference *r, ss_dropout_place place, size_t layer, size_t text, size_t tokens,
                         const char *path, const char *name, double *x, double *y)
{
    size_t hidden = ss_train_model_dims(r->model);
    for (size_t i = 0; i < tokens; i++) {
        drop(r, (ss_dropout_row){.place = place, .layer = layer, .text = text, .row = i}, y + i * hidden, hidden);
        for (size_t h = 0; h < hidden; h++) x[i * hidden + h] += y[i * hidden + h];
        layer_norm(r, path, name, x + i * hidden, hidden);
    }
}

static void run_layer(const reference *r, size_t layer, size_t text, size_t tokens, double *x)
{
    static const char *const names[2][5] = {
        {"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
         "attention.output.LayerNorm"},
        {"attention.attn.q", "attention.attn.k", "attention.attn.v", "attention.attn.o", "attention.LayerNorm"}};
    const ss_model_config *config = ss_train_model_config(r->model);
    const char *const *name = names[config->family == SS_MPNET];
    size_t hidden = config->hidden, inner = config->inner;
    char path[64];
    snprintf(path, sizeof path, "encoder.layer.%zu.", layer);
    double *q = zeros(5 * tokens * hidden + inner), *k = q + tokens * hidden, *v = k + tokens * hidden;
    double *out = v + tokens * hidden, *y = out + tokens * hidden, *wide = y + tokens * hidden;
    for (size_t i = 0; i < tokens; i++) {
        linear(r, path, name[0], hidden, hidden, x + i * hidden, q + i * hidden);
        linear(r, path, name[1], hidden, hidden, x + i * hidden, k + i * hidden);
        linear(r, path, name[2], hidden, hidden, x + i * hidden, v + i * hidden);
    }
    for (size_t head = 0; head < config->heads; head++) attend(r, layer, text, head, tokens, q, k, v, out);
    for (size_t i = 0; i < tokens; i++) linear(r, path, name[3], hidden, hidden, out + i * hidden, y + i * hidden);
    add_and_norm(r, SS_DROP_OUTPUT, layer, text, tokens, path, name[4], x, y);
    for (size_t i = 0; i < tokens; i++) {
        linear(r, path, "intermediate.dense", hidden, inner, x + i * hidden, wide);
        for (size_t j = 0; j < inner; j++) wide[j] = activation(config->activation, wide[j]);
        linear(r, path, "output.dense", inner, hidden, wide, y + i * hidden);
    }
    add_and_norm(r, SS_DROP_INNER, layer, text, tokens, path, "output.LayerNorm", x, y);
    free(q);
}

static void embed(const reference *r, const int32_t *ids, size_t text, size_t tokens, double *x)
{
    const ss_model_config *config = ss_train_model_config(r->model);
    size_t hidden = config->hidden, seen = 0;
    const double *words = tensor(r, "", "embeddings.word_embeddings.weight");
    const double *positions = tensor(r, "", "embeddings.position_embeddings.weight");
    for (size_t i = 0; i < tokens; i++) {
        size_t position = i;
        if (config->family == SS_MPNET) /* transformers: cumulative count of non-padding, padding stays at its id */
            position = ids[i] == config->pad_id ? (size_t)config->pad_id : (size_t)config->pad_id + ++seen;
        for (size_t h = 0; h < hidden; h++) {
            x[i * hidden + h] = words[(size_t)ids[i] * hidden + h] + positions[position * hidden + h];
            if (config->family == SS_BERT)
                x[i * hidden + h] += tensor(r, "", "embeddings.token_type_embeddings.weight")[h];
        }
        layer_norm(r, "", "embeddings.LayerNorm", x + i * hidden, hidden);
        drop(r, (ss_dropout_row){.place = SS_DROP_EMBEDDING, .layer = 0, .text = text, .row = i}, x + i * hidden,
             hidden);
    }
}

void reference_forward(const reference *r, const ss_train_texts *texts, double *vectors)
{
    const ss_model_config *config = ss_train_model_config(r->model);
    size_t hidden = config->hidden;
    for (size_t t = 0; t < texts->count; t++) {
        size_t tokens = texts->starts[t + 1] - texts->starts[t];
        double *x = zeros(tokens * hidden), *out = vectors + t * hidden, norm = 0.0;
        embed(r, texts->ids + texts->starts[t], t, tokens, x);
        for (size_t layer = 0; layer < config->layers; layer++) run_layer(r, layer, t, tokens, x);
        for (size_t h = 0; h < hidden; h++) {
            out[h] = x[h];
            for (size_t i = 1; i < tokens && config->pooling == SS_POOL_MEAN; i++) out[h] += x[i * hidden + h];
            norm += out[h] * out[h];
        }
        for (size_t h = 0; h < hidden; h++) out[h] /= sqrt(norm);
        free(x);
    }
}

/* ---- loss ---- */

static double score(const ss_contrastive_options *options, size_t dims, const double *a, const double *b)
{
    double total = 0.0;
    for (size_t d = 0; d < dims; d++) total += a[d] * b[d];
    return total * (double)options->scale;
}

static double row_loss(const ss_contrastive_batch *batch, const ss_contrastive_options *options, size_t dims,
                       size_t row, const double *sentence, const double *skills)
{
    int32_t own = batch->labels[row], second = batch->seconds ? batch->seconds[row] : SS_NO_LABEL;
    double negatives = 0.0, positives[2] = {score(options, dims, sentence, skills + row * dims)}, total = 0.0;
    size_t count = 1;
    for (size_t j = 0; j < batch->candidates; j++) {
        double s = score(options, dims, sentence, skills + j * dims);
        if (batch->labels[j] == own) continue;
        if (second == SS_NO_LABEL || batch->labels[j] != second)
            negatives += exp(s);
        else if (options->second == SS_SECOND_POSITIVE && count == 1)
            positives[count++] = s;
    }
    for (size_t p = 0; p < count; p++)
        total += -log(exp(positives[p]) / (exp(positives[p]) + negatives)) / (double)count;
    return total;
}

static double column_loss(const ss_contrastive_batch *batch, const ss_contrastive_options *options, size_t dims,
                          size_t column, const double *sentences, const double *skill)
{
    double own = exp(score(options, dims, sentences + column * dims, skill)), negatives = 0.0;
    for (size_t i = 0; i < batch->pairs; i++) {
        int second = batch->seconds && batch->seconds[i] == batch->labels[column];
        if (batch->labels[i] != batch->labels[column] && !second)
            negatives += exp(score(options, dims, sentences + i * dims, skill));
    }
    return -log(own / (own + negatives));
}

double reference_loss(const ss_contrastive_batch *batch, const ss_contrastive_options *options, size_t dims,
                      const double *sentences, const double *skills)
{
    double total = 0.0, weights = 0.0, share = (double)options->symmetric;
    for (size_t i = 0; i < batch->pairs; i++) {
        double weight = batch->weights ? (double)batch->weights[i] : 1.0;
        weights += weight;
        total += weight * (1.0 - share) * row_loss(batch, options, dims, i, sentences + i * dims, skills);
        total += weight * share * column_loss(batch, options, dims, i, sentences, skills + i * dims);
    }
    return total / weights;
}
