/* Ed25519: the vectors of RFC 8032 7.1, forgeries, signatures for another use, and key files as they go wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/signature.h"
#include "support/temp_folder.h"

static const char CONTEXT[] = "skillstream test v1";
static const char DIGEST[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static size_t unhex(const char *hex, unsigned char *out)
{
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        unsigned byte = 0;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (unsigned char)byte;
    }
    return len;
}

/* ---- RFC 8032, 7.1: TEST 1, 2, 3 and SHA(abc) ---- */

static const struct vector {
    const char *seed, *public_key, *message, *signature;
} vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
     "655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
     "b00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
     "c027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e"
     "2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17a"
     "d9bef1177331a704"},
};

static void the_vectors_of_rfc_8032_are_signed_and_verified(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        unsigned char seed[32], public_key[32], message[64], want[64], got[SS_SIGNATURE_BYTES];
        unhex(vectors[i].seed, seed);
        unhex(vectors[i].public_key, public_key);
        unhex(vectors[i].signature, want);
        size_t len = unhex(vectors[i].message, message);
        ss_signing_key *key = ss_signing_key_from_seed(seed, NULL);
        assert_non_null(key);
        assert_memory_equal(ss_signing_key_public(key), public_key, 32);
        assert_int_equal(ss_ed25519_sign(key, message, len, got, NULL), 0);
        assert_memory_equal(got, want, 64);
        assert_int_equal(ss_ed25519_verify(public_key, message, len, want, 64), 1);
        ss_signing_key_free(key);
    }
}

static void every_flipped_bit_of_message_signature_or_key_is_noticed(void **state)
{
    (void)state;
    unsigned char public_key[32], message[2], signature[64];
    unhex(vectors[2].public_key, public_key);
    unhex(vectors[2].message, message);
    unhex(vectors[2].signature, signature);
    const struct part {
        unsigned char *bytes;
        size_t len;
    } parts[] = {{public_key, 32}, {message, 2}, {signature, 64}};
    for (size_t p = 0; p < 3; p++)
        for (size_t bit = 0; bit < parts[p].len * 8; bit++) {
            parts[p].bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
            assert_int_equal(ss_ed25519_verify(public_key, message, 2, signature, 64), 0);
            parts[p].bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
        }
    for (size_t len = 0; len < 64; len++)
        assert_int_equal(ss_ed25519_verify(public_key, message, 2, signature, len), 0);
    assert_int_equal(ss_ed25519_verify(public_key, message, 2, signature, 65), 0);
    assert_int_equal(ss_ed25519_verify(public_key, message, 2, signature, 64), 1);
}

/* RFC 8032 5.1.7: S must be below the group's order L; S + L would satisfy the equation as well. */
static void a_signature_cannot_be_bent_into_another_valid_one(void **state)
{
    (void)state;
    unsigned char public_key[32], message[2], signature[64], order[32];
    unhex(vectors[2].public_key, public_key);
    unhex(vectors[2].message, message);
    unhex(vectors[2].signature, signature);
    unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", order);
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)signature[32 + i] + order[i];
        signature[32 + i] = (unsigned char)carry;
        carry >>= 8;
    }
    assert_int_equal(carry, 0);
    assert_int_equal(ss_ed25519_verify(public_key, message, 2, signature, 64), 0);
}

/* ---- Digests and key files ---- */

static char *folder;

static int make_folder(void **state)
{
    (void)state;
    folder = temp_folder_make();
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temp_folder_remove(folder);
    return 0;
}

static void make_pair(const char *name, char print[SS_SHA256_HEX + 1])
{
    ss_error err = {0};
    assert_int_equal(ss_key_pair_write(temp_path(folder, name), print, &err), 0);
}

static ss_trusted_keys *trust(const char *const *names, size_t count, ss_error *err)
{
    const char *paths[4];
    for (size_t i = 0; i < count; i++) paths[i] = temp_path(folder, names[i]);
    return ss_trusted_keys_read(paths, count, err);
}

static ss_trusted_keys *trust_one(const char *name, ss_error *err)
{
    return trust(&name, 1, err);
}

static void sign_with(const char *name, unsigned char signature[SS_SIGNATURE_BYTES])
{
    ss_error err = {0};
    ss_signing_key *key = ss_signing_key_read(temp_path(folder, name), &err);
    assert_non_null(key);
    assert_int_equal(ss_signature_make(key, CONTEXT, DIGEST, signature, &err), 0);
    ss_signing_key_free(key);
}

static void a_pair_on_disk_signs_and_verifies_and_the_private_half_is_private(void **state)
{
    (void)state;
    char print[SS_SHA256_HEX + 1];
    unsigned char signature[SS_SIGNATURE_BYTES];
    struct stat st;
    make_pair("one", print);
    assert_int_equal(stat(temp_path(folder, "one.key"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    sign_with("one.key", signature);
    ss_trusted_keys *keys = trust_one("one.pub", NULL);
    assert_non_null(keys);
    assert_int_equal(ss_trusted_keys_count(keys), 1);
    assert_string_equal(ss_trusted_keys_print(keys, 0), print);
    assert_int_equal(ss_trusted_keys_verify(keys, 0, CONTEXT, DIGEST, signature, sizeof signature), 1);
    ss_trusted_keys_free(keys);
}

static void a_signature_holds_for_one_digest_one_use_and_one_key(void **state)
{
    (void)state;
    char print[SS_SHA256_HEX + 1], other_digest[] = "ca7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    unsigned char signature[SS_SIGNATURE_BYTES];
    make_pair("one", print);
    make_pair("two", print);
    sign_with("one.key", signature);
    ss_trusted_keys *one = trust_one("one.pub", NULL), *two = trust_one("two.pub", NULL);
    assert_int_equal(ss_trusted_keys_verify(one, 0, CONTEXT, DIGEST, signature, 64), 1);
    assert_int_equal(ss_trusted_keys_verify(one, 0, CONTEXT, other_digest, signature, 64), 0);
    assert_int_equal(ss_trusted_keys_verify(one, 0, "skillstream test v2", DIGEST, signature, 64), 0);
    assert_int_equal(ss_trusted_keys_verify(two, 0, CONTEXT, DIGEST, signature, 64), 0);
    assert_int_equal(ss_trusted_keys_verify(one, 0, CONTEXT, DIGEST, signature, 63), 0);
    ss_trusted_keys_free(one);
    ss_trusted_keys_free(two);
}

static void keys_are_never_overwritten(void **state)
{
    (void)state;
    char print[SS_SHA256_HEX + 1];
    ss_error err = {0};
    temp_write_text(folder, "a.key", "mine");
    assert_int_equal(ss_key_pair_write(temp_path(folder, "a"), print, &err), -1);
    assert_non_null(strstr(err.text, "a.key"));
    assert_int_equal(ss_file_exists(temp_path(folder, "a.pub")), 0);
    /* the public half is in the way: no private half without it stays behind */
    temp_write_text(folder, "b.pub", "mine");
    assert_int_equal(ss_key_pair_write(temp_path(folder, "b"), print, &err), -1);
    assert_non_null(strstr(err.text, "b.pub"));
    assert_int_equal(ss_file_exists(temp_path(folder, "b.key")), 0);
    assert_int_equal(symlink("elsewhere", temp_path(folder, "c.key")), 0);
    assert_int_equal(ss_key_pair_write(temp_path(folder, "c"), print, &err), -1);
    assert_int_equal(ss_file_exists(temp_path(folder, "elsewhere")), 0);
}

static void append_file(const char *from, ss_buffer *to)
{
    assert_int_equal(ss_file_read(temp_path(folder, from), to, NULL), 0);
}

static void several_keys_in_one_file_or_several_files_count_once_each(void **state)
{
    (void)state;
    char print[3][SS_SHA256_HEX + 1];
    make_pair("one", print[0]);
    make_pair("two", print[1]);
    make_pair("three", print[2]);
    ss_buffer all;
    ss_buffer_init(&all, 65536);
    assert_int_equal(ss_buffer_add_string(&all, "# this year's\n"), 0);
    append_file("one.pub", &all);
    assert_int_equal(ss_buffer_add_string(&all, "# last year's\n"), 0);
    append_file("two.pub", &all);
    temp_write(folder, "all.pub", all.data, all.len);
    ss_buffer_free(&all);
    ss_trusted_keys *keys = trust((const char *const[]){"all.pub", "three.pub", "one.pub"}, 3, NULL);
    assert_non_null(keys);
    assert_int_equal(ss_trusted_keys_count(keys), 3);
    for (size_t i = 0; i < 3; i++) assert_string_equal(ss_trusted_keys_print(keys, i), print[i]);
    ss_trusted_keys_free(keys);
}

static void files_that_are_no_such_key_are_refused_by_name(void **state)
{
    (void)state;
    static const char rsa[] = "-----BEGIN PUBLIC KEY-----\n"
                              "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAJv8ZpB5hEK7qxP9K3v43hUS5fGT4waK\n"
                              "e7ix4Z4mu5UBv+cw7WSFAt0Vaag0sAbsPzU8Hhsrj/qPABvfB8asUwcCAwEAAQ==\n"
                              "-----END PUBLIC KEY-----\n";
    char print[SS_SHA256_HEX + 1];
    ss_error err = {0};
    make_pair("one", print);
    ss_buffer pem;
    ss_buffer_init(&pem, 65536);
    append_file("one.pub", &pem);
    temp_write(folder, "cut.pub", pem.data, pem.len - 30);
    pem.data[40] = '*';
    temp_write(folder, "damaged.pub", pem.data, pem.len);
    ss_buffer_free(&pem);
    temp_write_text(folder, "text.pub", "ssh-ed25519 AAAA me@here\n");
    temp_write_text(folder, "empty.pub", "");
    temp_write_text(folder, "rsa.pub", rsa);
    static const struct bad {
        const char *name, *said;
    } bad[] = {{"cut.pub", "cut off"},         {"damaged.pub", "damaged"},  {"text.pub", "no public key"},
               {"empty.pub", "no public key"}, {"rsa.pub", "another kind"}, {"one.key", "private key"},
               {"absent.pub", "absent.pub"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(trust_one(bad[i].name, &err));
        assert_non_null(strstr(err.text, bad[i].name));
        assert_non_null(strstr(err.text, bad[i].said));
    }
    static const char *const not_private[] = {"one.pub", "text.pub", "empty.pub", "absent.key"};
    for (size_t i = 0; i < sizeof not_private / sizeof *not_private; i++) {
        assert_null(ss_signing_key_read(temp_path(folder, not_private[i]), &err));
        assert_non_null(strstr(err.text, not_private[i]));
    }
}

static void keys_that_others_can_reach_are_refused(void **state)
{
    (void)state;
    char print[SS_SHA256_HEX + 1];
    ss_error err = {0};
    make_pair("one", print);
    static const struct mode {
        mode_t mode;
        int good;
    } private_modes[] = {{0600, 1}, {0400, 1}, {0440, 1}, {0644, 0}, {0604, 0}, {0620, 0}, {0602, 0}},
      public_modes[] = {{0644, 1}, {0664, 1}, {0440, 1}, {0646, 0}};
    for (size_t i = 0; i < sizeof private_modes / sizeof *private_modes; i++) {
        assert_int_equal(chmod(temp_path(folder, "one.key"), private_modes[i].mode), 0);
        ss_signing_key *key = ss_signing_key_read(temp_path(folder, "one.key"), &err);
        assert_int_equal(key != NULL, private_modes[i].good);
        if (!key) assert_int_equal(err.status, SS_CONFIG);
        if (!key) assert_non_null(strstr(err.text, "chmod 600"));
        ss_signing_key_free(key);
    }
    for (size_t i = 0; i < sizeof public_modes / sizeof *public_modes; i++) {
        assert_int_equal(chmod(temp_path(folder, "one.pub"), public_modes[i].mode), 0);
        ss_trusted_keys *keys = trust_one("one.pub", &err);
        assert_int_equal(keys != NULL, public_modes[i].good);
        ss_trusted_keys_free(keys);
    }
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_rfc_8032_are_signed_and_verified),
        cmocka_unit_test(every_flipped_bit_of_message_signature_or_key_is_noticed),
        cmocka_unit_test(a_signature_cannot_be_bent_into_another_valid_one),
        WITH_FOLDER(a_pair_on_disk_signs_and_verifies_and_the_private_half_is_private),
        WITH_FOLDER(a_signature_holds_for_one_digest_one_use_and_one_key),
        WITH_FOLDER(keys_are_never_overwritten),
        WITH_FOLDER(several_keys_in_one_file_or_several_files_count_once_each),
        WITH_FOLDER(files_that_are_no_such_key_are_refused_by_name),
        WITH_FOLDER(keys_that_others_can_reach_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
