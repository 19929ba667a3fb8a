/* pair.h - one training example: a sentence and the skills it speaks of.
 *
 * The same fields as the proto message skillstream.v1.TrainingPair, as views that own nothing (see ad.h). The producer
 * fills one per sentence, the trainer gets one per message; wire_pair.h is the way between them and bytes.
 */
#ifndef SKILLSTREAM_STREAM_PAIR_H
#define SKILLSTREAM_STREAM_PAIR_H

#include <stddef.h>
#include <stdint.h>

#include "stream/ad.h"

/* Numbers as in the proto enum TrainingPair.Kind. */
typedef enum ss_pair_kind {
    SS_PAIR_UNSPECIFIED = 0,
    SS_PAIR_LITERAL = 1, /* names its skill */
    SS_PAIR_IMPLIED = 2, /* describes a duty that needs it */
    SS_PAIR_MULTI = 3,   /* several skills in one sentence */
    SS_PAIR_NONE = 4     /* no skill at all */
} ss_pair_kind;

#define SS_PAIR_KINDS 5

typedef struct ss_pair {
    ss_slice id;
    ss_slice sentence;
    const ss_slice *skill_uris; /* the first one is the skill that was asked for; none: a sentence without skill */
    size_t skill_count;
    ss_pair_kind kind;
    ss_slice language;       /* "en" */
    ss_slice model;          /* the language model that wrote it; empty for replayed sets */
    ss_slice prompt_version; /* "literal-line.1"; empty for replayed sets */
    uint32_t rank; /* of its first skill for this sentence under a reference encoder, from 1; 0 = not ranked */
    ss_instant created_at;
} ss_pair;

#endif
