/* UTF-8: against utf8proc's decoder, the tables of the Unicode Standard (3-8 to 3-11), and windows-1252's index. */
#include "cases.h"

#include <utf8proc.h>

static void every_code_point_survives_encoding_and_decoding(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        char ours[4];
        utf8proc_uint8_t theirs[4];
        size_t len = ss_utf8_encode(code, ours);
        uint32_t expected = code >= 0xD800 && code <= 0xDFFF ? SS_UTF8_REPLACEMENT : code, back;
        assert_int_equal(len, utf8proc_encode_char((utf8proc_int32_t)expected, theirs));
        assert_memory_equal(ours, theirs, len);
        assert_int_equal(ss_utf8_decode(ours, len, &back), len);
        assert_int_equal(back, expected);
        assert_int_equal(ss_utf8_before(ours, len), 0);
    }
}

static int valid_by_utf8proc(const char *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        utf8proc_int32_t code;
        utf8proc_ssize_t used =
            utf8proc_iterate((const utf8proc_uint8_t *)bytes + at, (utf8proc_ssize_t)(len - at), &code);
        if (used <= 0) return 0;
        at += (size_t)used;
    }
    return 1;
}

static void random_bytes_are_judged_as_utf8proc_judges_them_and_repaired(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "a",    "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xC3",     "\xE2\x82", "\xF0\x9F",
        "\x80", "\xED\xA0", "\xF4\x90",     "\xC0\xAF",         "\xE0\x80", "\xFF",     "\x01"};
    random_state random = {1};
    ss_arena arena;
    ss_arena_init(&arena, 0, 0);
    for (int round = 0; round < 20000; round++) {
        char bytes[12];
        size_t len = random_text(&random, pieces, 14, bytes, 1 + random_below(&random, sizeof bytes));
        assert_int_equal(ss_utf8_valid(bytes, len), valid_by_utf8proc(bytes, len));
        ss_text text;
        assert_int_equal(ss_utf8_repair(bytes, len, &arena, &text, NULL), 0);
        assert_true(valid_by_utf8proc(text.bytes, text.len));
        assert_int_equal(strlen(text.bytes), text.len);
        assert_int_equal(text.source[text.len], len);
        for (size_t i = 0; i < text.len; i++) assert_true(text.source[i] <= text.source[i + 1]);
        if (ss_utf8_is_clean(bytes, len)) assert_memory_equal(text.bytes, bytes, len);
        ss_arena_reset(&arena);
    }
    ss_arena_free(&arena);
}

/* Repairs `in` with "é" in front, which keeps it from being taken for windows-1252, and compares what follows. */
static void assert_repair(const char *in, size_t len, const char *expected)
{
    char bytes[64] = "\xC3\xA9";
    memcpy(bytes + 2, in, len);
    ss_arena arena;
    ss_text text;
    ss_arena_init(&arena, 0, 0);
    assert_int_equal(ss_utf8_repair(bytes, len + 2, &arena, &text, NULL), 0);
    assert_string_equal(text.bytes + 2, expected);
    ss_arena_free(&arena);
}

#define FFFD "\xEF\xBF\xBD"

static void each_maximal_subpart_becomes_one_replacement_as_unicode_shows(void **state)
{
    (void)state;
    assert_repair("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", 9, FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A");
    assert_repair("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", 9, FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A");
    assert_repair("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", 9, FFFD FFFD FFFD FFFD FFFD "A" FFFD FFFD "B");
    assert_repair("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", 9, FFFD FFFD FFFD FFFD "A");
}

static void assert_plain(const char *body, size_t len, const char *expected, const uint32_t *source)
{
    ss_arena arena;
    ss_text text;
    ss_arena_init(&arena, 0, 0);
    assert_int_equal(ss_text_from_plain(body, len, &arena, &text, NULL), 0);
    assert_int_equal(text.len, strlen(expected));
    assert_string_equal(text.bytes, expected);
    for (size_t i = 0; i <= text.len; i++) assert_int_equal(text.source[i], source[i]);
    ss_arena_free(&arena);
}

static void text_in_windows_1252_is_recognised(void **state)
{
    (void)state;
    assert_plain("caf\xE9 \x80", 6, "caf\xC3\xA9 \xE2\x82\xAC", (uint32_t[]){0, 1, 2, 3, 3, 4, 5, 5, 5, 6});
}

static void mark_controls_and_line_ends_are_cleaned(void **state)
{
    (void)state;
    assert_plain("\xEF\xBB\xBF"
                 "a",
                 4, "a", (uint32_t[]){3, 4});
    assert_plain("a\0b\x07\x7F\tc", 7, "a b  \tc", (uint32_t[]){0, 1, 2, 3, 4, 5, 6, 7});
    assert_plain("a\r\nb\rc\n", 7, "a\nb\nc\n", (uint32_t[]){0, 1, 3, 4, 5, 6, 7});
    assert_plain("", 0, "", (uint32_t[]){0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_survives_encoding_and_decoding),
        cmocka_unit_test(random_bytes_are_judged_as_utf8proc_judges_them_and_repaired),
        cmocka_unit_test(each_maximal_subpart_becomes_one_replacement_as_unicode_shows),
        cmocka_unit_test(text_in_windows_1252_is_recognised),
        cmocka_unit_test(mark_controls_and_line_ends_are_cleaned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
