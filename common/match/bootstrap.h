/* bootstrap.h - is the difference between two systems more than luck? Paired bootstrap over sentences.
 *
 * Two systems are judged on the same sentences; a sentence's difference is what the second scores above the first. The
 * figure is the mean of the differences in each set, averaged over the sets, so that a large set does not drown a small
 * one. It is computed anew for `rounds` resamples (each set: as many sentences as it has, drawn with replacement); the
 * spread of those figures tells how the true difference may lie (Efron 1979; Koehn 2004, "Statistical significance
 * tests for machine translation evaluation").
 *
 * Pure functions of their arguments and the seed.
 */
#ifndef SKILLSTREAM_MATCH_BOOTSTRAP_H
#define SKILLSTREAM_MATCH_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* One evaluation set: second minus first, sentence by sentence. */
typedef struct ss_paired_set {
    const double *differences; /* (count) */
    size_t count;              /* at least 1 */
} ss_paired_set;

typedef struct ss_bootstrap {
    double difference; /* of the sets as they are */
    double low, high;  /* middle 95 % of the resampled differences */
    double above;      /* share of resamples whose difference is above `margin`: how sure it is, 0 to 1 */
} ss_bootstrap;

enum { SS_BOOTSTRAP_ROUNDS = 10000 };

/* SS_INPUT: no set, or an empty one. rounds at least 1. */
int ss_bootstrap_paired(const ss_paired_set *sets, size_t count, double margin, size_t rounds, uint64_t seed,
                        ss_bootstrap *out, ss_error *err);

#endif
