/* id_set.h - which pairs were seen already: a set of 128-bit hashes. One thread. */
#ifndef SKILLSTREAM_WORKER_TRAIN_ID_SET_H
#define SKILLSTREAM_WORKER_TRAIN_ID_SET_H

#include <stddef.h>

#include "base/error.h"
#include "base/hash.h"

/* Start with {0}. */
typedef struct ss_id_set {
    ss_hash128 *slots; /* open addressing; {0,0} = free */
    size_t count, room;
} ss_id_set;

/* 1: was not there and is now; 0: was there; -1: memory is out. */
int ss_id_set_add(ss_id_set *set, ss_hash128 id, ss_error *err);
int ss_id_set_has(const ss_id_set *set, ss_hash128 id);
void ss_id_set_free(ss_id_set *set);

#endif
