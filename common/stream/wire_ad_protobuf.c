/* wire_ad_protobuf.c - skillstream.v1.JobAd <-> ss_ad (proto/skillstream/v1/job_ad.proto).
 *
 * Decoding makes two passes: the first proves that every field is well-formed and counts the attributes, so that the
 * second can fill an array of the right size. Strings stay where they are unless they need repair. What is not in the
 * schema is skipped; but bytes in which not a single field of the schema occurs are no JobAd, they only happen to parse
 * (about one in thirty random short strings does).
 */
#include "stream/wire_ad.h"

#include "stream/wire_ad_parts.h"
#include "stream/wire_protobuf.h"
#include "stream/wire_text.h"

/* Field numbers of JobAd; a unit test holds them against the generated descriptor. */
enum {
    AD_ID = 1,
    AD_TITLE = 2,
    AD_BODY = 3,
    AD_BODY_FORMAT = 4,
    AD_LANGUAGE = 5,
    AD_EMPLOYER = 6,
    AD_LOCATION = 7,
    AD_POSTED_AT = 8,
    AD_SOURCE_URL = 9,
    AD_ATTRIBUTES = 10
};

static int is_known(const ss_wire_field *field)
{
    if (field->number == AD_BODY_FORMAT) return field->type == SS_WIRE_VARINT;
    return field->number <= AD_ATTRIBUTES && field->type == SS_WIRE_BYTES;
}

/* -1: no protobuf, or none of ours. */
static int survey(ss_slice message, size_t *attributes)
{
    ss_wire_field field;
    size_t known = 0;
    int got;
    *attributes = 0;
    while ((got = ss_wire_next(&message, &field)) > 0) {
        known += (size_t)is_known(&field);
        *attributes += field.number == AD_ATTRIBUTES && field.type == SS_WIRE_BYTES;
    }
    return got == 0 && known ? 0 : -1;
}

static ss_body_format format_of(uint64_t value)
{
    return value == SS_BODY_TEXT || value == SS_BODY_HTML ? (ss_body_format)value : SS_BODY_UNSPECIFIED;
}

/* Fills the ad; 0 or -1 when a nested message is no protobuf. */
static int fill(ss_slice message, ss_ad *ad, ss_attribute *list)
{
    ss_wire_field field;
    while (ss_wire_next(&message, &field) > 0) {
        if (!is_known(&field)) continue;
        ss_attribute attribute = {0};
        switch (field.number) {
        case AD_ID: ad->id = field.bytes; break;
        case AD_TITLE: ad->title = field.bytes; break;
        case AD_BODY: ad->body = field.bytes; break;
        case AD_BODY_FORMAT: ad->body_format = format_of(field.value); break;
        case AD_LANGUAGE: ad->language = field.bytes; break;
        case AD_EMPLOYER: ad->employer = field.bytes; break;
        case AD_LOCATION: ad->location = field.bytes; break;
        case AD_POSTED_AT:
            if (ss_wire_get_instant(field.bytes, &ad->posted_at)) return -1;
            break;
        case AD_SOURCE_URL: ad->source_url = field.bytes; break;
        case AD_ATTRIBUTES:
            if (ss_wire_get_attribute(field.bytes, &attribute)) return -1;
            ss_wire_set_attribute(list, &ad->attribute_count, attribute);
            break;
        default: break;
        }
    }
    ad->attributes = list;
    return 0;
}

static int repair_all(ss_ad *ad, ss_attribute *list, ss_arena *arena)
{
    /* The body stays as it came: the text module repairs it with a map back to these bytes. */
    ss_slice *texts[] = {&ad->id, &ad->title, &ad->language, &ad->employer, &ad->location, &ad->source_url};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (ss_wire_repair(arena, texts[i])) return -1;
    return ss_wire_repair_attributes(list, &ad->attribute_count, arena);
}

int ss_wire_ad_from_protobuf(ss_slice value, const ss_wire_options *options, ss_arena *arena, ss_ad *out,
                             const char **reason, ss_error *err)
{
    size_t attributes;
    int framed;
    if (ss_wire_unframe(&value, options->framing, &framed))
        return ss_wire_refuse(reason, "bad-protobuf", err, "the Schema Registry frame is missing or cut off");
    if (survey(value, &attributes))
        return ss_wire_refuse(reason, "bad-protobuf", err, "the bytes are not a skillstream.v1.JobAd");
    if (attributes > options->max_attributes)
        return ss_wire_refuse(reason, "too-large", err, "the ad has more attributes than allowed");
    ss_attribute *list = ss_arena_calloc(arena, attributes, sizeof *list);
    if (!list) return ss_wire_refuse(reason, "memory", err, "decoding an ad");
    if (fill(value, out, list))
        return ss_wire_refuse(reason, "bad-protobuf", err, "a nested message of the JobAd is cut off");
    if (repair_all(out, list, arena)) return ss_wire_refuse(reason, "memory", err, "decoding an ad");
    return 0;
}

int ss_wire_encode_ad(const ss_ad *ad, const ss_wire_options *options, ss_buffer *out, ss_error *err)
{
    size_t before = out->len;
    if (ss_wire_put_frame(out, options) || ss_wire_put_bytes(out, AD_ID, ad->id) ||
        ss_wire_put_bytes(out, AD_TITLE, ad->title) || ss_wire_put_bytes(out, AD_BODY, ad->body) ||
        ss_wire_put_varint(out, AD_BODY_FORMAT, (uint64_t)ad->body_format) ||
        ss_wire_put_bytes(out, AD_LANGUAGE, ad->language) || ss_wire_put_bytes(out, AD_EMPLOYER, ad->employer) ||
        ss_wire_put_bytes(out, AD_LOCATION, ad->location) || ss_wire_put_instant(out, AD_POSTED_AT, ad->posted_at) ||
        ss_wire_put_bytes(out, AD_SOURCE_URL, ad->source_url) ||
        ss_wire_put_attributes(out, AD_ATTRIBUTES, ad->attributes, ad->attribute_count)) {
        out->len = before;
        if (out->starved) return ss_fail_memory(err, "writing an ad");
        return ss_fail(err, SS_LIMIT, "an ad is larger than the buffer of %zu bytes", out->limit);
    }
    return 0;
}
