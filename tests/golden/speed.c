/* speed.c - how fast the encoder is: sentences, tokens and GFLOP/s, against the speed of the bare matrix product.
 *
 *   golden_speed [--engine NAME] [--threads N] [--serve] MODEL_FOLDER SENTENCES
 *
 * SENTENCES: a file with one text a line. Prints the best of three passes. With --serve it speaks a line protocol
 * instead, so that passes of several programs can be interleaved in one run: prints "ready"; at each line "go" makes
 * one pass and prints the number of tokens; at "dump FILE" writes the float32 vectors in input order and prints "ok".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "nn/blas.h"
#include "nn/embed.h"

enum { MAX_LINE = 1 << 20, PASSES = 3, PEAK_ROWS = 480, PEAK_SIZE = 768 };

typedef struct speed_run {
    ss_engine engine;
    size_t threads;
    int serve;
    const char *model, *sentences;
    char **lines;
    ss_string_view *texts;
    size_t count;
    float *out;
    size_t dims;
} speed_run;

static int read_texts(speed_run *bench, ss_error *err)
{
    char *line;
    size_t len, cap = 0;
    int got;
    ss_lines *lines = ss_lines_open(bench->sentences, MAX_LINE, err);
    if (!lines) return -1;
    while ((got = ss_lines_next(lines, &line, &len, err)) == 1) {
        if (bench->count == cap) {
            cap = 2 * cap + 1024;
            char **grown = realloc(bench->lines, cap * sizeof *grown);
            if (!grown) break;
            bench->lines = grown;
        }
        bench->lines[bench->count++] = strndup(line, len);
    }
    ss_lines_close(lines);
    bench->texts = calloc(bench->count + 1, sizeof *bench->texts);
    for (size_t i = 0; got == 0 && i < bench->count; i++)
        bench->texts[i] = (ss_string_view){bench->lines[i], strlen(bench->lines[i])};
    return got;
}

/* Best GFLOP per second of CPU time, one thread, of a matrix product that stays in the cache. */
static double peak(ss_engine engine, ss_error *err)
{
    double best = 0;
    ss_linear linear;
    float *x = calloc(PEAK_ROWS * PEAK_SIZE, sizeof *x), *y = calloc(PEAK_ROWS * PEAK_SIZE, sizeof *y);
    float *w = calloc(PEAK_SIZE * PEAK_SIZE, sizeof *w);
    ss_linear_part part = {.weight = w, .rows = PEAK_SIZE};
    if (x && y && w && ss_linear_init(&linear, engine, PEAK_SIZE, &part, 1, err) == 0) {
        for (int i = 0; i < 20; i++) {
            clock_t start = clock();
            ss_linear_run(&linear, engine, PEAK_ROWS, x, PEAK_SIZE, NULL, y, PEAK_SIZE);
            double rate = 2e-9 * PEAK_ROWS * PEAK_SIZE * PEAK_SIZE * CLOCKS_PER_SEC / (double)(clock() - start);
            best = rate > best ? rate : best;
        }
        ss_linear_free(&linear);
    }
    free(x);
    free(y);
    free(w);
    return best;
}

/* Of all texts; *tokens is their length. */
static double total_flops(const speed_run *bench, const ss_encoder *encoder, size_t *tokens, ss_error *err)
{
    double flops = 0;
    size_t limit = ss_encoder_max_tokens(encoder), count;
    int32_t *ids = calloc(limit, sizeof *ids);
    ss_tokenizer_scratch *scratch = ss_tokenizer_scratch_new(err);
    for (size_t i = 0; i < bench->count; i++)
        if (ss_tokenize(ss_encoder_tokenizer(encoder), scratch, bench->texts[i].data, bench->texts[i].len, limit, ids,
                        &count, NULL, err) == 0) {
            flops += ss_encoder_flops(encoder, count);
            *tokens += count;
        }
    ss_tokenizer_scratch_free(scratch);
    free(ids);
    return flops;
}

static int measure(speed_run *bench, ss_embedder *embedder, ss_error *err)
{
    const ss_encoder *encoder = ss_embedder_encoder(embedder);
    size_t before = 0, all = 0;
    double best = 0, cpu = 0, flops = total_flops(bench, encoder, &all, err), sgemm = peak(bench->engine, err);
    for (int i = 0; i < PASSES; i++) {
        before = ss_embedder_tokens(embedder);
        double start = ss_now();
        clock_t cpu_start = clock();
        if (ss_embed_texts(embedder, bench->texts, bench->count, bench->out, NULL, NULL, err) != 0) return -1;
        double seconds = ss_now() - start, cpu_seconds = (double)(clock() - cpu_start) / CLOCKS_PER_SEC;
        best = i == 0 || seconds < best ? seconds : best;
        cpu = i == 0 || cpu_seconds < cpu ? cpu_seconds : cpu;
    }
    double tokens = (double)(ss_embedder_tokens(embedder) - before);
    flops *= tokens / (double)all; /* equal texts are computed once */
    printf("engine %s, %zu threads: %.1f sentences/s, %.0f tokens/s; per second of CPU: %.1f sentences, %.0f tokens, "
           "%.1f GFLOP, %.0f %% of the matrix product's %.1f\n",
           ss_encoder_engine(encoder), bench->threads, (double)bench->count / best, tokens / best,
           (double)bench->count / cpu, tokens / cpu, flops / cpu * 1e-9, flops / cpu * 1e2 * 1e-9 / sgemm, sgemm);
    return 0;
}

static int serve(speed_run *bench, ss_embedder *embedder, ss_error *err)
{
    char line[4096];
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (strcmp(line, "go") == 0) {
            size_t before = ss_embedder_tokens(embedder);
            if (ss_embed_texts(embedder, bench->texts, bench->count, bench->out, NULL, NULL, err) != 0) return -1;
            printf("%zu\n", ss_embedder_tokens(embedder) - before);
        } else if (strncmp(line, "dump ", 5) == 0) {
            if (ss_file_write(line + 5, bench->out, bench->count * bench->dims * sizeof(float), err) != 0) return -1;
            puts("ok");
        }
        fflush(stdout);
    }
    return 0;
}

static int run(speed_run *bench, ss_error *err)
{
    int result = -1;
    ss_model_files *files = read_texts(bench, err) == 0 ? ss_model_files_open(bench->model, err) : NULL;
    ss_encoder *encoder = files ? ss_encoder_load_with(ss_model_files_set(files), bench->engine, err) : NULL;
    ss_pool *pool = encoder ? ss_pool_new(bench->threads, err) : NULL;
    ss_embedder *embedder = pool ? ss_embedder_new(encoder, pool, err) : NULL;
    if (embedder) {
        bench->dims = ss_encoder_dims(encoder);
        bench->threads = ss_pool_threads(pool);
        bench->out = calloc(bench->count * bench->dims + 1, sizeof *bench->out);
        if (bench->out) result = bench->serve ? serve(bench, embedder, err) : measure(bench, embedder, err);
    }
    ss_embedder_free(embedder);
    ss_pool_free(pool);
    ss_encoder_free(encoder);
    ss_model_files_close(files);
    for (size_t i = 0; i < bench->count; i++) free(bench->lines[i]);
    free(bench->lines);
    free(bench->texts);
    free(bench->out);
    return result;
}

int main(int argc, char **argv)
{
    ss_error err = {0};
    speed_run bench = {.engine = ss_engine_best(), .threads = 1};
    ss_blas_prepare(argv, &err);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--serve") == 0)
            bench.serve = 1;
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            bench.threads = strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--engine") == 0 && i + 1 < argc && ss_engine_named(argv[i + 1], &bench.engine) == 0)
            i++;
        else if (!bench.model)
            bench.model = argv[i];
        else
            bench.sentences = argv[i];
    }
    if (!bench.sentences) {
        fprintf(stderr, "usage: %s [--engine NAME] [--threads N] [--serve] MODEL_FOLDER SENTENCES\n", argv[0]);
        return 2;
    }
    if (run(&bench, &err) == 0) return 0;
    fprintf(stderr, "%s\n", err.text);
    return 1;
}
