/* calibration.h - from a score to a probability, and the probability from which a mention is kept.
 *
 *   P(skill asked for | score) = 1 / (1 + exp(-(slope * score + intercept)))
 *
 * Slope and intercept are fitted by maximum likelihood with smoothed targets (Platt 1999), by Newton's method with
 * backtracking (Lin, Lin & Weng, "A note on Platt's probabilistic outputs for support vector machines", 2007). The
 * threshold is the probability at which the micro-averaged F1 over (sentence, skill) pairs is largest, sentences
 * without a skill included: whole ads are mostly such sentences, so a calibration file should hold as many of them as
 * an ad does. The probability is that of one hit: among 13,891 skills, many of them near-synonyms of each other, and
 * with an encoder that was not trained for the task, the threshold with the best F1 lies far below one half.
 */
#ifndef SKILLSTREAM_MATCH_CALIBRATION_H
#define SKILLSTREAM_MATCH_CALIBRATION_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "match/labelled.h"
#include "match/skill_matrix.h"

typedef struct ss_calibration {
    double slope;
    double intercept;
    double threshold;   /* probability, 0 to 1 */
    char fitted_on[96]; /* the file's name without folders, or "default" */
    uint32_t sentences; /* in that file; 0 for the default */
} ss_calibration;

/* Values for an encoder of the all-MiniLM-L6-v2 kind when there is no file; calibration.c says how they were measured.
 */
ss_calibration ss_calibration_default(void);

/* Probability of a score, 0 to 1. */
double ss_calibration_probability(const ss_calibration *calibration, double score);

/* One (sentence, skill) pair. */
typedef struct ss_scored_pair {
    float score;
    int positive; /* 1: the sentence asks for the skill */
} ss_scored_pair;

/* Slope and intercept for n pairs, of which at least one must be positive and one negative: SS_INPUT. */
int ss_calibration_fit(const ss_scored_pair *pairs, size_t n, double *slope, double *intercept, ss_error *err);

typedef struct ss_operating_point {
    double score; /* keep pairs from this score on */
    double precision, recall, f1;
    size_t kept; /* pairs at or above the score */
} ss_operating_point;

/* The score cut with the largest F1 = 2 PR / (P + R). `missed` positives are those that no pair stands for (a skill
 * that the taxonomy has not): they count against recall. Of equal F1 the higher cut wins. */
int ss_best_operating_point(const ss_scored_pair *pairs, size_t n, size_t missed, ss_operating_point *out,
                            ss_error *err);

/* What `skillstream index --calibrate` tells the user. */
typedef struct ss_calibration_report {
    size_t sentences, with_skill; /* distinct sentences, those with a gold label */
    size_t gold, unknown_labels;  /* (sentence, label) pairs, those whose label the taxonomy has not */
    size_t pairs, positives;      /* (sentence, hit) pairs that were fitted, those that are gold */
    ss_operating_point point;     /* at the threshold; recall is of all gold */
} ss_calibration_report;

/* Fits on labelled sentences (read with SS_LABELLED_TRAINING); `name` is the file's. Pairs are the first 20 hits of
 * every sentence; gold skills that are not among them count as missed. `progress` may be NULL; it counts sentences.
 * SS_INPUT: no gold skill among the hits; higher scores do not mean likelier skills. */
int ss_calibration_measure(const ss_labelled_set *set, const char *name, const ss_skill_matrix *matrix,
                           ss_embedder *embedder, ss_embed_progress *progress, void *ctx, ss_calibration *out,
                           ss_calibration_report *report, ss_error *err);

#endif
