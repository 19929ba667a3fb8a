/* known.h - the sentences of one skill, to find out whether another one says the same again.
 *
 *     "duplicate"       the same words (words.h)
 *     "near-duplicate"  MinHash similarity of at least `near`
 *     "same-meaning"    cosine of the encoder's vectors of at least `meaning`, where both have one
 *
 * Only sentences of the same skill are compared: the same sentence under two skills is two facts. Memory is given back
 * as soon as the skill is done. One thread.
 */
#ifndef SKILLSTREAM_PRODUCER_KNOWN_H
#define SKILLSTREAM_PRODUCER_KNOWN_H

#include <stddef.h>
#include <stdint.h>

#include "producer/minhash.h"

typedef struct ss_known_sentence {
    uint64_t exact;
    ss_minhash near;
    float *vector; /* (dims), owned; NULL = none */
} ss_known_sentence;

typedef struct ss_known {
    ss_known_sentence *items;
    size_t count, capacity;
} ss_known;

typedef struct ss_known_limits {
    double near, meaning; /* over 1 = never */
    size_t dims;
} ss_known_limits;

/* The word above that fits first, or NULL. vector (dims), L2-normalised, or NULL. */
const char *ss_known_find(const ss_known *known, const ss_known_limits *limits, uint64_t exact, const ss_minhash *near,
                          const float *vector);

/* -1: memory is out. The vector is copied. */
int ss_known_add(ss_known *known, const ss_known_limits *limits, uint64_t exact, const ss_minhash *near,
                 const float *vector);

void ss_known_free(ss_known *known);

#endif
