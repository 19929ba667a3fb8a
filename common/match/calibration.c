/* calibration.c - the mathematics of calibration.h; what it is fitted on is in calibration_measure.c. */
#include "match/calibration.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Measured with all-MiniLM-L6-v2, labels as prototypes, ranking weights 0.2 and 0.06, by ss_calibration_measure on 576
 * sentences: the validation sets of Decorte et al. (TECH and HOUSE, 128 sentences with skills) and 407 real sentences
 * of job ads without any skill. At the threshold precision is 0.34, recall 0.40, F1 0.37; with a gate fitted to
 * compose/data/calibration.csv 0.39, 0.37, 0.38; by the score alone the best F1 is 0.14. */
ss_calibration ss_calibration_default(int with_gate)
{
    if (with_gate)
        return (ss_calibration){.slope = 5.05,
                                .named = 2.81,
                                .overlap = 1.215,
                                .place = 0.70,
                                .gate = 0.501,
                                .intercept = -8.756,
                                .threshold = 0.144,
                                .fitted_on = "default"};
    return (ss_calibration){.slope = 6.67,
                            .named = 3.08,
                            .overlap = 1.37,
                            .place = 0.01,
                            .intercept = -9.13,
                            .threshold = 0.098,
                            .fitted_on = "default"};
}

double ss_calibration_logit(const ss_calibration *c, ss_evidence e)
{
    return c->slope * (double)e.score + (e.named ? c->named : 0) + c->overlap * (double)e.overlap +
           c->place * (double)e.place + c->gate * (double)e.gate + c->intercept;
}

static double logistic(double z)
{
    return z >= 0 ? 1.0 / (1.0 + exp(-z)) : exp(z) / (1.0 + exp(z));
}

double ss_calibration_probability(const ss_calibration *calibration, ss_evidence evidence)
{
    return logistic(ss_calibration_logit(calibration, evidence));
}

/* ---- the fit ---- */

enum { WEIGHTS = 6 }; /* slope, named, overlap, place, gate, intercept */

typedef struct weights {
    double w[WEIGHTS];
} weights;

/* The smoothed targets of Platt's method: with few pairs, neither side is taken for certain. */
typedef struct target_pair {
    double positive, negative;
} target_pair;

static weights features(const ss_judged_pair *pair)
{
    return (weights){{(double)pair->evidence.score, pair->evidence.named ? 1 : 0, (double)pair->evidence.overlap,
                      (double)pair->evidence.place, (double)pair->evidence.gate, 1}};
}

static double dot(const weights *a, const weights *b)
{
    double sum = 0;
    for (int i = 0; i < WEIGHTS; i++) sum += a->w[i] * b->w[i];
    return sum;
}

/* Negative log likelihood. log(1 + e^z) is written so that it neither overflows nor cancels. */
static double loss(const ss_judged_pair *pairs, size_t n, target_pair targets, const weights *at)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        weights x = features(&pairs[i]);
        double z = dot(&x, at), t = pairs[i].positive ? targets.positive : targets.negative;
        sum += (z > 0 ? z : 0) + log1p(exp(-fabs(z))) - t * z;
    }
    return sum;
}

/* Gradient and Hessian of the loss. */
static void derive(const ss_judged_pair *pairs, size_t n, target_pair targets, const weights *at, weights *g,
                   double h[WEIGHTS][WEIGHTS])
{
    const double ridge = 1e-9; /* evidence that never varies keeps its weight 0, and the Hessian stays invertible */
    memset(g, 0, sizeof *g);
    memset(h, 0, WEIGHTS * sizeof *h);
    for (int a = 0; a < WEIGHTS; a++) h[a][a] = ridge;
    for (size_t i = 0; i < n; i++) {
        weights x = features(&pairs[i]);
        double p = logistic(dot(&x, at)), v = p * (1 - p);
        double d = p - (pairs[i].positive ? targets.positive : targets.negative);
        for (int a = 0; a < WEIGHTS; a++) {
            g->w[a] += d * x.w[a];
            for (int b = 0; b <= a; b++) h[a][b] += v * x.w[a] * x.w[b];
        }
    }
}

/* Solves h * step = -g by Cholesky's method; h is symmetric and positive, its lower half is given and overwritten. */
static weights newton_step(double h[WEIGHTS][WEIGHTS], const weights *g)
{
    weights step;
    for (int a = 0; a < WEIGHTS; a++)
        for (int b = 0; b <= a; b++) {
            double sum = h[a][b];
            for (int k = 0; k < b; k++) sum -= h[a][k] * h[b][k];
            h[a][b] = a == b ? sqrt(sum > 1e-300 ? sum : 1e-300) : sum / h[b][b];
        }
    for (int a = 0; a < WEIGHTS; a++) {
        step.w[a] = -g->w[a];
        for (int k = 0; k < a; k++) step.w[a] -= h[a][k] * step.w[k];
        step.w[a] /= h[a][a];
    }
    for (int a = WEIGHTS - 1; a >= 0; a--) {
        for (int k = a + 1; k < WEIGHTS; k++) step.w[a] -= h[k][a] * step.w[k];
        step.w[a] /= h[a][a];
    }
    return step;
}

static weights moved(const weights *from, const weights *step, double by)
{
    weights out;
    for (int i = 0; i < WEIGHTS; i++) out.w[i] = from->w[i] + by * step->w[i];
    return out;
}

/* Newton's method with backtracking from `at`; ends when the gradient vanishes or the numbers allow no further fall. */
static void minimise(const ss_judged_pair *pairs, size_t n, target_pair targets, weights *at)
{
    enum { MAX_ROUNDS = 100 };
    const double enough = 1e-9, smallest_step = 1e-10, decrease = 1e-4;
    double value = loss(pairs, n, targets, at);
    for (int round = 0; round < MAX_ROUNDS; round++) {
        weights g;
        double h[WEIGHTS][WEIGHTS], largest = 0, by = 1;
        derive(pairs, n, targets, at, &g, h);
        for (int i = 0; i < WEIGHTS; i++) largest = fmax(largest, fabs(g.w[i]));
        if (largest < enough * (double)n) return;
        weights step = newton_step(h, &g), next = moved(at, &step, 1);
        double fall = dot(&g, &step), reached = loss(pairs, n, targets, &next);
        while (!(reached < value + decrease * by * fall) && by > smallest_step) {
            by /= 2;
            next = moved(at, &step, by);
            reached = loss(pairs, n, targets, &next);
        }
        if (by <= smallest_step) return;
        *at = next;
        value = reached;
    }
}

int ss_calibration_fit(const ss_judged_pair *pairs, size_t n, ss_calibration *out, ss_error *err)
{
    size_t positives = 0;
    for (size_t i = 0; i < n; i++) positives += pairs[i].positive != 0;
    double up = (double)positives, down = (double)(n - positives);
    if (!positives || positives == n)
        return ss_fail(err, SS_INPUT, "calibration needs both kinds of pairs; got %zu positive of %zu", positives, n);
    target_pair targets = {(up + 1) / (up + 2), 1 / (down + 2)};
    weights at = {{0, 0, 0, 0, 0, log((up + 1) / (down + 1))}};
    minimise(pairs, n, targets, &at);
    out->slope = at.w[0];
    out->named = at.w[1];
    out->overlap = at.w[2];
    out->place = at.w[3];
    out->gate = at.w[4];
    out->intercept = at.w[5];
    return 0;
}

/* ---- the threshold ---- */

static int by_falling_score(const void *a, const void *b)
{
    float x = ((const ss_scored_pair *)a)->score, y = ((const ss_scored_pair *)b)->score;
    return (x < y) - (x > y);
}

int ss_best_operating_point(const ss_scored_pair *pairs, size_t n, size_t missed, ss_operating_point *out,
                            ss_error *err)
{
    *out = (ss_operating_point){.score = INFINITY};
    ss_scored_pair *sorted = malloc((n ? n : 1) * sizeof *sorted);
    if (!sorted) return ss_fail_memory(err, "choosing the threshold");
    if (n) memcpy(sorted, pairs, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_falling_score);
    size_t positives = missed, hits = 0;
    for (size_t i = 0; i < n; i++) positives += sorted[i].positive != 0;
    for (size_t i = 0; i < n; i++) {
        hits += sorted[i].positive != 0;
        if (i + 1 < n && sorted[i + 1].score == sorted[i].score) continue; /* equal scores are kept or cut together */
        double f1 = 2.0 * (double)hits / (double)(i + 1 + positives);
        if (!hits || f1 <= out->f1) continue;
        /* The cut lies between this score and the next, as far from both as it can. */
        double next = i + 1 < n ? sorted[i + 1].score : sorted[i].score;
        *out = (ss_operating_point){.score = (sorted[i].score + next) / 2,
                                    .precision = (double)hits / (double)(i + 1),
                                    .recall = (double)hits / (double)positives,
                                    .f1 = f1,
                                    .kept = i + 1};
    }
    free(sorted);
    return 0;
}
