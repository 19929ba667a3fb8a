/* wire_record.h - ss_record -> protobuf bytes or proto3 JSON, and protobuf bytes -> ss_record.
 *
 * JSON is what google.protobuf's own MessageToJson writes, on one line: field
 * names in lowerCamelCase, fields with their default value left out, int64 as
 * strings, timestamps in RFC 3339 (0, 3, 6 or 9 digits of a second), floats as
 * the shortest decimal that reads back as the same float (not finite: "NaN",
 * "Infinity"). Field order is that of the field numbers; map entries keep the
 * order of the ad.
 *
 * Thread safe: no state.
 */
#ifndef SKILLSTREAM_STREAM_WIRE_RECORD_H
#define SKILLSTREAM_STREAM_WIRE_RECORD_H

#include <stddef.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "stream/record.h"
#include "stream/wire_ad.h"

/* The value of the Kafka header content-type on records. */
#define SS_WIRE_CONTENT_TYPE "application/x-protobuf"

/* Appends skillstream.v1.SkillRecord bytes, framed as options say (NULL = plain). Strings must be valid UTF-8.
 * -1 when the buffer's limit or memory is exhausted; then nothing was appended. */
int ss_wire_encode_record(const ss_record *record, const ss_wire_options *options, ss_buffer *out, ss_error *err);

/* Appends the record as one line of proto3 JSON, without newline. -1 as above. */
int ss_wire_record_json(const ss_record *record, ss_buffer *out, ss_error *err);

/* Decodes SkillRecord bytes (framed or not). Views point into `value` or `arena`. SS_INPUT when they are no record. */
int ss_wire_decode_record(const void *value, size_t len, ss_arena *arena, ss_record *out, ss_error *err);

#endif
