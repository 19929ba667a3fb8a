/* idset.h - the ids that are on the topic already: a set of 128-bit hashes, 32 to 64 bytes of memory an id.
 *
 * Open addressing with linear probing, at most half full. One thread.
 */
#ifndef SKILLSTREAM_PRODUCER_IDSET_H
#define SKILLSTREAM_PRODUCER_IDSET_H

#include <stddef.h>

#include "base/hash.h"

typedef struct ss_idset {
    ss_hash128 *slots; /* {0, 0} = empty */
    size_t capacity, count;
} ss_idset;

ss_hash128 ss_idset_key(const char *id, size_t len);
int ss_idset_has(const ss_idset *set, ss_hash128 key);
/* 1: it is new; 0: it was there; -1: memory is out. An empty set is all zeros. */
int ss_idset_add(ss_idset *set, ss_hash128 key);
void ss_idset_free(ss_idset *set);

#endif
