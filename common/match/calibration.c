/* calibration.c - the mathematics of calibration.h; what it is fitted on is in calibration_measure.c. */
#include "match/calibration.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Measured with all-MiniLM-L6-v2, labels as prototypes, by ss_calibration_measure on 576 sentences: the validation sets
 * of Decorte et al. (TECH and HOUSE, 128 sentences with skills) and 407 real sentences of job ads without any skill. Of
 * 11,520 hits 135 were gold; at the threshold, a cosine of 0.596, precision is 0.15 and recall 0.14. Observed and
 * predicted rates agree within sampling error over the whole range of scores. */
ss_calibration ss_calibration_default(void)
{
    return (ss_calibration){.slope = 13.85, .intercept = -10.83, .threshold = 0.071, .fitted_on = "default"};
}

double ss_calibration_probability(const ss_calibration *calibration, double score)
{
    double z = calibration->slope * score + calibration->intercept;
    return z >= 0 ? 1.0 / (1.0 + exp(-z)) : exp(z) / (1.0 + exp(z));
}

/* The smoothed targets of Platt's method: with few pairs, neither side is taken for certain. */
typedef struct target_pair {
    double positive, negative;
} target_pair;

/* Negative log likelihood. log(1 + e^z) is written so that it neither overflows nor cancels. */
static double loss(const ss_scored_pair *pairs, size_t n, target_pair targets, double slope, double intercept)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double z = slope * pairs[i].score + intercept;
        double t = pairs[i].positive ? targets.positive : targets.negative;
        sum += (z > 0 ? z : 0) + log1p(exp(-fabs(z))) - t * z;
    }
    return sum;
}

/* Gradient g and Hessian h = (aa, ab, bb) of the loss by (slope, intercept). */
static void derive(const ss_scored_pair *pairs, size_t n, target_pair targets, double slope, double intercept,
                   double g[2], double h[3])
{
    const double ridge = 1e-12; /* keeps the Hessian invertible when all scores are equal */
    g[0] = g[1] = h[1] = 0;
    h[0] = h[2] = ridge;
    for (size_t i = 0; i < n; i++) {
        double s = pairs[i].score, z = slope * s + intercept;
        double p = z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z));
        double d = p - (pairs[i].positive ? targets.positive : targets.negative), w = p * (1 - p);
        g[0] += d * s;
        g[1] += d;
        h[0] += w * s * s;
        h[1] += w * s;
        h[2] += w;
    }
}

int ss_calibration_fit(const ss_scored_pair *pairs, size_t n, double *slope, double *intercept, ss_error *err)
{
    enum { MAX_ROUNDS = 100 };
    const double enough = 1e-9, smallest_step = 1e-10, decrease = 1e-4;
    size_t positives = 0;
    for (size_t i = 0; i < n; i++) positives += pairs[i].positive != 0;
    double up = (double)positives, down = (double)(n - positives);
    if (!positives || positives == n)
        return ss_fail(err, SS_INPUT, "calibration needs both kinds of pairs; got %zu positive of %zu", positives, n);
    target_pair targets = {(up + 1) / (up + 2), 1 / (down + 2)};
    double a = 0, b = log((up + 1) / (down + 1));
    double value = loss(pairs, n, targets, a, b);
    for (int round = 0; round < MAX_ROUNDS; round++) {
        double g[2], h[3];
        derive(pairs, n, targets, a, b, g, h);
        if (fabs(g[0]) < enough * (double)n && fabs(g[1]) < enough * (double)n) break;
        double det = h[0] * h[2] - h[1] * h[1];
        double da = -(h[2] * g[0] - h[1] * g[1]) / det, db = -(h[0] * g[1] - h[1] * g[0]) / det;
        double fall = g[0] * da + g[1] * db, step = 1;
        double next = loss(pairs, n, targets, a + da, b + db);
        while (!(next < value + decrease * step * fall) && step > smallest_step) {
            step /= 2;
            next = loss(pairs, n, targets, a + step * da, b + step * db);
        }
        if (step <= smallest_step) break; /* as low as the numbers allow */
        a += step * da;
        b += step * db;
        value = next;
    }
    *slope = a;
    *intercept = b;
    return 0;
}

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
