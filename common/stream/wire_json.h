/* wire_json.h - writing proto3 JSON, and the times in it (inside common/stream).
 *
 * Source: https://protobuf.dev/programming-guides/json/ and RFC 3339. Thread safe: no state.
 */
#ifndef SKILLSTREAM_STREAM_WIRE_JSON_H
#define SKILLSTREAM_STREAM_WIRE_JSON_H

#include "base/buffer.h"
#include "stream/ad.h"

/* Members of one object; commas are set where they belong. -1 when the buffer is exhausted. */
typedef struct ss_json_out {
    ss_buffer *out;
    int more; /* a member was written: the next one needs a comma */
} ss_json_out;

/* Each writes `"name":value` unless the value is the default (empty, 0). */
int ss_json_text(ss_json_out *json, const char *name, ss_slice text);
int ss_json_uint(ss_json_out *json, const char *name, uint64_t value); /* as a number: for up to 32 bits */
int ss_json_int(ss_json_out *json, const char *name, int64_t value);   /* as a number: for up to 32 bits */
int ss_json_int64(ss_json_out *json, const char *name, int64_t value); /* as a string, as proto3 JSON wants */
int ss_json_float(ss_json_out *json, const char *name, float value);
int ss_json_instant(ss_json_out *json, const char *name, ss_instant instant);
int ss_json_attributes(ss_json_out *json, const char *name, const ss_attribute *attributes, size_t count);
/* Writes the comma and `"name":`; the caller writes the value. */
int ss_json_name(ss_json_out *json, const char *name);

/* A JSON string with its quotes. */
int ss_json_string(ss_buffer *out, ss_slice text);

/* "2018-12-27T10:50:17+0000", "2018-12-27", "2014-10", "2014", with fractions, a blank for the T, any offset; without
 * one UTC. 1: *out is filled; 0: not a time of the years 1 to 9999 (*out is cleared). */
int ss_time_parse(ss_slice text, ss_instant *out);

/* RFC 3339 with 0, 3, 6 or 9 digits; out holds 40 bytes. 0, or -1 when the instant is outside the years 1 to 9999. */
int ss_time_format(ss_instant instant, char out[40]);

#endif
