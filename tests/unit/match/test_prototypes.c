/* test_prototypes.c - which texts of a skill are embedded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "match/prototypes.h"

static void reads_the_option_in_any_order_and_number(void **state)
{
    (void)state;
    const struct {
        const char *text;
        unsigned kinds;
        const char *written;
    } cases[] = {
        {"label", 1, "label"},
        {"alternatives,label", 3, "label,alternatives"},
        {" labels , description , alternative ", 7, "label,alternatives,description"},
        {"label,label,descriptions", 5, "label,description"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ss_error err = {0};
        unsigned kinds = 0;
        char text[SS_PROTOTYPE_TEXT];
        assert_int_equal(ss_prototype_kinds_parse(cases[i].text, &kinds, &err), 0);
        assert_int_equal(kinds, cases[i].kinds);
        ss_prototype_kinds_text(kinds, text);
        assert_string_equal(text, cases[i].written);
    }
}

static void refuses_unknown_words_and_a_set_without_label(void **state)
{
    (void)state;
    const char *bad[] = {"", "label,", "label,synonyms", "alternatives", "Label"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ss_error err = {0};
        unsigned kinds;
        assert_int_equal(ss_prototype_kinds_parse(bad[i], &kinds, &err), -1);
        assert_int_equal(err.status, SS_USAGE);
    }
}

static void lists_by_skill_label_first(void **state)
{
    (void)state;
    static const char csv[] = "id,label,alternatives,description\n1,a,b|c,d\n2,e,,\n3,f,,g\n";
    ss_error err = {0};
    ss_taxonomy *t = ss_taxonomy_parse("t.csv", csv, sizeof csv - 1, NULL, NULL, &err);
    assert_non_null(t);
    ss_prototypes list;
    assert_int_equal(ss_prototypes_list(t, 7, &list, &err), 0);
    const ss_prototype expected[] = {{0, SS_PROTOTYPE_LABEL, "a"},       {0, SS_PROTOTYPE_ALTERNATIVE, "b"},
                                     {0, SS_PROTOTYPE_ALTERNATIVE, "c"}, {0, SS_PROTOTYPE_DESCRIPTION, "d"},
                                     {1, SS_PROTOTYPE_LABEL, "e"},       {2, SS_PROTOTYPE_LABEL, "f"},
                                     {2, SS_PROTOTYPE_DESCRIPTION, "g"}};
    assert_int_equal(list.count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < list.count; i++) {
        assert_int_equal(list.items[i].skill, expected[i].skill);
        assert_int_equal(list.items[i].kind, expected[i].kind);
        assert_string_equal(list.items[i].text, expected[i].text);
    }
    ss_prototypes_free(&list);
    assert_int_equal(ss_prototypes_list(t, SS_PROTOTYPE_LABEL, &list, &err), 0);
    assert_int_equal(list.count, 3);
    ss_prototypes_free(&list);
    ss_taxonomy_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_option_in_any_order_and_number),
        cmocka_unit_test(refuses_unknown_words_and_a_set_without_label),
        cmocka_unit_test(lists_by_skill_label_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
