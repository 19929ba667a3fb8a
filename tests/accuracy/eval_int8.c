/* eval_int8.c - what int8 costs in ranking: RP@5 and MRR of int8 against fp32.
 *
 *   eval_int8 MODEL SHARED
 *
 * Embeds ESCO's preferred labels and three validation sets with the model MODEL (a folder name), once in each
 * precision. SkillSkape's development set (1,230 queries) decides: int8 may be 0.3 points away from fp32, either way.
 * In the other two, of 67 and 61 queries, one query that crosses rank 5 is 1.5 points of RP@5, and factors that differ
 * in their last bit move it by 2.5; so there a loss of more than 0.3 fails only when it is more than chance (paired
 * bootstrap over queries, 95 %). Exit code 77 (skipped), with the reason, when model or data are not there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/pool.h"
#include "match/bootstrap.h"
#include "match/evaluate.h"
#include "match/labelled.h"
#include "match/prototypes.h"
#include "nn/blas.h"
#include "nn/embed.h"
#include "nn/model_files.h"

enum { SKIPPED = 77, PATH_ROOM = 4096, SETS = 3, SMALL = 200 };
static const double most_apart = 0.3;
static const char *const sets[SETS] = {"tech_validation", "house_validation", "skillskape_dev"};

/* One set in one precision. */
typedef struct figures {
    ss_evaluation all;
    ss_query_figures *each;
} figures;

static void put_cell(FILE *file, const char *text, size_t len, char end)
{
    fputc('"', file);
    for (size_t i = 0; i < len; i++) fprintf(file, text[i] == '"' ? "\"\"" : "%c", text[i]);
    fprintf(file, "\"%c", end);
}

/* SkillSkape has its labels as a list in one column: a benchmark has a row for each. */
static int write_benchmark(const char *from, const char *to, const ss_taxonomy *taxonomy, ss_error *err)
{
    ss_labelled_set *set = ss_labelled_read(from, SS_LABELLED_TRAINING, taxonomy, err);
    FILE *file = set ? fopen(to, "w") : NULL;
    if (set && !file) ss_fail(err, SS_IO, "%s: cannot be written", to);
    if (file) fputs("sentence,label\n", file);
    for (size_t i = 0; file && i < ss_labelled_count(set); i++) {
        const ss_labelled *item = ss_labelled_item(set, i);
        for (size_t g = 0; g < item->gold_count; g++) {
            if (item->gold[g] == SS_NO_SKILL) continue;
            const char *label = ss_taxonomy_skill(taxonomy, item->gold[g])->label;
            put_cell(file, item->sentence.data, item->sentence.len, ',');
            put_cell(file, label, strlen(label), '\n');
        }
    }
    ss_labelled_free(set);
    return file && !fclose(file) ? 0 : -1;
}

static int evaluate(const ss_fileset *model, ss_precision precision, const ss_taxonomy *taxonomy, const char *shared,
                    const char *skape, figures out[SETS], ss_error *err)
{
    ss_prototypes labels = {0};
    ss_skill_matrix *matrix = NULL;
    ss_encoder *encoder = ss_encoder_load_with(model, ss_engine_for(precision), err);
    ss_pool *pool = encoder ? ss_pool_new(0, err) : NULL;
    ss_embedder *embedder = pool ? ss_embedder_new(encoder, pool, err) : NULL;
    int bad = !embedder || ss_prototypes_list(taxonomy, SS_PROTOTYPE_LABEL, &labels, err);
    if (!bad)
        matrix = ss_skill_matrix_build(embedder, &labels, ss_taxonomy_count(taxonomy), SS_SCORE_BEST, NULL, NULL, err);
    bad |= !matrix;
    for (size_t i = 0; !bad && i < SETS; i++) {
        char path[PATH_ROOM];
        snprintf(path, sizeof path, "%s/data/validation/%s.csv", shared, sets[i]);
        bad = ss_evaluate_each(i < 2 ? path : skape, 0, taxonomy, matrix, NULL, embedder, NULL, NULL, &out[i].all,
                               &out[i].each, err);
    }
    ss_skill_matrix_free(matrix);
    ss_prototypes_free(&labels);
    ss_embedder_free(embedder);
    ss_pool_free(pool);
    ss_encoder_free(encoder);
    return bad;
}

static double value_of(const ss_query_figures *q, int mrr)
{
    return 100 * (mrr ? q->mrr : q->rp5);
}

/* 1 = too far away, -1 = failed. */
static int compare(const char *set, int mrr, const figures *fp32, const figures *int8, ss_error *err)
{
    size_t count = fp32->all.queries;
    double *differences = calloc(count + 1, sizeof *differences);
    if (!differences) return ss_fail_memory(err, "comparing");
    for (size_t i = 0; i < count; i++) differences[i] = value_of(&int8->each[i], mrr) - value_of(&fp32->each[i], mrr);
    ss_paired_set paired = {.differences = differences, .count = count};
    ss_bootstrap b;
    int bad = ss_bootstrap_paired(&paired, 1, 0, SS_BOOTSTRAP_ROUNDS, 1, &b, err);
    free(differences);
    if (bad) return -1;
    int far = count > SMALL ? b.difference > most_apart || b.difference < -most_apart
                            : b.difference < -most_apart && b.high < 0;
    printf("  %-17s %5zu queries  %-5s fp32 %6.2f  int8 %6.2f  %+5.2f  (95 %%: %+.2f to %+.2f)%s\n", set, count,
           mrr ? "MRR" : "RP@5", mrr ? fp32->all.mrr : fp32->all.rp5, mrr ? int8->all.mrr : int8->all.rp5, b.difference,
           b.low, b.high, far ? "   TOO FAR" : "");
    return far;
}

static int run(const char *model, const char *esco, const char *shared, ss_error *err)
{
    figures fp32[SETS] = {0}, int8[SETS] = {0};
    char from[PATH_ROOM], skape[] = "skillskape_dev.csv"; /* in ctest's folder */
    snprintf(from, sizeof from, "%s/data/skillskape/dev.csv", shared);
    ss_taxonomy *taxonomy = ss_taxonomy_read(esco, NULL, NULL, err);
    ss_model_files *files = taxonomy ? ss_model_files_open(model, err) : NULL;
    int bad = !files || write_benchmark(from, skape, taxonomy, err) ||
              evaluate(ss_model_files_set(files), SS_FP32, taxonomy, shared, skape, fp32, err) ||
              evaluate(ss_model_files_set(files), SS_INT8, taxonomy, shared, skape, int8, err);
    int far = 0;
    for (size_t i = 0; !bad && i < 2 * SETS; i++) far |= compare(sets[i / 2], i % 2, &fp32[i / 2], &int8[i / 2], err);
    for (size_t i = 0; i < SETS; i++) {
        free(fp32[i].each);
        free(int8[i].each);
    }
    remove(skape);
    ss_model_files_close(files);
    ss_taxonomy_free(taxonomy);
    return bad || far;
}

int main(int argc, char **argv)
{
    ss_error err = {0};
    if (ss_blas_prepare(argv, &err)) fprintf(stderr, "%s\n", err.text);
    if (argc != 3) {
        fprintf(stderr, "usage: eval_int8 MODEL SHARED\n");
        return 2;
    }
    char model[PATH_ROOM], esco[PATH_ROOM];
    const char *models = getenv("SKILLSTREAM_MODELS"), *home = getenv("HOME");
    if (models && *models)
        snprintf(model, sizeof model, "%s/%s", models, argv[1]);
    else
        snprintf(model, sizeof model, "%s/.cache/skillstream/models/%s", home ? home : "", argv[1]);
    snprintf(esco, sizeof esco, "%s/data/esco/skills_en.csv.gz", argv[2]);
    const char *needed[] = {model, esco};
    for (size_t i = 0; i < 2; i++) {
        if (ss_file_exists(needed[i])) continue;
        printf("skipped: no %s\n", needed[i]);
        return SKIPPED;
    }
    err = (ss_error){0};
    int bad = run(model, esco, argv[2], &err);
    if (err.text[0]) fprintf(stderr, "%s\n", err.text);
    return bad ? 1 : 0;
}
