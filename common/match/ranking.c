/* ranking.c - see ranking.h. */
#include "match/ranking.h"

void ss_ranking_apply(const ss_ranking *ranking, ss_span_finder *finder, float *scores)
{
    uint32_t named[SS_SPAN_NAMED_ROOM];
    size_t count = ss_span_named(finder, named, SS_SPAN_NAMED_ROOM);
    for (size_t i = 0; i < count; i++) scores[named[i]] += (float)ranking->named;
    ss_span_add_overlaps(finder, (float)ranking->overlap, scores);
}
