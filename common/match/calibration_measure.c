/* calibration_measure.c - from labelled sentences to a calibration; see calibration.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "match/calibration.h"
#include "match/candidates.h"
#include "match/gate.h"
#include "match/labelled.h"

/* Pairs grow sentence by sentence. */
typedef struct pairs {
    ss_judged_pair *items;
    size_t count, room;
} pairs;

static int add_pair(pairs *list, ss_evidence evidence, int positive)
{
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 4096;
        ss_judged_pair *items = realloc(list->items, room * sizeof *items);
        if (!items) return -1;
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = (ss_judged_pair){evidence, positive};
    return 0;
}

static int has_skill(const uint32_t *gold, size_t count, uint32_t skill)
{
    for (size_t i = 0; i < count; i++)
        if (gold[i] == skill) return 1;
    return 0;
}

/* The candidates of one sentence. Gold skills that are not among them make no pair: they are as deep in the ranking as
 * many other skills, which are no pairs either, so they would pull the probability of low scores far too high. */
static int add_sentence(pairs *list, const ss_labelled *item, const ss_hit *hits, const ss_evidence *evidence,
                        size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (add_pair(list, evidence[i], has_skill(item->gold, item->gold_count, hits[i].skill))) return -1;
    return 0;
}

/* What the candidates of a set's sentences are made with. */
typedef struct matching {
    const ss_taxonomy *taxonomy;
    const ss_skill_matrix *matrix;
    const ss_ranker *ranker;
    const ss_gate *gate;
    ss_match_scratch *scratch;
    ss_span_finder *finder;
    ss_first_stage *first_stage;
} matching;

static int collect_sentence(const matching *m, const ss_labelled *item, const float *vector, pairs *list, ss_error *err)
{
    ss_hit hits[SS_CANDIDATES_MOST];
    ss_evidence evidence[SS_CANDIDATES_MOST];
    uint32_t count;
    ss_skill_matrix_top(m->matrix, m->scratch, vector, 1, SS_CANDIDATES_NEAREST, hits, &count);
    if (ss_span_sentence(m->finder, item->sentence.data, item->sentence.len, err)) return -1;
    ss_worded_room room;
    ss_worded worded = ss_span_worded(m->finder, &room);
    if (!ss_first_stage_passes(m->first_stage, &worded, item->sentence.data, item->sentence.len)) return 0;
    size_t all = ss_candidates_add_worded(m->matrix, &worded, vector, hits, count, SS_CANDIDATES_MOST);
    ss_candidates_evidence(&m->ranker->weights, m->finder, m->gate ? ss_gate_logit(m->gate, vector) : 0, hits, all,
                           evidence);
    return add_sentence(list, item, hits, evidence, all) ? ss_fail_memory(err, "calibrating") : 0;
}

static int collect_pairs(const ss_labelled_set *set, const matching *given, const float *vectors, pairs *list,
                         ss_error *err)
{
    matching m = *given;
    m.scratch = ss_match_scratch_new(m.matrix, SS_CANDIDATES_NEAREST, err);
    ss_span_labels *own = m.scratch && !m.ranker->labels ? ss_span_labels_new(m.taxonomy, err) : NULL;
    const ss_span_labels *labels = m.ranker->labels ? m.ranker->labels : own;
    m.finder = m.scratch && labels ? ss_span_finder_new(labels, err) : NULL;
    m.first_stage = m.finder ? ss_first_stage_new(m.ranker->filter, ss_taxonomy_count(m.taxonomy)) : NULL;
    int bad = !m.finder || (!m.first_stage && ss_fail_memory(err, "calibrating"));
    for (size_t i = 0; !bad && i < ss_labelled_count(set); i++)
        bad = collect_sentence(&m, ss_labelled_item(set, i), vectors + i * ss_skill_matrix_dims(m.matrix), list, err);
    ss_first_stage_free(m.first_stage);
    ss_span_finder_free(m.finder);
    ss_span_labels_free(own);
    ss_match_scratch_free(m.scratch);
    return bad ? -1 : 0;
}

static void count_set(const ss_labelled_set *set, ss_calibration_report *report)
{
    *report = (ss_calibration_report){.sentences = ss_labelled_count(set)};
    for (size_t i = 0; i < report->sentences; i++) {
        const ss_labelled *item = ss_labelled_item(set, i);
        report->with_skill += item->gold_count > 0;
        report->unknown_labels += item->unknown;
        report->gold += item->gold_count;
    }
}

/* The threshold with the best F1, by the fitted logit. */
static int choose_threshold(const pairs *list, ss_calibration *out, ss_calibration_report *report, ss_error *err)
{
    ss_scored_pair *scored = malloc((list->count ? list->count : 1) * sizeof *scored);
    if (!scored) return ss_fail_memory(err, "choosing the threshold");
    for (size_t i = 0; i < list->count; i++)
        scored[i] =
            (ss_scored_pair){(float)ss_calibration_logit(out, list->items[i].evidence), list->items[i].positive};
    int bad = ss_best_operating_point(scored, list->count, report->gold - report->positives, &report->point, err);
    free(scored);
    out->threshold = 1 / (1 + exp(-report->point.score));
    return bad;
}

static int fit(const char *path, const pairs *list, ss_calibration *out, ss_calibration_report *report, ss_error *err)
{
    report->pairs = list->count;
    for (size_t i = 0; i < list->count; i++) {
        report->positives += list->items[i].positive != 0;
        report->named += list->items[i].evidence.named != 0;
    }
    if (ss_calibration_fit(list->items, list->count, out, err)) return ss_fail_in(err, "%s", path);
    if (out->slope <= 0)
        return ss_fail(err, SS_INPUT,
                       "%s: higher scores do not mean likelier skills there (slope %.3g); wrong encoder?", path,
                       out->slope);
    if (choose_threshold(list, out, report, err)) return -1;
    out->sentences = (uint32_t)report->sentences;
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    size_t len = strlen(base);
    while (len >= sizeof out->fitted_on || (len && (base[len] & 0xC0) == 0x80)) len--; /* cut between characters */
    memcpy(out->fitted_on, base, len);
    return 0;
}

int ss_calibration_measure(const ss_labelled_set *set, const char *name, const ss_taxonomy *taxonomy,
                           const ss_skill_matrix *matrix, const ss_ranker *ranker, const ss_gate *gate,
                           ss_embedder *embedder, ss_embed_progress *progress, void *ctx, ss_calibration *out,
                           ss_calibration_report *report, ss_error *err)
{
    *out = (ss_calibration){0};
    count_set(set, report);
    if (ss_labelled_check(set, name, err)) return -1;
    float *vectors = ss_labelled_embed(set, embedder, progress, ctx, err);
    pairs list = {0};
    matching with = {.taxonomy = taxonomy, .matrix = matrix, .ranker = ranker, .gate = gate};
    int result = -1;
    if (vectors && !collect_pairs(set, &with, vectors, &list, err)) result = fit(name, &list, out, report, err);
    free(vectors);
    free(list.items);
    return result;
}

/* ---- what is published ---- */

static void count_kept(const pairs *list, const ss_calibration *calibration, ss_mentions_report *out)
{
    for (size_t i = 0; i < list->count; i++) {
        if (ss_calibration_probability(calibration, list->items[i].evidence) < calibration->threshold) continue;
        out->kept++;
        out->right += list->items[i].positive != 0;
    }
    if (out->kept) out->precision = (double)out->right / (double)out->kept;
    if (out->gold) out->recall = (double)out->right / (double)out->gold;
    if (out->kept + out->gold) out->f1 = 2.0 * (double)out->right / (double)(out->kept + out->gold);
}

static int measure_gate(const ss_labelled_set *set, const ss_gate *gate, const float *vectors, ss_mentions_report *out,
                        ss_error *err)
{
    size_t n = out->sentences, dims = gate ? ss_gate_dims(gate) : 0;
    if (!gate || !out->with_skill || out->with_skill == n) return 0;
    float *logits = calloc(n, sizeof *logits);
    int *asks = calloc(n, sizeof *asks);
    int there = logits && asks;
    for (size_t i = 0; there && i < n; i++) {
        logits[i] = ss_gate_logit(gate, vectors + i * dims);
        asks[i] = ss_labelled_item(set, i)->gold_count > 0;
    }
    int bad = there ? ss_gate_measure(logits, asks, n, &out->gate, err) : ss_fail_memory(err, "measuring the gate");
    out->gated = !bad;
    free(logits);
    free(asks);
    return bad;
}

int ss_mentions_measure(const ss_labelled_set *set, const ss_taxonomy *taxonomy, const ss_skill_matrix *matrix,
                        const ss_ranker *ranker, const ss_gate *gate, const ss_calibration *calibration,
                        ss_embedder *embedder, ss_embed_progress *progress, void *ctx, ss_mentions_report *out,
                        ss_error *err)
{
    ss_calibration_report counts;
    count_set(set, &counts);
    *out = (ss_mentions_report){.sentences = counts.sentences,
                                .with_skill = counts.with_skill,
                                .gold = counts.gold,
                                .unknown = counts.unknown_labels};
    float *vectors = ss_labelled_embed(set, embedder, progress, ctx, err);
    pairs list = {0};
    matching with = {.taxonomy = taxonomy, .matrix = matrix, .ranker = ranker, .gate = gate};
    int bad = !vectors || collect_pairs(set, &with, vectors, &list, err) || measure_gate(set, gate, vectors, out, err);
    if (!bad) count_kept(&list, calibration, out);
    free(vectors);
    free(list.items);
    return bad ? -1 : 0;
}
