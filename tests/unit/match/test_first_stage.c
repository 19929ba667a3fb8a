/* The first stage: what must never be dropped, and that it drops what it is for. That its logit is the one of the table
 * is compared with Python in tests/accuracy/test_first_stage.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "match/first_stage.h"
#include "support/random.h"

/* Rare words weigh as much as they do in a long list only if the list is long. */
enum { FILLERS = SS_FIRST_STAGE_LEAST_SKILLS };

static const char head[] = "id,label,altLabels,description\n"
                           "0,Java (computer programming),,write programs in Java\n"
                           "1,manage staff,lead a team,\n"
                           "2,assemble bicycles,,put frames and wheels together\n"
                           "3,write technical documents,,\n"
                           "4,communicate with clients,address customers,\n"
                           "5,embedded systems,,test software for machines\n";

typedef struct fixture {
    ss_taxonomy *taxonomy;
    ss_span_labels *labels;
    ss_span_finder *finder;
    ss_first_stage *stages[3]; /* by level */
} fixture;

static int set_up(void **state)
{
    static fixture f;
    static char csv[sizeof head + (size_t)FILLERS * 24];
    size_t len = (size_t)sprintf(csv, "%s", head);
    for (int i = 0; i < FILLERS; i++) len += (size_t)sprintf(csv + len, "f%d,qq%d,,\n", i, i);
    f.taxonomy = ss_taxonomy_parse("t.csv", csv, len, NULL, NULL, NULL);
    f.labels = f.taxonomy ? ss_span_labels_new(f.taxonomy, NULL) : NULL;
    f.finder = f.labels ? ss_span_finder_new(f.labels, NULL) : NULL;
    for (ss_filter filter = SS_FILTER_OFF; f.taxonomy && filter <= SS_FILTER_FAST; filter++)
        f.stages[filter] = ss_first_stage_new(filter, ss_taxonomy_count(f.taxonomy));
    *state = &f;
    return f.finder && f.stages[0] && f.stages[1] && f.stages[2] ? 0 : -1;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < 3; i++) ss_first_stage_free(f->stages[i]);
    ss_span_finder_free(f->finder);
    ss_span_labels_free(f->labels);
    ss_taxonomy_free(f->taxonomy);
    return 0;
}

static int passes(const fixture *f, ss_filter filter, const char *text, size_t len)
{
    assert_int_equal(ss_span_sentence(f->finder, text, len, NULL), 0);
    ss_worded_room room;
    ss_worded worded = ss_span_worded(f->finder, &room);
    return ss_first_stage_passes(f->stages[filter], &worded, text, len);
}

static int passes_text(const fixture *f, ss_filter filter, const char *text)
{
    return passes(f, filter, text, strlen(text));
}

static void drops_what_asks_for_nothing(void **state)
{
    static const char *const nothing[] = {"We offer competitive salary, equity and health insurance.",
                                          "We are a small startup based in London, funded by top investors.",
                                          "Apply now by sending an email to jobs at our company.",
                                          "We are an equal opportunity employer."};
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
        assert_false(passes_text(*state, SS_FILTER_CAREFUL, nothing[i]));
        assert_false(passes_text(*state, SS_FILTER_FAST, nothing[i]));
        assert_true(passes_text(*state, SS_FILTER_OFF, nothing[i]));
    }
}

static void keeps_whatever_names_a_skill(void **state)
{
    assert_true(passes_text(*state, SS_FILTER_FAST, "We are a small startup based in London and use Java."));
    assert_false(passes_text(*state, SS_FILTER_FAST, "We are a small startup based in London and use tea."));
}

static void keeps_other_languages(void **state)
{
    static const char *const others[] = {"Somos una empresa joven con sede en Madrid y ofrecemos buen salario.",
                                         "Wir sind ein junges Unternehmen mit Sitz in Berlin.",
                                         ("\xC3\xA9\xC3\xA9 criminolog\xC3\xAD"
                                          "a"),
                                         "\xD0\x9C\xD1\x8B \xD0\xB8\xD1\x89\xD0\xB5\xD0\xBC",
                                         "\xE6\x88\x91\xE4\xBB\xAC\xE6\x98\xAF\xE5\x85\xAC\xE5\x8F\xB8"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_true(passes_text(*state, SS_FILTER_FAST, others[i]));
}

/* Whatever the bytes are, every one is looked at once and nothing is read beyond them (ASan's build). */
static void takes_any_bytes(void **state)
{
    const fixture *f = *state;
    char token[SS_FIRST_STAGE_TOKEN];
    for (size_t len = 0; len < 300; len++) {
        char *bytes = malloc(len ? len : 1);
        assert_non_null(bytes);
        for (size_t i = 0; i < len; i++) {
            uint64_t random = random_bits();
            bytes[i] = len % 3 ? (char)(random >> 32) : "a0"[(random >> 32) % 2];
        }
        size_t at = 0, before = 0, n;
        while ((n = ss_first_stage_token(bytes, len, &at, token))) {
            assert_true(at > before && at <= len && n < SS_FIRST_STAGE_TOKEN && strlen(token) <= n);
            before = at;
        }
        assert_true(at >= before && at <= len);
        passes(f, SS_FILTER_FAST, bytes, len);
        free(bytes);
    }
    char *word = malloc(100000); /* one giant word */
    assert_non_null(word);
    memset(word, 'w', 100000);
    size_t at = 0;
    assert_int_equal(ss_first_stage_token(word, 100000, &at, token), SS_FIRST_STAGE_TOKEN - 1);
    assert_int_equal(at, 100000);
    assert_true(passes(f, SS_FILTER_FAST, word, 100000)); /* no word of the table */
    free(word);
}

static void drops_nothing_with_a_short_taxonomy(void **state)
{
    const fixture *f = *state;
    const char *text = "We are an equal opportunity employer.";
    ss_worded_room room;
    assert_int_equal(ss_span_sentence(f->finder, text, strlen(text), NULL), 0);
    ss_worded worded = ss_span_worded(f->finder, &room);
    for (size_t fewer = 0; fewer < 2; fewer++) {
        ss_first_stage *stage = ss_first_stage_new(SS_FILTER_FAST, SS_FIRST_STAGE_LEAST_SKILLS - fewer);
        assert_non_null(stage);
        assert_int_equal(ss_first_stage_passes(stage, &worded, text, strlen(text)), fewer);
        assert_int_equal(ss_first_stage_filter(stage), fewer ? SS_FILTER_OFF : SS_FILTER_FAST);
        ss_first_stage_free(stage);
    }
}

static void knows_its_levels(void **state)
{
    (void)state;
    assert_int_equal(ss_filter_of("off"), SS_FILTER_OFF);
    assert_int_equal(ss_filter_of("careful"), SS_FILTER_CAREFUL);
    assert_int_equal(ss_filter_of("fast"), SS_FILTER_FAST);
    assert_int_equal(ss_filter_of(NULL), SS_FILTER_OFF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drops_what_asks_for_nothing),
        cmocka_unit_test(keeps_whatever_names_a_skill),
        cmocka_unit_test(keeps_other_languages),
        cmocka_unit_test(takes_any_bytes),
        cmocka_unit_test(drops_nothing_with_a_short_taxonomy),
        cmocka_unit_test(knows_its_levels),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
