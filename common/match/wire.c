/* wire.c - see wire.h. */
#include "match/wire.h"

#include <string.h>

int ss_wire_put_u32(ss_buffer *out, uint32_t value)
{
    const unsigned char bytes[4] = {(unsigned char)value, (unsigned char)(value >> 8), (unsigned char)(value >> 16),
                                    (unsigned char)(value >> 24)};
    return ss_buffer_add(out, bytes, sizeof bytes);
}

int ss_wire_put_string(ss_buffer *out, const char *string)
{
    size_t len = strlen(string);
    if (len > UINT32_MAX || ss_wire_put_u32(out, (uint32_t)len)) return -1;
    return ss_buffer_add(out, string, len);
}

uint32_t ss_wire_u32(ss_wire *wire)
{
    if (wire->bad || wire->end - wire->at < 4) {
        wire->bad = 1;
        return 0;
    }
    const unsigned char *b = wire->at;
    wire->at += 4;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

const char *ss_wire_string(ss_wire *wire, size_t *len)
{
    *len = ss_wire_u32(wire);
    if (wire->bad || *len > (size_t)(wire->end - wire->at)) {
        wire->bad = 1;
        *len = 0;
        return "";
    }
    const char *out = (const char *)wire->at;
    wire->at += *len;
    return out;
}
