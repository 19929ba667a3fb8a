/* cached_sentence.c - the bytes that Redis has for a sentence: whatever they are, a miss or hits that can be used.
 *
 * The first byte decides: 'e' the rest is read as hits, written as a value and damaged; otherwise all of it is a value.
 * Any value that is taken is what encoding gives for its hits, so there are no two forms of one answer.
 */
#include <math.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "stream/sentence_cache.h"

enum { DIMS = 384, SKILLS = 1000, MOST = 32 };

static const ss_cache_release release = {.digest = "d", .dims = DIMS, .skills = SKILLS};
static const ss_hash128 key = {.low = 0x0123456789abcdef, .high = 0xfedcba9876543210};

/* 1 if it is a value; then everything in it is in range. */
static int decode(const uint8_t *bytes, size_t size)
{
    ss_hit_value hits[MOST];
    ss_cached value;
    unsigned char again[4096];
    if (ss_cache_value_decode(key, &release, bytes, size, hits, MOST, &value)) return 0;
    FUZZ_CHECK(value.count >= 0 && value.count <= MOST && isfinite(value.gate));
    for (int32_t i = 0; i < value.count; i++) FUZZ_CHECK(hits[i].skill < SKILLS && isfinite(hits[i].score));
    FUZZ_CHECK(ss_cache_value_size((uint32_t)value.count) == size);
    ss_cache_value_encode(key, DIMS, hits, value, again);
    FUZZ_CHECK(!memcmp(again, bytes, size));
    return 1;
}

/* Hits out of the bytes, and the damage: a place and what is done to it. */
static void encode_and_damage(const uint8_t *data, size_t size)
{
    unsigned char bytes[4096];
    ss_hit_value hits[MOST];
    ss_cached value = {.count = 0};
    int sound = 1;
    if (size < 7) return;
    size_t place = data[0] + 256u * data[1];
    unsigned char change = data[2];
    memcpy(&value.gate, data + 3, sizeof value.gate);
    sound = isfinite(value.gate);
    for (size_t at = 7; at + sizeof *hits <= size && value.count < MOST; at += sizeof *hits) {
        ss_hit_value *hit = &hits[value.count++];
        memcpy(hit, data + at, sizeof *hit);
        sound = sound && hit->skill < SKILLS && isfinite(hit->score);
    }
    ss_cache_value_encode(key, DIMS, hits, value, bytes);
    size_t len = ss_cache_value_size((uint32_t)value.count);
    bytes[place % len] ^= change;
    FUZZ_CHECK(decode(bytes, len) == (sound && !change));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && data[0] == 'e') encode_and_damage(data + 1, size - 1);
    decode(data, size);
    return 0;
}
