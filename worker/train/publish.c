/* publish.c - see publish.h. */
#include "worker/train/publish.h"

#include <string.h>

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

static int is_trusted(const ss_publish_keys *keys)
{
    const char *print = ss_signing_key_print(keys->sign_key);
    for (size_t i = 0; i < ss_trusted_keys_count(keys->trusted); i++)
        if (!strcmp(ss_trusted_keys_print(keys->trusted, i), print)) return 1;
    return 0;
}

int ss_publish_keys_read(const char *sign_key, const ss_strings *trusted, ss_publish_keys *out, ss_error *err)
{
    *out = (ss_publish_keys){0};
    int bad = ss_release_trusted_keys(trusted, &out->trusted, err);
    if (!bad && sign_key && !(out->sign_key = ss_signing_key_read(sign_key, err))) bad = ss_fail_in(err, "sign-key");
    if (!bad && out->sign_key && out->trusted && !is_trusted(out))
        bad = ss_fail(err, SS_CONFIG,
                      "%s is the private half of none of the trusted keys: what it signs would be refused; add its "
                      "public half (--trusted-key)",
                      sign_key);
    if (bad) ss_publish_keys_free(out);
    return bad;
}

void ss_publish_keys_free(ss_publish_keys *keys)
{
    ss_signing_key_free(keys->sign_key);
    ss_trusted_keys_free(keys->trusted);
    *keys = (ss_publish_keys){0};
}

int ss_publish_release(const char *path, const char *redis_url, int64_t patience_ms, const ss_publish_keys *keys,
                       ss_error *err)
{
    ss_release *release = ss_release_open_content(path, err);
    ss_redis *redis = release ? open_redis(redis_url, patience_ms, err) : NULL;
    ss_registry_push_options options = {.make_current = 1, .sign_key = keys->sign_key};
    char digest[SS_SHA256_HEX + 1];
    int result = redis ? ss_release_push(redis, release, &options, digest, err) : -1;
    ss_redis_free(redis);
    ss_release_drop(release);
    return result;
}

int ss_published_release(const char *redis_url, int64_t patience_ms, const ss_publish_keys *keys, ss_release **out,
                         ss_error *err)
{
    char digest[SS_SHA256_HEX + 1];
    *out = NULL;
    ss_redis *redis = open_redis(redis_url, patience_ms, err);
    if (!redis) return -1;
    int result = ss_registry_current(redis, digest, err);
    if (!result && *digest) {
        *out = ss_release_fetch(redis, digest, keys->trusted, err);
        result = *out ? 1 : -1;
    }
    ss_redis_free(redis);
    return result;
}
