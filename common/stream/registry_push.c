/* registry_push.c - how a release gets into Redis; see registry.h.
 *
 * Order makes it safe to die at any point: chunks first, each with a time to
 * live; then one transaction takes the times to live away and writes the
 * manifest. Readers look for the manifest only, so they see a whole release or
 * none. A signature comes behind the manifest and before `current`. When the release is there already (an overwrite, a
 * repair of a chunk that was evicted, or somebody else has completed it meanwhile), chunks are written without a time
 * to live and never removed on failure: they are in use. So each chunk that gets a time to live, and each removal, is a
 * transaction that watches the manifest.
 */
#include <stdio.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "stream/registry_parts.h"

#define PUSH_TTL_SECONDS "3600"

typedef struct push {
    ss_redis *redis;
    const char *digest;
    const ss_registry_manifest_info *info;
    const ss_registry_blob *blobs;
    size_t count;
    const ss_registry_push_options *options;
    int was_there; /* a manifest of this digest that is not of this push */
    int broken;    /* this push wrote the manifest, and chunks were missing then */
    size_t sent;   /* bytes */
} push;

static const ss_registry_blob *find_blob(const ss_registry_blob *blobs, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (blobs[i].name && strcmp(blobs[i].name, name) == 0) return &blobs[i];
    return NULL;
}

/* The blobs given are the blobs named: same names, sizes and SHA-256. */
static int check_blobs(const ss_registry_manifest_info *info, const ss_registry_blob *blobs, size_t count,
                       ss_error *err)
{
    if (count != info->count)
        return ss_fail(err, SS_INPUT, "release: %zu blobs given, %zu named in its manifest", count, info->count);
    for (size_t i = 0; i < info->count; i++) {
        const ss_registry_blob_info *want = &info->blobs[i];
        const ss_registry_blob *blob = find_blob(blobs, count, want->name);
        char sha[SS_SHA256_HEX + 1];
        if (!blob) return ss_fail(err, SS_INPUT, "release: blob '%s' of its manifest is not given", want->name);
        if (blob->len != want->size)
            return ss_fail(err, SS_CORRUPT, "release: blob '%s' has %zu bytes, its manifest says %zu", want->name,
                           blob->len, want->size);
        if (!want->sha256[0]) continue;
        if (ss_sha256_hex(blob->data, blob->len, sha, err)) return -1;
        if (strcmp(sha, want->sha256) != 0)
            return ss_fail(err, SS_CORRUPT, "release: blob '%s' does not have the SHA-256 of its manifest", want->name);
    }
    return 0;
}

/* 1 if there is a manifest, 0 if not, -1 error. Unless -1, the next MULTI ... EXEC does nothing if that changes. */
static int watch_manifest(const push *p, ss_error *err)
{
    char key[REGISTRY_KEY_SIZE];
    ss_registry_manifest_key(key, p->digest);
    redisReply *reply = ss_redis_run_words(p->redis, err, "WATCH", key, NULL);
    if (!reply) return -1;
    ss_redis_reply_free(reply);
    return ss_registry_has_manifest(p->redis, p->digest, err);
}

static void unwatch(const push *p)
{
    ss_redis_reply_free(ss_redis_run_words(p->redis, NULL, "UNWATCH", NULL));
}

/* SET ... EX, unless a manifest is there or comes meanwhile (*p says so then, and nothing is written). */
static int set_with_ttl(push *p, const ss_redis_arg set[5], ss_error *err)
{
    ss_error why = {0};
    ss_redis_arg multi = ss_redis_text("MULTI");
    int there = watch_manifest(p, err);
    if (there < 0) return -1;
    if (there) {
        p->was_there = 1;
        unwatch(p);
        return 0;
    }
    if (ss_redis_append(p->redis, &multi, 1, err) || ss_redis_append(p->redis, set, 5, err)) return -1;
    if (!ss_registry_exec(p->redis, 1, &why)) return 0;
    if (ss_redis_is_connected(p->redis) && ss_registry_has_manifest(p->redis, p->digest, NULL) == 1)
        p->was_there = 1;
    else if (err)
        *err = why;
    return p->was_there ? 0 : -1;
}

static int set_chunk(push *p, const ss_redis_arg set[5], ss_error *err)
{
    if (!p->was_there && set_with_ttl(p, set, err)) return -1;
    if (!p->was_there) return 0;
    redisReply *reply = ss_redis_run(p->redis, set, 3, err);
    ss_redis_reply_free(reply);
    return reply ? 0 : -1;
}

static int send_chunk(push *p, const ss_registry_blob *blob, size_t chunk, ss_error *err)
{
    char key[REGISTRY_KEY_SIZE];
    size_t len = ss_registry_chunk_len(blob->len, chunk);
    ss_registry_chunk_key(key, p->digest, blob->name, chunk);
    ss_redis_arg set[] = {ss_redis_text("SET"),
                          ss_redis_text(key),
                          {.data = (const char *)blob->data + chunk * SS_REGISTRY_CHUNK, .len = len},
                          ss_redis_text("EX"),
                          ss_redis_text(PUSH_TTL_SECONDS)};
    if (set_chunk(p, set, err)) return -1;
    p->sent += len;
    if (p->options->progress && p->options->progress(p->options->context, p->sent, p->info->bytes))
        return ss_fail(err, SS_STOPPED, "release %.12s: push stopped", p->digest);
    return 0;
}

static int send_chunks(push *p, ss_error *err)
{
    for (size_t i = 0; i < p->count; i++)
        for (size_t n = 0; n < ss_registry_chunk_count(p->blobs[i].len); n++)
            if (send_chunk(p, &p->blobs[i], n, err)) return -1;
    return 0;
}

/* Appends `command key` for every chunk, and counts them. */
static int append_for_chunks(push *p, const char *command, size_t *count, ss_error *err)
{
    char key[REGISTRY_KEY_SIZE];
    for (size_t i = 0; i < p->count; i++)
        for (size_t n = 0; n < ss_registry_chunk_count(p->blobs[i].len); n++) {
            ss_registry_chunk_key(key, p->digest, p->blobs[i].name, n);
            ss_redis_arg args[] = {ss_redis_text(command), ss_redis_text(key)};
            if (ss_redis_append(p->redis, args, 2, err)) return -1;
            ++*count;
        }
    return 0;
}

static int write_manifest(push *p, const void *manifest, size_t len, ss_error *err)
{
    char key[REGISTRY_KEY_SIZE];
    size_t queued = 0;
    ss_registry_manifest_key(key, p->digest);
    ss_redis_arg multi = ss_redis_text("MULTI");
    ss_redis_arg set[] = {ss_redis_text("SET"), ss_redis_text(key), {.data = manifest, .len = len}};
    if (ss_redis_append(p->redis, &multi, 1, err) || append_for_chunks(p, "PERSIST", &queued, err) ||
        ss_redis_append(p->redis, set, 3, err) || ss_registry_exec(p->redis, queued + 1, err))
        return -1;
    ss_error why;
    int complete = ss_registry_is_complete(p->redis, p->digest, p->info, &why);
    if (complete == 1) return 0;
    if (err) *err = why;
    p->broken = complete == 0;
    if (p->broken)
        ss_fail(err, SS_LIMIT,
                "%s: chunks of release %.12s vanished while it was pushed; is an allkeys-* eviction policy set? Use "
                "volatile-lru or noeviction",
                ss_redis_name(p->redis), p->digest);
    return -1;
}

/* Removes what a failed push left, as far as the connection allows; the rest expires. A manifest means that somebody
 * (or this push, whose connection was lost then) has completed the release: it stays, unless it is known to be broken.
 */
static void remove_traces(push *p)
{
    char key[REGISTRY_KEY_SIZE];
    size_t queued = 1;
    ss_redis_arg multi = ss_redis_text("MULTI"), unlink[] = {ss_redis_text("UNLINK"), ss_redis_text(key)};
    if (ss_redis_pending(p->redis)) ss_redis_close(p->redis);
    int there = watch_manifest(p, NULL);
    if (there == 1 && !p->broken) unwatch(p);
    if (there < 0 || (there && !p->broken)) return;
    ss_registry_manifest_key(key, p->digest);
    unlink[1] = ss_redis_text(key);
    if (ss_redis_append(p->redis, &multi, 1, NULL) || ss_redis_append(p->redis, unlink, 2, NULL) ||
        append_for_chunks(p, "UNLINK", &queued, NULL))
        return;
    ss_registry_exec(p->redis, queued, NULL);
}

/* 1 if a manifest is there, and *complete if its chunks are as well. */
static int look(push *p, int *complete, ss_error *err)
{
    int there = ss_registry_has_manifest(p->redis, p->digest, err);
    if (there < 0) return -1;
    p->was_there = there;
    *complete = p->was_there ? ss_registry_is_complete(p->redis, p->digest, p->info, err) : 0;
    return *complete < 0 ? -1 : 0;
}

static int send_release(push *p, const void *manifest, size_t len, ss_error *err)
{
    ss_error why = {0};
    if (send_chunks(p, &why) == 0 && write_manifest(p, manifest, len, &why) == 0) return 0;
    if (!p->was_there) remove_traces(p);
    if (why.status == SS_LIMIT && why.remedy == SS_RETRY) /* OOM */
        ss_fail(&why, SS_LIMIT,
                "%s: memory is full after %zu of %zu MiB of release %.12s; raise maxmemory or remove old releases "
                "(release gc)",
                ss_redis_name(p->redis), p->sent >> 20, p->info->bytes >> 20, p->digest);
    if (err) *err = why;
    return -1;
}

int ss_registry_push(ss_redis *redis, const void *manifest, size_t len, const ss_registry_blob *blobs, size_t count,
                     const ss_registry_push_options *options, char digest[SS_SHA256_HEX + 1], ss_error *err)
{
    static const ss_registry_push_options plain = {0};
    ss_registry_manifest_info info = {0};
    int result = -1, complete = 0;
    if (ss_registry_manifest_parse(manifest, len, &info, err)) return -1;
    if (ss_sha256_hex(manifest, len, digest, err) || check_blobs(&info, blobs, count, err)) goto done;

    push p = {.redis = redis, .digest = digest, .info = &info, .blobs = blobs, .count = count};
    p.options = options ? options : &plain;
    if (look(&p, &complete, err)) goto done;
    if ((!complete || p.options->overwrite) && send_release(&p, manifest, len, err)) goto done;
    if (p.options->sign_key && ss_registry_sign(redis, digest, p.options->sign_key, err)) goto done;
    if (p.options->make_current && ss_registry_point_at(redis, digest, p.options->unless_used, err)) goto done;
    result = 0;
done:
    ss_registry_manifest_free(&info);
    return result;
}
