/* skill_top.c - the k best skills of each sentence; see skill_matrix.h.
 *
 * For up to QUERIES sentences at a time: tile after tile of the matrix, one product gives coarse scores (queries, tile
 * rows), see coarse.h; each query's row is folded to one score per skill. A skill whose coarse score could still be
 * one of the k best, given the bound on its error, is scored again by a dot product in fp32 whose order of summation is
 * fixed; these scores decide and are returned. Once the list is full almost no further skill passes, so the scan is a
 * vectorised comparison of 16 scores at a time: of ESCO's 13,891 skills some 300 are scored again.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "match/skill_matrix_parts.h"

enum { QUERIES = 64, LANES = 16 };

struct ss_match_scratch {
    size_t max_k;
    ss_coarse_queries *coarse;
    float *folded; /* (tile_rows) one query's skills */
};

ss_match_scratch *ss_match_scratch_new(const ss_skill_matrix *matrix, size_t max_k, ss_error *err)
{
    ss_match_scratch *scratch = calloc(1, sizeof *scratch);
    if (scratch) {
        scratch->max_k = max_k < matrix->skills ? max_k : matrix->skills;
        scratch->coarse = ss_coarse_queries_new(matrix->coarse, QUERIES, matrix->tile_rows);
        scratch->folded = calloc(matrix->tile_rows, sizeof *scratch->folded);
        if (scratch->coarse && scratch->folded) return scratch;
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

/* One query and its list so far. */
typedef struct best_list {
    const ss_skill_matrix *matrix;
    const float *vector;
    float bound; /* of the coarse scores */
    ss_hit *hits;
    size_t count, room;
} best_list;

/* What a coarse score must reach. */
static float bar_of(const best_list *best)
{
    return best->count == best->room ? best->hits[best->room - 1].score - best->bound : -INFINITY;
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
            uint32_t skill = first + (uint32_t)(at + j);
            ss_hit hit = {skill, ss_skill_matrix_score_of(best->matrix, skill, best->vector)};
            best->count = insert(best->hits, best->count, best->room, hit);
            bar = bar_of(best);
        }
    }
}

void ss_skill_matrix_top(const ss_skill_matrix *matrix, ss_match_scratch *scratch, const float *vectors, size_t n,
                         size_t k, ss_hit *out, uint32_t *counts)
{
    best_list best[QUERIES];
    for (size_t done = 0; done < n; done += QUERIES) {
        size_t queries = n - done < QUERIES ? n - done : QUERIES, stride;
        ss_coarse_take(matrix->coarse, scratch->coarse, vectors + done * matrix->dims, queries);
        for (size_t q = 0; q < queries; q++)
            best[q] = (best_list){.matrix = matrix,
                                  .vector = vectors + (done + q) * matrix->dims,
                                  .bound = ss_coarse_bound(scratch->coarse, q),
                                  .hits = out + (done + q) * k,
                                  .room = k < scratch->max_k ? k : scratch->max_k};
        for (size_t t = 0; t < matrix->tiles; t++) {
            uint32_t begin = matrix->tile_begin[t], end = matrix->tile_begin[t + 1], row = matrix->first_row[begin];
            const float *scores =
                ss_coarse_scores(matrix->coarse, scratch->coarse, row, matrix->first_row[end] - row, &stride);
            for (size_t q = 0; q < queries; q++)
                offer(&best[q], fold(matrix, t, scores + q * stride, scratch->folded), end - begin, begin);
        }
        for (size_t q = 0; q < queries; q++) counts[done + q] = (uint32_t)best[q].count;
    }
}

void ss_skill_matrix_scores(const ss_skill_matrix *matrix, const float *vectors, size_t n, float *out)
{
    for (uint32_t s = 0; s < matrix->skills; s++) /* each skill's rows are read once for all sentences */
        for (size_t q = 0; q < n; q++)
            out[q * matrix->skills + s] = ss_skill_matrix_score_of(matrix, s, vectors + q * matrix->dims);
}
