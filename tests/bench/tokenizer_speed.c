/* tokenizer_speed.c - our tokenizer as a program of the benchmarks (serving.h); tests/bench/tokenizer runs it.
 *
 *   bench_tokenizer_speed MODEL_FOLDER MAX_TOKENS ROUNDS TEXTS
 *
 * A pass tokenises every text ROUNDS times, cut to MAX_TOKENS, on one thread; ROUNDS make it long enough for the clock
 * of CPU time. "dump" writes the ids of all texts as int32, one after the other, so that the tokens can be compared and
 * not only counted.
 */
#include <stdio.h>
#include <stdlib.h>

#include "nn/model_files.h"
#include "serving.h"
#include "text/tokenizer.h"

typedef struct speed_run {
    const ss_tokenizer *tokenizer;
    ss_tokenizer_scratch *scratch;
    bench_texts texts;
    int32_t *ids;
    size_t limit, rounds;
} speed_run;

static int pass(void *context, size_t *tokens, ss_error *err)
{
    speed_run *run = context;
    size_t count;
    *tokens = 0;
    for (size_t i = 0; i < run->texts.count * run->rounds; i++) {
        ss_string_view text = run->texts.texts[i % run->texts.count];
        if (ss_tokenize(run->tokenizer, run->scratch, text.data, text.len, run->limit, run->ids, &count, NULL, err))
            return -1;
        *tokens += count;
    }
    return 0;
}

static int dump(void *context, const char *path, ss_error *err)
{
    speed_run *run = context;
    int result = 0;
    size_t count;
    FILE *file = fopen(path, "wb");
    if (!file) return ss_fail(err, SS_IO, "cannot write %s", path);
    for (size_t i = 0; !result && i < run->texts.count; i++) {
        ss_string_view text = run->texts.texts[i];
        result =
            ss_tokenize(run->tokenizer, run->scratch, text.data, text.len, run->limit, run->ids, &count, NULL, err);
        if (!result && fwrite(run->ids, sizeof *run->ids, count, file) != count)
            result = ss_fail(err, SS_IO, "cannot write %s", path);
    }
    if (fclose(file) && !result) result = ss_fail(err, SS_IO, "cannot write %s", path);
    return result;
}

int main(int argc, char **argv)
{
    ss_error err = {0};
    if (argc != 5) {
        fprintf(stderr, "usage: %s MODEL_FOLDER MAX_TOKENS ROUNDS TEXTS\n", argv[0]);
        return 2;
    }
    speed_run run = {.limit = strtoul(argv[2], NULL, 10), .rounds = strtoul(argv[3], NULL, 10)};
    int result = -1;
    ss_model_files *files = ss_model_files_open(argv[1], &err);
    ss_tokenizer *tokenizer = files ? ss_tokenizer_load(ss_model_files_set(files), &err) : NULL;
    run.tokenizer = tokenizer;
    run.scratch = tokenizer ? ss_tokenizer_scratch_new(&err) : NULL;
    run.ids = calloc(run.limit + 1, sizeof *run.ids);
    if (run.scratch && run.ids && bench_read_texts(argv[4], &run.texts, &err) == 0)
        result = bench_serve(pass, dump, &run, &err);
    if (result != 0) fprintf(stderr, "%s\n", err.text);
    bench_free_texts(&run.texts);
    free(run.ids);
    ss_tokenizer_scratch_free(run.scratch);
    ss_tokenizer_free(tokenizer);
    ss_model_files_close(files);
    return result == 0 ? 0 : 1;
}
