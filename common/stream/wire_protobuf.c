/* wire_protobuf.c - see wire_protobuf.h.
 *
 * Reading never goes past the slice and never allocates. Writing a nested message first writes its fields and then
 * moves them up to make room for the length: messages here are a few hundred bytes, which costs less than computing
 * every size twice.
 */
#include "stream/wire_protobuf.h"

#include <string.h>

enum { MAX_VARINT = 10, FRAME_HEAD = 5 };

/* --- reading --- */

static int get_varint(ss_slice *from, uint64_t *value)
{
    uint64_t out = 0;
    for (size_t i = 0; i < from->len && i < MAX_VARINT; i++) {
        unsigned char byte = (unsigned char)from->data[i];
        if (i == MAX_VARINT - 1 && byte > 1) return -1; /* over 64 bits */
        out |= (uint64_t)(byte & 0x7F) << (7 * i);
        if (byte < 0x80) {
            from->data += i + 1;
            from->len -= i + 1;
            *value = out;
            return 0;
        }
    }
    return -1;
}

static int get_fixed(ss_slice *from, size_t bytes, uint64_t *value)
{
    if (from->len < bytes) return -1;
    *value = 0;
    for (size_t i = 0; i < bytes; i++) *value |= (uint64_t)(unsigned char)from->data[i] << (8 * i);
    from->data += bytes;
    from->len -= bytes;
    return 0;
}

int ss_wire_next(ss_slice *message, ss_wire_field *field)
{
    uint64_t tag, len;
    if (!message->len) return 0;
    if (get_varint(message, &tag) || tag > UINT32_MAX || tag >> 3 == 0) return -1;
    *field = (ss_wire_field){.number = (uint32_t)(tag >> 3), .type = (ss_wire_type)(tag & 7)};
    switch (field->type) {
    case SS_WIRE_VARINT: return get_varint(message, &field->value) ? -1 : 1;
    case SS_WIRE_FIXED64: return get_fixed(message, 8, &field->value) ? -1 : 1;
    case SS_WIRE_FIXED32: return get_fixed(message, 4, &field->value) ? -1 : 1;
    case SS_WIRE_BYTES:
        if (get_varint(message, &len) || len > message->len) return -1;
        field->bytes = (ss_slice){.data = message->data, .len = (size_t)len};
        message->data += len;
        message->len -= (size_t)len;
        return 1;
    }
    return -1;
}

int ss_wire_unframe(ss_slice *message, ss_wire_framing framing, int *framed)
{
    *framed = 0;
    if (framing == SS_WIRE_FRAMING_PLAIN) return 0;
    if (!message->len || message->data[0] != 0) return framing == SS_WIRE_FRAMING_CONFLUENT ? -1 : 0;
    if (message->len < FRAME_HEAD + 1) return -1;
    ss_slice rest = {.data = message->data + FRAME_HEAD, .len = message->len - FRAME_HEAD};
    /* Message index list: a zig-zag count, then that many zig-zag indexes; the single byte 0 is short for [0]. */
    uint64_t count, index;
    if (get_varint(&rest, &count) || (count & 1)) return -1;
    for (count /= 2; count; count--)
        if (get_varint(&rest, &index)) return -1;
    *message = rest;
    *framed = 1;
    return 0;
}

int ss_wire_get_instant(ss_slice message, ss_instant *instant)
{
    ss_wire_field field;
    int got;
    instant->has = 1;
    while ((got = ss_wire_next(&message, &field)) > 0) {
        if (field.type != SS_WIRE_VARINT) continue;
        if (field.number == 1) instant->seconds = (int64_t)field.value;
        if (field.number == 2) instant->nanos = (int32_t)(uint32_t)field.value;
    }
    return got;
}

int ss_wire_get_attribute(ss_slice message, ss_attribute *attribute)
{
    ss_wire_field field;
    int got;
    while ((got = ss_wire_next(&message, &field)) > 0) {
        if (field.type != SS_WIRE_BYTES) continue;
        if (field.number == 1) attribute->key = field.bytes;
        if (field.number == 2) attribute->value = field.bytes;
    }
    return got;
}

/* --- writing --- */

static size_t varint_bytes(uint64_t value, char out[MAX_VARINT])
{
    size_t n = 0;
    while (value >= 0x80) out[n++] = (char)(0x80 | (value & 0x7F)), value >>= 7;
    out[n++] = (char)value;
    return n;
}

static int put_raw_varint(ss_buffer *out, uint64_t value)
{
    char bytes[MAX_VARINT];
    return ss_buffer_add(out, bytes, varint_bytes(value, bytes));
}

static int put_tag(ss_buffer *out, uint32_t number, ss_wire_type type)
{
    return put_raw_varint(out, (uint64_t)number << 3 | (unsigned)type);
}

int ss_wire_put_frame(ss_buffer *out, const ss_wire_options *options)
{
    if (!options || options->framing != SS_WIRE_FRAMING_CONFLUENT) return 0;
    uint32_t id = (uint32_t)options->schema_id;
    const unsigned char head[FRAME_HEAD + 1] = {
        0, (unsigned char)(id >> 24), (unsigned char)(id >> 16), (unsigned char)(id >> 8), (unsigned char)id, 0};
    return ss_buffer_add(out, head, sizeof head);
}

int ss_wire_put_varint(ss_buffer *out, uint32_t number, uint64_t value)
{
    if (!value) return 0;
    return put_tag(out, number, SS_WIRE_VARINT) || put_raw_varint(out, value) ? -1 : 0;
}

int ss_wire_put_float(ss_buffer *out, uint32_t number, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (!bits) return 0; /* -0.0 has a bit set and is written, as protobuf does */
    const unsigned char bytes[4] = {(unsigned char)bits, (unsigned char)(bits >> 8), (unsigned char)(bits >> 16),
                                    (unsigned char)(bits >> 24)};
    return put_tag(out, number, SS_WIRE_FIXED32) || ss_buffer_add(out, bytes, sizeof bytes) ? -1 : 0;
}

int ss_wire_put_bytes(ss_buffer *out, uint32_t number, ss_slice bytes)
{
    if (!bytes.len) return 0;
    if (put_tag(out, number, SS_WIRE_BYTES) || put_raw_varint(out, bytes.len)) return -1;
    return ss_buffer_add(out, bytes.data, bytes.len);
}

int ss_wire_begin(ss_buffer *out, uint32_t number, size_t *mark)
{
    if (put_tag(out, number, SS_WIRE_BYTES)) return -1;
    *mark = out->len;
    return 0;
}

int ss_wire_end(ss_buffer *out, size_t mark)
{
    char prefix[MAX_VARINT];
    size_t body = out->len - mark, n = varint_bytes(body, prefix);
    if (!ss_buffer_reserve(out, n)) return -1;
    memmove(out->data + mark + n, out->data + mark, body);
    memcpy(out->data + mark, prefix, n);
    out->len += n;
    out->data[out->len] = 0;
    return 0;
}

int ss_wire_put_instant(ss_buffer *out, uint32_t number, ss_instant instant)
{
    size_t mark;
    if (!instant.has) return 0;
    if (ss_wire_begin(out, number, &mark) || ss_wire_put_varint(out, 1, (uint64_t)instant.seconds) ||
        ss_wire_put_varint(out, 2, (uint64_t)(int64_t)instant.nanos))
        return -1;
    return ss_wire_end(out, mark);
}

int ss_wire_put_attributes(ss_buffer *out, uint32_t number, const ss_attribute *attributes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t mark;
        if (ss_wire_begin(out, number, &mark) || ss_wire_put_bytes(out, 1, attributes[i].key) ||
            ss_wire_put_bytes(out, 2, attributes[i].value) || ss_wire_end(out, mark))
            return -1;
    }
    return 0;
}
