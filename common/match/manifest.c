/* manifest.c - see manifest.h.
 *
 * Written with jansson: sorted keys, no blanks, numbers with 17 digits, so the same manifest always gives the same
 * bytes. As proto3 JSON wants it, 64-bit sizes are strings and names are lowerCamelCase. Reading is strict about what
 * we use and ignores fields it does not know.
 */
#include "match/manifest.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_load.h"

static json_t *prototype_kinds(unsigned kinds)
{
    json_t *list = json_array();
    for (unsigned kind = SS_PROTOTYPE_LABEL; kind <= SS_PROTOTYPE_DESCRIPTION; kind *= 2)
        if (kinds & kind) json_array_append_new(list, json_string(ss_prototype_kind_word((ss_prototype_kind)kind)));
    return list;
}

static json_t *blob_list(const ss_manifest *manifest)
{
    json_t *list = json_array();
    for (size_t i = 0; i < manifest->blob_count; i++) {
        const ss_blob_info *blob = &manifest->blobs[i];
        char size[24];
        snprintf(size, sizeof size, "%llu", (unsigned long long)blob->size);
        json_array_append_new(list,
                              json_pack("{s:s,s:s,s:s}", "name", blob->name, "size", size, "sha256", blob->sha256));
    }
    return list;
}

static json_t *note_map(const ss_manifest *manifest)
{
    json_t *notes = json_pack("{s:s}", "score", ss_score_kind_word(manifest->score));
    for (size_t i = 0; notes && i < manifest->note_count; i++)
        if (json_object_set_new(notes, manifest->notes[i].name, json_string(manifest->notes[i].text))) {
            json_decref(notes);
            return NULL;
        }
    return notes;
}

/* NULL when memory is out or a string is not UTF-8. */
static json_t *to_json(const ss_manifest *m)
{
    const ss_calibration *c = &m->calibration;
    return json_pack(
        "{s:I,s:s,s:s,s:s,s:s,s:I,s:s,s:{s:s,s:s},s:I,s:I,s:o,s:{s:f,s:f},s:{s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:s,s:I},s:o,"
        "s:o}",
        "format", (json_int_t)m->format, "name", m->name, "createdAt", m->created_at, "program", m->program, "encoder",
        m->encoder, "dims", (json_int_t)m->dims, "precision", m->precision, "taxonomy", "name", m->taxonomy_name,
        "version", m->taxonomy_version, "skills", (json_int_t)m->skills, "prototypes", (json_int_t)m->prototypes,
        "prototypeKinds", prototype_kinds(m->prototype_kinds), "ranking", "named", m->ranking.named, "overlap",
        m->ranking.overlap, "calibration", "slope", c->slope, "named", c->named, "overlap", c->overlap, "place",
        c->place, "gate", c->gate, "intercept", c->intercept, "threshold", c->threshold, "fittedOn", c->fitted_on,
        "sentences", (json_int_t)c->sentences, "blobs", blob_list(m), "notes", note_map(m));
}

int ss_manifest_write(const ss_manifest *manifest, ss_buffer *out, ss_error *err)
{
    json_t *json = to_json(manifest);
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17)) : NULL;
    int bad = !text ? ss_fail(err, SS_INPUT, "the manifest cannot be written: a name in it is not UTF-8") : 0;
    if (!bad && ss_buffer_add_string(out, text)) bad = ss_fail_memory(err, "writing the manifest");
    free(text);
    json_decref(json);
    return bad;
}

/* Where reading stands: the first thing that is wrong is kept and everything after it reads as nothing. */
typedef struct reader {
    ss_arena *arena;
    const char *wrong; /* name of the field, or NULL */
    int memory;        /* 1: memory is out */
} reader;

static const char *get_string(reader *in, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_string(value)) {
        if (!in->wrong) in->wrong = name;
        return "";
    }
    const char *copy = ss_arena_copy(in->arena, json_string_value(value), json_string_length(value));
    if (!copy) in->memory = 1;
    return copy ? copy : "";
}

static uint32_t get_u32(reader *in, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    if (number >= 0 && number <= UINT32_MAX) return (uint32_t)number;
    if (!in->wrong) in->wrong = name;
    return 0;
}

static double get_real(reader *in, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (json_is_number(value) && isfinite(json_number_value(value))) return json_number_value(value);
    if (!in->wrong) in->wrong = name;
    return 0;
}

/* A number that older releases have not. */
static double get_newer_real(reader *in, const json_t *object, const char *name)
{
    return json_object_get(object, name) ? get_real(in, object, name) : 0;
}

static void get_calibration(reader *in, const json_t *object, ss_calibration *out)
{
    *out = (ss_calibration){.slope = get_real(in, object, "slope"),
                            .named = get_real(in, object, "named"),
                            .overlap = get_newer_real(in, object, "overlap"),
                            .place = get_newer_real(in, object, "place"),
                            .gate = get_real(in, object, "gate"),
                            .intercept = get_real(in, object, "intercept"),
                            .threshold = get_real(in, object, "threshold"),
                            .sentences = get_u32(in, object, "sentences")};
    const char *fitted_on = get_string(in, object, "fittedOn");
    size_t len = strlen(fitted_on);
    if (len >= sizeof out->fitted_on || out->threshold < 0 || out->threshold > 1) {
        if (!in->wrong) in->wrong = "calibration";
        return;
    }
    memcpy(out->fitted_on, fitted_on, len);
}

static unsigned get_kinds(reader *in, const json_t *list)
{
    unsigned kinds = 0;
    size_t i;
    const json_t *value;
    json_array_foreach(list, i, value)
    {
        unsigned kind;
        for (kind = SS_PROTOTYPE_LABEL; kind <= SS_PROTOTYPE_DESCRIPTION; kind *= 2)
            if (json_is_string(value) &&
                !strcmp(json_string_value(value), ss_prototype_kind_word((ss_prototype_kind)kind)))
                break;
        kinds |= kind;
    }
    unsigned all = SS_PROTOTYPE_LABEL | SS_PROTOTYPE_ALTERNATIVE | SS_PROTOTYPE_DESCRIPTION;
    if ((!(kinds & SS_PROTOTYPE_LABEL) || kinds > all) && !in->wrong) in->wrong = "prototypeKinds";
    return kinds;
}

static ss_score_kind get_score(reader *in, const json_t *notes)
{
    ss_score_kind kind = SS_SCORE_BEST;
    if (ss_score_kind_parse(get_string(in, notes, "score"), &kind, NULL) && !in->wrong) in->wrong = "score";
    return kind;
}

static void get_notes(reader *in, json_t *map, ss_manifest *out)
{
    ss_note *notes = ss_arena_calloc(in->arena, json_object_size(map) + 1, sizeof *notes);
    if (!notes) {
        in->memory = 1;
        return;
    }
    const char *name;
    json_t *value;
    json_object_foreach(map, name, value)
    {
        if (!strcmp(name, "score")) continue;
        notes[out->note_count].text = get_string(in, map, name);
        notes[out->note_count].name = ss_arena_copy(in->arena, name, strlen(name));
        in->memory |= !notes[out->note_count++].name;
    }
    out->notes = notes;
}

static void get_blob(reader *in, const json_t *object, ss_blob_info *out)
{
    out->name = get_string(in, object, "name");
    const char *size = get_string(in, object, "size"), *sha = get_string(in, object, "sha256");
    size_t digits = strspn(size, "0123456789");
    if (!*out->name || !digits || size[digits] || digits > 15 || strlen(sha) != SS_SHA256_HEX ||
        strspn(sha, "0123456789abcdef") != SS_SHA256_HEX) {
        if (!in->wrong) in->wrong = "blobs";
        return;
    }
    out->size = strtoull(size, NULL, 10);
    memcpy(out->sha256, sha, sizeof out->sha256);
}

static void get_blobs(reader *in, const json_t *list, ss_manifest *out)
{
    size_t count = json_array_size(list);
    out->blobs = count <= SS_RELEASE_MAX_BLOBS ? ss_arena_calloc(in->arena, count + 1, sizeof *out->blobs) : NULL;
    if (!out->blobs) {
        in->memory = count <= SS_RELEASE_MAX_BLOBS;
        in->wrong = in->wrong ? in->wrong : "blobs";
        return;
    }
    out->blob_count = count;
    for (size_t i = 0; i < count; i++) {
        get_blob(in, json_array_get(list, i), &out->blobs[i]);
        for (size_t j = 0; j < i; j++)
            if (!in->wrong && !strcmp(out->blobs[i].name, out->blobs[j].name)) in->wrong = "blobs";
    }
}

static void get_all(reader *in, const json_t *root, ss_manifest *out)
{
    const json_t *taxonomy = json_object_get(root, "taxonomy");
    out->name = get_string(in, root, "name");
    out->created_at = get_string(in, root, "createdAt");
    out->program = get_string(in, root, "program");
    out->encoder = get_string(in, root, "encoder");
    out->precision = get_string(in, root, "precision");
    out->dims = get_u32(in, root, "dims");
    out->taxonomy_name = get_string(in, taxonomy, "name");
    out->taxonomy_version = get_string(in, taxonomy, "version");
    out->skills = get_u32(in, root, "skills");
    out->prototypes = get_u32(in, root, "prototypes");
    out->prototype_kinds = get_kinds(in, json_object_get(root, "prototypeKinds"));
    out->score = get_score(in, json_object_get(root, "notes"));
    get_notes(in, json_object_get(root, "notes"), out);
    const json_t *ranking = json_object_get(root, "ranking");
    out->ranking.named = get_newer_real(in, ranking, "named");
    out->ranking.overlap = get_newer_real(in, ranking, "overlap");
    get_calibration(in, json_object_get(root, "calibration"), &out->calibration);
    get_blobs(in, json_object_get(root, "blobs"), out);
}

int ss_manifest_parse(const void *json, size_t len, ss_arena *arena, ss_manifest *out, ss_error *err)
{
    *out = (ss_manifest){0};
    if (len > SS_MANIFEST_MAX_BYTES) return ss_fail(err, SS_CORRUPT, "manifest: %zu bytes are too many", len);
    json_t *root = ss_json_load(json, len, JSON_REJECT_DUPLICATES, NULL);
    if (!root && ss_json_starved()) return ss_fail_memory(err, "reading the manifest");
    reader in = {.arena = arena};
    out->format = get_u32(&in, root, "format");
    if (!in.wrong && out->format <= SS_RELEASE_FORMAT) get_all(&in, root, out);
    json_decref(root);
    if (in.memory) return ss_fail_memory(err, "reading the manifest");
    if (in.wrong) return ss_fail(err, SS_CORRUPT, "manifest: damaged, or of something else (at '%s')", in.wrong);
    if (out->format > SS_RELEASE_FORMAT)
        return ss_fail(err, SS_UNSUPPORTED, "manifest: format %u; this program reads up to %d", out->format,
                       SS_RELEASE_FORMAT);
    return 0;
}
