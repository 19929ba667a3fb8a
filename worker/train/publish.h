/* publish.h - a release file to Redis, and the release in use there. */
#ifndef SKILLSTREAM_WORKER_TRAIN_PUBLISH_H
#define SKILLSTREAM_WORKER_TRAIN_PUBLISH_H

#include "base/error.h"
#include "base/options.h"
#include "base/signature.h"
#include "match/release.h"

/* Who signs what is published, and whose releases are taken. Each may be NULL: not signed, any will do. */
typedef struct ss_publish_keys {
    ss_signing_key *sign_key;
    ss_trusted_keys *trusted;
} ss_publish_keys;

/* Reads the files of --sign-key (or NULL) and --trusted-key. A signing key that is not among the trusted ones is
 * refused (SS_CONFIG): nobody who trusts these keys would take what it signs. */
int ss_publish_keys_read(const char *sign_key, const ss_strings *trusted, ss_publish_keys *out, ss_error *err);
void ss_publish_keys_free(ss_publish_keys *keys);

/* Pushes the file, signed if there is a key for it, and puts it in use. Waits up to patience_ms for a Redis that is
 * away. */
int ss_publish_release(const char *path, const char *redis_url, int64_t patience_ms, const ss_publish_keys *keys,
                       ss_error *err);

/* The release in use: 1; 0: there is none; -1, also for one that no trusted key has signed. */
int ss_published_release(const char *redis_url, int64_t patience_ms, const ss_publish_keys *keys, ss_release **out,
                         ss_error *err);

#endif
