/* partners.h - which other skills are asked for together with one, for sentences of kind MULTI.
 *
 * Two partners, chosen by a hash of the skill's URI among the skills that share a rare word of the label (one that at
 * most 200 labels have), so that "bake pastries" meets other baking; where there are none, among all. Immutable once
 * made.
 */
#ifndef SKILLSTREAM_PRODUCER_PARTNERS_H
#define SKILLSTREAM_PRODUCER_PARTNERS_H

#include "match/taxonomy.h"

typedef struct ss_partners ss_partners;

ss_partners *ss_partners_new(const ss_taxonomy *taxonomy, ss_error *err);
void ss_partners_free(ss_partners *partners);

/* Writes up to 2 skills different from `skill` and each other; returns how many (fewer only in tiny taxonomies). */
size_t ss_partners_of(const ss_partners *partners, uint32_t skill, uint32_t out[2]);

#endif
