/* skill_top.c - the k best skills of each sentence; see skill_matrix.h.
 *
 * For up to QUERIES sentences at a time: tile after tile of the matrix, one product gives coarse scores (queries, tile
 * rows), see coarse.h; each query's row is folded to one score per skill. If c is the k-th best coarse score so far and
 * b the bound on their error, then k skills score c - b at least, so a skill with a coarse score below c - 2 b is not
 * among the k best. The others are remembered and, once all tiles have passed, those that are still above are scored
 * again by a dot product in fp32 whose order of summation is fixed; these scores decide and are returned. Once k
 * skills were seen almost no further one passes, so the scan is a vectorised comparison of 16 scores at a time: of
 * ESCO's 13,891 skills some 40 are scored again.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "match/skill_matrix_parts.h"

enum { QUERIES = 64, LANES = 16, NEAR = 256 /* skills that are remembered at most */ };

/* One query: the best so far, and those that may be better. */
typedef struct best_list {
    const ss_skill_matrix *matrix;
    const float *vector;
    float bound;         /* of the coarse scores */
    float *coarse;       /* (room) the best coarse scores so far, falling */
    size_t coarse_count; /* of these */
    ss_hit *hits;        /* (room) exact scores, by `before` */
    size_t count, room;
    ss_hit near[NEAR]; /* coarse scores of skills that are in no other list yet */
    size_t near_count;
} best_list;

struct ss_match_scratch {
    size_t max_k;
    ss_coarse_queries *coarse;
    float *folded;   /* (tile_rows) one query's skills */
    best_list *best; /* (QUERIES) */
    float *tops;     /* (QUERIES, max_k) their best coarse scores */
};

ss_match_scratch *ss_match_scratch_new(const ss_skill_matrix *matrix, size_t max_k, ss_error *err)
{
    ss_match_scratch *scratch = calloc(1, sizeof *scratch);
    if (scratch) {
        scratch->max_k = max_k < matrix->skills ? max_k : matrix->skills;
        scratch->coarse = ss_coarse_queries_new(matrix->coarse, QUERIES, matrix->tile_rows);
        scratch->folded = calloc(matrix->tile_rows, sizeof *scratch->folded);
        scratch->best = calloc(QUERIES, sizeof *scratch->best);
        scratch->tops = calloc(QUERIES * scratch->max_k, sizeof *scratch->tops);
        if (scratch->coarse && scratch->folded && scratch->best && scratch->tops) return scratch;
    }
    ss_match_scratch_free(scratch);
    ss_fail_memory(err, "making room for matching");
    return NULL;
}

void ss_match_scratch_free(ss_match_scratch *scratch)
{
    if (!scratch) return;
    ss_coarse_queries_free(scratch->coarse);
    free(scratch->folded);
    free(scratch->best);
    free(scratch->tops);
    free(scratch);
}

static float score_of_rows(ss_score_kind kind, const float *rows, size_t n)
{
    float best = rows[0];
    for (size_t i = 1; i < n; i++)
        if (rows[i] > best) best = rows[i];
    return kind == SS_SCORE_BEST ? best : 0.5f * (rows[0] + best);
}

/* Row scores of a tile -> skill scores, in `out` or where they are. */
static const float *fold(const ss_skill_matrix *matrix, size_t tile, const float *rows, float *out)
{
    uint32_t begin = matrix->tile_begin[tile], end = matrix->tile_begin[tile + 1];
    const uint32_t *first = matrix->first_row;
    if (first[end] - first[begin] == end - begin) return rows; /* labels only: both kinds of score are the row's own */
    for (uint32_t s = begin; s < end; s++)
        out[s - begin] = score_of_rows(matrix->score, rows + (first[s] - first[begin]), first[s + 1] - first[s]);
    return out;
}

float ss_skill_matrix_score_of(const ss_skill_matrix *matrix, uint32_t skill, const float *vector)
{
    const float *row = matrix->values + (size_t)matrix->first_row[skill] * matrix->dims;
    float label = matrix->floats->dot(vector, row, matrix->dims), best = label;
    for (uint32_t r = matrix->first_row[skill] + 1; r < matrix->first_row[skill + 1]; r++) {
        row += matrix->dims;
        float score = matrix->floats->dot(vector, row, matrix->dims);
        if (score > best) best = score;
    }
    return matrix->score == SS_SCORE_BEST ? best : 0.5f * (label + best);
}

static int before(ss_hit a, ss_hit b)
{
    return a.score > b.score || (a.score == b.score && a.skill < b.skill);
}

/* Puts a hit into a list sorted by `before`; the last one falls out of a full list. */
static size_t insert(ss_hit *list, size_t count, size_t room, ss_hit hit)
{
    if (isnan(hit.score) || (count == room && !before(hit, list[room - 1]))) return count;
    size_t at = count < room ? count++ : room - 1;
    for (; at && before(hit, list[at - 1]); at--) list[at] = list[at - 1];
    list[at] = hit;
    return count;
}

/* What a coarse score must reach to matter. */
static float bar_of(const best_list *best)
{
    return best->coarse_count == best->room ? best->coarse[best->room - 1] - 2 * best->bound : -INFINITY;
}

/* Scores those that are still near, and forgets all. */
static void settle(best_list *best)
{
    float bar = bar_of(best);
    for (size_t i = 0; i < best->near_count; i++) {
        if (best->near[i].score < bar) continue;
        uint32_t skill = best->near[i].skill;
        ss_hit hit = {skill, ss_skill_matrix_score_of(best->matrix, skill, best->vector)};
        best->count = insert(best->hits, best->count, best->room, hit);
    }
    best->near_count = 0;
}

static void remember(best_list *best, uint32_t skill, float coarse)
{
    if (best->near_count == NEAR) settle(best);
    best->near[best->near_count++] = (ss_hit){skill, coarse};
    size_t at = best->coarse_count;
    if (at == best->room && !(coarse > best->coarse[--at])) return;
    if (isnan(coarse)) return;
    if (best->coarse_count < best->room) best->coarse_count++;
    for (; at && best->coarse[at - 1] < coarse; at--) best->coarse[at] = best->coarse[at - 1];
    best->coarse[at] = coarse;
}

/* Offers the skills first, first + 1, ... with their coarse scores. A score that is no number rules nothing out. */
static void offer(best_list *best, const float *coarse, size_t n, uint32_t first)
{
    float bar = bar_of(best);
    for (size_t at = 0; at < n; at += LANES) {
        size_t lanes = n - at < LANES ? n - at : LANES;
        int any = lanes < LANES;
        if (!any)
            for (size_t j = 0; j < LANES; j++) any |= !(coarse[at + j] < bar);
        for (size_t j = 0; any && j < lanes; j++) {
            if (coarse[at + j] < bar) continue;
            remember(best, first + (uint32_t)(at + j), coarse[at + j]);
            bar = bar_of(best);
        }
    }
}

static void start(const ss_skill_matrix *matrix, ss_match_scratch *scratch, const float *vectors, size_t queries,
                  size_t k, ss_hit *out)
{
    ss_coarse_take(matrix->coarse, scratch->coarse, vectors, queries);
    for (size_t q = 0; q < queries; q++) {
        best_list *best = &scratch->best[q];
        best->matrix = matrix;
        best->vector = vectors + q * matrix->dims;
        best->bound = ss_coarse_bound(scratch->coarse, q);
        best->coarse = scratch->tops + q * scratch->max_k;
        best->hits = out + q * k;
        best->room = k < scratch->max_k ? k : scratch->max_k;
        best->coarse_count = best->count = best->near_count = 0;
    }
}

void ss_skill_matrix_top(const ss_skill_matrix *matrix, ss_match_scratch *scratch, const float *vectors, size_t n,
                         size_t k, ss_hit *out, uint32_t *counts)
{
    for (size_t done = 0; done < n; done += QUERIES) {
        size_t queries = n - done < QUERIES ? n - done : QUERIES, stride;
        start(matrix, scratch, vectors + done * matrix->dims, queries, k, out + done * k);
        for (size_t t = 0; t < matrix->tiles; t++) {
            uint32_t begin = matrix->tile_begin[t], end = matrix->tile_begin[t + 1], row = matrix->first_row[begin];
            const float *scores =
                ss_coarse_scores(matrix->coarse, scratch->coarse, row, matrix->first_row[end] - row, &stride);
            for (size_t q = 0; q < queries; q++)
                offer(&scratch->best[q], fold(matrix, t, scores + q * stride, scratch->folded), end - begin, begin);
        }
        for (size_t q = 0; q < queries; q++) {
            settle(&scratch->best[q]);
            counts[done + q] = (uint32_t)scratch->best[q].count;
        }
    }
}

void ss_skill_matrix_scores(const ss_skill_matrix *matrix, const float *vectors, size_t n, float *out)
{
    for (uint32_t s = 0; s < matrix->skills; s++) /* each skill's rows are read once for all sentences */
        for (size_t q = 0; q < n; q++)
            out[q * matrix->skills + s] = ss_skill_matrix_score_of(matrix, s, vectors + q * matrix->dims);
}
