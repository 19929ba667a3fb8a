/* verdict.c - see verdict.h. */
#include "worker/train/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "match/prototypes.h"
#include "worker/train/random.h"

int ss_side_measure(const ss_strings *files, const ss_taxonomy *taxonomy, const ss_skill_matrix *matrix,
                    const ss_ranker *ranker, ss_embedder *embedder, ss_side *out, ss_error *err)
{
    *out = (ss_side){.sets = calloc(files->count + 1, sizeof *out->sets),
                     .each = calloc(files->count + 1, sizeof(ss_query_figures *))};
    if (!out->sets || !out->each) {
        ss_side_free(out);
        return ss_fail_memory(err, "validating");
    }
    for (size_t i = 0; i < files->count; i++) {
        if (ss_evaluate_each(files->items[i], 0, taxonomy, matrix, ranker, embedder, NULL, NULL, &out->sets[i],
                             &out->each[i], err)) {
            ss_side_free(out);
            return -1;
        }
        out->count++;
    }
    return 0;
}

int ss_side_measure_release(const ss_strings *files, const ss_release *release, ss_pool *pool, ss_side *out,
                            ss_error *err)
{
    *out = (ss_side){0};
    ss_embedder *embedder = ss_embedder_new(ss_release_encoder(release), pool, err);
    if (!embedder) return -1;
    const ss_ranker ranker = {.weights = ss_release_manifest(release)->ranking,
                              .labels = ss_release_span_labels(release)};
    int result =
        ss_side_measure(files, ss_release_taxonomy(release), ss_release_matrix(release), &ranker, embedder, out, err);
    ss_embedder_free(embedder);
    return result;
}

int ss_side_measure_encoder(const ss_strings *files, const char *encoder_dir, const ss_taxonomy *taxonomy,
                            const ss_recipe *recipe, ss_pool *pool, ss_side *out, ss_error *err)
{
    unsigned kinds;
    ss_score_kind score;
    ss_encoder *encoder = NULL;
    ss_embedder *embedder = NULL;
    ss_prototypes prototypes = {0};
    ss_skill_matrix *matrix = NULL;
    *out = (ss_side){0};
    ss_model_files *model = ss_model_files_open(encoder_dir, err);
    if (model) encoder = ss_encoder_load(ss_model_files_set(model), err);
    if (encoder) embedder = ss_embedder_new(encoder, pool, err);
    if (embedder && !ss_prototype_kinds_parse(recipe->prototypes, &kinds, err) &&
        !ss_score_kind_parse(recipe->score, &score, err) && !ss_prototypes_list(taxonomy, kinds, &prototypes, err))
        matrix = ss_skill_matrix_build(embedder, &prototypes, ss_taxonomy_count(taxonomy), score, NULL, NULL, err);
    const ss_ranker ranker = {.weights = ss_recipe_ranking(recipe)};
    int result = matrix ? ss_side_measure(files, taxonomy, matrix, &ranker, embedder, out, err) : -1;
    ss_skill_matrix_free(matrix);
    ss_prototypes_free(&prototypes);
    ss_embedder_free(embedder);
    ss_encoder_free(encoder);
    ss_model_files_close(model);
    return result;
}

void ss_side_free(ss_side *side)
{
    for (size_t i = 0; side->each && i < side->count; i++) free(side->each[i]);
    free(side->each);
    free(side->sets);
    *side = (ss_side){0};
}

static double figure_of(const char *judge, const ss_query_figures *query)
{
    double share = !strcmp(judge, "rp5")   ? query->rp5
                   : !strcmp(judge, "mrr") ? query->mrr
                                           : (query->rp5 + query->mrr) / 2;
    return 100 * share;
}

static double *differences(const char *judge, const ss_side *before, const ss_side *after, size_t set, ss_error *err)
{
    size_t n = after->sets[set].queries;
    double *out = malloc((n ? n : 1) * sizeof *out);
    if (!out) {
        ss_fail_memory(err, "comparing two releases");
        return NULL;
    }
    for (size_t q = 0; q < n; q++)
        out[q] = figure_of(judge, &after->each[set][q]) - figure_of(judge, &before->each[set][q]);
    return out;
}

/* The sets' differences in `all` and `sets` (after->count each). */
static int pair_up(const ss_recipe *recipe, const ss_side *before, const ss_side *after, double **all,
                   ss_paired_set *sets, ss_error *err)
{
    if (before->count != after->count)
        return ss_fail(err, SS_INPUT, "the two releases were measured on different files");
    for (size_t i = 0; i < after->count; i++) {
        if (before->sets[i].queries != after->sets[i].queries)
            return ss_fail(err, SS_INPUT, "the two releases were measured on different sentences");
        all[i] = differences(recipe->judge, before, after, i, err);
        if (!all[i]) return -1;
        sets[i] = (ss_paired_set){.differences = all[i], .count = after->sets[i].queries};
    }
    return 0;
}

int ss_verdict_find(const ss_recipe *recipe, const ss_side *before, const ss_side *after, ss_verdict *out,
                    ss_error *err)
{
    *out = (ss_verdict){0};
    if (!after->count) return 0;
    double **all = calloc(after->count, sizeof *all);
    ss_paired_set *sets = calloc(after->count, sizeof *sets);
    int result = -1;
    if (!all || !sets) {
        ss_fail_memory(err, "comparing two releases");
        goto done;
    }
    if (pair_up(recipe, before, after, all, sets, err)) goto done;
    ss_random random = ss_random_stream(recipe->seed, SS_RANDOM_JUDGE, 0, 0);
    result = ss_bootstrap_paired(sets, after->count, recipe->margin, SS_BOOTSTRAP_ROUNDS, ss_random_next(&random),
                                 &out->figure, err);
    out->judged = !result;
    out->better = !result && out->figure.above >= recipe->sure;
done:
    for (size_t i = 0; all && i < after->count; i++) free(all[i]);
    free(all);
    free(sets);
    return result;
}

void ss_verdict_text(const ss_recipe *recipe, const ss_verdict *verdict, char out[200])
{
    const char *name = !strcmp(recipe->judge, "rp5") ? "RP@5" : !strcmp(recipe->judge, "mrr") ? "MRR" : "RP@5 and MRR";
    const ss_bootstrap *f = &verdict->figure;
    snprintf(out, 200, "%s %+.2f points (95 %%: %.2f to %.2f), above %g in %.1f %% of resamples; %.1f %% are asked for",
             name, f->difference, f->low, f->high, recipe->margin, 100 * f->above, 100 * recipe->sure);
}

void ss_set_name(const char *path, char out[64])
{
    const char *slash = strrchr(path, '/');
    snprintf(out, 64, "%.63s", slash ? slash + 1 : path);
    char *dot = strchr(out, '.');
    if (dot) *dot = 0;
}
