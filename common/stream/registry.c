/* registry.c - reading releases from Redis, and what the other files of the registry share; see registry.h.
 *
 * Nothing read from Redis is believed: a manifest must hash to the digest it was
 * asked for by, a chunk must have the length that its place in the blob gives it.
 * A pipeline that is left early is closed rather than drained, because 4 MiB
 * chunks may be on their way.
 */
#include <stdio.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "base/clock.h"
#include "stream/registry_parts.h"

enum { FETCH_DEPTH = 3, DEFAULT_INTERVAL_MS = 2000 };

/* ---- Keys and chunks ---- */

void ss_registry_manifest_key(char out[REGISTRY_KEY_SIZE], const char *digest)
{
    snprintf(out, REGISTRY_KEY_SIZE, REGISTRY_PREFIX "%.64s:manifest", digest);
}

int ss_registry_has_manifest(ss_redis *redis, const char *digest, ss_error *err)
{
    char key[REGISTRY_KEY_SIZE];
    ss_registry_manifest_key(key, digest);
    redisReply *reply = ss_redis_run_words(redis, err, "EXISTS", key, NULL);
    if (!reply) return -1;
    int there = reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;
    ss_redis_reply_free(reply);
    return there;
}

void ss_registry_chunk_key(char out[REGISTRY_KEY_SIZE], const char *digest, const char *blob, size_t chunk)
{
    snprintf(out, REGISTRY_KEY_SIZE, REGISTRY_PREFIX "%.64s:%.200s:%zu", digest, blob, chunk);
}

int ss_registry_check_digest(const char *digest, ss_error *err)
{
    if (ss_registry_is_digest(digest)) return 0;
    return ss_fail(err, SS_INPUT, "not a release digest (64 lower-case hex digits)");
}

size_t ss_registry_chunk_count(size_t size)
{
    return size / SS_REGISTRY_CHUNK + (size % SS_REGISTRY_CHUNK != 0);
}

size_t ss_registry_chunk_len(size_t size, size_t chunk)
{
    size_t left = size - chunk * SS_REGISTRY_CHUNK;
    return left < SS_REGISTRY_CHUNK ? left : SS_REGISTRY_CHUNK;
}

/* ---- Pipelines ---- */

int ss_registry_collect(ss_redis *redis, size_t count, ss_error *err)
{
    int result = 0;
    for (size_t i = 0; i < count; i++) {
        ss_error why;
        redisReply *reply = ss_redis_next(redis, &why);
        if (!reply && result == 0) {
            if (err) *err = why;
            result = -1;
        }
        ss_redis_reply_free(reply);
        if (!ss_redis_is_connected(redis)) return result ? result : -1;
    }
    return result;
}

int ss_registry_exec(ss_redis *redis, size_t queued, ss_error *err)
{
    if (ss_redis_append(redis, &(ss_redis_arg){.data = "EXEC", .len = 4}, 1, err)) return -1;
    ss_error why;
    int refused = ss_registry_collect(redis, queued + 1, &why); /* MULTI and each "QUEUED" */
    if (refused && !ss_redis_is_connected(redis)) {
        if (err) *err = why;
        return -1;
    }
    redisReply *reply = ss_redis_next(redis, refused ? NULL : err);
    if (refused && err) *err = why; /* EXEC only says EXECABORT; the cause came before */
    if (!reply) return -1;
    int result = 0;
    if (reply->type == REDIS_REPLY_NIL)
        result = ss_fail_with(err, SS_NETWORK, SS_RETRY,
                              "%s: releases were changed by somebody else at the same moment", ss_redis_name(redis));
    for (size_t i = 0; i < reply->elements && result == 0; i++)
        if (reply->element[i]->type == REDIS_REPLY_ERROR)
            result = ss_fail(err, SS_INPUT, "%s: %.200s", ss_redis_name(redis), reply->element[i]->str);
    ss_redis_reply_free(reply);
    return result;
}

/* ---- Completeness ---- */

static int append_lengths(ss_redis *redis, const char *digest, const ss_registry_blob_info *blob, ss_error *err)
{
    char key[REGISTRY_KEY_SIZE];
    for (size_t n = 0; n < ss_registry_chunk_count(blob->size); n++) {
        ss_registry_chunk_key(key, digest, blob->name, n);
        ss_redis_arg args[] = {ss_redis_text("STRLEN"), ss_redis_text(key)};
        if (ss_redis_append(redis, args, 2, err)) return -1;
    }
    return 0;
}

/* Reads the answers of append_lengths: 1 all right, 0 a chunk is not, -1 connection lost. Reads all of them either way.
 */
static int read_lengths(ss_redis *redis, const char *digest, const ss_registry_blob_info *blob, ss_error *err)
{
    int result = 1;
    for (size_t n = 0; n < ss_registry_chunk_count(blob->size); n++) {
        ss_error why = {0};
        redisReply *reply = ss_redis_next(redis, &why);
        if (!reply && !ss_redis_is_connected(redis)) {
            if (err) *err = why;
            return -1;
        }
        size_t want = ss_registry_chunk_len(blob->size, n);
        int good = reply && reply->type == REDIS_REPLY_INTEGER && reply->integer == (long long)want;
        if (!good && result == 1) {
            int there = reply && reply->type == REDIS_REPLY_INTEGER && reply->integer > 0;
            ss_fail(err, SS_NOT_FOUND, "release %.12s: chunk %zu of '%s' %s", digest, n, blob->name,
                    there ? "has the wrong length" : "is missing; push the release again");
            result = 0;
        }
        ss_redis_reply_free(reply);
    }
    return result;
}

int ss_registry_is_complete(ss_redis *redis, const char *digest, const ss_registry_manifest_info *info, ss_error *err)
{
    for (size_t i = 0; i < info->count; i++) {
        if (append_lengths(redis, digest, &info->blobs[i], err)) return -1;
        int complete = read_lengths(redis, digest, &info->blobs[i], err);
        if (complete != 1) return complete;
    }
    return 1;
}

/* ---- Reading ---- */

int ss_registry_current(ss_redis *redis, char digest[SS_SHA256_HEX + 1], ss_error *err)
{
    digest[0] = 0;
    redisReply *reply = ss_redis_run_words(redis, err, "GET", REGISTRY_CURRENT, NULL);
    if (!reply) return -1;
    int result = 0;
    if (reply->type == REDIS_REPLY_STRING && reply->len == SS_SHA256_HEX && ss_registry_is_digest(reply->str))
        memcpy(digest, reply->str, SS_SHA256_HEX + 1);
    else if (reply->type != REDIS_REPLY_NIL)
        result = ss_fail(err, SS_CORRUPT, "%s: " REGISTRY_CURRENT " holds no digest; 'release use' repairs it",
                         ss_redis_name(redis));
    ss_redis_reply_free(reply);
    return result;
}

int ss_registry_manifest(ss_redis *redis, const char *digest, ss_buffer *out, ss_error *err)
{
    if (ss_registry_check_digest(digest, err)) return -1;
    char key[REGISTRY_KEY_SIZE], last[24], proof[SS_SHA256_HEX + 1];
    ss_registry_manifest_key(key, digest);
    snprintf(last, sizeof last, "%zu", SS_REGISTRY_MANIFEST_MAX); /* one byte more than allowed, to see that */
    redisReply *reply = ss_redis_run_words(redis, err, "GETRANGE", key, "0", last, NULL);
    if (!reply) return -1;
    int result = -1;
    if (reply->type != REDIS_REPLY_STRING || reply->len == 0) {
        ss_fail(err, SS_NOT_FOUND, "%s: no release %.12s", ss_redis_name(redis), digest);
    } else if (reply->len > SS_REGISTRY_MANIFEST_MAX) {
        ss_fail(err, SS_CORRUPT, "release %.12s: its manifest is over %zu bytes", digest, SS_REGISTRY_MANIFEST_MAX);
    } else if (ss_sha256_hex(reply->str, reply->len, proof, err) == 0) {
        if (strcmp(proof, digest) != 0)
            ss_fail(err, SS_CORRUPT, "release %.12s: its manifest has the SHA-256 %.12s", digest, proof);
        else
            result = ss_buffer_add(out, reply->str, reply->len) ? ss_fail_memory(err, "reading a release manifest") : 0;
    }
    ss_redis_reply_free(reply);
    return result;
}

int ss_registry_load_info(ss_redis *redis, const char *digest, ss_registry_manifest_info *info, ss_error *err)
{
    ss_buffer bytes;
    ss_buffer_init(&bytes, SS_REGISTRY_MANIFEST_MAX);
    int result = ss_registry_manifest(redis, digest, &bytes, err);
    if (result == 0) result = ss_registry_manifest_parse(bytes.data, bytes.len, info, err);
    ss_buffer_free(&bytes);
    return result;
}

static int append_get(ss_redis *redis, const char *digest, const char *name, size_t chunk, ss_error *err)
{
    char key[REGISTRY_KEY_SIZE];
    ss_registry_chunk_key(key, digest, name, chunk);
    ss_redis_arg args[] = {ss_redis_text("GET"), ss_redis_text(key)};
    return ss_redis_append(redis, args, 2, err);
}

/* One GET's reply into its place. */
static int take_chunk(ss_redis *redis, const char *digest, const char *name, size_t size, size_t chunk,
                      unsigned char *into, ss_error *err)
{
    redisReply *reply = ss_redis_next(redis, err);
    if (!reply) return -1;
    size_t want = ss_registry_chunk_len(size, chunk);
    int result = 0;
    if (reply->type != REDIS_REPLY_STRING)
        result = ss_fail(err, SS_NOT_FOUND, "release %.12s: chunk %zu of '%s' is missing; push the release again",
                         digest, chunk, name);
    else if (reply->len != want)
        result = ss_fail(err, SS_CORRUPT, "release %.12s: chunk %zu of '%s' has %zu bytes instead of %zu", digest,
                         chunk, name, reply->len, want);
    else
        memcpy(into + chunk * SS_REGISTRY_CHUNK, reply->str, want);
    ss_redis_reply_free(reply);
    return result;
}

int ss_registry_blob_read(ss_redis *redis, const char *digest, const char *name, size_t size, void *into, size_t *done,
                          ss_error *err)
{
    if (ss_registry_check_digest(digest, err)) return -1;
    if (!ss_registry_is_blob_name(name)) return ss_fail(err, SS_INPUT, "not a blob name of a release");
    size_t chunks = ss_registry_chunk_count(size), asked = *done / SS_REGISTRY_CHUNK;
    if (*done == size) return 0;
    for (size_t chunk = asked; chunk < chunks; chunk++) {
        while (asked < chunks && asked < chunk + FETCH_DEPTH)
            if (append_get(redis, digest, name, asked++, err)) return -1;
        if (take_chunk(redis, digest, name, size, chunk, into, err)) {
            if (ss_redis_pending(redis)) ss_redis_close(redis);
            return -1;
        }
        *done = chunk * SS_REGISTRY_CHUNK + ss_registry_chunk_len(size, chunk);
    }
    return 0;
}

/* ---- Watching ---- */

void ss_registry_watch_init(ss_registry_watch *watch, const char *seen, int64_t interval_ms)
{
    *watch = (ss_registry_watch){.interval_ms = interval_ms > 0 ? interval_ms : DEFAULT_INTERVAL_MS};
    if (seen) snprintf(watch->seen, sizeof watch->seen, "%.64s", seen);
}

int ss_registry_watch_poll(ss_registry_watch *watch, ss_redis *redis, char digest[SS_SHA256_HEX + 1], ss_error *err)
{
    int64_t now = ss_now_ms();
    if (now < watch->next_ms) return 0;
    watch->next_ms = now + watch->interval_ms;
    char current[SS_SHA256_HEX + 1];
    if (ss_registry_current(redis, current, err)) return -1;
    if (!current[0] || strcmp(current, watch->seen) == 0) return 0;
    memcpy(watch->seen, current, sizeof current);
    memcpy(digest, current, sizeof current);
    return 1;
}
