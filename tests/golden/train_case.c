/* train_case.c - see train_case.h. */
#include "tests/golden/train_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/safetensors.h"

enum { MAX_TOKENS = 512 };

static const char *text_at(const json_t *pairs, size_t pair, size_t side)
{
    const char *text = json_string_value(json_array_get(json_array_get(pairs, pair), side));
    return text ? text : "";
}

static void number_labels(const json_t *pairs, train_batch *batch)
{
    for (size_t i = 0; i < batch->pairs.pairs; i++) {
        size_t j = 0;
        while (strcmp(text_at(pairs, i, 1), text_at(pairs, j, 1)) != 0) j++;
        batch->labels[i] = (int32_t)j;
    }
}

static int tokenize_all(const json_t *pairs, size_t max_tokens, const ss_tokenizer *tokenizer, train_batch *batch,
                        ss_error *err)
{
    ss_tokenizer_scratch *scratch = ss_tokenizer_scratch_new(err);
    size_t count = batch->pairs.pairs, used = 0;
    int result = scratch ? 0 : -1;
    for (size_t t = 0; t < 2 * count && result == 0; t++) {
        const char *text = text_at(pairs, t % count, t / count);
        size_t tokens = 0;
        batch->starts[t] = (uint32_t)used;
        result = ss_tokenize(tokenizer, scratch, text, strlen(text), max_tokens, batch->ids + used, &tokens, NULL, err);
        used += tokens;
    }
    batch->starts[2 * count] = (uint32_t)used;
    ss_tokenizer_scratch_free(scratch);
    return result;
}

int train_batch_read(const json_t *run, size_t step, const ss_tokenizer *tokenizer, train_batch *batch, ss_error *err)
{
    const json_t *pairs = json_array_get(json_object_get(run, "batches"), step);
    size_t count = json_array_size(pairs), max_tokens = (size_t)json_integer_value(json_object_get(run, "max_len"));
    *batch = (train_batch){0};
    if (count == 0 || max_tokens < 2 || max_tokens > MAX_TOKENS)
        return ss_fail(err, SS_INPUT, "no batch %zu, or no token limit", step);
    batch->ids = calloc(2 * count * max_tokens, sizeof *batch->ids);
    batch->starts = calloc(2 * count + 1, sizeof *batch->starts);
    batch->labels = calloc(count, sizeof *batch->labels);
    if (!batch->ids || !batch->starts || !batch->labels) {
        train_batch_free(batch);
        return ss_fail_memory(err, "reading a batch");
    }
    batch->texts = (ss_train_texts){.ids = batch->ids, .starts = batch->starts, .count = 2 * count};
    batch->pairs = (ss_contrastive_batch){.pairs = count, .candidates = count, .labels = batch->labels};
    number_labels(pairs, batch);
    if (tokenize_all(pairs, max_tokens, tokenizer, batch, err) == 0) return 0;
    train_batch_free(batch);
    return -1;
}

void train_batch_free(train_batch *batch)
{
    free(batch->ids);
    free(batch->starts);
    free(batch->labels);
    *batch = (train_batch){0};
}

static double number(const json_t *run, const char *key)
{
    return json_number_value(json_object_get(run, key));
}

ss_train_step_options train_case_options(const json_t *run)
{
    ss_train_step_options options = ss_train_step_defaults();
    const json_t *betas = json_object_get(run, "betas");
    options.loss.scale = (float)number(run, "scale");
    options.adamw.beta1 = json_number_value(json_array_get(betas, 0));
    options.adamw.beta2 = json_number_value(json_array_get(betas, 1));
    options.adamw.epsilon = number(run, "eps");
    options.adamw.weight_decay = number(run, "weight_decay");
    options.adamw.decay_all = 1;
    options.clip = number(run, "clip");
    return options;
}

double train_case_norm(ss_train_model *model, double others)
{
    const float *values = ss_train_model_values(model);
    double total = others;
    for (size_t i = 0; i < ss_train_model_size(model); i++) total += (double)values[i] * (double)values[i];
    return sqrt(total);
}

double train_case_others(const ss_fileset *files)
{
    static const char *const names[] = {"pooler.dense.weight", "pooler.dense.bias"};
    const ss_named_bytes *bytes = ss_fileset_find(files, "model.safetensors");
    ss_safetensors *file = bytes ? ss_safetensors_open(bytes->data, bytes->len, NULL) : NULL;
    double total = 0.0;
    for (size_t i = 0; file && i < sizeof names / sizeof names[0]; i++) {
        const ss_tensor *tensor = ss_safetensors_find(file, names[i]);
        const float *floats;
        float *own;
        if (!tensor || ss_tensor_floats(tensor, &floats, &own, NULL) != 0) continue;
        for (size_t j = 0; j < tensor->count; j++) total += (double)floats[j] * (double)floats[j];
        free(own);
    }
    ss_safetensors_close(file);
    return total;
}
