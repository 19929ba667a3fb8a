/* wire_pair.c - TrainingPair as protobuf and JSON, and the id; see wire_pair.h. Reading lines is in wire_pair_line.c.
 *
 * As in wire_record.c: encoding appends to one buffer and goes back to where it was when that is exhausted; decoding
 * makes two passes, the first of which counts the skills.
 */
#include "stream/wire_pair.h"

#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "stream/wire_json.h"
#include "stream/wire_protobuf.h"
#include "stream/wire_text.h"

/* Field numbers; a unit test holds them against the generated descriptors. */
enum {
    PAIR_ID = 1,
    PAIR_SENTENCE = 2,
    PAIR_SKILL_URIS = 3,
    PAIR_KIND = 4,
    PAIR_LANGUAGE = 5,
    PAIR_MODEL = 6,
    PAIR_PROMPT_VERSION = 7,
    PAIR_RANK = 8,
    PAIR_CREATED_AT = 9
};

static const char *const words[SS_PAIR_KINDS] = {"KIND_UNSPECIFIED", "LITERAL", "IMPLIED", "MULTI", "NONE"};

const char *ss_pair_kind_word(ss_pair_kind kind)
{
    return kind < SS_PAIR_KINDS ? words[kind] : words[0];
}

int ss_pair_kind_parse(ss_slice word, ss_pair_kind *kind)
{
    for (size_t i = 0; i < SS_PAIR_KINDS; i++)
        if (strlen(words[i]) == word.len && !strncasecmp(words[i], word.data, word.len)) {
            *kind = (ss_pair_kind)i;
            return 0;
        }
    return -1;
}

ss_slice ss_pair_key(const ss_pair *pair)
{
    return pair->skill_count ? pair->skill_uris[0] : pair->id;
}

/* --- id --- */

static void digest_part(ss_sha256 *sha, ss_slice part)
{
    unsigned char len[8];
    for (int i = 0; i < 8; i++) len[i] = (unsigned char)((uint64_t)part.len >> (8 * i));
    ss_sha256_add(sha, len, sizeof len);
    if (part.len) ss_sha256_add(sha, part.data, part.len);
}

int ss_pair_make_id(const ss_pair *pair, char id[SS_PAIR_ID + 1], ss_error *err)
{
    char hex[SS_SHA256_HEX + 1];
    ss_sha256 *sha = ss_sha256_new(err);
    if (!sha) return -1;
    for (size_t i = 0; i < pair->skill_count; i++) digest_part(sha, pair->skill_uris[i]);
    digest_part(sha, pair->sentence);
    digest_part(sha, pair->prompt_version);
    ss_sha256_end(sha, hex);
    memcpy(id, hex, SS_PAIR_ID);
    id[SS_PAIR_ID] = 0;
    return 0;
}

/* --- protobuf, writing --- */

static int put_pair(ss_buffer *out, const ss_pair *p)
{
    if (ss_wire_put_bytes(out, PAIR_ID, p->id) || ss_wire_put_bytes(out, PAIR_SENTENCE, p->sentence)) return -1;
    for (size_t i = 0; i < p->skill_count; i++)
        if (ss_wire_put_bytes(out, PAIR_SKILL_URIS, p->skill_uris[i])) return -1;
    return ss_wire_put_varint(out, PAIR_KIND, (uint64_t)p->kind) ||
                   ss_wire_put_bytes(out, PAIR_LANGUAGE, p->language) || ss_wire_put_bytes(out, PAIR_MODEL, p->model) ||
                   ss_wire_put_bytes(out, PAIR_PROMPT_VERSION, p->prompt_version) ||
                   ss_wire_put_varint(out, PAIR_RANK, p->rank) ||
                   ss_wire_put_instant(out, PAIR_CREATED_AT, p->created_at)
               ? -1
               : 0;
}

static int fail_full(ss_buffer *out, size_t before, ss_error *err)
{
    out->len = before;
    if (out->starved) return ss_fail_memory(err, "writing a pair");
    return ss_fail(err, SS_LIMIT, "a training pair is larger than the buffer of %zu bytes", out->limit);
}

int ss_wire_encode_pair(const ss_pair *pair, ss_buffer *out, ss_error *err)
{
    size_t before = out->len;
    return put_pair(out, pair) ? fail_full(out, before, err) : 0;
}

/* --- protobuf, reading --- */

static ss_slice *text_field(ss_pair *pair, uint32_t number)
{
    switch (number) {
    case PAIR_ID: return &pair->id;
    case PAIR_SENTENCE: return &pair->sentence;
    case PAIR_LANGUAGE: return &pair->language;
    case PAIR_MODEL: return &pair->model;
    case PAIR_PROMPT_VERSION: return &pair->prompt_version;
    default: return NULL;
    }
}

/* How many skills; -1 when the bytes are no protobuf. */
static int count_skills(ss_slice message, size_t *skills)
{
    ss_wire_field field;
    int got;
    *skills = 0;
    while ((got = ss_wire_next(&message, &field)) > 0)
        *skills += field.number == PAIR_SKILL_URIS && field.type == SS_WIRE_BYTES;
    return got;
}

static int set_field(ss_pair *pair, ss_slice *skills, const ss_wire_field *field)
{
    if (field->type == SS_WIRE_VARINT) {
        if (field->number == PAIR_KIND && field->value < SS_PAIR_KINDS) pair->kind = (ss_pair_kind)field->value;
        if (field->number == PAIR_RANK) pair->rank = (uint32_t)field->value;
    } else if (field->type == SS_WIRE_BYTES) {
        ss_slice *text = text_field(pair, field->number);
        if (text) *text = field->bytes;
        if (field->number == PAIR_SKILL_URIS) skills[pair->skill_count++] = field->bytes;
        if (field->number == PAIR_CREATED_AT) return ss_wire_get_instant(field->bytes, &pair->created_at);
    }
    return 0;
}

static int repair_all(ss_pair *pair, ss_slice *skills, ss_arena *arena)
{
    for (uint32_t number = PAIR_ID; number <= PAIR_PROMPT_VERSION; number++) {
        ss_slice *text = text_field(pair, number);
        if (text && ss_wire_repair(arena, text)) return -1;
    }
    for (size_t i = 0; i < pair->skill_count; i++)
        if (ss_wire_repair(arena, &skills[i])) return -1;
    return 0;
}

int ss_wire_decode_pair(const void *value, size_t len, ss_arena *arena, ss_pair *out, ss_error *err)
{
    ss_slice message = {.data = value, .len = value ? len : 0};
    size_t count;
    int framed;
    ss_wire_field field;
    *out = (ss_pair){0};
    if (ss_wire_unframe(&message, SS_WIRE_FRAMING_AUTO, &framed) || count_skills(message, &count))
        return ss_fail(err, SS_INPUT, "the bytes are not a skillstream.v1.TrainingPair");
    if (count > SS_PAIR_MAX_SKILLS)
        return ss_fail(err, SS_INPUT, "a TrainingPair with %zu skills; at most %d are taken", count,
                       SS_PAIR_MAX_SKILLS);
    ss_slice *skills = ss_arena_calloc(arena, count, sizeof *skills);
    if (!skills) return ss_fail_memory(err, "decoding a training pair");
    while (ss_wire_next(&message, &field) > 0)
        if (set_field(out, skills, &field)) return ss_fail(err, SS_INPUT, "the time of the TrainingPair is cut off");
    out->skill_uris = skills;
    if (!out->sentence.len) return ss_fail(err, SS_INPUT, "a TrainingPair without a sentence");
    return repair_all(out, skills, arena) ? ss_fail_memory(err, "decoding a training pair") : 0;
}

/* --- JSON --- */

static int json_skills(ss_json_out *json, const ss_pair *p)
{
    if (!p->skill_count) return 0;
    if (ss_json_name(json, "skillUris") || ss_buffer_add(json->out, "[", 1)) return -1;
    for (size_t i = 0; i < p->skill_count; i++)
        if ((i && ss_buffer_add(json->out, ",", 1)) || ss_json_string(json->out, p->skill_uris[i])) return -1;
    return ss_buffer_add(json->out, "]", 1);
}

int ss_wire_pair_json(const ss_pair *p, ss_buffer *out, ss_error *err)
{
    size_t before = out->len;
    ss_json_out json = {.out = out};
    ss_slice kind = p->kind ? ss_slice_of(ss_pair_kind_word(p->kind)) : (ss_slice){0};
    if (ss_buffer_add(out, "{", 1) || ss_json_text(&json, "id", p->id) ||
        ss_json_text(&json, "sentence", p->sentence) || json_skills(&json, p) || ss_json_text(&json, "kind", kind) ||
        ss_json_text(&json, "language", p->language) || ss_json_text(&json, "model", p->model) ||
        ss_json_text(&json, "promptVersion", p->prompt_version) || ss_json_uint(&json, "rank", p->rank) ||
        ss_json_instant(&json, "createdAt", p->created_at) || ss_buffer_add(out, "}", 1))
        return fail_full(out, before, err);
    return 0;
}
