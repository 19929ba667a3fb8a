/* hash.c - see hash.h. */
#include "base/hash.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <xxhash.h>

struct ss_sha256 {
    EVP_MD_CTX *context;
};

ss_sha256 *ss_sha256_new(ss_error *err)
{
    ss_sha256 *sha = calloc(1, sizeof *sha);
    if (sha) sha->context = EVP_MD_CTX_new();
    if (!sha || !sha->context || EVP_DigestInit_ex(sha->context, EVP_sha256(), NULL) != 1) {
        if (sha) EVP_MD_CTX_free(sha->context);
        free(sha);
        ss_fail_memory(err, "starting a SHA-256");
        return NULL;
    }
    return sha;
}

void ss_sha256_add(ss_sha256 *sha, const void *bytes, size_t len)
{
    EVP_DigestUpdate(sha->context, bytes, len);
}

void ss_sha256_end(ss_sha256 *sha, char hex[SS_SHA256_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    EVP_DigestFinal_ex(sha->context, digest, &len);
    for (size_t i = 0; i < SS_SHA256_BYTES; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[SS_SHA256_HEX] = 0;
    EVP_MD_CTX_free(sha->context);
    free(sha);
}

int ss_sha256_hex(const void *bytes, size_t len, char hex[SS_SHA256_HEX + 1], ss_error *err)
{
    ss_sha256 *sha = ss_sha256_new(err);
    if (!sha) return -1;
    ss_sha256_add(sha, bytes, len);
    ss_sha256_end(sha, hex);
    return 0;
}

uint64_t ss_hash64(const void *bytes, size_t len)
{
    return XXH3_64bits(bytes, len);
}

ss_hash128 ss_hash128_of(const void *bytes, size_t len)
{
    XXH128_hash_t hash = XXH3_128bits(bytes, len);
    return (ss_hash128){.low = hash.low64, .high = hash.high64};
}
