/* test_pair_log.c - the log against what its header promises: nothing lost that was committed, nothing twice, a torn
 * end cut off wherever the write broke, damage told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "support/temp_folder.h"
#include "worker/train/pair_log.h"

enum { MOST = 64 };

static ss_slice slice(const char *text)
{
    return (ss_slice){.data = text, .len = strlen(text)};
}

static ss_hash128 hash_of(const char *id)
{
    return ss_hash128_of(id, strlen(id));
}

/* Adds a pair whose sentence is its id. */
static int add(ss_pair_log *log, const char *id)
{
    ss_slice uri = slice("http://example.org/skill");
    ss_pair pair = {.id = slice(id), .sentence = slice(id), .skill_uris = &uri, .skill_count = 1};
    return ss_pair_log_add(log, &pair, hash_of(id), NULL);
}

typedef struct seen {
    char ids[MOST][40];
    size_t count;
} seen;

static int collect(void *ctx, const ss_pair *pair, ss_error *err)
{
    (void)err;
    seen *s = ctx;
    assert_true(s->count < MOST);
    snprintf(s->ids[s->count++], 40, "%.*s", (int)pair->id.len, pair->id.data);
    assert_int_equal(pair->sentence.len, pair->id.len);
    assert_memory_equal(pair->sentence.data, pair->id.data, pair->id.len);
    return 0;
}

static seen read_all(const char *path)
{
    seen s = {.count = 0};
    assert_int_equal(ss_pair_log_read(path, SIZE_MAX, collect, &s, NULL), 0);
    return s;
}

static ss_pair_log *open_log(const char *path, size_t want_cut)
{
    size_t cut;
    ss_error err = {0};
    ss_pair_log *log = ss_pair_log_open(path, &cut, &err);
    if (!log) fail_msg("%s", err.text);
    assert_int_equal(cut, want_cut);
    return log;
}

/* Two batches of three pairs each; returns the file's length after the first. */
static size_t write_two_batches(const char *path)
{
    ss_bytes file;
    ss_pair_log *log = open_log(path, 0);
    for (int b = 0; b < 2; b++) {
        for (int i = 0; i < 3; i++) {
            char id[16];
            snprintf(id, sizeof id, "pair-%d-%d", b, i);
            assert_int_equal(add(log, id), 1);
        }
        assert_int_equal(ss_pair_log_move(log, "pairs", 0, 3 * (b + 1), NULL), 0);
        assert_int_equal(ss_pair_log_commit(log, NULL), 0);
        if (b) break;
        assert_int_equal(ss_file_map(path, &file, NULL), 0);
    }
    size_t first = file.len;
    ss_bytes_free(&file);
    ss_pair_log_close(log);
    return first;
}

static void committed_pairs_come_back_in_order_and_others_do_not(void **state)
{
    (void)state;
    char *folder = temp_folder_make();
    const char *path = temp_path(folder, "log");
    write_two_batches(path);
    ss_pair_log *log = open_log(path, 0);
    assert_int_equal(ss_pair_log_pairs(log), 6);
    assert_int_equal(ss_pair_log_position(log, "pairs", 0), 6);
    assert_int_equal(ss_pair_log_position(log, "pairs", 1), -1);
    assert_int_equal(add(log, "never committed"), 1);
    ss_pair_log_close(log);
    seen s = read_all(path);
    assert_int_equal(s.count, 6);
    assert_string_equal(s.ids[0], "pair-0-0");
    assert_string_equal(s.ids[5], "pair-1-2");
    temp_folder_remove(folder);
}

static void a_pair_that_comes_again_is_ignored(void **state)
{
    (void)state;
    char *folder = temp_folder_make();
    const char *path = temp_path(folder, "log");
    write_two_batches(path);
    ss_pair_log *log = open_log(path, 0);
    assert_int_equal(add(log, "pair-0-1"), 0); /* of an earlier run */
    assert_int_equal(add(log, "new"), 1);
    assert_int_equal(add(log, "new"), 0); /* of the same batch */
    assert_int_equal(ss_pair_log_commit(log, NULL), 0);
    assert_int_equal(add(log, "new"), 0); /* of an earlier batch */
    assert_int_equal(add(log, "dropped"), 1);
    ss_pair_log_abandon(log);
    assert_int_equal(add(log, "dropped"), 1); /* an abandoned batch leaves no trace */
    ss_pair_log_close(log);
    assert_int_equal(read_all(path).count, 7);
    temp_folder_remove(folder);
}

/* A kill -9 may leave any prefix of the last batch: every one of them is tried. */
static void a_torn_end_is_cut_off_wherever_it_broke(void **state)
{
    (void)state;
    char *folder = temp_folder_make();
    const char *path = temp_path(folder, "log"), *torn = temp_path(folder, "torn");
    size_t first = write_two_batches(path);
    ss_bytes whole;
    assert_int_equal(ss_file_map(path, &whole, NULL), 0);
    for (size_t len = first; len < whole.len; len++) {
        assert_int_equal(ss_file_write(torn, whole.data, len, NULL), 0);
        assert_int_equal(read_all(torn).count, 3); /* readers do not see it either */
        ss_pair_log *log = open_log(torn, len - first);
        assert_int_equal(ss_pair_log_pairs(log), 3);
        assert_int_equal(ss_pair_log_position(log, "pairs", 0), 3);
        assert_int_equal(add(log, "pair-1-0"), 1);
        assert_int_equal(ss_pair_log_commit(log, NULL), 0);
        ss_pair_log_close(log);
        assert_int_equal(read_all(torn).count, 4);
    }
    ss_bytes_free(&whole);
    temp_folder_remove(folder);
}

static void damage_before_a_whole_batch_is_told_and_nothing_is_cut(void **state)
{
    (void)state;
    char *folder = temp_folder_make();
    const char *path = temp_path(folder, "log"), *bad = temp_path(folder, "bad");
    size_t first = write_two_batches(path), cut;
    ss_bytes whole;
    assert_int_equal(ss_file_map(path, &whole, NULL), 0);
    unsigned char *copy = malloc(whole.len);
    for (size_t at = 8; at < first; at++) {
        ss_error err = {0};
        memcpy(copy, whole.data, whole.len);
        copy[at] ^= 0x10;
        assert_int_equal(ss_file_write(bad, copy, whole.len, NULL), 0);
        assert_null(ss_pair_log_open(bad, &cut, &err));
        assert_int_equal(err.status, SS_CORRUPT);
        ss_bytes after;
        assert_int_equal(ss_file_map(bad, &after, NULL), 0);
        assert_int_equal(after.len, whole.len);
        ss_bytes_free(&after);
    }
    free(copy);
    ss_bytes_free(&whole);
    temp_folder_remove(folder);
}

static void a_full_disk_leaves_the_log_as_it_was(void **state)
{
    (void)state;
    char *folder = temp_folder_make();
    const char *path = temp_path(folder, "log");
    write_two_batches(path);
    ss_bytes before;
    assert_int_equal(ss_file_map(path, &before, NULL), 0);
    size_t len = before.len;
    ss_bytes_free(&before);

    ss_pair_log *log = open_log(path, 0);
    struct rlimit limit, old;
    getrlimit(RLIMIT_FSIZE, &old);
    limit = (struct rlimit){.rlim_cur = len + 20, .rlim_max = old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ss_error err = {0};
    assert_int_equal(add(log, "too much"), 1);
    assert_int_equal(ss_pair_log_commit(log, &err), -1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(err.status, SS_IO);
    assert_int_equal(err.remedy, SS_RETRY);
    assert_int_equal(ss_pair_log_pairs(log), 6);
    assert_int_equal(add(log, "too much"), 1); /* there is room again */
    assert_int_equal(ss_pair_log_commit(log, NULL), 0);
    ss_pair_log_close(log);
    assert_int_equal(read_all(path).count, 7);
    temp_folder_remove(folder);
}

static void two_trainers_do_not_share_a_log(void **state)
{
    (void)state;
    char *folder = temp_folder_make();
    size_t cut;
    ss_error err = {0};
    ss_pair_log *log = open_log(temp_path(folder, "log"), 0);
    assert_null(ss_pair_log_open(temp_path(folder, "log"), &cut, &err));
    assert_int_equal(err.status, SS_INPUT);
    ss_pair_log_close(log);
    temp_write_text(folder, "other", "sentence,skill\n");
    assert_null(ss_pair_log_open(temp_path(folder, "other"), &cut, &err));
    assert_int_equal(err.status, SS_INPUT);
    temp_folder_remove(folder);
}

static void reading_stops_at_the_number_asked_for(void **state)
{
    (void)state;
    char *folder = temp_folder_make();
    const char *path = temp_path(folder, "log");
    write_two_batches(path);
    seen s = {.count = 0};
    assert_int_equal(ss_pair_log_read(path, 4, collect, &s, NULL), 0);
    assert_int_equal(s.count, 4);
    temp_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(committed_pairs_come_back_in_order_and_others_do_not),
        cmocka_unit_test(a_pair_that_comes_again_is_ignored),
        cmocka_unit_test(a_torn_end_is_cut_off_wherever_it_broke),
        cmocka_unit_test(damage_before_a_whole_batch_is_told_and_nothing_is_cut),
        cmocka_unit_test(a_full_disk_leaves_the_log_as_it_was),
        cmocka_unit_test(two_trainers_do_not_share_a_log),
        cmocka_unit_test(reading_stops_at_the_number_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
