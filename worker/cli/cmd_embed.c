/* cmd_embed.c - `skillstream embed`: lines of text in, one JSON array of floats per line out. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/pool.h"
#include "match/release.h"
#include "nn/embed.h"
#include "nn/model_files.h"
#include "worker/cli/command.h"

enum { BATCH = 512, LONGEST = 16 << 20 };

typedef struct values {
    ss_common_values common;
    const char *encoder, *release, *precision;
    uint64_t threads;
} values;

#define AT(member) offsetof(values, member)

static const ss_option table[] = {
    {"encoder", SS_OPT_STRING, AT(encoder), NULL, NULL, "DIR", "Input",
     "Sentence encoder in sentence-transformers layout.", 0},
    {"release", SS_OPT_STRING, AT(release), NULL, NULL, "FILE", NULL, "Or a release, whose encoder is taken.", 0},
    {"precision", SS_OPT_CHOICE, AT(precision), NULL, "fp32|int8", "P", NULL,
     "Arithmetic of the encoder. Default: the one that the release was made with; of an encoder fp32.", 0},
    {"threads", SS_OPT_COUNT, AT(threads), "0", "0..1024", "N", NULL, "Compute threads; 0: one per processor.", 0},
    {.name = NULL}};

static const ss_command command = {
    .name = "skillstream embed",
    .summary = "lines of text -> vectors, as sentence-transformers gives them",
    .arguments = "[FILE...]",
    .description =
        "Reads lines from the files or standard input (plain or gzip) and prints for each one JSON array: its "
        "embedding. An empty line is embedded like any other text.",
    .examples = "  echo 'Experience with Python' | skillstream embed --encoder all-MiniLM-L6-v2\n",
    .options = table,
    .size = sizeof(values)};

typedef struct batch {
    ss_embedder *embedder;
    ss_arena arena;
    ss_string_view texts[BATCH];
    size_t n, dims;
    float *vectors; /* (BATCH, dims) */
} batch;

static int flush_batch(batch *b, ss_error *err)
{
    if (ss_embed_texts(b->embedder, b->texts, b->n, b->vectors, NULL, NULL, err)) return -1;
    for (size_t i = 0; i < b->n; i++) {
        const float *vector = b->vectors + i * b->dims;
        for (size_t d = 0; d < b->dims; d++) printf("%c%.9g", d ? ',' : '[', (double)vector[d]);
        puts("]");
    }
    b->n = 0;
    ss_arena_reset(&b->arena);
    if (ferror(stdout)) return ss_fail(err, SS_IO, "cannot write to standard output");
    return 0;
}

static int embed_file(batch *b, const char *path, ss_error *err)
{
    ss_lines *lines = ss_lines_open(path, LONGEST, err);
    if (!lines) return -1;
    char *line;
    size_t len;
    int state;
    while ((state = ss_lines_next(lines, &line, &len, err)) > 0) {
        char *copy = ss_arena_copy(&b->arena, line, len);
        if (!copy) state = ss_fail_memory(err, "reading lines");
        if (state < 0) break;
        b->texts[b->n++] = (ss_string_view){.data = copy, .len = len};
        if (b->n == BATCH && flush_batch(b, err)) state = -1;
        if (state < 0) break;
    }
    ss_lines_close(lines);
    return state < 0 ? -1 : 0;
}

static int embed_all(const ss_encoder *encoder, size_t threads, const ss_strings *files, ss_error *err)
{
    batch *b = calloc(1, sizeof *b);
    ss_pool *pool = b ? ss_pool_new(threads, err) : NULL;
    if (!b) ss_fail_memory(err, "embedding");
    int result = -1;
    if (pool) {
        ss_arena_init(&b->arena, 1 << 16, 0);
        b->dims = ss_encoder_dims(encoder);
        b->vectors = calloc(BATCH * b->dims, sizeof *b->vectors);
        b->embedder = ss_embedder_new(encoder, pool, err);
        if (!b->vectors) ss_fail_memory(err, "embedding");
        result = b->vectors && b->embedder ? 0 : -1;
        if (!result && !files->count) result = embed_file(b, "-", err);
        for (size_t i = 0; !result && i < files->count; i++) result = embed_file(b, files->items[i], err);
        if (!result && b->n) result = flush_batch(b, err);
        ss_embedder_free(b->embedder);
        free(b->vectors);
        ss_arena_free(&b->arena);
    }
    ss_pool_free(pool);
    free(b);
    return result;
}

static int run_with_encoder(const values *v, const ss_strings *files, ss_error *err)
{
    ss_model_files *model = ss_model_files_open(v->encoder, err);
    ss_precision precision = SS_FP32;
    int bad = v->precision && ss_precision_parse(v->precision, &precision, err);
    ss_encoder *encoder =
        model && !bad ? ss_encoder_load_with(ss_model_files_set(model), ss_engine_for(precision), err) : NULL;
    int result = encoder ? embed_all(encoder, (size_t)v->threads, files, err) : -1;
    ss_encoder_free(encoder);
    ss_model_files_close(model);
    return result;
}

static int run_with_release(const values *v, const ss_strings *files, ss_error *err)
{
    ss_release *release = ss_release_open(v->release, err);
    int result = release ? ss_release_set_precision(release, v->precision, err) : -1;
    if (!result) result = embed_all(ss_release_encoder(release), (size_t)v->threads, files, err);
    ss_release_drop(release);
    return result;
}

static int run(int argc, char **argv)
{
    values v;
    ss_options *options;
    ss_log log;
    int code, bad;
    ss_error err = {0};
    if (!ss_command_begin(&command, argc, argv, &v, &options, &log, &code)) return code;
    if (!v.encoder == !v.release)
        bad = ss_fail(&err, SS_USAGE, "one of --encoder DIR and --release FILE is needed; see --help");
    else
        bad = v.encoder ? run_with_encoder(&v, ss_options_arguments(options), &err)
                        : run_with_release(&v, ss_options_arguments(options), &err);
    if (bad) code = ss_command_fail(&command, &err);
    ss_options_free(options);
    return code;
}

const ss_subcommand ss_embed_subcommand = {"embed", &command, run};
