/* test_normalise.c - the BERT normaliser on what its definition says about single characters and runs of marks.
 * Whole-vocabulary agreement with Hugging Face is proved by the golden tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/normalise.h"
#include "text/utf8.h"

static const ss_normaliser uncased = {.clean = 1, .cjk = 1, .accents = 1, .lower = 1};
static const ss_normaliser cased = {.clean = 1, .cjk = 1, .accents = 0, .lower = 0};
static const ss_normaliser lower_only = {.lower = 1};
static const ss_normaliser accents_only = {.accents = 1};
static const ss_normaliser nothing = {0};

static void expect_bytes(const ss_normaliser *rules, const char *text, size_t len, const char *expected)
{
    ss_buffer out;
    ss_buffer_init(&out, 1 << 20);
    char *exact = malloc(len + 1); /* so that ASan sees a read beyond the text */
    assert_non_null(exact);
    memcpy(exact, text, len);
    exact = realloc(exact, len ? len : 1);
    assert_int_equal(ss_normalise(rules, exact, len, &out), 0);
    assert_string_equal(out.data ? out.data : "", expected);
    free(exact);
    ss_buffer_free(&out);
}

static void expect(const ss_normaliser *rules, const char *text, const char *expected)
{
    expect_bytes(rules, text, strlen(text), expected);
}

static void characters_are_normalised(void **state)
{
    (void)state;
    expect(&uncased, "", "");
    expect(&uncased, "Hello, WORLD!", "hello, world!");
    expect(&uncased, "Caf\u00e9 A\u030angstr\u00d6m \u00c5", "cafe angstrom a");
    expect(&uncased, "a\tb\nc\rd\u00a0e\u3000f", "a b c d e f");
    expect(&uncased, "\u0130stanbul", "istanbul");
    expect(&uncased, "\u03a3\u0399\u03a3\u03a5\u03a6\u039f\u03a3", "\u03c3\u03b9\u03c3\u03c5\u03c6\u03bf\u03c3");
    expect(&uncased, "Stra\u00dfe \u1e9e", "stra\u00dfe \u00df");
    expect(&uncased, "\u212a\u037e", "k;");
    expect(&uncased, "\ud55c", "\u1112\u1161\u11ab");
    expect(&uncased, "\u4e2dA\u6587", " \u4e2d a \u6587 ");
    expect(&uncased, "\uf900", " \u8c48 ");
    expect(&uncased, "z\u200bw\u200d\ufeff\u00ad.", "zw.");
    expect(&cased, "\u00c9t\u00c9 \u4e2d", "\u00c9t\u00c9  \u4e2d ");
    expect(&lower_only, "\u0130\u00c9 \u4e2d\t", "i\u0307\u00e9 \u4e2d\t");
    expect(&nothing, "A\u00c9\t\u4e2d\u200b", "A\u00c9\t\u4e2d\u200b");
}

static void bytes_that_are_not_text_are_dropped(void **state)
{
    (void)state;
    expect_bytes(&uncased, "a\0b", 3, "ab");
    expect(&uncased, "a\x01\x1f\x7f\xc2\x85\xc2\x9f b", "a b");
    expect(&uncased, "a\xff\xfe z\x80", "a z");
    expect(&uncased, "a\xe4\xb8", "a");         /* cut in the middle of a character */
    expect(&uncased, "a\xed\xa0\x80z", "az");   /* a surrogate */
    expect(&uncased, "a\xc0\xafz\ufffd", "az"); /* overlong */
}

/* U+1D165 (class 216) and U+1D16D (class 226) are spacing marks, so they stay, in canonical order. */
static void marks_that_stay_are_in_canonical_order(void **state)
{
    (void)state;
    expect(&accents_only, "x\U0001D16D\u0301\U0001D165", "x\U0001D165\U0001D16D");
    expect(&accents_only, "x\U0001D165\U0001D16D", "x\U0001D165\U0001D16D");
    expect(&accents_only, "x\U0001D16Dy\U0001D165", "x\U0001D16Dy\U0001D165");
}

/* Long texts are normalised in chunks: a chunk's border must not show, wherever it falls. */
static void chunks_do_not_show(void **state)
{
    (void)state;
    enum { CHUNK = 16 * 1024 };
    static const char *const tails[] = {"\u00c9", "\u4e2d", "\U0001D16D\U0001D165", "A\u030a"};
    static const char *const expected[] = {"e", " \u4e2d ", "\U0001D165\U0001D16D", "a"};
    for (size_t t = 0; t < 4; t++)
        for (size_t before = CHUNK - 10; before < CHUNK + 2; before++) {
            char *text = malloc(before + 32), *right = malloc(before + 32);
            assert_true(text && right);
            memset(text, 'q', before);
            memset(right, 'q', before);
            strcpy(text + before, tails[t]);
            strcpy(right + before, expected[t]);
            expect(&uncased, text, right);
            free(right);
            free(text);
        }
}

static void output_is_valid_and_bounded_for_random_bytes(void **state)
{
    (void)state;
    for (int round = 0; round < 3000; round++) {
        char text[64];
        size_t len = (size_t)rand() % sizeof text;
        for (size_t i = 0; i < len; i++) text[i] = (char)(rand() % 4 ? 0x80 + rand() % 0x80 : rand());
        ss_buffer out;
        ss_buffer_init(&out, 4096);
        ss_normaliser rules = {rand() & 1, rand() & 1, rand() & 1, rand() & 1};
        assert_int_equal(ss_normalise(&rules, text, len, &out), 0);
        assert_true(out.len <= 5 * len);
        if (out.len) assert_true(ss_utf8_valid(out.data, out.len));
        ss_buffer_free(&out);
    }
}

static void a_full_buffer_is_an_error(void **state)
{
    (void)state;
    ss_buffer out;
    ss_buffer_init(&out, 10);
    assert_int_equal(ss_normalise(&uncased, "twelve bytes", 12, &out), -1);
    assert_int_equal(out.len, 0);
    ss_buffer_free(&out);
}

static void classes_of_characters(void **state)
{
    (void)state;
    for (const char *c = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"; *c; c++) assert_true(ss_char_is_punctuation(*c));
    for (const char *c = "azAZ09 \t"; *c; c++) assert_false(ss_char_is_punctuation(*c));
    assert_true(ss_char_is_punctuation(0x2019) && ss_char_is_punctuation(0x3002) && ss_char_is_punctuation(0xbf));
    assert_false(ss_char_is_punctuation(0x20ac) || ss_char_is_punctuation(0xd7) || ss_char_is_punctuation(0x10ffff));
    assert_true(ss_char_is_blank(' ') && ss_char_is_blank(0xa0) && ss_char_is_blank(0x3000) && ss_char_is_blank(0x85));
    assert_false(ss_char_is_blank('a') || ss_char_is_blank(0x200b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(characters_are_normalised),
                                       cmocka_unit_test(bytes_that_are_not_text_are_dropped),
                                       cmocka_unit_test(marks_that_stay_are_in_canonical_order),
                                       cmocka_unit_test(chunks_do_not_show),
                                       cmocka_unit_test(output_is_valid_and_bounded_for_random_bytes),
                                       cmocka_unit_test(a_full_buffer_is_an_error),
                                       cmocka_unit_test(classes_of_characters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
