/* release_source.c - see release_source.h. */
#include "worker/extract/release_source.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

enum { TRIES = 5, PATIENCE_MS = 5000 };

typedef struct fetching {
    ss_redis *redis;
    const char *digest;
} fetching;

static int fetch_blob(void *context, size_t index, const char *name, unsigned char *into, size_t size, ss_error *err)
{
    (void)index;
    fetching *f = context;
    size_t done = 0;
    ss_error why = {0};
    for (int i = 0; i < TRIES; i++) {
        why = (ss_error){0};
        if (!ss_registry_blob_read(f->redis, f->digest, name, size, into, &done, &why)) return 0;
        if (why.remedy != SS_RETRY) break;
        ss_error ignored = {0};
        if (ss_redis_connect_within(f->redis, PATIENCE_MS, &ignored)) break;
    }
    if (err) *err = why;
    return -1;
}

static int check_signature(ss_redis *redis, const char *digest, const ss_trusted_keys *trusted, ss_error *err)
{
    char signer[SS_SHA256_HEX + 1];
    return !trusted || ss_registry_is_signed(redis, digest, trusted, signer, err) == 1 ? 0 : -1;
}

ss_release *ss_release_fetch(ss_redis *redis, const char *digest, const ss_trusted_keys *trusted, ss_error *err)
{
    fetching f = {.redis = redis, .digest = digest};
    ss_buffer manifest;
    ss_buffer_init(&manifest, SS_REGISTRY_MANIFEST_MAX);
    ss_release *release = NULL;
    if (!ss_registry_manifest(redis, digest, &manifest, err) && !check_signature(redis, digest, trusted, err))
        release = ss_release_from_blobs(manifest.data, manifest.len, digest, fetch_blob, &f, err);
    ss_buffer_free(&manifest);
    return release;
}

int ss_release_trusted_keys(const ss_strings *files, ss_trusted_keys **out, ss_error *err)
{
    *out = NULL;
    if (!files->count) return 0;
    *out = ss_trusted_keys_read((const char *const *)files->items, files->count, err);
    return *out ? 0 : ss_fail_in(err, "trusted-key");
}

int ss_release_push(ss_redis *redis, const ss_release *release, const ss_registry_push_options *options,
                    char digest[SS_SHA256_HEX + 1], ss_error *err)
{
    const ss_fileset *blobs = ss_release_blobs(release);
    ss_registry_blob *list = calloc(blobs->count + 1, sizeof *list);
    if (!list) return ss_fail_memory(err, "pushing a release");
    for (size_t i = 0; i < blobs->count; i++)
        list[i] =
            (ss_registry_blob){.name = blobs->items[i].name, .data = blobs->items[i].data, .len = blobs->items[i].len};
    size_t len;
    const char *manifest = ss_release_manifest_json(release, &len);
    int result = ss_registry_push(redis, manifest, len, list, blobs->count, options, digest, err);
    free(list);
    return result;
}

int ss_release_in_use(ss_redis *redis, char digest[SS_SHA256_HEX + 1], ss_error *err)
{
    if (ss_registry_current(redis, digest, err)) return -1;
    if (!*digest)
        return ss_fail_with(err, SS_NOT_FOUND, SS_RETRY,
                            "%s holds no release in use; push one: skillstream release push FILE --redis URL",
                            ss_redis_name(redis));
    return 0;
}
