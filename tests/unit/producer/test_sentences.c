/* test_sentences.c - lists out of what a model says: the forms that are taken, and everything that is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "producer/sentences.h"

static const char *read_bytes(const char *text, size_t len, char *out, size_t size)
{
    ss_arena arena;
    ss_sentences found;
    ss_arena_init(&arena, 0, 0);
    const char *wrong = ss_sentences_read(text, len, &arena, &found);
    *out = 0;
    for (size_t i = 0; !wrong && i < found.count; i++) {
        assert_true(strlen(out) + found.items[i].len + 2 < size);
        if (i) strcat(out, "|");
        strcat(out, found.items[i].data);
    }
    if (wrong) assert_int_equal(found.count, 0);
    ss_arena_free(&arena);
    return wrong;
}

static void takes_the_forms_it_names(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentences;
    } good[] = {
        {"{\"sentences\": [\"One.\", \" Two. \"]}", "One.|Two."},
        {"[\"One.\", \"Two.\"]", "One.|Two."},
        {" \n[\"One.\"]\n ", "One."},
        {"{\"n\": 2, \"lines\": [\"One.\", \"Two.\"], \"done\": true}", "One.|Two."},
        {"[{\"sentence\": \"One.\", \"skill\": \"x\"}, {\"text\": \"Two.\"}, {\"line\": \"Three.\", \"nr\": 3}]",
         "One.|Two.|Three."},
        {"```json\n[\"One.\"]\n```", "One."},
        {"```\n{\"sentences\": [\"One.\"]}\n```\n", "One."},
        {"Here you are:\n```json\n[\"One.\"]\n```\nI hope this helps!", "One."},
        {"Here are the sentences:\n[\"One.\"]", "One."},
        {"<think>Let me see: [1, 2]\n</think>\n[\"One.\"]", "One."},
        {"1. One.\n2. Two.\n3) Three.", "One.|Two.|Three."},
        {"Sentences:\n\n1. \"One.\"\n\n2. \xe2\x80\x9cTwo.\xe2\x80\x9d\n", "One.|Two."},
        {"- One.\n- Two.\n* Three.\n\xe2\x80\xa2 Four.", "One.|Two.|Three.|Four."},
        {"```\n1. One.\n2. Two.\n```", "One.|Two."},
        {"[\"Caf\\u00e9 staff\", \"a \\\"b\\\" c\"]", "Caf\xc3\xa9 staff|a \"b\" c"},
        {"- 5 years with 3. Bundesliga clubs", "5 years with 3. Bundesliga clubs"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char out[256];
        const char *wrong = read_bytes(good[i].text, strlen(good[i].text), out, sizeof out);
        if (wrong || strcmp(out, good[i].sentences)) fail_msg("%s: %s, '%s'", good[i].text, wrong ? wrong : "", out);
    }
}

static void refuses_everything_else_as_a_whole(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
    } bad[] = {
        {"", "empty"},
        {"[]", "empty"},
        {"{\"sentences\": []}", "empty"},
        {"Of course! One sentence for you.", "bad-list"},
        {"1. One.\n2. Two.\nI hope these help.", "bad-list"},
        {"1. One.\n3. Three.", "bad-list"},
        {"2. Two.\n3. Three.", "bad-list"},
        {"1. One.\n- Two.", "bad-list"},
        {"- One.\n2. Two.", "bad-list"},
        {"Intro without a colon\n1. One.", "bad-list"},
        {"```json\n[\"One.\"]\n```\n```json\n[\"Two.\"]\n```", "bad-list"},
        {"```json\n[\"One.\"", "bad-list"},
        {"[\"One.\", \"Tw", "bad-json"},
        {"{\"sentences\": [\"One.\"", "bad-json"},
        {"[\"One.\"] and more", "bad-json"},
        {"[\"One.\"][\"Two.\"]", "bad-json"},
        {"{\"sentences\": [\"One.\"], \"sentences\": [\"Two.\"]}", "bad-json"},
        {"[\"One.\", 5]", "bad-schema"},
        {"[\"One.\", null]", "bad-schema"},
        {"[\"One.\", [\"Two.\"]]", "bad-schema"},
        {"[{\"a\": \"One.\", \"b\": \"Two.\"}]", "bad-schema"},
        {"{\"a\": [\"One.\"], \"b\": [\"Two.\"]}", "bad-schema"},
        {"{\"a\": {\"b\": [\"One.\"]}}", "bad-schema"},
        {"{\"sentences\": \"One. Two.\"}", "bad-schema"},
        {"[\"nul \\u0000 inside\"]", "bad-schema"},
        {"{}", "bad-schema"},
        {"[\"caf\xe9\"]", "bad-json"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char out[256];
        const char *wrong = read_bytes(bad[i].text, strlen(bad[i].text), out, sizeof out);
        if (!wrong || strcmp(wrong, bad[i].word))
            fail_msg("'%s': %s, not %s", bad[i].text, wrong ? wrong : out, bad[i].word);
    }
}

static void survives_cut_off_and_changed_bytes(void **state)
{
    (void)state;
    static const char text[] =
        "Here:\n```json\n{\"sentences\": [\"One \\u00e9 {x}.\", \"- Two.\", {\"text\": \"3. Three\"}]}\n```\n";
    char copy[sizeof text], out[1024];
    uint32_t seed = 1;
    for (size_t len = 0; len < sizeof text; len++) { /* exact-size copies, so that ASan sees reading past the end */
        char *exact = malloc(len ? len : 1);
        assert_non_null(exact);
        memcpy(exact, text, len);
        read_bytes(exact, len, out, sizeof out);
        free(exact);
    }
    for (int i = 0; i < 20000; i++) {
        memcpy(copy, text, sizeof text);
        for (int k = 0; k < 3; k++) {
            seed = seed * 1664525 + 1013904223;
            copy[(seed >> 8) % (sizeof text - 1)] = "[]{}\"\\,:`-1. \n\xff<"[(seed >> 24) % 16];
        }
        read_bytes(copy, sizeof text - 1, out, sizeof out);
    }
}

static void limits_their_number(void **state)
{
    (void)state;
    char text[4096] = "[\"x\"", out[1024];
    for (int i = 1; i < SS_SENTENCES_MAX; i++) strcat(text, ",\"x\"");
    char *end = text + strlen(text);
    strcpy(end, "]");
    assert_null(read_bytes(text, strlen(text), out, sizeof out));
    strcpy(end, ",\"x\"]");
    assert_string_equal(read_bytes(text, strlen(text), out, sizeof out), "too-many");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_forms_it_names),
        cmocka_unit_test(refuses_everything_else_as_a_whole),
        cmocka_unit_test(survives_cut_off_and_changed_bytes),
        cmocka_unit_test(limits_their_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
