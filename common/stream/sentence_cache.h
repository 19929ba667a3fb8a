/* sentence_cache.h - what a sentence gave last time, so that it need not be embedded again.
 *
 * Job ads repeat themselves (40 % of sentences). Level 1 is an LRU in this
 * process with a fixed memory bound; level 2 is Redis, shared by all workers:
 * one MGET per batch to read, one pipeline of SETs with TTL to write, whose
 * answers are collected at the next call. Each level can be switched off.
 *
 * The cache may lose anything at any time and is never wrong about what it
 * returns: a key is 128 bits of XXH3 over what decides the result - the caller
 * hashes the normalised sentence AND every option that changes the hits
 * (precision, hits kept per sentence) - beside the release's full digest; values
 * in Redis carry magic, version, dims, count and a checksum bound to the key.
 * A value that fails a check is a miss, is deleted and counted.
 *
 * If Redis fails the cache goes on without: no call spends more than
 * redis_deadline_ms on it, and between attempts there is a growing pause.
 *
 * Value, little-endian: magic "SSC1", u16 version (2), u16 count, u32 dims,
 * f32 gate, then count x { u32 skill, f32 score }, then u64 XXH3 of all before it
 * followed by the 16 bytes of the key.
 * Key: skillstream:sentence:<release digest>:<32 hex>.
 *
 * Threads: any; lookup and store take one mutex for their whole duration. The
 * counters can be read at any time without waiting.
 */
#ifndef SKILLSTREAM_STREAM_SENTENCE_CACHE_H
#define SKILLSTREAM_STREAM_SENTENCE_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"

#define SS_CACHE_HITS_MAX 256 /* largest hits_per_sentence */
#define SS_CACHE_MISS (-1)    /* ss_cached.count of a sentence that was not found */

/* Same layout as common/match's ss_hit (which this module does not include). */
typedef struct ss_hit_value {
    uint32_t skill; /* index into the release's skills */
    float score;
} ss_hit_value;

/* What is known of a sentence besides its hits. */
typedef struct ss_cached {
    int32_t count; /* hits (0 is an answer: a sentence without skills), or SS_CACHE_MISS */
    float gate;    /* the caller's number for the sentence: how much it looks like one that asks for a skill; finite */
} ss_cached;

typedef struct ss_cache_options {
    size_t memory_bytes;        /* level 1: bound on all its memory; 0 = off */
    uint32_t hits_per_sentence; /* H: most hits a value holds, 1 .. SS_CACHE_HITS_MAX */
    const char *redis_url;      /* level 2: NULL = off */
    uint32_t ttl_seconds;       /* level 2: 0 = 7 days */
    int redis_deadline_ms;      /* level 2: longest wait of one call; 0 = 200 */
} ss_cache_options;

/* The release that values belong to. */
typedef struct ss_cache_release {
    const char *digest; /* 64 hex */
    uint32_t dims;      /* width of its vectors; a value of another width is bad */
    uint32_t skills;    /* a value naming a skill >= this is bad */
} ss_cache_release;

typedef struct ss_cache ss_cache;

/* Takes all of level 1's memory at once. Redis need not be there. SS_CONFIG on bad options. */
ss_cache *ss_cache_new(const ss_cache_options *options, ss_error *err);
void ss_cache_free(ss_cache *cache);

/* Looks up a batch.
 *   keys   (n)
 *   hits   (n,H) row i holds found[i].count hits
 *   found  (n)
 * Returns the number of sentences found; never fails: a cache that cannot answer gives misses.
 * Values found in Redis are put into level 1. A release other than that of the last call empties level 1. */
size_t ss_cache_lookup(ss_cache *cache, const ss_cache_release *release, const ss_hash128 *keys, size_t n,
                       ss_hit_value *hits, ss_cached *found);

/* Stores a batch, same shapes; rows with SS_CACHE_MISS or more than H hits are passed over. Sends to Redis and does not
 * wait for the answers. Give it only what was computed: what lookup found need not be stored again. */
void ss_cache_store(ss_cache *cache, const ss_cache_release *release, const ss_hash128 *keys, size_t n,
                    const ss_hit_value *hits, const ss_cached *values);

/* Keeps redis_up true while nothing is looked up: asks Redis for a key that nobody writes, unless it was heard of
 * within 2 s or another thread is at it. For a thread that may wait redis_deadline_ms; a look-up meanwhile waits with
 * it. */
void ss_cache_probe(ss_cache *cache);

/* Empties level 1, so that the next look-ups are those of a fresh process; Redis keeps what it has. */
void ss_cache_forget(ss_cache *cache);

typedef struct ss_cache_stats {
    uint64_t local_hits;     /* found in level 1 */
    uint64_t redis_hits;     /* found in level 2 */
    uint64_t misses;         /* found nowhere */
    uint64_t bad_values;     /* in Redis, failed a check, deleted */
    uint64_t stores;         /* values sent to Redis */
    uint64_t store_errors;   /* SETs that Redis refused (memory full ...) */
    uint64_t evictions;      /* pushed out of level 1 */
    uint64_t redis_failures; /* connection lost, refused or too slow */
    double redis_seconds;    /* callers spent waiting for Redis, its client's own work included */
    uint64_t entries;        /* in level 1 now */
    uint64_t capacity;       /* of level 1 */
    int has_redis;           /* level 2 is on */
    int redis_up;            /* 1: the last exchange with Redis worked; 0: not, or there was none */
} ss_cache_stats;

void ss_cache_get_stats(const ss_cache *cache, ss_cache_stats *out);

/* 1 and *err filled once after Redis went from working to failing, so that it is logged once per outage; else 0. */
int ss_cache_take_error(ss_cache *cache, ss_error *err);

/* The value format, for tests and tools. encode writes ss_cache_value_size(value.count) bytes to out; value.count is
 * not a miss. decode: 0, or -1 when the bytes are not a value for this key and release with at most `max` hits. */
size_t ss_cache_value_size(uint32_t count);
void ss_cache_value_encode(ss_hash128 key, uint32_t dims, const ss_hit_value *hits, ss_cached value,
                           unsigned char *out);
int ss_cache_value_decode(ss_hash128 key, const ss_cache_release *release, const unsigned char *bytes, size_t len,
                          ss_hit_value *hits, uint32_t max, ss_cached *value);

#endif
