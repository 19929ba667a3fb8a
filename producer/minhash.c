/* minhash.c - see minhash.h. A signature keeps the upper half of each minimum: chance makes two of them equal once in
 * 2^32. */
#include "producer/minhash.h"

#include <string.h>

#include "base/hash.h"

/* splitmix64 (Steele et al. 2014), the source of the constants a_i and b_i. */
static uint64_t mix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Begin of the character after the one that begins at `at`. */
static size_t next(const char *text, size_t len, size_t at)
{
    do at++;
    while (at < len && ((unsigned char)text[at] & 0xC0) == 0x80);
    return at;
}

typedef struct orders {
    uint64_t a[SS_MINHASHES], b[SS_MINHASHES], least[SS_MINHASHES];
} orders;

static void add(orders *o, uint64_t hash)
{
    for (size_t i = 0; i < SS_MINHASHES; i++) {
        uint64_t value = hash * o->a[i] + o->b[i];
        o->least[i] = value < o->least[i] ? value : o->least[i];
    }
}

void ss_minhash_of(const char *text, size_t len, ss_minhash *out)
{
    orders o;
    uint64_t seed = 0x736b696c6c73u;
    for (size_t i = 0; i < SS_MINHASHES; i++) {
        o.a[i] = mix(&seed) | 1;
        o.b[i] = mix(&seed);
    }
    memset(o.least, 0xFF, sizeof o.least);
    size_t begin = 0, end = 0;
    for (int i = 0; i < SS_SHINGLE && end < len; i++) end = next(text, len, end);
    add(&o, ss_hash64(text, end));
    while (end < len) {
        begin = next(text, len, begin);
        end = next(text, len, end);
        add(&o, ss_hash64(text + begin, end - begin));
    }
    for (size_t i = 0; i < SS_MINHASHES; i++) out->least[i] = (uint32_t)(o.least[i] >> 32);
}

double ss_minhash_similarity(const ss_minhash *a, const ss_minhash *b)
{
    int equal = 0;
    for (size_t i = 0; i < SS_MINHASHES; i++) equal += a->least[i] == b->least[i];
    return (double)equal / SS_MINHASHES;
}
