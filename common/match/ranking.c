/* ranking.c - see ranking.h. */
#include "match/ranking.h"

enum { MOST_NAMED = 64 };

void ss_ranking_apply(const ss_ranking *ranking, ss_span_finder *finder, float *scores)
{
    uint32_t named[MOST_NAMED];
    size_t count = ss_span_named(finder, named, MOST_NAMED);
    for (size_t i = 0; i < count; i++) scores[named[i]] += (float)ranking->named;
    ss_span_add_overlaps(finder, (float)ranking->overlap, scores);
}
