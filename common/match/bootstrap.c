/* bootstrap.c - see bootstrap.h. Draws come from splitmix64 (Steele, Lea & Flood 2014), one generator per call. */
#include "match/bootstrap.h"

#include <stdlib.h>

static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Below n, which is far below 2^32: the high half of a product of 32 bits with n (Lemire 2019), unbiased enough. */
static size_t below(uint64_t *state, size_t n)
{
    return (size_t)(((next(state) >> 32) * (uint64_t)n) >> 32);
}

static double mean_of(const ss_paired_set *set, uint64_t *state)
{
    double sum = 0;
    for (size_t i = 0; i < set->count; i++) sum += set->differences[state ? below(state, set->count) : i];
    return sum / (double)set->count;
}

/* Of the sets as they are (state NULL), or of one resample. */
static double figure(const ss_paired_set *sets, size_t count, uint64_t *state)
{
    double sum = 0;
    for (size_t s = 0; s < count; s++) sum += mean_of(&sets[s], state);
    return sum / (double)count;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int ss_bootstrap_paired(const ss_paired_set *sets, size_t count, double margin, size_t rounds, uint64_t seed,
                        ss_bootstrap *out, ss_error *err)
{
    *out = (ss_bootstrap){0};
    for (size_t s = 0; s < count; s++)
        if (!sets[s].count || sets[s].count > UINT32_MAX) count = 0;
    if (!count) return ss_fail(err, SS_INPUT, "comparing two systems needs sentences in every set");
    double *figures = malloc(rounds * sizeof *figures);
    if (!figures) return ss_fail_memory(err, "comparing two systems");
    size_t above = 0;
    for (size_t r = 0; r < rounds; r++) {
        figures[r] = figure(sets, count, &seed);
        above += figures[r] > margin;
    }
    qsort(figures, rounds, sizeof *figures, ascending);
    out->difference = figure(sets, count, NULL);
    out->low = figures[(size_t)((double)(rounds - 1) * 0.025)];
    out->high = figures[(size_t)((double)(rounds - 1) * 0.975)];
    out->above = (double)above / (double)rounds;
    free(figures);
    return 0;
}
