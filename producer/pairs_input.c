/* pairs_input.c - see pairs_input.h. */
#include "producer/pairs_input.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "match/csv.h"
#include "stream/wire_text.h"

struct ss_pairs_input {
    const char *path;
    const ss_taxonomy *taxonomy;
    ss_lines *lines; /* one of the two */
    ss_csv *csv;
    int sentence, skill, kind, language, model, version; /* columns, -1 = none */
};

static int ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);
    return len >= n && !strcasecmp(text + len - n, end);
}

static int open_csv(ss_pairs_input *in, ss_error *err)
{
    in->csv = ss_csv_open(in->path, err);
    if (!in->csv) return -1;
    in->sentence = ss_csv_need(in->csv, "sentence", err);
    in->skill = ss_csv_find(in->csv, "skill");
    if (in->skill < 0) in->skill = ss_csv_find(in->csv, "label");
    if (in->skill < 0) in->skill = ss_csv_need(in->csv, "skill", err);
    in->kind = ss_csv_find(in->csv, "kind");
    in->language = ss_csv_find(in->csv, "language");
    in->model = ss_csv_find(in->csv, "model");
    in->version = ss_csv_find(in->csv, "prompt_version");
    return in->sentence < 0 || in->skill < 0 ? -1 : 0;
}

ss_pairs_input *ss_pairs_input_open(const char *path, const ss_taxonomy *taxonomy, ss_error *err)
{
    ss_pairs_input *in = calloc(1, sizeof *in);
    if (!in) {
        ss_fail_memory(err, "opening training pairs");
        return NULL;
    }
    in->path = path;
    in->taxonomy = taxonomy;
    int bad;
    if (ends_with(path, ".csv") || ends_with(path, ".csv.gz")) {
        bad = open_csv(in, err);
    } else {
        in->lines = ss_lines_open(path, SS_PAIR_MAX_LINE, err);
        bad = !in->lines;
    }
    if (!bad) return in;
    ss_pairs_input_close(in);
    return NULL;
}

void ss_pairs_input_close(ss_pairs_input *in)
{
    if (!in) return;
    if (in->lines) ss_lines_close(in->lines);
    if (in->csv) ss_csv_close(in->csv);
    free(in);
}

/* ---- rows ---- */

static ss_slice field(const ss_pairs_input *in, int column)
{
    size_t len;
    const char *text = ss_csv_get(in->csv, column, &len);
    return (ss_slice){text, len};
}

static int read_row(ss_pairs_input *in, ss_arena *arena, ss_pair *out, ss_error *err)
{
    int got = ss_csv_next(in->csv, err);
    if (got <= 0) {
        /* A row that cannot be read leaves no place to go on from. */
        if (got < 0 && err && err->status == SS_INPUT) err->status = SS_CORRUPT;
        return got;
    }
    *out = (ss_pair){.sentence = ss_slice_trim(field(in, in->sentence)),
                     .language = field(in, in->language),
                     .model = field(in, in->model),
                     .prompt_version = field(in, in->version)};
    ss_slice skill = field(in, in->skill), kind = field(in, in->kind);
    if (!out->sentence.len) return ss_fail(err, SS_INPUT, "no sentence");
    if (out->sentence.len > SS_PAIR_MAX_SENTENCE)
        return ss_fail(err, SS_INPUT, "a sentence of %zu bytes", out->sentence.len);
    if (kind.len && ss_pair_kind_parse(kind, &out->kind)) return ss_fail(err, SS_INPUT, "an unknown kind");
    if (skill.len) {
        ss_slice *skills = ss_arena_calloc(arena, 1, sizeof *skills);
        if (!skills) return ss_fail_memory(err, "reading training pairs");
        *skills = skill;
        out->skill_uris = skills;
        out->skill_count = 1;
    }
    return 1;
}

static int read_line(ss_pairs_input *in, ss_arena *arena, ss_pair *out, ss_error *err)
{
    char *line;
    size_t len;
    for (;;) {
        int got = ss_lines_next(in->lines, &line, &len, err);
        if (got <= 0) return got;
        if (!len) continue;
        return ss_wire_read_pair(line, len, arena, out, err) ? -1 : 1;
    }
}

/* ---- skills and id ---- */

/* Labels or URIs -> URIs. */
static int resolve(const ss_pairs_input *in, ss_arena *arena, ss_pair *pair, ss_error *err)
{
    ss_slice *skills = ss_arena_calloc(arena, pair->skill_count, sizeof *skills);
    if (!skills) return ss_fail_memory(err, "reading training pairs");
    size_t count = 0;
    for (size_t i = 0; i < pair->skill_count; i++) {
        ss_slice given = pair->skill_uris[i];
        if (ss_slice_equals(given, "UNK")) continue;
        if (!in->taxonomy) {
            if (!memmem(given.data, given.len, "://", 3))
                return ss_fail(err, SS_INPUT, "the skill is not a URI; labels need --taxonomy");
            skills[count++] = given;
            continue;
        }
        char *text = ss_arena_copy(arena, given.data, given.len);
        if (!text) return ss_fail_memory(err, "reading training pairs");
        uint32_t skill = ss_taxonomy_find(in->taxonomy, text);
        if (skill == SS_NO_SKILL) return ss_fail(err, SS_INPUT, "a skill that the taxonomy does not have");
        skills[count++] = ss_slice_of(ss_taxonomy_skill(in->taxonomy, skill)->uri);
    }
    pair->skill_uris = skills;
    pair->skill_count = count;
    return 0;
}

static int complete(const ss_pairs_input *in, ss_arena *arena, ss_pair *pair, ss_error *err)
{
    if (resolve(in, arena, pair, err)) return -1;
    if (!pair->skill_count) {
        if (pair->kind != SS_PAIR_UNSPECIFIED && pair->kind != SS_PAIR_NONE)
            return ss_fail(err, SS_INPUT, "kind %s without a skill", ss_pair_kind_word(pair->kind));
        pair->kind = SS_PAIR_NONE;
    } else if (pair->kind == SS_PAIR_NONE) {
        return ss_fail(err, SS_INPUT, "kind NONE with a skill");
    }
    if (pair->id.len) return 0;
    char id[SS_PAIR_ID + 1];
    if (ss_pair_make_id(pair, id, err)) return -1;
    char *kept = ss_arena_copy(arena, id, SS_PAIR_ID);
    if (!kept) return ss_fail_memory(err, "reading training pairs");
    pair->id = (ss_slice){kept, SS_PAIR_ID};
    return 0;
}

int ss_pairs_input_next(ss_pairs_input *in, ss_arena *arena, ss_pair *out, ss_error *err)
{
    ss_error why = {0};
    int got = in->csv ? read_row(in, arena, out, &why) : read_line(in, arena, out, &why);
    if (got > 0 && complete(in, arena, out, &why)) got = -1;
    if (got >= 0) return got;
    size_t at = in->csv ? ss_csv_line(in->csv) : ss_lines_number(in->lines);
    if (err) *err = why;
    return why.status == SS_INPUT || why.status == SS_LIMIT ? ss_fail_in(err, "%s:%zu", in->path, at) : -1;
}

void ss_pairs_input_position(const ss_pairs_input *in, size_t *done, size_t *total)
{
    *done = *total = 0;
    if (in->lines) ss_lines_position(in->lines, done, total);
}
