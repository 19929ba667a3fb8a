/* registry_list.h - walking over releases: shared by list, rollback and gc; not for others. */
#ifndef SKILLSTREAM_STREAM_REGISTRY_LIST_H
#define SKILLSTREAM_STREAM_REGISTRY_LIST_H

#include "stream/registry_parts.h"

/* Called for each key of a SCAN; non-zero with *err filled stops it. */
typedef int ss_registry_key_fn(void *context, const char *key, ss_error *err);
int ss_registry_scan(ss_redis *redis, const char *pattern, ss_registry_key_fn *each, void *context, ss_error *err);

/* The digest in `skillstream:release:<digest>:...`; -1 if there is none. */
int ss_registry_key_digest(const char *key, char digest[SS_SHA256_HEX + 1]);

/* A small set of digests. Start with {0}. */
typedef struct ss_registry_digests {
    char (*items)[SS_SHA256_HEX + 1];
    size_t count, room;
} ss_registry_digests;

int ss_registry_digests_add(ss_registry_digests *set, const char *digest, ss_error *err);
int ss_registry_digests_have(const ss_registry_digests *set, const char *digest);
void ss_registry_digests_free(ss_registry_digests *set);

/* What stands in the names of signature keys. Start with {0}; sort before telling. */
typedef struct ss_registry_signature {
    char digest[SS_SHA256_HEX + 1], signer[SS_SHA256_HEX + 1];
} ss_registry_signature;

typedef struct ss_registry_signatures {
    ss_registry_signature *items;
    size_t count, room;
} ss_registry_signatures;

/* Adds what `key` names; a key of another kind is passed over. */
int ss_registry_signatures_add(ss_registry_signatures *set, const char *key, ss_error *err);
void ss_registry_signatures_sort(ss_registry_signatures *set);
/* Fills in the signers of one release. */
void ss_registry_signatures_tell(const ss_registry_signatures *set, ss_registry_entry *entry);
void ss_registry_signatures_free(ss_registry_signatures *set);

/* The history as an array reply, newest first, and one item of it (-1: malformed). */
struct redisReply *ss_registry_history(ss_redis *redis, ss_error *err);
int ss_registry_history_item(const struct redisReply *item, char digest[SS_SHA256_HEX + 1], int64_t *when_ms);

#endif
