/* candidates.c - see candidates.h. Lists are short (tens), so plain scans do. */
#include "match/candidates.h"

static int holds_skill(const ss_hit *hits, size_t count, uint32_t skill)
{
    for (size_t i = 0; i < count; i++)
        if (hits[i].skill == skill) return 1;
    return 0;
}

static int is_in(const uint32_t *skills, size_t count, uint32_t skill)
{
    for (size_t i = 0; i < count; i++)
        if (skills[i] == skill) return 1;
    return 0;
}

/* Takes the last hit that is not named out of the list; 0 when all are. */
static int drop_last_unnamed(ss_hit *hits, size_t *count, const uint32_t *named, size_t named_count)
{
    for (size_t i = *count; i-- > 0;) {
        if (is_in(named, named_count, hits[i].skill)) continue;
        for (size_t k = i + 1; k < *count; k++) hits[k - 1] = hits[k];
        --*count;
        return 1;
    }
    return 0;
}

static void insert(ss_hit *hits, size_t *count, ss_hit hit)
{
    size_t at = (*count)++;
    while (at &&
           (hits[at - 1].score < hit.score || (hits[at - 1].score == hit.score && hits[at - 1].skill > hit.skill))) {
        hits[at] = hits[at - 1];
        at--;
    }
    hits[at] = hit;
}

static void insert_skill(const ss_skill_matrix *matrix, const float *vector, ss_hit *hits, size_t *count,
                         uint32_t skill)
{
    insert(hits, count, (ss_hit){.skill = skill, .score = ss_skill_matrix_score_of(matrix, skill, vector)});
}

size_t ss_candidates_add_worded(const ss_skill_matrix *matrix, const ss_worded *worded, const float *vector,
                                ss_hit *hits, size_t count, size_t room)
{
    for (size_t i = 0; i < worded->named_count; i++) {
        if (holds_skill(hits, count, worded->named[i])) continue;
        if (count == room && !drop_last_unnamed(hits, &count, worded->named, worded->named_count)) break;
        insert_skill(matrix, vector, hits, &count, worded->named[i]);
    }
    for (size_t i = 0; i < worded->overlapping_count && count < room; i++)
        if (!holds_skill(hits, count, worded->overlapping[i]))
            insert_skill(matrix, vector, hits, &count, worded->overlapping[i]);
    return count;
}

void ss_candidates_evidence(const ss_ranking *ranking, const ss_span_finder *finder, float gate, const ss_hit *hits,
                            size_t count, ss_evidence *out)
{
    uint32_t named[SS_SPAN_NAMED_ROOM];
    double scores[SS_CANDIDATES_MOST];
    size_t named_count = ss_span_named(finder, named, SS_SPAN_NAMED_ROOM);
    if (count > SS_CANDIDATES_MOST) count = SS_CANDIDATES_MOST;
    for (size_t i = 0; i < count; i++) {
        out[i] = (ss_evidence){.score = hits[i].score,
                               .overlap = ss_span_overlap(finder, hits[i].skill),
                               .gate = gate,
                               .named = is_in(named, named_count, hits[i].skill)};
        scores[i] = ss_ranking_score(ranking, out[i].score, out[i].named, out[i].overlap);
    }
    for (size_t i = 0; i < count; i++) {
        size_t before = 0;
        for (size_t k = 0; k < count; k++)
            before += scores[k] > scores[i] || (scores[k] == scores[i] && hits[k].skill < hits[i].skill);
        out[i].place = 1.0f / (float)(1 + before);
    }
}
