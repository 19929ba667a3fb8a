/* hash.h - SHA-256 for names that are trusted, XXH3 for everything that only has to be fast.
 *
 * A release is named by the SHA-256 of its content (FIPS 180-4, from OpenSSL).
 * Cache keys and value checksums use 128-bit and 64-bit XXH3: they guard against
 * accidents, not against attackers who can write to Redis.
 */
#ifndef SKILLSTREAM_BASE_HASH_H
#define SKILLSTREAM_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define SS_SHA256_BYTES 32
#define SS_SHA256_HEX 64 /* characters, without the NUL */

typedef struct ss_sha256 ss_sha256; /* a running digest; one thread at a time */

ss_sha256 *ss_sha256_new(ss_error *err);
void ss_sha256_add(ss_sha256 *sha, const void *bytes, size_t len);
/* Writes the digest as lower-case hex with NUL and frees `sha`. */
void ss_sha256_end(ss_sha256 *sha, char hex[SS_SHA256_HEX + 1]);

/* Digest of one byte string. -1 only when memory is out. */
int ss_sha256_hex(const void *bytes, size_t len, char hex[SS_SHA256_HEX + 1], ss_error *err);

typedef struct ss_hash128 {
    uint64_t low, high;
} ss_hash128;

uint64_t ss_hash64(const void *bytes, size_t len);
ss_hash128 ss_hash128_of(const void *bytes, size_t len);

#endif
