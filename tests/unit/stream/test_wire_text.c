/* test_wire_text.c - text made fit to go on: broken UTF-8 (the examples of the Unicode Standard, chapter 3, and of the
 * WHATWG Encoding Standard), sloppy JSON, escaped HTML; and times against the C library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <jansson.h>

#include "stream/wire_json.h"
#include "stream/wire_text.h"

static int open_arena(void **state)
{
    static ss_arena arena;
    ss_arena_init(&arena, 0, 0);
    *state = &arena;
    return 0;
}

static int close_arena(void **state)
{
    ss_arena_free(*state);
    return 0;
}

static void assert_slice(ss_slice got, const char *bytes, size_t len)
{
    assert_int_equal(got.len, len);
    if (len) assert_memory_equal(got.data, bytes, len);
}

#define assert_text(got, literal) assert_slice((got), (literal), sizeof(literal) - 1)
#define SLICE(literal) ((ss_slice){.data = (literal), .len = sizeof(literal) - 1})
#define R "\xEF\xBF\xBD"

static void broken_utf8_becomes_one_replacement_per_maximal_subpart(void **state)
{
    const struct {
        ss_slice bytes, text;
    } CASES[] = {
        {SLICE("plain"), SLICE("plain")},
        {SLICE("gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80"),
         SLICE("gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x98\x80")},
        /* Unicode Standard, tables 3-8 to 3-11 */
        {SLICE("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), SLICE(R R R R R R R R "A")},
        {SLICE("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), SLICE(R R R R R R R R "A")},
        {SLICE("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), SLICE(R R R R R "A" R R "B")},
        {SLICE("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), SLICE(R R R R "A")},
        {SLICE("cut \xE2\x82"), SLICE("cut " R)},
        {SLICE("a\0b"), SLICE("a b")},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        ss_slice text = CASES[i].bytes;
        assert_int_equal(ss_wire_repair(*state, &text), 0);
        assert_slice(text, CASES[i].text.data, CASES[i].text.len);
    }
}

static void repair_keeps_valid_text_where_it_is(void **state)
{
    const char *text = "na\xC3\xAFve";
    ss_slice slice = ss_slice_of(text);
    assert_int_equal(ss_wire_repair(*state, &slice), 0);
    assert_ptr_equal(slice.data, text);
}

/* What comes out must parse strictly, and mean this. */
static void sloppy_json_becomes_strict_json(void **state)
{
    const struct {
        ss_slice json, means;
    } CASES[] = {
        {SLICE("\xEF\xBB\xBF[\"bom\"]"), SLICE("bom")},
        {SLICE("[\"two\nlines\tand\x01 control\"]"), SLICE("two\nlines\tand  control")},
        {SLICE("[\"lone \\ud83d x\"]"), SLICE("lone " R " x")},
        {SLICE("[\"lone \\udc00\"]"), SLICE("lone " R)},
        {SLICE("[\"pair \\ud83d\\ude00\"]"), SLICE("pair \xF0\x9F\x98\x80")},
        {SLICE("[\"quote \\\" and \\\\\"]"), SLICE("quote \" and \\")},
        {SLICE("[\"caf\xE9 \x80 5\"]"), SLICE("caf\xC3\xA9 \xE2\x82\xAC 5")}, /* windows-1252 */
        {SLICE("[\"caf\xC3\xA9 \xE9\"]"), SLICE("caf\xC3\xA9 " R)},           /* broken UTF-8 */
        {SLICE("[\"braces {[{[{[ in text\"]"), SLICE("braces {[{[{[ in text")},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        ss_slice json = CASES[i].json;
        assert_int_equal(ss_wire_clean_json(*state, 3, &json), SS_WIRE_CLEAN_OK);
        json_t *root = json_loadb(json.data, json.len, 0, NULL);
        assert_non_null(root);
        const json_t *first = json_array_get(root, 0);
        assert_slice((ss_slice){json_string_value(first), json_string_length(first)}, CASES[i].means.data,
                     CASES[i].means.len);
        json_decref(root);
    }
}

static void nesting_over_the_limit_is_refused(void **state)
{
    ss_slice three = SLICE("[[[1]],[[2]]]"), four = SLICE("[[[[1]]]]");
    assert_int_equal(ss_wire_clean_json(*state, 3, &three), SS_WIRE_CLEAN_OK);
    assert_int_equal(ss_wire_clean_json(*state, 3, &four), SS_WIRE_CLEAN_TOO_DEEP);
}

static void every_cut_of_a_text_is_survived(void **state)
{
    static const char WHOLE[] = "{\"a\":\"\\ud83d\\ude00 \xF0\x9F\x98\x80 \\\\\\\" \\u12\"}\\u\xE2";
    for (size_t len = 0; len < sizeof WHOLE; len++) {
        char *copy = test_malloc(len + 1); /* exact size: a read behind the end is found by ASan */
        memcpy(copy, WHOLE, len);
        ss_slice json = {copy, len};
        assert_int_equal(ss_wire_clean_json(*state, 8, &json), SS_WIRE_CLEAN_OK);
        ss_slice text = {copy, len};
        assert_int_equal(ss_wire_repair(*state, &text), 0);
        ss_wire_has_tag(text);
        test_free(copy);
    }
}

static void one_level_of_escapes_is_undone(void **state)
{
    ss_slice text = SLICE("&lt;p&gt;R&amp;amp;D &quot;x&quot; &#39;y&#39; &unknown; &");
    assert_int_equal(ss_wire_unescape(*state, &text), 0);
    assert_text(text, "<p>R&amp;D \"x\" 'y' &unknown; &");
}

static void tags_are_told_from_comparisons(void **state)
{
    (void)state;
    assert_int_equal(ss_wire_has_tag(SLICE("<p>x")), 1);
    assert_int_equal(ss_wire_has_tag(SLICE("x</div>")), 1);
    assert_int_equal(ss_wire_has_tag(SLICE("a < b > c, <3 and 1<2")), 0);
    assert_int_equal(ss_wire_has_tag(SLICE("<")), 0);
    assert_int_equal(ss_wire_has_tag(SLICE("never closed <p")), 0);
    assert_int_equal(ss_wire_has_tag((ss_slice){0}), 0);
}

/* --- times --- */

static void assert_time(const char *text, const char *rfc3339)
{
    ss_instant instant;
    char out[40];
    assert_int_equal(ss_time_parse(ss_slice_of(text), &instant), rfc3339 != NULL);
    assert_int_equal(instant.has, rfc3339 != NULL);
    if (!rfc3339) return;
    assert_int_equal(ss_time_format(instant, out), 0);
    assert_string_equal(out, rfc3339);
}

static void times_of_ads_are_read(void **state)
{
    (void)state;
    assert_time("2018-12-27T10:50:17+0000", "2018-12-27T10:50:17Z");
    assert_time("2020-10-05T16:46:12+01:00", "2020-10-05T15:46:12Z");
    assert_time("2026-08-06T07:39:35.941Z", "2026-08-06T07:39:35.941Z");
    assert_time("2020-03-01T00:30:00+0100", "2020-02-29T23:30:00Z");
    assert_time("2014-10", "2014-10-01T00:00:00Z");
    assert_time("2014", "2014-01-01T00:00:00Z");
    assert_time(" 2011-10-31 ", "2011-10-31T00:00:00Z");
    assert_time("2011-10-31 08:15", "2011-10-31T08:15:00Z");
    assert_time("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500Z");
    assert_time("2011-10-31T08:15:00.123456789-05", "2011-10-31T13:15:00.123456789Z");
    const char *wrong[] = {"",
                           "soon",
                           "2018-13-01",
                           "2018-02-29",
                           "2018-1-1",
                           "0000-01-01",
                           "2018-12-27T",
                           "2018-12-27T10",
                           "2018-12-27T10:61",
                           "2018-12-27T10:50+99:00",
                           "2018-12-27x",
                           "2018-12-27T10:50:17 PST",
                           "99999-01-01",
                           "0001-01-01T00:00:00+01:00",
                           "20181227"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_time(wrong[i], NULL);
}

static void times_agree_with_the_c_library(void **state)
{
    (void)state;
    for (int64_t at = -62135596800; at < 253402300800; at += 86400 * 97 + 3601) {
        char mine[40], theirs[40];
        time_t t = (time_t)at;
        struct tm tm;
        gmtime_r(&t, &tm);
        snprintf(theirs, sizeof theirs, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                 tm.tm_hour, tm.tm_min, tm.tm_sec);
        assert_int_equal(ss_time_format((ss_instant){.seconds = at, .has = 1}, mine), 0);
        assert_string_equal(mine, theirs);
        ss_instant back;
        assert_int_equal(ss_time_parse(ss_slice_of(mine), &back), 1);
        assert_true(back.seconds == at);
    }
    char out[40];
    assert_int_equal(ss_time_format((ss_instant){.seconds = 253402300800, .has = 1}, out), -1);
    assert_int_equal(ss_time_format((ss_instant){.seconds = -62135596801, .has = 1}, out), -1);
    assert_int_equal(ss_time_format((ss_instant){.nanos = -1, .has = 1}, out), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(broken_utf8_becomes_one_replacement_per_maximal_subpart, open_arena,
                                        close_arena),
        cmocka_unit_test_setup_teardown(repair_keeps_valid_text_where_it_is, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(sloppy_json_becomes_strict_json, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(nesting_over_the_limit_is_refused, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(every_cut_of_a_text_is_survived, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(one_level_of_escapes_is_undone, open_arena, close_arena),
        cmocka_unit_test(tags_are_told_from_comparisons),
        cmocka_unit_test(times_of_ads_are_read),
        cmocka_unit_test(times_agree_with_the_c_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
