/* dataset.c - see dataset.h. */
#include "worker/train/dataset.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "worker/train/random.h"

enum { BLOCK = 1 << 20, FIRST_ROOM = 1024 };

int ss_dataset_init(ss_dataset *set, const ss_taxonomy *taxonomy, double hold_out, uint64_t seed, ss_error *err)
{
    *set = (ss_dataset){.taxonomy = taxonomy, .hold_out = hold_out, .seed = seed};
    ss_arena_init(&set->arena, BLOCK, 0);
    set->sha = ss_sha256_new(err);
    return set->sha ? 0 : -1;
}

static int append(ss_examples *list, ss_example example, ss_error *err)
{
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : FIRST_ROOM;
        ss_example *items = realloc(list->items, room * sizeof *items);
        if (!items) return ss_fail_memory(err, "reading training pairs");
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = example;
    return 0;
}

/* Decided by URI, so that the choice stays when the taxonomy grows. */
static int is_held_out(const ss_dataset *set, uint32_t skill)
{
    if (set->hold_out <= 0 || skill == SS_NO_SKILL) return 0;
    const char *uri = ss_taxonomy_skill(set->taxonomy, skill)->uri;
    ss_random random = ss_random_stream(set->seed, SS_RANDOM_HOLD_OUT, ss_hash64(uri, strlen(uri)), 0);
    return ss_random_real(&random) < set->hold_out;
}

static void digest_example(ss_dataset *set, const ss_example *e)
{
    uint32_t head[4] = {e->len, e->skill, e->second, (uint32_t)e->kind};
    ss_sha256_add(set->sha, head, sizeof head);
    ss_sha256_add(set->sha, e->text, e->len);
}

static int add_example(ss_dataset *set, ss_example example, ss_error *err)
{
    digest_example(set, &example);
    if (is_held_out(set, example.skill) || is_held_out(set, example.second))
        return append(&set->held_out, example, err);
    set->kinds[example.kind]++;
    return append(example.skill == SS_NO_SKILL ? &set->none : &set->pairs, example, err);
}

int ss_dataset_add(ss_dataset *set, const ss_checked_pair *pair, ss_error *err)
{
    int added = ss_id_set_add(&set->ids, pair->id, err);
    if (added <= 0) {
        set->duplicates += !added;
        return added;
    }
    ss_example example = {.text = ss_arena_copy(&set->arena, pair->sentence.data, pair->sentence.len),
                          .len = (uint32_t)pair->sentence.len,
                          .skill = pair->skill_count ? pair->skills[0] : SS_NO_SKILL,
                          .second = pair->skill_count > 1 ? pair->skills[1] : SS_NO_SKILL,
                          .kind = pair->kind};
    if (!example.text) return ss_fail_memory(err, "reading training pairs");
    return add_example(set, example, err) ? -1 : 1;
}

static int add_definition(ss_dataset *set, uint32_t skill, const char *text, ss_error *err)
{
    if (!*text || is_held_out(set, skill)) return 0;
    ss_example example = {.text = text,
                          .len = (uint32_t)strlen(text),
                          .skill = skill,
                          .second = SS_NO_SKILL,
                          .kind = SS_PAIR_UNSPECIFIED};
    return add_example(set, example, err);
}

int ss_dataset_add_definitions(ss_dataset *set, int descriptions, int alternatives, ss_error *err)
{
    for (uint32_t s = 0; s < ss_taxonomy_count(set->taxonomy); s++) {
        const ss_skill *skill = ss_taxonomy_skill(set->taxonomy, s);
        if (descriptions && add_definition(set, s, skill->description, err)) return -1;
        for (uint32_t a = 0; alternatives && a < skill->alternative_count; a++)
            if (add_definition(set, s, skill->alternatives[a], err)) return -1;
    }
    return 0;
}

int ss_dataset_digest(ss_dataset *set, char digest[SS_SHA256_HEX + 1], ss_error *err)
{
    ss_buffer bytes;
    ss_buffer_init(&bytes, SIZE_MAX);
    int bad = ss_taxonomy_encode(set->taxonomy, &bytes, err);
    if (!bad) {
        ss_sha256_add(set->sha, bytes.data, bytes.len);
        ss_sha256_end(set->sha, digest);
        set->sha = NULL;
    }
    ss_buffer_free(&bytes);
    return bad;
}

static int add_field(ss_buffer *out, const char *text, char end)
{
    int bad = ss_buffer_add(out, "\"", 1);
    for (; *text && !bad; text++) bad = ss_buffer_add(out, text, 1) || (*text == '"' && ss_buffer_add(out, "\"", 1));
    return bad || ss_buffer_add(out, "\"", 1) || ss_buffer_add(out, &end, 1);
}

/* A row for each skill of the example; one with an empty label if it has none. */
static int add_rows(const ss_dataset *set, const ss_example *e, ss_buffer *out)
{
    uint32_t skills[2] = {e->skill, e->second};
    int bad = 0;
    if (e->skill == SS_NO_SKILL) return add_field(out, e->text, ',') || add_field(out, "", '\n');
    for (int i = 0; i < 2 && !bad; i++)
        if (skills[i] != SS_NO_SKILL)
            bad = add_field(out, e->text, ',') ||
                  add_field(out, ss_taxonomy_skill(set->taxonomy, skills[i])->label, '\n');
    return bad;
}

static int write_csv(const ss_dataset *set, const ss_examples *first, size_t first_step, const ss_examples *second,
                     const char *path, ss_error *err)
{
    ss_buffer out;
    ss_buffer_init(&out, SIZE_MAX);
    int bad = ss_buffer_add_string(&out, "sentence,label\n");
    for (size_t i = 0; i < first->count && !bad; i += first_step) bad = add_rows(set, &first->items[i], &out);
    for (size_t i = 0; second && i < second->count && !bad; i++) bad = add_rows(set, &second->items[i], &out);
    int result = bad ? ss_fail_memory(err, "writing sentences") : ss_file_write(path, out.data, out.len, err);
    ss_buffer_free(&out);
    return result;
}

int ss_dataset_write_held_out(const ss_dataset *set, const char *path, ss_error *err)
{
    return write_csv(set, &set->held_out, 1, NULL, path, err);
}

int ss_dataset_write_gate(const ss_dataset *set, const char *path, ss_error *err)
{
    size_t most = 2 * set->none.count + 1;
    return write_csv(set, &set->pairs, set->pairs.count / most + 1, &set->none, path, err);
}

void ss_dataset_free(ss_dataset *set)
{
    char unused[SS_SHA256_HEX + 1];
    if (set->sha) ss_sha256_end(set->sha, unused);
    free(set->pairs.items);
    free(set->none.items);
    free(set->held_out.items);
    ss_id_set_free(&set->ids);
    ss_arena_free(&set->arena);
    *set = (ss_dataset){0};
}
