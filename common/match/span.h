/* span.h - where in the sentence a skill is named.
 *
 * A mention's span is the literal label or alternative label of its skill where one stands in the sentence: compared
 * without case and accents, any run of blanks as one, at word borders. The longest label wins, then the leftmost place.
 * Where none stands, the span is the whole sentence.
 *   - A final bracket of a label may be missing: "Java (computer programming)" is found as "Java".
 *   - A plural "s" behind a label belongs to it.
 *   - Borders know technical names: "C" does not stand in "C++", "C#" or "C.I.", "Node" not in "Node.js", but
 *     "C++" stands in "C++17" and ".NET" in "C#/.NET".
 *
 * A sentence is folded once (ss_span_sentence) and then asked for each of its hits.
 * ss_span_labels is immutable and shared; an ss_span_finder belongs to one thread.
 */
#ifndef SKILLSTREAM_MATCH_SPAN_H
#define SKILLSTREAM_MATCH_SPAN_H

#include <stddef.h>

#include "base/error.h"
#include "match/taxonomy.h"

typedef struct ss_label_span {
    size_t begin, end; /* bytes in the sentence, end exclusive */
    int literal;       /* 1: a label stands there; 0: the whole sentence */
} ss_label_span;

typedef struct ss_span_finder ss_span_finder;

/* Folds the labels of the taxonomy once, for all threads; the taxonomy may go away afterwards. */
typedef struct ss_span_labels ss_span_labels;
ss_span_labels *ss_span_labels_new(const ss_taxonomy *taxonomy, ss_error *err);
void ss_span_labels_free(ss_span_labels *labels);

/* Borrows the labels. */
ss_span_finder *ss_span_finder_new(const ss_span_labels *labels, ss_error *err);
void ss_span_finder_free(ss_span_finder *finder);

/* Takes a sentence (UTF-8; malformed bytes match nothing). The bytes must stay until the last question about it. -1
 * only when memory is out. */
int ss_span_sentence(ss_span_finder *finder, const char *text, size_t len, ss_error *err);

/* The span of a skill in the sentence taken last. Cannot fail. */
ss_label_span ss_span_find(const ss_span_finder *finder, uint32_t skill);

/* The skills whose preferred label, with or without its final bracket, stands in the sentence taken last: literally, on
 * word borders, as above. Alternative labels do not count: many are everyday words ("lead", "plan"), and measured on
 * real ads 3 % of them meant their skill, of preferred labels 55 %. A one-word name that is also
 * an everyday word ("Source (digital game ...)", see everyday_words.h), or that without its bracket has at most three
 * characters ("Go (computer programming)"), must be written in the same case. Writes at most `max` different skills, in
 * the order of their places, and returns how many. */
enum { SS_SPAN_NAMED_ROOM = 64 }; /* room for callers' arrays: no sentence of an ad names as many */
size_t ss_span_named(const ss_span_finder *finder, uint32_t *skills, size_t max);

/* How much of a skill's names stands in the sentence taken last, word by word: 0 or more, some 3 for a whole name of
 * one rare word. overlap.h has the formula. */
float ss_span_overlap(const ss_span_finder *finder, uint32_t skill);

/* Both kinds of skills whose words stand in a sentence. Arrays of the caller's. */
enum { SS_SPAN_OVERLAPPING = 8 };
typedef struct ss_worded {
    const uint32_t *named;       /* (named_count) as ss_span_named */
    const uint32_t *overlapping; /* (overlapping_count) those with the largest overlaps, by falling overlap, equal ones
                                    by number; none with 0 */
    const float *overlaps;       /* (overlapping_count) */
    size_t named_count, overlapping_count;
} ss_worded;

typedef struct ss_worded_room {
    uint32_t named[SS_SPAN_NAMED_ROOM], overlapping[SS_SPAN_OVERLAPPING];
    float overlaps[SS_SPAN_OVERLAPPING];
} ss_worded_room;

/* Of the sentence taken last; the result points into `room`. Some ten microseconds. */
ss_worded ss_span_worded(ss_span_finder *finder, ss_worded_room *room);

/* Adds weight * overlap to the score of every skill (scores: one per skill of the taxonomy). */
void ss_span_add_overlaps(ss_span_finder *finder, float weight, float *scores);

#endif
