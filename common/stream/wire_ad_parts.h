/* wire_ad_parts.h - the decoders behind ss_wire_decode_ad (inside common/stream).
 *
 * Both get trimmed, non-empty bytes within max_bytes and options without zeros, and fill *out from nothing.
 */
#ifndef SKILLSTREAM_STREAM_WIRE_AD_PARTS_H
#define SKILLSTREAM_STREAM_WIRE_AD_PARTS_H

#include "stream/wire_ad.h"

int ss_wire_ad_from_json(ss_slice value, const ss_wire_options *options, ss_arena *arena, ss_ad *out,
                         const char **reason, ss_error *err);
int ss_wire_ad_from_protobuf(ss_slice value, const ss_wire_options *options, ss_arena *arena, ss_ad *out,
                             const char **reason, ss_error *err);

/* Sets *reason and fails with SS_INPUT (SS_MEMORY, retry, for the reason "memory"). */
int ss_wire_refuse(const char **reason, const char *word, ss_error *err, const char *text);

/* Appends an attribute to list[0 .. *count), or replaces the value of the same key. The list has room. */
void ss_wire_set_attribute(ss_attribute *list, size_t *count, ss_attribute attribute);

/* Repairs keys and values; keys that are the same afterwards are one. -1 when the arena is exhausted. */
int ss_wire_repair_attributes(ss_attribute *list, size_t *count, ss_arena *arena);

#endif
