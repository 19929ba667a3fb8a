/* wire_pair_line.c - one line of a file of training pairs -> ss_pair; see wire_pair.h.
 *
 * Training data decides what a model learns, so a line is read strictly: text that is not UTF-8, a field of the wrong
 * type or an unknown kind refuse the line instead of being mended. Fields that no form knows are ignored, as proto3
 * parsers for lines of newer versions do.
 */
#include <jansson.h>
#include <string.h>

#include "base/json_load.h"
#include "stream/wire_json.h"
#include "stream/wire_pair.h"
#include "stream/wire_text.h"

/* The first of two names that is there and not null. */
static const json_t *member(const json_t *object, const char *name, const char *other)
{
    const json_t *value = json_object_get(object, name);
    if (!value && other) value = json_object_get(object, other);
    return json_is_null(value) ? NULL : value;
}

static int keep(ss_arena *arena, const json_t *value, ss_slice *out, ss_error *err)
{
    size_t len = json_string_length(value);
    const char *text = json_string_value(value);
    if (memchr(text, 0, len)) return ss_fail(err, SS_INPUT, "a text with a NUL character");
    *out = (ss_slice){.data = ss_arena_copy(arena, text, len), .len = len};
    return out->data ? 0 : ss_fail_memory(err, "reading a training pair");
}

static int take_text(const json_t *object, const char *name, const char *other, ss_arena *arena, ss_slice *out,
                     ss_error *err)
{
    const json_t *value = member(object, name, other);
    if (!value) return 0;
    if (!json_is_string(value)) return ss_fail(err, SS_INPUT, "'%s' is not a text", name);
    return keep(arena, value, out, err);
}

static int take_kind(const json_t *object, ss_pair_kind *kind, ss_error *err)
{
    const json_t *value = member(object, "kind", NULL);
    if (!value) return 0;
    if (json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) < SS_PAIR_KINDS) {
        *kind = (ss_pair_kind)json_integer_value(value);
        return 0;
    }
    ss_slice word = {json_string_value(value), json_string_length(value)};
    if (json_is_string(value) && !ss_pair_kind_parse(word, kind)) return 0;
    return ss_fail(err, SS_INPUT, "'kind' is none of LITERAL, IMPLIED, MULTI, NONE");
}

static int take_rank(const json_t *object, uint32_t *rank, ss_error *err)
{
    const json_t *value = member(object, "rank", NULL);
    if (!value) return 0;
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > UINT32_MAX)
        return ss_fail(err, SS_INPUT, "'rank' is not a number from 0");
    *rank = (uint32_t)json_integer_value(value);
    return 0;
}

static int take_time(const json_t *object, ss_instant *out, ss_error *err)
{
    const json_t *value = member(object, "createdAt", "created_at");
    if (!value) return 0;
    ss_slice text = {json_string_value(value), json_string_length(value)};
    if (!json_is_string(value) || !ss_time_parse(text, out))
        return ss_fail(err, SS_INPUT, "'createdAt' is not a time as in 2026-11-26T00:36:39Z");
    return 0;
}

/* A text or a list of texts; empty ones count as none. */
static int take_skills(const json_t *object, ss_arena *arena, ss_pair *out, ss_error *err)
{
    const json_t *value = member(object, "skillUris", "skill_uris");
    if (!value) value = member(object, "skill", "label");
    if (!value) return 0;
    int list = json_is_array(value);
    size_t count = list ? json_array_size(value) : 1;
    if (count > SS_PAIR_MAX_SKILLS)
        return ss_fail(err, SS_INPUT, "%zu skills; at most %d are taken", count, SS_PAIR_MAX_SKILLS);
    ss_slice *skills = ss_arena_calloc(arena, count, sizeof *skills);
    if (!skills) return ss_fail_memory(err, "reading a training pair");
    for (size_t i = 0; i < count; i++) {
        const json_t *item = list ? json_array_get(value, i) : value;
        if (!json_is_string(item)) return ss_fail(err, SS_INPUT, "a skill that is not a text");
        if (!json_string_length(item)) continue;
        if (keep(arena, item, &skills[out->skill_count], err)) return -1;
        out->skill_count++;
    }
    out->skill_uris = skills;
    return 0;
}

static int take_all(const json_t *object, ss_arena *arena, ss_pair *out, ss_error *err)
{
    if (take_text(object, "sentence", NULL, arena, &out->sentence, err) ||
        take_text(object, "id", NULL, arena, &out->id, err) ||
        take_text(object, "language", NULL, arena, &out->language, err) ||
        take_text(object, "model", NULL, arena, &out->model, err) ||
        take_text(object, "promptVersion", "prompt_version", arena, &out->prompt_version, err) ||
        take_kind(object, &out->kind, err) || take_rank(object, &out->rank, err) ||
        take_time(object, &out->created_at, err) || take_skills(object, arena, out, err))
        return -1;
    out->sentence = ss_slice_trim(out->sentence);
    if (!out->sentence.len) return ss_fail(err, SS_INPUT, "no 'sentence'");
    if (out->sentence.len > SS_PAIR_MAX_SENTENCE)
        return ss_fail(err, SS_INPUT, "a sentence of %zu bytes; at most %d are taken", out->sentence.len,
                       SS_PAIR_MAX_SENTENCE);
    return 0;
}

int ss_wire_read_pair(const char *line, size_t len, ss_arena *arena, ss_pair *out, ss_error *err)
{
    json_error_t why;
    *out = (ss_pair){0};
    json_t *object = ss_json_load(line, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    int result = -1;
    if (!object && ss_json_starved())
        ss_fail_memory(err, "reading a pair");
    else if (!object)
        ss_fail(err, SS_INPUT, "not JSON (column %d)", why.column);
    else if (!json_is_object(object))
        ss_fail(err, SS_INPUT, "not a JSON object");
    else
        result = take_all(object, arena, out, err);
    json_decref(object);
    return result;
}
