/* ranking.h - by what skills are ranked: the vectors' score, and what words add to it.
 *
 *   rank score = score + named * is_named + overlap * overlap(sentence, skill)
 *
 *   score     cosine of sentence and skill, or what the skill matrix makes of several (skill_matrix.h)
 *   is_named  1 if the skill's preferred label stands in the sentence (ss_span_named)
 *   overlap   how much of its names stands there, word by word (overlap.h)
 *
 * A lexical lane beside the vectors: they mistake siblings for each other that differ in one word. The weights belong
 * to a release; without any (0, 0) it ranks by score alone, as sentence-transformers would. Records always carry the
 * plain score; what words mean for a mention's probability is fitted by the calibration.
 */
#ifndef SKILLSTREAM_MATCH_RANKING_H
#define SKILLSTREAM_MATCH_RANKING_H

#include "match/first_stage.h"
#include "match/span.h"

typedef struct ss_ranking {
    double named, overlap;
} ss_ranking;

/* The weights with the taxonomy's names, for whoever asks of many sentences. */
typedef struct ss_ranker {
    ss_ranking weights;
    const ss_span_labels *labels; /* borrowed; NULL: whoever needs them makes them for itself */
    ss_filter filter;             /* whether sentences are dropped before, as they are when records are made */
} ss_ranker;

static inline int ss_ranking_is_plain(const ss_ranking *ranking)
{
    return ranking->named == 0 && ranking->overlap == 0;
}

/* The rank score of one skill. */
static inline double ss_ranking_score(const ss_ranking *ranking, float score, int named, float overlap)
{
    return (double)score + (named ? ranking->named : 0) + ranking->overlap * (double)overlap;
}

/* Turns the scores of all skills into rank scores for the sentence that the finder took last. */
void ss_ranking_apply(const ss_ranking *ranking, ss_span_finder *finder, float *scores);

#endif
