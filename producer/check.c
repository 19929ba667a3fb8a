/* check.c - see check.h.
 *
 * Leaks are looked up as hashes of word sequences (words.h): a small sorted list for what the current answer was asked
 * for, a larger one, made when it is first needed, for all labels of the taxonomy.
 */
#include "producer/check.h"

#include <stdlib.h>
#include <string.h>

#include "producer/language.h"

enum { LONGEST = 1000, SHORTEST_LEAK = 2, REPEATED_RUN = 4, PROMPT_RUN = 6, DESCRIPTION_RUN = 8, LABEL_RUN_MAX = 12 };

/* A sorted list of hashes. */
typedef struct hashes {
    uint64_t *items;
    size_t count, capacity;
} hashes;

struct ss_checker {
    ss_check_rules rules;
    const ss_taxonomy *taxonomy;
    ss_words *words, *other; /* of the sentence; of what it is compared with */
    ss_pair_kind kind;
    hashes prompt_runs, description_runs;
    hashes prompt_short[PROMPT_RUN];      /* by number of words: for sentences that are shorter than a run */
    hashes labels[LABEL_RUN_MAX + 1];     /* by number of words: of the skills asked for */
    hashes all_labels[LABEL_RUN_MAX + 1]; /* of the taxonomy */
    int has_all_labels;
};

/* ---- hashes ---- */

static int push(hashes *h, uint64_t hash, ss_error *err)
{
    if (h->count == h->capacity) {
        size_t capacity = h->capacity ? h->capacity * 2 : 64;
        uint64_t *items = reallocarray(h->items, capacity, sizeof *items);
        if (!items) return ss_fail_memory(err, "checking sentences");
        h->items = items;
        h->capacity = capacity;
    }
    h->items[h->count++] = hash;
    return 0;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void sort(hashes *h)
{
    if (h->count) qsort(h->items, h->count, sizeof *h->items, by_value);
}

static int holds(const hashes *h, uint64_t hash)
{
    return h->count && bsearch(&hash, h->items, h->count, sizeof hash, by_value) != NULL;
}

/* Adds all runs of `run` words of `text`. */
static int push_runs(ss_checker *c, hashes *h, const char *text, size_t run, ss_error *err)
{
    if (ss_words_read(c->other, text, strlen(text), err)) return -1;
    for (size_t i = 0; i + run <= c->other->count; i++)
        if (push(h, ss_words_hash(c->other, i, run), err)) return -1;
    return 0;
}

static int has_run(const ss_words *words, const hashes *h, size_t run)
{
    for (size_t i = 0; h->count && i + run <= words->count; i++)
        if (holds(h, ss_words_hash(words, i, run))) return 1;
    return 0;
}

static int has_label(const ss_words *words, const hashes labels[LABEL_RUN_MAX + 1])
{
    for (size_t run = 1; run <= LABEL_RUN_MAX; run++)
        if (has_run(words, &labels[run], run)) return 1;
    return 0;
}

/* A label as a whole, without what stands in brackets: "Java (computer programming)" is Java. */
static int push_label(ss_checker *c, hashes labels[LABEL_RUN_MAX + 1], const char *label, size_t least, ss_error *err)
{
    size_t len = strcspn(label, "(");
    if (ss_words_read(c->other, label, len, err)) return -1;
    size_t run = c->other->count;
    if (run < least || run > LABEL_RUN_MAX) return 0;
    return push(&labels[run], ss_words_hash(c->other, 0, run), err);
}

/* ---- life ---- */

ss_checker *ss_checker_new(const ss_check_rules *rules, const ss_taxonomy *taxonomy, ss_error *err)
{
    ss_checker *c = calloc(1, sizeof *c);
    if (!c) {
        ss_fail_memory(err, "checking sentences");
        return NULL;
    }
    c->rules = *rules;
    c->taxonomy = taxonomy;
    c->words = ss_words_new(err);
    c->other = c->words ? ss_words_new(err) : NULL;
    if (c->other) return c;
    ss_checker_free(c);
    return NULL;
}

void ss_checker_free(ss_checker *c)
{
    if (!c) return;
    ss_words_free(c->words);
    ss_words_free(c->other);
    free(c->prompt_runs.items);
    free(c->description_runs.items);
    for (size_t i = 0; i < PROMPT_RUN; i++) free(c->prompt_short[i].items);
    for (size_t i = 0; i <= LABEL_RUN_MAX; i++) {
        free(c->labels[i].items);
        free(c->all_labels[i].items);
    }
    free(c);
}

static int load_all_labels(ss_checker *c, ss_error *err)
{
    if (c->has_all_labels) return 0;
    for (uint32_t s = 0; s < ss_taxonomy_count(c->taxonomy); s++) {
        const ss_skill *skill = ss_taxonomy_skill(c->taxonomy, s);
        if (push_label(c, c->all_labels, skill->label, 2, err)) return -1;
        for (uint32_t a = 0; a < skill->alternative_count; a++)
            if (push_label(c, c->all_labels, skill->alternatives[a], 2, err)) return -1;
    }
    for (size_t i = 0; i <= LABEL_RUN_MAX; i++) sort(&c->all_labels[i]);
    c->has_all_labels = 1;
    return 0;
}

static int push_prompt(ss_checker *c, const char *text, ss_error *err)
{
    for (size_t run = SHORTEST_LEAK; run < PROMPT_RUN; run++)
        if (push_runs(c, &c->prompt_short[run], text, run, err)) return -1;
    return push_runs(c, &c->prompt_runs, text, PROMPT_RUN, err);
}

int ss_checker_begin(ss_checker *c, const ss_prompt *prompt, const uint32_t *skills, size_t skill_count, ss_error *err)
{
    c->kind = prompt->kind;
    c->prompt_runs.count = c->description_runs.count = 0;
    for (size_t i = 0; i <= LABEL_RUN_MAX; i++) c->labels[i].count = 0;
    for (size_t i = 0; i < PROMPT_RUN; i++) c->prompt_short[i].count = 0;
    if (push_prompt(c, prompt->system, err) || push_prompt(c, prompt->user, err)) return -1;
    for (size_t i = 0; i < skill_count; i++) {
        const ss_skill *skill = ss_taxonomy_skill(c->taxonomy, skills[i]);
        if (push_runs(c, &c->description_runs, skill->description, DESCRIPTION_RUN, err)) return -1;
        if (c->kind != SS_PAIR_IMPLIED) continue;
        if (push_label(c, c->labels, skill->label, 1, err)) return -1;
        for (uint32_t a = 0; a < skill->alternative_count; a++)
            if (push_label(c, c->labels, skill->alternatives[a], 2, err)) return -1;
    }
    sort(&c->prompt_runs);
    sort(&c->description_runs);
    for (size_t i = 0; i < PROMPT_RUN; i++) sort(&c->prompt_short[i]);
    for (size_t i = 0; i <= LABEL_RUN_MAX; i++) sort(&c->labels[i]);
    return c->kind == SS_PAIR_NONE ? load_all_labels(c, err) : 0;
}

/* ---- the checks ---- */

static int is_text(const char *sentence, size_t len)
{
    static const char *const remnants[] = {"```", "**", "##", "{", "}", "\":", "<|", "</", "[/", "http://", "https://"};
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)sentence[i] < 0x20 || sentence[i] == 0x7f) return 0;
    for (size_t i = 0; i < sizeof remnants / sizeof *remnants; i++)
        if (memmem(sentence, len, remnants[i], strlen(remnants[i]))) return 0;
    return 1;
}

/* A sentence that breaks off: "The employer is:" */
static int is_unfinished(const char *sentence, size_t len)
{
    return len && strchr(":,;-(", sentence[len - 1]) != NULL;
}

/* Small models run in circles: the same four words twice in one sentence. */
static int repeats_itself(const ss_words *w)
{
    for (size_t i = 0; i + REPEATED_RUN <= w->count; i++)
        for (size_t k = i + 1; k + REPEATED_RUN <= w->count; k++)
            if (!memcmp(w->hashes + i, w->hashes + k, REPEATED_RUN * sizeof *w->hashes)) return 1;
    return 0;
}

/* 1 when the words of the sentence hold (or begin with) one of the phrases; `list` ends with NULL. */
static int has_phrase(const ss_words *words, const char *const *list, int at_start)
{
    const char *text = words->text.data ? words->text.data : "";
    for (; *list; list++) {
        size_t len = strlen(*list);
        for (const char *at = strstr(text, *list); at; at = strstr(at + 1, *list)) {
            if (at_start && at != text) break;
            if ((at == text || at[-1] == ' ') && (at[len] == ' ' || !at[len])) return 1;
        }
    }
    return 0;
}

static int is_prompt(const ss_checker *c, const ss_words *w)
{
    if (w->count >= SHORTEST_LEAK && w->count < PROMPT_RUN && has_run(w, &c->prompt_short[w->count], w->count))
        return 1;
    return has_run(w, &c->prompt_runs, PROMPT_RUN) || has_run(w, &c->description_runs, DESCRIPTION_RUN);
}

static int is_refusal(const ss_words *words)
{
    static const char *const anywhere[] = {
        "as an ai",      "as a language model", "as a large language model", "als ki", "als sprachmodell",
        "en tant qu ia", "como modelo de ia",   "ai assistant and",          NULL};
    static const char *const first[] = {"i m sorry",       "i am sorry",     "sorry but",   "sorry i",
                                        "i cannot",        "i can t",        "i can not",   "i m unable",
                                        "i am unable",     "i won t",        "i apologize", "unfortunately i",
                                        "es tut mir leid", "je suis desole", "lo siento",   NULL};
    return has_phrase(words, anywhere, 0) || has_phrase(words, first, 1);
}

static int is_chatter(const ss_words *words)
{
    static const char *const first[] = {
        "here are",       "here is a",  "here s a",        "sure here",       "certainly here",
        "of course here", "sentence 1", "note that these", "these sentences", "the following sentences",
        "let me know",    NULL};
    return has_phrase(words, first, 1);
}

int ss_checker_judge(ss_checker *c, const char *sentence, size_t len, const char **reason, ss_error *err)
{
    *reason = NULL;
    if (ss_words_read(c->words, sentence, len, err)) return -1;
    const ss_words *w = c->words;
    if (!is_text(sentence, len))
        *reason = "not-text";
    else if (is_unfinished(sentence, len))
        *reason = "unfinished";
    else if (is_refusal(w))
        *reason = "refusal";
    else if (is_chatter(w))
        *reason = "chatter";
    else if (w->count < c->rules.min_words)
        *reason = "too-short";
    else if (w->count > c->rules.max_words || len > LONGEST)
        *reason = "too-long";
    else if (repeats_itself(w))
        *reason = "repetition";
    else if (!ss_language_fits(w, c->rules.language))
        *reason = "language";
    else if (is_prompt(c, w))
        *reason = "prompt-leak";
    else if (c->kind == SS_PAIR_IMPLIED && has_label(w, c->labels))
        *reason = "label-leak";
    else if (c->kind == SS_PAIR_NONE && has_label(w, c->all_labels))
        *reason = "names-a-skill";
    return 0;
}

const ss_words *ss_checker_words(const ss_checker *c)
{
    return c->words;
}
