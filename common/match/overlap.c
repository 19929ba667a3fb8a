/* overlap.c - see overlap.h.
 *
 * Names are numbered through all skills, labels first. Two indexes of the same words: name -> its words, for the
 * overlap of one skill, and word -> the names that have it, for all skills of a sentence. Words that weigh nothing are
 * in neither; without them the longest list is some thousands of names ("manage"), and a sentence of 15 words costs
 * tens of microseconds.
 */
#include "match/overlap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "match/overlap_words.h"
#include "match/span_parts.h"

#define LEAST_WEIGHT 0.5

struct ss_overlap_index {
    ss_word_table table;
    float *weight;        /* (words) */
    size_t skills, names; /* names of all skills */
    uint32_t *first_name; /* (skills + 1) */
    uint32_t *skill_of;   /* (names) */
    uint32_t *first_word; /* (names + 1) */
    uint32_t *words;      /* different words of each name that weigh something */
    float *total;         /* (names) T */
    uint32_t *first_post; /* (words + 1) */
    uint32_t *posts;      /* names that have the word */
};

struct ss_overlap_scratch {
    const ss_overlap_index *index;
    struct sb_stemmer *stemmer;
    uint8_t *here; /* (words) 1: the sentence has it */
    uint32_t *words;
    size_t word_count, word_room;
    float *mass; /* (names) M, 0 between two calls */
    uint32_t *touched;
    float *found; /* (skills) */
    uint32_t *skills;
    size_t skill_count;
};

/* ---- building ---- */

/* What is needed while an index is built: the words of all names, and in how many skills each word stands. */
typedef struct building {
    ss_overlap_index *index;
    struct sb_stemmer *stemmer;
    ss_folded text;
    size_t word_room, name_room;
    size_t word_count; /* in index->words */
    uint32_t *skills;  /* (per word) skills that have it */
    uint32_t *last;    /* (per word) 1 + the last skill that had it */
    size_t counted;    /* room of the two */
} building;

static int count_word(building *b, uint32_t word, uint32_t skill)
{
    if (word == SS_NO_WORD) return -1;
    if (word >= b->counted) {
        size_t room = b->counted ? b->counted * 2 : 1 << 14;
        uint32_t *skills = realloc(b->skills, room * sizeof *skills);
        if (skills) b->skills = skills;
        uint32_t *last = skills ? realloc(b->last, room * sizeof *last) : NULL;
        if (!last) return -1;
        b->last = last;
        memset(b->skills + b->counted, 0, (room - b->counted) * sizeof *skills);
        memset(b->last + b->counted, 0, (room - b->counted) * sizeof *last);
        b->counted = room;
    }
    if (b->last[word] == skill + 1) return 0;
    b->last[word] = skill + 1;
    b->skills[word]++;
    return 0;
}

static int keep_word(building *b, size_t from, uint32_t word)
{
    ss_overlap_index *x = b->index;
    for (size_t i = from; i < b->word_count; i++)
        if (x->words[i] == word) return 0;
    if (b->word_count == b->word_room) {
        size_t room = b->word_room ? b->word_room * 2 : 1 << 16;
        uint32_t *words = realloc(x->words, room * sizeof *words);
        if (!words) return -1;
        x->words = words;
        b->word_room = room;
    }
    x->words[b->word_count++] = word;
    return 0;
}

/* Counts the words of a text, and keeps them as a name's if `name`. */
static int add_text(building *b, uint32_t skill, const char *text, size_t len, int name)
{
    if (ss_fold(&b->text, text, len)) return -1;
    size_t from = b->word_count, at = 0;
    for (uint64_t hash; (hash = ss_next_stem(&b->text, &at, b->stemmer));) {
        uint32_t word = ss_word_number_or_new(&b->index->table, hash);
        if (count_word(b, word, skill) || (name && keep_word(b, from, word))) return -1;
    }
    if (!name) return 0;
    b->index->skill_of[b->index->names++] = skill;
    b->index->first_word[b->index->names] = (uint32_t)b->word_count;
    return 0;
}

static int add_name(building *b, uint32_t skill, const char *text)
{
    size_t len = strlen(text), shorter = ss_label_without_bracket(text, len);
    return add_text(b, skill, text, shorter ? shorter : len, 1);
}

static int add_skill(building *b, const ss_taxonomy *taxonomy, uint32_t s)
{
    const ss_skill *skill = ss_taxonomy_skill(taxonomy, s);
    b->index->first_name[s] = (uint32_t)b->index->names;
    if (add_name(b, s, skill->label)) return -1;
    for (uint32_t i = 0; i < skill->alternative_count; i++)
        if (add_name(b, s, skill->alternatives[i])) return -1;
    b->index->first_name[s + 1] = (uint32_t)b->index->names;
    return add_text(b, s, skill->description, strlen(skill->description), 0);
}

static int weigh(building *b)
{
    ss_overlap_index *x = b->index;
    x->weight = calloc(x->table.count + 1, sizeof *x->weight);
    if (!x->weight) return -1;
    for (size_t w = 0; w < x->table.count; w++) {
        double weight = log(((double)x->skills + 1) / ((double)b->skills[w] + 1));
        x->weight[w] = weight < LEAST_WEIGHT ? 0 : (float)weight;
    }
    return 0;
}

/* Takes weightless words out of the names and sums up the others. */
static void settle_names(ss_overlap_index *x)
{
    size_t to = 0, from = 0;
    for (size_t n = 0; n < x->names; n++) {
        size_t end = x->first_word[n + 1];
        x->first_word[n] = (uint32_t)to;
        for (; from < end; from++) {
            if (x->weight[x->words[from]] <= 0) continue;
            x->total[n] += x->weight[x->words[from]];
            x->words[to++] = x->words[from];
        }
    }
    x->first_word[x->names] = (uint32_t)to;
}

/* The other way round, by counting. */
static int invert(ss_overlap_index *x)
{
    size_t count = x->first_word[x->names];
    x->first_post = calloc(x->table.count + 2, sizeof *x->first_post);
    x->posts = calloc(count + 1, sizeof *x->posts);
    if (!x->first_post || !x->posts) return -1;
    for (size_t i = 0; i < count; i++) x->first_post[x->words[i] + 2]++;
    for (size_t w = 2; w < x->table.count + 2; w++) x->first_post[w] += x->first_post[w - 1];
    for (size_t n = 0; n < x->names; n++)
        for (size_t i = x->first_word[n]; i < x->first_word[n + 1]; i++)
            x->posts[x->first_post[x->words[i] + 1]++] = (uint32_t)n;
    return 0;
}

static int build(building *b, const ss_taxonomy *taxonomy)
{
    ss_overlap_index *x = b->index;
    size_t names = 0;
    x->skills = ss_taxonomy_count(taxonomy);
    for (uint32_t s = 0; s < x->skills; s++) names += 1 + (size_t)ss_taxonomy_skill(taxonomy, s)->alternative_count;
    x->first_name = calloc(x->skills + 1, sizeof *x->first_name);
    x->skill_of = calloc(names + 1, sizeof *x->skill_of);
    x->first_word = calloc(names + 1, sizeof *x->first_word);
    x->total = calloc(names + 1, sizeof *x->total);
    b->stemmer = ss_stemmer_new();
    if (!x->first_name || !x->skill_of || !x->first_word || !x->total || !b->stemmer) return -1;
    for (uint32_t s = 0; s < x->skills; s++)
        if (add_skill(b, taxonomy, s)) return -1;
    if (weigh(b)) return -1;
    settle_names(x);
    return invert(x);
}

ss_overlap_index *ss_overlap_index_new(const ss_taxonomy *taxonomy)
{
    building b = {.index = calloc(1, sizeof *b.index)};
    int bad = !b.index || build(&b, taxonomy);
    ss_stemmer_free(b.stemmer);
    ss_folded_free(&b.text);
    free(b.skills);
    free(b.last);
    if (!bad) return b.index;
    ss_overlap_index_free(b.index);
    return NULL;
}

void ss_overlap_index_free(ss_overlap_index *x)
{
    if (!x) return;
    ss_word_table_free(&x->table);
    free(x->weight);
    free(x->first_name);
    free(x->skill_of);
    free(x->first_word);
    free(x->words);
    free(x->total);
    free(x->first_post);
    free(x->posts);
    free(x);
}

/* ---- asking ---- */

ss_overlap_scratch *ss_overlap_scratch_new(const ss_overlap_index *index)
{
    ss_overlap_scratch *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->index = index;
    s->stemmer = ss_stemmer_new();
    s->here = calloc(index->table.count + 1, sizeof *s->here);
    s->mass = calloc(index->names + 1, sizeof *s->mass);
    s->touched = calloc(index->names + 1, sizeof *s->touched);
    s->found = calloc(index->skills + 1, sizeof *s->found);
    s->skills = calloc(index->skills + 1, sizeof *s->skills);
    if (s->stemmer && s->here && s->mass && s->touched && s->found && s->skills) return s;
    ss_overlap_scratch_free(s);
    return NULL;
}

void ss_overlap_scratch_free(ss_overlap_scratch *s)
{
    if (!s) return;
    ss_stemmer_free(s->stemmer);
    free(s->here);
    free(s->words);
    free(s->mass);
    free(s->touched);
    free(s->found);
    free(s->skills);
    free(s);
}

static int take_word(ss_overlap_scratch *s, uint32_t word)
{
    if (word == SS_NO_WORD || s->here[word] || s->index->weight[word] <= 0) return 0;
    if (s->word_count == s->word_room) {
        size_t room = s->word_room ? s->word_room * 2 : 256;
        uint32_t *words = realloc(s->words, room * sizeof *words);
        if (!words) return -1;
        s->words = words;
        s->word_room = room;
    }
    s->here[word] = 1;
    s->words[s->word_count++] = word;
    return 0;
}

static void forget(ss_overlap_scratch *s)
{
    for (size_t i = 0; i < s->word_count; i++) s->here[s->words[i]] = 0;
    s->word_count = 0;
}

int ss_overlap_take(ss_overlap_scratch *s, const ss_folded *sentence)
{
    size_t at = 0;
    forget(s);
    for (uint64_t hash; (hash = ss_next_stem(sentence, &at, s->stemmer));) {
        if (!take_word(s, ss_word_number(&s->index->table, hash))) continue;
        forget(s);
        return -1;
    }
    return 0;
}

static float overlap(float mass, float total)
{
    return mass > 0 ? mass / total * sqrtf(mass) : 0;
}

float ss_overlap_of(const ss_overlap_scratch *s, uint32_t skill)
{
    const ss_overlap_index *x = s->index;
    float best = 0;
    for (size_t n = x->first_name[skill]; s->word_count && n < x->first_name[skill + 1]; n++) {
        float mass = 0;
        for (size_t i = x->first_word[n]; i < x->first_word[n + 1]; i++)
            if (s->here[x->words[i]]) mass += x->weight[x->words[i]];
        float own = overlap(mass, x->total[n]);
        if (own > best) best = own;
    }
    return best;
}

/* Adds up M of every name that shares a word; returns how many, in `touched`. */
static size_t add_masses(ss_overlap_scratch *s)
{
    const ss_overlap_index *x = s->index;
    size_t touched = 0;
    for (size_t w = 0; w < s->word_count; w++) {
        float weight = x->weight[s->words[w]];
        const uint32_t *end = x->posts + x->first_post[s->words[w] + 1];
        for (const uint32_t *post = x->posts + x->first_post[s->words[w]]; post < end; post++) {
            float mass = s->mass[*post];
            s->touched[touched] = *post; /* without a branch, which could not be foreseen */
            touched += mass <= 0;
            s->mass[*post] = mass + weight;
        }
    }
    return touched;
}

size_t ss_overlap_all(ss_overlap_scratch *s, const uint32_t **skills)
{
    const ss_overlap_index *x = s->index;
    for (size_t i = 0; i < s->skill_count; i++) s->found[s->skills[i]] = 0;
    s->skill_count = 0;
    size_t touched = add_masses(s);
    for (size_t i = 0; i < touched; i++) {
        uint32_t name = s->touched[i], skill = x->skill_of[name];
        float own = overlap(s->mass[name], x->total[name]);
        s->mass[name] = 0;
        if (s->found[skill] <= 0) s->skills[s->skill_count++] = skill;
        if (own > s->found[skill]) s->found[skill] = own;
    }
    *skills = s->skills;
    return s->skill_count;
}

/* Puts a skill, or a better name of it, into a list by falling overlap, equal ones by number. */
static size_t insert_best(ss_overlap_hit *list, size_t count, size_t max, ss_overlap_hit hit)
{
    size_t at = 0;
    while (at < count && list[at].skill != hit.skill) at++;
    if (at < count && list[at].overlap >= hit.overlap) return count;
    if (at == count) at = count < max ? count++ : max;
    for (; at; at--) {
        ss_overlap_hit before = list[at - 1];
        if (before.overlap > hit.overlap || (before.overlap == hit.overlap && before.skill < hit.skill)) break;
        if (at < max) list[at] = before;
    }
    if (at < max) list[at] = hit;
    return count;
}

size_t ss_overlap_best(ss_overlap_scratch *s, ss_overlap_hit *out, size_t max)
{
    const ss_overlap_index *x = s->index;
    const float rounding = 1.0f + 0x1p-19f; /* more than that of either side below */
    size_t touched = add_masses(s), count = 0;
    float bar = 0; /* square of the overlap that gets into the list */
    for (size_t i = 0; i < touched; i++) {
        uint32_t name = s->touched[i];
        float mass = s->mass[name], total = x->total[name];
        s->mass[name] = 0;
        if (mass * mass * mass * rounding < bar * (total * total))
            continue; /* overlap squared, without root or division */
        count = max ? insert_best(out, count, max, (ss_overlap_hit){x->skill_of[name], overlap(mass, total)}) : 0;
        if (count == max && max) bar = out[max - 1].overlap * out[max - 1].overlap;
    }
    return count;
}

float ss_overlap_found(const ss_overlap_scratch *s, uint32_t skill)
{
    return s->found[skill];
}
