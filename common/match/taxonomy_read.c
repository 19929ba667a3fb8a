/* taxonomy_read.c - CSV to taxonomy; the two kinds of file are described in taxonomy.h.
 *
 * Every data row is one skill, so skill number + 1 is the row that errors name.
 */
#include <string.h>

#include "match/csv.h"
#include "match/taxonomy.h"
#include "match/taxonomy_build.h"

/* Column numbers; -1 = the file has none. */
typedef struct layout {
    int uri, label, alternatives, description, type, reuse_level;
    const char *separators; /* of alternatives */
} layout;

static int find_columns(const ss_csv *csv, layout *out, ss_error *err)
{
    int esco = ss_csv_find(csv, "conceptUri") >= 0 || ss_csv_find(csv, "preferredLabel") >= 0;
    *out = (layout){
        .uri = ss_csv_need(csv, esco ? "conceptUri" : "id", err),
        .alternatives = ss_csv_find(csv, esco ? "altLabels" : "alternatives"),
        .description = ss_csv_find(csv, "description"),
        .type = ss_csv_find(csv, esco ? "skillType" : "type"),
        .reuse_level = esco ? ss_csv_find(csv, "reuseLevel") : -1,
        .separators = esco ? "\r\n" : "\r\n|",
    };
    if (out->uri < 0) return -1;
    out->label = ss_csv_need(csv, esco ? "preferredLabel" : "label", err);
    return out->label < 0 ? -1 : 0;
}

static int is_known(const char *label, const char **list, size_t count, const char *text, size_t len)
{
    if (strlen(label) == len && !memcmp(label, text, len)) return 1;
    for (size_t i = 0; i < count; i++)
        if (strlen(list[i]) == len && !memcmp(list[i], text, len)) return 1;
    return 0;
}

/* Splits the field into the skill's alternatives, which are copied to the arena. */
static int read_alternatives(const ss_csv *csv, const layout *columns, ss_arena *arena, ss_skill *skill, ss_error *err)
{
    const char *list[SS_TAXONOMY_MAX_ALTERNATIVES];
    size_t count = 0;
    const char *at = ss_csv_get(csv, columns->alternatives, NULL);
    while (*at) {
        const char *text = at;
        size_t len = strcspn(at, columns->separators);
        at += len + (at[len] != 0);
        ss_trim(&text, &len);
        if (!len || is_known(skill->label, list, count, text, len)) continue;
        if (count == SS_TAXONOMY_MAX_ALTERNATIVES)
            return ss_fail(err, SS_LIMIT, "%s: row %zu: more than %d alternative labels", ss_csv_name(csv),
                           ss_csv_row(csv), SS_TAXONOMY_MAX_ALTERNATIVES);
        list[count] = ss_arena_copy(arena, text, len);
        if (!list[count++]) return ss_fail_memory(err, "reading the taxonomy");
    }
    const char **kept = ss_arena_alloc(arena, count * sizeof *kept);
    if (!kept) return ss_fail_memory(err, "reading the taxonomy");
    memcpy(kept, list, count * sizeof *kept);
    skill->alternatives = kept;
    skill->alternative_count = (uint32_t)count;
    return 0;
}

static const char *copy_field(const ss_csv *csv, int column, ss_arena *arena)
{
    size_t len;
    const char *text = ss_csv_get(csv, column, &len);
    return len ? ss_arena_copy(arena, text, len) : "";
}

static int is_blank(const char *text)
{
    size_t len = strlen(text);
    ss_trim(&text, &len);
    return !len;
}

static int read_skill(const ss_csv *csv, const layout *columns, ss_taxonomy *taxonomy, ss_error *err)
{
    ss_arena *arena = &taxonomy->arena;
    ss_skill skill = {
        .uri = copy_field(csv, columns->uri, arena),
        .label = copy_field(csv, columns->label, arena),
        .type = copy_field(csv, columns->type, arena),
        .reuse_level = copy_field(csv, columns->reuse_level, arena),
        .description = copy_field(csv, columns->description, arena),
    };
    if (!skill.uri || !skill.label || !skill.type || !skill.reuse_level || !skill.description)
        return ss_fail_memory(err, "reading the taxonomy");
    if (is_blank(skill.uri) || is_blank(skill.label))
        return ss_fail(err, SS_INPUT, "%s: row %zu (line %zu): empty %s", ss_csv_name(csv), ss_csv_row(csv),
                       ss_csv_line(csv), is_blank(skill.uri) ? "URI or id" : "label");
    if (read_alternatives(csv, columns, arena, &skill, err)) return -1;
    return ss_taxonomy_add(taxonomy, skill, err);
}

static int is_esco(const ss_taxonomy *taxonomy)
{
    static const char prefix[] = "http://data.europa.eu/esco/";
    for (size_t i = 0; i < taxonomy->count; i++)
        if (strncmp(taxonomy->skills[i].uri, prefix, sizeof prefix - 1)) return 0;
    return 1;
}

/* The file's name without folders and endings. */
static const char *stem(const char *path, ss_arena *arena)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    return ss_arena_copy(arena, base, *base == '.' ? strlen(base) : strcspn(base, "."));
}

static int set_name(ss_taxonomy *taxonomy, const char *file, const char *name, const char *version, ss_error *err)
{
    enum { ESCO_1_1_0_SKILLS = 13891 };
    ss_arena *arena = &taxonomy->arena;
    int esco = is_esco(taxonomy);
    const char *known = esco && taxonomy->count == ESCO_1_1_0_SKILLS ? "1.1.0" : "";
    taxonomy->name = name ? ss_arena_copy(arena, name, strlen(name)) : esco ? "ESCO" : stem(file, arena);
    taxonomy->version = version ? ss_arena_copy(arena, version, strlen(version)) : known;
    return taxonomy->name && taxonomy->version ? 0 : ss_fail_memory(err, "reading the taxonomy");
}

static int fill(ss_taxonomy *taxonomy, ss_csv *csv, const char *name, const char *version, ss_error *err)
{
    layout columns;
    if (find_columns(csv, &columns, err)) return -1;
    int got;
    while ((got = ss_csv_next(csv, err)) > 0)
        if (read_skill(csv, &columns, taxonomy, err)) return -1;
    if (got < 0) return -1;
    if (!taxonomy->count) return ss_fail(err, SS_INPUT, "%s: no skill in it", ss_csv_name(csv));
    uint32_t twins[2];
    int same = ss_taxonomy_finish(taxonomy, twins, err);
    if (same > 0)
        ss_fail(err, SS_INPUT, "%s: rows %u and %u have the same URI or id, '%.200s'; it must be unique",
                ss_csv_name(csv), twins[0] + 1, twins[1] + 1, taxonomy->skills[twins[0]].uri);
    if (same) return -1;
    return set_name(taxonomy, ss_csv_name(csv), name, version, err);
}

/* Reads from `csv`, which may be NULL after a failure, and closes it. */
static ss_taxonomy *read_from(ss_csv *csv, const char *name, const char *version, ss_error *err)
{
    ss_taxonomy *taxonomy = csv ? ss_taxonomy_new(err) : NULL;
    if (taxonomy && fill(taxonomy, csv, name, version, err)) {
        ss_taxonomy_free(taxonomy);
        taxonomy = NULL;
    }
    ss_csv_close(csv);
    return taxonomy;
}

ss_taxonomy *ss_taxonomy_read(const char *path, const char *name, const char *version, ss_error *err)
{
    return read_from(ss_csv_open(path, err), name, version, err);
}

ss_taxonomy *ss_taxonomy_parse(const char *file, const void *bytes, size_t len, const char *name, const char *version,
                               ss_error *err)
{
    return read_from(ss_csv_from_bytes(file, bytes, len, err), name, version, err);
}
