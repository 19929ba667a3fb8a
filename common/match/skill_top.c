/* skill_top.c - the k best skills of each sentence; see skill_matrix.h.
 *
 * For up to QUERIES sentences at a time: tile after tile of the matrix, one GEMM gives scores (queries, tile rows);
 * each query's row is folded to one score per skill and offered to that query's list of candidates. The list is sorted
 * and short; once it is full its last score is a bar that almost no further skill passes, so the scan is a vectorised
 * comparison of 16 scores at a time against the bar.
 *
 * BLAS may sum in another order when the shape of the product differs, which moves a score by 1e-7 and could swap
 * two skills. So a few more candidates than asked for are kept, and each one's score is computed again by `dot`, whose
 * order of summation is fixed; these scores decide order and are returned. A skill could only be missed
 * if more than SPARE others lay within 1e-7 of the last place.
 */
#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "match/skill_matrix_parts.h"

enum { QUERIES = 64, SPARE = 4, LANES = 16 };

struct ss_match_scratch {
    size_t max_k;
    float *scores;      /* (QUERIES, tile_rows) of one tile */
    float *folded;      /* (tile_rows) one query's skills */
    ss_hit *candidates; /* (QUERIES, max_k + SPARE) by falling score */
    size_t counts[QUERIES];
};

ss_match_scratch *ss_match_scratch_new(const ss_skill_matrix *matrix, size_t max_k, ss_error *err)
{
    ss_match_scratch *scratch = calloc(1, sizeof *scratch);
    if (scratch) {
        scratch->max_k = max_k < matrix->skills ? max_k : matrix->skills;
        scratch->scores = calloc(QUERIES * matrix->tile_rows, sizeof *scratch->scores);
        scratch->folded = calloc(matrix->tile_rows, sizeof *scratch->folded);
        scratch->candidates = calloc(QUERIES * (scratch->max_k + SPARE), sizeof *scratch->candidates);
        if (scratch->scores && scratch->folded && scratch->candidates) return scratch;
    }
    ss_match_scratch_free(scratch);
    ss_fail_memory(err, "making room for matching");
    return NULL;
}

void ss_match_scratch_free(ss_match_scratch *scratch)
{
    if (!scratch) return;
    free(scratch->scores);
    free(scratch->folded);
    free(scratch->candidates);
    free(scratch);
}

static float score_of_rows(ss_score_kind kind, const float *rows, size_t n)
{
    float best = rows[0];
    for (size_t i = 1; i < n; i++)
        if (rows[i] > best) best = rows[i];
    return kind == SS_SCORE_BEST ? best : 0.5f * (rows[0] + best);
}

/* Row scores of a tile -> skill scores `out`. */
static void fold(const ss_skill_matrix *matrix, size_t tile, const float *rows, float *out)
{
    uint32_t begin = matrix->tile_begin[tile], end = matrix->tile_begin[tile + 1];
    const uint32_t *first = matrix->first_row;
    if (first[end] - first[begin] == end - begin) { /* labels only: both kinds of score are the row's own */
        memcpy(out, rows, (end - begin) * sizeof *out);
        return;
    }
    for (uint32_t s = begin; s < end; s++)
        out[s - begin] = score_of_rows(matrix->score, rows + (first[s] - first[begin]), first[s + 1] - first[s]);
}

/* One GEMM: scores (n, rows of the tile) of vectors (n,D). */
static size_t score_tile(const ss_skill_matrix *matrix, size_t tile, const float *vectors, size_t n, float *scores)
{
    size_t first = matrix->first_row[matrix->tile_begin[tile]];
    size_t rows = matrix->first_row[matrix->tile_begin[tile + 1]] - first;
    int d = (int)matrix->dims;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)rows, d, 1.0f, vectors, d,
                matrix->values + first * matrix->dims, d, 0.0f, scores, (int)rows);
    return rows;
}

/* Puts a hit into a list sorted by falling score, behind equal scores; the last one falls out of a full list. */
static size_t insert(ss_hit *list, size_t count, size_t room, ss_hit hit)
{
    size_t at = count < room ? count : room - 1;
    while (at && list[at - 1].score < hit.score) {
        list[at] = list[at - 1];
        at--;
    }
    list[at] = hit;
    return count < room ? count + 1 : count;
}

/* Offers scores of the skills first, first + 1, ... to the list. NaN passes no bar. */
static size_t offer(ss_hit *list, size_t count, size_t room, const float *scores, size_t n, uint32_t first)
{
    float bar = count == room ? list[room - 1].score : -INFINITY;
    for (size_t at = 0; at < n; at += LANES) {
        size_t lanes = n - at < LANES ? n - at : LANES;
        int any = 0;
        if (lanes == LANES)
            for (size_t j = 0; j < LANES; j++) any |= scores[at + j] > bar;
        else
            any = 1;
        for (size_t j = 0; any && j < lanes; j++) {
            if (!(scores[at + j] > bar)) continue;
            count = insert(list, count, room, (ss_hit){first + (uint32_t)(at + j), scores[at + j]});
            if (count == room) bar = list[room - 1].score;
        }
    }
    return count;
}

/* Dot product in a fixed order: LANES partial sums, then pairwise. */
static float dot(const float *a, const float *b, size_t n)
{
    float sum[LANES] = {0};
    size_t at = 0;
    for (; at + LANES <= n; at += LANES)
        for (size_t j = 0; j < LANES; j++) sum[j] += a[at + j] * b[at + j];
    for (size_t j = 0; at < n; at++, j++) sum[j] += a[at] * b[at];
    for (size_t half = LANES / 2; half; half /= 2)
        for (size_t j = 0; j < half; j++) sum[j] += sum[j + half];
    return sum[0];
}

float ss_skill_matrix_score_of(const ss_skill_matrix *matrix, uint32_t skill, const float *vector)
{
    const float *row = matrix->values + (size_t)matrix->first_row[skill] * matrix->dims;
    float label = dot(vector, row, matrix->dims), best = label;
    for (uint32_t r = matrix->first_row[skill] + 1; r < matrix->first_row[skill + 1]; r++) {
        row += matrix->dims;
        float score = dot(vector, row, matrix->dims);
        if (score > best) best = score;
    }
    return matrix->score == SS_SCORE_BEST ? best : 0.5f * (label + best);
}

static int before(ss_hit a, ss_hit b)
{
    return a.score > b.score || (a.score == b.score && a.skill < b.skill);
}

/* Scores the candidates anew and writes the best k; returns how many. */
static uint32_t settle(const ss_skill_matrix *matrix, const float *vector, const ss_hit *candidates, size_t count,
                       size_t k, ss_hit *out)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        ss_hit hit = {candidates[i].skill, ss_skill_matrix_score_of(matrix, candidates[i].skill, vector)};
        if (isnan(hit.score) || (kept == k && !before(hit, out[k - 1]))) continue;
        size_t at = kept < k ? kept++ : k - 1;
        for (; at && before(hit, out[at - 1]); at--) out[at] = out[at - 1];
        out[at] = hit;
    }
    return (uint32_t)kept;
}

void ss_skill_matrix_top(const ss_skill_matrix *matrix, ss_match_scratch *scratch, const float *vectors, size_t n,
                         size_t k, ss_hit *out, uint32_t *counts)
{
    size_t room = (k < scratch->max_k ? k : scratch->max_k) + SPARE;
    for (size_t done = 0; done < n; done += QUERIES) {
        size_t queries = n - done < QUERIES ? n - done : QUERIES;
        const float *chunk = vectors + done * matrix->dims;
        memset(scratch->counts, 0, sizeof scratch->counts);
        for (size_t t = 0; t < matrix->tiles; t++) {
            uint32_t first = matrix->tile_begin[t];
            size_t skills = matrix->tile_begin[t + 1] - first;
            size_t rows = score_tile(matrix, t, chunk, queries, scratch->scores);
            for (size_t q = 0; q < queries; q++) {
                fold(matrix, t, scratch->scores + q * rows, scratch->folded);
                scratch->counts[q] =
                    offer(scratch->candidates + q * room, scratch->counts[q], room, scratch->folded, skills, first);
            }
        }
        for (size_t q = 0; q < queries; q++)
            counts[done + q] = settle(matrix, chunk + q * matrix->dims, scratch->candidates + q * room,
                                      scratch->counts[q], room - SPARE, out + (done + q) * k);
    }
}

void ss_skill_matrix_scores(const ss_skill_matrix *matrix, const float *vectors, size_t n, float *out)
{
    for (uint32_t s = 0; s < matrix->skills; s++) /* each skill's rows are read once for all sentences */
        for (size_t q = 0; q < n; q++)
            out[q * matrix->skills + s] = ss_skill_matrix_score_of(matrix, s, vectors + q * matrix->dims);
}
