/* test_sentence_cache.c - level 1 against a naive model, the value format against every damage, level 2 against a real
 * redis-server that is corrupted, full, paused and killed. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "base/clock.h"
#include "stream/redis_client.h"
#include "stream/sentence_cache.h"
#include "stream/sentence_cache_lru.h"
#include "support/redis_fixture.h"

enum { H = 5, DIMS = 384, SKILLS = 13891 };

#define DIGEST_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const ss_cache_release release_a = {.digest = DIGEST_A, .dims = DIMS, .skills = SKILLS};
static const ss_cache_release release_b = {.digest = DIGEST_B, .dims = DIMS, .skills = SKILLS};

static uint64_t mix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static ss_hash128 key_of(uint64_t number)
{
    return ss_hash128_of(&number, sizeof number);
}

/* What a sentence "gives": a function of its number, so that any answer can be checked. */
static int32_t truth(uint64_t number, ss_hit_value *hits)
{
    uint64_t state = number;
    int32_t n = (int32_t)(number % (H + 1));
    for (int32_t i = 0; i < n; i++)
        hits[i] = (ss_hit_value){(uint32_t)(mix(&state) % SKILLS), (float)(mix(&state) % 1000) / 1000.0f};
    return n;
}

/* ---- Level 1 ---- */

typedef struct model {
    ss_hash128 key;
    int32_t count;
    ss_hit_value hits[H];
    uint64_t used;
} model;

/* The gate that sentence `number` has in these tests. */
static float gate_of(uint64_t number)
{
    return (float)(number % 1000) / 64 - 7;
}

static void the_lru_agrees_with_a_naive_model(void **state)
{
    (void)state;
    ss_error err;
    ss_cache_lru *lru = ss_cache_lru_new(4096, H, &err);
    assert_non_null(lru);
    size_t capacity = ss_cache_lru_capacity(lru), count = 0;
    assert_in_range(capacity, 16, 4096 / (H * 8 + 28));
    model *entries = calloc(capacity, sizeof *entries);
    uint64_t seed = 1, clock = 0;
    for (int step = 0; step < 300000; step++) {
        /* Home slots collide on purpose: few distinct low bits, so runs and wrap-around are exercised. */
        uint64_t number = mix(&seed) % (capacity * 2);
        ss_hash128 key = {.low = (number % 7) * 13 + (number % 3 ? 0 : 60), .high = number};
        size_t at = 0;
        while (at < count && (entries[at].key.high != key.high || entries[at].key.low != key.low)) at++;
        ss_hit_value hits[H] = {0};
        clock++;
        if (mix(&seed) % 2) {
            ss_cached got = ss_cache_lru_get(lru, key, hits);
            int32_t n = got.count;
            assert_int_equal(n, at < count ? entries[at].count : SS_CACHE_MISS);
            if (at < count) assert_true(got.gate == gate_of(number));
            if (n > 0) assert_memory_equal(hits, entries[at].hits, (size_t)n * sizeof *hits);
            if (at < count) entries[at].used = clock;
        } else {
            int32_t n = truth(mix(&seed), hits);
            int evicted = ss_cache_lru_put(lru, key, hits, (ss_cached){n, gate_of(number)});
            assert_int_equal(evicted, at == count && count == capacity);
            if (at == count && count == capacity) {
                at = 0;
                for (size_t i = 1; i < count; i++)
                    if (entries[i].used < entries[at].used) at = i;
            } else if (at == count) {
                count++;
            }
            entries[at] = (model){.key = key, .count = n, .used = clock};
            memcpy(entries[at].hits, hits, sizeof hits);
        }
        if (step % 100000 == 99999) {
            ss_cache_lru_clear(lru);
            count = 0;
        }
        assert_int_equal(ss_cache_lru_count(lru), count);
    }
    free(entries);
    ss_cache_lru_free(lru);
}

static void the_lru_keeps_its_memory_bound(void **state)
{
    (void)state;
    ss_error err;
    for (size_t memory = 1; memory < (size_t)1 << 26; memory = memory * 2 + 17)
        for (uint32_t h = 1; h <= SS_CACHE_HITS_MAX; h *= 4) {
            ss_cache_lru *lru = ss_cache_lru_new(memory, h, &err);
            if (!lru) {
                assert_int_equal(err.status, SS_CONFIG);
                assert_true(memory < 16 * (28 + 8 * h) * 4 + 2048);
                continue;
            }
            assert_true(ss_cache_lru_memory(lru) <= memory);
            assert_true(ss_cache_lru_capacity(lru) >= 16);
            /* not wasteful either: entries make up more than two thirds of a large one */
            if (memory > 1 << 20) assert_true(ss_cache_lru_capacity(lru) * (28 + 8 * (size_t)h) * 3 > memory * 2);
            ss_cache_lru_free(lru);
        }
}

/* ---- Value format ---- */

static void values_round_trip(void **state)
{
    (void)state;
    for (uint64_t number = 0; number < 1000; number++) {
        ss_hit_value hits[H], back[H];
        unsigned char bytes[512];
        int32_t n = truth(number, hits);
        ss_cached back_value;
        ss_cache_value_encode(key_of(number), DIMS, hits, (ss_cached){n, gate_of(number)}, bytes);
        size_t len = ss_cache_value_size((uint32_t)n);
        assert_int_equal(len, 24 + 8 * n);
        assert_int_equal(ss_cache_value_decode(key_of(number), &release_a, bytes, len, back, H, &back_value), 0);
        assert_int_equal(back_value.count, n);
        assert_true(back_value.gate == gate_of(number));
        assert_memory_equal(hits, back, (size_t)n * sizeof *hits);
    }
}

static void the_value_format_is_the_documented_one(void **state)
{
    (void)state;
    unsigned char bytes[32],
        want[24 + 16] = {'S',  'S',  'C',  '1',  2, 0, 1,    0,   0x80, 1, 0, 0, 0, 0, 0, 0x40, /* header; gate 2.0f */
                         0x04, 0x03, 0x02, 0x01, 0, 0, 0x80, 0x3f};                             /* 1.0f */
    ss_hash128 key = {.low = 0x0807060504030201u, .high = 0x100f0e0d0c0b0a09u};
    ss_cache_value_encode(key, 384, &(ss_hit_value){0x01020304, 1.0f}, (ss_cached){1, 2.0f}, bytes);
    assert_memory_equal(bytes, want, 24);
    for (int i = 0; i < 16; i++) want[24 + i] = (unsigned char)(i + 1);
    uint64_t sum = ss_hash64(want, 40), got = 0;
    for (int i = 0; i < 8; i++) got |= (uint64_t)bytes[24 + i] << (8 * i);
    assert_true(sum == got);
}

static void any_damage_to_a_value_is_found(void **state)
{
    (void)state;
    ss_hit_value hits[H], back[H];
    ss_cached value;
    unsigned char bytes[512], damaged[512];
    uint64_t number = 4;
    int32_t n = truth(number, hits);
    ss_hash128 key = key_of(number);
    ss_cache_value_encode(key, DIMS, hits, (ss_cached){n, 0.5f}, bytes);
    size_t len = ss_cache_value_size((uint32_t)n);
    for (size_t bit = 0; bit < len * 8; bit++) {
        memcpy(damaged, bytes, len);
        damaged[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_int_equal(ss_cache_value_decode(key, &release_a, damaged, len, back, H, &value), -1);
    }
    for (size_t cut = 0; cut < len; cut++) {
        unsigned char *exact = malloc(cut + 1); /* so that ASan sees a read past the end */
        memcpy(exact, bytes, cut);
        unsigned char *shrunk = realloc(exact, cut ? cut : 1);
        assert_int_equal(ss_cache_value_decode(key, &release_a, shrunk, cut, back, H, &value), -1);
        free(shrunk);
    }
    memcpy(damaged, bytes, len);
    damaged[len] = 0;
    assert_int_equal(ss_cache_value_decode(key, &release_a, damaged, len + 1, back, H, &value), -1);
    assert_int_equal(ss_cache_value_decode(key_of(5), &release_a, bytes, len, back, H, &value),
                     -1);                                                                      /* another's value */
    assert_int_equal(ss_cache_value_decode(key, &release_a, bytes, len, back, 3, &value), -1); /* no room */
    ss_cache_release other = release_a;
    other.dims = 768;
    assert_int_equal(ss_cache_value_decode(key, &other, bytes, len, back, H, &value), -1);
    other = release_a;
    other.skills = 10; /* a skill that the release does not have would be an index out of bounds */
    assert_int_equal(ss_cache_value_decode(key, &other, bytes, len, back, H, &value), -1);
    ss_cache_value_encode(key, DIMS, hits, (ss_cached){n, (float)strtod("nan", NULL)}, bytes);
    assert_int_equal(ss_cache_value_decode(key, &release_a, bytes, len, back, H, &value), -1);
    hits[0].score = (float)strtod("nan", NULL);
    ss_cache_value_encode(key, DIMS, hits, (ss_cached){n, 0.5f}, bytes);
    assert_int_equal(ss_cache_value_decode(key, &release_a, bytes, len, back, H, &value), -1);
}

/* ---- Whole cache ---- */

static ss_cache *new_cache(size_t memory, const char *url)
{
    ss_error err;
    ss_cache *cache = ss_cache_new(&(ss_cache_options){.memory_bytes = memory,
                                                       .hits_per_sentence = H,
                                                       .redis_url = url,
                                                       .ttl_seconds = 1000,
                                                       .redis_deadline_ms = 300},
                                   &err);
    if (!cache) fail_msg("%s", err.text);
    return cache;
}

/* Looks up sentences [first, first + n) and checks every answer; returns how many were found. */
static size_t look(ss_cache *cache, const ss_cache_release *release, uint64_t first, size_t n)
{
    ss_hash128 *keys = calloc(n, sizeof *keys);
    ss_hit_value *hits = malloc(n * H * sizeof *hits), want[H];
    ss_cached *got = malloc(n * sizeof *got);
    size_t found = 0;
    for (size_t i = 0; i < n; i++) keys[i] = key_of(first + i);
    size_t told = ss_cache_lookup(cache, release, keys, n, hits, got);
    for (size_t i = 0; i < n; i++) {
        if (got[i].count == SS_CACHE_MISS) continue;
        found++;
        assert_int_equal(got[i].count, truth(first + i, want));
        assert_true(got[i].gate == gate_of(first + i));
        assert_memory_equal(hits + i * H, want, (size_t)got[i].count * sizeof *want);
    }
    assert_int_equal(found, told);
    free(keys);
    free(hits);
    free(got);
    return found;
}

static void store(ss_cache *cache, const ss_cache_release *release, uint64_t first, size_t n)
{
    ss_hash128 *keys = calloc(n, sizeof *keys);
    ss_hit_value *hits = malloc(n * H * sizeof *hits);
    ss_cached *values = malloc(n * sizeof *values);
    for (size_t i = 0; i < n; i++) {
        keys[i] = key_of(first + i);
        values[i] = (ss_cached){truth(first + i, hits + i * H), gate_of(first + i)};
    }
    ss_cache_store(cache, release, keys, n, hits, values);
    free(keys);
    free(hits);
    free(values);
}

static ss_cache_stats stats_of(const ss_cache *cache)
{
    ss_cache_stats stats;
    ss_cache_get_stats(cache, &stats);
    return stats;
}

static void level_one_alone_answers_and_forgets_the_oldest(void **state)
{
    (void)state;
    ss_cache *cache = new_cache(1 << 20, NULL);
    assert_int_equal(look(cache, &release_a, 0, 100), 0);
    store(cache, &release_a, 0, 100);
    assert_int_equal(look(cache, &release_a, 0, 200), 100);
    store(cache, &release_a, 1000, 50000);
    ss_cache_stats stats = stats_of(cache);
    assert_int_equal(stats.entries, stats.capacity);
    assert_int_equal(stats.evictions, 50100 - stats.capacity);
    assert_int_equal(stats.local_hits, 100);
    assert_int_equal(stats.misses, 200);
    assert_int_equal(stats.redis_up, 0);
    assert_int_equal(look(cache, &release_a, 0, 100), 0);
    assert_int_equal(look(cache, &release_a, 51000 - stats.capacity, stats.capacity), stats.capacity);
    assert_int_equal(look(cache, &release_b, 50000, 10), 0); /* another release: nothing is known */
    assert_int_equal(look(cache, &release_a, 50000, 10), 0);
    assert_int_equal(ss_cache_take_error(cache, NULL), 0);
    ss_cache_free(cache);
}

static void both_levels_off_is_a_cache_that_misses(void **state)
{
    (void)state;
    ss_cache *cache = new_cache(0, NULL);
    store(cache, &release_a, 0, 10);
    assert_int_equal(look(cache, &release_a, 0, 10), 0);
    assert_int_equal(ss_cache_lookup(cache, &release_a, NULL, 0, NULL, NULL), 0);
    ss_cache_free(cache);
}

static void bad_options_are_refused(void **state)
{
    (void)state;
    ss_error err = {0};
    assert_null(ss_cache_new(&(ss_cache_options){.hits_per_sentence = 0}, &err));
    assert_int_equal(err.status, SS_CONFIG);
    assert_null(ss_cache_new(&(ss_cache_options){.hits_per_sentence = SS_CACHE_HITS_MAX + 1}, &err));
    assert_null(ss_cache_new(&(ss_cache_options){.hits_per_sentence = 1, .memory_bytes = 10}, &err));
    assert_int_equal(err.status, SS_CONFIG);
    assert_null(ss_cache_new(&(ss_cache_options){.hits_per_sentence = 1, .redis_url = "localhost"}, &err));
    assert_int_equal(err.status, SS_CONFIG);
}

static void a_digest_that_is_none_finds_nothing(void **state)
{
    (void)state;
    ss_cache *cache = new_cache(1 << 16, NULL);
    ss_cache_release bad = {.digest = "*", .dims = DIMS, .skills = SKILLS};
    store(cache, &bad, 0, 10);
    assert_int_equal(look(cache, &bad, 0, 10), 0);
    ss_cache_free(cache);
}

/* ---- With Redis ---- */

static redis_fixture *server_or_skip(const char *const *extra)
{
    if (!redis_fixture_available()) skip();
    redis_fixture *server = redis_fixture_start(extra);
    assert_non_null(server);
    return server;
}

static ss_redis *plain_client(const redis_fixture *server)
{
    ss_redis *redis = ss_redis_new(&(ss_redis_options){.url = server->url}, NULL);
    assert_non_null(redis);
    return redis;
}

static long long ask(ss_redis *redis, const char *command, const char *key)
{
    redisReply *reply = ss_redis_run_words(redis, NULL, command, key, NULL);
    assert_non_null(reply);
    long long value = reply->integer;
    ss_redis_reply_free(reply);
    return value;
}

static void redis_key(char out[160], const char *digest, uint64_t number)
{
    ss_hash128 key = key_of(number);
    snprintf(out, 160, "skillstream:sentence:%s:%016llx%016llx", digest, (unsigned long long)key.high,
             (unsigned long long)key.low);
}

static void workers_share_through_redis(void **state)
{
    (void)state;
    redis_fixture *server = server_or_skip(NULL);
    ss_cache *one = new_cache(1 << 20, server->url), *two = new_cache(1 << 20, server->url);
    assert_int_equal(look(one, &release_a, 0, 1000), 0);
    assert_int_equal(stats_of(one).redis_up, 1);
    store(one, &release_a, 0, 1000);
    assert_int_equal(look(one, &release_a, 0, 1000), 1000); /* from level 1: no question to Redis, SETs unanswered */
    assert_int_equal(look(one, &release_a, 5000, 1), 0);    /* reads the answers to the SETs first */
    assert_int_equal(stats_of(one).store_errors, 0);
    double start = ss_now();
    assert_int_equal(look(two, &release_a, 0, 1100), 1000);
    assert_int_equal(stats_of(two).redis_hits, 1000);
    double waited = stats_of(two).redis_seconds; /* one exchange, of a thousand values: some microseconds at least */
    assert_true(waited > 0 && waited <= ss_now() - start);
    assert_int_equal(look(two, &release_a, 0, 1000), 1000);
    assert_int_equal(stats_of(two).local_hits, 1000); /* what Redis knew is now known here */
    assert_true(stats_of(two).redis_seconds == waited);
    ss_cache_forget(two);
    assert_int_equal(stats_of(two).entries, 0);
    assert_int_equal(look(two, &release_a, 0, 1000), 1000);
    assert_int_equal(stats_of(two).redis_hits, 2000); /* forgotten here, not there */
    assert_int_equal(stats_of(two).local_hits, 1000);
    assert_int_equal(look(two, &release_b, 0, 1000), 0);

    ss_redis *redis = plain_client(server);
    char key[160];
    redis_key(key, DIGEST_A, 7);
    assert_in_range(ask(redis, "TTL", key), 900, 1000);
    assert_int_equal(ask(redis, "DBSIZE", NULL), 1000);

    ss_cache *three = new_cache(0, server->url); /* level 2 alone */
    assert_int_equal(look(three, &release_a, 0, 1000), 1000);
    store(three, &release_a, 2000, 10);
    ss_cache_free(three); /* must not lose what it just sent */
    assert_int_equal(look(two, &release_a, 2000, 10), 10);
    ss_redis_free(redis);
    ss_cache_free(one);
    ss_cache_free(two);
    redis_fixture_stop(server);
}

static void bad_values_are_misses_and_are_deleted(void **state)
{
    (void)state;
    redis_fixture *server = server_or_skip(NULL);
    ss_cache *writer = new_cache(0, server->url), *reader = new_cache(1 << 20, server->url);
    ss_redis *redis = plain_client(server);
    store(writer, &release_a, 0, 10);
    look(writer, &release_a, 99, 1);
    char keys[5][160];
    for (uint64_t i = 0; i < 5; i++) redis_key(keys[i], DIGEST_A, i);
    ss_redis_reply_free(ss_redis_run_words(redis, NULL, "SETRANGE", keys[0], "9", "x", NULL));
    ss_redis_reply_free(ss_redis_run_words(redis, NULL, "SET", keys[1], "", NULL));
    ss_redis_reply_free(ss_redis_run_words(redis, NULL, "APPEND", keys[2], "more", NULL));
    ss_redis_reply_free(ss_redis_run_words(redis, NULL, "COPY", keys[4], keys[3], "REPLACE", NULL));
    ss_redis_reply_free(ss_redis_run_words(redis, NULL, "DEL", keys[4], NULL));
    ss_redis_reply_free(ss_redis_run_words(redis, NULL, "LPUSH", keys[4], "of another type", NULL));
    assert_int_equal(look(reader, &release_a, 0, 10), 5);
    assert_int_equal(stats_of(reader).bad_values, 4); /* MGET gives nil for a list */
    assert_int_equal(look(reader, &release_a, 0, 10), 5);
    for (int i = 0; i < 4; i++) assert_int_equal(ask(redis, "EXISTS", keys[i]), 0);
    assert_int_equal(stats_of(reader).bad_values, 4);
    store(reader, &release_a, 0, 10); /* replaces the list too */
    ss_cache *fresh = new_cache(0, server->url);
    look(reader, &release_a, 99, 1);
    assert_int_equal(look(fresh, &release_a, 0, 10), 10);
    ss_cache_free(fresh);
    ss_cache_free(reader);
    ss_cache_free(writer);
    ss_redis_free(redis);
    redis_fixture_stop(server);
}

static void without_redis_it_costs_little_and_comes_back(void **state)
{
    (void)state;
    redis_fixture *server = server_or_skip(NULL);
    ss_cache *cache = new_cache(1 << 20, server->url);
    ss_error err;
    store(cache, &release_a, 0, 10);
    assert_int_equal(look(cache, &release_a, 100, 10), 0);
    assert_int_equal(stats_of(cache).redis_up, 1);
    redis_fixture_kill(server);
    int64_t start = ss_now_ms();
    for (uint64_t i = 0; i < 200; i++) {
        look(cache, &release_a, 1000 + i * 10, 10);
        store(cache, &release_a, 1000 + i * 10, 10);
    }
    assert_true(ss_now_ms() - start < 2000);
    assert_int_equal(look(cache, &release_a, 0, 10), 10); /* level 1 goes on */
    assert_int_equal(stats_of(cache).redis_up, 0);
    assert_true(stats_of(cache).redis_failures >= 1);
    assert_int_equal(ss_cache_take_error(cache, &err), 1);
    assert_int_equal(err.status, SS_NETWORK);
    assert_int_equal(ss_cache_take_error(cache, &err), 0); /* once per outage */

    assert_int_equal(redis_fixture_restart(server), 0);
    start = ss_now_ms();
    for (uint64_t i = 0; !stats_of(cache).redis_up && ss_now_ms() - start < 20000; i++, ss_sleep_ms(10))
        look(cache, &release_a, 90000 + i, 1);
    assert_int_equal(stats_of(cache).redis_up, 1);
    store(cache, &release_a, 500000, 10);
    look(cache, &release_a, 700000, 1);
    ss_cache *other = new_cache(0, server->url);
    assert_int_equal(look(other, &release_a, 500000, 10), 10);
    ss_cache_free(other);
    ss_cache_free(cache);
    redis_fixture_stop(server);
}

/* Probes until redis_up is `up`: one is due every 2 s, and not before the pause after a failure. */
static void probe_until(ss_cache *cache, int up)
{
    int64_t start = ss_now_ms();
    for (; stats_of(cache).redis_up != up && ss_now_ms() - start < 20000; ss_sleep_ms(10)) ss_cache_probe(cache);
    assert_int_equal(stats_of(cache).redis_up, up);
}

static void an_idle_cache_knows_whether_redis_is_there(void **state)
{
    (void)state;
    redis_fixture *server = server_or_skip(NULL);
    ss_cache *cache = new_cache(1 << 20, server->url), *alone = new_cache(1 << 20, NULL);
    ss_error err;
    ss_cache_probe(cache);
    assert_int_equal(stats_of(cache).redis_up, 1);
    redis_fixture_kill(server);
    probe_until(cache, 0);
    assert_int_equal(ss_cache_take_error(cache, &err), 1);
    assert_int_equal(redis_fixture_restart(server), 0);
    probe_until(cache, 1);
    ss_cache_stats stats = stats_of(cache);
    assert_int_equal(stats.local_hits + stats.redis_hits + stats.misses, 0); /* a probe is no look-up */
    assert_true(stats.redis_seconds == 0);
    store(cache, &release_a, 0, 10); /* answers that are still to come do not disturb it, nor it them */
    ss_sleep_ms(2100);
    ss_cache_probe(cache);
    ss_cache *other = new_cache(0, server->url);
    assert_int_equal(look(other, &release_a, 0, 10), 10);
    ss_cache_free(other);
    ss_cache_probe(alone);
    assert_int_equal(stats_of(alone).has_redis, 0);
    assert_int_equal(stats_of(cache).has_redis, 1);
    ss_cache_free(alone);
    ss_cache_free(cache);
    redis_fixture_stop(server);
}

static void a_hanging_redis_costs_one_deadline_and_then_nothing(void **state)
{
    (void)state;
    redis_fixture *server = server_or_skip(NULL);
    ss_cache *cache = new_cache(1 << 20, server->url);
    assert_int_equal(look(cache, &release_a, 0, 10), 0);
    redis_fixture_pause(server);
    int64_t start = ss_now_ms(), longest = 0;
    for (uint64_t i = 0; ss_now_ms() - start < 4000; i++) {
        int64_t before = ss_now_ms();
        look(cache, &release_a, 1000 + i, 1);
        if (ss_now_ms() - before > longest) longest = ss_now_ms() - before;
        before = ss_now_ms();
        store(cache, &release_a, 1000 + i, 1);
        if (ss_now_ms() - before > longest) longest = ss_now_ms() - before;
        ss_sleep_ms(1);
    }
    assert_in_range(longest, 200, 1000); /* redis_deadline_ms is 300 here; the rest is a busy machine */
    assert_true(stats_of(cache).redis_failures < 14);
    redis_fixture_resume(server);
    ss_cache_free(cache);
    redis_fixture_stop(server);
}

static void a_redis_that_is_away_at_the_start_is_no_error(void **state)
{
    (void)state;
    char url[64];
    snprintf(url, sizeof url, "redis://:geheim@127.0.0.1:%d/0", redis_fixture_free_port());
    ss_cache *cache = new_cache(1 << 20, url);
    ss_error err;
    store(cache, &release_a, 0, 10);
    assert_int_equal(look(cache, &release_a, 0, 20), 10);
    assert_int_equal(ss_cache_take_error(cache, &err), 1);
    assert_int_equal(err.status, SS_NETWORK);
    assert_null(strstr(err.text, "geheim"));
    ss_cache_free(cache);
}

static void wrong_credentials_are_told(void **state)
{
    (void)state;
    static const char *const guarded[] = {"--requirepass", "right", NULL};
    redis_fixture *server = server_or_skip(guarded);
    char url[64];
    ss_error err;
    snprintf(url, sizeof url, "redis://:wrong@127.0.0.1:%d/0", server->port);
    ss_cache *cache = new_cache(1 << 20, url);
    assert_int_equal(look(cache, &release_a, 0, 20), 0);
    assert_int_equal(ss_cache_take_error(cache, &err), 1);
    assert_int_equal(err.status, SS_AUTH);
    ss_cache_free(cache);
    redis_fixture_stop(server);
}

static void a_full_redis_still_answers(void **state)
{
    (void)state;
    static const char *const small[] = {"--maxmemory", "2mb", "--maxmemory-policy", "noeviction", NULL};
    redis_fixture *server = server_or_skip(small);
    ss_cache *cache = new_cache(0, server->url);
    for (uint64_t i = 0; i < 20; i++) {
        store(cache, &release_a, i * 1000, 1000);
        look(cache, &release_a, 1000000, 1);
    }
    ss_cache_stats stats = stats_of(cache);
    assert_true(stats.store_errors > 0);
    assert_int_equal(stats.redis_up, 1);
    assert_int_equal(stats.redis_failures, 0);
    assert_int_equal(look(cache, &release_a, 0, 100), 100);
    ss_cache_free(cache);
    redis_fixture_stop(server);
}

/* ---- Threads ---- */

typedef struct work {
    ss_cache *cache;
    uint64_t seed;
} work;

static void *use_cache(void *context)
{
    work *w = context;
    for (int i = 0; i < 100; i++) {
        uint64_t first = mix(&w->seed) % 2000;
        look(w->cache, &release_a, first, 50);
        store(w->cache, &release_a, first, 50);
        (void)stats_of(w->cache);
        ss_cache_take_error(w->cache, NULL);
    }
    return NULL;
}

static void threads_may_share_it(void **state)
{
    (void)state;
    redis_fixture *server = redis_fixture_available() ? redis_fixture_start(NULL) : NULL;
    ss_cache *cache = new_cache(1 << 16, server ? server->url : NULL);
    pthread_t threads[4];
    work works[4];
    for (int i = 0; i < 4; i++) {
        works[i] = (work){cache, (uint64_t)i};
        assert_int_equal(pthread_create(&threads[i], NULL, use_cache, &works[i]), 0);
    }
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    ss_cache_stats stats = stats_of(cache);
    assert_int_equal(stats.local_hits + stats.redis_hits + stats.misses, 4 * 100 * 50);
    ss_cache_free(cache);
    redis_fixture_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lru_agrees_with_a_naive_model),
        cmocka_unit_test(the_lru_keeps_its_memory_bound),
        cmocka_unit_test(values_round_trip),
        cmocka_unit_test(the_value_format_is_the_documented_one),
        cmocka_unit_test(any_damage_to_a_value_is_found),
        cmocka_unit_test(level_one_alone_answers_and_forgets_the_oldest),
        cmocka_unit_test(both_levels_off_is_a_cache_that_misses),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(a_digest_that_is_none_finds_nothing),
        cmocka_unit_test(workers_share_through_redis),
        cmocka_unit_test(bad_values_are_misses_and_are_deleted),
        cmocka_unit_test(without_redis_it_costs_little_and_comes_back),
        cmocka_unit_test(an_idle_cache_knows_whether_redis_is_there),
        cmocka_unit_test(a_hanging_redis_costs_one_deadline_and_then_nothing),
        cmocka_unit_test(a_redis_that_is_away_at_the_start_is_no_error),
        cmocka_unit_test(wrong_credentials_are_told),
        cmocka_unit_test(a_full_redis_still_answers),
        cmocka_unit_test(threads_may_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
