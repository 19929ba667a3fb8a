/* calibration.h - from evidence to a probability, and the probability from which a mention is kept.
 *
 *   P(skill asked for | evidence) = 1 / (1 + exp(-z))
 *   z = slope * score + named * is_named + overlap * o + place * p + gate * gate_logit + intercept
 *
 *   score       cosine of sentence and skill
 *   is_named    1 if the skill's preferred label stands in the sentence (span.h), else 0. Cosines of long sentences are
 *               low whatever they name; this is what finds "Python" among ten requirements
 *   o           how much of the skill's names stands there, word by word (overlap.h)
 *   p           1 / (1 + r), where r candidates of the sentence rank before the skill (ranking.h): most sentences
 *               that ask for something ask for one thing or two
 *   gate_logit  how much the sentence looks like one that asks for any skill at all (gate.h); 0 without a gate
 *
 * The six numbers are fitted by maximum likelihood with smoothed targets (Platt 1999), by Newton's method with
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
#include "match/gate.h"
#include "match/labelled.h"
#include "match/ranking.h"
#include "match/skill_matrix.h"

typedef struct ss_calibration {
    double slope;
    double named;
    double overlap;
    double place;
    double gate;
    double intercept;
    double threshold;   /* probability, 0 to 1 */
    char fitted_on[96]; /* the file's name without folders, or "default" */
    uint32_t sentences; /* in that file; 0 for the default */
} ss_calibration;

/* Values for an encoder of the all-MiniLM-L6-v2 kind when there is no file, without or with a gate; calibration.c says
 * how they were measured. */
ss_calibration ss_calibration_default(int with_gate);

/* What is known of one (sentence, skill) pair. */
typedef struct ss_evidence {
    float score; /* cosine */
    float overlap;
    float place; /* 0 to 1 */
    float gate;  /* logit of the sentence's gate; 0 = no gate */
    int named;   /* 1: the sentence names the skill */
} ss_evidence;

/* The logit of the probability: any number; monotone in it. */
double ss_calibration_logit(const ss_calibration *calibration, ss_evidence evidence);

/* Probability, 0 to 1. */
double ss_calibration_probability(const ss_calibration *calibration, ss_evidence evidence);

typedef struct ss_judged_pair {
    ss_evidence evidence;
    int positive; /* 1: the sentence asks for the skill */
} ss_judged_pair;

/* The six weights for n pairs, of which at least one must be positive and one negative: SS_INPUT. A kind of evidence
 * that never varies gets the weight 0. Threshold and the rest of *out are left alone. */
int ss_calibration_fit(const ss_judged_pair *pairs, size_t n, ss_calibration *out, ss_error *err);

/* One pair by whatever ranks it. */
typedef struct ss_scored_pair {
    float score;
    int positive;
} ss_scored_pair;

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
    size_t named;                 /* pairs whose skill the sentence names */
    ss_operating_point point;     /* at the threshold (point.score is its logit); recall is of all gold */
} ss_calibration_report;

/* Fits on labelled sentences (read with SS_LABELLED_TRAINING); `name` is the file's, `gate` may be NULL. Pairs are the
 * candidates (candidates.h) of every sentence; gold skills that are not among them count as missed. `progress` may be
 * NULL; it counts sentences. SS_INPUT: no gold skill among the hits; higher scores do not mean likelier skills. */
int ss_calibration_measure(const ss_labelled_set *set, const char *name, const ss_taxonomy *taxonomy,
                           const ss_skill_matrix *matrix, const ss_ranker *ranker, const ss_gate *gate,
                           ss_embedder *embedder, ss_embed_progress *progress, void *ctx, ss_calibration *out,
                           ss_calibration_report *report, ss_error *err);

/* What a worker would publish for labelled sentences, against what people found in them: `skillstream eval --mentions`.
 */
typedef struct ss_mentions_report {
    size_t sentences, with_skill, gold; /* as above */
    size_t unknown;                     /* labels that the taxonomy has not: counted in gold, never found */
    size_t kept, right;                 /* candidates at or above the threshold, those that are gold */
    double precision, recall, f1;       /* micro: over all sentences, those without a skill included */
    int gated;                          /* 1: `gate` is filled: there is one, and sentences of both kinds */
    ss_gate_report gate;
} ss_mentions_report;

/* Counts the candidates of every sentence whose probability reaches the threshold; no limit of mentions per sentence.
 * gate and progress may be NULL. */
int ss_mentions_measure(const ss_labelled_set *set, const ss_taxonomy *taxonomy, const ss_skill_matrix *matrix,
                        const ss_ranker *ranker, const ss_gate *gate, const ss_calibration *calibration,
                        ss_embedder *embedder, ss_embed_progress *progress, void *ctx, ss_mentions_report *out,
                        ss_error *err);

#endif
