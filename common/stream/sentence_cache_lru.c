/* sentence_cache_lru.c - see sentence_cache_lru.h.
 *
 * The index holds entry number + 1 (0 = empty slot) and is a power of two at
 * least half as large again as the capacity, so a probe is short and always
 * ends. The list of use is doubly linked by entry numbers, NONE at both ends.
 * While entries are free they are handed out in order; later the oldest is
 * reused. An entry is never removed alone, only replaced or all cleared.
 */
#include "stream/sentence_cache_lru.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

enum { ENTRIES_MIN = 16, ENTRIES_MAX = 1 << 28 };

struct ss_cache_lru {
    uint32_t capacity, count, per_entry, mask; /* mask = slots - 1 */
    uint32_t newest, oldest;
    size_t memory;
    uint32_t *slots;    /* (mask + 1) */
    ss_hash128 *keys;   /* (capacity) */
    uint32_t *older;    /* (capacity) towards the oldest */
    uint32_t *newer;    /* (capacity) towards the newest */
    ss_cached *values;  /* (capacity) */
    ss_hit_value *hits; /* (capacity, per_entry) */
};

static size_t slots_for(size_t capacity)
{
    size_t slots = ENTRIES_MIN;
    while (slots < capacity + capacity / 2) slots *= 2;
    return slots;
}

static size_t memory_for(size_t capacity, size_t per_entry)
{
    size_t entry = sizeof(ss_hash128) + 2 * sizeof(uint32_t) + sizeof(ss_cached) + per_entry * sizeof(ss_hit_value);
    return sizeof(ss_cache_lru) + capacity * entry + slots_for(capacity) * sizeof(uint32_t);
}

ss_cache_lru *ss_cache_lru_new(size_t memory, uint32_t per_entry, ss_error *err)
{
    size_t capacity = memory / (per_entry * sizeof(ss_hit_value) + sizeof(ss_hash128));
    if (capacity > ENTRIES_MAX) capacity = ENTRIES_MAX;
    while (capacity >= ENTRIES_MIN && memory_for(capacity, per_entry) > memory) capacity -= capacity / 64 + 1;
    if (capacity < ENTRIES_MIN) {
        ss_fail(err, SS_CONFIG, "sentence cache: %zu bytes are too few; use at least %zu, or 0 for none", memory,
                memory_for((size_t)ENTRIES_MIN * 2, per_entry));
        return NULL;
    }
    ss_cache_lru *lru = calloc(1, sizeof *lru);
    if (!lru) goto no_memory;
    lru->capacity = (uint32_t)capacity;
    lru->per_entry = per_entry;
    lru->memory = memory_for(capacity, per_entry);
    lru->mask = (uint32_t)(slots_for(capacity) - 1);
    lru->slots = calloc((size_t)lru->mask + 1, sizeof *lru->slots);
    lru->keys = malloc(capacity * sizeof *lru->keys);
    lru->older = malloc(capacity * sizeof *lru->older);
    lru->newer = malloc(capacity * sizeof *lru->newer);
    lru->values = malloc(capacity * sizeof *lru->values);
    lru->hits = malloc(capacity * per_entry * sizeof *lru->hits);
    if (!lru->slots || !lru->keys || !lru->older || !lru->newer || !lru->values || !lru->hits) goto no_memory;
    lru->newest = lru->oldest = NONE;
    return lru;

no_memory:
    ss_cache_lru_free(lru);
    ss_fail_memory(err, "making the sentence cache");
    return NULL;
}

void ss_cache_lru_free(ss_cache_lru *lru)
{
    if (!lru) return;
    free(lru->slots);
    free(lru->keys);
    free(lru->older);
    free(lru->newer);
    free(lru->values);
    free(lru->hits);
    free(lru);
}

void ss_cache_lru_clear(ss_cache_lru *lru)
{
    memset(lru->slots, 0, ((size_t)lru->mask + 1) * sizeof *lru->slots);
    lru->count = 0;
    lru->newest = lru->oldest = NONE;
}

/* ---- Index ---- */

static uint32_t home(const ss_cache_lru *lru, ss_hash128 key)
{
    return (uint32_t)key.low & lru->mask;
}

/* Slot that holds `key`, or the empty slot where it would go. */
static uint32_t find(const ss_cache_lru *lru, ss_hash128 key)
{
    uint32_t slot = home(lru, key);
    for (; lru->slots[slot]; slot = (slot + 1) & lru->mask) {
        const ss_hash128 *other = &lru->keys[lru->slots[slot] - 1];
        if (other->low == key.low && other->high == key.high) break;
    }
    return slot;
}

/* Empties a slot and moves later ones of the same run back, so that no probe is cut short (Knuth 6.4, algorithm R). */
static void unindex(ss_cache_lru *lru, uint32_t hole)
{
    for (uint32_t slot = (hole + 1) & lru->mask; lru->slots[slot]; slot = (slot + 1) & lru->mask) {
        uint32_t from_home = (slot - home(lru, lru->keys[lru->slots[slot] - 1])) & lru->mask;
        uint32_t from_hole = (slot - hole) & lru->mask;
        if (from_home < from_hole) continue;
        lru->slots[hole] = lru->slots[slot];
        hole = slot;
    }
    lru->slots[hole] = 0;
}

/* ---- Order of use ---- */

static void unlink_entry(ss_cache_lru *lru, uint32_t entry)
{
    uint32_t older = lru->older[entry], newer = lru->newer[entry];
    if (older == NONE)
        lru->oldest = newer;
    else
        lru->newer[older] = newer;
    if (newer == NONE)
        lru->newest = older;
    else
        lru->older[newer] = older;
}

static void link_newest(ss_cache_lru *lru, uint32_t entry)
{
    lru->older[entry] = lru->newest;
    lru->newer[entry] = NONE;
    if (lru->newest == NONE)
        lru->oldest = entry;
    else
        lru->newer[lru->newest] = entry;
    lru->newest = entry;
}

/* ---- Use ---- */

ss_cached ss_cache_lru_get(ss_cache_lru *lru, ss_hash128 key, ss_hit_value *hits)
{
    uint32_t found = lru->slots[find(lru, key)];
    if (!found) return (ss_cached){.count = SS_CACHE_MISS};
    uint32_t entry = found - 1;
    ss_cached value = lru->values[entry];
    memcpy(hits, lru->hits + (size_t)entry * lru->per_entry, (size_t)value.count * sizeof *hits);
    unlink_entry(lru, entry);
    link_newest(lru, entry);
    return value;
}

static void fill(ss_cache_lru *lru, uint32_t entry, const ss_hit_value *hits, ss_cached value)
{
    lru->values[entry] = value;
    memcpy(lru->hits + (size_t)entry * lru->per_entry, hits, (size_t)value.count * sizeof *hits);
    link_newest(lru, entry);
}

int ss_cache_lru_put(ss_cache_lru *lru, ss_hash128 key, const ss_hit_value *hits, ss_cached value)
{
    uint32_t slot = find(lru, key), entry;
    if (lru->slots[slot]) {
        entry = lru->slots[slot] - 1;
        unlink_entry(lru, entry);
        fill(lru, entry, hits, value);
        return 0;
    }
    int evict = lru->count == lru->capacity;
    if (evict) {
        entry = lru->oldest;
        unlink_entry(lru, entry);
        unindex(lru, find(lru, lru->keys[entry]));
        slot = find(lru, key); /* the hole may have moved */
    } else {
        entry = lru->count++;
    }
    lru->keys[entry] = key;
    lru->slots[slot] = entry + 1;
    fill(lru, entry, hits, value);
    return evict;
}

size_t ss_cache_lru_count(const ss_cache_lru *lru)
{
    return lru->count;
}

size_t ss_cache_lru_capacity(const ss_cache_lru *lru)
{
    return lru->capacity;
}

size_t ss_cache_lru_memory(const ss_cache_lru *lru)
{
    return lru->memory;
}
