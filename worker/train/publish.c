/* publish.c - see publish.h. */
#include "worker/train/publish.h"

#include "stream/registry.h"
#include "worker/extract/release_source.h"

enum { COMMAND_MS = 15000 };

static ss_redis *open_redis(const char *url, int64_t patience_ms, ss_error *err)
{
    ss_redis_options options = {.url = url, .command_timeout_ms = COMMAND_MS};
    ss_redis *redis = ss_redis_new(&options, err);
    if (redis && !ss_redis_connect_within(redis, patience_ms, err)) return redis;
    ss_redis_free(redis);
    return NULL;
}

int ss_publish_release(const char *path, const char *redis_url, int64_t patience_ms, ss_error *err)
{
    ss_release *release = ss_release_open_content(path, err);
    ss_redis *redis = release ? open_redis(redis_url, patience_ms, err) : NULL;
    ss_registry_push_options options = {.make_current = 1};
    char digest[SS_SHA256_HEX + 1];
    int result = redis ? ss_release_push(redis, release, &options, digest, err) : -1;
    ss_redis_free(redis);
    ss_release_drop(release);
    return result;
}

int ss_published_release(const char *redis_url, int64_t patience_ms, ss_release **out, ss_error *err)
{
    char digest[SS_SHA256_HEX + 1];
    *out = NULL;
    ss_redis *redis = open_redis(redis_url, patience_ms, err);
    if (!redis) return -1;
    int result = ss_registry_current(redis, digest, err);
    if (!result && *digest) {
        *out = ss_release_fetch(redis, digest, err);
        result = *out ? 1 : -1;
    }
    ss_redis_free(redis);
    return result;
}
