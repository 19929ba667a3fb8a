/* train_save.c - trains a little and writes the model with vectors of its own, for train_saved.py to compare.
 *
 *   golden_train_save RUN.json FOLDER
 *
 * RUN.json as for golden_train_curve. Writes the trained model into FOLDER, and FOLDER/vectors.bin: float32, the
 * vectors of the texts of the run's first batch, sentences then labels.
 */
#include <stdio.h>
#include <stdlib.h>

#include "nn/blas.h"
#include "tests/golden/golden_data.h"
#include "tests/golden/train_case.h"

enum { MAX_PATH = 4096, STEPS = 3 };

static const double rate = 3e-4; /* enough to move every vector visibly */

static int write_vectors(ss_train_engine *engine, const ss_train_texts *texts, const char *folder, ss_error *err)
{
    char path[MAX_PATH];
    size_t dims = ss_train_model_dims(ss_train_engine_model(engine));
    float *vectors = calloc(texts->count, dims * sizeof *vectors);
    if (!vectors) return ss_fail_memory(err, "embedding");
    snprintf(path, sizeof path, "%s/vectors.bin", folder);
    int status = ss_train_embed(engine, texts, vectors, err);
    if (status == 0) status = ss_file_write(path, vectors, texts->count * dims * sizeof *vectors, err);
    free(vectors);
    return status;
}

static int train_and_save(const json_t *run, ss_train_model *model, ss_pool *pool, const char *from, const char *to,
                          ss_error *err)
{
    ss_adamw state = {0};
    train_batch batch = {0};
    ss_train_step_result result;
    ss_train_step_options options = ss_train_step_defaults();
    ss_train_engine_options dropout = {.hidden_dropout = ss_train_model_hidden_dropout(model),
                                       .attention_dropout = ss_train_model_attention_dropout(model)};
    ss_train_engine *engine = ss_train_engine_new(model, pool, &dropout, err);
    int status = engine ? ss_adamw_init(&state, model, err) : -1;
    if (status == 0) status = train_batch_read(run, 0, ss_train_model_tokenizer(model), &batch, err);
    for (int step = 0; step < STEPS && status == 0; step++)
        status = ss_train_step(engine, &state, &batch.texts, &batch.pairs, &options, rate, &result, err);
    if (status == 0) status = ss_train_model_save(model, from, to, err);
    if (status == 0) status = write_vectors(engine, &batch.texts, to, err);
    train_batch_free(&batch);
    ss_adamw_free(&state);
    ss_train_engine_free(engine);
    return status;
}

int main(int argc, char **argv)
{
    ss_error err = {0};
    char folder[MAX_PATH];
    ss_blas_prepare(argv, NULL);
    json_t *run = argc == 3 ? json_load_file(argv[1], 0, NULL) : NULL;
    const char *name = json_string_value(json_object_get(run, "model"));
    if (!name || golden_model_folder(name, folder, sizeof folder) != 0) {
        printf("skipped: no run, or no model '%s'\n", name ? name : "");
        json_decref(run);
        return GOLDEN_SKIP;
    }
    ss_model_files *files = ss_model_files_open(folder, &err);
    ss_train_model *model = files ? ss_train_model_load(ss_model_files_set(files), &err) : NULL;
    ss_model_files_close(files);
    ss_pool *pool = model ? ss_pool_new(0, &err) : NULL;
    int status = pool ? train_and_save(run, model, pool, folder, argv[2], &err) : -1;
    if (status != 0) fprintf(stderr, "%s\n", err.text);
    ss_pool_free(pool);
    ss_train_model_free(model);
    json_decref(run);
    return status != 0;
}
