/* random.h - numbers for tests, the same in every run: xorshift64 (Marsaglia 2003). One sequence for each test program.
 */
#ifndef SKILLSTREAM_TEST_RANDOM_H
#define SKILLSTREAM_TEST_RANDOM_H

#include <stdint.h>

static uint64_t random_state = 88172645463325252u;

static inline uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* From -1 to 1. */
static inline float random_float(void)
{
    return (float)(random_bits() >> 40) / (float)(1 << 23) - 1.0f;
}

/* From 0 to 1. */
static inline double random_uniform(void)
{
    return (double)(random_bits() >> 11) / (double)(1ull << 53);
}

#endif
