/* distinct.h - step 2 of the extractor: the distinct sentences of a batch.
 *
 * 40 % of the sentences of scraped ads repeat others; the same sentence is looked up, embedded and matched once.
 */
#ifndef SKILLSTREAM_WORKER_EXTRACT_DISTINCT_H
#define SKILLSTREAM_WORKER_EXTRACT_DISTINCT_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "nn/embed.h"

typedef struct ss_distinct {
    ss_hash128 *keys;      /* (count) */
    ss_string_view *texts; /* (count), folded, in the arena */
    size_t count, room;
    uint32_t *slots; /* open addressing, index + 1, 0 = free; room is a power of two >= 2 * count */
    size_t slot_count;
} ss_distinct;

/* Makes room for up to `sentences` different sentences in the arena. -1 when memory is out. */
int ss_distinct_init(ss_distinct *set, size_t sentences, ss_arena *arena);

/* The number of the sentence with this key; new ones are added with `text`. */
uint32_t ss_distinct_add(ss_distinct *set, ss_hash128 key, ss_string_view text);

#endif
