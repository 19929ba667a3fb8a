/* partners.c - see partners.h. An index from hashed label words to skills, as one sorted array. */
#include "producer/partners.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "producer/words.h"

enum { COMMON = 200, SHORTEST_WORD = 4, TRIES = 16 };

typedef struct posting {
    uint64_t word;
    uint32_t skill;
} posting;

struct ss_partners {
    const ss_taxonomy *taxonomy;
    posting *items; /* sorted by word, then skill */
    size_t count, capacity;
    uint64_t *first_word; /* (skills) the rarest word of the label, 0 = none */
};

static int by_word(const void *a, const void *b)
{
    const posting *x = a, *y = b;
    if (x->word != y->word) return x->word < y->word ? -1 : 1;
    return (x->skill > y->skill) - (x->skill < y->skill);
}

static int push(ss_partners *p, uint64_t word, uint32_t skill, ss_error *err)
{
    if (p->count == p->capacity) {
        size_t capacity = p->capacity ? p->capacity * 2 : 1024;
        posting *items = reallocarray(p->items, capacity, sizeof *items);
        if (!items) return ss_fail_memory(err, "indexing labels");
        p->items = items;
        p->capacity = capacity;
    }
    p->items[p->count++] = (posting){word, skill};
    return 0;
}

/* The postings of a word. */
static const posting *range(const ss_partners *p, uint64_t word, size_t *count)
{
    size_t low = 0, high = p->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (p->items[middle].word < word)
            low = middle + 1;
        else
            high = middle;
    }
    size_t end = low;
    while (end < p->count && p->items[end].word == word) end++;
    *count = end - low;
    return p->items + low;
}

static int index_labels(ss_partners *p, ss_words *words, ss_error *err)
{
    size_t skills = ss_taxonomy_count(p->taxonomy);
    for (uint32_t s = 0; s < skills; s++) {
        const char *label = ss_taxonomy_skill(p->taxonomy, s)->label;
        if (ss_words_read(words, label, strlen(label), err)) return -1;
        for (size_t i = 0; i < words->count; i++)
            if (words->items[i].len >= SHORTEST_WORD && push(p, words->hashes[i], s, err)) return -1;
    }
    if (p->count) qsort(p->items, p->count, sizeof *p->items, by_word);
    for (uint32_t s = 0; s < skills; s++) {
        const char *label = ss_taxonomy_skill(p->taxonomy, s)->label;
        size_t rarest = COMMON + 1;
        if (ss_words_read(words, label, strlen(label), err)) return -1;
        for (size_t i = 0; i < words->count; i++) {
            size_t count;
            range(p, words->hashes[i], &count);
            if (count < 2 || count >= rarest) continue;
            rarest = count;
            p->first_word[s] = words->hashes[i];
        }
    }
    return 0;
}

ss_partners *ss_partners_new(const ss_taxonomy *taxonomy, ss_error *err)
{
    ss_partners *p = calloc(1, sizeof *p);
    ss_words *words = ss_words_new(err);
    int bad = 1;
    if (p && words) {
        p->taxonomy = taxonomy;
        p->first_word = calloc(ss_taxonomy_count(taxonomy) + 1, sizeof *p->first_word);
        bad = !p->first_word || index_labels(p, words, err);
    }
    ss_words_free(words);
    if (!bad) return p;
    ss_fail_memory(err, "indexing labels");
    ss_partners_free(p);
    return NULL;
}

void ss_partners_free(ss_partners *p)
{
    if (!p) return;
    free(p->items);
    free(p->first_word);
    free(p);
}

size_t ss_partners_of(const ss_partners *p, uint32_t skill, uint32_t out[2])
{
    const char *uri = ss_taxonomy_skill(p->taxonomy, skill)->uri;
    uint64_t hash = ss_hash64(uri, strlen(uri));
    size_t near = 0, found = 0, skills = ss_taxonomy_count(p->taxonomy);
    const posting *list = p->first_word[skill] ? range(p, p->first_word[skill], &near) : NULL;
    for (unsigned i = 0; i < TRIES && found < 2; i++) {
        hash = hash * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX generator */
        /* The second half of the tries looks everywhere: a word may be shared by two skills only. */
        uint64_t number = hash >> 33;
        uint32_t other = list && near && i < TRIES / 2 ? list[number % near].skill : (uint32_t)(number % skills);
        if (other != skill && !(found && other == out[0])) out[found++] = other;
    }
    return found;
}
