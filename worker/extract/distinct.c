/* distinct.c - see distinct.h. Keys are already well mixed, so linear probing on their low bits is enough. */
#include "worker/extract/distinct.h"

int ss_distinct_init(ss_distinct *set, size_t sentences, ss_arena *arena)
{
    *set = (ss_distinct){.room = sentences};
    size_t slots = 16;
    while (slots < sentences * 2) slots *= 2;
    set->slot_count = slots;
    set->keys = ss_arena_alloc(arena, (sentences + 1) * sizeof *set->keys);
    set->texts = ss_arena_alloc(arena, (sentences + 1) * sizeof *set->texts);
    set->slots = ss_arena_calloc(arena, slots, sizeof *set->slots);
    return set->keys && set->texts && set->slots ? 0 : -1;
}

uint32_t ss_distinct_add(ss_distinct *set, ss_hash128 key, ss_string_view text)
{
    size_t mask = set->slot_count - 1, slot = key.low & mask;
    while (set->slots[slot]) {
        uint32_t at = set->slots[slot] - 1;
        if (set->keys[at].low == key.low && set->keys[at].high == key.high) return at;
        slot = (slot + 1) & mask;
    }
    uint32_t at = (uint32_t)set->count++;
    set->slots[slot] = at + 1;
    set->keys[at] = key;
    set->texts[at] = text;
    return at;
}
