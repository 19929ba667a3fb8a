/* signature.h - Ed25519 (RFC 8032, by OpenSSL): who vouches for a digest, and the key files for it.
 *
 * A digest says that bytes are whole, not who made them. A signature over it does: only the holder of the private key
 * can make one, anybody with the public key can check it. What is signed is never the bare digest but the line pair
 *
 *     CONTEXT "\n" DIGEST "\n"          e.g. "skillstream release v1\n4f0c...e1\n"
 *
 * so a signature made for one use is worthless for any other. (OpenSSL 3.0 has no Ed25519ctx, which would do the same.)
 *
 * Key files are PEM as OpenSSL writes them: NAME.key is PKCS #8 without password, NAME.pub SubjectPublicKeyInfo. A
 * file of public keys may hold several, so that a new key can be trusted before the old one goes. A key is named by its
 * fingerprint, the SHA-256 of its SubjectPublicKeyInfo:
 *
 *     openssl pkey -pubin -in NAME.pub -outform DER | sha256sum
 *
 * Threads: keys are constant once read; any thread may use them. Errors of files: SS_NOT_FOUND, SS_AUTH, SS_IO as
 * file.h; SS_CONFIG for a file that is no such key, or that others may read (private) or write (public).
 */
#ifndef SKILLSTREAM_BASE_SIGNATURE_H
#define SKILLSTREAM_BASE_SIGNATURE_H

#include <stddef.h>

#include "base/error.h"
#include "base/hash.h"

#define SS_SIGNATURE_BYTES 64
#define SS_KEY_BYTES 32 /* of a seed and of a public key, as RFC 8032 has them */

/* ---- Signing ---- */

typedef struct ss_signing_key ss_signing_key;

/* Makes a key pair and writes NAME.key (mode 0600) and NAME.pub; neither may exist. `print`: the fingerprint. */
int ss_key_pair_write(const char *name, char print[SS_SHA256_HEX + 1], ss_error *err);

/* A private key's file. One that all may read, or its group write, is refused: it is no secret. (The group may read:
 * Kubernetes gives a mounted secret to the pod's group.) */
ss_signing_key *ss_signing_key_read(const char *path, ss_error *err);
ss_signing_key *ss_signing_key_from_seed(const unsigned char seed[SS_KEY_BYTES], ss_error *err);
void ss_signing_key_free(ss_signing_key *key);

const char *ss_signing_key_print(const ss_signing_key *key);
const unsigned char *ss_signing_key_public(const ss_signing_key *key); /* (SS_KEY_BYTES) */

/* Signs a digest for one use. */
int ss_signature_make(const ss_signing_key *key, const char *context, const char *digest,
                      unsigned char signature[SS_SIGNATURE_BYTES], ss_error *err);

/* ---- Checking ---- */

typedef struct ss_trusted_keys ss_trusted_keys;

/* The public keys of all these files; a key that stands there twice counts once. A file without a public key, with a
 * private one, or that all may write is refused. */
ss_trusted_keys *ss_trusted_keys_read(const char *const *paths, size_t count, ss_error *err);
void ss_trusted_keys_free(ss_trusted_keys *keys);

size_t ss_trusted_keys_count(const ss_trusted_keys *keys);
const char *ss_trusted_keys_print(const ss_trusted_keys *keys, size_t i);

/* 1 if `signature` (any length) is that of key `i` over `digest` for this use. */
int ss_trusted_keys_verify(const ss_trusted_keys *keys, size_t i, const char *context, const char *digest,
                           const void *signature, size_t len);

/* ---- The algorithm as RFC 8032 has it, over any bytes ---- */

int ss_ed25519_sign(const ss_signing_key *key, const void *bytes, size_t len,
                    unsigned char signature[SS_SIGNATURE_BYTES], ss_error *err);
/* 1 valid, 0 not. */
int ss_ed25519_verify(const unsigned char public_key[SS_KEY_BYTES], const void *bytes, size_t len,
                      const void *signature, size_t signature_len);

#endif
