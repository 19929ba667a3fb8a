/* sentence_cache_lru.h - level 1 of the sentence cache: a table of fixed size; not for others.
 *
 * Entries live in one block made at start: keys, links and hits in arrays of
 * `capacity`. An index with open addressing (linear probing, backward-shift
 * deletion, so no tombstones) finds them; two link arrays keep them in order of
 * use. No allocation after start. One thread at a time.
 */
#ifndef SKILLSTREAM_STREAM_SENTENCE_CACHE_LRU_H
#define SKILLSTREAM_STREAM_SENTENCE_CACHE_LRU_H

#include "stream/sentence_cache.h"

typedef struct ss_cache_lru ss_cache_lru;

/* At most `memory` bytes in all; SS_CONFIG when not even 16 entries fit. H = hits per entry. */
ss_cache_lru *ss_cache_lru_new(size_t memory, uint32_t hits_per_entry, ss_error *err);
void ss_cache_lru_free(ss_cache_lru *lru);

/* The entry, its hits copied to `hits` (H), or one with the count SS_CACHE_MISS. Makes the entry the newest. */
ss_cached ss_cache_lru_get(ss_cache_lru *lru, ss_hash128 key, ss_hit_value *hits);

/* Adds or replaces; 0 <= value.count <= H. Returns 1 if the oldest entry had to go. */
int ss_cache_lru_put(ss_cache_lru *lru, ss_hash128 key, const ss_hit_value *hits, ss_cached value);

void ss_cache_lru_clear(ss_cache_lru *lru);
size_t ss_cache_lru_count(const ss_cache_lru *lru);
size_t ss_cache_lru_capacity(const ss_cache_lru *lru);
size_t ss_cache_lru_memory(const ss_cache_lru *lru); /* bytes taken */

#endif
