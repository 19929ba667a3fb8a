/* random.h - chance that needs no state: numbers are a function of what they are for.
 *
 * A stream is named by the run's seed, a purpose and two numbers (epoch, step ...); its n-th number is splitmix64
 * (Steele, Lea & Flood 2014) of that name. So the order of an epoch or the partners of a batch can be computed at any
 * time without the ones before, and a checkpoint holds nothing but the step.
 */
#ifndef SKILLSTREAM_WORKER_TRAIN_RANDOM_H
#define SKILLSTREAM_WORKER_TRAIN_RANDOM_H

#include <stddef.h>
#include <stdint.h>

typedef enum ss_purpose { SS_RANDOM_ORDER = 1, SS_RANDOM_BATCH, SS_RANDOM_HOLD_OUT, SS_RANDOM_JUDGE } ss_purpose;

typedef struct ss_random {
    uint64_t at;
} ss_random;

ss_random ss_random_stream(uint64_t seed, ss_purpose purpose, uint64_t a, uint64_t b);

uint64_t ss_random_next(ss_random *random);
/* 0 .. n-1; 1 <= n < 2^32 */
size_t ss_random_below(ss_random *random, size_t n);
/* [0, 1) */
double ss_random_real(ss_random *random);

#endif
