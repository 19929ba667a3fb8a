/* wire_protobuf.h - the protobuf wire format, field by field (inside common/stream).
 *
 * Why not protobuf-c for ads and records: its strings are NUL-terminated, so a NUL in an ad would cut the ad off
 * without a word, and it copies every string with a malloc. Here a field is a view into the message. The tests hold
 * both sides against protobuf-c and against Python's protobuf.
 *
 * Source: https://protobuf.dev/programming-guides/encoding/ ; groups (types 3 and 4) are refused, as proto3 has none.
 */
#ifndef SKILLSTREAM_STREAM_WIRE_PROTOBUF_H
#define SKILLSTREAM_STREAM_WIRE_PROTOBUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "stream/ad.h"
#include "stream/wire_ad.h"

typedef enum ss_wire_type {
    SS_WIRE_VARINT = 0,
    SS_WIRE_FIXED64 = 1,
    SS_WIRE_BYTES = 2,
    SS_WIRE_FIXED32 = 5
} ss_wire_type;

typedef struct ss_wire_field {
    uint32_t number;
    ss_wire_type type;
    uint64_t value; /* of varint and fixed types */
    ss_slice bytes; /* of SS_WIRE_BYTES */
} ss_wire_field;

/* Takes the next field off the front of *message: 1, 0 at the end, -1 when the bytes are no protobuf. */
int ss_wire_next(ss_slice *message, ss_wire_field *field);

/* The message behind a Confluent frame, or all of it. *framed says which. -1: the frame is required and missing. */
int ss_wire_unframe(ss_slice *message, ss_wire_framing framing, int *framed);

/* Writers: proto3 rules, so default values are left out. 0, or -1 when the buffer is exhausted. */
int ss_wire_put_frame(ss_buffer *out, const ss_wire_options *options);
int ss_wire_put_varint(ss_buffer *out, uint32_t number, uint64_t value);
int ss_wire_put_float(ss_buffer *out, uint32_t number, float value);
int ss_wire_put_bytes(ss_buffer *out, uint32_t number, ss_slice bytes);

/* A nested message: begin, write its fields, end with what begin stored. An empty one is written too (it is present).
 */
int ss_wire_begin(ss_buffer *out, uint32_t number, size_t *mark);
int ss_wire_end(ss_buffer *out, size_t mark);

/* The two nested messages that ads and records share. */
int ss_wire_put_instant(ss_buffer *out, uint32_t number, ss_instant instant);
int ss_wire_put_attributes(ss_buffer *out, uint32_t number, const ss_attribute *attributes, size_t count);
/* Both -1 when the bytes are no protobuf. Fields merge into *instant, as proto3 wants. */
int ss_wire_get_instant(ss_slice message, ss_instant *instant);
int ss_wire_get_attribute(ss_slice message, ss_attribute *attribute);

#endif
