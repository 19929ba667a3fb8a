/* registry.h - releases in Redis: push, list, use, roll back, collect, fetch, watch.
 *
 * A release is a manifest (proto3 JSON of skillstream.v1.ReleaseManifest) and
 * the blobs it names; its digest is the SHA-256 of the manifest's bytes, and the
 * manifest holds the SHA-256 of each blob. This module moves byte strings: of
 * the manifest it reads only `blobs` (name, size, sha256), `name` and
 * `created_at`; what the bytes mean is common/match's business.
 *
 *   skillstream:release:<digest>:<blob>:<n>   chunk n (from 0) of a blob, 4 MiB, the last one shorter
 *   skillstream:release:<digest>:manifest     written last: a release with manifest is complete
 *   skillstream:release:<digest>:signature:<key>  64 bytes: Ed25519 signature of the digest (signature.h, for the use
 *                                             "skillstream release v1") by the key of that fingerprint; one per signer
 *   skillstream:release:current               digest in use
 *   skillstream:release:history               list of "<digest> <unix ms>", newest first: each time one became current
 *   channel skillstream:release               the digest, published when `current` changes
 *
 * While a push runs its chunks carry a time to live of an hour, taken away in
 * the transaction that writes the manifest; so a push that dies leaves nothing
 * for good, and gc cannot take chunks from under a push that still runs.
 *
 * The digest proves that a release is whole, a signature that somebody who holds a trusted key made it: without one,
 * whoever can write to Redis can plant a release of his own. A signature covers the digest, hence the manifest, hence
 * every blob. It does not say that a release is the newest: who can write to Redis can still point `current` at any
 * other release that a trusted key has signed.
 *
 * Blob names: 1-200 characters of [A-Za-z0-9._/-]. Digests: 64 lower-case hex.
 * A server with an allkeys-* eviction policy may drop chunks; use volatile-*.
 *
 * All functions run on the caller's client, whose thread rules apply. Errors
 * of the client pass through (see redis_client.h); besides: SS_NOT_FOUND (no
 * such release, a missing chunk), SS_CORRUPT (wrong length or digest),
 * SS_INPUT (malformed manifest, digest or name), SS_LIMIT (memory full).
 */
#ifndef SKILLSTREAM_STREAM_REGISTRY_H
#define SKILLSTREAM_STREAM_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/signature.h"
#include "stream/redis_client.h"

#define SS_REGISTRY_CHUNK ((size_t)4 << 20)        /* bytes */
#define SS_REGISTRY_MANIFEST_MAX ((size_t)1 << 20) /* bytes */
#define SS_REGISTRY_BLOB_NAME_MAX 200
#define SS_REGISTRY_SIGNERS 8 /* that a list names; there may be more */
#define SS_REGISTRY_SIGNED_AS "skillstream release v1"

/* ---- What a manifest says about its blobs ---- */

typedef struct ss_registry_blob_info {
    char name[SS_REGISTRY_BLOB_NAME_MAX + 1];
    size_t size;
    char sha256[SS_SHA256_HEX + 1]; /* "" when the manifest gives none */
} ss_registry_blob_info;

typedef struct ss_registry_manifest_info {
    char name[128];      /* cut when longer */
    char created_at[40]; /* RFC 3339 */
    size_t bytes;        /* all blobs together */
    ss_registry_blob_info *blobs;
    size_t count;
} ss_registry_manifest_info;

/* Reads the fields named above; SS_INPUT when it is not JSON, lacks blobs, names one twice, or is over 64 GiB. */
int ss_registry_manifest_parse(const void *manifest, size_t len, ss_registry_manifest_info *out, ss_error *err);
void ss_registry_manifest_free(ss_registry_manifest_info *info);

/* 1 if `digest` is 64 lower-case hex characters. */
int ss_registry_is_digest(const char *digest);

/* ---- Push ---- */

typedef struct ss_registry_blob {
    const char *name;
    const void *data;
    size_t len;
} ss_registry_blob;

/* Called after each chunk. Return non-zero to stop the push (SS_STOPPED; its chunks are removed, unless somebody else
 * has completed the same release meanwhile). */
typedef int ss_registry_progress_fn(void *context, size_t done_bytes, size_t total_bytes);

typedef struct ss_registry_push_options {
    int make_current;                  /* point `current` at it and publish */
    int unless_used;                   /* with make_current: a release that is in use already stays in use */
    int overwrite;                     /* send the chunks even if the release is there already and complete */
    ss_registry_progress_fn *progress; /* or NULL */
    void *context;
    const ss_signing_key *sign_key; /* or NULL: not signed. Signed before it becomes current */
} ss_registry_push_options;

/* Pushes a release and writes its digest to `digest`. The blobs must be those that the manifest names, in any order,
 * with the same sizes and SHA-256 (checked before anything is sent). A release that is already complete is not sent
 * again. When memory is full the chunks sent so far are removed and the error says so. */
int ss_registry_push(ss_redis *redis, const void *manifest, size_t len, const ss_registry_blob *blobs, size_t count,
                     const ss_registry_push_options *options, char digest[SS_SHA256_HEX + 1], ss_error *err);

/* ---- Look ---- */

/* digest = "" and 0 when no release is in use (not an error). */
int ss_registry_current(ss_redis *redis, char digest[SS_SHA256_HEX + 1], ss_error *err);

/* The full digest for a unique prefix of at least 4 characters ("current" stands for the one in use).
 * SS_NOT_FOUND, or SS_USAGE when several match. */
int ss_registry_resolve(ss_redis *redis, const char *prefix, char digest[SS_SHA256_HEX + 1], ss_error *err);

typedef struct ss_registry_entry {
    char digest[SS_SHA256_HEX + 1];
    char name[128];
    char created_at[40];
    size_t bytes, blobs;
    int64_t last_used_ms; /* unix ms when it last became current; 0 = never (or longer ago than the history) */
    int is_current;
    int is_complete;                                      /* every chunk is there with its length */
    char signers[SS_REGISTRY_SIGNERS][SS_SHA256_HEX + 1]; /* fingerprints, as Redis has them: claims, not proofs */
    size_t signer_count;
} ss_registry_entry;

/* All releases with a manifest: the current one first, then by last use, then by creation, newest first.
 * *out is freed by the caller with free(); NULL when there is none. */
int ss_registry_list(ss_redis *redis, ss_registry_entry **out, size_t *count, ss_error *err);

/* ---- Signatures ---- */

/* Signs a release that is there. Sign what you know from elsewhere (the file you built): a digest read from Redis says
 * nothing about who put it there. */
int ss_registry_sign(ss_redis *redis, const char *digest, const ss_signing_key *key, ss_error *err);

/* 1: signed by one of the keys, whose fingerprint goes to `signer`; 0: not, and *err says so (SS_CORRUPT); -1: error.
 * Reads nothing of the release itself. */
int ss_registry_is_signed(ss_redis *redis, const char *digest, const ss_trusted_keys *trusted,
                          char signer[SS_SHA256_HEX + 1], ss_error *err);

/* ---- Fetch ---- */

/* Appends the manifest of `digest` to `out` (limit at least SS_REGISTRY_MANIFEST_MAX) and proves that its SHA-256 is
 * the digest. */
int ss_registry_manifest(ss_redis *redis, const char *digest, ss_buffer *out, ss_error *err);

/* Reads one blob of `size` bytes into `into`. *done (0 at first) counts the bytes that are there; after an error with
 * remedy SS_RETRY call again with the same arguments and it goes on at that chunk. Each chunk's length is checked,
 * the SHA-256 of the whole is not: that is done once, by whoever opens the release. */
int ss_registry_blob_read(ss_redis *redis, const char *digest, const char *name, size_t size, void *into, size_t *done,
                          ss_error *err);

/* ---- Change ---- */

/* Makes `digest` current, notes it in the history, publishes it. Refused when its manifest or any chunk is missing, or,
 * with `trusted` (NULL = any will do), when it is not signed by one of these keys. */
int ss_registry_use(ss_redis *redis, const char *digest, const ss_trusted_keys *trusted, ss_error *err);

/* Goes back to the release that was current before (entries that are gone, incomplete or, with `trusted`, not
 * signed by one of these keys are passed over) and writes its digest. Again: further back. SS_NOT_FOUND when there is
 * none. */
int ss_registry_rollback(ss_redis *redis, const ss_trusted_keys *trusted, char digest[SS_SHA256_HEX + 1],
                         ss_error *err);

typedef struct ss_registry_gc_result {
    size_t kept, removed; /* releases */
    size_t keys;          /* keys deleted */
    size_t bytes;         /* of the removed releases, by their manifests */
} ss_registry_gc_result;

/* Removes all but the first `keep` releases of ss_registry_list (the current one is never removed, also with keep 0)
 * and chunks without a manifest that no running push owns. Uses SCAN and UNLINK. */
int ss_registry_gc(ss_redis *redis, size_t keep, ss_registry_gc_result *result, ss_error *err);

/* ---- Watch ---- */

/* Asks for `current` at most once per interval; survives Redis being away. One thread. */
typedef struct ss_registry_watch {
    int64_t interval_ms;
    int64_t next_ms;
    char seen[SS_SHA256_HEX + 1];
} ss_registry_watch;

/* `seen`: the digest the caller runs with, or NULL. interval_ms 0 = 2000. */
void ss_registry_watch_init(ss_registry_watch *watch, const char *seen, int64_t interval_ms);

/* 1: `current` differs from what the watch has seen (written to digest, told once per change);
 * 0: no news, not yet time, or no current release; -1: Redis is away, call again later as if nothing was. */
int ss_registry_watch_poll(ss_registry_watch *watch, ss_redis *redis, char digest[SS_SHA256_HEX + 1], ss_error *err);

#endif
