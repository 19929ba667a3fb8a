/* contrastive.h - InfoNCE over a batch of (sentence, skill) pairs, and its gradient.
 *
 * With s_ij = scale * sentence_i . skill_j (vectors are L2-normalised, so this is the scaled cosine):
 *   L_i = mean over positives p of i:  -ln( exp s_ip / (exp s_ip + sum over negatives n of i: exp s_in) )
 *   L   = sum_i w_i L_i / sum_i w_i
 * Column i < B is the positive of row i; columns from B on are further candidates (mined hard negatives, the skills of
 * joined sentences). A column is judged for row i by its label:
 *   the row's own label        not a negative (the same skill twice in a batch)
 *   the row's second label     a joined sentence's skill: a second positive, or no negative, by option; only the first
 *                              such column counts as positive
 *   any other label            a negative
 * Without doubles this is sentence-transformers' MultipleNegativesRankingLoss (Henderson et al. 2017, Decorte et al.
 * 2023). The symmetric term is the same loss with the roles exchanged: column j < B against the sentences i, of which
 * those that carry label j (as own or second label) are no negatives.
 *
 * Pure function; sums are in a fixed order, so the result does not depend on the number of threads.
 */
#ifndef SKILLSTREAM_NN_TRAIN_CONTRASTIVE_H
#define SKILLSTREAM_NN_TRAIN_CONTRASTIVE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pool.h"

enum { SS_NO_LABEL = -1 };

/* What the skill of the sentence that was joined to a row's sentence is. */
typedef enum ss_second_rule { SS_SECOND_POSITIVE, SS_SECOND_MASKED } ss_second_rule;

typedef struct ss_contrastive_options {
    float scale;     /* 20; 1 / temperature */
    float symmetric; /* weight of the symmetric term, 0..1: L = (1 - symmetric) L_rows + symmetric L_columns */
    ss_second_rule second;
} ss_contrastive_options;

typedef struct ss_contrastive_batch {
    size_t pairs;           /* B rows */
    size_t candidates;      /* C >= B columns */
    const int32_t *labels;  /* (C) the skill of each column */
    const int32_t *seconds; /* (B) the second skill of each row or SS_NO_LABEL; NULL: none anywhere */
    const float *weights;   /* (B) w_i >= 0, their sum above 0; NULL: all 1 */
} ss_contrastive_batch;

typedef struct ss_contrastive_result {
    double loss;
    double accuracy; /* share of rows whose own column scores above all its negatives */
} ss_contrastive_result;

/*   sentences    (B, D)    d_sentences  (B, D) gradient of the loss, overwritten
 *   skills       (C, D)    d_skills     (C, D) the same
 * Errors: SS_INPUT (sizes or weights that make no sense), SS_MEMORY. A loss that is not finite is returned as it is. */
int ss_contrastive_loss(const ss_contrastive_batch *batch, const ss_contrastive_options *options, size_t dims,
                        const float *sentences, const float *skills, ss_pool *pool, float *d_sentences, float *d_skills,
                        ss_contrastive_result *result, ss_error *err);

#endif
