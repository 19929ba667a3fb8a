/* mention.h - step 6 of the extractor: the hits of a sentence to mentions of a record. */
#ifndef SKILLSTREAM_WORKER_EXTRACT_MENTION_H
#define SKILLSTREAM_WORKER_EXTRACT_MENTION_H

#include "base/arena.h"
#include "base/error.h"
#include "match/release.h"
#include "stream/record.h"
#include "stream/sentence_cache.h"
#include "worker/extract/ad_text.h"

typedef struct ss_mention_rules {
    double threshold;      /* probability */
    double gate_threshold; /* probability of the sentence; 0 = no bar */
    size_t top;
    int with_text;
} ss_mention_rules;

/* Candidates of a sentence by falling score, as the matcher or the cache gave them; at most SS_EXTRACT_HITS. */
typedef struct ss_sentence_hits {
    const ss_hit_value *hits;
    size_t count;
    float gate; /* logit; 0 without a gate */
} ss_sentence_hits;

/* Fills record->mentions from the hits of each sentence (count 0: not scored). The spans are looked up
 * with this thread's finder. Mentions are ordered by sentence, then falling probability. -1 only without memory. */
int ss_mentions_make(const ss_release *release, const ss_mention_rules *rules, const ss_ad_text *ad,
                     const ss_sentence_hits *hits, ss_span_finder *finder, ss_arena *arena, ss_record *record,
                     ss_error *err);

#endif
