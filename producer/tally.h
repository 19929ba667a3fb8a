/* tally.h - what a run has counted: for the progress line, the metrics and the report.
 *
 * Plain numbers of the event loop's thread; the metrics take them over as atomics (producer_metrics.h).
 */
#ifndef SKILLSTREAM_PRODUCER_TALLY_H
#define SKILLSTREAM_PRODUCER_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "producer/response.h"
#include "stream/pair.h"

enum { SS_TALLY_REASONS = 64, SS_TALLY_LENGTHS = 64, SS_TALLY_RANKS = 6, SS_TALLY_EXAMPLES = 12, SS_TALLY_NEAREST = 5 };

typedef struct ss_reason_count {
    const char *reason; /* static */
    uint64_t count;
} ss_reason_count;

/* A pair and the skills nearest to it, for the report. Strings are owned. */
typedef struct ss_example {
    char *sentence, *label;
    ss_pair_kind kind;
    uint32_t rank;
    char *nearest[SS_TALLY_NEAREST];
    float score[SS_TALLY_NEAREST];
    size_t nearest_count;
} ss_example;

typedef struct ss_tally {
    uint64_t pairs;                  /* accepted */
    uint64_t by_kind[SS_PAIR_KINDS]; /* of them */
    uint64_t present;                /* replay: on the topic already */
    uint64_t rejects;                /* sentences (replay: lines) refused */
    ss_reason_count reject_reasons[SS_TALLY_REASONS];
    uint64_t requests[SS_VERDICTS];
    ss_reason_count request_reasons[SS_TALLY_REASONS]; /* of requests that were not ok, and answers without a list */
    uint64_t lengths[SS_TALLY_LENGTHS];                /* accepted sentences by words; the last one: and more */
    uint64_t ranks[SS_TALLY_RANKS];                    /* rank 1, -5, -10, -100, -1000, more */
    uint64_t ranked, flagged;                          /* with a rank; of them outside the top */
    ss_example examples[SS_TALLY_EXAMPLES];            /* a fair sample of the ranked ones */
    size_t example_count;
    uint64_t examples_seen;
} ss_tally;

void ss_tally_reason(ss_reason_count list[SS_TALLY_REASONS], const char *reason);
void ss_tally_reject(ss_tally *tally, const char *reason);
void ss_tally_length(ss_tally *tally, size_t words);
void ss_tally_rank(ss_tally *tally, uint32_t rank, uint64_t top);

/* Where an example of the next ranked pair should go (its old strings are freed), or NULL: not chosen this time. */
ss_example *ss_tally_example(ss_tally *tally);
void ss_tally_free(ss_tally *tally); /* the examples' strings */

#endif
