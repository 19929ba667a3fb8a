/* Sentences: our own ad-like cases, the guarantees of sentence.h on random and real text, cutting at a token limit. */
#include "cases.h"

#include <ctype.h>
#include <unistd.h>
#include <zlib.h>

static const char *const pieces[] = {"a",
                                     "A",
                                     "The ",
                                     "we ",
                                     "I",
                                     " ",
                                     "  ",
                                     "\n",
                                     "\n\n",
                                     ".",
                                     "..",
                                     "...",
                                     ". . .",
                                     "?",
                                     "!",
                                     "e.g. ",
                                     "Inc. ",
                                     "U.S. ",
                                     "a.m. ",
                                     "1. ",
                                     "2) ",
                                     "(3) ",
                                     "b. ",
                                     "\xE2\x80\xA2",
                                     "\xC2\xB7 ",
                                     "- ",
                                     " - ",
                                     " * ",
                                     "(",
                                     ")",
                                     "\"",
                                     "\xE2\x80\x9D",
                                     "\xE2\x80\xA6",
                                     "\xE3\x80\x82",
                                     "\xC3\xA9",
                                     "\xD0\x96",
                                     "\xE2\x80\x8B",
                                     "\xC2\xA0",
                                     "@",
                                     "://",
                                     "www.",
                                     "12",
                                     "Node.js ",
                                     "job.We ",
                                     ":)",
                                     ";",
                                     ",",
                                     ":",
                                     "-----",
                                     "#### ",
                                     "o ",
                                     "\t",
                                     "\xF0\x9F\x98\x80",
                                     "[",
                                     "]",
                                     "= ",
                                     "'",
                                     "\xE2\x80\xA8",
                                     "\xEF\xBC\x81"};
enum { PIECES = sizeof pieces / sizeof pieces[0] };

/* Blank-separated words, as a stand-in for tokens; counts the bytes it was asked to look at. */
static size_t count_words(void *context, const char *text, size_t len)
{
    if (context) *(size_t *)context += len;
    size_t words = 0;
    for (size_t i = 0; i < len; i++)
        words += !isspace((unsigned char)text[i]) && (i == 0 || isspace((unsigned char)text[i - 1]));
    return words;
}

static size_t count_quarters(void *context, const char *text, size_t len)
{
    (void)text;
    if (context) *(size_t *)context += len;
    return (len + 3) / 4;
}

static void our_own_cases_come_out_as_a_reader_would_split_them(void **state)
{
    (void)state;
    FILE *file = fopen(SS_SOURCE_DIR "/tests/unit/text/data/ads_en.jsonl", "r");
    assert_non_null(file);
    size_t total = 0;
    for (json_t *ad; (ad = next_case(file)) != NULL; total++) {
        const json_t *html = json_object_get(ad, "html"), *body = html ? html : json_object_get(ad, "text");
        ss_sentence_options options = {.hard_lines = html != NULL};
        ss_arena arena;
        ss_text text;
        ss_span *spans;
        size_t count, len = json_string_length(body);
        ss_arena_init(&arena, 0, 0);
        int result = html ? ss_text_from_html(json_string_value(body), len, NULL, &arena, &text, NULL)
                          : ss_text_from_plain(json_string_value(body), len, &arena, &text, NULL);
        assert_int_equal(result, 0);
        assert_int_equal(ss_sentences_split(text.bytes, text.len, &options, &arena, &spans, &count, NULL), 0);
        if (!same_sentences(text.bytes, spans, count, json_object_get(ad, "sentences")))
            fail_msg("%s: %s", json_string_value(json_object_get(ad, "id")), text.bytes);
        ss_arena_free(&arena);
        json_decref(ad);
    }
    fclose(file);
    assert_true(total >= 60);
}

static void split_and_check(const char *text, size_t len, const ss_sentence_options *options)
{
    ss_arena arena;
    ss_span *spans;
    size_t count;
    ss_arena_init(&arena, 0, 0);
    assert_int_equal(ss_sentences_split(text, len, options, &arena, &spans, &count, NULL), 0);
    assert_spans_hold(text, len, spans, count);
    for (size_t i = 0; options->max_tokens && i < count; i++) {
        size_t bytes = spans[i].end - spans[i].begin;
        if (bytes > options->max_tokens && bytes > 4)
            assert_true(options->count_tokens(NULL, text + spans[i].begin, bytes) <= options->max_tokens);
    }
    ss_arena_free(&arena);
}

static void every_byte_of_random_text_is_in_one_sentence_or_separator(void **state)
{
    (void)state;
    random_state random = {11};
    for (int round = 0; round < 10000; round++) {
        char text[600];
        const char *some[6];
        for (int i = 0; i < 6; i++) some[i] = pieces[random_below(&random, PIECES)];
        size_t cap = 1 + random_below(&random, sizeof text);
        size_t len =
            round % 2 ? random_text(&random, pieces, PIECES, text, cap) : random_text(&random, some, 6, text, cap);
        char *exact = malloc(len ? len : 1); /* so that reading behind the end is seen */
        assert_non_null(exact);
        memcpy(exact, text, len);
        ss_sentence_options options = {.hard_lines = round % 3 == 0,
                                       .count_tokens = round % 5 ? count_words : count_quarters};
        if (round % 4) options.max_tokens = 1 + random_below(&random, 60);
        split_and_check(exact, len, &options);
        free(exact);
    }
}

/* Real ads where the optional folder of shared data is there: the map's and the spans' guarantees on each. */
static void every_byte_of_real_ads_is_in_one_sentence_or_separator(void **state)
{
    (void)state;
    gzFile file = gzopen(SS_SHARED_DIR "/data/ads/hn_hiring.jsonl.gz", "rb");
    if (!file) {
        print_message("skipped: no real ads in ../shared/data/ads\n");
        skip();
    }
    static char line[1 << 20];
    const ss_sentence_options options = {.hard_lines = 1, .max_tokens = 32, .count_tokens = count_words};
    ss_arena arena;
    ss_arena_init(&arena, 0, 0);
    size_t ads = 0;
    for (; ads < 2000 && gzgets(file, line, sizeof line); ads++) {
        json_t *ad = json_loads(line, 0, NULL);
        assert_non_null(ad);
        const char *html = json_string_value(json_object_get(ad, "html"));
        size_t len = strlen(html);
        ss_text text;
        assert_int_equal(ss_text_from_html(html, len, NULL, &arena, &text, NULL), 0);
        for (size_t i = 0; i < text.len; i++) {
            assert_true(text.source[i] <= text.source[i + 1]);
            char c = text.bytes[i], from = html[text.source[i]];
            if (isalnum((unsigned char)c) && from != '&') assert_int_equal(c, from);
        }
        split_and_check(text.bytes, text.len, &options);
        json_decref(ad);
        ss_arena_reset(&arena);
    }
    ss_arena_free(&arena);
    gzclose(file);
    assert_int_equal(ads, 2000);
}

static void a_text_of_nothing_has_no_sentence(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", " ", "\n\n \t\n", "\xC2\xA0\xE2\x80\x8B", "-----\n*\n\xE2\x80\xA2 \xE2\x80\xA2", "..."};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ss_arena arena;
        ss_span *spans;
        size_t count = 9;
        ss_arena_init(&arena, 0, 0);
        assert_int_equal(ss_sentences_split(texts[i], strlen(texts[i]), NULL, &arena, &spans, &count, NULL), 0);
        assert_int_equal(count, 0);
        assert_non_null(spans);
        ss_arena_free(&arena);
    }
}

static void a_long_sentence_is_cut_at_commas_then_blanks(void **state)
{
    (void)state;
    static const char text[] = "one two three, four five six seven eight nine ten eleven twelve";
    const ss_sentence_options options = {.max_tokens = 5, .count_tokens = count_words};
    static const char *const expected[] = {"one two three,", "four five six seven eight", "nine ten eleven twelve"};
    ss_arena arena;
    ss_span *spans;
    size_t count;
    ss_arena_init(&arena, 0, 0);
    assert_int_equal(ss_sentences_split(text, sizeof text - 1, &options, &arena, &spans, &count, NULL), 0);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(spans[i].end - spans[i].begin, strlen(expected[i]));
        assert_memory_equal(text + spans[i].begin, expected[i], strlen(expected[i]));
    }
    ss_arena_free(&arena);
}

/* 100,000 characters without a blank, of one, two and four bytes: no byte lost, pieces full, work bounded. */
static void an_endless_word_is_cut_in_linear_work_without_loss(void **state)
{
    (void)state;
    static const char *const letters[] = {"x", "\xC3\xA9",
                                          ("\xF0\x9F\x92\xBC"
                                           "a")};
    enum { CHARACTERS = 100 * 1000, LIMIT = 254 };
    for (size_t which = 0; which < 3; which++) {
        size_t size = strlen(letters[which]), len = size * CHARACTERS, counted = 0, count;
        char *text = malloc(len);
        assert_non_null(text);
        for (size_t i = 0; i < CHARACTERS; i++) memcpy(text + i * size, letters[which], size);
        const ss_sentence_options options = {.max_tokens = LIMIT, .count_tokens = count_quarters, .context = &counted};
        ss_arena arena;
        ss_span *spans;
        ss_arena_init(&arena, 0, 0);
        assert_int_equal(ss_sentences_split(text, len, &options, &arena, &spans, &count, NULL), 0);
        assert_spans_hold(text, len, spans, count);
        size_t sum = 0;
        for (size_t i = 0; i < count; i++) sum += spans[i].end - spans[i].begin;
        assert_int_equal(sum, len);
        assert_true(count <= len / (LIMIT * 4) * 11 / 10 + 1);
        assert_true(counted <= 16 * len);
        ss_arena_free(&arena);
        free(text);
    }
}

static void a_text_of_five_megabytes_is_split(void **state)
{
    (void)state;
    static const char *const units[] = {
        "We build software in C. You test it, e.g. with Python.\n", "x", "a.m.\tX", "* - ", ". ", "\n", "1) a "};
    for (size_t which = 0; which < sizeof units / sizeof units[0]; which++) {
        size_t unit = strlen(units[which]), times = 5 * 1000 * 1000 / unit, count;
        char *text = malloc(unit * times);
        assert_non_null(text);
        for (size_t i = 0; i < times; i++) memcpy(text + i * unit, units[which], unit);
        ss_arena arena;
        ss_span *spans;
        ss_arena_init(&arena, 0, 0);
        assert_int_equal(ss_sentences_split(text, unit * times, NULL, &arena, &spans, &count, NULL), 0);
        assert_spans_hold(text, unit * times, spans, count);
        if (which == 0) assert_int_equal(count, 2 * times);
        ss_arena_free(&arena);
        free(text);
    }
}

int main(void)
{
    alarm(120); /* a quadratic step would never end */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_own_cases_come_out_as_a_reader_would_split_them),
        cmocka_unit_test(every_byte_of_random_text_is_in_one_sentence_or_separator),
        cmocka_unit_test(every_byte_of_real_ads_is_in_one_sentence_or_separator),
        cmocka_unit_test(a_text_of_nothing_has_no_sentence),
        cmocka_unit_test(a_long_sentence_is_cut_at_commas_then_blanks),
        cmocka_unit_test(an_endless_word_is_cut_in_linear_work_without_loss),
        cmocka_unit_test(a_text_of_five_megabytes_is_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
