/* registry_list.c - which releases are there; see registry.h.
 *
 * Releases are found by SCAN over their manifests (never KEYS, which stops the
 * server for everybody), put into the order in which they are worth keeping and
 * completed with what the history knows. SCAN may tell a key twice and may miss
 * one that is written meanwhile; both are harmless here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "stream/registry_list.h"

enum { RELEASES_MAX = 10000 };

int ss_registry_scan(ss_redis *redis, const char *pattern, ss_registry_key_fn *each, void *context, ss_error *err)
{
    char cursor[24] = "0";
    do {
        redisReply *reply = ss_redis_run_words(redis, err, "SCAN", cursor, "MATCH", pattern, "COUNT", "1000", NULL);
        if (!reply) return -1;
        int result = 0;
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || reply->element[0]->type != REDIS_REPLY_STRING ||
            reply->element[1]->type != REDIS_REPLY_ARRAY)
            result = ss_fail(err, SS_INPUT, "%s: SCAN gave an answer of another shape", ss_redis_name(redis));
        for (size_t i = 0; result == 0 && i < reply->element[1]->elements; i++)
            if (reply->element[1]->element[i]->type == REDIS_REPLY_STRING)
                result = each(context, reply->element[1]->element[i]->str, err);
        if (result == 0) snprintf(cursor, sizeof cursor, "%s", reply->element[0]->str);
        ss_redis_reply_free(reply);
        if (result) return -1;
    } while (strcmp(cursor, "0") != 0);
    return 0;
}

int ss_registry_key_digest(const char *key, char digest[SS_SHA256_HEX + 1])
{
    const size_t prefix = sizeof REGISTRY_PREFIX - 1;
    if (strlen(key) <= prefix + SS_SHA256_HEX || key[prefix + SS_SHA256_HEX] != ':') return -1;
    memcpy(digest, key + prefix, SS_SHA256_HEX);
    digest[SS_SHA256_HEX] = 0;
    return ss_registry_is_digest(digest) ? 0 : -1;
}

/* ---- Digests by SCAN ---- */

void ss_registry_digests_free(ss_registry_digests *set)
{
    free(set->items);
    *set = (ss_registry_digests){0};
}

int ss_registry_digests_have(const ss_registry_digests *set, const char *digest)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->items[i], digest) == 0) return 1;
    return 0;
}

int ss_registry_digests_add(ss_registry_digests *set, const char *digest, ss_error *err)
{
    if (ss_registry_digests_have(set, digest)) return 0;
    if (set->count == RELEASES_MAX) return ss_fail(err, SS_LIMIT, "more than %d releases in Redis", RELEASES_MAX);
    if (set->count == set->room) {
        size_t room = set->room ? set->room * 2 : 16;
        void *items = realloc(set->items, room * sizeof *set->items);
        if (!items) return ss_fail_memory(err, "listing releases");
        set->items = items;
        set->room = room;
    }
    memcpy(set->items[set->count++], digest, SS_SHA256_HEX + 1);
    return 0;
}

static int add_manifest_key(void *context, const char *key, ss_error *err)
{
    char digest[SS_SHA256_HEX + 1];
    if (ss_registry_key_digest(key, digest)) return 0;
    if (strcmp(key + sizeof REGISTRY_PREFIX - 1 + SS_SHA256_HEX, ":manifest") != 0) return 0;
    return ss_registry_digests_add(context, digest, err);
}

/* Manifests and signatures in one walk: a SCAN passes every key of the server, cached sentences as well. */
typedef struct inventory {
    ss_registry_digests releases;
    ss_registry_signatures signatures;
} inventory;

static int take_stock(void *context, const char *key, ss_error *err)
{
    inventory *found = context;
    return add_manifest_key(&found->releases, key, err) || ss_registry_signatures_add(&found->signatures, key, err) ? -1
                                                                                                                    : 0;
}

/* ---- History ---- */

redisReply *ss_registry_history(ss_redis *redis, ss_error *err)
{
    redisReply *reply = ss_redis_run_words(redis, err, "LRANGE", REGISTRY_HISTORY, "0", "-1", NULL);
    if (reply && reply->type != REDIS_REPLY_ARRAY) {
        ss_redis_reply_free(reply);
        ss_fail(err, SS_CORRUPT, "%s: " REGISTRY_HISTORY " is not a list", ss_redis_name(redis));
        return NULL;
    }
    return reply;
}

int ss_registry_history_item(const redisReply *item, char digest[SS_SHA256_HEX + 1], int64_t *when_ms)
{
    if (item->type != REDIS_REPLY_STRING || item->len <= SS_SHA256_HEX || item->str[SS_SHA256_HEX] != ' ') return -1;
    memcpy(digest, item->str, SS_SHA256_HEX);
    digest[SS_SHA256_HEX] = 0;
    *when_ms = strtoll(item->str + SS_SHA256_HEX + 1, NULL, 10);
    return ss_registry_is_digest(digest) ? 0 : -1;
}

static int64_t last_used(const redisReply *history, const char *digest)
{
    char item[SS_SHA256_HEX + 1];
    int64_t when;
    for (size_t i = 0; i < history->elements; i++) /* newest first */
        if (ss_registry_history_item(history->element[i], item, &when) == 0 && strcmp(item, digest) == 0) return when;
    return 0;
}

/* ---- The list ---- */

/* A release whose manifest is corrupt is listed as incomplete, so that people see it and gc can take it. */
static int describe(ss_redis *redis, ss_registry_entry *entry, ss_error *err)
{
    ss_registry_manifest_info info = {0};
    ss_error why;
    if (ss_registry_load_info(redis, entry->digest, &info, &why)) {
        if (why.status == SS_CORRUPT || why.status == SS_INPUT || why.status == SS_NOT_FOUND) return 0;
        if (err) *err = why;
        return -1;
    }
    memcpy(entry->name, info.name, sizeof entry->name);
    memcpy(entry->created_at, info.created_at, sizeof entry->created_at);
    entry->bytes = info.bytes;
    entry->blobs = info.count;
    int complete = ss_registry_is_complete(redis, entry->digest, &info, err);
    entry->is_complete = complete == 1;
    ss_registry_manifest_free(&info);
    return complete < 0 ? -1 : 0;
}

static int by_worth(const void *left, const void *right)
{
    const ss_registry_entry *a = left, *b = right;
    if (a->is_current != b->is_current) return b->is_current - a->is_current;
    if (a->last_used_ms != b->last_used_ms) return a->last_used_ms < b->last_used_ms ? 1 : -1;
    int created = strcmp(b->created_at, a->created_at);
    return created ? created : strcmp(a->digest, b->digest);
}

int ss_registry_list(ss_redis *redis, ss_registry_entry **out, size_t *count, ss_error *err)
{
    inventory found = {0};
    ss_registry_entry *list = NULL;
    redisReply *history = NULL;
    char current[SS_SHA256_HEX + 1];
    ss_error why;
    int result = -1;
    *out = NULL;
    *count = 0;
    if (ss_registry_current(redis, current, &why) && why.status != SS_CORRUPT) {
        if (err) *err = why;
        return -1;
    }
    if (ss_registry_scan(redis, REGISTRY_PREFIX "*", take_stock, &found, err)) goto done;
    ss_registry_signatures_sort(&found.signatures);
    if (!(history = ss_registry_history(redis, err))) goto done;
    list = calloc(found.releases.count ? found.releases.count : 1, sizeof *list);
    if (!list) {
        ss_fail_memory(err, "listing releases");
        goto done;
    }
    for (size_t i = 0; i < found.releases.count; i++) {
        memcpy(list[i].digest, found.releases.items[i], SS_SHA256_HEX + 1);
        list[i].is_current = strcmp(list[i].digest, current) == 0;
        list[i].last_used_ms = last_used(history, list[i].digest);
        ss_registry_signatures_tell(&found.signatures, &list[i]);
        if (describe(redis, &list[i], err)) goto done;
    }
    qsort(list, found.releases.count, sizeof *list, by_worth);
    *count = found.releases.count;
    if (found.releases.count) {
        *out = list;
        list = NULL;
    }
    result = 0;
done:
    free(list);
    ss_redis_reply_free(history);
    ss_registry_digests_free(&found.releases);
    ss_registry_signatures_free(&found.signatures);
    return result;
}

/* A whole digest: no need to walk over all keys, which a worker's user may not. */
static int resolve_whole(ss_redis *redis, const char *whole, char digest[SS_SHA256_HEX + 1], ss_error *err)
{
    int exists = ss_registry_has_manifest(redis, whole, err);
    if (exists < 0) return -1;
    if (!exists) return ss_fail(err, SS_NOT_FOUND, "%s: no release %s", ss_redis_name(redis), whole);
    memcpy(digest, whole, SS_SHA256_HEX + 1);
    return 0;
}

int ss_registry_resolve(ss_redis *redis, const char *prefix, char digest[SS_SHA256_HEX + 1], ss_error *err)
{
    digest[0] = 0;
    if (strcmp(prefix, "current") == 0) {
        if (ss_registry_current(redis, digest, err)) return -1;
        return digest[0] ? 0 : ss_fail(err, SS_NOT_FOUND, "%s: no release is in use", ss_redis_name(redis));
    }
    size_t len = strlen(prefix);
    if (len < 4 || len > SS_SHA256_HEX || strspn(prefix, "0123456789abcdef") != len)
        return ss_fail(err, SS_USAGE, "a release is named by its digest: the first 4 or more of 64 hex digits");
    if (len == SS_SHA256_HEX) return resolve_whole(redis, prefix, digest, err);
    char pattern[REGISTRY_KEY_SIZE];
    ss_registry_digests found = {0};
    snprintf(pattern, sizeof pattern, REGISTRY_PREFIX "%s*:manifest", prefix);
    int result = ss_registry_scan(redis, pattern, add_manifest_key, &found, err);
    if (result == 0 && found.count == 0)
        result = ss_fail(err, SS_NOT_FOUND, "%s: no release %s", ss_redis_name(redis), prefix);
    else if (result == 0 && found.count > 1)
        result = ss_fail(err, SS_USAGE, "%zu releases begin with %s; give more digits", found.count, prefix);
    else if (result == 0)
        memcpy(digest, found.items[0], SS_SHA256_HEX + 1);
    ss_registry_digests_free(&found);
    return result;
}
