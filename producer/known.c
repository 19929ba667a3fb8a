/* known.c - see known.h. A skill has some ten sentences: looking at each is quicker than any index. */
#include "producer/known.h"

#include <stdlib.h>
#include <string.h>

static double cosine(const float *a, const float *b, size_t dims)
{
    double sum = 0;
    for (size_t i = 0; i < dims; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

const char *ss_known_find(const ss_known *known, const ss_known_limits *limits, uint64_t exact, const ss_minhash *near,
                          const float *vector)
{
    const char *found = NULL;
    for (size_t i = 0; i < known->count; i++) {
        const ss_known_sentence *k = &known->items[i];
        if (k->exact == exact) return "duplicate";
        if (!found && ss_minhash_similarity(&k->near, near) >= limits->near) found = "near-duplicate";
        if (!found && vector && k->vector && cosine(k->vector, vector, limits->dims) >= limits->meaning)
            found = "same-meaning";
    }
    return found;
}

int ss_known_add(ss_known *known, const ss_known_limits *limits, uint64_t exact, const ss_minhash *near,
                 const float *vector)
{
    if (known->count == known->capacity) {
        size_t capacity = known->capacity ? known->capacity * 2 : 8;
        ss_known_sentence *items = reallocarray(known->items, capacity, sizeof *items);
        if (!items) return -1;
        known->items = items;
        known->capacity = capacity;
    }
    ss_known_sentence new = {.exact = exact, .near = *near};
    if (vector) {
        new.vector = malloc(limits->dims * sizeof *vector);
        if (!new.vector) return -1;
        memcpy(new.vector, vector, limits->dims * sizeof *vector);
    }
    known->items[known->count++] = new;
    return 0;
}

void ss_known_free(ss_known *known)
{
    for (size_t i = 0; i < known->count; i++) free(known->items[i].vector);
    free(known->items);
    *known = (ss_known){0};
}
