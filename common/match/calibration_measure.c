/* calibration_measure.c - from labelled sentences to a calibration; see calibration.h. */
#include <stdlib.h>
#include <string.h>

#include "match/calibration.h"
#include "match/labelled.h"

enum { CANDIDATES = 20 };

/* Pairs grow sentence by sentence. */
typedef struct pairs {
    ss_scored_pair *items;
    size_t count, room;
} pairs;

static int add_pair(pairs *list, float score, int positive)
{
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 4096;
        ss_scored_pair *items = realloc(list->items, room * sizeof *items);
        if (!items) return -1;
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = (ss_scored_pair){score, positive};
    return 0;
}

static int has_skill(const uint32_t *gold, size_t count, uint32_t skill)
{
    for (size_t i = 0; i < count; i++)
        if (gold[i] == skill) return 1;
    return 0;
}

/* The hits of one sentence. Gold skills that are not among them make no pair: they are as deep in the ranking as many
 * other skills, which are no pairs either, so they would pull the probability of low scores far too high. */
static int add_sentence(pairs *list, const ss_labelled *item, const ss_hit *hits, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (add_pair(list, hits[i].score, has_skill(item->gold, item->gold_count, hits[i].skill))) return -1;
    return 0;
}

static int collect_pairs(const ss_labelled_set *set, const ss_skill_matrix *matrix, const float *vectors, pairs *list,
                         ss_error *err)
{
    ss_match_scratch *scratch = ss_match_scratch_new(matrix, CANDIDATES, err);
    if (!scratch) return -1;
    ss_hit hits[CANDIDATES];
    uint32_t count;
    int bad = 0;
    for (size_t i = 0; !bad && i < ss_labelled_count(set); i++) {
        const float *vector = vectors + i * ss_skill_matrix_dims(matrix);
        ss_skill_matrix_top(matrix, scratch, vector, 1, CANDIDATES, hits, &count);
        if (add_sentence(list, ss_labelled_item(set, i), hits, count)) bad = ss_fail_memory(err, "calibrating");
    }
    ss_match_scratch_free(scratch);
    return bad;
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

static int fit(const char *path, const pairs *list, ss_calibration *out, ss_calibration_report *report, ss_error *err)
{
    report->pairs = list->count;
    for (size_t i = 0; i < list->count; i++) report->positives += list->items[i].positive != 0;
    if (ss_calibration_fit(list->items, list->count, &out->slope, &out->intercept, err))
        return ss_fail_in(err, "%s", path);
    if (out->slope <= 0)
        return ss_fail(err, SS_INPUT,
                       "%s: higher scores do not mean likelier skills there (slope %.3g); wrong encoder?", path,
                       out->slope);
    if (ss_best_operating_point(list->items, list->count, report->gold - report->positives, &report->point, err))
        return -1;
    out->threshold = ss_calibration_probability(out, report->point.score);
    out->sentences = (uint32_t)report->sentences;
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    size_t len = strlen(base);
    while (len >= sizeof out->fitted_on || (len && (base[len] & 0xC0) == 0x80)) len--; /* cut between characters */
    memcpy(out->fitted_on, base, len);
    return 0;
}

int ss_calibration_measure(const ss_labelled_set *set, const char *name, const ss_skill_matrix *matrix,
                           ss_embedder *embedder, ss_embed_progress *progress, void *ctx, ss_calibration *out,
                           ss_calibration_report *report, ss_error *err)
{
    *out = (ss_calibration){0};
    count_set(set, report);
    if (ss_labelled_check(set, name, err)) return -1;
    float *vectors = ss_labelled_embed(set, embedder, progress, ctx, err);
    pairs list = {0};
    int result = -1;
    if (vectors && !collect_pairs(set, matrix, vectors, &list, err)) result = fit(name, &list, out, report, err);
    free(vectors);
    free(list.items);
    return result;
}
