/* minhash.h - near duplicates by MinHash (Broder 1997).
 *
 * A text is the set of its shingles, runs of SS_SHINGLE characters of the normal form of words.h (which shorter texts
 * are one of). Under a random order of all shingles the smallest of two sets is the same one with probability
 * J = |A and B| / |A or B| (Jaccard). SS_MINHASHES orders are simulated by h_i(x) = (a_i x + b_i) mod 2^64 with odd a_i
 * over 64-bit hashes; the share of equal minima estimates J with a standard error of sqrt(J (1-J) / SS_MINHASHES),
 * 0.035 at J = 0.8.
 *
 * Pure; any thread.
 */
#ifndef SKILLSTREAM_PRODUCER_MINHASH_H
#define SKILLSTREAM_PRODUCER_MINHASH_H

#include <stddef.h>
#include <stdint.h>

enum { SS_MINHASHES = 128, SS_SHINGLE = 5 };

typedef struct ss_minhash {
    uint32_t least[SS_MINHASHES];
} ss_minhash;

void ss_minhash_of(const char *text, size_t len, ss_minhash *out);

/* Estimated Jaccard similarity, 0 .. 1. */
double ss_minhash_similarity(const ss_minhash *a, const ss_minhash *b);

#endif
