/* Signed releases in a real Redis: what a forger can write there, and what the registry believes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "stream/registry.h"
#include "support/redis_fixture.h"
#include "support/temp_folder.h"

/* Three releases of one small blob, two key pairs. */
typedef struct world {
    redis_fixture *server;
    ss_redis *redis;
    char *folder;
    char manifest[3][256], digest[3][SS_SHA256_HEX + 1];
    ss_signing_key *key[2];
    ss_trusted_keys *trusts_first, *trusts_second, *trusts_both;
} world;

static const char BLOB[] = "weights";

static void make_release(world *w, int i)
{
    char sha[SS_SHA256_HEX + 1];
    ss_sha256_hex(BLOB, sizeof BLOB, sha, NULL);
    snprintf(w->manifest[i], sizeof w->manifest[i],
             "{\"blobs\":[{\"name\":\"signature\",\"sha256\":\"%s\",\"size\":\"%zu\"}],\"name\":\"%d\"}", sha,
             sizeof BLOB, i);
    ss_sha256_hex(w->manifest[i], strlen(w->manifest[i]), w->digest[i], NULL);
}

static ss_trusted_keys *trust(const world *w, const char *first, const char *second)
{
    const char *paths[] = {temp_path(w->folder, first), second ? temp_path(w->folder, second) : NULL};
    ss_error err = {0};
    ss_trusted_keys *keys = ss_trusted_keys_read(paths, second ? 2 : 1, &err);
    if (!keys) fail_msg("%s", err.text);
    return keys;
}

static void make_keys(world *w)
{
    static const char *const names[] = {"first", "second"};
    static const char *const files[] = {"first.key", "second.key"};
    for (int i = 0; i < 2; i++) {
        char print[SS_SHA256_HEX + 1];
        assert_int_equal(ss_key_pair_write(temp_path(w->folder, names[i]), print, NULL), 0);
        w->key[i] = ss_signing_key_read(temp_path(w->folder, files[i]), NULL);
        assert_non_null(w->key[i]);
    }
    w->trusts_first = trust(w, "first.pub", NULL);
    w->trusts_second = trust(w, "second.pub", NULL);
    w->trusts_both = trust(w, "first.pub", "second.pub");
}

static int set_up(void **state)
{
    static int available = -1;
    if (available < 0) available = redis_fixture_available();
    if (!available) return 0;
    world *w = calloc(1, sizeof *w);
    w->folder = temp_folder_make();
    w->server = redis_fixture_start(NULL);
    w->redis = ss_redis_new(&(ss_redis_options){.url = w->server->url}, NULL);
    for (int i = 0; i < 3; i++) make_release(w, i);
    make_keys(w);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    world *w = *state;
    if (!w) return 0;
    for (int i = 0; i < 2; i++) ss_signing_key_free(w->key[i]);
    ss_trusted_keys_free(w->trusts_first);
    ss_trusted_keys_free(w->trusts_second);
    ss_trusted_keys_free(w->trusts_both);
    ss_redis_free(w->redis);
    redis_fixture_stop(w->server);
    temp_folder_remove(w->folder);
    free(w);
    return 0;
}

static world *get(void **state)
{
    if (!*state) skip();
    return *state;
}

static void push(world *w, int i, const ss_signing_key *key)
{
    ss_error err = {0};
    char digest[SS_SHA256_HEX + 1];
    const ss_registry_blob blob = {"signature", BLOB, sizeof BLOB};
    const ss_registry_push_options options = {.make_current = 1, .sign_key = key};
    if (ss_registry_push(w->redis, w->manifest[i], strlen(w->manifest[i]), &blob, 1, &options, digest, &err))
        fail_msg("%s", err.text);
    assert_string_equal(digest, w->digest[i]);
}

static void command(world *w, const char *a, const char *b, const char *c)
{
    ss_error err = {0};
    redisReply *reply = ss_redis_run_words(w->redis, &err, a, b, c, NULL);
    if (!reply) fail_msg("%s", err.text);
    ss_redis_reply_free(reply);
}

static const char *signature_name(const world *w, int release, int key)
{
    static char name[256];
    snprintf(name, sizeof name, "skillstream:release:%s:signature:%s", w->digest[release],
             ss_signing_key_print(w->key[key]));
    return name;
}

static void put(world *w, const char *name, const void *bytes, size_t len)
{
    ss_redis_arg args[] = {ss_redis_text("SET"), ss_redis_text(name), {.data = bytes, .len = len}};
    redisReply *reply = ss_redis_run(w->redis, args, 3, NULL);
    assert_non_null(reply);
    ss_redis_reply_free(reply);
}

static void expect_signed(world *w, int release, const ss_trusted_keys *trusted, int by)
{
    ss_error err = {0};
    char signer[SS_SHA256_HEX + 1];
    assert_int_equal(ss_registry_is_signed(w->redis, w->digest[release], trusted, signer, &err), 1);
    assert_string_equal(signer, ss_signing_key_print(w->key[by]));
}

static void expect_refused(world *w, int release, const ss_trusted_keys *trusted, const char *said)
{
    ss_error err = {0};
    char signer[SS_SHA256_HEX + 1];
    assert_int_equal(ss_registry_is_signed(w->redis, w->digest[release], trusted, signer, &err), 0);
    assert_int_equal(err.status, SS_CORRUPT);
    assert_int_equal(err.remedy, SS_GIVE_UP);
    assert_string_equal(signer, "");
    if (!strstr(err.text, said)) fail_msg("'%s' does not say '%s'", err.text, said);
}

static void a_pushed_release_is_signed_by_its_key_and_no_other(void **state)
{
    world *w = get(state);
    push(w, 0, w->key[0]);
    push(w, 1, NULL);
    expect_signed(w, 0, w->trusts_first, 0);
    expect_signed(w, 0, w->trusts_both, 0);
    expect_refused(w, 0, w->trusts_second, "not signed by a trusted key");
    expect_refused(w, 1, w->trusts_both, "skillstream release sign");
}

static void a_release_can_be_signed_later_and_by_two(void **state)
{
    world *w = get(state);
    ss_error err = {0};
    assert_int_equal(ss_registry_sign(w->redis, w->digest[0], w->key[0], &err), -1);
    assert_int_equal(err.status, SS_NOT_FOUND);
    push(w, 0, NULL);
    assert_int_equal(ss_registry_sign(w->redis, w->digest[0], w->key[1], &err), 0);
    expect_signed(w, 0, w->trusts_both, 1);
    push(w, 0, w->key[0]); /* it is there: only the signature is added */
    expect_signed(w, 0, w->trusts_first, 0);
    expect_signed(w, 0, w->trusts_second, 1);
}

static void what_a_forger_writes_is_refused(void **state)
{
    world *w = get(state);
    unsigned char good[SS_SIGNATURE_BYTES], bent[SS_SIGNATURE_BYTES + 1] = {0};
    ss_error err = {0};
    push(w, 0, NULL);
    const char *name = signature_name(w, 0, 0);
    /* the signature of another release, of another key under the trusted name, for another use */
    assert_int_equal(ss_signature_make(w->key[0], SS_REGISTRY_SIGNED_AS, w->digest[1], good, &err), 0);
    put(w, name, good, sizeof good);
    expect_refused(w, 0, w->trusts_first, "planted");
    assert_int_equal(ss_signature_make(w->key[1], SS_REGISTRY_SIGNED_AS, w->digest[0], good, &err), 0);
    put(w, name, good, sizeof good);
    expect_refused(w, 0, w->trusts_first, "planted");
    assert_int_equal(ss_signature_make(w->key[0], "skillstream note v1", w->digest[0], good, &err), 0);
    put(w, name, good, sizeof good);
    expect_refused(w, 0, w->trusts_first, "planted");
    /* cut, long, bent, empty, of another type */
    assert_int_equal(ss_signature_make(w->key[0], SS_REGISTRY_SIGNED_AS, w->digest[0], good, &err), 0);
    memcpy(bent, good, sizeof good);
    put(w, name, bent, sizeof good - 1);
    expect_refused(w, 0, w->trusts_first, "planted");
    put(w, name, bent, sizeof bent);
    expect_refused(w, 0, w->trusts_first, "planted");
    bent[7] ^= 4;
    put(w, name, bent, sizeof good);
    expect_refused(w, 0, w->trusts_first, "planted");
    put(w, name, "", 0);
    expect_refused(w, 0, w->trusts_first, "not signed");
    command(w, "DEL", name, NULL);
    command(w, "LPUSH", name, "x");
    expect_refused(w, 0, w->trusts_first, "planted");
    /* a forgery in one trusted key's name does not hide the signature of another */
    assert_int_equal(ss_registry_sign(w->redis, w->digest[0], w->key[1], &err), 0);
    expect_signed(w, 0, w->trusts_both, 1);
    /* and the true one holds */
    put(w, name, good, sizeof good);
    expect_signed(w, 0, w->trusts_first, 0);
}

static void expect_current(world *w, int release)
{
    char current[SS_SHA256_HEX + 1];
    assert_int_equal(ss_registry_current(w->redis, current, NULL), 0);
    assert_string_equal(current, w->digest[release]);
}

static void use_and_rollback_pass_over_what_no_trusted_key_signed(void **state)
{
    world *w = get(state);
    char digest[SS_SHA256_HEX + 1];
    ss_error err = {0};
    push(w, 0, w->key[0]);
    push(w, 1, NULL);
    push(w, 2, w->key[0]);
    assert_int_equal(ss_registry_use(w->redis, w->digest[1], w->trusts_first, &err), -1);
    assert_non_null(strstr(err.text, "not signed"));
    expect_current(w, 2);
    assert_int_equal(ss_registry_rollback(w->redis, w->trusts_second, digest, &err), -1);
    assert_int_equal(err.status, SS_NOT_FOUND);
    expect_current(w, 2);
    assert_int_equal(ss_registry_rollback(w->redis, w->trusts_first, digest, &err), 0);
    assert_string_equal(digest, w->digest[0]);
    expect_current(w, 0);
    assert_int_equal(ss_registry_use(w->redis, w->digest[1], NULL, &err), 0);
    expect_current(w, 1);
}

/* Its chunks would be asked for one by one, 10^12 of them. */
static void a_planted_release_of_absurd_size_stops_nobody(void **state)
{
    world *w = get(state);
    static const char planted[] = "{\"blobs\":[{\"name\":\"a\",\"size\":\"4000000000000000000\"}]}";
    char name[256], digest[SS_SHA256_HEX + 1], back[SS_SHA256_HEX + 1];
    ss_registry_entry *list;
    ss_registry_gc_result result;
    size_t count;
    ss_error err = {0};
    push(w, 0, w->key[0]);
    push(w, 1, w->key[0]);
    ss_sha256_hex(planted, sizeof planted - 1, digest, NULL);
    snprintf(name, sizeof name, "skillstream:release:%s:manifest", digest);
    put(w, name, planted, sizeof planted - 1);
    snprintf(name, sizeof name, "%s 1", digest);
    command(w, "LPUSH", "skillstream:release:history", name);
    assert_int_equal(ss_registry_use(w->redis, digest, w->trusts_first, &err), -1);
    assert_non_null(strstr(err.text, "not signed"));
    assert_int_equal(ss_registry_use(w->redis, digest, NULL, &err), -1);
    assert_int_equal(err.status, SS_INPUT);
    assert_non_null(strstr(err.text, "over 64 GiB"));
    assert_int_equal(ss_registry_list(w->redis, &list, &count, &err), 0);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) assert_int_equal(list[i].is_complete, strcmp(list[i].digest, digest) != 0);
    free(list);
    assert_int_equal(ss_registry_rollback(w->redis, NULL, back, &err), 0);
    assert_string_equal(back, w->digest[0]);
    assert_int_equal(ss_registry_gc(w->redis, 1, &result, &err), 0);
    assert_int_equal(result.removed, 2);
    expect_current(w, 0);
}

static void the_list_names_signers_and_gc_takes_signatures_along(void **state)
{
    world *w = get(state);
    ss_registry_entry *list;
    ss_registry_gc_result result;
    size_t count;
    ss_error err = {0};
    push(w, 0, w->key[0]);
    push(w, 1, w->key[0]);
    assert_int_equal(ss_registry_sign(w->redis, w->digest[1], w->key[1], &err), 0);
    push(w, 2, NULL); /* its blob is called "signature": no signer */
    put(w, signature_name(w, 0, 1), "claim", 5);
    assert_int_equal(ss_registry_list(w->redis, &list, &count, &err), 0);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        int unsigned_one = strcmp(list[i].digest, w->digest[2]) == 0;
        assert_int_equal(list[i].signer_count, unsigned_one ? 0 : 2);
        if (!unsigned_one) assert_true(strcmp(list[i].signers[0], list[i].signers[1]) < 0);
    }
    free(list);
    assert_int_equal(ss_registry_gc(w->redis, 1, &result, &err), 0);
    assert_int_equal(result.removed, 2);
    assert_int_equal(result.keys, 2 * 4); /* manifest, chunk, two signatures */
    redisReply *left = ss_redis_run_words(w->redis, &err, "DBSIZE", NULL);
    assert_int_equal(left->integer, 2 + 2); /* manifest and chunk of the one in use; current, history */
    ss_redis_reply_free(left);
    put(w, signature_name(w, 0, 0), "orphan", 6);
    assert_int_equal(ss_registry_gc(w->redis, 1, &result, &err), 0);
    assert_int_equal(result.keys, 1);
}

int main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_SERVER(a_pushed_release_is_signed_by_its_key_and_no_other),
        WITH_SERVER(a_release_can_be_signed_later_and_by_two),
        WITH_SERVER(what_a_forger_writes_is_refused),
        WITH_SERVER(use_and_rollback_pass_over_what_no_trusted_key_signed),
        WITH_SERVER(a_planted_release_of_absurd_size_stops_nobody),
        WITH_SERVER(the_list_names_signers_and_gc_takes_signatures_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
