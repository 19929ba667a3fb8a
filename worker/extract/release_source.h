/* release_source.h - releases to Redis and back: what knows both the release (match) and the registry (stream). */
#ifndef SKILLSTREAM_WORKER_EXTRACT_RELEASE_SOURCE_H
#define SKILLSTREAM_WORKER_EXTRACT_RELEASE_SOURCE_H

#include "base/error.h"
#include "base/hash.h"
#include "base/options.h"
#include "base/signature.h"
#include "match/release.h"
#include "stream/redis_client.h"
#include "stream/registry.h"

/* Fetches release `digest` and verifies it: first that its manifest has that digest, then, with `trusted` (NULL = any
 * will do), that one of these keys signed it; only then is anything of it parsed or fetched, and each blob is used once
 * it has the SHA-256 that the manifest gives. A blob that breaks off is resumed a few times. Errors as registry.h and
 * release.h; SS_RETRY when Redis is at fault. */
ss_release *ss_release_fetch(ss_redis *redis, const char *digest, const ss_trusted_keys *trusted, ss_error *err);

/* The keys of --trusted-key to *out: NULL there when the option was not given, as ss_release_fetch wants it. */
int ss_release_trusted_keys(const ss_strings *files, ss_trusted_keys **out, ss_error *err);

/* Pushes a release with its blobs; options, errors and `digest` as ss_registry_push. */
int ss_release_push(ss_redis *redis, const ss_release *release, const ss_registry_push_options *options,
                    char digest[SS_SHA256_HEX + 1], ss_error *err);

/* The digest of the release in use. SS_NOT_FOUND (remedy: retry) when there is none. */
int ss_release_in_use(ss_redis *redis, char digest[SS_SHA256_HEX + 1], ss_error *err);

#endif
