/* span_parts.h - the inside of span.h, shared by span.c (where a given skill is named) and span_named.c (which skills
 * are). */
#ifndef SKILLSTREAM_MATCH_SPAN_PARTS_H
#define SKILLSTREAM_MATCH_SPAN_PARTS_H

#include "base/arena.h"
#include "match/overlap.h"
#include "match/span.h"
#include "match/span_fold.h"

typedef struct ss_folded_label {
    const char *text;
    size_t len;
} ss_folded_label;

/* A preferred label in the index of span_named.c. */
typedef struct ss_named_label {
    const char *text; /* folded */
    const char *same; /* not NULL: the sentence's own bytes must equal this label's */
    uint32_t len, same_len;
    uint32_t skill;
    uint32_t next; /* index + 1 in the same slot, 0 = end */
} ss_named_label;

typedef struct ss_named_index {
    ss_named_label *labels;
    size_t count;
    uint32_t *slots; /* index + 1 by hash of the first word */
    size_t slot_count;
} ss_named_index;

struct ss_span_labels {
    ss_arena arena;
    ss_folded_label *labels;
    size_t count;
    size_t *first; /* (skills + 1) labels first[s] .. first[s+1]-1 are of skill s, longest first */
    size_t skills;
    ss_named_index named;
    ss_overlap_index *overlap;
};

struct ss_span_finder {
    const ss_span_labels *labels;
    ss_folded sentence;
    ss_overlap_scratch *overlap;
    const char *source; /* the sentence's own bytes */
    size_t len;
};

/* Length of a label without its final bracket, or 0 if it has none or is nothing but that. */
size_t ss_label_without_bracket(const char *text, size_t len);

/* 1 if a label that begins at `at` is not the tail of a longer name: "js" in "Node.js", "net" in ".NET". */
int ss_span_begins_word(const ss_folded *in, size_t at);

/* Where the label that ends before `at` ends, its plural "s" included; 0 if it ends inside a word. */
size_t ss_span_end_of_word(const ss_folded *in, size_t at);

/* Builds and frees the index; texts are in labels->arena. -1 without memory. */
int ss_named_index_build(ss_span_labels *labels, const ss_taxonomy *taxonomy);
void ss_named_index_free(ss_named_index *index);

#endif
