/* registry_parts.h - what the files of the registry share; not for others. */
#ifndef SKILLSTREAM_STREAM_REGISTRY_PARTS_H
#define SKILLSTREAM_STREAM_REGISTRY_PARTS_H

#include "stream/registry.h"

#define REGISTRY_PREFIX "skillstream:release:"
#define REGISTRY_CURRENT REGISTRY_PREFIX "current"
#define REGISTRY_HISTORY REGISTRY_PREFIX "history"
#define REGISTRY_CHANNEL "skillstream:release"

enum { REGISTRY_KEY_SIZE = 20 + SS_SHA256_HEX + 1 + SS_REGISTRY_BLOB_NAME_MAX + 1 + 20 + 1 };

/* Keys of valid digests and blob names. */
void ss_registry_manifest_key(char out[REGISTRY_KEY_SIZE], const char *digest);
void ss_registry_chunk_key(char out[REGISTRY_KEY_SIZE], const char *digest, const char *blob, size_t chunk);

/* 1 if Redis has the release's manifest, 0 if not, -1 error. */
int ss_registry_has_manifest(ss_redis *redis, const char *digest, ss_error *err);

int ss_registry_is_blob_name(const char *name);
int ss_registry_check_digest(const char *digest, ss_error *err);

/* Chunks of a blob, and the length of one of them. */
size_t ss_registry_chunk_count(size_t size);
size_t ss_registry_chunk_len(size_t size, size_t chunk);

/* 1: every chunk is there with its length; 0: not, and *err names the first that is not (SS_NOT_FOUND); -1: error. */
int ss_registry_is_complete(ss_redis *redis, const char *digest, const ss_registry_manifest_info *info, ss_error *err);

/* Reads and parses the manifest, *info to be freed by the caller after 0. */
int ss_registry_load_info(ss_redis *redis, const char *digest, ss_registry_manifest_info *info, ss_error *err);

/* Points `current` at a release that the caller has checked, unless its manifest vanishes or somebody else changes
 * `current` meanwhile (SS_RETRY). With `unless_used` nothing happens, which is success, when any release is in use. */
int ss_registry_point_at(ss_redis *redis, const char *digest, int unless_used, ss_error *err);

/* Reads and drops `count` pipelined replies of which none may fail; the first failure is the error. Afterwards nothing
 * is pending. */
int ss_registry_collect(ss_redis *redis, size_t count, ss_error *err);

/* Runs EXEC after `queued` commands that were appended behind a MULTI (also appended). 0, or -1; SS_RETRY when a
 * watched key changed. */
int ss_registry_exec(ss_redis *redis, size_t queued, ss_error *err);

#endif
