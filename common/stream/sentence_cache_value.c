/* sentence_cache_value.c - the bytes of a cached sentence in Redis; format in sentence_cache.h.
 *
 * Written byte by byte in little-endian order, so workers of any machine type
 * share one cache. The checksum covers the key too: a value copied under another
 * key is as bad as a damaged one.
 */
#include <math.h>
#include <string.h>

#include "stream/sentence_cache.h"

enum { HEADER = 16, HIT = 8, CHECKSUM = 8, VERSION = 2, KEY = 16, VALUE_MAX = HEADER + SS_CACHE_HITS_MAX * HIT };

static const unsigned char magic[4] = {'S', 'S', 'C', '1'};

static void put(unsigned char *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) out[i] = (unsigned char)(value >> (8 * i));
}

static uint64_t get(const unsigned char *in, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value |= (uint64_t)in[i] << (8 * i);
    return value;
}

static uint64_t checksum(ss_hash128 key, const unsigned char *bytes, size_t len)
{
    unsigned char whole[VALUE_MAX + KEY];
    memcpy(whole, bytes, len);
    put(whole + len, key.low, 8);
    put(whole + len + 8, key.high, 8);
    return ss_hash64(whole, len + KEY);
}

size_t ss_cache_value_size(uint32_t count)
{
    return HEADER + (size_t)count * HIT + CHECKSUM;
}

void ss_cache_value_encode(ss_hash128 key, uint32_t dims, const ss_hit_value *hits, ss_cached value, unsigned char *out)
{
    uint32_t count = (uint32_t)value.count, gate;
    memcpy(&gate, &value.gate, sizeof gate);
    memcpy(out, magic, sizeof magic);
    put(out + 4, VERSION, 2);
    put(out + 6, count, 2);
    put(out + 8, dims, 4);
    put(out + 12, gate, 4);
    unsigned char *at = out + HEADER;
    for (uint32_t i = 0; i < count; i++, at += HIT) {
        uint32_t bits;
        memcpy(&bits, &hits[i].score, sizeof bits);
        put(at, hits[i].skill, 4);
        put(at + 4, bits, 4);
    }
    put(at, checksum(key, out, (size_t)(at - out)), 8);
}

int ss_cache_value_decode(ss_hash128 key, const ss_cache_release *release, const unsigned char *bytes, size_t len,
                          ss_hit_value *hits, uint32_t max, ss_cached *value)
{
    if (len < HEADER + CHECKSUM || memcmp(bytes, magic, sizeof magic) != 0) return -1;
    uint32_t count = (uint32_t)get(bytes + 6, 2);
    if (get(bytes + 4, 2) != VERSION || count > max || count > SS_CACHE_HITS_MAX) return -1;
    if (get(bytes + 8, 4) != release->dims || len != ss_cache_value_size(count)) return -1;
    const unsigned char *at = bytes + HEADER;
    if (get(at + (size_t)count * HIT, 8) != checksum(key, bytes, HEADER + (size_t)count * HIT)) return -1;
    for (uint32_t i = 0; i < count; i++, at += HIT) {
        uint32_t bits = (uint32_t)get(at + 4, 4);
        hits[i].skill = (uint32_t)get(at, 4);
        memcpy(&hits[i].score, &bits, sizeof bits);
        if (hits[i].skill >= release->skills || !isfinite(hits[i].score)) return -1;
    }
    uint32_t gate = (uint32_t)get(bytes + 12, 4);
    value->count = (int32_t)count;
    memcpy(&value->gate, &gate, sizeof gate);
    return isfinite(value->gate) ? 0 : -1;
}
