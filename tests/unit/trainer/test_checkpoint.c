/* test_checkpoint.c - a checkpoint is whole or not at all, and there is always an older one. */
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

#include "support/temp_folder.h"
#include "worker/train/checkpoint.h"

enum { SIZE = 5000, STEPS = 7 };

static float values[SIZE], first[SIZE], second[SIZE], best[SIZE];
static uint32_t mined[33];
static ss_curve_point curve[STEPS];
static ss_curve_check checks[2] = {{.step = 3, .rp5 = 1.5, .mrr = 2.5}, {.step = 6, .rp5 = 3.5, .mrr = 4.5}};

/* A checkpoint whose numbers depend on `salt`. */
static ss_checkpoint make(int salt)
{
    for (int i = 0; i < SIZE; i++) {
        values[i] = (float)(i + salt);
        first[i] = (float)(i * 2 + salt);
        second[i] = (float)(i * 3 + salt);
        best[i] = (float)(i * 4 + salt);
    }
    for (int i = 0; i < 33; i++) mined[i] = (uint32_t)(i + salt);
    for (int i = 0; i < STEPS; i++) curve[i] = (ss_curve_point){.loss = (float)(i + salt), .norm = 2};
    return (ss_checkpoint){.layout = 77,
                           .step = STEPS,
                           .pairs = 12,
                           .dataset = "abc",
                           .recipe = "lr=1\nseed=2\n",
                           .source = "pairs/0:12",
                           .values = values,
                           .first = first,
                           .second = second,
                           .size = SIZE,
                           .best = best,
                           .best_step = 6,
                           .since_best = 1,
                           .best_figure = 3.5,
                           .mined = mined,
                           .mined_count = 33,
                           .mined_from = 5,
                           .mined_to = 9,
                           .curve = curve,
                           .checks = checks,
                           .check_count = 2};
}

static void expect(const char *folder, int salt, int with_note)
{
    ss_checkpoint c;
    char note[SS_ERROR_TEXT];
    ss_error err = {0};
    int state = ss_checkpoint_read(folder, &c, note, &err);
    if (state != 1) fail_msg("%s", err.text);
    assert_int_equal(*note != 0, with_note);
    ss_checkpoint want = make(salt);
    assert_int_equal(c.size, SIZE);
    assert_memory_equal(c.values, want.values, sizeof values);
    assert_memory_equal(c.first, want.first, sizeof first);
    assert_memory_equal(c.second, want.second, sizeof second);
    assert_memory_equal(c.best, want.best, sizeof best);
    assert_memory_equal(c.mined, want.mined, sizeof mined);
    assert_memory_equal(c.curve, want.curve, sizeof curve);
    assert_memory_equal(c.checks, want.checks, sizeof checks);
    assert_string_equal(c.recipe, want.recipe);
    assert_string_equal(c.source, want.source);
    assert_string_equal(c.dataset, want.dataset);
    assert_int_equal(c.step, want.step);
    assert_int_equal(c.layout, want.layout);
    assert_int_equal(c.pairs, want.pairs);
    assert_int_equal(c.mined_from, want.mined_from);
    assert_int_equal(c.mined_to, want.mined_to);
    assert_int_equal(c.best_step, want.best_step);
    assert_true(c.best_figure == want.best_figure);
    ss_checkpoint_close(&c);
}

static void write_one(const char *folder, int salt)
{
    ss_checkpoint c = make(salt);
    ss_error err = {0};
    if (ss_checkpoint_write(folder, &c, &err)) fail_msg("%s", err.text);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    char *folder = temp_folder_make(), note[SS_ERROR_TEXT];
    ss_checkpoint c;
    assert_int_equal(ss_checkpoint_read(folder, &c, note, NULL), 0);
    write_one(folder, 1);
    expect(folder, 1, 0);
    write_one(folder, 2);
    expect(folder, 2, 0);
    ss_checkpoint_remove(folder);
    assert_int_equal(ss_checkpoint_read(folder, &c, note, NULL), 0);
    temp_folder_remove(folder);
}

/* One changed byte anywhere, and one missing at the end: the older one is taken, with a word about it. */
static void a_damaged_one_gives_way_to_the_older_one(void **state)
{
    (void)state;
    char *folder = temp_folder_make();
    const char *path = temp_path(folder, "checkpoint");
    ss_bytes file;
    write_one(folder, 1);
    write_one(folder, 2);
    assert_int_equal(ss_file_map(path, &file, NULL), 0);
    unsigned char *whole = malloc(file.len);
    size_t len = file.len;
    memcpy(whole, file.data, len);
    ss_bytes_free(&file);
    for (size_t at = 0; at < len; at += at < 2000 ? 1 : 997) {
        int padding_or_unused = 0;
        unsigned char old = whole[at];
        whole[at] ^= 0x40;
        assert_int_equal(ss_file_write(path, whole, len, NULL), 0);
        whole[at] = old;
        ss_checkpoint c;
        char note[SS_ERROR_TEXT];
        assert_int_equal(ss_checkpoint_read(folder, &c, note, NULL), 1);
        padding_or_unused = !*note; /* bytes that mean nothing do no harm */
        assert_true(c.values[0] == (padding_or_unused ? 2.0F : 1.0F));
        ss_checkpoint_close(&c);
    }
    assert_int_equal(ss_file_write(path, whole, len - 1, NULL), 0);
    expect(folder, 1, 1);
    assert_true(ss_file_exists(temp_path(folder, "checkpoint.damaged")));
    free(whole);
    temp_folder_remove(folder);
}

static void when_none_is_whole_the_error_says_so(void **state)
{
    (void)state;
    char *folder = temp_folder_make(), note[SS_ERROR_TEXT];
    ss_checkpoint c;
    ss_error err = {0};
    temp_write_text(folder, "checkpoint", "rubbish");
    temp_write_text(folder, "checkpoint.previous", "rubbish");
    assert_int_equal(ss_checkpoint_read(folder, &c, note, &err), -1);
    assert_int_equal(err.status, SS_CORRUPT);
    temp_folder_remove(folder);
}

/* A kill between the two renames leaves the older name only. */
static void the_older_one_alone_is_enough(void **state)
{
    (void)state;
    char *folder = temp_folder_make();
    write_one(folder, 3);
    assert_int_equal(rename(temp_path(folder, "checkpoint"), temp_path(folder, "checkpoint.previous")), 0);
    expect(folder, 3, 0);
    temp_folder_remove(folder);
}

static void a_full_disk_leaves_both_as_they_were(void **state)
{
    (void)state;
    char *folder = temp_folder_make();
    write_one(folder, 1);
    write_one(folder, 2);
    struct rlimit old, limit;
    getrlimit(RLIMIT_FSIZE, &old);
    limit = (struct rlimit){.rlim_cur = 30000, .rlim_max = old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ss_error err = {0};
    ss_checkpoint c = make(3);
    int result = ss_checkpoint_write(folder, &c, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(result, -1);
    assert_int_equal(err.status, SS_IO);
    assert_non_null(strstr(err.text, "cannot write a checkpoint"));
    assert_false(ss_file_exists(temp_path(folder, "checkpoint.new")));
    expect(folder, 2, 0);
    temp_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_damaged_one_gives_way_to_the_older_one),
        cmocka_unit_test(when_none_is_whole_the_error_says_so),
        cmocka_unit_test(the_older_one_alone_is_enough),
        cmocka_unit_test(a_full_disk_leaves_both_as_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
