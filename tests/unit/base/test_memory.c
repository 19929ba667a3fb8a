/* Arena, buffer and error: limits hold, content survives, texts stay one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/pages.h"

static void arena_gives_aligned_disjoint_memory(void **state)
{
    (void)state;
    ss_arena arena;
    ss_arena_init(&arena, 256, 0);
    unsigned char *parts[200];
    size_t sizes[200];
    for (size_t i = 0; i < 200; i++) {
        sizes[i] = i * 7 % 600;
        parts[i] = ss_arena_alloc(&arena, sizes[i]);
        assert_non_null(parts[i]);
        assert_int_equal((uintptr_t)parts[i] % 16, 0);
        memset(parts[i], (int)i, sizes[i]);
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t k = 0; k < sizes[i]; k++) assert_int_equal(parts[i][k], (unsigned char)i);
    ss_arena_free(&arena);
}

static void arena_keeps_its_limit_and_is_usable_after_reset(void **state)
{
    (void)state;
    ss_arena arena;
    ss_arena_init(&arena, 1024, 4096);
    size_t got = 0;
    while (ss_arena_alloc(&arena, 64)) got += 64;
    assert_int_equal(got, 4096);
    assert_null(ss_arena_alloc(&arena, 1));
    ss_arena_reset(&arena);
    assert_non_null(ss_arena_alloc(&arena, 4096));
    assert_null(ss_arena_alloc(&arena, SIZE_MAX));
    assert_null(ss_arena_calloc(&arena, SIZE_MAX / 2, 3));
    ss_arena_free(&arena);
}

static void buffer_never_passes_its_limit_and_keeps_content_on_failure(void **state)
{
    (void)state;
    for (size_t limit = 0; limit < 40; limit++) {
        ss_buffer buffer;
        ss_buffer_init(&buffer, limit);
        size_t put = 0;
        while (!ss_buffer_add(&buffer, "abc", 3)) put += 3;
        assert_int_equal(put, limit / 3 * 3);
        assert_int_equal(buffer.len, put);
        for (size_t i = 0; i < put; i++) assert_int_equal(buffer.data[i], "abc"[i % 3]);
        ss_buffer_free(&buffer);
    }
}

static void buffer_printf_and_take(void **state)
{
    (void)state;
    ss_buffer buffer;
    ss_buffer_init(&buffer, 1000);
    for (int i = 0; i < 100; i++) assert_int_equal(ss_buffer_printf(&buffer, "%d,", i), 0);
    size_t len;
    char *text = ss_buffer_take(&buffer, &len);
    assert_int_equal(len, strlen(text));
    assert_int_equal(len, 290);
    assert_memory_equal(text + len - 6, "98,99,", 6);
    assert_int_equal(buffer.len, 0);
    free(text);
    text = ss_buffer_take(&buffer, &len);
    assert_string_equal(text, "");
    free(text);
}

static void pages_given_back_are_whole_ones_inside(void **state)
{
    (void)state;
    enum { PAGE = 4096, SIZE = 8 * PAGE };
    if (sysconf(_SC_PAGESIZE) != PAGE) skip();
    unsigned char *memory = aligned_alloc(PAGE, SIZE);
    assert_non_null(memory);
    memset(memory, 7, SIZE);
    assert_int_equal(ss_pages_give_back(memory + 1, PAGE), 0);         /* parts of two pages */
    assert_int_equal(ss_pages_give_back(memory + 1, 2 * PAGE - 2), 0); /* one byte short of a page */
    assert_int_equal(ss_pages_give_back(memory + PAGE - 1, 3 * PAGE + 1), 3 * PAGE);
    for (size_t i = 0; i < SIZE; i++) assert_int_equal(memory[i], i < PAGE || i >= 4 * PAGE ? 7 : 0);
    free(memory);
}

static void errors_are_one_line_and_keep_their_cause(void **state)
{
    (void)state;
    ss_error err = {0};
    assert_int_equal(ss_fail(&err, SS_INPUT, "first\nsecond\r"), -1);
    assert_string_equal(err.text, "first second ");
    assert_int_equal(ss_fail_in(&err, "file %s", "a.csv"), -1);
    assert_string_equal(err.text, "file a.csv: first second ");
    assert_int_equal(err.status, SS_INPUT);
    char big[2000];
    memset(big, 'x', sizeof big);
    big[sizeof big - 1] = 0;
    ss_fail_in(&err, "%s", big);
    assert_non_null(strstr(err.text, "first second"));
    assert_int_equal(ss_fail(NULL, SS_IO, "nobody listens"), -1);
}

static void exit_codes_are_the_promised_ones(void **state)
{
    (void)state;
    ss_error err = {.status = SS_OK};
    assert_int_equal(ss_exit_code(&err), 0);
    err.status = SS_USAGE;
    assert_int_equal(ss_exit_code(&err), 2);
    err.status = SS_CONFIG;
    assert_int_equal(ss_exit_code(&err), 78);
    for (ss_status s = SS_INPUT; s <= SS_INTERNAL; s++) {
        err.status = s;
        assert_int_equal(ss_exit_code(&err), 1);
        assert_string_not_equal(ss_status_word(s), "unknown");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_gives_aligned_disjoint_memory),
        cmocka_unit_test(arena_keeps_its_limit_and_is_usable_after_reset),
        cmocka_unit_test(buffer_never_passes_its_limit_and_keeps_content_on_failure),
        cmocka_unit_test(buffer_printf_and_take),
        cmocka_unit_test(pages_given_back_are_whole_ones_inside),
        cmocka_unit_test(errors_are_one_line_and_keep_their_cause),
        cmocka_unit_test(exit_codes_are_the_promised_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
