/* extractor.h - ads in, skill records out: the whole way from bytes to mentions, without Kafka and Redis.
 *
 * Both `skillstream extract` and the worker call it; it is the one place where a record's content is decided.
 *
 *   ads --(1)--> text, sentences --(2)--> distinct sentences --(3)--> cache? --(4)--> worth it? --(5)--> embeddings
 *       --(6)--> hits --(7)--> mentions, in records
 *
 *   1 text     HTML or plain text to text, sentences by span; each compute thread takes whole ads
 *   2 distinct sentences of the batch are keyed by 128 bits of XXH3 over their text with white space folded, salted
 *              with the encoder's precision and the filter
 *   3 look-up  what the sentence cache knows is not computed
 *   4 filter   the first stage drops sentences that ask for no skill (first_stage.h)
 *   5 embed    the rest, packed by length into micro-batches
 *   6 match    the nearest skills of the skill matrix for each, and those that the sentence names
 *   7 mention  probability, threshold, top N, literal span; each compute thread takes whole ads
 *
 * A record depends only on the ad, the release and the options: hits of a sentence do not depend on the batch it came
 * in (encoder.h, skill_matrix.h), and everything else is per ad.
 *
 * Memory: results live in arenas of the extractor until the next ss_extract, so a caller that overlaps batches encodes
 * them first. Threads: one caller at a time; inside, the pool's threads.
 */
#ifndef SKILLSTREAM_WORKER_EXTRACT_EXTRACTOR_H
#define SKILLSTREAM_WORKER_EXTRACT_EXTRACTOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pool.h"
#include "match/candidates.h"
#include "match/first_stage.h"
#include "match/release.h"
#include "stream/ad.h"
#include "stream/record.h"
#include "stream/sentence_cache.h"

/* Most hits of a sentence that are kept and cached; `top` cannot be larger. */
enum { SS_EXTRACT_HITS = SS_CANDIDATES_MOST, SS_EXTRACT_TENTHS = 10 };

typedef struct ss_extract_options {
    double threshold; /* probability from which a mention is kept; NAN = the release's */
    double
        gate_threshold; /* probability that a sentence asks for any skill, below which it is not linked; 0 = no bar */
    uint64_t top;       /* most mentions of a sentence; 1 .. SS_EXTRACT_HITS */
    int with_text;      /* 1: records carry the ad's plain text and each mention's words */
    ss_filter filter;   /* which sentences are not looked at more closely (first_stage.h) */
    uint64_t max_ad_bytes;      /* body of an ad; more is the failure "too-large" */
    uint64_t max_sentences;     /* of an ad; more is the failure "too-many-sentences" */
    const char *options_digest; /* goes into every record; may be NULL */
} ss_extract_options;

/* What one call did; added up by the caller. */
typedef struct ss_extract_stats {
    uint64_t ads, failed, sentences, embedded, cached, repeated, filtered, mentions, tokens;
    uint64_t by_probability[SS_EXTRACT_TENTHS]; /* mentions by tenth of their probability: [0] below 0.1 ... */
    double text_seconds, lookup_seconds, embed_seconds, match_seconds, mention_seconds;
} ss_extract_stats;

/* The answer to one ad: a record, or why there is none. Never both. */
typedef struct ss_extraction {
    const char *reason; /* NULL: `record` is filled. Else one word for the dead letter: "too-large", "bad-text" ... */
    const char *stage;  /* "text" */
    const char *error;  /* a sentence, without content */
    ss_record record;
} ss_extraction;

typedef struct ss_extractor ss_extractor;

/* Keeps a reference to the release. pool and cache (may be NULL) are borrowed and must outlive it. */
ss_extractor *ss_extractor_new(ss_release *release, const ss_extract_options *options, ss_pool *pool, ss_cache *cache,
                               ss_error *err);
void ss_extractor_free(ss_extractor *extractor);

const ss_release *ss_extractor_release(const ss_extractor *extractor);

/* Extracts n ads into out[n]. A fault of one ad is that ad's failure; -1 only when the machine is at fault (memory),
 * and then all n can be tried again. Source position and ad_id are copied from the ads; the caller sets
 * record.source_* itself. `stats` is added to, may be NULL. */
int ss_extract(ss_extractor *extractor, const ss_ad *ads, size_t n, ss_extraction *out, ss_extract_stats *stats,
               ss_error *err);

#endif
