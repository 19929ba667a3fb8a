/* speed.c - how fast the encoder is: sentences, tokens and GFLOP/s, against the speed of the bare matrix product.
 *
 *   golden_speed [--engine NAME] [--threads N] [--serve | --json] MODEL_FOLDER SENTENCES
 *
 * SENTENCES: a file with one text a line. Prints the best of three passes, for people or (--json) as one object. With
 * --serve it speaks the line protocol of serving.h instead, so that passes of several programs are interleaved.
 *
 * The limit that it names is the best single-precision product on one thread, of our kernels or of OpenBLAS, whichever
 * is faster: a few shapes of 512 rows, each matrix at the start of a cache line and its rows one line longer than a
 * power of two or a multiple of one. Rows a power of two apart fall into the same sets of the cache and halve the
 * figure; where malloc happened to put the matrices must not decide what the limit is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "nn/blas.h"
#include "nn/embed.h"
#include "serving.h"

enum { PASSES = 3, PEAK_ROWS = 512, LINE = 64, LINE_FLOATS = LINE / sizeof(float) };

static const double PEAK_SECONDS = 0.15; /* of CPU, for each shape */

typedef struct speed_run {
    ss_engine engine;
    size_t threads;
    int serve, json;
    const char *model, *sentences;
    bench_texts texts;
    ss_embedder *embedder;
    float *out;
    size_t dims;
} speed_run;

typedef struct speed_result {
    double seconds, cpu_seconds, tokens, gflop; /* of a pass */
    double ours, openblas;                      /* GFLOP/s of the bare product */
} speed_result;

static double cpu_seconds(clock_t since)
{
    return (double)(clock() - since) / CLOCKS_PER_SEC;
}

/* (rows, columns) floats, rows one cache line longer; small values that are not subnormal after a sum. */
static float *matrix(size_t rows, size_t columns)
{
    size_t count = rows * (columns + LINE_FLOATS);
    float *m = aligned_alloc(LINE, (count * sizeof *m + LINE - 1) / LINE * LINE);
    for (size_t i = 0; m && i < count; i++) m[i] = (float)((int)(i % 13) - 6) * 0.0625f;
    return m;
}

/* Best GFLOP per second of CPU time of a PEAK_ROWS x in x out product; 0 without memory. */
static double product(ss_engine engine, size_t in, size_t out)
{
    double best = 0;
    ss_linear linear;
    float *x = matrix(PEAK_ROWS, in), *y = matrix(PEAK_ROWS, out), *w = calloc(in * out, sizeof *w);
    for (size_t i = 0; w && i < in * out; i++) w[i] = (float)((int)(i % 7) - 3) * 0.0625f;
    ss_linear_part part = {.weight = w, .rows = out};
    if (x && y && w && ss_linear_init(&linear, engine, in, &part, 1, NULL) == 0) {
        for (clock_t begin = clock(); cpu_seconds(begin) < PEAK_SECONDS;) {
            clock_t start = clock();
            ss_linear_run(&linear, engine, PEAK_ROWS, x, in + LINE_FLOATS, NULL, y, out + LINE_FLOATS);
            double rate = 2e-9 * PEAK_ROWS * (double)(in * out) / cpu_seconds(start);
            best = rate > best ? rate : best;
        }
        ss_linear_free(&linear);
    }
    free(x);
    free(y);
    free(w);
    return best;
}

static double peak(ss_engine engine)
{
    static const size_t shapes[][2] = {{384, 1536}, {768, 768}, {1024, 1024}};
    double best = 0;
    engine.int8 = NULL;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        double rate = product(engine, shapes[i][0], shapes[i][1]);
        best = rate > best ? rate : best;
    }
    return best;
}

/* Of all texts; *tokens is their length. */
static double total_flops(const speed_run *bench, size_t *tokens, ss_error *err)
{
    double flops = 0;
    const ss_encoder *encoder = ss_embedder_encoder(bench->embedder);
    size_t limit = ss_encoder_max_tokens(encoder), count;
    int32_t *ids = calloc(limit, sizeof *ids);
    ss_tokenizer_scratch *scratch = ss_tokenizer_scratch_new(err);
    for (size_t i = 0; ids && scratch && i < bench->texts.count; i++) {
        ss_string_view text = bench->texts.texts[i];
        if (ss_tokenize(ss_encoder_tokenizer(encoder), scratch, text.data, text.len, limit, ids, &count, NULL, err))
            continue;
        flops += ss_encoder_flops(encoder, count);
        *tokens += count;
    }
    ss_tokenizer_scratch_free(scratch);
    free(ids);
    return flops;
}

static int pass(void *context, size_t *tokens, ss_error *err)
{
    speed_run *bench = context;
    size_t before = ss_embedder_tokens(bench->embedder);
    if (ss_embed_texts(bench->embedder, bench->texts.texts, bench->texts.count, bench->out, NULL, NULL, err)) return -1;
    *tokens = ss_embedder_tokens(bench->embedder) - before;
    return 0;
}

static int dump(void *context, const char *path, ss_error *err)
{
    const speed_run *bench = context;
    return ss_file_write(path, bench->out, bench->texts.count * bench->dims * sizeof(float), err);
}

static void print(const speed_run *bench, const speed_result *r)
{
    const char *name = ss_encoder_engine(ss_embedder_encoder(bench->embedder));
    double limit = r->ours > r->openblas ? r->ours : r->openblas, count = (double)bench->texts.count;
    if (bench->json)
        printf("{\"engine\": \"%s\", \"threads\": %zu, \"sentences\": %.0f, \"tokens\": %.0f, \"gflop\": %.4f, "
               "\"seconds\": %.6f, \"cpu_seconds\": %.6f, \"product_gflops\": %.2f, \"openblas_gflops\": %.2f, "
               "\"share\": %.4f}\n",
               name, bench->threads, count, r->tokens, r->gflop, r->seconds, r->cpu_seconds, r->ours, r->openblas,
               r->gflop / r->cpu_seconds / limit);
    else
        printf("engine %s, %zu threads: %.1f sentences/s, %.0f tokens/s; per second of CPU: %.1f sentences, %.0f "
               "tokens, %.1f GFLOP, %.0f %% of the best matrix product (ours %.1f, OpenBLAS %.1f)\n",
               name, bench->threads, count / r->seconds, r->tokens / r->seconds, count / r->cpu_seconds,
               r->tokens / r->cpu_seconds, r->gflop / r->cpu_seconds, 1e2 * r->gflop / r->cpu_seconds / limit, r->ours,
               r->openblas);
}

static int measure(speed_run *bench, ss_error *err)
{
    ss_engine openblas;
    ss_engine_named("openblas", &openblas);
    size_t tokens = 0, all = 0;
    double flops = total_flops(bench, &all, err);
    speed_result r = {.ours = peak(bench->engine), .openblas = peak(openblas)};
    for (int i = 0; i < PASSES; i++) {
        double start = ss_now();
        clock_t cpu_start = clock();
        if (pass(bench, &tokens, err)) return -1;
        double seconds = ss_now() - start, cpu = cpu_seconds(cpu_start);
        r.seconds = i == 0 || seconds < r.seconds ? seconds : r.seconds;
        r.cpu_seconds = i == 0 || cpu < r.cpu_seconds ? cpu : r.cpu_seconds;
    }
    r.tokens = (double)tokens;
    r.gflop = 1e-9 * flops * r.tokens / (double)all; /* equal texts are computed once */
    print(bench, &r);
    return 0;
}

static int run(speed_run *bench, ss_error *err)
{
    int result = -1;
    ss_model_files *files =
        bench_read_texts(bench->sentences, &bench->texts, err) == 0 ? ss_model_files_open(bench->model, err) : NULL;
    ss_encoder *encoder = files ? ss_encoder_load_with(ss_model_files_set(files), bench->engine, err) : NULL;
    ss_pool *pool = encoder ? ss_pool_new(bench->threads, err) : NULL;
    bench->embedder = pool ? ss_embedder_new(encoder, pool, err) : NULL;
    if (bench->embedder) {
        bench->dims = ss_encoder_dims(encoder);
        bench->threads = ss_pool_threads(pool);
        bench->out = calloc(bench->texts.count * bench->dims + 1, sizeof *bench->out);
        if (bench->out) result = bench->serve ? bench_serve(pass, dump, bench, err) : measure(bench, err);
    }
    ss_embedder_free(bench->embedder);
    ss_pool_free(pool);
    ss_encoder_free(encoder);
    ss_model_files_close(files);
    bench_free_texts(&bench->texts);
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
        else if (strcmp(argv[i], "--json") == 0)
            bench.json = 1;
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
        fprintf(stderr, "usage: %s [--engine NAME] [--threads N] [--serve | --json] MODEL_FOLDER SENTENCES\n", argv[0]);
        return 2;
    }
    if (run(&bench, &err) == 0) return 0;
    fprintf(stderr, "%s\n", err.text);
    return 1;
}
