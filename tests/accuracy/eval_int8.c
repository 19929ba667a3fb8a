/* eval_int8.c - what int8 costs in ranking: RP@5 and MRR of int8 against fp32.
 *
 *   eval_int8 MODEL SHARED
 *
 * Embeds ESCO's preferred labels and the two public validation sets with the model MODEL (a folder name), once in each
 * precision. Fails when int8 is more than 0.3 points below fp32 in RP@5 or MRR. (It may be above: the sets have 67 and
 * 61 queries, and one query that moves from rank 2 to rank 1 is 0.8 points of MRR.) Exit code 77 (skipped), with the
 * reason, when model or data are not there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/pool.h"
#include "match/evaluate.h"
#include "match/prototypes.h"
#include "nn/blas.h"
#include "nn/embed.h"
#include "nn/model_files.h"

enum { SKIPPED = 77, PATH_ROOM = 4096, SETS = 2 };
static const double most_lost = 0.3;
static const char *const sets[SETS] = {"tech_validation", "house_validation"};

static int evaluate(const ss_fileset *model, ss_precision precision, const ss_taxonomy *taxonomy, const char *shared,
                    ss_evaluation out[SETS], ss_error *err)
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
        bad = ss_evaluate(path, 0, taxonomy, matrix, NULL, embedder, NULL, NULL, &out[i], err);
    }
    ss_skill_matrix_free(matrix);
    ss_prototypes_free(&labels);
    ss_embedder_free(embedder);
    ss_pool_free(pool);
    ss_encoder_free(encoder);
    return bad;
}

static int compare(const char *set, const char *figure, double fp32, double int8)
{
    int lost = fp32 - int8 > most_lost;
    printf("  %-17s %-5s fp32 %6.2f  int8 %6.2f  %+5.2f%s\n", set, figure, fp32, int8, int8 - fp32,
           lost ? "   TOO LOW" : "");
    return lost;
}

static int run(const char *model, const char *esco, const char *shared, ss_error *err)
{
    ss_evaluation fp32[SETS], int8[SETS];
    ss_taxonomy *taxonomy = ss_taxonomy_read(esco, NULL, NULL, err);
    ss_model_files *files = taxonomy ? ss_model_files_open(model, err) : NULL;
    int bad = !files || evaluate(ss_model_files_set(files), SS_FP32, taxonomy, shared, fp32, err) ||
              evaluate(ss_model_files_set(files), SS_INT8, taxonomy, shared, int8, err);
    size_t lost = 0;
    for (size_t i = 0; !bad && i < SETS; i++) {
        lost += (size_t)compare(sets[i], "RP@5", fp32[i].rp5, int8[i].rp5);
        lost += (size_t)compare(sets[i], "MRR", fp32[i].mrr, int8[i].mrr);
    }
    ss_model_files_close(files);
    ss_taxonomy_free(taxonomy);
    return bad || lost;
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
