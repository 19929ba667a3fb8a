/* signature_file.c - key files, written and read; see signature.h.
 *
 * PEM is taken apart here block by block rather than by OpenSSL's one-call readers: those pass over blocks of another
 * kind and may ask at the terminal for a password. A file that holds something else than it should is told by name.
 * The text of a private key is wiped once it is read.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/signature_key.h"

enum { FILE_MAX = 64 << 10, KEYS_MAX = 64 };

/* ---- Writing ---- */

static int fail_to_make(ss_error *err, const char *path)
{
    if (errno == EEXIST)
        return ss_fail(err, SS_INPUT, "%s: is there already; keys are never overwritten, give another name", path);
    return ss_fail(err, SS_IO, "%s: cannot write: %s", path, strerror(errno));
}

/* A new file with what `bio` holds; an existing one, or a link in its place, is left alone. */
static int write_new(const char *path, mode_t mode, BIO *bio, ss_error *err)
{
    char *bytes;
    long len = BIO_get_mem_data(bio, &bytes);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0) return fail_to_make(err, path);
    int bad = write(fd, bytes, (size_t)len) != len || fsync(fd);
    if (close(fd)) bad = 1;
    if (!bad) return 0;
    fail_to_make(err, path);
    unlink(path);
    return -1;
}

static char *with_ending(const char *name, const char *ending)
{
    size_t size = strlen(name) + strlen(ending) + 1;
    char *path = malloc(size);
    if (path) snprintf(path, size, "%s%s", name, ending);
    return path;
}

int ss_key_pair_write(const char *name, char print[SS_SHA256_HEX + 1], ss_error *err)
{
    int result = -1;
    char *private_path = with_ending(name, ".key"), *public_path = with_ending(name, ".pub");
    BIO *private_pem = BIO_new(BIO_s_secmem()), *public_pem = BIO_new(BIO_s_mem());
    ss_signing_key *key = ss_signing_key_wrap(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), err);
    if (!key) goto cleanup;
    if (!private_path || !public_path || !private_pem || !public_pem ||
        PEM_write_bio_PrivateKey(private_pem, key->pkey, NULL, NULL, 0, NULL, NULL) != 1 ||
        PEM_write_bio_PUBKEY(public_pem, key->pkey) != 1) {
        ss_fail_memory(err, "making a key pair");
        goto cleanup;
    }
    if (write_new(private_path, 0600, private_pem, err)) goto cleanup;
    if (write_new(public_path, 0644, public_pem, err)) {
        unlink(private_path); /* ours, made a moment ago */
        goto cleanup;
    }
    memcpy(print, key->print, SS_SHA256_HEX + 1);
    result = 0;
cleanup:
    ss_signing_key_free(key);
    BIO_free(private_pem);
    BIO_free(public_pem);
    free(private_path);
    free(public_path);
    ERR_clear_error();
    return result;
}

/* ---- Reading ---- */

/* Refuses a file whose mode has one of the bits in `never`. What cannot be asked is told by whoever opens it. */
static int check_mode(const char *path, mode_t never, const char *why, ss_error *err)
{
    struct stat st;
    if (stat(path, &st) || !(st.st_mode & never)) return 0;
    return ss_fail(err, SS_CONFIG, "%s: %s (mode %04o); change that: chmod %s %s", path, why,
                   (unsigned)(st.st_mode & 07777), never & S_IROTH ? "600" : "go-w", path);
}

/* One PEM block; "" when there is none any more. */
typedef struct block {
    char *kind, *header;
    unsigned char *data;
    long len;
} block;

static void free_block(block *b)
{
    OPENSSL_free(b->kind);
    OPENSSL_free(b->header);
    OPENSSL_clear_free(b->data, b->len > 0 ? (size_t)b->len : 0);
    *b = (block){0};
}

/* 1 a block, 0 the end, -1 something that begins like PEM and is not. */
static int next_block(BIO *bio, block *b)
{
    if (PEM_read_bio(bio, &b->kind, &b->header, &b->data, &b->len) == 1) return 1;
    int end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return end ? 0 : -1;
}

static int read_pem(const char *path, ss_buffer *text, BIO **bio, ss_error *err)
{
    if (ss_file_read(path, text, err)) return -1;
    *bio = BIO_new_mem_buf(text->len ? text->data : "", (int)text->len);
    return *bio ? 0 : ss_fail_memory(err, "reading a key");
}

static void free_pem(ss_buffer *text, BIO *bio)
{
    BIO_free(bio);
    if (text->len) OPENSSL_cleanse(text->data, text->len);
    ss_buffer_free(text);
}

static ss_signing_key *parse_private(const char *path, const block *b, ss_error *err)
{
    const unsigned char *at = b->data;
    if (!strcmp(b->kind, "ENCRYPTED PRIVATE KEY")) {
        ss_fail(err, SS_CONFIG, "%s: the key has a password, which is not supported; take it away: openssl pkey", path);
        return NULL;
    }
    EVP_PKEY *pkey = strcmp(b->kind, "PRIVATE KEY") ? NULL : d2i_AutoPrivateKey(NULL, &at, b->len);
    if (!pkey) {
        ERR_clear_error();
        ss_fail(err, SS_CONFIG, "%s: no private key in it, but '%.40s'; --sign-key takes the NAME.key of keygen", path,
                b->kind);
        return NULL;
    }
    ss_signing_key *key = ss_signing_key_wrap(pkey, err);
    if (!key) ss_fail_in(err, "%s", path);
    return key;
}

ss_signing_key *ss_signing_key_read(const char *path, ss_error *err)
{
    ss_buffer text;
    BIO *bio = NULL;
    block b = {0};
    ss_signing_key *key = NULL;
    ss_buffer_init(&text, FILE_MAX);
    if (read_pem(path, &text, &bio, err)) goto cleanup;
    if (next_block(bio, &b) == 1)
        key = parse_private(path, &b, err);
    else
        ss_fail(err, SS_CONFIG, "%s: not a private key in PEM; make one by: skillstream release keygen --out NAME",
                path);
cleanup:
    free_block(&b);
    free_pem(&text, bio);
    if (key && check_mode(path, S_IROTH | S_IWOTH | S_IWGRP, "others may read or change this private key", err)) {
        ss_signing_key_free(key);
        return NULL; /* asked last, so that the wrong file is told as that */
    }
    return key;
}

/* Adds a public key that is not there yet. */
static int add_key(ss_trusted_keys *keys, EVP_PKEY *pkey, const char *path, ss_error *err)
{
    if (keys->count == KEYS_MAX) return ss_fail(err, SS_CONFIG, "%s: more than %d trusted keys", path, KEYS_MAX);
    ss_trusted_key *key = &keys->items[keys->count];
    if (ss_key_describe(pkey, key->public_key, key->print))
        return ss_fail(err, SS_CONFIG, "%s: holds a key of another kind than Ed25519", path);
    for (size_t i = 0; i < keys->count; i++)
        if (!strcmp(keys->items[i].print, key->print)) return 0;
    keys->count++;
    return 0;
}

static int parse_public(ss_trusted_keys *keys, const char *path, const block *b, ss_error *err)
{
    const unsigned char *at = b->data;
    if (strstr(b->kind, "PRIVATE KEY"))
        return ss_fail(err, SS_CONFIG,
                       "%s: holds a private key, which only who signs may have; give the NAME.pub of keygen", path);
    EVP_PKEY *pkey = strcmp(b->kind, "PUBLIC KEY") ? NULL : d2i_PUBKEY(NULL, &at, b->len);
    ERR_clear_error();
    if (!pkey) return ss_fail(err, SS_CONFIG, "%s: holds '%.40s' that is no public key", path, b->kind);
    int result = add_key(keys, pkey, path, err);
    EVP_PKEY_free(pkey);
    return result;
}

static int add_file(ss_trusted_keys *keys, const char *path, ss_error *err)
{
    ss_buffer text;
    BIO *bio = NULL;
    int result = -1, blocks = 0, more;
    if (check_mode(path, S_IWOTH, "anybody may change this list of trusted keys", err)) return -1;
    ss_buffer_init(&text, FILE_MAX);
    if (read_pem(path, &text, &bio, err)) goto cleanup;
    for (block b = {0}; (more = next_block(bio, &b)) == 1; blocks++) {
        int bad = parse_public(keys, path, &b, err);
        free_block(&b);
        if (bad) goto cleanup;
    }
    if (more || !blocks)
        ss_fail(err, SS_CONFIG, "%s: %s", path,
                more ? "a key in it is cut off or damaged" : "no public key in PEM; give the NAME.pub of keygen");
    else
        result = 0;
cleanup:
    free_pem(&text, bio);
    return result;
}

ss_trusted_keys *ss_trusted_keys_read(const char *const *paths, size_t count, ss_error *err)
{
    ss_trusted_keys *keys = calloc(1, sizeof *keys);
    if (keys) keys->items = calloc(KEYS_MAX, sizeof *keys->items);
    if (!keys || !keys->items) {
        ss_trusted_keys_free(keys);
        ss_fail_memory(err, "reading trusted keys");
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        if (add_file(keys, paths[i], err)) {
            ss_trusted_keys_free(keys);
            return NULL;
        }
    return keys;
}
