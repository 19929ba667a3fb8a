/* mention.c - see mention.h.
 *
 * Per sentence: the candidates with their probability, those under the threshold dropped, sorted by falling
 * probability, the first `top` kept.
 */
#include "worker/extract/mention.h"

#include <math.h>
#include <string.h>

#include "match/candidates.h"
#include "worker/extract/extractor.h"

static ss_slice slice_of(const char *text)
{
    return (ss_slice){.data = text, .len = strlen(text)};
}

/* A candidate that passed the threshold. */
typedef struct kept {
    ss_hit_value hit;
    double probability;
} kept;

/* Equal probabilities: by score, then by skill, so that the order is always the same. */
static int comes_before(const kept *a, const kept *b)
{
    if (a->probability > b->probability) return 1;
    if (a->probability < b->probability) return 0;
    if (a->hit.score > b->hit.score) return 1;
    return a->hit.score == b->hit.score && a->hit.skill < b->hit.skill;
}

static int passes_gate(const ss_mention_rules *rules, float logit)
{
    return rules->gate_threshold <= 0 || 1 / (1 + exp(-(double)logit)) >= rules->gate_threshold;
}

/* The mentions of one sentence, best first; `out` has room for all its hits. Returns how many. */
static size_t keep(const ss_release *release, const ss_mention_rules *rules, const ss_sentence_hits *hits,
                   const ss_span_finder *finder, kept *out)
{
    const ss_manifest *manifest = ss_release_manifest(release);
    ss_hit candidates[SS_EXTRACT_HITS];
    ss_evidence evidence[SS_EXTRACT_HITS];
    size_t n = 0;
    for (size_t i = 0; i < hits->count; i++)
        candidates[i] = (ss_hit){.skill = hits->hits[i].skill, .score = hits->hits[i].score};
    ss_candidates_evidence(&manifest->ranking, finder, hits->gate, candidates, hits->count, evidence);
    for (size_t i = 0; i < hits->count; i++) {
        kept item = {.hit = hits->hits[i],
                     .probability = ss_calibration_probability(&manifest->calibration, evidence[i])};
        if (item.probability < rules->threshold) continue;
        size_t at = n++;
        for (; at && comes_before(&item, &out[at - 1]); at--) out[at] = out[at - 1];
        out[at] = item;
    }
    return n < rules->top ? n : rules->top;
}

static void fill(const ss_release *release, const ss_mention_rules *rules, const ss_ad_text *ad, size_t sentence,
                 const kept *item, const ss_span_finder *finder, ss_record_mention *out)
{
    ss_span span = ad->sentences[sentence];
    const ss_skill *skill = ss_taxonomy_skill(ss_release_taxonomy(release), item->hit.skill);
    ss_label_span place = ss_span_find(finder, item->hit.skill);
    *out = (ss_record_mention){
        .skill_uri = slice_of(skill->uri),
        .label = slice_of(skill->label),
        .skill_type = slice_of(skill->type),
        .score = item->hit.score,
        .probability = (float)item->probability,
        .sentence_index = (uint32_t)sentence,
        .sentence_begin = span.begin,
        .sentence_end = span.end,
        .begin = span.begin + (uint32_t)place.begin,
        .end = span.begin + (uint32_t)place.end,
    };
    if (rules->with_text) out->text = (ss_slice){.data = ad->text.bytes + out->begin, .len = out->end - out->begin};
}

int ss_mentions_make(const ss_release *release, const ss_mention_rules *rules, const ss_ad_text *ad,
                     const ss_sentence_hits *hits, ss_span_finder *finder, ss_arena *arena, ss_record *record,
                     ss_error *err)
{
    size_t most = 0, at = 0;
    for (size_t s = 0; s < ad->sentence_count; s++) most += hits[s].count < rules->top ? hits[s].count : rules->top;
    ss_record_mention *mentions = ss_arena_alloc(arena, most * sizeof *mentions);
    if (!mentions) return ss_fail_memory(err, "writing mentions");
    for (size_t s = 0; s < ad->sentence_count; s++) {
        ss_span span = ad->sentences[s];
        if (!hits[s].count || !passes_gate(rules, hits[s].gate)) continue;
        if (ss_span_sentence(finder, ad->text.bytes + span.begin, span.end - span.begin, err)) return -1;
        kept items[SS_EXTRACT_HITS];
        size_t n = keep(release, rules, &hits[s], finder, items);
        for (size_t i = 0; i < n; i++) fill(release, rules, ad, s, &items[i], finder, &mentions[at++]);
    }
    record->mentions = mentions;
    record->mention_count = at;
    return 0;
}
