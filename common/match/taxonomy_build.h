/* taxonomy_build.h - how a taxonomy comes to be; for taxonomy*.c only.
 *
 * A reader makes an empty taxonomy, adds skills whose strings lie in its arena, and finishes it; from then on it is
 * immutable.
 */
#ifndef SKILLSTREAM_MATCH_TAXONOMY_BUILD_H
#define SKILLSTREAM_MATCH_TAXONOMY_BUILD_H

#include "base/arena.h"
#include "match/taxonomy.h"

enum { SS_TAXONOMY_MAX_ALTERNATIVES = 1000 };

/* Slots hold skill numbers; open addressing. */
typedef struct ss_skill_table {
    uint32_t *slots;
    size_t mask;
} ss_skill_table;

struct ss_taxonomy {
    ss_arena arena; /* every string, alternative list and table */
    ss_skill *skills;
    size_t count, room;
    const char *name, *version;
    ss_skill_table by_uri, by_label, by_trimmed_label;
};

ss_taxonomy *ss_taxonomy_new(ss_error *err);

/* Appends a skill; its strings must be in the arena. */
int ss_taxonomy_add(ss_taxonomy *taxonomy, ss_skill skill, ss_error *err);

/* Builds the tables. 0; -1 without memory; 1 if two skills have the same URI, whose numbers are then in twins. */
int ss_taxonomy_finish(ss_taxonomy *taxonomy, uint32_t twins[2], ss_error *err);

#endif
