/* evaluate.h - how well a release ranks skills: RP@k and MRR, by WorkRB's protocol.
 *
 *   rows     CSV with the columns `sentence` and `label`, one row per (sentence, gold label)
 *   group    rows with the same sentence are one query; gold = the set of its labels, less LABEL NOT PRESENT,
 *            UNDERSPECIFIED and empty ones; queries without gold are dropped
 *   ranking  all skills of the taxonomy by rank score (ranking.h), equal ones in the taxonomy's order; no threshold
 *   RP@k     gold among the first k / min(k, number of gold labels), mean over queries, x 100
 *   MRR      1 / rank of the first gold label, mean over queries, x 100
 * Labels are compared without blanks at both ends unless `exact` is set. A gold label that the taxonomy has not stays
 * in the gold set (it can never be hit) and is counted in `unknown`.
 */
#ifndef SKILLSTREAM_MATCH_EVALUATE_H
#define SKILLSTREAM_MATCH_EVALUATE_H

#include <stddef.h>

#include "base/error.h"
#include "match/ranking.h"
#include "match/skill_matrix.h"
#include "match/taxonomy.h"
#include "nn/embed.h"

typedef struct ss_evaluation {
    size_t queries, gold, unknown;
    size_t dropped;             /* queries that the ranker's filter dropped: none of their gold is found */
    double rp1, rp5, rp10, mrr; /* x 100 */
} ss_evaluation;

/* The figures of one query, not scaled: each 0 to 1. */
typedef struct ss_query_figures {
    double rp1, rp5, rp10, mrr;
} ss_query_figures;

/* One file ("-", plain or gzip). ranker NULL: by the score alone. `progress` may be NULL; it counts sentences, and
 * out->queries is their total from before its first call on. Errors: SS_INPUT (missing column; no sentence with gold).
 */
int ss_evaluate(const char *path, int exact, const ss_taxonomy *taxonomy, const ss_skill_matrix *matrix,
                const ss_ranker *ranker, ss_embedder *embedder, ss_embed_progress *progress, void *ctx,
                ss_evaluation *out, ss_error *err);

/* The same, and the figures of each query in the file's order, for comparing two releases sentence by sentence
 * (bootstrap.h): *each (out->queries) is freed by the caller with free(), NULL on failure. */
int ss_evaluate_each(const char *path, int exact, const ss_taxonomy *taxonomy, const ss_skill_matrix *matrix,
                     const ss_ranker *ranker, ss_embedder *embedder, ss_embed_progress *progress, void *ctx,
                     ss_evaluation *out, ss_query_figures **each, ss_error *err);

#endif
