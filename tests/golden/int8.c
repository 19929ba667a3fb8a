/* int8.c - the int8 encoder against sentence-transformers on golden inputs.
 *
 *   golden_int8 minilm|mpnet DATA_FOLDER
 *
 * Proves: the cosine to the fp32 vector is at least MEAN in the mean over all inputs and LOWEST for the worst of them;
 * and every set of int8 kernels that this CPU can run gives the same bits. Exit code 77 when the model or the data is
 * missing.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/embed.h"
#include "nn/encoder.h"
#include "tests/golden/golden_data.h"

enum { MAX_PATH = 4096, SPARSE = 7 /* plain C is slow: it gets every seventh input */ };

/* One bound for both. all-mpnet-base-v2 does not reach it (README of common/nn) and is not among the registered tests.
 */
static const struct {
    const char *key, *folder;
    double mean, lowest;
} models[] = {{"minilm", "all-MiniLM-L6-v2", 0.995, 0.98}, {"mpnet", "all-mpnet-base-v2", 0.995, 0.98}};

typedef struct golden_int8 {
    const ss_fileset *files;
    const json_t *inputs;
    size_t count, dims;
    ss_error err;
} golden_int8;

/* Every step-th input by one set of kernels, (count / step rounded up, D); NULL if there is none such, or on failure
 * (then test->err says why). */
static float *embed_each(golden_int8 *test, size_t step, const char *engine_name)
{
    ss_engine engine;
    if (ss_engine_named(engine_name, &engine) != 0) return NULL;
    ss_encoder *encoder = ss_encoder_load_with(test->files, engine, &test->err);
    ss_pool *pool = encoder ? ss_pool_new(0, &test->err) : NULL;
    ss_embedder *embedder = pool ? ss_embedder_new(encoder, pool, &test->err) : NULL;
    test->dims = encoder ? ss_encoder_dims(encoder) : 0;
    float *out = calloc(test->count * test->dims + 1, sizeof *out);
    ss_string_view *texts = calloc(test->count + 1, sizeof *texts);
    int failed = !embedder || !out || !texts;
    size_t taken = 0;
    for (size_t i = 0; !failed && i < test->count; i += step) {
        const json_t *text = json_object_get(json_array_get(test->inputs, i), "text");
        texts[taken++] = (ss_string_view){.data = json_string_value(text), .len = json_string_length(text)};
    }
    if (!failed) failed = ss_embed_texts(embedder, texts, taken, out, NULL, NULL, &test->err) != 0;
    free(texts);
    ss_embedder_free(embedder);
    ss_pool_free(pool);
    ss_encoder_free(encoder);
    if (!failed) return out;
    free(out);
    return NULL;
}

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

static int check_cosines(const golden_int8 *test, const float *ours, const golden_array *golden, double least_mean,
                         double least)
{
    double mean = 0, lowest = 1;
    size_t worst = 0, low = 0;
    if (golden->rank != 2 || golden->shape[0] != test->count || golden->shape[1] != test->dims) return -1;
    for (size_t i = 0; i < test->count; i++) {
        double c = cosine(ours + i * test->dims, golden->data + i * test->dims, test->dims);
        mean += c / (double)test->count;
        low += c < 0.98;
        if (c >= lowest) continue;
        lowest = c;
        worst = i;
    }
    const json_t *input = json_array_get(test->inputs, worst);
    printf(
        "cosine to fp32: mean %.5f (at least %.3f), worst %.5f (at least %.2f; input %zu, %s), %zu of %zu below 0.98\n",
        mean, least_mean, lowest, least, worst, json_string_value(json_object_get(input, "kind")), low, test->count);
    return mean >= least_mean && lowest >= least ? 0 : -1;
}

static int check_sets(golden_int8 *test, const float *first)
{
    static const char *const engines[] = {"int8-avx512vnni", "int8-avxvnni", "int8-avx2", "int8-generic"};
    int different = 0;
    for (size_t e = 0; e < sizeof engines / sizeof engines[0]; e++) {
        float *other = embed_each(test, SPARSE, engines[e]);
        if (!other && test->err.status) return -1;
        int same = other != NULL;
        for (size_t i = 0; same && i < test->count; i += SPARSE)
            same = memcmp(first + i * test->dims, other + i / SPARSE * test->dims, test->dims * sizeof *other) == 0;
        printf("%s: %s\n", engines[e], !other ? "not on this CPU" : same ? "the same bits" : "OTHER BITS");
        different |= other && !same;
        free(other);
    }
    return different;
}

int main(int argc, char **argv)
{
    char path[MAX_PATH], name[64];
    size_t m = 0;
    while (m < 2 && (argc < 3 || strcmp(argv[1], models[m].key) != 0)) m++;
    if (m == 2) {
        fprintf(stderr, "usage: %s minilm|mpnet DATA_FOLDER\n", argv[0]);
        return 2;
    }
    json_t *inputs = golden_read_inputs(argv[2]);
    if (!inputs || golden_model_folder(models[m].folder, path, sizeof path) != 0) {
        printf("skipped: no golden inputs in %s, or no %s in SKILLSTREAM_MODELS\n", argv[2], models[m].folder);
        json_decref(inputs);
        return GOLDEN_SKIP;
    }
    golden_int8 test = {.inputs = inputs, .count = json_array_size(inputs)};
    golden_array golden = {.data = NULL};
    snprintf(name, sizeof name, "%s.npy", models[m].key);
    ss_model_files *files = ss_model_files_open(path, &test.err);
    if (files) test.files = ss_model_files_set(files);
    float *ours = files ? embed_each(&test, 1, "int8") : NULL;
    int failed = !ours || golden_read_npy(argv[2], name, &golden) != 0;
    if (!failed) {
        failed = check_cosines(&test, ours, &golden, models[m].mean, models[m].lowest) != 0;
        failed |= check_sets(&test, ours) != 0;
    }
    if (test.err.text[0]) fprintf(stderr, "%s\n", test.err.text);
    free(golden.data);
    free(ours);
    ss_model_files_close(files);
    json_decref(inputs);
    return failed ? 1 : 0;
}
