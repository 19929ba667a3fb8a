/* pair_check.h - may this pair be trained on? Skills become numbers of the taxonomy, or the pair a reason.
 *
 * Reasons (one word, for dead letters, metrics and reports):
 *   empty-sentence    nothing but white space
 *   long-sentence     more bytes than the limit
 *   unknown-skill     a skill that is neither a URI nor a preferred label of the taxonomy
 *   no-skill          no skill, though its kind says that there is one
 *   skill-of-none     a skill, though its kind is NONE
 * A pair without kind and without skill counts as NONE.
 */
#ifndef SKILLSTREAM_WORKER_TRAIN_PAIR_CHECK_H
#define SKILLSTREAM_WORKER_TRAIN_PAIR_CHECK_H

#include "base/hash.h"
#include "match/taxonomy.h"
#include "stream/pair.h"
#include "stream/wire_pair.h"

typedef struct ss_checked_pair {
    ss_hash128 id;                /* of the pair's id, or of made_id */
    char made_id[SS_PAIR_ID + 1]; /* of a pair without id: what its sentence and its skills' URIs make; else "" */
    ss_slice sentence;            /* without white space at both ends; a view into the pair */
    uint32_t skills[SS_PAIR_MAX_SKILLS];
    size_t skill_count; /* distinct, in order; 0 = NONE */
    ss_pair_kind kind;
} ss_checked_pair;

typedef struct ss_pair_fault {
    const char *reason; /* static */
    char text[160];     /* a sentence for people, without the pair's sentence */
} ss_pair_fault;

/* 0: fine; 1: refused, *fault says why; -1: memory is out. */
int ss_pair_check(const ss_pair *pair, const ss_taxonomy *taxonomy, size_t max_sentence, ss_checked_pair *out,
                  ss_pair_fault *fault, ss_error *err);

#endif
