/* mention.c - see mention.h. Hits come by falling score and probability is monotone in it, so the first hit under the
 * threshold ends a sentence. */
#include "worker/extract/mention.h"

#include <string.h>

static ss_slice slice_of(const char *text)
{
    return (ss_slice){.data = text, .len = strlen(text)};
}

static double probability(const ss_release *release, double score)
{
    return ss_calibration_probability(&ss_release_manifest(release)->calibration, score);
}

/* Hits of one sentence that are kept. */
static size_t kept(const ss_release *release, const ss_mention_rules *rules, const ss_sentence_hits *hits)
{
    size_t n = 0;
    while (n < hits->count && n < rules->top && probability(release, (double)hits->hits[n].score) >= rules->threshold)
        n++;
    return n;
}

static void fill(const ss_release *release, const ss_mention_rules *rules, const ss_ad_text *ad, size_t sentence,
                 ss_hit_value hit, const ss_span_finder *finder, ss_record_mention *out)
{
    ss_span span = ad->sentences[sentence];
    const ss_skill *skill = ss_taxonomy_skill(ss_release_taxonomy(release), hit.skill);
    ss_label_span place = ss_span_find(finder, hit.skill);
    *out = (ss_record_mention){
        .skill_uri = slice_of(skill->uri),
        .label = slice_of(skill->label),
        .skill_type = slice_of(skill->type),
        .score = hit.score,
        .probability = (float)probability(release, (double)hit.score),
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
    size_t total = 0;
    for (size_t s = 0; s < ad->sentence_count; s++) total += kept(release, rules, &hits[s]);
    ss_record_mention *mentions = ss_arena_alloc(arena, total * sizeof *mentions);
    if (!mentions) return ss_fail_memory(err, "writing mentions");
    size_t at = 0;
    for (size_t s = 0; s < ad->sentence_count; s++) {
        size_t n = kept(release, rules, &hits[s]);
        ss_span span = ad->sentences[s];
        if (n && ss_span_sentence(finder, ad->text.bytes + span.begin, span.end - span.begin, err)) return -1;
        for (size_t i = 0; i < n; i++) fill(release, rules, ad, s, hits[s].hits[i], finder, &mentions[at++]);
    }
    record->mentions = mentions;
    record->mention_count = total;
    return 0;
}
