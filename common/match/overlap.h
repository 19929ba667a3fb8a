/* overlap.h - how much of a skill's names stands in a sentence, word by word; internal to span.h.
 *
 * Vectors see what a sentence means and blur what it says: "CNC lathe" is near to every machining skill. Words see the
 * opposite. Overlap is the evidence of words:
 *
 *   overlap(sentence, skill) = max over its names n of  (M / T) * sqrt(M)
 *     T  the weights of the different words of n, summed; M  of those that stand in the sentence
 *     weight(w) = ln((skills + 1) / (skills with w in a name or in the description, + 1))     nats; 0 below 0.5
 *
 * The first factor is the share of the name that is there, the second grows with how much that says. A weight is an
 * inverse document frequency (Sparck Jones 1972) of the taxonomy's own texts, so words like "of" need no list. Words
 * are runs of letters, digits, '+' and '#', joined by a '.' between them, without case and accents, and cut to their
 * stem by Snowball's English rules (snowballstem.org); in another language the same rules cut names and sentences
 * alike. Names are preferred and alternative labels, without a final bracket.
 *
 * The index is immutable and shared; a scratch is one thread's.
 */
#ifndef SKILLSTREAM_MATCH_OVERLAP_H
#define SKILLSTREAM_MATCH_OVERLAP_H

#include <stddef.h>
#include <stdint.h>

#include "match/span_fold.h"
#include "match/taxonomy.h"

typedef struct ss_overlap_index ss_overlap_index;
typedef struct ss_overlap_scratch ss_overlap_scratch;

/* The taxonomy may go away afterwards. NULL without memory. */
ss_overlap_index *ss_overlap_index_new(const ss_taxonomy *taxonomy);
void ss_overlap_index_free(ss_overlap_index *index);

/* Borrows the index. NULL without memory. */
ss_overlap_scratch *ss_overlap_scratch_new(const ss_overlap_index *index);
void ss_overlap_scratch_free(ss_overlap_scratch *scratch);

/* Takes the words of a folded sentence. -1 without memory: then it has none. */
int ss_overlap_take(ss_overlap_scratch *scratch, const ss_folded *sentence);

/* Overlap of one skill with the sentence taken last, 0 or more. A microsecond or so. */
float ss_overlap_of(const ss_overlap_scratch *scratch, uint32_t skill);

/* All skills that share a word with it: *skills (borrowed until the next call) in no order, and how many. Then
 * ss_overlap_found gives their overlap without computing it again. */
size_t ss_overlap_all(ss_overlap_scratch *scratch, const uint32_t **skills);
float ss_overlap_found(const ss_overlap_scratch *scratch, uint32_t skill);

typedef struct ss_overlap_hit {
    uint32_t skill;
    float overlap;
} ss_overlap_hit;

/* The at most `max` skills that overlap most, by falling overlap, equal ones by number: out (max). Returns how many.
 * Several times faster than ss_overlap_all. */
size_t ss_overlap_best(ss_overlap_scratch *scratch, ss_overlap_hit *out, size_t max);

#endif
