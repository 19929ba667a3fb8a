/* signature.c - signing and checking; see signature.h. Key files are in signature_file.c.
 *
 * OpenSSL keeps its own list of errors per thread; it is cleared after each failure here, because what is told is our
 * sentence and a leftover would be taken for the next TLS connection's.
 */
#include "base/signature.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/signature_key.h"

enum { MESSAGE_MAX = 256 };

/* ---- Keys ---- */

int ss_key_describe(EVP_PKEY *pkey, unsigned char public_key[SS_KEY_BYTES], char print[SS_SHA256_HEX + 1])
{
    size_t len = SS_KEY_BYTES;
    unsigned char *der = NULL;
    int result = -1, der_len = 0;
    if (EVP_PKEY_is_a(pkey, "ED25519") && EVP_PKEY_get_raw_public_key(pkey, public_key, &len) == 1 &&
        len == SS_KEY_BYTES)
        der_len = i2d_PUBKEY(pkey, &der);
    if (der_len > 0) result = ss_sha256_hex(der, (size_t)der_len, print, NULL);
    OPENSSL_free(der);
    ERR_clear_error();
    return result;
}

ss_signing_key *ss_signing_key_wrap(EVP_PKEY *pkey, ss_error *err)
{
    ss_signing_key *key = pkey ? calloc(1, sizeof *key) : NULL;
    if (!key) {
        EVP_PKEY_free(pkey);
        ERR_clear_error();
        ss_fail_memory(err, "reading a signing key");
        return NULL;
    }
    key->pkey = pkey;
    if (!ss_key_describe(pkey, key->public_key, key->print)) return key;
    ss_signing_key_free(key);
    ss_fail(err, SS_CONFIG, "not an Ed25519 key; make one by: skillstream release keygen --out NAME");
    return NULL;
}

ss_signing_key *ss_signing_key_from_seed(const unsigned char seed[SS_KEY_BYTES], ss_error *err)
{
    return ss_signing_key_wrap(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SS_KEY_BYTES), err);
}

void ss_signing_key_free(ss_signing_key *key)
{
    if (!key) return;
    EVP_PKEY_free(key->pkey); /* wipes the private part */
    free(key);
}

const char *ss_signing_key_print(const ss_signing_key *key)
{
    return key->print;
}

const unsigned char *ss_signing_key_public(const ss_signing_key *key)
{
    return key->public_key;
}

void ss_trusted_keys_free(ss_trusted_keys *keys)
{
    if (!keys) return;
    free(keys->items);
    free(keys);
}

size_t ss_trusted_keys_count(const ss_trusted_keys *keys)
{
    return keys->count;
}

const char *ss_trusted_keys_print(const ss_trusted_keys *keys, size_t i)
{
    return keys->items[i].print;
}

/* ---- Bytes ---- */

int ss_ed25519_sign(const ss_signing_key *key, const void *bytes, size_t len,
                    unsigned char signature[SS_SIGNATURE_BYTES], ss_error *err)
{
    size_t size = SS_SIGNATURE_BYTES;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int good = context && EVP_DigestSignInit(context, NULL, NULL, NULL, key->pkey) == 1 &&
               EVP_DigestSign(context, signature, &size, bytes, len) == 1 && size == SS_SIGNATURE_BYTES;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return good ? 0 : ss_fail_memory(err, "signing");
}

int ss_ed25519_verify(const unsigned char public_key[SS_KEY_BYTES], const void *bytes, size_t len,
                      const void *signature, size_t signature_len)
{
    if (signature_len != SS_SIGNATURE_BYTES) return 0;
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, SS_KEY_BYTES);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int good = pkey && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey) == 1 &&
               EVP_DigestVerify(context, signature, signature_len, bytes, len) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return good;
}

/* ---- Digests ---- */

/* What is signed, see signature.h; its length, or 0 when it would not fit. */
static size_t write_message(char out[MESSAGE_MAX], const char *context, const char *digest)
{
    int len = snprintf(out, MESSAGE_MAX, "%s\n%s\n", context, digest);
    return len > 0 && len < MESSAGE_MAX ? (size_t)len : 0;
}

int ss_signature_make(const ss_signing_key *key, const char *context, const char *digest,
                      unsigned char signature[SS_SIGNATURE_BYTES], ss_error *err)
{
    char message[MESSAGE_MAX];
    size_t len = write_message(message, context, digest);
    if (!len) return ss_fail(err, SS_INTERNAL, "signing: context and digest are too long");
    return ss_ed25519_sign(key, message, len, signature, err);
}

int ss_trusted_keys_verify(const ss_trusted_keys *keys, size_t i, const char *context, const char *digest,
                           const void *signature, size_t len)
{
    char message[MESSAGE_MAX];
    size_t message_len = write_message(message, context, digest);
    return message_len && ss_ed25519_verify(keys->items[i].public_key, message, message_len, signature, len);
}
