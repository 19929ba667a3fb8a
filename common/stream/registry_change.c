/* registry_change.c - use, rollback and gc: what moves the pointer or removes releases; see registry.h.
 *
 * Several operators and trainers may act at once, so each change is optimistic:
 * WATCH what the decision rests on, decide, MULTI ... EXEC; if somebody changed
 * it meanwhile nothing happens and the caller is told to try again.
 *
 * The history is a stack of what was current. `use` pushes; `rollback` pops down
 * to the newest entry that is another release than the current one, whole, and signed where that is asked for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "base/clock.h"
#include "stream/registry_list.h"

#define HISTORY_LAST "99" /* index of the oldest entry that is kept */

static int append_words(ss_redis *redis, ss_error *err, const char *const *words, size_t count)
{
    ss_redis_arg args[8];
    for (size_t i = 0; i < count; i++) args[i] = ss_redis_text(words[i]);
    return ss_redis_append(redis, args, count, err);
}

#define APPEND(redis, err, ...)                                                                                        \
    append_words(redis, err, (const char *const[]){__VA_ARGS__},                                                       \
                 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static int watch_keys(ss_redis *redis, const char *first, const char *second, ss_error *err)
{
    redisReply *reply = ss_redis_run_words(redis, err, "WATCH", first, second, NULL);
    ss_redis_reply_free(reply);
    return reply ? 0 : -1;
}

/* Leaves a WATCH without acting; a lost connection has left it already. */
static void unwatch(ss_redis *redis)
{
    if (ss_redis_is_connected(redis)) ss_redis_reply_free(ss_redis_run_words(redis, NULL, "UNWATCH", NULL));
}

/* ---- use ---- */

int ss_registry_point_at(ss_redis *redis, const char *digest, int unless_used, ss_error *err)
{
    char key[REGISTRY_KEY_SIZE], current[SS_SHA256_HEX + 1], item[SS_SHA256_HEX + 24];
    ss_error why;
    ss_registry_manifest_key(key, digest);
    if (watch_keys(redis, key, REGISTRY_CURRENT, err)) return -1;
    if (ss_registry_current(redis, current, &why) && why.status != SS_CORRUPT) {
        if (err) *err = why;
        return -1;
    }
    int exists = ss_registry_has_manifest(redis, digest, err);
    if (exists < 0) return -1;
    if (!exists || strcmp(current, digest) == 0 || (unless_used && *current)) {
        unwatch(redis);
        return exists ? 0 : ss_fail(err, SS_NOT_FOUND, "%s: no release %.12s", ss_redis_name(redis), digest);
    }
    snprintf(item, sizeof item, "%.64s %lld", digest, (long long)ss_wall_ms());
    if (APPEND(redis, err, "MULTI") || APPEND(redis, err, "SET", REGISTRY_CURRENT, digest) ||
        APPEND(redis, err, "LPUSH", REGISTRY_HISTORY, item) ||
        APPEND(redis, err, "LTRIM", REGISTRY_HISTORY, "0", HISTORY_LAST) ||
        APPEND(redis, err, "PUBLISH", REGISTRY_CHANNEL, digest))
        return -1;
    return ss_registry_exec(redis, 4, err);
}

/* 1 whole, 0 not there or not whole (*err says what is missing), -1 error. */
static int is_whole(ss_redis *redis, const char *digest, ss_error *err)
{
    ss_registry_manifest_info info = {0};
    ss_error why;
    if (ss_registry_load_info(redis, digest, &info, &why)) {
        if (err) *err = why;
        return why.status == SS_NOT_FOUND || why.status == SS_CORRUPT || why.status == SS_INPUT ? 0 : -1;
    }
    int whole = ss_registry_is_complete(redis, digest, &info, err);
    ss_registry_manifest_free(&info);
    return whole;
}

/* The same, and signed if that is asked for: that first, so that nothing else of a planted release is looked at. */
static int is_usable(ss_redis *redis, const char *digest, const ss_trusted_keys *trusted, ss_error *err)
{
    char signer[SS_SHA256_HEX + 1];
    int is_signed = trusted ? ss_registry_is_signed(redis, digest, trusted, signer, err) : 1;
    return is_signed == 1 ? is_whole(redis, digest, err) : is_signed;
}

int ss_registry_use(ss_redis *redis, const char *digest, const ss_trusted_keys *trusted, ss_error *err)
{
    if (ss_registry_check_digest(digest, err)) return -1;
    return is_usable(redis, digest, trusted, err) == 1 ? ss_registry_point_at(redis, digest, 0, err) : -1;
}

/* ---- rollback ---- */

/* Index in the history of the release to go back to, -1 on error. */
static int find_previous(ss_redis *redis, const redisReply *history, const ss_trusted_keys *trusted,
                         char digest[SS_SHA256_HEX + 1], ss_error *err)
{
    char current[SS_SHA256_HEX + 1];
    int64_t when;
    ss_error why;
    if (ss_registry_current(redis, current, &why) && why.status != SS_CORRUPT) {
        if (err) *err = why;
        return -1;
    }
    for (size_t i = 0; i < history->elements; i++) {
        if (ss_registry_history_item(history->element[i], digest, &when) || strcmp(digest, current) == 0) continue;
        int usable = is_usable(redis, digest, trusted, err);
        if (usable == 1) return (int)i;
        if (usable < 0) return -1;
    }
    return ss_fail(err, SS_NOT_FOUND, "%s: no earlier release%s to go back to", ss_redis_name(redis),
                   trusted ? " that a trusted key has signed" : "");
}

int ss_registry_rollback(ss_redis *redis, const ss_trusted_keys *trusted, char digest[SS_SHA256_HEX + 1], ss_error *err)
{
    if (watch_keys(redis, REGISTRY_CURRENT, REGISTRY_HISTORY, err)) return -1;
    redisReply *history = ss_registry_history(redis, err);
    int index = history ? find_previous(redis, history, trusted, digest, err) : -1;
    ss_redis_reply_free(history);
    if (index < 0) {
        unwatch(redis);
        return -1;
    }
    char first[16];
    snprintf(first, sizeof first, "%d", index);
    if (APPEND(redis, err, "MULTI") || APPEND(redis, err, "SET", REGISTRY_CURRENT, digest) ||
        APPEND(redis, err, "LTRIM", REGISTRY_HISTORY, first, "-1") ||
        APPEND(redis, err, "PUBLISH", REGISTRY_CHANNEL, digest))
        return -1;
    return ss_registry_exec(redis, 3, err);
}

/* ---- gc ---- */

typedef struct sweep {
    ss_redis *redis;
    ss_registry_digests kept, removed;
    ss_registry_gc_result *result;
} sweep;

static int ask_integer(ss_redis *redis, const char *command, const char *key, long long *out, ss_error *err)
{
    redisReply *reply = ss_redis_run_words(redis, err, command, key, NULL);
    if (!reply) return -1;
    *out = reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
    ss_redis_reply_free(reply);
    return 0;
}

/* 1 if the chunk belongs to no release and to no running push. The order of the two questions matters: a push takes the
 * time to live away and writes the manifest in one step, so a chunk seen without the former has the latter by now. */
static int is_orphan(ss_redis *redis, const char *digest, const char *key, ss_error *err)
{
    long long ttl;
    if (ask_integer(redis, "TTL", key, &ttl, err)) return -1;
    if (ttl != -1) return 0;
    int exists = ss_registry_has_manifest(redis, digest, err);
    return exists < 0 ? -1 : !exists;
}

static int sweep_key(void *context, const char *key, ss_error *err)
{
    sweep *s = context;
    char digest[SS_SHA256_HEX + 1];
    long long gone;
    if (ss_registry_key_digest(key, digest) || ss_registry_digests_have(&s->kept, digest)) return 0;
    int remove = ss_registry_digests_have(&s->removed, digest) ? 1 : is_orphan(s->redis, digest, key, err);
    if (remove < 0) return -1;
    if (!remove) return 0;
    if (ask_integer(s->redis, "UNLINK", key, &gone, err)) return -1;
    s->result->keys += (size_t)gone;
    return 0;
}

/* Sorts the list into kept and removed. */
static int choose(sweep *s, const ss_registry_entry *list, size_t count, size_t keep, ss_error *err)
{
    char current[SS_SHA256_HEX + 1];
    if (ss_registry_current(s->redis, current, err)) return -1;
    if (current[0] && ss_registry_digests_add(&s->kept, current, err)) return -1;
    for (size_t i = 0; i < count; i++) {
        int is_current = strcmp(list[i].digest, current) == 0;
        int stays = i < keep || is_current;
        if (ss_registry_digests_add(stays ? &s->kept : &s->removed, list[i].digest, err)) return -1;
        if (!stays) s->result->bytes += list[i].bytes;
        s->result->kept += (size_t)stays;
        s->result->removed += (size_t)!stays;
    }
    return 0;
}

/* Takes the manifests away in one step, unless `current` was changed since it was read. */
static int remove_manifests(sweep *s, ss_error *err)
{
    char key[REGISTRY_KEY_SIZE];
    if (APPEND(s->redis, err, "MULTI")) return -1;
    for (size_t i = 0; i < s->removed.count; i++) {
        ss_registry_manifest_key(key, s->removed.items[i]);
        if (APPEND(s->redis, err, "UNLINK", key)) return -1;
    }
    if (ss_registry_exec(s->redis, s->removed.count, err)) return -1;
    s->result->keys += s->removed.count;
    return 0;
}

int ss_registry_gc(ss_redis *redis, size_t keep, ss_registry_gc_result *result, ss_error *err)
{
    *result = (ss_registry_gc_result){0};
    sweep s = {.redis = redis, .result = result};
    ss_registry_entry *list = NULL;
    size_t count = 0;
    int done = -1;
    if (watch_keys(redis, REGISTRY_CURRENT, REGISTRY_HISTORY, err)) return -1;
    if (ss_registry_list(redis, &list, &count, err) == 0 && choose(&s, list, count, keep, err) == 0) {
        if (s.removed.count)
            done = remove_manifests(&s, err);
        else
            done = 0;
    }
    unwatch(redis);
    if (done == 0) done = ss_registry_scan(redis, REGISTRY_PREFIX "*", sweep_key, &s, err);
    free(list);
    ss_registry_digests_free(&s.kept);
    ss_registry_digests_free(&s.removed);
    return done;
}
