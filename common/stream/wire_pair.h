/* wire_pair.h - training pairs: protobuf bytes, proto3 JSON, the JSON lines people write, and the id.
 *
 * On the topic `training-pairs` a pair is skillstream.v1.TrainingPair, Kafka key = its first skill URI, or its id where
 * there is none. In files it is one JSON object a line, in one of these forms:
 *     proto3 JSON of TrainingPair      lowerCamelCase or the proto's own names; `kind` as name or number
 *     {"sentence","skill"}             `skill` a URI or a preferred label, or a list of them; empty, null or absent:
 *                                      no skill; `kind`, `language`, `model` ... are read if they are there
 *     {"sentence","label"}             the same under another name (with both, `skill` counts)
 * What a skill's text means (URI or label) only a taxonomy can tell: the line reader hands it on as it stands, and its
 * caller looks it up. CSV files (`sentence,skill`) are read by producer/pairs_input.h, which does both.
 *
 * Id: 32 hex digits, the first half of the SHA-256 over the skill URIs in order, the sentence and the prompt version,
 * each with its length in front. So the same sentence from the same prompt for the same skill has the same id, whoever
 * makes it and when.
 *
 * Thread safe: no state; one arena per thread.
 */
#ifndef SKILLSTREAM_STREAM_WIRE_PAIR_H
#define SKILLSTREAM_STREAM_WIRE_PAIR_H

#include <stddef.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "stream/pair.h"

enum {
    SS_PAIR_ID = 32,                  /* characters, without the NUL */
    SS_PAIR_MAX_SKILLS = 64,          /* of one pair */
    SS_PAIR_MAX_SENTENCE = 16 * 1024, /* bytes */
    SS_PAIR_MAX_LINE = 64 * 1024      /* bytes of a line that can hold a pair */
};

/* The id that belongs to skill_uris, sentence and prompt_version. -1 only when memory is out. */
int ss_pair_make_id(const ss_pair *pair, char id[SS_PAIR_ID + 1], ss_error *err);

/* The Kafka key: first skill URI, or the id. */
ss_slice ss_pair_key(const ss_pair *pair);

/* "LITERAL", "IMPLIED", "MULTI", "NONE", "KIND_UNSPECIFIED". Static storage. */
const char *ss_pair_kind_word(ss_pair_kind kind);
/* The kind of that name, whatever its case; -1 when there is none. */
int ss_pair_kind_parse(ss_slice word, ss_pair_kind *kind);

/* Appends TrainingPair bytes. Strings must be valid UTF-8. -1 (SS_LIMIT) when the buffer is exhausted; then nothing was
 * appended. */
int ss_wire_encode_pair(const ss_pair *pair, ss_buffer *out, ss_error *err);

/* Decodes TrainingPair bytes, with or without a Schema Registry frame. Views point into `value` or `arena`; broken
 * UTF-8 is repaired. SS_INPUT: no TrainingPair, or one without a sentence. */
int ss_wire_decode_pair(const void *value, size_t len, ss_arena *arena, ss_pair *out, ss_error *err);

/* Appends the pair as one line of proto3 JSON, without newline. -1 as above. */
int ss_wire_pair_json(const ss_pair *pair, ss_buffer *out, ss_error *err);

/* Reads one line of a file in any of the forms above. Everything is copied to the arena. SS_INPUT says what is wrong
 * (not JSON, no sentence, a kind that does not exist ...); fields that are missing stay empty. */
int ss_wire_read_pair(const char *line, size_t len, ss_arena *arena, ss_pair *out, ss_error *err);

#endif
