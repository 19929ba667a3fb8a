/* coarse.c - see coarse.h. */
#include "match/coarse.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/aligned.h"
#include "nn/int8_gemm.h"

/* Rounding of fp32: of a coarse score (a few operations) and of the right one (dims / 16 + 4 additions), as a part of
 * |w||v|. With 65,536 dimensions, the most there can be, that is 4,100 steps of 2^-24. */
static double rounding(size_t dims)
{
    return ((double)dims / SS_LINE_FLOATS + 16) * 0x1p-23;
}

struct ss_coarse {
    const float *values;
    size_t rows, dims;
    const ss_int8_kernels *kernels; /* NULL: sgemm, and `linear` is empty */
    ss_int8_linear linear;
    double row_error, row_length; /* the largest |w - w'| and |w| */
};

struct ss_coarse_queries {
    const float *vectors;
    size_t n;
    unsigned char *q; /* (room, ldq) */
    size_t ldq;
    ss_row_scale *scales; /* (room) */
    float *bounds;        /* (room) */
    float *scores;        /* (room, lds) */
    size_t lds;
};

static double length_of(const float *v, size_t n)
{
    double squares = 0;
    for (size_t i = 0; i < n; i++) squares += (double)v[i] * (double)v[i];
    return sqrt(squares);
}

ss_coarse *ss_coarse_new(const float *values, size_t rows, size_t dims, ss_error *err)
{
    ss_coarse *coarse = calloc(1, sizeof *coarse);
    if (!coarse) {
        ss_fail_memory(err, "preparing the skill matrix");
        return NULL;
    }
    *coarse = (ss_coarse){.values = values, .rows = rows, .dims = dims, .kernels = ss_int8_kernels_best()};
    ss_linear_part part = {.weight = values, .rows = rows};
    if (strcmp(coarse->kernels->name, "generic") == 0)
        coarse->kernels = NULL;
    else if (ss_int8_linear_init(&coarse->linear, coarse->kernels, dims, &part, 1, NULL, err)) {
        ss_coarse_free(coarse);
        return NULL;
    }
    for (size_t r = 0; r < rows; r++) {
        double length = length_of(values + r * dims, dims), error = 0;
        if (coarse->kernels) error = ss_int8_linear_error(&coarse->linear, coarse->kernels, r, values + r * dims);
        if (length > coarse->row_length) coarse->row_length = length;
        if (error > coarse->row_error) coarse->row_error = error;
    }
    return coarse;
}

void ss_coarse_free(ss_coarse *coarse)
{
    if (!coarse) return;
    ss_int8_linear_free(&coarse->linear);
    free(coarse);
}

ss_coarse_queries *ss_coarse_queries_new(const ss_coarse *coarse, size_t room, size_t most_rows)
{
    ss_coarse_queries *queries = calloc(1, sizeof *queries);
    if (!queries) return NULL;
    size_t panel = coarse->kernels ? coarse->kernels->panel : 1;
    queries->lds =
        ss_round_up(ss_round_up(most_rows, panel) + panel, SS_LINE_FLOATS) + SS_LINE_FLOATS; /* not a power of two */
    queries->scores = ss_aligned_new(room * queries->lds * sizeof(float));
    queries->bounds = calloc(room, sizeof *queries->bounds);
    queries->scales = calloc(room, sizeof *queries->scales);
    if (coarse->kernels) {
        queries->ldq = ss_round_up(ss_int8_row_bytes(coarse->kernels, coarse->dims), SS_LINE) + SS_LINE;
        queries->q = ss_aligned_new(room * queries->ldq);
        if (queries->q) memset(queries->q, 0, room * queries->ldq); /* vectors without a length leave theirs alone */
    }
    if (queries->scores && queries->bounds && queries->scales && (queries->q || !coarse->kernels)) return queries;
    ss_coarse_queries_free(queries);
    return NULL;
}

void ss_coarse_queries_free(ss_coarse_queries *queries)
{
    if (!queries) return;
    free(queries->q);
    free(queries->scales);
    free(queries->bounds);
    free(queries->scores);
    free(queries);
}

/* |v - v'| of a row that was quantised to q. */
static double quantising_error(const ss_coarse *coarse, const float *v, const unsigned char *q, ss_row_scale scale)
{
    double squares = 0;
    for (size_t i = 0; i < coarse->dims; i++) {
        uint16_t wide;
        memcpy(&wide, q + i * coarse->kernels->cell, coarse->kernels->cell);
        int32_t value = coarse->kernels->cell == 1 ? q[i] : wide;
        double error = (double)v[i] - (double)scale.scale * (value - scale.zero);
        squares += error * error;
    }
    return sqrt(squares);
}

void ss_coarse_take(const ss_coarse *coarse, ss_coarse_queries *queries, const float *vectors, size_t n)
{
    queries->vectors = vectors;
    queries->n = n;
    for (size_t i = 0; i < n; i++) {
        const float *v = vectors + i * coarse->dims;
        double length = length_of(v, coarse->dims), error = 0;
        queries->bounds[i] = INFINITY;
        if (!isfinite(length)) continue;
        if (coarse->kernels) {
            unsigned char *q = queries->q + i * queries->ldq;
            coarse->kernels->quantise(v, NULL, coarse->dims, q, &queries->scales[i]);
            error = quantising_error(coarse, v, q, queries->scales[i]);
        }
        /* |w'| <= |w| + |w - w'| */
        double bound = coarse->row_error * length + (coarse->row_length + coarse->row_error) * error;
        bound += rounding(coarse->dims) * (coarse->row_length + coarse->row_error) * (length + error);
        queries->bounds[i] = (float)bound * (1 + 0x1p-22f);
    }
}

float ss_coarse_bound(const ss_coarse_queries *queries, size_t i)
{
    return queries->bounds[i];
}

const float *ss_coarse_scores(const ss_coarse *coarse, ss_coarse_queries *queries, size_t first, size_t rows,
                              size_t *stride)
{
    *stride = queries->lds;
    if (!coarse->kernels) {
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)queries->n, (blasint)rows, (blasint)coarse->dims,
                    1.0f, queries->vectors, (blasint)coarse->dims, coarse->values + first * coarse->dims,
                    (blasint)coarse->dims, 0.0f, queries->scores, (blasint)queries->lds);
        return queries->scores;
    }
    size_t before = first % coarse->kernels->panel;
    ss_int8_linear_run_part(&coarse->linear, coarse->kernels, first - before, first + rows, queries->n, queries->q,
                            queries->ldq, queries->scales, NULL, queries->scores, queries->lds);
    return queries->scores + before;
}
