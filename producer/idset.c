/* idset.c - see idset.h. */
#include "producer/idset.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 1024 };

ss_hash128 ss_idset_key(const char *id, size_t len)
{
    ss_hash128 key = ss_hash128_of(id, len);
    if (!key.low && !key.high) key.low = 1;
    return key;
}

/* Where `key` is, or where it would go. */
static size_t place(const ss_hash128 *slots, size_t capacity, ss_hash128 key)
{
    size_t at = (size_t)key.low & (capacity - 1);
    while ((slots[at].low || slots[at].high) && (slots[at].low != key.low || slots[at].high != key.high))
        at = (at + 1) & (capacity - 1);
    return at;
}

static int is_empty(ss_hash128 slot)
{
    return !slot.low && !slot.high;
}

int ss_idset_has(const ss_idset *set, ss_hash128 key)
{
    return set->capacity && !is_empty(set->slots[place(set->slots, set->capacity, key)]);
}

static int grow(ss_idset *set)
{
    size_t capacity = set->capacity ? set->capacity * 2 : FIRST_CAPACITY;
    ss_hash128 *slots = calloc(capacity, sizeof *slots);
    if (!slots) return -1;
    for (size_t i = 0; i < set->capacity; i++)
        if (!is_empty(set->slots[i])) slots[place(slots, capacity, set->slots[i])] = set->slots[i];
    free(set->slots);
    set->slots = slots;
    set->capacity = capacity;
    return 0;
}

int ss_idset_add(ss_idset *set, ss_hash128 key)
{
    if ((set->count + 1) * 2 > set->capacity && grow(set)) return -1;
    size_t at = place(set->slots, set->capacity, key);
    if (!is_empty(set->slots[at])) return 0;
    set->slots[at] = key;
    set->count++;
    return 1;
}

void ss_idset_free(ss_idset *set)
{
    free(set->slots);
    *set = (ss_idset){0};
}
