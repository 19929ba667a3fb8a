/* evaluate.c - see evaluate.h.
 *
 * A gold skill's rank is the number of skills with a higher score, plus those with an equal score that stand before it:
 * counting needs no sorting of 13,891 scores.
 */
#include "match/evaluate.h"

#include <stdlib.h>
#include <string.h>

#include "match/labelled.h"
#include "match/span.h"

enum { CHUNK = 32 };

/* Rank from 0. scores (skills). */
static size_t rank_of(const float *scores, size_t skills, uint32_t skill)
{
    float own = scores[skill];
    size_t higher = 0, equal_before = 0;
    for (size_t i = 0; i < skills; i++) higher += scores[i] > own;
    for (size_t i = 0; i < skill; i++) equal_before += scores[i] == own;
    return higher + equal_before;
}

static double r_precision(const size_t *ranks, size_t known, size_t gold, size_t k)
{
    size_t hits = 0;
    for (size_t i = 0; i < known; i++) hits += ranks[i] < k;
    return (double)hits / (double)(k < gold ? k : gold);
}

/* One query. `ranks` is working memory for its gold. */
static ss_query_figures judge(const ss_labelled *item, const float *scores, size_t skills, size_t *ranks)
{
    size_t known = 0, best = SIZE_MAX;
    for (size_t g = 0; g < item->gold_count; g++) {
        if (item->gold[g] == SS_NO_SKILL) continue;
        ranks[known] = rank_of(scores, skills, item->gold[g]);
        if (ranks[known] < best) best = ranks[known];
        known++;
    }
    return (ss_query_figures){.rp1 = r_precision(ranks, known, item->gold_count, 1),
                              .rp5 = r_precision(ranks, known, item->gold_count, 5),
                              .rp10 = r_precision(ranks, known, item->gold_count, 10),
                              .mrr = known ? 1.0 / (double)(best + 1) : 0};
}

static int count_queries(const char *path, const ss_labelled_set *set, ss_evaluation *out, size_t *most, ss_error *err)
{
    for (size_t i = 0; i < ss_labelled_count(set); i++) {
        const ss_labelled *item = ss_labelled_item(set, i);
        out->queries += item->gold_count > 0;
        out->gold += item->gold_count;
        out->unknown += item->unknown;
        if (item->gold_count > *most) *most = item->gold_count;
    }
    return out->queries ? 0 : ss_fail(err, SS_INPUT, "%s: no sentence with a gold label", path);
}

/* Embeds and scores CHUNK queries at a time. */
typedef struct bench {
    const ss_skill_matrix *matrix;
    ss_embedder *embedder;
    const ss_ranker *ranker; /* NULL = plain */
    ss_span_labels *own_labels;
    ss_span_finder *finder;
    ss_first_stage *first_stage; /* NULL: no filter */
    size_t dropped;
    ss_string_view texts[CHUNK];
    const ss_labelled *items[CHUNK];
    size_t count;
    float *vectors; /* (CHUNK, D) */
    float *scores;  /* (CHUNK, skills) */
    size_t *ranks;
    ss_query_figures *each; /* (queries) */
    size_t judged;
} bench;

/* What words add to the scores of query i, and whether they drop it. */
static int add_words(bench *run, size_t i, float *scores, int *dropped, ss_error *err)
{
    ss_string_view text = run->texts[i];
    *dropped = 0;
    if (!run->finder) return 0;
    if (ss_span_sentence(run->finder, text.data, text.len, err)) return -1;
    if (run->first_stage) {
        ss_worded_room room;
        ss_worded worded = ss_span_worded(run->finder, &room);
        *dropped = !ss_first_stage_passes(run->first_stage, &worded, text.data, text.len);
    }
    ss_ranking_apply(&run->ranker->weights, run->finder, scores);
    return 0;
}

static int flush(bench *run, ss_error *err)
{
    size_t skills = ss_skill_matrix_skills(run->matrix);
    if (ss_embed_texts(run->embedder, run->texts, run->count, run->vectors, NULL, NULL, err)) return -1;
    ss_skill_matrix_scores(run->matrix, run->vectors, run->count, run->scores);
    for (size_t i = 0; i < run->count; i++) {
        float *scores = run->scores + i * skills;
        int dropped;
        if (add_words(run, i, scores, &dropped, err)) return -1;
        run->dropped += (size_t)dropped;
        ss_query_figures *figures = &run->each[run->judged++];
        *figures = (ss_query_figures){0};
        if (!dropped) *figures = judge(run->items[i], scores, skills, run->ranks);
    }
    run->count = 0;
    return 0;
}

static void sum_up(const bench *run, ss_evaluation *out)
{
    for (size_t i = 0; i < run->judged; i++) {
        out->rp1 += run->each[i].rp1;
        out->rp5 += run->each[i].rp5;
        out->rp10 += run->each[i].rp10;
        out->mrr += run->each[i].mrr;
    }
    double scale = 100.0 / (double)out->queries;
    out->rp1 *= scale;
    out->rp5 *= scale;
    out->rp10 *= scale;
    out->mrr *= scale;
    out->dropped = run->dropped;
}

static int run_all(bench *run, const ss_labelled_set *set, ss_embed_progress *progress, void *ctx, ss_evaluation *out,
                   ss_error *err)
{
    size_t done = 0;
    for (size_t i = 0; i < ss_labelled_count(set); i++) {
        const ss_labelled *item = ss_labelled_item(set, i);
        if (!item->gold_count) continue;
        run->items[run->count] = item;
        run->texts[run->count++] = item->sentence;
        done++;
        if (run->count < CHUNK && done < out->queries) continue;
        if (flush(run, err)) return -1;
        if (progress) progress(ctx, done);
    }
    sum_up(run, out);
    return 0;
}

static int prepare_words(bench *run, const ss_taxonomy *taxonomy, ss_error *err)
{
    int filters = run->ranker && run->ranker->filter != SS_FILTER_OFF;
    if (!run->ranker || (ss_ranking_is_plain(&run->ranker->weights) && !filters)) return 0;
    if (filters) run->first_stage = ss_first_stage_new(run->ranker->filter, ss_taxonomy_count(taxonomy));
    if (filters && !run->first_stage) return ss_fail_memory(err, "evaluating");
    const ss_span_labels *labels = run->ranker->labels;
    if (!labels) labels = run->own_labels = ss_span_labels_new(taxonomy, err);
    run->finder = labels ? ss_span_finder_new(labels, err) : NULL;
    return run->finder ? 0 : -1;
}

int ss_evaluate_each(const char *path, int exact, const ss_taxonomy *taxonomy, const ss_skill_matrix *matrix,
                     const ss_ranker *ranker, ss_embedder *embedder, ss_embed_progress *progress, void *ctx,
                     ss_evaluation *out, ss_query_figures **each, ss_error *err)
{
    *out = (ss_evaluation){0};
    *each = NULL;
    bench run = {.matrix = matrix, .embedder = embedder, .ranker = ranker};
    int result = -1;
    size_t most = 0;
    ss_labelled_set *set = ss_labelled_read(path, exact ? SS_LABELLED_EXACT : SS_LABELLED_BENCHMARK, taxonomy, err);
    if (!set || count_queries(path, set, out, &most, err)) goto done;
    if (prepare_words(&run, taxonomy, err)) goto done;
    run.vectors = calloc(CHUNK * ss_skill_matrix_dims(matrix), sizeof *run.vectors);
    run.scores = calloc(CHUNK * ss_skill_matrix_skills(matrix), sizeof *run.scores);
    run.ranks = calloc(most + 1, sizeof *run.ranks);
    run.each = calloc(out->queries + 1, sizeof *run.each);
    if (!run.vectors || !run.scores || !run.ranks || !run.each) {
        ss_fail_memory(err, "evaluating");
        goto done;
    }
    result = run_all(&run, set, progress, ctx, out, err);
done:
    if (result)
        free(run.each);
    else
        *each = run.each;
    free(run.ranks);
    free(run.scores);
    free(run.vectors);
    ss_span_finder_free(run.finder);
    ss_first_stage_free(run.first_stage);
    ss_span_labels_free(run.own_labels);
    ss_labelled_free(set);
    return result;
}

int ss_evaluate(const char *path, int exact, const ss_taxonomy *taxonomy, const ss_skill_matrix *matrix,
                const ss_ranker *ranker, ss_embedder *embedder, ss_embed_progress *progress, void *ctx,
                ss_evaluation *out, ss_error *err)
{
    ss_query_figures *each;
    int result = ss_evaluate_each(path, exact, taxonomy, matrix, ranker, embedder, progress, ctx, out, &each, err);
    free(each);
    return result;
}
