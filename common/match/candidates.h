/* candidates.h - which skills are considered for a sentence: the nearest ones, and those whose words it has.
 *
 * The nearest come from ss_skill_matrix_top. A skill whose preferred label stands in the sentence is always considered,
 * with its true score, however far down the ranking it is: a sentence that lists ten tools is near to none of them. So
 * are the SS_SPAN_OVERLAPPING skills of which most stands there word by word, as long as there is room.
 */
#ifndef SKILLSTREAM_MATCH_CANDIDATES_H
#define SKILLSTREAM_MATCH_CANDIDATES_H

#include <stddef.h>

#include "match/calibration.h"
#include "match/skill_matrix.h"
#include "match/span.h"

enum {
    SS_CANDIDATES_NEAREST = 20, /* of the matrix; the other places are for skills whose words stand there */
    SS_CANDIDATES_MOST = 32
};

/* Adds the skills whose words stand in the sentence (ss_span_worded) to the `count` hits in `hits`, which has room for
 * `room` (at least count); in a full list named ones take the places of the last hits that are not named. The list
 * stays sorted by falling score, equal scores by skill number. vector (D) is the sentence's. Returns the new count. */
size_t ss_candidates_add_worded(const ss_skill_matrix *matrix, const ss_worded *worded, const float *vector,
                                ss_hit *hits, size_t count, size_t room);

/* What is known of each of a sentence's `count` candidates (at most SS_CANDIDATES_MOST): out (count). `gate` is the
 * sentence's logit, or 0. The finder has taken the sentence. */
void ss_candidates_evidence(const ss_ranking *ranking, const ss_span_finder *finder, float gate, const ss_hit *hits,
                            size_t count, ss_evidence *out);

#endif
