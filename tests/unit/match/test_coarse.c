/* test_coarse.c - coarse scores lie within their bound of scores in double precision, whatever the rows and vectors. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "match/coarse.h"
#include "support/random.h"

enum { ROWS = 700, QUERIES = 64, TILE = 512 };

/* How a row is made: as embeddings are; one large value among small ones; all values alike; huge; tiny; zero. */
static void fill(float *row, size_t dims, size_t kind)
{
    double squares = 0;
    for (size_t j = 0; j < dims; j++) {
        row[j] = kind == 2 ? 0.7f : kind == 5 ? 0.0f : random_float();
        squares += (double)row[j] * (double)row[j];
    }
    if (kind == 1) row[(size_t)(random_bits() % dims)] = 40.0f;
    float scale = kind == 3 ? 1e18f : kind == 4 ? 1e-18f : kind == 0 ? (float)(1 / sqrt(squares)) : 1.0f;
    for (size_t j = 0; j < dims; j++) row[j] *= scale;
}

typedef struct problem {
    size_t dims;
    float *values, *vectors;
    ss_coarse *coarse;
    ss_coarse_queries *queries;
} problem;

static problem start(size_t dims, size_t row_kinds)
{
    problem p = {.dims = dims, .values = calloc(ROWS * dims, 4), .vectors = calloc(QUERIES * dims, 4)};
    assert_true(p.values && p.vectors);
    for (size_t r = 0; r < ROWS; r++) fill(p.values + r * dims, dims, row_kinds ? r % row_kinds : 0);
    for (size_t i = 0; i < QUERIES; i++) fill(p.vectors + i * dims, dims, i % 6);
    ss_error err = {0};
    p.coarse = ss_coarse_new(p.values, ROWS, dims, &err);
    assert_non_null(p.coarse);
    p.queries = ss_coarse_queries_new(p.coarse, QUERIES, TILE);
    assert_non_null(p.queries);
    return p;
}

static void finish(problem *p)
{
    ss_coarse_queries_free(p->queries);
    ss_coarse_free(p->coarse);
    free(p->values);
    free(p->vectors);
}

static void check_rows(problem *p, size_t first, size_t rows)
{
    size_t stride;
    const float *scores = ss_coarse_scores(p->coarse, p->queries, first, rows, &stride);
    for (size_t i = 0; i < QUERIES; i++)
        for (size_t r = 0; r < rows; r++) {
            double right = 0;
            for (size_t j = 0; j < p->dims; j++)
                right += (double)p->vectors[i * p->dims + j] * (double)p->values[(first + r) * p->dims + j];
            assert_true(fabs((double)scores[i * stride + r] - right) <= (double)ss_coarse_bound(p->queries, i));
        }
}

static void stays_within_its_bound(void **state)
{
    (void)state;
    static const size_t dims[] = {1, 5, 33, 384, 768};
    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++)
        for (size_t kinds = 0; kinds <= 6; kinds += 3) {
            problem p = start(dims[d], kinds);
            ss_coarse_take(p.coarse, p.queries, p.vectors, QUERIES);
            check_rows(&p, 0, TILE);
            check_rows(&p, 7, 1); /* in the middle of a panel, and over several */
            check_rows(&p, 333, ROWS - 333);
            finish(&p);
        }
}

/* A bound that lets everything through would be right and useless. */
static void has_a_small_bound_for_embeddings(void **state)
{
    (void)state;
    problem p = start(384, 0);
    ss_coarse_take(p.coarse, p.queries, p.vectors, QUERIES);
    for (size_t i = 0; i < QUERIES; i += 6) assert_true(ss_coarse_bound(p.queries, i) < 0.03f);
    finish(&p);
}

static void rules_nothing_out_for_a_vector_without_length(void **state)
{
    (void)state;
    problem p = start(64, 0);
    p.vectors[3] = NAN;
    p.vectors[64] = INFINITY;
    ss_coarse_take(p.coarse, p.queries, p.vectors, 3);
    assert_true(isinf(ss_coarse_bound(p.queries, 0)) && isinf(ss_coarse_bound(p.queries, 1)));
    assert_true(isfinite(ss_coarse_bound(p.queries, 2)));
    finish(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stays_within_its_bound),
        cmocka_unit_test(has_a_small_bound_for_embeddings),
        cmocka_unit_test(rules_nothing_out_for_a_vector_without_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
