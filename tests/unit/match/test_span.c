/* test_span.c - where in a sentence a skill is named. In each case, | marks the span that is expected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "match/span.h"

enum { JAVA, CPP, C, CSHARP, NET, NODE, JS, MANAGE, CAFE, BRACKET, GO, WIDE, PROBLEM, SQL };
static const char csv[] = "id,label,alternatives\n"
                          "0,Java (computer programming),Java SE|JDK\n"
                          "1,C++,\n"
                          "2,C,\n"
                          "3,C#,\n"
                          "4,.NET,\n"
                          "5,Node,\n"
                          "6,js,\n"
                          "7,manage staff,staff management|manage\n"
                          "8,caf\xC3\xA9 service,\n"
                          "9,(only brackets),\n"
                          "10,tool,\n"
                          "11,stra\xC3\x9F"
                          "enbau,\n"
                          "12,problem-solving,\n"
                          "13,SQL (query language) (databases),\n";

typedef struct fixture {
    ss_taxonomy *taxonomy;
    ss_span_labels *labels;
    ss_span_finder *finder;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    f.taxonomy = ss_taxonomy_parse("t.csv", csv, sizeof csv - 1, NULL, NULL, NULL);
    f.labels = f.taxonomy ? ss_span_labels_new(f.taxonomy, NULL) : NULL;
    f.finder = f.labels ? ss_span_finder_new(f.labels, NULL) : NULL;
    *state = &f;
    return f.finder ? 0 : -1;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    ss_span_finder_free(f->finder);
    ss_span_labels_free(f->labels);
    ss_taxonomy_free(f->taxonomy);
    return 0;
}

/* `marked` is the sentence with | before and behind the span; without marks, none is expected. */
static void check(const fixture *f, uint32_t skill, const char *marked)
{
    char plain[512];
    size_t len = 0, marks[2] = {0, 0}, count = 0;
    for (const char *at = marked; *at; at++) {
        if (*at == '|' && count < 2)
            marks[count++] = len;
        else
            plain[len++] = *at;
    }
    plain[len] = 0;
    if (!count) marks[1] = len;
    assert_int_equal(ss_span_sentence(f->finder, plain, len, NULL), 0);
    ss_label_span got = ss_span_find(f->finder, skill);
    if (got.begin != marks[0] || got.end != marks[1] || got.literal != (count > 0))
        fail_msg("skill %u in \"%s\": %zu..%zu literal %d, expected %zu..%zu", skill, plain, got.begin, got.end,
                 got.literal, marks[0], marks[1]);
}

static void finds_labels_without_case_accents_and_brackets(void **state)
{
    const fixture *f = *state;
    check(f, JAVA, "Good |JAVA| and Kotlin");
    check(f, JAVA, "|Java (computer programming)|, two years");
    check(f, JAVA, "Java or |Java SE|"); /* the longest, not the leftmost */
    check(f, JAVA, "|Java| or JDK");     /* of "java" and "jdk" the longer */
    check(f, JAVA, "JavaScript only");
    check(f, CAFE, "the |Cafe\xCC\x81 Service| team"); /* e + combining acute */
    check(f, CAFE, "the |CAFE  \n\t SERVICE| team");   /* any blanks are one */
    check(f, CAFE, "the |caf\xC3\xA9\xC2\xA0service| team");
    check(f, WIDE, "im |STRASSENBAU|");
    check(f, WIDE,
          "\xEF\xBB\xBFim |Stra\xC3\x9F"
          "enbau|!");
    check(f, PROBLEM, "good |problem\xE2\x80\x90solving| skills"); /* U+2010 */
    check(f, BRACKET, "with |(only brackets)| here");
    check(f, SQL, "|SQL (query language)| needed");
    check(f, SQL, "|sql (Query Language) (databases)|");
}

static void knows_the_borders_of_technical_names(void **state)
{
    const fixture *f = *state;
    check(f, C, "|C|, C++ and C#");
    check(f, C, "C++ and C#");
    check(f, C, "C++, |C|");
    check(f, C, "(|C|)");
    check(f, C, "|c|.");
    check(f, C, "D.C. based");
    check(f, C, "|C|/C++");
    check(f, CPP, "modern |C++|17");
    check(f, CPP, "|C++|, C");
    check(f, CPP, "|c++|/java");
    check(f, CPP, "C+++");
    check(f, CSHARP, "|C#|/.NET");
    check(f, CSHARP, "C##");
    check(f, NET, "C#/|.NET|");
    check(f, NET, "|.NET| Core");
    check(f, NET, "the internet");
    check(f, NODE, "Node.js");
    check(f, NODE, "uses |Node|. And");
    check(f, NODE, "|Node|/js");
    check(f, JS, "Node.js");
    check(f, JS, "|JS|-heavy");
    check(f, JS, "the_js");
}

static void takes_in_a_plural_s(void **state)
{
    const fixture *f = *state;
    check(f, GO, "our |tools| are");
    check(f, GO, "our |tool|'s are");
    check(f, GO, "toolsmith");
    check(f, GO, "toolset, |tool|");
    check(f, GO, "|Tools|");
}

static void takes_the_longest_label_then_the_leftmost_place(void **state)
{
    const fixture *f = *state;
    check(f, MANAGE, "|manage| and manage");
    check(f, MANAGE, "manage things, then |manage staff|, manage staff");
    check(f, MANAGE, "manage, |staff management|");
}

static void gives_the_sentence_where_no_label_stands(void **state)
{
    const fixture *f = *state;
    check(f, JAVA, "");
    check(f, JAVA, "   ");
    check(f, JAVA, "Python");
    check(f, JAVA, "Jav");
    check(f, JAVA, "\xFFjav\xC3");
    check(f, JAVA, "\xFF |java| \xE2\x82");
}

/* Every span lies on character borders and, folded as the label is, contains a label: checked by looking at random
 * sentences made of label parts. */
static void spans_lie_inside_the_sentence_on_character_borders(void **state)
{
    const fixture *f = *state;
    static const char *const parts[] = {
        "java",     " ", "C",  "+", "#", ".",  "net",  "caf\xC3\xA9",  "e\xCC\x81", "service",
        "\xC2\xA0", "s", "\n", "(", ")", "js", "node", "\xEF\xAC\x81", "tool",      "\xFF"};
    unsigned seed = 3;
    for (int round = 0; round < 20000; round++) {
        char text[256];
        size_t len = 0;
        for (int i = 0; i < 8; i++) {
            const char *part = parts[((seed = seed * 1103515245u + 12345u) >> 16) % (sizeof parts / sizeof *parts)];
            memcpy(text + len, part, strlen(part));
            len += strlen(part);
        }
        assert_int_equal(ss_span_sentence(f->finder, text, len, NULL), 0);
        for (uint32_t skill = 0; skill <= SQL; skill++) {
            ss_label_span got = ss_span_find(f->finder, skill);
            assert_true(got.begin <= got.end && got.end <= len);
            if (!got.literal) continue;
            assert_true(got.begin < got.end);
            assert_true(((unsigned char)text[got.begin] & 0xC0) != 0x80);
            assert_true(got.end == len || ((unsigned char)text[got.end] & 0xC0) != 0x80 || text[got.end - 1] == '\xFF');
        }
    }
}

/* A sentence without a blank in which a label begins at every fourth byte and ends nowhere. */
static void takes_linear_time_on_long_sentences(void **state)
{
    const fixture *f = *state;
    enum { LONG = 400000 };
    char *text = malloc(LONG);
    assert_non_null(text);
    for (size_t i = 0; i < LONG; i++) text[i] = "java"[i % 4];
    clock_t began = clock();
    assert_int_equal(ss_span_sentence(f->finder, text, LONG, NULL), 0);
    for (uint32_t skill = 0; skill <= SQL; skill++) assert_int_equal(ss_span_find(f->finder, skill).literal, 0);
    assert_true((double)(clock() - began) / CLOCKS_PER_SEC < 5.0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_labels_without_case_accents_and_brackets),
        cmocka_unit_test(knows_the_borders_of_technical_names),
        cmocka_unit_test(takes_in_a_plural_s),
        cmocka_unit_test(takes_the_longest_label_then_the_leftmost_place),
        cmocka_unit_test(gives_the_sentence_where_no_label_stands),
        cmocka_unit_test(spans_lie_inside_the_sentence_on_character_borders),
        cmocka_unit_test(takes_linear_time_on_long_sentences),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
