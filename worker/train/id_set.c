/* id_set.c - see id_set.h. Ids are well mixed: linear probing from their low bits. */
#include "worker/train/id_set.h"

#include <stdlib.h>

enum { FIRST_ROOM = 1024 };

static int is_free(ss_hash128 slot)
{
    return !slot.low && !slot.high;
}

/* The slot of `id`, or the free one where it belongs. */
static size_t find(const ss_hash128 *slots, size_t room, ss_hash128 id)
{
    size_t at = id.low & (room - 1);
    while (!is_free(slots[at]) && (slots[at].low != id.low || slots[at].high != id.high)) at = (at + 1) & (room - 1);
    return at;
}

static int grow(ss_id_set *set, ss_error *err)
{
    size_t room = set->room ? set->room * 2 : FIRST_ROOM;
    ss_hash128 *slots = calloc(room, sizeof *slots);
    if (!slots) return ss_fail_memory(err, "remembering the ids of pairs");
    for (size_t i = 0; i < set->room; i++)
        if (!is_free(set->slots[i])) slots[find(slots, room, set->slots[i])] = set->slots[i];
    free(set->slots);
    set->slots = slots;
    set->room = room;
    return 0;
}

/* {0,0} marks a free slot; nothing is lost when that one id counts as its neighbour. */
static ss_hash128 usable(ss_hash128 id)
{
    if (is_free(id)) id.low = 1;
    return id;
}

int ss_id_set_add(ss_id_set *set, ss_hash128 id, ss_error *err)
{
    if (set->count * 2 >= set->room && grow(set, err)) return -1;
    id = usable(id);
    size_t at = find(set->slots, set->room, id);
    if (!is_free(set->slots[at])) return 0;
    set->slots[at] = id;
    set->count++;
    return 1;
}

int ss_id_set_has(const ss_id_set *set, ss_hash128 id)
{
    return set->room && !is_free(set->slots[find(set->slots, set->room, usable(id))]);
}

void ss_id_set_free(ss_id_set *set)
{
    free(set->slots);
    *set = (ss_id_set){0};
}
