/* sentence_cache.c - the two levels put together; see sentence_cache.h.
 *
 * One batch: level 1 answers what it can; the rest goes to Redis as one MGET
 * whose reply also brings in, before it, the answers to the SETs of the batch
 * before. Everything that touches Redis in one call runs against one deadline
 * given to the client, which closes the connection when it passes; the client's
 * own backoff keeps the following calls from waiting at all.
 *
 * Whatever goes wrong with Redis becomes a miss, a counter and, once per outage,
 * an error that the worker may log. Counters are atomics so that the metrics
 * thread reads them without the mutex, which is held while Redis is waited for.
 */
#include "stream/sentence_cache.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "base/clock.h"
#include "stream/redis_client.h"
#include "stream/registry.h"
#include "stream/sentence_cache_lru.h"

enum { KEY_LEN = 21 + SS_SHA256_HEX + 1 + 32, DEFAULT_TTL = 7 * 24 * 3600, DEFAULT_DEADLINE_MS = 200, PROBE_MS = 2000 };

struct ss_cache {
    pthread_mutex_t mutex;
    ss_cache_lru *local; /* NULL = off */
    ss_redis *redis;     /* NULL = off */
    uint32_t hits_max;   /* H */
    int deadline_ms;
    char ttl[16];
    char digest[SS_SHA256_HEX + 1]; /* of what level 1 holds */

    char *names;        /* scratch (room, KEY_LEN + 1) */
    ss_redis_arg *args; /* scratch (room + 1) */
    size_t *rows;       /* scratch (room): rows asked from Redis */
    size_t room;

    int64_t probe_ms;    /* when a probe is due */
    int failing, untold; /* an outage is on; its error was not taken yet */
    ss_error error;

    atomic_uint_fast64_t local_hits, redis_hits, misses, bad_values, stores, store_errors, evictions, redis_failures,
        entries, redis_us;
    atomic_int redis_up;
};

static void count(atomic_uint_fast64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

/* Books the time since `start` as spent on Redis. */
static void spent(ss_cache *cache, double start)
{
    count(&cache->redis_us, (uint64_t)((ss_now() - start) * 1e6));
}

/* ---- Life ---- */

ss_cache *ss_cache_new(const ss_cache_options *options, ss_error *err)
{
    if (options->hits_per_sentence < 1 || options->hits_per_sentence > SS_CACHE_HITS_MAX) {
        ss_fail(err, SS_CONFIG, "sentence cache: hits per sentence must be from 1 to %d", SS_CACHE_HITS_MAX);
        return NULL;
    }
    ss_cache *cache = calloc(1, sizeof *cache);
    if (!cache || pthread_mutex_init(&cache->mutex, NULL)) {
        free(cache);
        ss_fail_memory(err, "making the sentence cache");
        return NULL;
    }
    cache->hits_max = options->hits_per_sentence;
    cache->deadline_ms = options->redis_deadline_ms > 0 ? options->redis_deadline_ms : DEFAULT_DEADLINE_MS;
    snprintf(cache->ttl, sizeof cache->ttl, "%u", options->ttl_seconds ? options->ttl_seconds : DEFAULT_TTL);
    if (options->memory_bytes) {
        cache->local = ss_cache_lru_new(options->memory_bytes, cache->hits_max, err);
        if (!cache->local) goto fail;
    }
    if (options->redis_url) {
        ss_redis_options redis = {.url = options->redis_url,
                                  .connect_timeout_ms = cache->deadline_ms,
                                  .command_timeout_ms = cache->deadline_ms};
        cache->redis = ss_redis_new(&redis, err);
        if (!cache->redis) goto fail;
    }
    return cache;

fail:
    ss_cache_free(cache);
    return NULL;
}

/* ---- Redis: failures and answers to what was only sent ---- */

static void note_failure(ss_cache *cache, const ss_error *why)
{
    count(&cache->redis_failures, 1);
    atomic_store(&cache->redis_up, 0);
    cache->probe_ms = ss_now_ms() + PROBE_MS;
    if (!cache->failing) {
        cache->error = *why;
        cache->untold = 1;
    }
    cache->failing = 1;
}

static void note_success(ss_cache *cache)
{
    atomic_store(&cache->redis_up, 1);
    cache->probe_ms = ss_now_ms() + PROBE_MS;
    cache->failing = 0;
}

/* Reads the answers to SETs and UNLINKs of earlier calls. -1: connection lost (noted). */
static int collect(ss_cache *cache)
{
    ss_error why;
    while (ss_redis_pending(cache->redis)) {
        redisReply *reply = ss_redis_next(cache->redis, &why);
        if (!reply && !ss_redis_is_connected(cache->redis)) {
            note_failure(cache, &why);
            return -1;
        }
        if (!reply) count(&cache->store_errors, 1);
        ss_redis_reply_free(reply);
    }
    return 0;
}

/* Starts the clock of this call's use of Redis. -1: not now, either because it is away (noted) or in backoff. */
static int begin(ss_cache *cache)
{
    if (!cache->redis || ss_redis_wait_ms(cache->redis) > 0) return -1;
    ss_redis_set_deadline(cache->redis, ss_now_ms() + cache->deadline_ms);
    ss_error why;
    if (ss_redis_connect(cache->redis, &why) == 0) return 0;
    note_failure(cache, &why);
    return -1;
}

static void end(ss_cache *cache)
{
    if (cache->redis) ss_redis_set_deadline(cache->redis, 0);
}

void ss_cache_free(ss_cache *cache)
{
    if (!cache) return;
    /* Closing with answers unread would reset the connection under SETs that Redis has not seen yet. */
    if (cache->redis && ss_redis_pending(cache->redis) && begin(cache) == 0) collect(cache);
    ss_redis_free(cache->redis);
    ss_cache_lru_free(cache->local);
    free(cache->names);
    free(cache->args);
    free(cache->rows);
    pthread_mutex_destroy(&cache->mutex);
    free(cache);
}

static int make_room(ss_cache *cache, size_t n)
{
    if (n <= cache->room) return 0;
    if (n > SIZE_MAX / 2 / (KEY_LEN + 1)) return -1;
    char *names = realloc(cache->names, n * (KEY_LEN + 1));
    if (names) cache->names = names;
    ss_redis_arg *args = realloc(cache->args, (n + 1) * sizeof *args);
    if (args) cache->args = args;
    size_t *rows = realloc(cache->rows, n * sizeof *rows);
    if (rows) cache->rows = rows;
    if (!names || !args || !rows) return -1;
    cache->room = n;
    return 0;
}

/* Writes the key of one sentence to its place in the scratch. */
static ss_redis_arg name_key(ss_cache *cache, size_t at, const ss_cache_release *release, ss_hash128 key)
{
    char *name = cache->names + at * (KEY_LEN + 1);
    snprintf(name, KEY_LEN + 1, "skillstream:sentence:%.64s:%016llx%016llx", release->digest,
             (unsigned long long)key.high, (unsigned long long)key.low);
    return (ss_redis_arg){.data = name, .len = KEY_LEN};
}

/* ---- Look-up ---- */

static void put_local(ss_cache *cache, ss_hash128 key, const ss_hit_value *hits, ss_cached value)
{
    if (!cache->local) return;
    count(&cache->evictions, (uint64_t)ss_cache_lru_put(cache->local, key, hits, value));
    atomic_store_explicit(&cache->entries, ss_cache_lru_count(cache->local), memory_order_relaxed);
}

/* Level 1 holds one release at a time. -1: not a digest, so there is nothing to look up under. */
static int enter_release(ss_cache *cache, const ss_cache_release *release)
{
    if (!ss_registry_is_digest(release->digest)) return -1;
    if (strcmp(cache->digest, release->digest) == 0) return 0;
    memcpy(cache->digest, release->digest, sizeof cache->digest);
    if (cache->local) ss_cache_lru_clear(cache->local);
    atomic_store_explicit(&cache->entries, 0, memory_order_relaxed);
    return 0;
}

/* One value of the MGET's reply. A bad one is deleted; the answer to that is read by the next call. */
static size_t take_value(ss_cache *cache, const ss_cache_release *release, const redisReply *value, size_t asked,
                         ss_hash128 key, ss_hit_value *hits, ss_cached *out)
{
    if (value->type != REDIS_REPLY_STRING) return 0;
    ss_cached found;
    if (ss_cache_value_decode(key, release, (const unsigned char *)value->str, value->len, hits, cache->hits_max,
                              &found)) {
        count(&cache->bad_values, 1);
        ss_redis_arg unlink_it[] = {ss_redis_text("UNLINK"), cache->args[asked + 1]};
        ss_redis_append(cache->redis, unlink_it, 2, NULL); /* if it fails the next reader deletes it */
        return 0;
    }
    *out = found;
    put_local(cache, key, hits, found);
    return 1;
}

/* Asks Redis for the `asked` rows in cache->rows; returns how many it found. */
static size_t ask_redis(ss_cache *cache, const ss_cache_release *release, const ss_hash128 *keys, size_t asked,
                        ss_hit_value *hits, ss_cached *found)
{
    ss_error why;
    cache->args[0] = ss_redis_text("MGET");
    for (size_t i = 0; i < asked; i++) cache->args[i + 1] = name_key(cache, i, release, keys[cache->rows[i]]);
    double start = ss_now();
    int away = begin(cache) || collect(cache);
    redisReply *reply = away ? NULL : ss_redis_run(cache->redis, cache->args, asked + 1, &why);
    spent(cache, start);
    if (away) return 0;
    if (!reply) {
        note_failure(cache, &why);
        return 0;
    }
    note_success(cache);
    size_t hit = 0;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == asked)
        for (size_t i = 0; i < asked; i++) {
            size_t row = cache->rows[i];
            hit +=
                take_value(cache, release, reply->element[i], i, keys[row], hits + row * cache->hits_max, &found[row]);
        }
    ss_redis_reply_free(reply);
    if (ss_redis_flush(cache->redis, &why)) note_failure(cache, &why);
    return hit;
}

size_t ss_cache_lookup(ss_cache *cache, const ss_cache_release *release, const ss_hash128 *keys, size_t n,
                       ss_hit_value *hits, ss_cached *found)
{
    size_t local = 0, remote = 0, asked = 0;
    for (size_t i = 0; i < n; i++) found[i] = (ss_cached){.count = SS_CACHE_MISS};
    pthread_mutex_lock(&cache->mutex);
    if (enter_release(cache, release) == 0) {
        int ask = cache->redis && make_room(cache, n) == 0;
        for (size_t i = 0; i < n; i++) {
            if (cache->local) found[i] = ss_cache_lru_get(cache->local, keys[i], hits + i * cache->hits_max);
            if (found[i].count != SS_CACHE_MISS)
                local++;
            else if (ask)
                cache->rows[asked++] = i;
        }
        if (asked) remote = ask_redis(cache, release, keys, asked, hits, found);
        end(cache);
    }
    pthread_mutex_unlock(&cache->mutex);
    count(&cache->local_hits, local);
    count(&cache->redis_hits, remote);
    count(&cache->misses, n - local - remote);
    return local + remote;
}

/* The question of a look-up, which asks no more of a Redis user's rights; its time is no caller's, so not booked. */
static void probe(ss_cache *cache)
{
    ss_error why;
    if (begin(cache) || collect(cache)) return;
    redisReply *reply = ss_redis_run_words(cache->redis, &why, "MGET", "skillstream:sentence:probe", NULL);
    if (reply)
        note_success(cache);
    else
        note_failure(cache, &why);
    ss_redis_reply_free(reply);
}

void ss_cache_probe(ss_cache *cache)
{
    if (!cache->redis || pthread_mutex_trylock(&cache->mutex)) return;
    if (ss_now_ms() >= cache->probe_ms) {
        probe(cache);
        end(cache);
    }
    pthread_mutex_unlock(&cache->mutex);
}

/* ---- Storing ---- */

static int append_set(ss_cache *cache, const ss_cache_release *release, ss_hash128 key, const ss_hit_value *hits,
                      ss_cached of, ss_error *err)
{
    unsigned char value[16 + SS_CACHE_HITS_MAX * sizeof(ss_hit_value) + 8];
    ss_cache_value_encode(key, release->dims, hits, of, value);
    ss_redis_arg args[] = {ss_redis_text("SET"),
                           name_key(cache, 0, release, key),
                           {.data = value, .len = ss_cache_value_size((uint32_t)of.count)},
                           ss_redis_text("EX"),
                           ss_redis_text(cache->ttl)};
    return ss_redis_append(cache->redis, args, 5, err);
}

static int is_storable(const ss_cache *cache, ss_cached value)
{
    return value.count >= 0 && (uint32_t)value.count <= cache->hits_max && isfinite(value.gate);
}

static void send_values(ss_cache *cache, const ss_cache_release *release, const ss_hash128 *keys, size_t n,
                        const ss_hit_value *hits, const ss_cached *values)
{
    ss_error why;
    uint64_t sent = 0;
    double start = ss_now();
    int away = make_room(cache, 1) || begin(cache) || collect(cache);
    spent(cache, start);
    if (away) return;
    for (size_t i = 0; i < n; i++) {
        if (!is_storable(cache, values[i])) continue;
        if (append_set(cache, release, keys[i], hits + i * cache->hits_max, values[i], &why)) {
            note_failure(cache, &why);
            return;
        }
        sent++;
    }
    start = ss_now();
    int failed = ss_redis_flush(cache->redis, &why);
    spent(cache, start);
    if (failed) {
        note_failure(cache, &why);
        return;
    }
    count(&cache->stores, sent);
}

void ss_cache_store(ss_cache *cache, const ss_cache_release *release, const ss_hash128 *keys, size_t n,
                    const ss_hit_value *hits, const ss_cached *values)
{
    pthread_mutex_lock(&cache->mutex);
    if (n && enter_release(cache, release) == 0) {
        for (size_t i = 0; i < n; i++)
            if (is_storable(cache, values[i])) put_local(cache, keys[i], hits + i * cache->hits_max, values[i]);
        send_values(cache, release, keys, n, hits, values);
        end(cache);
    }
    pthread_mutex_unlock(&cache->mutex);
}

void ss_cache_forget(ss_cache *cache)
{
    pthread_mutex_lock(&cache->mutex);
    if (cache->local) ss_cache_lru_clear(cache->local);
    atomic_store_explicit(&cache->entries, 0, memory_order_relaxed);
    pthread_mutex_unlock(&cache->mutex);
}

/* ---- What is going on ---- */

void ss_cache_get_stats(const ss_cache *cache, ss_cache_stats *out)
{
    *out = (ss_cache_stats){
        .local_hits = atomic_load(&cache->local_hits),
        .redis_hits = atomic_load(&cache->redis_hits),
        .misses = atomic_load(&cache->misses),
        .bad_values = atomic_load(&cache->bad_values),
        .stores = atomic_load(&cache->stores),
        .store_errors = atomic_load(&cache->store_errors),
        .evictions = atomic_load(&cache->evictions),
        .redis_failures = atomic_load(&cache->redis_failures),
        .redis_seconds = 1e-6 * (double)atomic_load(&cache->redis_us),
        .entries = atomic_load(&cache->entries),
        .capacity = cache->local ? ss_cache_lru_capacity(cache->local) : 0,
        .has_redis = cache->redis != NULL,
        .redis_up = atomic_load(&cache->redis_up),
    };
}

int ss_cache_take_error(ss_cache *cache, ss_error *err)
{
    pthread_mutex_lock(&cache->mutex);
    int told = cache->untold;
    if (told && err) *err = cache->error;
    cache->untold = 0;
    pthread_mutex_unlock(&cache->mutex);
    return told;
}
