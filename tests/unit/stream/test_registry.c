/* test_registry.c - releases against a real redis-server: whole or not at all, whatever happens. */
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
#include "stream/registry.h"
#include "support/redis_fixture.h"

/* ---- A release made up of noise ---- */

enum { BLOBS = 4 };

typedef struct sample {
    unsigned char *data[BLOBS];
    ss_registry_blob blobs[BLOBS];
    size_t bytes;
    char manifest[2048];
    char digest[SS_SHA256_HEX + 1];
} sample;

/* Sizes at the edges of chunks. */
static const size_t sizes[BLOBS] = {SS_REGISTRY_CHUNK * 2 + 123, SS_REGISTRY_CHUNK, 1, 0};
static const char *const names[BLOBS] = {"encoder/model.safetensors", "matrix", "tokenizer.json", "empty"};

static void make_sample(sample *s, const char *name, const char *created, unsigned seed)
{
    *s = (sample){0};
    int len = snprintf(s->manifest, sizeof s->manifest,
                       "{\"format\":1,\"name\":\"%s\",\"createdAt\":\"%s\",\"blobs\":[", name, created);
    uint64_t state = seed;
    for (int i = 0; i < BLOBS; i++) {
        s->data[i] = malloc(sizes[i] + 1);
        for (size_t n = 0; n < sizes[i]; n++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            s->data[i][n] = (unsigned char)(state >> 56);
        }
        char sha[SS_SHA256_HEX + 1];
        ss_sha256_hex(s->data[i], sizes[i], sha, NULL);
        s->blobs[i] = (ss_registry_blob){names[i], s->data[i], sizes[i]};
        s->bytes += sizes[i];
        /* proto3 JSON: a uint64 is a string, a zero is left out */
        char size[48] = "";
        if (sizes[i]) snprintf(size, sizeof size, "\"size\":\"%zu\",", sizes[i]);
        len += snprintf(s->manifest + len, sizeof s->manifest - (size_t)len, "%s{\"name\":\"%s\",%s\"sha256\":\"%s\"}",
                        i ? "," : "", names[i], size, sha);
    }
    snprintf(s->manifest + len, sizeof s->manifest - (size_t)len, "]}");
    ss_sha256_hex(s->manifest, strlen(s->manifest), s->digest, NULL);
}

static void free_sample(sample *s)
{
    for (int i = 0; i < BLOBS; i++) free(s->data[i]);
}

static int push(ss_redis *redis, const sample *s, ss_registry_push_options options, ss_error *err)
{
    char digest[SS_SHA256_HEX + 1];
    int result = ss_registry_push(redis, s->manifest, strlen(s->manifest), s->blobs, BLOBS, &options, digest, err);
    if (result == 0) assert_string_equal(digest, s->digest);
    return result;
}

static void must_push(ss_redis *redis, const sample *s, int make_current)
{
    ss_error err;
    if (push(redis, s, (ss_registry_push_options){.make_current = make_current}, &err)) fail_msg("%s", err.text);
}

static ss_redis *client(const char *url)
{
    ss_error err;
    ss_redis *redis = ss_redis_new(&(ss_redis_options){.url = url, .backoff_base_ms = 10, .backoff_cap_ms = 50}, &err);
    if (!redis) fail_msg("%s", err.text);
    return redis;
}

static long long ask(ss_redis *redis, const char *command, const char *key)
{
    ss_error err;
    redisReply *reply = ss_redis_run_words(redis, &err, command, key, NULL);
    if (!reply) fail_msg("%s", err.text);
    long long value = reply->integer;
    ss_redis_reply_free(reply);
    return value;
}

static long long key_count(ss_redis *redis)
{
    return ask(redis, "DBSIZE", NULL);
}

static void must_fetch(ss_redis *redis, const sample *s)
{
    ss_error err;
    ss_buffer manifest;
    ss_buffer_init(&manifest, SS_REGISTRY_MANIFEST_MAX);
    if (ss_registry_manifest(redis, s->digest, &manifest, &err)) fail_msg("%s", err.text);
    assert_int_equal(manifest.len, strlen(s->manifest));
    assert_memory_equal(manifest.data, s->manifest, manifest.len);
    ss_registry_manifest_info info;
    assert_int_equal(ss_registry_manifest_parse(manifest.data, manifest.len, &info, &err), 0);
    assert_int_equal(info.count, BLOBS);
    assert_int_equal(info.bytes, s->bytes);
    for (size_t i = 0; i < info.count; i++) {
        unsigned char *into = malloc(info.blobs[i].size + 1);
        size_t done = 0;
        if (ss_registry_blob_read(redis, s->digest, info.blobs[i].name, info.blobs[i].size, into, &done, &err))
            fail_msg("%s", err.text);
        assert_int_equal(done, sizes[i]);
        assert_memory_equal(into, s->data[i], sizes[i]);
        free(into);
    }
    ss_registry_manifest_free(&info);
    ss_buffer_free(&manifest);
}

/* ---- Server, client and three releases for each test ---- */

typedef struct world {
    redis_fixture *server;
    ss_redis *redis;
    sample a, b, c;
} world;

static int set_up(void **state)
{
    static int available = -1;
    if (available < 0) available = redis_fixture_available();
    if (!available) return 0;
    world *w = calloc(1, sizeof *w);
    w->server = redis_fixture_start(NULL);
    if (!w->server) return -1;
    w->redis = client(w->server->url);
    make_sample(&w->a, "a", "2026-01-01T00:00:00.000Z", 1);
    make_sample(&w->b, "b", "2026-01-02T00:00:00.000Z", 2);
    make_sample(&w->c, "c", "2026-01-03T00:00:00.000Z", 3);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    world *w = *state;
    if (!w) return 0;
    ss_redis_free(w->redis);
    redis_fixture_stop(w->server);
    free_sample(&w->a);
    free_sample(&w->b);
    free_sample(&w->c);
    free(w);
    return 0;
}

static world *get(void **state)
{
    if (!*state) skip();
    return *state;
}

/* ---- Manifests ---- */

static void manifests_are_read_as_proto3_json(void **state)
{
    (void)state;
    static const char text[] =
        "{\"name\":\"n\",\"created_at\":\"t\",\"blobs\":[{\"name\":\"x/y.z\",\"size\":7,\"unknown\":[]},"
        "{\"size\":\"18\",\"name\":\"b\"},{\"name\":\"zero\"}],\"notes\":{}}";
    ss_registry_manifest_info info;
    ss_error err;
    assert_int_equal(ss_registry_manifest_parse(text, strlen(text), &info, &err), 0);
    assert_int_equal(info.count, 3);
    assert_int_equal(info.bytes, 25);
    assert_string_equal(info.blobs[0].name, "x/y.z");
    assert_int_equal(info.blobs[1].size, 18);
    assert_int_equal(info.blobs[2].size, 0);
    assert_string_equal(info.name, "n");
    assert_string_equal(info.created_at, "t");
    ss_registry_manifest_free(&info);
}

static void a_long_name_is_cut_between_characters(void **state)
{
    (void)state;
    for (size_t before = 0; before < 4; before++) { /* then 127 bytes end in a character, or behind one */
        char name[256] = "", text[400];
        size_t len = before;
        memset(name, 'x', before);
        for (; len < 200; len += 4) memcpy(name + len, "\xF0\x9F\x98\x80", 5); /* U+1F600 */
        snprintf(text, sizeof text, "{\"name\":\"%s\",\"blobs\":[{\"name\":\"a\"}]}", name);
        ss_registry_manifest_info info;
        assert_int_equal(ss_registry_manifest_parse(text, strlen(text), &info, NULL), 0);
        assert_int_equal(strlen(info.name), before + (127 - before) / 4 * 4);
        assert_memory_equal(info.name, name, strlen(info.name));
        ss_registry_manifest_free(&info);
    }
}

static void bad_manifests_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "null",
        "{}",
        "{\"blobs\":[]}",
        "{\"blobs\":{}}",
        "{\"blobs\":[1]}",
        "{\"blobs\":[{}]}",
        "{\"blobs\":[{\"name\":\"\"}]}",
        "{\"blobs\":[{\"name\":\"a:b\"}]}",
        "{\"blobs\":[{\"name\":\"a b\"}]}",
        "{\"blobs\":[{\"name\":\"a*\"}]}",
        "{\"blobs\":[{\"name\":\"a\",\"size\":-1}]}",
        "{\"blobs\":[{\"name\":\"a\",\"size\":1.5}]}",
        "{\"blobs\":[{\"name\":\"a\",\"size\":\"0x7\"}]}",
        "{\"blobs\":[{\"name\":\"a\",\"size\":\"99999999999999999999\"}]}",
        ("{\"blobs\":[{\"name\":\"a\",\"size\":\"9223372036854775807\"},"
         "{\"name\":\"b\",\"size\":\"9223372036854775807\"}]}"),
        "{\"blobs\":[{\"name\":\"a\",\"size\":\"4000000000000000000\"}]}",
        "{\"blobs\":[{\"name\":\"a\",\"size\":4000000000000000000}]}",
        "{\"blobs\":[{\"name\":\"a\",\"size\":\"68719476737\"}]}",
        "{\"blobs\":[{\"name\":\"a\",\"size\":\"68719476736\"},{\"name\":\"b\",\"size\":\"1\"}]}",
        "{\"blobs\":[{\"name\":\"a\",\"sha256\":\"abc\"}]}",
        "{\"blobs\":[{\"name\":\"a\"},{\"name\":\"a\"}]}",
        "{\"blobs\":[{\"name\":\"a\"}],\"blobs\":[]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ss_registry_manifest_info info;
        ss_error err = {0};
        if (ss_registry_manifest_parse(bad[i], strlen(bad[i]), &info, &err) == 0) fail_msg("taken: %s", bad[i]);
        assert_int_equal(err.status, SS_INPUT);
        assert_null(info.blobs);
    }
}

static void digests_have_64_lower_case_hex_digits(void **state)
{
    (void)state;
    char digest[80];
    memset(digest, 'a', sizeof digest);
    digest[64] = 0;
    assert_true(ss_registry_is_digest(digest));
    digest[63] = 'A';
    assert_false(ss_registry_is_digest(digest));
    digest[63] = '*';
    assert_false(ss_registry_is_digest(digest));
    digest[63] = 0;
    assert_false(ss_registry_is_digest(digest));
    memset(digest, 'a', 65);
    digest[65] = 0;
    assert_false(ss_registry_is_digest(digest));
    assert_false(ss_registry_is_digest(NULL));
}

/* ---- Push and fetch ---- */

static int count_calls(void *context, size_t done, size_t total)
{
    size_t *calls = context;
    assert_true(done <= total);
    (*calls)++;
    return 0;
}

static void what_is_pushed_is_fetched(void **state)
{
    world *w = get(state);
    ss_error err;
    size_t calls = 0;
    char current[SS_SHA256_HEX + 1];
    assert_int_equal(
        push(w->redis, &w->a, (ss_registry_push_options){.progress = count_calls, .context = &calls}, &err), 0);
    assert_int_equal(calls, 3 + 1 + 1 + 0);
    assert_int_equal(key_count(w->redis), 5 + 1);
    must_fetch(w->redis, &w->a);
    assert_int_equal(ss_registry_current(w->redis, current, &err), 0);
    assert_string_equal(current, ""); /* pushed, not in use */

    char key[200];
    snprintf(key, sizeof key, "skillstream:release:%s:encoder/model.safetensors:2", w->a.digest);
    assert_int_equal(ask(w->redis, "STRLEN", key), 123);
    assert_int_equal(ask(w->redis, "TTL", key), -1); /* nothing of a finished push expires */
    snprintf(key, sizeof key, "skillstream:release:%s:manifest", w->a.digest);
    assert_int_equal(ask(w->redis, "TTL", key), -1);

    calls = 0; /* again: nothing is sent */
    ss_registry_push_options again = {.make_current = 1, .progress = count_calls, .context = &calls};
    assert_int_equal(push(w->redis, &w->a, again, &err), 0);
    assert_int_equal(calls, 0);
    assert_int_equal(ss_registry_current(w->redis, current, &err), 0);
    assert_string_equal(current, w->a.digest);
}

static void a_push_repairs_a_damaged_release(void **state)
{
    world *w = get(state);
    char key[200];
    must_push(w->redis, &w->a, 1);
    snprintf(key, sizeof key, "skillstream:release:%s:matrix:0", w->a.digest);
    assert_int_equal(ask(w->redis, "DEL", key), 1);
    must_push(w->redis, &w->a, 0);
    must_fetch(w->redis, &w->a);
    /* same length, other bytes: only an overwrite mends that */
    ss_redis_reply_free(ss_redis_run_words(w->redis, NULL, "SETRANGE", key, "100", "damage", NULL));
    ss_error err;
    assert_int_equal(push(w->redis, &w->a, (ss_registry_push_options){.overwrite = 1}, &err), 0);
    must_fetch(w->redis, &w->a);
    assert_int_equal(ask(w->redis, "TTL", key), -1);
}

static void blobs_that_are_not_those_of_the_manifest_are_not_sent(void **state)
{
    world *w = get(state);
    ss_error err;
    char digest[SS_SHA256_HEX + 1];
    size_t len = strlen(w->a.manifest);
    assert_int_equal(ss_registry_push(w->redis, w->a.manifest, len, w->a.blobs, BLOBS - 1, NULL, digest, &err), -1);
    assert_int_equal(err.status, SS_INPUT);
    ss_registry_blob blobs[BLOBS];
    memcpy(blobs, w->a.blobs, sizeof blobs);
    blobs[1].name = "other";
    assert_int_equal(ss_registry_push(w->redis, w->a.manifest, len, blobs, BLOBS, NULL, digest, &err), -1);
    assert_int_equal(err.status, SS_INPUT);
    memcpy(blobs, w->a.blobs, sizeof blobs);
    blobs[0].len--;
    assert_int_equal(ss_registry_push(w->redis, w->a.manifest, len, blobs, BLOBS, NULL, digest, &err), -1);
    assert_int_equal(err.status, SS_CORRUPT);
    w->a.data[1][77] ^= 1;
    assert_int_equal(ss_registry_push(w->redis, w->a.manifest, len, w->a.blobs, BLOBS, NULL, digest, &err), -1);
    assert_int_equal(err.status, SS_CORRUPT);
    assert_non_null(strstr(err.text, "matrix"));
    assert_int_equal(key_count(w->redis), 0);
}

static int stop_at_second(void *context, size_t done, size_t total)
{
    (void)done;
    (void)total;
    return ++*(int *)context == 2;
}

static void a_stopped_push_leaves_nothing(void **state)
{
    world *w = get(state);
    ss_error err;
    int calls = 0;
    ss_registry_push_options options = {.make_current = 1, .progress = stop_at_second, .context = &calls};
    assert_int_equal(push(w->redis, &w->a, options, &err), -1);
    assert_int_equal(err.status, SS_STOPPED);
    assert_int_equal(key_count(w->redis), 0);
}

typedef struct killer {
    world *w;
    int calls, restart;
} killer;

static int kill_at_second(void *context, size_t done, size_t total)
{
    killer *k = context;
    (void)done;
    (void)total;
    if (++k->calls == 2) redis_fixture_kill(k->w->server);
    return 0;
}

static void a_push_that_loses_redis_says_so(void **state)
{
    world *w = get(state);
    ss_error err;
    killer k = {.w = w};
    assert_int_equal(push(w->redis, &w->a, (ss_registry_push_options){.progress = kill_at_second, .context = &k}, &err),
                     -1);
    assert_int_equal(err.status, SS_NETWORK);
    assert_int_equal(err.remedy, SS_RETRY);
    assert_int_equal(redis_fixture_restart(w->server), 0);
    assert_int_equal(ss_redis_connect_within(w->redis, 5000, &err), 0);
    must_push(w->redis, &w->a, 1);
    must_fetch(w->redis, &w->a);
}

static int check_ttl(void *context, size_t done, size_t total)
{
    world *w = context;
    char key[200];
    (void)total;
    if (done != SS_REGISTRY_CHUNK) return 0;
    ss_redis *other = client(w->server->url);
    snprintf(key, sizeof key, "skillstream:release:%s:encoder/model.safetensors:0", w->a.digest);
    assert_in_range(ask(other, "TTL", key), 3000, 3600); /* so a push that dies here cleans up after itself */
    ss_registry_gc_result result;
    ss_error err;
    assert_int_equal(ss_registry_gc(other, 0, &result, &err), 0);
    assert_int_equal(result.keys, 0); /* gc leaves a running push alone */
    ss_redis_free(other);
    return 0;
}

static void a_running_push_expires_and_is_safe_from_gc(void **state)
{
    world *w = get(state);
    ss_error err;
    assert_int_equal(push(w->redis, &w->a, (ss_registry_push_options){.progress = check_ttl, .context = w}, &err), 0);
    must_fetch(w->redis, &w->a);
}

/* ---- Two push the same release ---- */

typedef struct rival {
    world *w;
    size_t at, stop_at; /* bytes done when the other one pushes, and when this one is stopped (0: never) */
    int pushed;
} rival;

static void no_chunk_expires(world *w, ss_redis *redis)
{
    char key[200];
    for (size_t i = 0; i < BLOBS; i++)
        for (size_t n = 0; n * SS_REGISTRY_CHUNK < sizes[i]; n++) {
            snprintf(key, sizeof key, "skillstream:release:%s:%s:%zu", w->a.digest, names[i], n);
            assert_int_equal(ask(redis, "TTL", key), -1);
        }
}

/* Once the other one has completed the release, no step of this one may put it in danger: it could die here. */
static int push_meanwhile(void *context, size_t done, size_t total)
{
    rival *r = context;
    (void)total;
    ss_redis *other = client(r->w->server->url);
    if (done == r->at) {
        must_push(other, &r->w->a, 1);
        r->pushed = 1;
    }
    if (r->pushed) no_chunk_expires(r->w, other);
    ss_redis_free(other);
    return r->stop_at && done >= r->stop_at;
}

static void a_push_does_no_harm_to_a_release_completed_meanwhile(void **state)
{
    world *w = get(state);
    const size_t done[] = {SS_REGISTRY_CHUNK, 2 * SS_REGISTRY_CHUNK, 2 * SS_REGISTRY_CHUNK + 123, w->a.bytes};
    for (size_t at = 0; at < 4; at++)
        for (size_t stop = at; stop <= 4; stop++) { /* 4: not stopped */
            ss_error err;
            rival r = {.w = w, .at = done[at], .stop_at = stop < 4 ? done[stop] : 0};
            ss_registry_push_options options = {.progress = push_meanwhile, .context = &r};
            ss_redis_reply_free(ss_redis_run_words(w->redis, NULL, "FLUSHALL", NULL));
            assert_int_equal(push(w->redis, &w->a, options, &err), r.stop_at ? -1 : 0);
            assert_true(r.pushed);
            if (r.stop_at) assert_int_equal(err.status, SS_STOPPED);
            no_chunk_expires(w, w->redis);
            must_fetch(w->redis, &w->a);
        }
}

static int use_b_meanwhile(void *context, size_t done, size_t total)
{
    (void)done, (void)total;
    world *w = context;
    ss_redis *other = client(w->server->url);
    must_push(other, &w->b, 1);
    ss_redis_free(other);
    return 0;
}

static void a_push_unless_used_leaves_what_is_in_use(void **state)
{
    world *w = get(state);
    ss_registry_push_options first = {.make_current = 1, .unless_used = 1};
    ss_registry_push_options late = {.make_current = 1, .unless_used = 1, .progress = use_b_meanwhile, .context = w};
    const sample *pushed[] = {&w->a, &w->a, &w->c}, *used[] = {&w->a, &w->b, &w->b};
    char current[SS_SHA256_HEX + 1];
    ss_error err;
    for (int i = 0; i < 3; i++) {
        if (push(w->redis, pushed[i], first, &err)) fail_msg("%s", err.text);
        assert_int_equal(ss_registry_current(w->redis, current, &err), 0);
        assert_string_equal(current, used[i]->digest);
        must_fetch(w->redis, pushed[i]);
        if (i == 0) must_push(w->redis, &w->b, 1);
    }
    assert_int_equal(ask(w->redis, "LLEN", "skillstream:release:history"), 2);

    /* nothing is in use when the push begins, but when it ends */
    ss_redis_reply_free(ss_redis_run_words(w->redis, NULL, "FLUSHALL", NULL));
    if (push(w->redis, &w->a, late, &err)) fail_msg("%s", err.text);
    assert_int_equal(ss_registry_current(w->redis, current, &err), 0);
    assert_string_equal(current, w->b.digest);

    /* what names no release is not in use */
    ss_redis_reply_free(ss_redis_run_words(w->redis, NULL, "SET", "skillstream:release:current", "?", NULL));
    if (push(w->redis, &w->a, first, &err)) fail_msg("%s", err.text);
    assert_int_equal(ss_registry_current(w->redis, current, &err), 0);
    assert_string_equal(current, w->a.digest);
}

static void a_full_redis_refuses_and_keeps_the_old_release(void **state)
{
    (void)get(state);
    static const char *const small[] = {"--maxmemory", "24mb", "--maxmemory-policy", "noeviction", NULL};
    world *w = *state;
    redis_fixture *server = redis_fixture_start(small);
    ss_redis *redis = client(server->url);
    ss_error err = {0};
    must_push(redis, &w->a, 1); /* 12 MiB */
    long long before = key_count(redis);
    assert_int_equal(push(redis, &w->b, (ss_registry_push_options){.make_current = 1}, &err), -1);
    assert_int_equal(err.status, SS_LIMIT);
    assert_int_equal(err.remedy, SS_GIVE_UP);
    assert_non_null(strstr(err.text, "maxmemory"));
    assert_int_equal(key_count(redis), before);
    must_fetch(redis, &w->a);
    ss_redis_free(redis);
    redis_fixture_stop(server);
}

static void damage_is_found_when_fetching(void **state)
{
    world *w = get(state);
    char key[200];
    ss_error err;
    unsigned char *into = malloc(sizes[0]);
    size_t done = 0;
    must_push(w->redis, &w->a, 0);

    snprintf(key, sizeof key, "skillstream:release:%s:%s:1", w->a.digest, names[0]);
    ss_redis_reply_free(ss_redis_run_words(w->redis, NULL, "SET", key, "short", NULL));
    assert_int_equal(ss_registry_blob_read(w->redis, w->a.digest, names[0], sizes[0], into, &done, &err), -1);
    assert_int_equal(err.status, SS_CORRUPT);
    assert_int_equal(done, SS_REGISTRY_CHUNK); /* the chunk before is there */
    assert_int_equal(ss_registry_use(w->redis, w->a.digest, NULL, &err), -1);
    assert_int_equal(err.status, SS_NOT_FOUND);
    assert_non_null(strstr(err.text, names[0]));

    ask(w->redis, "DEL", key);
    done = 0;
    assert_int_equal(ss_registry_blob_read(w->redis, w->a.digest, names[0], sizes[0], into, &done, &err), -1);
    assert_int_equal(err.status, SS_NOT_FOUND);
    ss_redis_reply_free(ss_redis_run_words(w->redis, NULL, "LPUSH", key, "x", NULL)); /* a key of another type */
    assert_int_equal(ss_registry_blob_read(w->redis, w->a.digest, names[0], sizes[0], into, &done, &err), -1);
    assert_int_equal(ss_registry_use(w->redis, w->a.digest, NULL, &err), -1);

    snprintf(key, sizeof key, "skillstream:release:%s:manifest", w->a.digest);
    ss_redis_reply_free(ss_redis_run_words(w->redis, NULL, "SETRANGE", key, "3", "X", NULL));
    ss_buffer manifest;
    ss_buffer_init(&manifest, SS_REGISTRY_MANIFEST_MAX);
    assert_int_equal(ss_registry_manifest(w->redis, w->a.digest, &manifest, &err), -1);
    assert_int_equal(err.status, SS_CORRUPT);
    assert_int_equal(ss_registry_manifest(w->redis, w->b.digest, &manifest, &err), -1);
    assert_int_equal(err.status, SS_NOT_FOUND);
    assert_int_equal(ss_registry_manifest(w->redis, "../etc", &manifest, &err), -1);
    assert_int_equal(err.status, SS_INPUT);
    assert_int_equal(manifest.len, 0);
    ss_buffer_free(&manifest);
    free(into);
}

static void a_fetch_goes_on_where_it_was_cut(void **state)
{
    world *w = get(state);
    ss_error err;
    unsigned char *into = calloc(1, sizes[0]);
    memcpy(into, w->a.data[0], SS_REGISTRY_CHUNK);
    size_t done = SS_REGISTRY_CHUNK; /* as after a cut behind the first chunk */
    char key[200];
    must_push(w->redis, &w->a, 0);
    snprintf(key, sizeof key, "skillstream:release:%s:%s:0", w->a.digest, names[0]);
    ask(w->redis, "DEL", key); /* proves that the first chunk is not asked for again */
    redis_fixture_pause(w->server);
    ss_redis_set_deadline(w->redis, ss_now_ms() + 100);
    assert_int_equal(ss_registry_blob_read(w->redis, w->a.digest, names[0], sizes[0], into, &done, &err), -1);
    assert_int_equal(err.status, SS_TIMEOUT);
    assert_int_equal(err.remedy, SS_RETRY);
    redis_fixture_resume(w->server);
    ss_redis_set_deadline(w->redis, 0);
    assert_int_equal(ss_redis_connect_within(w->redis, 5000, &err), 0);
    assert_int_equal(ss_registry_blob_read(w->redis, w->a.digest, names[0], sizes[0], into, &done, &err), 0);
    assert_int_equal(done, sizes[0]);
    assert_memory_equal(into, w->a.data[0], sizes[0]);
    free(into);
}

/* ---- Use, rollback, list, gc ---- */

static void expect_current(ss_redis *redis, const char *want)
{
    char current[SS_SHA256_HEX + 1];
    ss_error err;
    assert_int_equal(ss_registry_current(redis, current, &err), 0);
    assert_string_equal(current, want);
}

static void rollback_walks_back_through_what_was_current(void **state)
{
    world *w = get(state);
    char digest[SS_SHA256_HEX + 1];
    ss_error err;
    assert_int_equal(ss_registry_rollback(w->redis, NULL, digest, &err), -1);
    assert_int_equal(err.status, SS_NOT_FOUND);
    must_push(w->redis, &w->a, 1);
    must_push(w->redis, &w->b, 1);
    must_push(w->redis, &w->c, 1);
    assert_int_equal(ss_registry_use(w->redis, w->c.digest, NULL, &err), 0); /* once more changes nothing */
    assert_int_equal(ask(w->redis, "LLEN", "skillstream:release:history"), 3);
    assert_int_equal(ss_registry_rollback(w->redis, NULL, digest, &err), 0);
    assert_string_equal(digest, w->b.digest);
    expect_current(w->redis, w->b.digest);
    assert_int_equal(ss_registry_rollback(w->redis, NULL, digest, &err), 0);
    expect_current(w->redis, w->a.digest);
    assert_int_equal(ss_registry_rollback(w->redis, NULL, digest, &err), -1);
    assert_int_equal(err.status, SS_NOT_FOUND);
    expect_current(w->redis, w->a.digest);

    /* an incomplete release is passed over */
    assert_int_equal(ss_registry_use(w->redis, w->b.digest, NULL, &err), 0);
    assert_int_equal(ss_registry_use(w->redis, w->c.digest, NULL, &err), 0);
    char key[200];
    snprintf(key, sizeof key, "skillstream:release:%s:matrix:0", w->b.digest);
    ask(w->redis, "DEL", key);
    assert_int_equal(ss_registry_rollback(w->redis, NULL, digest, &err), 0);
    expect_current(w->redis, w->a.digest);
}

static void use_of_a_release_that_is_not_there_is_refused(void **state)
{
    world *w = get(state);
    ss_error err;
    must_push(w->redis, &w->a, 1);
    assert_int_equal(ss_registry_use(w->redis, w->b.digest, NULL, &err), -1);
    assert_int_equal(err.status, SS_NOT_FOUND);
    assert_int_equal(ss_registry_use(w->redis, "current", NULL, &err), -1);
    assert_int_equal(err.status, SS_INPUT);
    expect_current(w->redis, w->a.digest);
}

static void the_list_tells_order_and_completeness(void **state)
{
    world *w = get(state);
    ss_registry_entry *list;
    size_t count;
    ss_error err;
    assert_int_equal(ss_registry_list(w->redis, &list, &count, &err), 0);
    assert_int_equal(count, 0);
    assert_null(list);
    must_push(w->redis, &w->a, 1);
    must_push(w->redis, &w->b, 0);
    must_push(w->redis, &w->c, 0);
    char key[200];
    snprintf(key, sizeof key, "skillstream:release:%s:matrix:0", w->b.digest);
    ask(w->redis, "DEL", key);
    /* many other keys, so that SCAN takes several rounds */
    for (int i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "skillstream:sentence:%d", i);
        ss_redis_arg set[] = {ss_redis_text("SET"), ss_redis_text(key), ss_redis_text("v")};
        assert_int_equal(ss_redis_append(w->redis, set, 3, &err), 0);
    }
    while (ss_redis_pending(w->redis)) ss_redis_reply_free(ss_redis_next(w->redis, &err));
    assert_int_equal(ss_registry_list(w->redis, &list, &count, &err), 0);
    assert_int_equal(count, 3);
    const sample *want[] = {&w->a, &w->c, &w->b}; /* current, then newest creation */
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(list[i].digest, want[i]->digest);
        assert_int_equal(list[i].is_current, i == 0);
        assert_int_equal(list[i].is_complete, i != 2);
        assert_int_equal(list[i].bytes, w->a.bytes);
        assert_int_equal(list[i].blobs, BLOBS);
    }
    assert_true(list[0].last_used_ms > ss_wall_ms() - 60000);
    assert_int_equal(list[1].last_used_ms, 0);
    assert_string_equal(list[1].name, "c");
    free(list);
}

static void a_unique_prefix_names_a_release(void **state)
{
    world *w = get(state);
    char digest[SS_SHA256_HEX + 1], prefix[9];
    ss_error err;
    must_push(w->redis, &w->a, 1);
    must_push(w->redis, &w->b, 0);
    snprintf(prefix, sizeof prefix, "%.8s", w->b.digest);
    assert_int_equal(ss_registry_resolve(w->redis, prefix, digest, &err), 0);
    assert_string_equal(digest, w->b.digest);
    assert_int_equal(ss_registry_resolve(w->redis, w->a.digest, digest, &err), 0);
    assert_int_equal(ss_registry_resolve(w->redis, "current", digest, &err), 0);
    assert_string_equal(digest, w->a.digest);
    static const char *const bad[] = {"", "abc", "****", "ABCD", "zzzz"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(ss_registry_resolve(w->redis, bad[i], digest, &err), -1);
        assert_int_equal(err.status, SS_USAGE);
    }
    char other[SS_SHA256_HEX + 1]; /* a second one with the same beginning */
    snprintf(other, sizeof other, "%s", w->b.digest);
    other[63] = other[63] == '0' ? '1' : '0';
    char key[200];
    snprintf(key, sizeof key, "skillstream:release:%s:manifest", other);
    ss_redis_reply_free(ss_redis_run_words(w->redis, NULL, "SET", key, "{}", NULL));
    assert_int_equal(ss_registry_resolve(w->redis, prefix, digest, &err), -1);
    assert_int_equal(err.status, SS_USAGE);
    other[0] = other[0] == '0' ? '1' : '0';
    other[1] = other[1] == '0' ? '1' : '0';
    snprintf(prefix, sizeof prefix, "%.8s", other);
    assert_int_equal(ss_registry_resolve(w->redis, prefix, digest, &err), -1);
    assert_int_equal(err.status, SS_NOT_FOUND);
}

static void gc_keeps_the_current_and_removes_orphans(void **state)
{
    world *w = get(state);
    ss_error err;
    ss_registry_gc_result result;
    must_push(w->redis, &w->b, 1);
    must_push(w->redis, &w->a, 1);
    must_push(w->redis, &w->c, 0);
    ss_redis_reply_free(ss_redis_run_words(w->redis, NULL, "SET", "skillstream:sentence:x", "v", NULL));
    ss_redis_reply_free(ss_redis_run_words(w->redis, NULL, "SET", "skillstream:release:notes", "of somebody", NULL));
    assert_int_equal(ss_registry_gc(w->redis, 5, &result, &err), 0);
    assert_int_equal(result.removed, 0);
    assert_int_equal(result.kept, 3);
    assert_int_equal(ss_registry_gc(w->redis, 2, &result, &err), 0); /* a is current, b was used later than c */
    assert_int_equal(result.removed, 1);
    assert_int_equal(result.keys, 6);
    assert_int_equal(result.bytes, w->c.bytes);
    must_fetch(w->redis, &w->a);
    must_fetch(w->redis, &w->b);
    char key[200];
    snprintf(key, sizeof key, "skillstream:release:%s:manifest", w->b.digest);
    ask(w->redis, "DEL", key); /* now its chunks are orphans */
    assert_int_equal(ss_registry_gc(w->redis, 0, &result, &err), 0);
    assert_int_equal(result.kept, 1);
    assert_int_equal(result.removed, 0);
    assert_int_equal(result.keys, 5);
    must_fetch(w->redis, &w->a);
    expect_current(w->redis, w->a.digest);
    assert_int_equal(key_count(w->redis), 6 + 2 + 2); /* release, current, history, two of others */
}

/* ---- Watch ---- */

static void a_watch_tells_each_change_once_and_survives_redis(void **state)
{
    world *w = get(state);
    ss_registry_watch watch;
    char digest[SS_SHA256_HEX + 1];
    ss_error err;
    ss_registry_watch_init(&watch, NULL, 1);
    assert_int_equal(ss_registry_watch_poll(&watch, w->redis, digest, &err), 0);
    must_push(w->redis, &w->a, 1);
    ss_sleep_ms(5);
    assert_int_equal(ss_registry_watch_poll(&watch, w->redis, digest, &err), 1);
    assert_string_equal(digest, w->a.digest);
    ss_sleep_ms(5);
    assert_int_equal(ss_registry_watch_poll(&watch, w->redis, digest, &err), 0);
    redis_fixture_kill(w->server);
    int failures = 0;
    for (int i = 0; i < 20; i++, ss_sleep_ms(5))
        failures += ss_registry_watch_poll(&watch, w->redis, digest, &err) == -1;
    assert_true(failures > 10);
    assert_int_equal(redis_fixture_restart(w->server), 0);
    ss_redis *other = client(w->server->url);
    must_push(other, &w->b, 1);
    int told = 0;
    for (int i = 0; i < 200; i++, ss_sleep_ms(5)) told += ss_registry_watch_poll(&watch, w->redis, digest, &err) == 1;
    assert_int_equal(told, 1);
    assert_string_equal(digest, w->b.digest);
    ss_redis_reply_free(ss_redis_run_words(other, NULL, "SET", "skillstream:release:current", "nonsense", NULL));
    ss_sleep_ms(5);
    assert_int_equal(ss_registry_watch_poll(&watch, w->redis, digest, &err), -1);
    assert_int_equal(err.status, SS_CORRUPT);
    assert_int_equal(ss_registry_use(other, w->b.digest, NULL, &err), 0); /* repairs it */
    expect_current(other, w->b.digest);
    ss_redis_free(other);

    ss_registry_watch_init(&watch, w->b.digest, 60000);
    assert_int_equal(ss_registry_watch_poll(&watch, w->redis, digest, &err), 0);
    int64_t start = ss_now_ms();
    for (int i = 0; i < 100000; i++) ss_registry_watch_poll(&watch, w->redis, digest, &err); /* asks nobody */
    assert_true(ss_now_ms() - start < 2000);
}

static void subscribers_hear_of_a_change(void **state)
{
    world *w = get(state);
    ss_error err;
    ss_redis *listener = client(w->server->url);
    redisReply *reply = ss_redis_run_words(listener, &err, "SUBSCRIBE", "skillstream:release", NULL);
    assert_non_null(reply);
    ss_redis_reply_free(reply);
    must_push(w->redis, &w->a, 1);
    ss_redis_arg ping = ss_redis_text("PING"); /* its answer comes behind the message */
    assert_int_equal(ss_redis_append(listener, &ping, 1, &err), 0);
    reply = ss_redis_next(listener, &err);
    assert_non_null(reply);
    assert_int_equal(reply->elements, 3);
    assert_string_equal(reply->element[0]->str, "message");
    assert_string_equal(reply->element[2]->str, w->a.digest);
    ss_redis_reply_free(reply);
    ss_redis_free(listener);
}

int main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(manifests_are_read_as_proto3_json),
        cmocka_unit_test(a_long_name_is_cut_between_characters),
        cmocka_unit_test(bad_manifests_are_refused),
        cmocka_unit_test(digests_have_64_lower_case_hex_digits),
        WITH_SERVER(what_is_pushed_is_fetched),
        WITH_SERVER(a_push_repairs_a_damaged_release),
        WITH_SERVER(blobs_that_are_not_those_of_the_manifest_are_not_sent),
        WITH_SERVER(a_stopped_push_leaves_nothing),
        WITH_SERVER(a_push_that_loses_redis_says_so),
        WITH_SERVER(a_push_unless_used_leaves_what_is_in_use),
        WITH_SERVER(a_running_push_expires_and_is_safe_from_gc),
        WITH_SERVER(a_push_does_no_harm_to_a_release_completed_meanwhile),
        WITH_SERVER(a_full_redis_refuses_and_keeps_the_old_release),
        WITH_SERVER(damage_is_found_when_fetching),
        WITH_SERVER(a_fetch_goes_on_where_it_was_cut),
        WITH_SERVER(rollback_walks_back_through_what_was_current),
        WITH_SERVER(use_of_a_release_that_is_not_there_is_refused),
        WITH_SERVER(the_list_tells_order_and_completeness),
        WITH_SERVER(a_unique_prefix_names_a_release),
        WITH_SERVER(gc_keeps_the_current_and_removes_orphans),
        WITH_SERVER(a_watch_tells_each_change_once_and_survives_redis),
        WITH_SERVER(subscribers_hear_of_a_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
