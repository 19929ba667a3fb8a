/* encoder.c - the encoder against sentence-transformers on golden inputs.
 *
 *   golden_encoder minilm|mpnet DATA_FOLDER [ENGINE]
 *
 * Proves for every input: token ids equal, the count before truncation equal, cosine of the embedding >= 0.99999. Where
 * the folder has layers_*.npy: all hidden states of one input within 1e-4. And on our own results: a sentence
 * alone, in a batch with all others, and between neighbours of the model's full length gives vectors within 1e-5.
 * Exit code 77 when the model or the data is missing.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/embed.h"
#include "nn/encoder.h"
#include "tests/golden/golden_data.h"

enum { MAX_PATH = 4096, NEIGHBOUR_TESTS = 12 };

static const struct {
    const char *key, *folder; /* as inputs.jsonl calls it, as the model's folder is called */
} models[] = {{"minilm", "all-MiniLM-L6-v2"}, {"mpnet", "all-mpnet-base-v2"}};

typedef struct golden_test {
    const char *key, *data;
    ss_encoder *encoder;
    ss_encoder_run *run;
    json_t *inputs;
    size_t dims, limit, count;
    ss_error err;
} golden_test;

static ss_string_view text_of(const golden_test *test, size_t i)
{
    const json_t *text = json_object_get(json_array_get(test->inputs, i), "text");
    return (ss_string_view){.data = json_string_value(text), .len = json_string_length(text)};
}

/* ---- ids ---- */

static int same_ids(const json_t *expected, const int32_t *ids, size_t count)
{
    if (json_array_size(expected) != count) return 0;
    for (size_t i = 0; i < count; i++)
        if (json_integer_value(json_array_get(expected, i)) != ids[i]) return 0;
    return 1;
}

static int test_ids(golden_test *test)
{
    char full_key[32];
    size_t wrong = 0;
    int32_t *ids = calloc(test->limit, sizeof *ids);
    ss_tokenizer_scratch *scratch = ss_tokenizer_scratch_new(&test->err);
    snprintf(full_key, sizeof full_key, "n_%s", test->key);
    for (size_t i = 0; i < test->count; i++) {
        const json_t *input = json_array_get(test->inputs, i);
        ss_string_view text = text_of(test, i);
        size_t count = 0, full = 0;
        int failed = ss_tokenize(ss_encoder_tokenizer(test->encoder), scratch, text.data, text.len, test->limit, ids,
                                 &count, &full, &test->err);
        if (failed || !same_ids(json_object_get(input, test->key), ids, count) ||
            full != (size_t)json_integer_value(json_object_get(input, full_key))) {
            printf("  input %zu (%s): other ids\n", i, json_string_value(json_object_get(input, "kind")));
            wrong++;
        }
    }
    printf("ids: %zu of %zu inputs differ\n", wrong, test->count);
    ss_tokenizer_scratch_free(scratch);
    free(ids);
    return wrong ? -1 : 0;
}

/* ---- embeddings ---- */

static double cosine(const float *a, const float *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}

static double largest_difference(const float *a, const float *b, size_t n)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - (double)b[i]);
        if (!(d <= largest)) largest = d; /* a NaN is a difference too */
    }
    return largest;
}

static int embed_all(golden_test *test, float *out)
{
    ss_string_view *texts = calloc(test->count, sizeof *texts);
    for (size_t i = 0; i < test->count; i++) texts[i] = text_of(test, i);
    ss_pool *pool = ss_pool_new(0, &test->err);
    ss_embedder *embedder = pool ? ss_embedder_new(test->encoder, pool, &test->err) : NULL;
    int result = embedder ? ss_embed_texts(embedder, texts, test->count, out, NULL, NULL, &test->err) : -1;
    ss_embedder_free(embedder);
    ss_pool_free(pool);
    free(texts);
    return result;
}

static int test_vectors(golden_test *test, const float *ours)
{
    char name[64];
    golden_array golden;
    double lowest = 1, difference = 0;
    snprintf(name, sizeof name, "%s.npy", test->key);
    if (golden_read_npy(test->data, name, &golden) != 0) return -1;
    int right_shape = golden.rank == 2 && golden.shape[0] == test->count && golden.shape[1] == test->dims;
    for (size_t i = 0; right_shape && i < test->count; i++) {
        const float *a = ours + i * test->dims, *b = golden.data + i * test->dims;
        double c = cosine(a, b, test->dims), d = largest_difference(a, b, test->dims);
        if (!(c >= lowest)) lowest = c;
        if (!(d <= difference)) difference = d;
    }
    free(golden.data);
    printf("embeddings: cosine >= %.8f, components within %.1e\n", lowest, difference);
    return right_shape && lowest >= 0.99999 && difference < 1e-5 ? 0 : -1;
}

/* ---- hidden states ---- */

static int test_states(golden_test *test)
{
    char name[64], path[MAX_PATH];
    golden_array golden;
    snprintf(name, sizeof name, "layers_%s.npy", test->key);
    snprintf(path, sizeof path, "%s/%s", test->data, name);
    if (!ss_file_exists(path)) {
        printf("hidden states: none in this data\n");
        return 0;
    }
    snprintf(path, sizeof path, "%s/meta.json", test->data);
    json_t *meta = json_load_file(path, 0, NULL);
    if (!meta || golden_read_npy(test->data, name, &golden) != 0) {
        json_decref(meta);
        return -1;
    }
    ss_string_view text = text_of(test, (size_t)json_integer_value(json_object_get(meta, "layers_text")));
    int32_t *ids = calloc(test->limit, sizeof *ids);
    float *states = calloc(golden.count, sizeof *states);
    ss_tokenizer_scratch *scratch = ss_tokenizer_scratch_new(&test->err);
    size_t count = 0;
    double difference = INFINITY;
    int result = ss_tokenize(ss_encoder_tokenizer(test->encoder), scratch, text.data, text.len, test->limit, ids,
                             &count, NULL, &test->err);
    if (result == 0 && golden.rank == 3 && golden.shape[1] == count && golden.shape[2] == test->dims &&
        ss_encoder_states(test->run, ids, count, states, &test->err) == 0)
        difference = largest_difference(states, golden.data, golden.count);
    printf("hidden states: %zu states of %zu tokens, within %.1e\n", golden.shape[0], count, difference);
    ss_tokenizer_scratch_free(scratch);
    free(states);
    free(ids);
    free(golden.data);
    json_decref(meta);
    return difference <= 1e-4 ? 0 : -1;
}

/* ---- neighbours ---- */

/* A sequence of `count` ids between two of full length made of its own ids, repeated. */
static int between_long(golden_test *test, const int32_t *ids, size_t count, float *out)
{
    size_t limit = test->limit;
    int32_t *all = calloc(2 * limit + count, sizeof *all);
    float *vectors = calloc(3 * test->dims, sizeof *vectors);
    uint32_t starts[4] = {0, (uint32_t)limit, (uint32_t)(limit + count), (uint32_t)(2 * limit + count)};
    for (size_t i = 0; i < limit; i++) all[i] = all[limit + count + i] = ids[(i * 7 + 1) % count];
    memcpy(all + limit, ids, count * sizeof *ids);
    int result = ss_encoder_forward(test->run, all, starts, 3, vectors, &test->err);
    memcpy(out, vectors + test->dims, test->dims * sizeof *out);
    free(vectors);
    free(all);
    return result;
}

static int test_neighbours(golden_test *test, const float *batch)
{
    float *alone = calloc(2 * test->dims, sizeof *alone), *among = alone + test->dims;
    int32_t *ids = calloc(test->limit, sizeof *ids);
    ss_tokenizer_scratch *scratch = ss_tokenizer_scratch_new(&test->err);
    double in_batch = 0, in_long = 0;
    int result = 0;
    size_t step = test->count / NEIGHBOUR_TESTS + 1;
    for (size_t i = 0; i < test->count && result == 0; i += step) {
        ss_string_view text = text_of(test, i);
        size_t count;
        result = ss_tokenize(ss_encoder_tokenizer(test->encoder), scratch, text.data, text.len, test->limit, ids,
                             &count, NULL, &test->err);
        uint32_t starts[2] = {0, (uint32_t)count};
        if (result == 0) result = ss_encoder_forward(test->run, ids, starts, 1, alone, &test->err);
        if (result == 0) result = between_long(test, ids, count, among);
        in_batch = fmax(in_batch, largest_difference(alone, batch + i * test->dims, test->dims));
        in_long = fmax(in_long, largest_difference(alone, among, test->dims));
    }
    printf("neighbours: alone and in a batch within %.1e, among texts of %zu tokens within %.1e\n", in_batch,
           test->limit, in_long);
    ss_tokenizer_scratch_free(scratch);
    free(ids);
    free(alone);
    return result == 0 && in_batch <= 1e-5 && in_long <= 1e-5 ? 0 : -1;
}

static int run_tests(golden_test *test)
{
    test->dims = ss_encoder_dims(test->encoder);
    test->limit = ss_encoder_max_tokens(test->encoder);
    test->count = json_array_size(test->inputs);
    test->run = ss_encoder_run_new(test->encoder, 3 * test->limit, &test->err);
    float *ours = calloc(test->count * test->dims, sizeof *ours);
    int failed = 1;
    if (test->run && ours && embed_all(test, ours) == 0) {
        failed = test_ids(test) != 0;
        failed |= test_vectors(test, ours) != 0;
        failed |= test_states(test) != 0;
        failed |= test_neighbours(test, ours) != 0;
    }
    free(ours);
    ss_encoder_run_free(test->run);
    return failed;
}

int main(int argc, char **argv)
{
    char path[MAX_PATH];
    size_t m = 0;
    while (m < 2 && (argc < 3 || strcmp(argv[1], models[m].key) != 0)) m++;
    ss_engine engine = ss_engine_best();
    if (m == 2 || (argc > 3 && ss_engine_named(argv[3], &engine) != 0)) {
        fprintf(stderr, "usage: %s minilm|mpnet DATA_FOLDER [avx512|avx2|generic|openblas]\n", argv[0]);
        return 2;
    }
    golden_test test = {.key = models[m].key, .data = argv[2], .inputs = golden_read_inputs(argv[2])};
    if (!test.inputs) {
        printf("skipped: no golden inputs in %s\n", argv[2]);
        return GOLDEN_SKIP;
    }
    if (golden_model_folder(models[m].folder, path, sizeof path) != 0) {
        printf("skipped: no model in %s; set SKILLSTREAM_MODELS to the folder that has %s\n", path, models[m].folder);
        json_decref(test.inputs);
        return GOLDEN_SKIP;
    }
    ss_model_files *files = ss_model_files_open(path, &test.err);
    if (files) test.encoder = ss_encoder_load_with(ss_model_files_set(files), engine, &test.err);
    if (test.encoder) printf("%s, %s, engine %s\n", models[m].folder, argv[2], ss_encoder_engine(test.encoder));
    int failed = test.encoder ? run_tests(&test) : 1;
    if (test.err.text[0]) fprintf(stderr, "%s\n", test.err.text);
    ss_encoder_free(test.encoder);
    ss_model_files_close(files);
    json_decref(test.inputs);
    return failed;
}
