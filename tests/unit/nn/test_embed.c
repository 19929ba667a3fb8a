/* test_embed.c - texts become the vectors that the encoder gives them one by one, whatever their order, number, length
 * and the number of threads; and OpenBLAS's choice is judged by the width of its vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/blas.h"
#include "nn/embed.h"
#include "support/temp_folder.h"
#include "support/tiny_model.h"

enum { D = TINY_MODEL_DIMS, TEXTS = 9000, LONGEST = 120 }; /* more than one round, more than the token limit */

typedef struct fixture {
    char *folder;
    ss_model_files *files;
    ss_encoder *encoder;
    char (*bytes)[LONGEST];
    ss_string_view *texts;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->folder = temp_folder_make();
    tiny_model_write(f->folder, 3);
    f->files = ss_model_files_open(f->folder, NULL);
    f->encoder = ss_encoder_load(ss_model_files_set(f->files), NULL);
    assert_non_null(f->encoder);
    f->bytes = calloc(TEXTS, sizeof *f->bytes);
    f->texts = calloc(TEXTS, sizeof *f->texts);
    assert_true(f->bytes && f->texts);
    for (size_t i = 0; i < TEXTS; i++) {
        size_t len = i % 50 == 0 ? (size_t)rand() % LONGEST : (size_t)rand() % 9;
        for (size_t j = 0; j < len; j++) f->bytes[i][j] = (char)(' ' + rand() % 95);
        f->texts[i] = (ss_string_view){f->bytes[i], len}; /* exact length, no NUL */
    }
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    free(f->texts);
    free(f->bytes);
    ss_encoder_free(f->encoder);
    ss_model_files_close(f->files);
    temp_folder_remove(f->folder);
    free(f);
    return 0;
}

/* progress: never backwards, ends with n */
typedef struct progress_seen {
    size_t calls, last;
} progress_seen;

static void note(void *ctx, size_t done)
{
    progress_seen *seen = ctx;
    assert_true(done >= seen->last || seen->calls == 0);
    seen->last = done;
    seen->calls++;
}

static float *embed(const fixture *f, size_t threads, size_t n)
{
    float *out = calloc(n * D + 1, sizeof *out);
    ss_pool *pool = ss_pool_new(threads, NULL);
    ss_embedder *embedder = ss_embedder_new(f->encoder, pool, NULL);
    assert_true(out && embedder && ss_embedder_encoder(embedder) == f->encoder);
    progress_seen seen = {0};
    ss_error err = {0};
    assert_int_equal(ss_embed_texts(embedder, f->texts, n, out, note, &seen, &err), 0);
    if (n > 0) assert_int_equal(seen.last, n);
    ss_embedder_free(embedder);
    ss_pool_free(pool);
    return out;
}

static size_t embed_one(const fixture *f, ss_encoder_run *run, ss_tokenizer_scratch *scratch, size_t i, float *out)
{
    int32_t ids[TINY_MODEL_MAX_TOKENS];
    size_t count;
    assert_int_equal(ss_tokenize(ss_encoder_tokenizer(f->encoder), scratch, f->texts[i].data, f->texts[i].len,
                                 TINY_MODEL_MAX_TOKENS, ids, &count, NULL, NULL),
                     0);
    uint32_t starts[2] = {0, (uint32_t)count};
    assert_int_equal(ss_encoder_forward(run, ids, starts, 1, out, NULL), 0);
    return count;
}

static void every_text_gets_its_own_vector(void **state)
{
    const fixture *f = *state;
    float *all = embed(f, 1, TEXTS), one[D];
    ss_encoder_run *run = ss_encoder_run_new(f->encoder, 0, NULL);
    ss_tokenizer_scratch *scratch = ss_tokenizer_scratch_new(NULL);
    for (size_t i = 0; i < TEXTS; i += 7) {
        embed_one(f, run, scratch, i, one);
        double norm = 0;
        for (size_t d = 0; d < D; d++) {
            double difference = (double)one[d] - (double)all[i * D + d];
            assert_true(difference < 1e-5 && difference > -1e-5);
            norm += (double)one[d] * (double)one[d];
        }
        assert_true(norm > 0.99999 && norm < 1.00001);
    }
    ss_tokenizer_scratch_free(scratch);
    ss_encoder_run_free(run);
    free(all);
}

static void threads_do_not_change_a_bit(void **state)
{
    const fixture *f = *state;
    float *one = embed(f, 1, TEXTS), *three = embed(f, 3, TEXTS);
    assert_memory_equal(one, three, TEXTS * D * sizeof *one);
    free(one);
    free(three);
    for (size_t n = 0; n < 3; n++) free(embed(f, 2, n));
}

/* Equal texts of a call are computed once and get the same vector. */
static void equal_texts_are_computed_once(void **state)
{
    const fixture *f = *state;
    enum { N = 3000, DISTINCT = 7 };
    static const char *const words[DISTINCT] = {"one", "two", "three", "four four", "", "ONE", "five?"}; /* ONE = one */
    ss_string_view *texts = calloc(N, sizeof *texts);
    float *out = calloc(N * D, sizeof *out), one[D];
    ss_pool *pool = ss_pool_new(2, NULL);
    ss_embedder *embedder = ss_embedder_new(f->encoder, pool, NULL);
    ss_encoder_run *run = ss_encoder_run_new(f->encoder, 0, NULL);
    ss_tokenizer_scratch *scratch = ss_tokenizer_scratch_new(NULL);
    assert_true(texts && out);
    for (size_t i = 0; i < N; i++) texts[i] = (ss_string_view){words[i % DISTINCT], strlen(words[i % DISTINCT])};
    assert_int_equal(ss_embed_texts(embedder, texts, N, out, NULL, NULL, NULL), 0);
    size_t expected = 0;
    for (size_t i = 0; i < N; i++) {
        fixture copy = *f;
        copy.texts = texts;
        size_t tokens = embed_one(&copy, run, scratch, i, one);
        if (i < DISTINCT && i != 5) expected += tokens;
        for (size_t d = 0; d < D; d++) assert_true(one[d] - out[i * D + d] < 1e-6f && out[i * D + d] - one[d] < 1e-6f);
    }
    assert_int_equal(ss_embedder_tokens(embedder), expected);
    ss_tokenizer_scratch_free(scratch);
    ss_encoder_run_free(run);
    ss_embedder_free(embedder);
    ss_pool_free(pool);
    free(out);
    free(texts);
}

static void a_low_guess_of_openblas_is_seen(void **state)
{
    (void)state;
    char line[200] = "";
    ss_blas_description(line, sizeof line);
    assert_non_null(strstr(line, "OpenBLAS"));
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2")) return;
    assert_non_null(ss_blas_better_core("Prescott"));
    assert_non_null(ss_blas_better_core("Sandybridge"));
    assert_null(ss_blas_better_core("SkylakeX"));
    assert_null(ss_blas_better_core("Cooperlake"));
    assert_string_equal(ss_blas_better_core("Core2"),
                        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") ? "SkylakeX"
                                                                                                 : "Haswell");
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_text_gets_its_own_vector), cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(equal_texts_are_computed_once), cmocka_unit_test(a_low_guess_of_openblas_is_seen)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
