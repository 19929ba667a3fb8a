/* random.c - see random.h. */
#include "worker/train/random.h"

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

ss_random ss_random_stream(uint64_t seed, ss_purpose purpose, uint64_t a, uint64_t b)
{
    const uint64_t step = 0x9e3779b97f4a7c15u;
    uint64_t at = mix(seed + step);
    at = mix(at ^ ((uint64_t)purpose * step));
    at = mix(at + a * step);
    return (ss_random){mix(at + b * step)};
}

uint64_t ss_random_next(ss_random *random)
{
    return mix(random->at += 0x9e3779b97f4a7c15u);
}

size_t ss_random_below(ss_random *random, size_t n)
{
    return (size_t)(((ss_random_next(random) >> 32) * (uint64_t)n) >> 32);
}

double ss_random_real(ss_random *random)
{
    return (double)(ss_random_next(random) >> 11) * 0x1p-53;
}
