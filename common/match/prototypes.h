/* prototypes.h - which texts of a skill are embedded.
 *
 * A skill is found through its prototypes: its preferred label and, by option, its alternative labels and its
 * description. Measured with a trained encoder (validation, RP@5): label alone 68.4 / 51.0, label and alternatives
 * with the score "mean-label-best" 71.2 / 54.9, with description 70.0 / 52.5 (TECH / HOUSE).
 */
#ifndef SKILLSTREAM_MATCH_PROTOTYPES_H
#define SKILLSTREAM_MATCH_PROTOTYPES_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "match/taxonomy.h"

/* Kinds are bits of a set. */
typedef enum ss_prototype_kind {
    SS_PROTOTYPE_LABEL = 1,
    SS_PROTOTYPE_ALTERNATIVE = 2,
    SS_PROTOTYPE_DESCRIPTION = 4
} ss_prototype_kind;

#define SS_PROTOTYPE_TEXT 40 /* longest text of a set, with NUL */

/* "label,alternatives,description" -> set. "label" must be in it: a skill must have at least one prototype.
 * SS_USAGE names the unknown word and the known ones. */
int ss_prototype_kinds_parse(const char *text, unsigned *kinds, ss_error *err);

/* The set as text, in the order above. */
void ss_prototype_kinds_text(unsigned kinds, char out[SS_PROTOTYPE_TEXT]);

/* The word of one kind: "label", "alternatives", "description". */
const char *ss_prototype_kind_word(ss_prototype_kind kind);

typedef struct ss_prototype {
    uint32_t skill;
    ss_prototype_kind kind;
    const char *text; /* the taxonomy's own string */
} ss_prototype;

typedef struct ss_prototypes {
    ss_prototype *items; /* by skill, then label, alternatives in order, description */
    size_t count;
} ss_prototypes;

/* All prototypes of a taxonomy, which must outlive them. Every skill's first one is its label, whatever `kinds` says.
 */
int ss_prototypes_list(const ss_taxonomy *taxonomy, unsigned kinds, ss_prototypes *out, ss_error *err);
void ss_prototypes_free(ss_prototypes *prototypes);

#endif
