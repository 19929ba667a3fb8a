/* tally.c - see tally.h. Examples are a reservoir sample (Vitter 1985, algorithm R) with a fixed seed. */
#include "producer/tally.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

void ss_tally_reason(ss_reason_count list[SS_TALLY_REASONS], const char *reason)
{
    for (size_t i = 0; i < SS_TALLY_REASONS; i++) {
        if (!list[i].reason) list[i].reason = reason;
        if (strcmp(list[i].reason, reason)) continue;
        list[i].count++;
        return;
    }
}

void ss_tally_reject(ss_tally *tally, const char *reason)
{
    tally->rejects++;
    ss_tally_reason(tally->reject_reasons, reason);
}

void ss_tally_length(ss_tally *tally, size_t words)
{
    tally->lengths[words < SS_TALLY_LENGTHS ? words : SS_TALLY_LENGTHS - 1]++;
}

void ss_tally_rank(ss_tally *tally, uint32_t rank, uint64_t top)
{
    static const uint32_t bounds[SS_TALLY_RANKS] = {1, 5, 10, 100, 1000, UINT32_MAX};
    size_t at = 0;
    while (rank > bounds[at]) at++;
    tally->ranks[at]++;
    tally->ranked++;
    tally->flagged += rank > top;
}

static void free_example(ss_example *e)
{
    free(e->sentence);
    free(e->label);
    for (size_t i = 0; i < e->nearest_count; i++) free(e->nearest[i]);
    *e = (ss_example){0};
}

ss_example *ss_tally_example(ss_tally *tally)
{
    uint64_t seen = tally->examples_seen++;
    if (tally->example_count < SS_TALLY_EXAMPLES) return &tally->examples[tally->example_count++];
    uint64_t at = ss_hash64(&seen, sizeof seen) % (seen + 1);
    if (at >= SS_TALLY_EXAMPLES) return NULL;
    free_example(&tally->examples[at]);
    return &tally->examples[at];
}

void ss_tally_free(ss_tally *tally)
{
    for (size_t i = 0; i < tally->example_count; i++) free_example(&tally->examples[i]);
    tally->example_count = 0;
}
