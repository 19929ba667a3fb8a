/* taxonomy.c - the skills in memory and how they are found; see taxonomy.h. Reading is in taxonomy_read.c, the form in
 * a release in taxonomy_blob.c.
 *
 * Strings, alternative lists and the three lookup tables are cut from one arena. Tables are open-addressed, at most
 * half full, and hold skill numbers; a skill that was inserted earlier is found first, so of equal labels the first
 * wins.
 */
#include "match/taxonomy.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "match/taxonomy_build.h"
#include "text/utf8.h"

typedef struct key {
    const char *text;
    size_t len;
} key;

typedef key key_of_skill(const ss_skill *skill);

static key uri_of(const ss_skill *skill)
{
    return (key){skill->uri, strlen(skill->uri)};
}

static key label_of(const ss_skill *skill)
{
    return (key){skill->label, strlen(skill->label)};
}

static key trimmed_label_of(const ss_skill *skill)
{
    key out = label_of(skill);
    ss_trim(&out.text, &out.len);
    return out;
}

/* The slot of `wanted`: the one that holds it, or the empty one where it would go. */
static size_t slot_of(const ss_taxonomy *taxonomy, const ss_skill_table *table, key_of_skill *of, key wanted)
{
    size_t at = (size_t)ss_hash64(wanted.text, wanted.len) & table->mask;
    for (; table->slots[at] != SS_NO_SKILL; at = (at + 1) & table->mask) {
        key found = of(&taxonomy->skills[table->slots[at]]);
        if (found.len == wanted.len && !memcmp(found.text, wanted.text, wanted.len)) break;
    }
    return at;
}

/* 1 if two skills have the same key; twins then holds the first such pair. */
static int build_table(ss_taxonomy *taxonomy, ss_skill_table *table, key_of_skill *of, uint32_t twins[2], ss_error *err)
{
    size_t size = 16;
    while (size < taxonomy->count * 2) size *= 2;
    table->slots = ss_arena_alloc(&taxonomy->arena, size * sizeof *table->slots);
    if (!table->slots) return ss_fail_memory(err, "indexing the taxonomy");
    memset(table->slots, 0xff, size * sizeof *table->slots);
    table->mask = size - 1;
    int result = 0;
    for (uint32_t i = 0; i < taxonomy->count; i++) {
        size_t at = slot_of(taxonomy, table, of, of(&taxonomy->skills[i]));
        if (table->slots[at] == SS_NO_SKILL) {
            table->slots[at] = i;
        } else if (!result) {
            twins[0] = table->slots[at];
            twins[1] = i;
            result = 1;
        }
    }
    return result;
}

ss_taxonomy *ss_taxonomy_new(ss_error *err)
{
    ss_taxonomy *taxonomy = calloc(1, sizeof *taxonomy);
    if (!taxonomy) {
        ss_fail_memory(err, "making a taxonomy");
        return NULL;
    }
    ss_arena_init(&taxonomy->arena, 1 << 20, 0);
    taxonomy->name = taxonomy->version = "";
    return taxonomy;
}

void ss_taxonomy_free(ss_taxonomy *taxonomy)
{
    if (!taxonomy) return;
    ss_arena_free(&taxonomy->arena);
    free(taxonomy->skills);
    free(taxonomy);
}

int ss_taxonomy_add(ss_taxonomy *taxonomy, ss_skill skill, ss_error *err)
{
    if (taxonomy->count == SS_TAXONOMY_MAX_SKILLS)
        return ss_fail(err, SS_LIMIT, "more than %d skills", SS_TAXONOMY_MAX_SKILLS);
    if (taxonomy->count == taxonomy->room) {
        size_t room = taxonomy->room ? taxonomy->room * 2 : 1024;
        ss_skill *skills = realloc(taxonomy->skills, room * sizeof *skills);
        if (!skills) return ss_fail_memory(err, "reading the taxonomy");
        taxonomy->skills = skills;
        taxonomy->room = room;
    }
    taxonomy->skills[taxonomy->count++] = skill;
    return 0;
}

int ss_taxonomy_finish(ss_taxonomy *taxonomy, uint32_t twins[2], ss_error *err)
{
    uint32_t ignored[2];
    int same = build_table(taxonomy, &taxonomy->by_uri, uri_of, twins, err);
    if (same) return same;
    if (build_table(taxonomy, &taxonomy->by_label, label_of, ignored, err) < 0) return -1;
    return build_table(taxonomy, &taxonomy->by_trimmed_label, trimmed_label_of, ignored, err) < 0 ? -1 : 0;
}

size_t ss_taxonomy_count(const ss_taxonomy *taxonomy)
{
    return taxonomy->count;
}

const ss_skill *ss_taxonomy_skill(const ss_taxonomy *taxonomy, uint32_t skill)
{
    return &taxonomy->skills[skill];
}

const char *ss_taxonomy_name(const ss_taxonomy *taxonomy)
{
    return taxonomy->name;
}

const char *ss_taxonomy_version(const ss_taxonomy *taxonomy)
{
    return taxonomy->version;
}

static uint32_t look_up(const ss_taxonomy *taxonomy, const ss_skill_table *table, key_of_skill *of, key wanted)
{
    return table->slots[slot_of(taxonomy, table, of, wanted)];
}

uint32_t ss_taxonomy_by_uri(const ss_taxonomy *taxonomy, const char *uri)
{
    return look_up(taxonomy, &taxonomy->by_uri, uri_of, (key){uri, strlen(uri)});
}

uint32_t ss_taxonomy_by_label(const ss_taxonomy *taxonomy, const char *label)
{
    return look_up(taxonomy, &taxonomy->by_label, label_of, (key){label, strlen(label)});
}

uint32_t ss_taxonomy_by_trimmed_label(const ss_taxonomy *taxonomy, const char *text, size_t len)
{
    ss_trim(&text, &len);
    return look_up(taxonomy, &taxonomy->by_trimmed_label, trimmed_label_of, (key){text, len});
}

uint32_t ss_taxonomy_find(const ss_taxonomy *taxonomy, const char *text)
{
    uint32_t found = ss_taxonomy_by_uri(taxonomy, text);
    if (found == SS_NO_SKILL) found = ss_taxonomy_by_label(taxonomy, text);
    if (found == SS_NO_SKILL) found = ss_taxonomy_by_trimmed_label(taxonomy, text, strlen(text));
    return found;
}

void ss_trim(const char **text, size_t *len)
{
    uint32_t code;
    while (*len) {
        size_t step = ss_utf8_decode(*text, *len, &code);
        if (!ss_utf8_is_space(code)) break;
        *text += step;
        *len -= step;
    }
    while (*len) {
        size_t at = *len - 1;
        while (at && *len - at < 4 && ((unsigned char)(*text)[at] & 0xC0) == 0x80) at--;
        ss_utf8_decode(*text + at, *len - at, &code);
        if (!ss_utf8_is_space(code)) break;
        *len = at;
    }
}
