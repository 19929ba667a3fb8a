/* registry_signature.c - who signed a release; see registry.h.
 *
 * A signature stands beside the release, under the fingerprint of its key; so a release can be signed by several keys,
 * and a worker asks only for those that it trusts. The name is a hint, the proof is the signature: nothing that Redis
 * says about keys is believed. Since whoever writes to Redis may put anything there, what is read is bounded.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "stream/registry_list.h"

enum { SIGNATURES_MAX = 100000 };

#define SIGNATURE_PART ":signature:"

static void signature_key(char out[REGISTRY_KEY_SIZE], const char *digest, const char *print)
{
    snprintf(out, REGISTRY_KEY_SIZE, REGISTRY_PREFIX "%.64s" SIGNATURE_PART "%.64s", digest, print);
}

/* ---- Signing ---- */

int ss_registry_sign(ss_redis *redis, const char *digest, const ss_signing_key *key, ss_error *err)
{
    char name[REGISTRY_KEY_SIZE];
    unsigned char signature[SS_SIGNATURE_BYTES];
    if (ss_registry_check_digest(digest, err)) return -1;
    if (ss_signature_make(key, SS_REGISTRY_SIGNED_AS, digest, signature, err)) return -1;
    int exists = ss_registry_has_manifest(redis, digest, err);
    if (exists < 0) return -1;
    if (!exists) return ss_fail(err, SS_NOT_FOUND, "%s: no release %.12s", ss_redis_name(redis), digest);
    signature_key(name, digest, ss_signing_key_print(key));
    ss_redis_arg args[] = {
        ss_redis_text("SET"), ss_redis_text(name), {.data = (const char *)signature, .len = sizeof signature}};
    redisReply *reply = ss_redis_run(redis, args, 3, err);
    ss_redis_reply_free(reply);
    return reply ? 0 : -1;
}

/* ---- Checking ---- */

/* 1 valid, 0 there is none by this key, -1 error, -2 there is one and it is not valid. */
static int check_key(ss_redis *redis, const char *digest, const ss_trusted_keys *trusted, size_t i, ss_error *err)
{
    char name[REGISTRY_KEY_SIZE];
    ss_error why = {0};
    signature_key(name, digest, ss_trusted_keys_print(trusted, i));
    redisReply *reply = ss_redis_run_words(redis, &why, "GETRANGE", name, "0", "64", NULL); /* one byte too many */
    if (!reply && ss_redis_is_connected(redis) && why.status == SS_INPUT) return -2;        /* a list, say */
    if (!reply) {
        if (err) *err = why;
        return -1;
    }
    int result = 0;
    if (reply->type != REDIS_REPLY_STRING)
        result = -2;
    else if (reply->len)
        result = ss_trusted_keys_verify(trusted, i, SS_REGISTRY_SIGNED_AS, digest, reply->str, reply->len) ? 1 : -2;
    ss_redis_reply_free(reply);
    return result;
}

int ss_registry_is_signed(ss_redis *redis, const char *digest, const ss_trusted_keys *trusted,
                          char signer[SS_SHA256_HEX + 1], ss_error *err)
{
    const char *forged = NULL;
    signer[0] = 0;
    if (ss_registry_check_digest(digest, err)) return -1;
    for (size_t i = 0; i < ss_trusted_keys_count(trusted); i++) {
        const char *print = ss_trusted_keys_print(trusted, i);
        int found = check_key(redis, digest, trusted, i, err);
        if (found == -1) return -1;
        if (found == 1) {
            memcpy(signer, print, SS_SHA256_HEX + 1);
            return 1;
        }
        if (found == -2 && !forged) forged = print;
    }
    if (forged)
        ss_fail(err, SS_CORRUPT,
                "release %.12s: what stands there as its signature by the trusted key %.16s is none of that key; "
                "somebody may have planted this release: look who writes to Redis, and sign it only if it is yours",
                digest, forged);
    else
        ss_fail(err, SS_CORRUPT,
                "release %.12s: not signed by a trusted key; if it is yours, sign it: skillstream release sign FILE "
                "--sign-key KEY, or trust the key that signed it (--trusted-key)",
                digest);
    return 0;
}

/* ---- Listing ---- */

int ss_registry_signatures_add(ss_registry_signatures *set, const char *key, ss_error *err)
{
    const size_t part = sizeof SIGNATURE_PART - 1;
    char digest[SS_SHA256_HEX + 1];
    const char *rest = key + sizeof REGISTRY_PREFIX - 1 + SS_SHA256_HEX;
    if (ss_registry_key_digest(key, digest) || strncmp(rest, SIGNATURE_PART, part) != 0) return 0;
    if (!ss_registry_is_digest(rest + part)) return 0; /* a chunk of a blob of that name ends with a number */
    if (set->count == SIGNATURES_MAX) return 0;
    if (set->count == set->room) {
        size_t room = set->room ? set->room * 2 : 16;
        void *items = realloc(set->items, room * sizeof *set->items);
        if (!items) return ss_fail_memory(err, "listing releases");
        set->items = items;
        set->room = room;
    }
    ss_registry_signature *item = &set->items[set->count++];
    memcpy(item->digest, digest, sizeof digest);
    memcpy(item->signer, rest + part, SS_SHA256_HEX + 1);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(ss_registry_signature)); /* both are arrays of characters, filled to the end */
}

void ss_registry_signatures_sort(ss_registry_signatures *set)
{
    if (set->count) qsort(set->items, set->count, sizeof *set->items, by_name);
}

void ss_registry_signatures_tell(const ss_registry_signatures *set, ss_registry_entry *entry)
{
    for (size_t i = 0; i < set->count; i++) {
        const ss_registry_signature *item = &set->items[i];
        if (strcmp(item->digest, entry->digest) != 0) continue;
        if (i && !memcmp(item, item - 1, sizeof *item)) continue; /* SCAN may tell a key twice */
        if (entry->signer_count == SS_REGISTRY_SIGNERS) return;
        memcpy(entry->signers[entry->signer_count++], item->signer, SS_SHA256_HEX + 1);
    }
}

void ss_registry_signatures_free(ss_registry_signatures *set)
{
    free(set->items);
    *set = (ss_registry_signatures){0};
}
