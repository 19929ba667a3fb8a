/* coarse.h - scores of all rows of a skill matrix, fast and nearly right, with a bound on how wrong; inside
 * common/match, for skill_top.c.
 *
 * The nearest 20 of 14,000 rows need 20 right scores and 13,980 that are right enough to be ruled out. Rows w and
 * vectors v are rounded to 8 bits (int8_gemm.h), w' and v'; then by the Cauchy-Schwarz inequality
 *
 *   |w.v - w'.v'| <= |w - w'| |v| + |w'| |v - v'|
 *
 * whose right side is known beforehand for the whole matrix and computed once a vector. A row whose coarse score lies
 * further than that below the k-th best score cannot be among the k best: nothing is lost. Where the CPU has no fast
 * 8-bit products the scores are those of sgemm, and the bound is that of rounding.
 *
 * An ss_coarse is immutable and shared; an ss_coarse_queries is one thread's.
 */
#ifndef SKILLSTREAM_MATCH_COARSE_H
#define SKILLSTREAM_MATCH_COARSE_H

#include <stddef.h>

#include "base/error.h"

typedef struct ss_coarse ss_coarse;
typedef struct ss_coarse_queries ss_coarse_queries;

/* values (rows, dims) is borrowed. A byte a value is taken, or nothing without 8-bit products. */
ss_coarse *ss_coarse_new(const float *values, size_t rows, size_t dims, ss_error *err);
void ss_coarse_free(ss_coarse *coarse);

/* Room for `room` vectors at a time, and for the scores of at most `most_rows` rows at a time. NULL without memory. */
ss_coarse_queries *ss_coarse_queries_new(const ss_coarse *coarse, size_t room, size_t most_rows);
void ss_coarse_queries_free(ss_coarse_queries *queries);

/* Takes n vectors (n, dims), which must stay until the next call. */
void ss_coarse_take(const ss_coarse *coarse, ss_coarse_queries *queries, const float *vectors, size_t n);

/* How far a coarse score of vector i may be from the right one, as ss_kernels' dot gives it; infinite for a vector
 * that has no finite length. */
float ss_coarse_bound(const ss_coarse_queries *queries, size_t i);

/* Scores of the vectors taken last against the rows [first, first + rows): returns (n, rows), *stride floats apart,
 * borrowed until the next call. */
const float *ss_coarse_scores(const ss_coarse *coarse, ss_coarse_queries *queries, size_t first, size_t rows,
                              size_t *stride);

#endif
