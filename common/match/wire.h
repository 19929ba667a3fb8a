/* wire.h - little-endian numbers and counted strings in blobs; for the blob formats of common/match only. */
#ifndef SKILLSTREAM_MATCH_WIRE_H
#define SKILLSTREAM_MATCH_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

int ss_wire_put_u32(ss_buffer *out, uint32_t value);
int ss_wire_put_string(ss_buffer *out, const char *string); /* length, then the bytes */

/* Bytes still to be read. After a read past the end `bad` is set and everything reads as zero. */
typedef struct ss_wire {
    const unsigned char *at, *end;
    int bad;
} ss_wire;

uint32_t ss_wire_u32(ss_wire *wire);
const char *ss_wire_string(ss_wire *wire, size_t *len); /* points into the blob; not NUL-terminated */

#endif
