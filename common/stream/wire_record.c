/* wire_record.c - skillstream.v1.SkillRecord <-> ss_record (proto/skillstream/v1/skill_record.proto), and its JSON.
 *
 * Encoding appends to one buffer and takes nothing else; when the buffer is exhausted it goes back to where it was, so
 * a caller may collect many records in one buffer. Decoding makes two passes as wire_ad_protobuf.c does.
 */
#include "stream/wire_record.h"

#include <string.h>

#include "stream/wire_ad_parts.h"
#include "stream/wire_json.h"
#include "stream/wire_protobuf.h"
#include "stream/wire_text.h"

/* Field numbers; a unit test holds them against the generated descriptors. */
enum {
    RECORD_AD_ID = 1,
    RECORD_MENTIONS = 2,
    RECORD_RELEASE = 3,
    RECORD_TAXONOMY = 4,
    RECORD_OPTIONS_DIGEST = 5,
    RECORD_SOURCE = 6,
    RECORD_SENTENCE_COUNT = 7,
    RECORD_SCORED_SENTENCE_COUNT = 8,
    RECORD_TITLE = 9,
    RECORD_LANGUAGE = 10,
    RECORD_EMPLOYER = 11,
    RECORD_LOCATION = 12,
    RECORD_POSTED_AT = 13,
    RECORD_ATTRIBUTES = 14,
    RECORD_SOURCE_URL = 15,
    RECORD_TEXT = 16
};

enum {
    MENTION_SKILL_URI = 1,
    MENTION_LABEL = 2,
    MENTION_SKILL_TYPE = 3,
    MENTION_SCORE = 4,
    MENTION_PROBABILITY = 5,
    MENTION_SENTENCE_INDEX = 6,
    MENTION_SENTENCE_BEGIN = 7,
    MENTION_SENTENCE_END = 8,
    MENTION_BEGIN = 9,
    MENTION_END = 10,
    MENTION_TEXT = 11
};

enum { SOURCE_TOPIC = 1, SOURCE_PARTITION = 2, SOURCE_OFFSET = 3, TAXONOMY_NAME = 1, TAXONOMY_VERSION = 2 };

/* --- protobuf, writing --- */

static int put_mention(ss_buffer *out, const ss_record_mention *m)
{
    size_t mark;
    if (ss_wire_begin(out, RECORD_MENTIONS, &mark) || ss_wire_put_bytes(out, MENTION_SKILL_URI, m->skill_uri) ||
        ss_wire_put_bytes(out, MENTION_LABEL, m->label) || ss_wire_put_bytes(out, MENTION_SKILL_TYPE, m->skill_type) ||
        ss_wire_put_float(out, MENTION_SCORE, m->score) ||
        ss_wire_put_float(out, MENTION_PROBABILITY, m->probability) ||
        ss_wire_put_varint(out, MENTION_SENTENCE_INDEX, m->sentence_index) ||
        ss_wire_put_varint(out, MENTION_SENTENCE_BEGIN, m->sentence_begin) ||
        ss_wire_put_varint(out, MENTION_SENTENCE_END, m->sentence_end) ||
        ss_wire_put_varint(out, MENTION_BEGIN, m->begin) || ss_wire_put_varint(out, MENTION_END, m->end) ||
        ss_wire_put_bytes(out, MENTION_TEXT, m->text))
        return -1;
    return ss_wire_end(out, mark);
}

static int put_mentions(ss_buffer *out, const ss_record *record)
{
    for (size_t i = 0; i < record->mention_count; i++)
        if (put_mention(out, &record->mentions[i])) return -1;
    return 0;
}

static int put_taxonomy(ss_buffer *out, const ss_record *record)
{
    size_t mark;
    if (!record->taxonomy_name.len && !record->taxonomy_version.len) return 0;
    if (ss_wire_begin(out, RECORD_TAXONOMY, &mark) || ss_wire_put_bytes(out, TAXONOMY_NAME, record->taxonomy_name) ||
        ss_wire_put_bytes(out, TAXONOMY_VERSION, record->taxonomy_version))
        return -1;
    return ss_wire_end(out, mark);
}

static int put_source(ss_buffer *out, const ss_record *record)
{
    size_t mark;
    if (!record->source_topic.len) return 0;
    /* A negative int32 is sign-extended to 64 bits. */
    if (ss_wire_begin(out, RECORD_SOURCE, &mark) || ss_wire_put_bytes(out, SOURCE_TOPIC, record->source_topic) ||
        ss_wire_put_varint(out, SOURCE_PARTITION, (uint64_t)(int64_t)record->source_partition) ||
        ss_wire_put_varint(out, SOURCE_OFFSET, (uint64_t)record->source_offset))
        return -1;
    return ss_wire_end(out, mark);
}

static int put_record(ss_buffer *out, const ss_record *r)
{
    return ss_wire_put_bytes(out, RECORD_AD_ID, r->ad_id) || put_mentions(out, r) ||
                   ss_wire_put_bytes(out, RECORD_RELEASE, r->release) || put_taxonomy(out, r) ||
                   ss_wire_put_bytes(out, RECORD_OPTIONS_DIGEST, r->options_digest) || put_source(out, r) ||
                   ss_wire_put_varint(out, RECORD_SENTENCE_COUNT, r->sentence_count) ||
                   ss_wire_put_varint(out, RECORD_SCORED_SENTENCE_COUNT, r->scored_sentence_count) ||
                   ss_wire_put_bytes(out, RECORD_TITLE, r->title) ||
                   ss_wire_put_bytes(out, RECORD_LANGUAGE, r->language) ||
                   ss_wire_put_bytes(out, RECORD_EMPLOYER, r->employer) ||
                   ss_wire_put_bytes(out, RECORD_LOCATION, r->location) ||
                   ss_wire_put_instant(out, RECORD_POSTED_AT, r->posted_at) ||
                   ss_wire_put_attributes(out, RECORD_ATTRIBUTES, r->attributes, r->attribute_count) ||
                   ss_wire_put_bytes(out, RECORD_SOURCE_URL, r->source_url) ||
                   ss_wire_put_bytes(out, RECORD_TEXT, r->text)
               ? -1
               : 0;
}

static int fail_full(ss_buffer *out, size_t before, ss_error *err)
{
    out->len = before;
    if (out->starved) return ss_fail_memory(err, "writing a record");
    return ss_fail(err, SS_LIMIT, "a record is larger than the buffer of %zu bytes", out->limit);
}

int ss_wire_encode_record(const ss_record *record, const ss_wire_options *options, ss_buffer *out, ss_error *err)
{
    size_t before = out->len;
    if (ss_wire_put_frame(out, options) || put_record(out, record)) return fail_full(out, before, err);
    return 0;
}

/* --- protobuf, reading --- */

static uint32_t as_u32(const ss_wire_field *field)
{
    return (uint32_t)field->value;
}

static void set_mention(ss_record_mention *m, const ss_wire_field *field)
{
    float real;
    uint32_t bits = as_u32(field);
    _Static_assert(sizeof real == sizeof bits, "float is IEEE 754 single");
    memcpy(&real, &bits, sizeof real);
    int bytes = field->type == SS_WIRE_BYTES, varint = field->type == SS_WIRE_VARINT;
    int fixed = field->type == SS_WIRE_FIXED32;
    switch (field->number) {
    case MENTION_SKILL_URI:
        if (bytes) m->skill_uri = field->bytes;
        break;
    case MENTION_LABEL:
        if (bytes) m->label = field->bytes;
        break;
    case MENTION_SKILL_TYPE:
        if (bytes) m->skill_type = field->bytes;
        break;
    case MENTION_TEXT:
        if (bytes) m->text = field->bytes;
        break;
    case MENTION_SCORE:
        if (fixed) m->score = real;
        break;
    case MENTION_PROBABILITY:
        if (fixed) m->probability = real;
        break;
    case MENTION_SENTENCE_INDEX:
        if (varint) m->sentence_index = bits;
        break;
    case MENTION_SENTENCE_BEGIN:
        if (varint) m->sentence_begin = bits;
        break;
    case MENTION_SENTENCE_END:
        if (varint) m->sentence_end = bits;
        break;
    case MENTION_BEGIN:
        if (varint) m->begin = bits;
        break;
    case MENTION_END:
        if (varint) m->end = bits;
        break;
    default: break;
    }
}

static int get_mention(ss_slice message, ss_record_mention *mention)
{
    ss_wire_field field;
    int got;
    while ((got = ss_wire_next(&message, &field)) > 0) set_mention(mention, &field);
    return got;
}

static int get_source(ss_slice message, ss_record *record)
{
    ss_wire_field field;
    int got;
    while ((got = ss_wire_next(&message, &field)) > 0) {
        if (field.number == SOURCE_TOPIC && field.type == SS_WIRE_BYTES) record->source_topic = field.bytes;
        if (field.type != SS_WIRE_VARINT) continue;
        if (field.number == SOURCE_PARTITION) record->source_partition = (int32_t)as_u32(&field);
        if (field.number == SOURCE_OFFSET) record->source_offset = (int64_t)field.value;
    }
    return got;
}

static int get_taxonomy(ss_slice message, ss_record *record)
{
    ss_wire_field field;
    int got;
    while ((got = ss_wire_next(&message, &field)) > 0) {
        if (field.type != SS_WIRE_BYTES) continue;
        if (field.number == TAXONOMY_NAME) record->taxonomy_name = field.bytes;
        if (field.number == TAXONOMY_VERSION) record->taxonomy_version = field.bytes;
    }
    return got;
}

static ss_slice *text_field(ss_record *record, uint32_t number)
{
    switch (number) {
    case RECORD_AD_ID: return &record->ad_id;
    case RECORD_RELEASE: return &record->release;
    case RECORD_OPTIONS_DIGEST: return &record->options_digest;
    case RECORD_TITLE: return &record->title;
    case RECORD_LANGUAGE: return &record->language;
    case RECORD_EMPLOYER: return &record->employer;
    case RECORD_LOCATION: return &record->location;
    case RECORD_SOURCE_URL: return &record->source_url;
    case RECORD_TEXT: return &record->text;
    default: return NULL;
    }
}

typedef struct lists {
    ss_record_mention *mentions;
    ss_attribute *attributes;
} lists;

/* A length-delimited field; 0, or -1 when a nested message is no protobuf. */
static int get_bytes(ss_record *record, const lists *into, const ss_wire_field *field)
{
    ss_slice *text = text_field(record, field->number);
    ss_attribute attribute = {0};
    if (text) {
        *text = field->bytes;
        return 0;
    }
    switch (field->number) {
    case RECORD_MENTIONS: return get_mention(field->bytes, &into->mentions[record->mention_count++]);
    case RECORD_TAXONOMY: return get_taxonomy(field->bytes, record);
    case RECORD_SOURCE: return get_source(field->bytes, record);
    case RECORD_POSTED_AT: return ss_wire_get_instant(field->bytes, &record->posted_at);
    case RECORD_ATTRIBUTES:
        if (ss_wire_get_attribute(field->bytes, &attribute)) return -1;
        ss_wire_set_attribute(into->attributes, &record->attribute_count, attribute);
        return 0;
    default: return 0;
    }
}

static int fill(ss_slice message, ss_record *record, const lists *into)
{
    ss_wire_field field;
    record->mentions = into->mentions;
    record->attributes = into->attributes;
    while (ss_wire_next(&message, &field) > 0) {
        if (field.type == SS_WIRE_BYTES && get_bytes(record, into, &field)) return -1;
        if (field.type != SS_WIRE_VARINT) continue;
        if (field.number == RECORD_SENTENCE_COUNT) record->sentence_count = as_u32(&field);
        if (field.number == RECORD_SCORED_SENTENCE_COUNT) record->scored_sentence_count = as_u32(&field);
    }
    return 0;
}

/* Counts what the lists must hold; -1 when the bytes are no protobuf. */
static int survey(ss_slice message, size_t *mentions, size_t *attributes)
{
    ss_wire_field field;
    int got;
    *mentions = *attributes = 0;
    while ((got = ss_wire_next(&message, &field)) > 0) {
        *mentions += field.number == RECORD_MENTIONS && field.type == SS_WIRE_BYTES;
        *attributes += field.number == RECORD_ATTRIBUTES && field.type == SS_WIRE_BYTES;
    }
    return got;
}

/* Foreign writers may not have checked their strings, and what is decoded here is printed as JSON. */
static int repair_all(ss_record *record, const lists *into, ss_arena *arena)
{
    for (uint32_t number = RECORD_AD_ID; number <= RECORD_TEXT; number++) {
        ss_slice *text = text_field(record, number);
        if (text && ss_wire_repair(arena, text)) return -1;
    }
    if (ss_wire_repair(arena, &record->taxonomy_name) || ss_wire_repair(arena, &record->taxonomy_version) ||
        ss_wire_repair(arena, &record->source_topic))
        return -1;
    if (ss_wire_repair_attributes(into->attributes, &record->attribute_count, arena)) return -1;
    for (size_t i = 0; i < record->mention_count; i++) {
        ss_record_mention *m = &into->mentions[i];
        if (ss_wire_repair(arena, &m->skill_uri) || ss_wire_repair(arena, &m->label) ||
            ss_wire_repair(arena, &m->skill_type) || ss_wire_repair(arena, &m->text))
            return -1;
    }
    return 0;
}

int ss_wire_decode_record(const void *value, size_t len, ss_arena *arena, ss_record *out, ss_error *err)
{
    enum { MAX_ATTRIBUTES = 4096 }; /* setting one looks through those before it */
    ss_slice message = {.data = value, .len = value ? len : 0};
    size_t mentions, attributes;
    int framed;
    *out = (ss_record){0};
    if (ss_wire_unframe(&message, SS_WIRE_FRAMING_AUTO, &framed) || survey(message, &mentions, &attributes) ||
        attributes > MAX_ATTRIBUTES)
        return ss_fail(err, SS_INPUT, "the bytes are not a skillstream.v1.SkillRecord");
    lists into = {.mentions = ss_arena_calloc(arena, mentions, sizeof(ss_record_mention)),
                  .attributes = ss_arena_calloc(arena, attributes, sizeof(ss_attribute))};
    if (!into.mentions || !into.attributes) return ss_fail_memory(err, "decoding a record");
    if (fill(message, out, &into)) {
        *out = (ss_record){0};
        return ss_fail(err, SS_INPUT, "a nested message of the SkillRecord is cut off");
    }
    if (repair_all(out, &into, arena)) return ss_fail_memory(err, "decoding a record");
    return 0;
}

/* --- JSON --- */

static int json_mention(ss_buffer *out, const ss_record_mention *m)
{
    ss_json_out json = {.out = out};
    return ss_buffer_add(out, "{", 1) || ss_json_text(&json, "skillUri", m->skill_uri) ||
                   ss_json_text(&json, "label", m->label) || ss_json_text(&json, "skillType", m->skill_type) ||
                   ss_json_float(&json, "score", m->score) || ss_json_float(&json, "probability", m->probability) ||
                   ss_json_uint(&json, "sentenceIndex", m->sentence_index) ||
                   ss_json_uint(&json, "sentenceBegin", m->sentence_begin) ||
                   ss_json_uint(&json, "sentenceEnd", m->sentence_end) || ss_json_uint(&json, "begin", m->begin) ||
                   ss_json_uint(&json, "end", m->end) || ss_json_text(&json, "text", m->text) ||
                   ss_buffer_add(out, "}", 1)
               ? -1
               : 0;
}

static int json_mentions(ss_json_out *json, const ss_record *record)
{
    if (!record->mention_count) return 0;
    if (ss_json_name(json, "mentions") || ss_buffer_add(json->out, "[", 1)) return -1;
    for (size_t i = 0; i < record->mention_count; i++)
        if ((i && ss_buffer_add(json->out, ",", 1)) || json_mention(json->out, &record->mentions[i])) return -1;
    return ss_buffer_add(json->out, "]", 1);
}

static int json_taxonomy(ss_json_out *json, const ss_record *record)
{
    if (!record->taxonomy_name.len && !record->taxonomy_version.len) return 0;
    ss_json_out inner = {.out = json->out};
    return ss_json_name(json, "taxonomy") || ss_buffer_add(json->out, "{", 1) ||
                   ss_json_text(&inner, "name", record->taxonomy_name) ||
                   ss_json_text(&inner, "version", record->taxonomy_version) || ss_buffer_add(json->out, "}", 1)
               ? -1
               : 0;
}

static int json_source(ss_json_out *json, const ss_record *record)
{
    if (!record->source_topic.len) return 0;
    ss_json_out inner = {.out = json->out};
    return ss_json_name(json, "source") || ss_buffer_add(json->out, "{", 1) ||
                   ss_json_text(&inner, "topic", record->source_topic) ||
                   ss_json_int(&inner, "partition", record->source_partition) ||
                   ss_json_int64(&inner, "offset", record->source_offset) || ss_buffer_add(json->out, "}", 1)
               ? -1
               : 0;
}

static int json_record(ss_buffer *out, const ss_record *r)
{
    ss_json_out json = {.out = out};
    return ss_buffer_add(out, "{", 1) || ss_json_text(&json, "adId", r->ad_id) || json_mentions(&json, r) ||
                   ss_json_text(&json, "release", r->release) || json_taxonomy(&json, r) ||
                   ss_json_text(&json, "optionsDigest", r->options_digest) || json_source(&json, r) ||
                   ss_json_uint(&json, "sentenceCount", r->sentence_count) ||
                   ss_json_uint(&json, "scoredSentenceCount", r->scored_sentence_count) ||
                   ss_json_text(&json, "title", r->title) || ss_json_text(&json, "language", r->language) ||
                   ss_json_text(&json, "employer", r->employer) || ss_json_text(&json, "location", r->location) ||
                   ss_json_instant(&json, "postedAt", r->posted_at) ||
                   ss_json_attributes(&json, "attributes", r->attributes, r->attribute_count) ||
                   ss_json_text(&json, "sourceUrl", r->source_url) || ss_json_text(&json, "text", r->text) ||
                   ss_buffer_add(out, "}", 1)
               ? -1
               : 0;
}

int ss_wire_record_json(const ss_record *record, ss_buffer *out, ss_error *err)
{
    size_t before = out->len;
    return json_record(out, record) ? fail_full(out, before, err) : 0;
}
