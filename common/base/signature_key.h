/* signature_key.h - what the two files of signature.h share; not for others. */
#ifndef SKILLSTREAM_BASE_SIGNATURE_KEY_H
#define SKILLSTREAM_BASE_SIGNATURE_KEY_H

#include <openssl/evp.h>

#include "base/signature.h"

struct ss_signing_key {
    EVP_PKEY *pkey;
    unsigned char public_key[SS_KEY_BYTES];
    char print[SS_SHA256_HEX + 1];
};

typedef struct ss_trusted_key {
    unsigned char public_key[SS_KEY_BYTES];
    char print[SS_SHA256_HEX + 1];
} ss_trusted_key;

struct ss_trusted_keys {
    ss_trusted_key *items;
    size_t count;
};

/* Takes over `pkey` (freed on failure as well; NULL = none could be made). */
ss_signing_key *ss_signing_key_wrap(EVP_PKEY *pkey, ss_error *err);

/* Raw bytes and fingerprint of a key; -1 if it is no Ed25519 key. */
int ss_key_describe(EVP_PKEY *pkey, unsigned char public_key[SS_KEY_BYTES], char print[SS_SHA256_HEX + 1]);

#endif
