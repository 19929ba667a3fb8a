/* taxonomy_blob.c - a taxonomy as the bytes of a release, and back.
 *
 *   "SKTX", u32 version = 1, name, version, u32 skills, then per skill
 *   uri, label, type, reuse level, description, u32 alternatives, the alternatives
 * Numbers are little-endian, strings counted. Digests guard against accidents on the way; the checks here make sure
 * that bytes which pass them cannot lead us outside the blob or to a taxonomy that breaks its promises.
 */
#include <string.h>

#include "match/taxonomy.h"
#include "match/taxonomy_build.h"
#include "match/wire.h"
#include "text/utf8.h"

static const char magic[4] = {'S', 'K', 'T', 'X'};
enum { VERSION = 1, SMALLEST_SKILL = 6 * 4 };

static int put_skill(ss_buffer *out, const ss_skill *skill)
{
    int bad = ss_wire_put_string(out, skill->uri) || ss_wire_put_string(out, skill->label) ||
              ss_wire_put_string(out, skill->type) || ss_wire_put_string(out, skill->reuse_level) ||
              ss_wire_put_string(out, skill->description) || ss_wire_put_u32(out, skill->alternative_count);
    for (uint32_t i = 0; !bad && i < skill->alternative_count; i++)
        bad = ss_wire_put_string(out, skill->alternatives[i]);
    return bad;
}

int ss_taxonomy_encode(const ss_taxonomy *taxonomy, ss_buffer *out, ss_error *err)
{
    int bad = ss_buffer_add(out, magic, sizeof magic) || ss_wire_put_u32(out, VERSION) ||
              ss_wire_put_string(out, taxonomy->name) || ss_wire_put_string(out, taxonomy->version) ||
              ss_wire_put_u32(out, (uint32_t)taxonomy->count);
    for (size_t i = 0; !bad && i < taxonomy->count; i++) bad = put_skill(out, &taxonomy->skills[i]);
    return bad ? ss_fail(err, SS_LIMIT, "the taxonomy does not fit the buffer of %zu bytes", out->limit) : 0;
}

/* A string of the blob, copied; anything but UTF-8 without NUL marks the blob as bad. */
static const char *get_string(ss_wire *wire, ss_arena *arena)
{
    size_t len;
    const char *text = ss_wire_string(wire, &len);
    if (!len) return "";
    if (memchr(text, 0, len) || !ss_utf8_valid(text, len)) wire->bad = 1;
    return ss_arena_copy(arena, text, len);
}

static int get_alternatives(ss_wire *wire, ss_arena *arena, ss_skill *skill, ss_error *err)
{
    skill->alternative_count = ss_wire_u32(wire);
    if (skill->alternative_count > SS_TAXONOMY_MAX_ALTERNATIVES) wire->bad = 1;
    if (wire->bad) return 0;
    const char **list = ss_arena_alloc(arena, skill->alternative_count * sizeof *list);
    if (!list) return ss_fail_memory(err, "reading the taxonomy");
    for (uint32_t i = 0; i < skill->alternative_count; i++)
        if (!(list[i] = get_string(wire, arena))) return ss_fail_memory(err, "reading the taxonomy");
    skill->alternatives = list;
    return 0;
}

static int get_skill(ss_wire *wire, ss_taxonomy *taxonomy, ss_error *err)
{
    ss_arena *arena = &taxonomy->arena;
    ss_skill skill = {0};
    skill.uri = get_string(wire, arena);
    skill.label = get_string(wire, arena);
    skill.type = get_string(wire, arena);
    skill.reuse_level = get_string(wire, arena);
    skill.description = get_string(wire, arena);
    if (!skill.uri || !skill.label || !skill.type || !skill.reuse_level || !skill.description)
        return ss_fail_memory(err, "reading the taxonomy");
    if (!*skill.uri || !*skill.label) wire->bad = 1;
    if (get_alternatives(wire, arena, &skill, err)) return -1;
    return wire->bad ? 0 : ss_taxonomy_add(taxonomy, skill, err);
}

static int decode_into(ss_taxonomy *taxonomy, ss_wire *wire, ss_error *err)
{
    int foreign = wire->end - wire->at < 4 || memcmp(wire->at, magic, sizeof magic);
    if (!foreign) wire->at += sizeof magic;
    if (foreign || ss_wire_u32(wire) != VERSION) return ss_fail(err, SS_CORRUPT, "taxonomy: not of a known format");
    taxonomy->name = get_string(wire, &taxonomy->arena);
    taxonomy->version = get_string(wire, &taxonomy->arena);
    if (!taxonomy->name || !taxonomy->version) return ss_fail_memory(err, "reading the taxonomy");
    uint32_t count = ss_wire_u32(wire);
    if (!count || count > (size_t)(wire->end - wire->at) / SMALLEST_SKILL) wire->bad = 1;
    for (uint32_t i = 0; !wire->bad && i < count; i++)
        if (get_skill(wire, taxonomy, err)) return -1;
    if (wire->bad || wire->at != wire->end)
        return ss_fail(err, SS_CORRUPT, "taxonomy: damaged at skill %zu", taxonomy->count);
    uint32_t twins[2];
    int same = ss_taxonomy_finish(taxonomy, twins, err);
    if (same > 0) ss_fail(err, SS_CORRUPT, "taxonomy: skills %u and %u have the same URI", twins[0], twins[1]);
    return same ? -1 : 0;
}

ss_taxonomy *ss_taxonomy_decode(const void *bytes, size_t len, ss_error *err)
{
    ss_taxonomy *taxonomy = ss_taxonomy_new(err);
    if (!taxonomy) return NULL;
    const unsigned char *from = bytes;
    ss_wire wire = {.at = from, .end = from + len};
    if (!decode_into(taxonomy, &wire, err)) return taxonomy;
    ss_taxonomy_free(taxonomy);
    return NULL;
}
