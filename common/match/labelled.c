/* labelled.c - see labelled.h.
 *
 * Rows are grouped through an open-addressed table of sentences. While reading, a sentence's labels are a list in the
 * arena (a handful each), kept as trimmed text so that a label counts once even when no skill is called so; at
 * the end each list becomes an array of skill numbers.
 */
#include "match/labelled.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "match/csv.h"
#include "text/utf8.h"

typedef struct label {
    struct label *next;
    const char *text;
} label;

typedef struct group {
    ss_labelled item;
    label *labels, **end;
} group;

struct ss_labelled_set {
    ss_arena arena;
    group *groups;
    size_t count, room;
    uint32_t *slots; /* group numbers; EMPTY */
    size_t mask;
};

enum { EMPTY = UINT32_MAX >> 1, FIRST_ROOM = 256 };

static int grow(ss_labelled_set *set, ss_error *err)
{
    size_t room = set->room ? set->room * 2 : FIRST_ROOM;
    group *groups = realloc(set->groups, room * sizeof *groups);
    if (groups) set->groups = groups;
    uint32_t *slots = groups ? malloc(room * 2 * sizeof *slots) : NULL;
    if (!slots || room > EMPTY) {
        free(slots);
        return ss_fail_memory(err, "reading labelled sentences");
    }
    free(set->slots);
    set->slots = slots;
    set->room = room;
    set->mask = room * 2 - 1;
    for (size_t i = 0; i <= set->mask; i++) slots[i] = EMPTY;
    for (size_t i = 0; i < set->count; i++) {
        ss_string_view s = groups[i].item.sentence;
        size_t at = (size_t)ss_hash64(s.data, s.len) & set->mask;
        while (slots[at] != EMPTY) at = (at + 1) & set->mask;
        slots[at] = (uint32_t)i;
    }
    return 0;
}

static group *group_of(ss_labelled_set *set, const char *sentence, size_t len, ss_error *err)
{
    if (set->count == set->room && grow(set, err)) return NULL;
    size_t at = (size_t)ss_hash64(sentence, len) & set->mask;
    for (; set->slots[at] != EMPTY; at = (at + 1) & set->mask) {
        group *found = &set->groups[set->slots[at]];
        if (found->item.sentence.len == len && !memcmp(found->item.sentence.data, sentence, len)) return found;
    }
    const char *copy = ss_arena_copy(&set->arena, sentence, len);
    if (!copy) {
        ss_fail_memory(err, "reading labelled sentences");
        return NULL;
    }
    set->slots[at] = (uint32_t)set->count;
    group *made = &set->groups[set->count++];
    *made = (group){.item.sentence = {copy, len}};
    return made;
}

static int is_no_label(const char *text, size_t len, ss_labelled_rule rule)
{
    static const char *const words[] = {"", "LABEL NOT PRESENT", "UNDERSPECIFIED", "UNK"};
    size_t n = rule == SS_LABELLED_TRAINING ? 4 : 3;
    for (size_t i = 0; i < n; i++)
        if (strlen(words[i]) == len && !memcmp(words[i], text, len)) return 1;
    return 0;
}

static int add_label(ss_labelled_set *set, group *to, const char *text, size_t len, ss_labelled_rule rule,
                     ss_error *err)
{
    if (rule != SS_LABELLED_EXACT) ss_trim(&text, &len);
    if (is_no_label(text, len, rule)) return 0;
    for (label *l = to->labels; l; l = l->next)
        if (strlen(l->text) == len && !memcmp(l->text, text, len)) return 0;
    label *made = ss_arena_calloc(&set->arena, 1, sizeof *made);
    if (made) made->text = ss_arena_copy(&set->arena, text, len);
    if (!made || !made->text) return ss_fail_memory(err, "reading labelled sentences");
    label **end = to->end ? to->end : &to->labels;
    *end = made;
    to->end = &made->next;
    to->item.gold_count++;
    return 0;
}

static int hex_digits(const char *at, int n, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < n; i++) {
        const char *digits = "0123456789abcdef";
        const char *found = at[i] ? strchr(digits, at[i] | 0x20) : NULL;
        if (!found) return -1;
        *value = *value * 16 + (uint32_t)(found - digits);
    }
    return 0;
}

/* One escape of a Python string; *at is behind the backslash. Appends what it stands for. */
static int read_escape(const char **at, ss_buffer *out)
{
    uint32_t code;
    char c = *(*at)++;
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : 0;
    if (c == '\\' || c == '\'' || c == '"') return ss_buffer_add(out, &c, 1);
    if (c == 'n' || c == 't' || c == 'r') return ss_buffer_add(out, c == 'n' ? "\n" : c == 't' ? "\t" : "\r", 1);
    if (!digits || hex_digits(*at, digits, &code) || !code) return -1;
    *at += digits;
    char bytes[4];
    return ss_buffer_add(out, bytes, ss_utf8_encode(code, bytes));
}

/* The next string of a list, unescaped: 1; 0 at the closing bracket; -1 if this is no list. *at starts behind '['. */
static int next_string(const char **at, ss_buffer *out)
{
    *at += strspn(*at, " \t\r\n,");
    char quote = *(*at)++;
    if (quote == ']') return 0;
    if (quote != '\'' && quote != '"') return -1;
    ss_buffer_clear(out);
    while (**at && **at != quote) {
        if (**at == '\\') {
            (*at)++;
            if (read_escape(at, out)) return -1;
        } else if (ss_buffer_add(out, (*at)++, 1)) {
            return -1;
        }
    }
    return *(*at)++ == quote ? 1 : -1;
}

static int add_list(ss_labelled_set *set, group *to, const ss_csv *csv, const char *list, ss_error *err)
{
    ss_buffer string;
    ss_buffer_init(&string, SS_CSV_MAX_FIELD);
    const char *at = list + 1;
    int got, bad = 0;
    while (!bad && (got = next_string(&at, &string)) != 0) {
        if (got < 0)
            bad = ss_fail(err, SS_INPUT, "%s: row %zu: not a list of quoted labels: %.80s", ss_csv_name(csv),
                          ss_csv_row(csv), list);
        else
            bad = add_label(set, to, string.data ? string.data : "", string.len, SS_LABELLED_TRAINING, err);
    }
    ss_buffer_free(&string);
    return bad;
}

static int find_columns(const ss_csv *csv, ss_labelled_rule rule, int *sentence, int *gold, int *is_list, ss_error *err)
{
    *sentence = ss_csv_need(csv, "sentence", err);
    if (*sentence < 0) return -1;
    *is_list = 0;
    *gold = ss_csv_find(csv, "label");
    if (rule == SS_LABELLED_TRAINING) {
        if (*gold < 0) *gold = ss_csv_find(csv, "skill");
        if (*gold < 0) *is_list = (*gold = ss_csv_find(csv, "skills")) >= 0;
    }
    if (*gold < 0) *gold = ss_csv_need(csv, "label", err);
    return *gold < 0 ? -1 : 0;
}

static int read_rows(ss_labelled_set *set, ss_csv *csv, ss_labelled_rule rule, ss_error *err)
{
    int sentence, gold, is_list, got;
    if (find_columns(csv, rule, &sentence, &gold, &is_list, err)) return -1;
    while ((got = ss_csv_next(csv, err)) > 0) {
        size_t len;
        const char *text = ss_csv_get(csv, sentence, &len);
        group *to = group_of(set, text, len, err);
        if (!to) return -1;
        text = ss_csv_get(csv, gold, &len);
        if (is_list && *text == '[' ? add_list(set, to, csv, text, err) : add_label(set, to, text, len, rule, err))
            return -1;
    }
    return got;
}

static uint32_t skill_called(const ss_taxonomy *taxonomy, const char *text, ss_labelled_rule rule)
{
    if (rule == SS_LABELLED_EXACT) return ss_taxonomy_by_label(taxonomy, text);
    if (rule == SS_LABELLED_BENCHMARK) return ss_taxonomy_by_trimmed_label(taxonomy, text, strlen(text));
    return ss_taxonomy_find(taxonomy, text);
}

/* Labels become skill numbers; two names of one skill count once. */
static int resolve(ss_labelled_set *set, ss_labelled_rule rule, const ss_taxonomy *taxonomy, ss_error *err)
{
    for (size_t i = 0; i < set->count; i++) {
        ss_labelled *item = &set->groups[i].item;
        item->gold = ss_arena_alloc(&set->arena, item->gold_count * sizeof *item->gold);
        if (!item->gold) return ss_fail_memory(err, "reading labelled sentences");
        item->gold_count = 0;
        for (label *l = set->groups[i].labels; l; l = l->next) {
            uint32_t skill = skill_called(taxonomy, l->text, rule);
            size_t known = 0;
            while (skill != SS_NO_SKILL && known < item->gold_count && item->gold[known] != skill) known++;
            if (skill == SS_NO_SKILL)
                item->unknown++;
            else if (known < item->gold_count)
                continue;
            item->gold[item->gold_count++] = skill;
        }
    }
    return 0;
}

ss_labelled_set *ss_labelled_read(const char *path, ss_labelled_rule rule, const ss_taxonomy *taxonomy, ss_error *err)
{
    ss_csv *csv = ss_csv_open(path, err);
    if (!csv) return NULL;
    ss_labelled_set *set = calloc(1, sizeof *set);
    int bad = 1;
    if (!set) {
        ss_fail_memory(err, "reading labelled sentences");
    } else {
        ss_arena_init(&set->arena, 0, 0);
        bad = read_rows(set, csv, rule, err) || resolve(set, rule, taxonomy, err);
    }
    ss_csv_close(csv);
    if (!bad) return set;
    ss_labelled_free(set);
    return NULL;
}

void ss_labelled_free(ss_labelled_set *set)
{
    if (!set) return;
    ss_arena_free(&set->arena);
    free(set->groups);
    free(set->slots);
    free(set);
}

size_t ss_labelled_count(const ss_labelled_set *set)
{
    return set->count;
}

const ss_labelled *ss_labelled_item(const ss_labelled_set *set, size_t i)
{
    return &set->groups[i].item;
}

int ss_labelled_check(const ss_labelled_set *set, const char *name, ss_error *err)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->groups[i].item.gold_count > set->groups[i].item.unknown) return 0;
    return ss_fail(err, SS_INPUT, "%s: none of its labels is a skill of the taxonomy", name);
}

float *ss_labelled_embed(const ss_labelled_set *set, ss_embedder *embedder, ss_embed_progress *progress, void *ctx,
                         ss_error *err)
{
    size_t n = ss_labelled_count(set), dims = ss_encoder_dims(ss_embedder_encoder(embedder));
    float *vectors = calloc(n * dims + 1, sizeof *vectors);
    ss_string_view *texts = calloc(n + 1, sizeof *texts);
    int bad = 1;
    if (vectors && texts) {
        for (size_t i = 0; i < n; i++) texts[i] = ss_labelled_item(set, i)->sentence;
        bad = ss_embed_texts(embedder, texts, n, vectors, progress, ctx, err);
    } else {
        ss_fail_memory(err, "embedding labelled sentences");
    }
    free(texts);
    if (!bad) return vectors;
    free(vectors);
    return NULL;
}
