/* contrastive.c - see contrastive.h.
 *
 *   scores     S = scale * sentences skills^T, a block of rows a piece, and of each row its loss and dL/dS
 *   columns    the symmetric term, a block of columns a piece
 *   products   d_sentences = dS skills, d_skills = dS^T sentences
 * Losses of rows and columns are kept one by one and added at the end, in order.
 */
#include "nn/train/contrastive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/gemm.h"
#include "nn/train/product.h"

enum { ROWS = 48, COLUMNS = 96 /* multiples of every strip and panel: see kernels.h */ };

typedef struct loss_job {
    const ss_contrastive_batch *batch;
    const ss_contrastive_options *options;
    const ss_kernels *kernels;
    const ss_row_kernels *rows;
    size_t dims;
    const float *sentences, *skills;
    float *d_sentences, *d_skills;
    double total;           /* sum of weights */
    float *scores, *slopes; /* (B, C) S and dL/dS */
    float *transposed;      /* (D, C) skills in panels */
    float *skill_panels;    /* (C, D) */
    float *sentence_panels; /* (B, D) */
    float *strips;          /* (B, C) slopes in strips */
    double *losses;         /* (2 B) of rows, then of columns */
    unsigned char *hits;    /* (B) the own column is the best */
} loss_job;

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static double weight_of(const loss_job *job, size_t pair)
{
    return (job->batch->weights ? (double)job->batch->weights[pair] : 1.0) / job->total;
}

/* A row's or column's scores while its loss is computed. */
typedef struct contest {
    double high, negatives; /* largest score in the contest; sum over negatives of exp(s - high) */
} contest;

/* -ln(exp s / (exp s + negatives)); *share is exp s / (...), *inverse is 1 / (...) relative to exp high. */
static double one_positive(const contest *c, double score, double *share, double *inverse)
{
    double own = exp(score - c->high), sum = own + c->negatives;
    *share = own / sum;
    *inverse = 1.0 / sum;
    return log(sum) + c->high - score;
}

/* ---- rows ---- */

typedef enum standing { NEGATIVE, NEUTRAL } standing;

static standing column_standing(const ss_contrastive_batch *batch, size_t row, size_t column)
{
    int32_t label = batch->labels[column];
    if (label == batch->labels[row]) return NEUTRAL;
    return batch->seconds && batch->seconds[row] != SS_NO_LABEL && batch->seconds[row] == label ? NEUTRAL : NEGATIVE;
}

/* The column of the row's second positive, or C if it has none. */
static size_t second_positive(const loss_job *job, size_t row)
{
    const ss_contrastive_batch *batch = job->batch;
    size_t none = batch->candidates;
    if (!batch->seconds || job->options->second != SS_SECOND_POSITIVE) return none;
    int32_t second = batch->seconds[row];
    if (second == SS_NO_LABEL || second == batch->labels[row]) return none;
    for (size_t j = 0; j < batch->candidates; j++)
        if (batch->labels[j] == second) return j;
    return none;
}

static void row_loss(loss_job *job, size_t row)
{
    const ss_contrastive_batch *batch = job->batch;
    size_t count = batch->candidates, positives[2] = {row, second_positive(job, row)};
    size_t many = positives[1] < count ? 2 : 1;
    const float *s = job->scores + row * count;
    float *d = job->slopes + row * count;
    contest c = {.high = (double)s[row]};
    int hit = 1;
    if (many == 2 && (double)s[positives[1]] > c.high) c.high = (double)s[positives[1]];
    for (size_t j = 0; j < count; j++) {
        if (column_standing(batch, row, j) != NEGATIVE) continue;
        if ((double)s[j] > c.high) c.high = (double)s[j];
        if (!(s[j] < s[row])) hit = 0;
    }
    for (size_t j = 0; j < count; j++) {
        d[j] = column_standing(batch, row, j) == NEGATIVE ? (float)exp((double)s[j] - c.high) : 0.0f;
        c.negatives += (double)d[j];
    }
    double weight = (1.0 - (double)job->options->symmetric) * weight_of(job, row) / (double)many, inverses = 0.0;
    float shares[2];
    job->losses[row] = 0.0;
    for (size_t p = 0; p < many; p++) {
        double share, inverse;
        job->losses[row] += weight * one_positive(&c, (double)s[positives[p]], &share, &inverse);
        inverses += inverse;
        shares[p] = (float)(weight * (share - 1.0));
    }
    job->kernels->scale(d, (float)(weight * inverses), count);
    for (size_t p = 0; p < many; p++) d[positives[p]] = shares[p];
    job->hits[row] = (unsigned char)hit;
}

static int rows_piece(void *arg, size_t thread, size_t number)
{
    loss_job *job = arg;
    (void)thread;
    size_t first = number * ROWS, rows = least(ROWS, job->batch->pairs - first), count = job->batch->candidates;
    float *s = job->scores + first * count;
    ss_product(job->kernels, rows, count, job->dims, job->sentences + first * job->dims, job->dims, job->transposed,
               NULL, s, count, 0);
    job->kernels->scale(s, job->options->scale, rows * count);
    for (size_t i = first; i < first + rows; i++) row_loss(job, i);
    return 0;
}

/* ---- columns ---- */

static int is_row_negative(const ss_contrastive_batch *batch, size_t column, size_t row)
{
    int32_t label = batch->labels[column];
    return batch->labels[row] != label && !(batch->seconds && batch->seconds[row] == label);
}

static void column_loss(loss_job *job, size_t column)
{
    const ss_contrastive_batch *batch = job->batch;
    size_t stride = batch->candidates;
    const float *s = job->scores + column;
    float *d = job->slopes + column;
    double own = (double)s[column * stride], share, inverse;
    contest c = {.high = own};
    for (size_t i = 0; i < batch->pairs; i++)
        if (is_row_negative(batch, column, i) && (double)s[i * stride] > c.high) c.high = (double)s[i * stride];
    for (size_t i = 0; i < batch->pairs; i++)
        if (is_row_negative(batch, column, i)) c.negatives += exp((double)s[i * stride] - c.high);
    double weight = (double)job->options->symmetric * weight_of(job, column);
    job->losses[batch->pairs + column] = weight * one_positive(&c, own, &share, &inverse);
    for (size_t i = 0; i < batch->pairs; i++)
        if (is_row_negative(batch, column, i))
            d[i * stride] += (float)(weight * inverse * exp((double)s[i * stride] - c.high));
    d[column * stride] += (float)(weight * (share - 1.0));
}

static int columns_piece(void *arg, size_t thread, size_t number)
{
    loss_job *job = arg;
    (void)thread;
    for (size_t j = number * COLUMNS; j < least((number + 1) * COLUMNS, job->batch->pairs); j++) column_loss(job, j);
    return 0;
}

/* ---- products ---- */

static int sentences_piece(void *arg, size_t thread, size_t number)
{
    loss_job *job = arg;
    (void)thread;
    size_t first = number * ROWS, rows = least(ROWS, job->batch->pairs - first), count = job->batch->candidates;
    float *d = job->slopes + first * count;
    job->kernels->scale(d, job->options->scale, rows * count);
    ss_product(job->kernels, rows, job->dims, count, d, count, job->skill_panels, NULL,
               job->d_sentences + first * job->dims, job->dims, 0);
    ss_pack_rows(job->rows->strip, job->batch->pairs, count, first, rows, d, count, job->strips);
    return 0;
}

static int skills_piece(void *arg, size_t thread, size_t number)
{
    loss_job *job = arg;
    (void)thread;
    size_t first = number * COLUMNS, end = least(first + COLUMNS, job->batch->candidates);
    memset(job->d_skills + first * job->dims, 0, (end - first) * job->dims * sizeof *job->d_skills);
    ss_outer_product(job->kernels, job->rows, job->batch->pairs, job->strips, first, end, job->sentence_panels, 0,
                     job->dims, job->d_skills, job->dims);
    return 0;
}

/* ---- the whole ---- */

static int check(const ss_contrastive_batch *batch, const ss_contrastive_options *options, double *total, ss_error *err)
{
    if (batch->pairs == 0 || batch->candidates < batch->pairs)
        return ss_fail(err, SS_INPUT, "a batch of %zu pairs with %zu candidates", batch->pairs, batch->candidates);
    if (!(options->symmetric >= 0.0f && options->symmetric <= 1.0f))
        return ss_fail(err, SS_INPUT, "the symmetric term's weight is not between 0 and 1");
    *total = 0.0;
    for (size_t i = 0; i < batch->pairs; i++) {
        double weight = batch->weights ? (double)batch->weights[i] : 1.0;
        if (!(weight >= 0.0 && weight < HUGE_VAL))
            return ss_fail(err, SS_INPUT, "the weight of pair %zu is not usable", i);
        *total += weight;
    }
    return *total > 0.0 ? 0 : ss_fail(err, SS_INPUT, "all pairs of a batch have weight 0");
}

static int reserve(loss_job *job, ss_error *err)
{
    size_t pairs = job->batch->pairs, count = job->batch->candidates, cells;
    size_t panel = job->kernels->panel;
    if (__builtin_mul_overflow(pairs, count + SS_MAX_PANEL, &cells) || cells > SIZE_MAX / 64)
        return ss_fail(err, SS_LIMIT, "a batch of %zu pairs with %zu candidates", pairs, count);
    job->scores = calloc(pairs * count, sizeof *job->scores);
    job->slopes = calloc(pairs * count, sizeof *job->slopes);
    job->strips = calloc(ss_packed_size(job->rows->strip, pairs, count), sizeof *job->strips);
    job->transposed = calloc(ss_packed_size(panel, job->dims, count), sizeof *job->transposed);
    job->skill_panels = calloc(ss_packed_size(panel, count, job->dims), sizeof *job->skill_panels);
    job->sentence_panels = calloc(ss_packed_size(panel, pairs, job->dims), sizeof *job->sentence_panels);
    job->losses = calloc(2 * pairs, sizeof *job->losses);
    job->hits = calloc(pairs, sizeof *job->hits);
    int all = job->scores && job->slopes && job->strips && job->transposed && job->skill_panels &&
              job->sentence_panels && job->losses && job->hits;
    return all ? 0 : ss_fail_memory(err, "computing the loss");
}

static void release(loss_job *job)
{
    free(job->scores);
    free(job->slopes);
    free(job->strips);
    free(job->transposed);
    free(job->skill_panels);
    free(job->sentence_panels);
    free(job->losses);
    free(job->hits);
}

static void pack_vectors(loss_job *job)
{
    size_t panel = job->kernels->panel, count = job->batch->candidates, dims = job->dims;
    for (size_t j = 0; j * panel < count; j++)
        ss_pack_panel_transposed(panel, dims, count, j, job->skills, dims, job->transposed);
    ss_pack_rows(panel, count, dims, 0, count, job->skills, dims, job->skill_panels);
    ss_pack_rows(panel, job->batch->pairs, dims, 0, job->batch->pairs, job->sentences, dims, job->sentence_panels);
}

static void compute(loss_job *job, ss_pool *pool, ss_contrastive_result *result)
{
    size_t pairs = job->batch->pairs, row_pieces = (pairs + ROWS - 1) / ROWS, hits = 0;
    pack_vectors(job);
    ss_pool_run(pool, row_pieces, rows_piece, job);
    if (job->options->symmetric > 0.0f) ss_pool_run(pool, (pairs + COLUMNS - 1) / COLUMNS, columns_piece, job);
    ss_pool_run(pool, row_pieces, sentences_piece, job);
    ss_pool_run(pool, (job->batch->candidates + COLUMNS - 1) / COLUMNS, skills_piece, job);
    *result = (ss_contrastive_result){.loss = 0.0};
    for (size_t i = 0; i < 2 * pairs; i++) result->loss += job->losses[i];
    for (size_t i = 0; i < pairs; i++) hits += job->hits[i];
    result->accuracy = (double)hits / (double)pairs;
}

int ss_contrastive_loss(const ss_contrastive_batch *batch, const ss_contrastive_options *options, size_t dims,
                        const float *sentences, const float *skills, ss_pool *pool, float *d_sentences, float *d_skills,
                        ss_contrastive_result *result, ss_error *err)
{
    const ss_kernels *kernels = ss_engine_best().kernels;
    loss_job job = {.batch = batch,
                    .options = options,
                    .kernels = kernels,
                    .rows = ss_row_kernels_for(kernels),
                    .dims = dims,
                    .sentences = sentences,
                    .skills = skills,
                    .d_sentences = d_sentences,
                    .d_skills = d_skills};
    if (check(batch, options, &job.total, err) != 0) return -1;
    int status = reserve(&job, err);
    if (status == 0) compute(&job, pool, result);
    release(&job);
    return status;
}
