/* eval_golden.c - `skillstream eval`'s figures against those of the Python protocol.
 *
 *   eval_golden MODEL RECORDED.json SHARED
 *
 * Embeds ESCO's preferred labels with the model MODEL (a folder name), ranks the two public validation sets and
 * compares RP@1, RP@5, RP@10 and MRR with what peers/eval.py recorded in SHARED/peers/results/RECORDED.json: at most
 * 0.1 point apart. Models lie in $SKILLSTREAM_MODELS or ~/.cache/skillstream/models. Exit code 77 (skipped), with the
 * reason, when model, data or record are not there.
 */
#include <jansson.h>
#include <math.h>
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

enum { SKIPPED = 77, PATH_ROOM = 4096 };
static const double tolerance = 0.1;
static const char *const sets[] = {"tech_validation", "house_validation"};

/* Everything that is made once per model. */
typedef struct ranker {
    ss_taxonomy *taxonomy;
    ss_model_files *files;
    ss_encoder *encoder;
    ss_pool *pool;
    ss_embedder *embedder;
    ss_prototypes labels;
    ss_skill_matrix *matrix;
} ranker;

static int make_ranker(ranker *r, const char *model, const char *esco, ss_error *err)
{
    if (!(r->taxonomy = ss_taxonomy_read(esco, NULL, NULL, err)) || !(r->files = ss_model_files_open(model, err)) ||
        !(r->encoder = ss_encoder_load(ss_model_files_set(r->files), err)) || !(r->pool = ss_pool_new(0, err)) ||
        !(r->embedder = ss_embedder_new(r->encoder, r->pool, err)) ||
        ss_prototypes_list(r->taxonomy, SS_PROTOTYPE_LABEL, &r->labels, err))
        return -1;
    r->matrix =
        ss_skill_matrix_build(r->embedder, &r->labels, ss_taxonomy_count(r->taxonomy), SS_SCORE_BEST, NULL, NULL, err);
    return r->matrix ? 0 : -1;
}

static void free_ranker(ranker *r)
{
    ss_skill_matrix_free(r->matrix);
    ss_prototypes_free(&r->labels);
    ss_embedder_free(r->embedder);
    ss_pool_free(r->pool);
    ss_encoder_free(r->encoder);
    ss_model_files_close(r->files);
    ss_taxonomy_free(r->taxonomy);
}

/* 1 if the figure is within the tolerance of the recorded one. */
static int agrees(const json_t *recorded, const char *figure, double ours)
{
    double theirs = json_number_value(json_object_get(recorded, figure));
    int same = fabs(theirs - ours) <= tolerance;
    printf("  %-5s %6.2f  eval.py %6.2f%s\n", figure, ours, theirs, same ? "" : "   DIFFERS");
    return same;
}

static int check_set(const ranker *r, const char *path, const char *name, const json_t *recorded, ss_error *err)
{
    ss_evaluation e;
    if (ss_evaluate(path, 0, r->taxonomy, r->matrix, NULL, r->embedder, NULL, NULL, &e, err)) return -1;
    printf("%s: %zu queries, %zu gold, %zu unknown\n", name, e.queries, e.gold, e.unknown);
    int same = agrees(recorded, "RP@1", e.rp1) & agrees(recorded, "RP@5", e.rp5) & agrees(recorded, "RP@10", e.rp10) &
               agrees(recorded, "MRR", e.mrr);
    same &= json_integer_value(json_object_get(recorded, "queries")) == (json_int_t)e.queries &&
            json_integer_value(json_object_get(recorded, "gold")) == (json_int_t)e.gold && e.unknown == 0;
    return same ? 0 : ss_fail(err, SS_INTERNAL, "%s: the figures are not those of eval.py", name);
}

static int check_model(const char *model, const char *esco, const char *shared, const json_t *record, ss_error *err)
{
    ranker r = {0};
    int bad = make_ranker(&r, model, esco, err);
    for (size_t i = 0; !bad && i < sizeof sets / sizeof *sets; i++) {
        char path[PATH_ROOM];
        snprintf(path, sizeof path, "%s/data/validation/%s.csv", shared, sets[i]);
        bad = check_set(&r, path, sets[i], json_object_get(json_object_get(record, "sets"), sets[i]), err);
    }
    free_ranker(&r);
    return bad;
}

static void model_path(const char *name, char out[PATH_ROOM])
{
    const char *models = getenv("SKILLSTREAM_MODELS"), *home = getenv("HOME");
    if (models && *models)
        snprintf(out, PATH_ROOM, "%s/%s", models, name);
    else
        snprintf(out, PATH_ROOM, "%s/.cache/skillstream/models/%s", home ? home : "", name);
}

int main(int argc, char **argv)
{
    ss_error err = {0};
    if (ss_blas_prepare(argv, &err)) fprintf(stderr, "%s\n", err.text);
    if (argc != 4) {
        fprintf(stderr, "usage: eval_golden MODEL RECORDED.json SHARED\n");
        return 2;
    }
    char model[PATH_ROOM], esco[PATH_ROOM], recorded[PATH_ROOM];
    model_path(argv[1], model);
    snprintf(esco, sizeof esco, "%s/data/esco/skills_en.csv.gz", argv[3]);
    snprintf(recorded, sizeof recorded, "%s/peers/results/%s", argv[3], argv[2]);
    const char *needed[] = {model, esco, recorded};
    for (size_t i = 0; i < 3; i++) {
        if (ss_file_exists(needed[i])) continue;
        printf("skipped: no %s\n", needed[i]);
        return SKIPPED;
    }
    json_t *record = json_load_file(recorded, 0, NULL);
    int bad = check_model(model, esco, argv[3], record, &err);
    if (bad) fprintf(stderr, "%s\n", err.text);
    json_decref(record);
    return bad ? 1 : 0;
}
