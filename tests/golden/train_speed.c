/* train_speed.c - how long a training step takes.
 *
 *   golden_train_speed RUN.json [THREADS [DROPOUT [ACTIVATION_MIB]]]
 *
 * RUN.json as for golden_train_curve; only its model and its batches are used. DROPOUT -1 (default): the model's own.
 * Tokenising counts, as it does in scripts around sentence-transformers. Prints one line of JSON; the first step, which
 * takes memory for the first time, is not among the timed ones if there are others.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "nn/blas.h"
#include "tests/golden/golden_data.h"
#include "tests/golden/train_case.h"

enum { MAX_PATH = 4096, MAX_STEPS = 1000 };

typedef struct speed {
    json_t *run;
    size_t threads, activation_bytes;
    float dropout;
    double wall[MAX_STEPS], cpu[MAX_STEPS];
    size_t steps, tokens, bytes;
} speed;

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int time_step(speed *s, size_t step, ss_train_engine *engine, ss_adamw *state, ss_error *err)
{
    train_batch batch;
    ss_train_step_result result;
    ss_train_step_options options = ss_train_step_defaults();
    double wall = ss_now(), cpu = cpu_seconds();
    if (train_batch_read(s->run, step, ss_train_model_tokenizer(ss_train_engine_model(engine)), &batch, err) != 0)
        return -1;
    int status = ss_train_step(engine, state, &batch.texts, &batch.pairs, &options, 2e-5, &result, err);
    train_batch_free(&batch);
    s->wall[step] = ss_now() - wall;
    s->cpu[step] = cpu_seconds() - cpu;
    s->tokens += result.tokens;
    return status;
}

static int time_all(speed *s, ss_train_model *model, ss_pool *pool, ss_error *err)
{
    ss_adamw state = {0};
    float own = ss_train_model_hidden_dropout(model);
    ss_train_engine_options options = {.hidden_dropout = s->dropout < 0.0f ? own : s->dropout,
                                       .attention_dropout = s->dropout < 0.0f ? own : s->dropout,
                                       .seed = 1,
                                       .activation_bytes = s->activation_bytes};
    ss_train_engine *engine = ss_train_engine_new(model, pool, &options, err);
    int status = engine ? ss_adamw_init(&state, model, err) : -1;
    for (size_t step = 0; step < s->steps && status == 0; step++) status = time_step(s, step, engine, &state, err);
    if (status == 0) s->bytes = ss_train_engine_bytes(engine);
    ss_adamw_free(&state);
    ss_train_engine_free(engine);
    return status;
}

static void print_times(speed *s)
{
    struct rusage usage;
    size_t skip = s->steps > 1, count = s->steps - skip;
    getrusage(RUSAGE_SELF, &usage);
    qsort(s->wall + skip, count, sizeof *s->wall, by_size);
    qsort(s->cpu + skip, count, sizeof *s->cpu, by_size);
    printf(
        "{\"threads\": %zu, \"steps\": %zu, \"s_step_min\": %.3f, \"s_step_median\": %.3f, \"cpu_s_step_min\": %.3f, "
        "\"cpu_s_step_median\": %.3f, \"tokens_step\": %zu, \"engine_mib\": %zu, \"peak_rss_mib\": %ld}\n",
        s->threads, count, s->wall[skip], s->wall[skip + count / 2], s->cpu[skip], s->cpu[skip + count / 2],
        s->tokens / s->steps, s->bytes >> 20, usage.ru_maxrss >> 10);
}

int main(int argc, char **argv)
{
    ss_error err = {0};
    json_error_t at;
    char folder[MAX_PATH];
    static speed s;
    ss_blas_prepare(argv, NULL);
    s.run = argc > 1 ? json_load_file(argv[1], 0, &at) : NULL;
    s.threads = argc > 2 ? strtoul(argv[2], NULL, 10) : 2;
    s.dropout = argc > 3 ? strtof(argv[3], NULL) : -1.0f;
    s.activation_bytes = argc > 4 ? strtoul(argv[4], NULL, 10) << 20 : 0;
    s.steps = json_array_size(json_object_get(s.run, "batches"));
    const char *name = json_string_value(json_object_get(s.run, "model"));
    if (!name || s.steps == 0 || s.steps > MAX_STEPS || golden_model_folder(name, folder, sizeof folder) != 0) {
        fprintf(stderr,
                "usage: golden_train_speed RUN.json [THREADS [DROPOUT [ACTIVATION_MIB]]], and the run's model\n");
        json_decref(s.run);
        return 2;
    }
    ss_model_files *files = ss_model_files_open(folder, &err);
    ss_train_model *model = files ? ss_train_model_load(ss_model_files_set(files), &err) : NULL;
    ss_model_files_close(files);
    ss_pool *pool = model ? ss_pool_new(s.threads, &err) : NULL;
    int status = pool ? time_all(&s, model, pool, &err) : -1;
    if (status == 0)
        print_times(&s);
    else
        fprintf(stderr, "%s\n", err.text);
    ss_pool_free(pool);
    ss_train_model_free(model);
    json_decref(s.run);
    return status != 0;
}
