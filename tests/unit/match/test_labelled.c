/* test_labelled.c - grouping, special labels, Python lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "match/labelled.h"
#include "support/temp_folder.h"

static const char skills[] =
    "id,label\nu/0,C#\nu/1,show empathy \nu/2,\"it's, \"\"so\"\"\"\nu/3,caf\xC3\xA9\xC2\xA0x\n";

typedef struct fixture {
    char *folder;
    ss_taxonomy *taxonomy;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    f.folder = temp_folder_make();
    f.taxonomy = ss_taxonomy_parse("t.csv", skills, sizeof skills - 1, NULL, NULL, NULL);
    *state = &f;
    return f.taxonomy ? 0 : -1;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    ss_taxonomy_free(f->taxonomy);
    temp_folder_remove(f->folder);
    return 0;
}

static ss_labelled_set *read_text(const fixture *f, const char *text, ss_labelled_rule rule, ss_error *err)
{
    temp_write_text(f->folder, "l.csv", text);
    return ss_labelled_read(temp_path(f->folder, "l.csv"), rule, f->taxonomy, err);
}

static void check_item(const ss_labelled_set *set, size_t i, const char *sentence, size_t count, const uint32_t *gold)
{
    const ss_labelled *item = ss_labelled_item(set, i);
    assert_string_equal(item->sentence.data, sentence);
    assert_int_equal(item->gold_count, count);
    for (size_t g = 0; g < count; g++) assert_int_equal(item->gold[g], gold[g]);
}

static void groups_rows_of_one_sentence(void **state)
{
    ss_error err = {0};
    ss_labelled_set *set = read_text(*state,
                                     "x,sentence,label\n,one,C#\n,two,LABEL NOT PRESENT\n,one,show empathy\n,one,C#\n"
                                     ",three,UNDERSPECIFIED\n,three,nope\n,one, \n,two,\n",
                                     SS_LABELLED_BENCHMARK, &err);
    assert_non_null(set);
    assert_int_equal(ss_labelled_count(set), 3);
    check_item(set, 0, "one", 2, (uint32_t[]){0, 1});
    check_item(set, 1, "two", 0, NULL);
    check_item(set, 2, "three", 1, (uint32_t[]){SS_NO_SKILL});
    assert_int_equal(ss_labelled_item(set, 2)->unknown, 1);
    assert_int_equal(ss_labelled_check(set, "l.csv", &err), 0);
    ss_labelled_free(set);
}

static void exact_rule_compares_bytes(void **state)
{
    ss_error err = {0};
    ss_labelled_set *set =
        read_text(*state, "sentence,label\na,show empathy\nb,show empathy \n", SS_LABELLED_EXACT, &err);
    assert_non_null(set);
    check_item(set, 0, "a", 1, (uint32_t[]){SS_NO_SKILL});
    check_item(set, 1, "b", 1, (uint32_t[]){1});
    ss_labelled_free(set);
}

/* The lists are what Python's repr prints for these labels. */
static void reads_lists_as_python_prints_them(void **state)
{
    ss_error err = {0};
    ss_labelled_set *set = read_text(*state,
                                     ",sentence,skills\n0,a,\"['C#', 'it\\'s, \"\"so\"\"']\"\n1,b,['UNK']\n2,c,[]\n"
                                     "3,d,\"[\"\"C#\"\", 'caf\\xe9\\xa0x', 'UNK', 'gone']\"\n4,e,C#\n",
                                     SS_LABELLED_TRAINING, &err);
    assert_non_null(set);
    check_item(set, 0, "a", 2, (uint32_t[]){0, 2});
    check_item(set, 1, "b", 0, NULL);
    check_item(set, 2, "c", 0, NULL);
    check_item(set, 3, "d", 3, (uint32_t[]){0, 3, SS_NO_SKILL});
    check_item(set, 4, "e", 1, (uint32_t[]){0});
    ss_labelled_free(set);
}

static void accepts_uris_and_counts_a_skill_once(void **state)
{
    ss_error err = {0};
    ss_labelled_set *set =
        read_text(*state, "sentence,skill\na,u/1\na,show empathy\na,C#\n", SS_LABELLED_TRAINING, &err);
    assert_non_null(set);
    check_item(set, 0, "a", 2, (uint32_t[]){1, 0});
    ss_labelled_free(set);
}

static void keeps_thousands_of_sentences_apart(void **state)
{
    static char text[200000] = "sentence,label\n";
    size_t used = strlen(text);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 3000; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, "sentence %d,%s\n", i, round ? "C#" : "");
    ss_error err = {0};
    ss_labelled_set *set = read_text(*state, text, SS_LABELLED_BENCHMARK, &err);
    assert_non_null(set);
    assert_int_equal(ss_labelled_count(set), 3000);
    for (size_t i = 0; i < 3000; i++) {
        char sentence[32];
        snprintf(sentence, sizeof sentence, "sentence %zu", i);
        check_item(set, i, sentence, 1, (uint32_t[]){0});
    }
    ss_labelled_free(set);
}

static void check_refused(const fixture *f, const char *text, ss_labelled_rule rule, const char *words)
{
    ss_error err = {0};
    assert_null(read_text(f, text, rule, &err));
    assert_int_equal(err.status, SS_INPUT);
    if (!strstr(err.text, words)) fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static void says_what_is_missing(void **state)
{
    const fixture *f = *state;
    check_refused(f, "text,label\na,b\n", SS_LABELLED_TRAINING, "no column 'sentence'; found: text,label");
    check_refused(f, "sentence,gold\na,b\n", SS_LABELLED_TRAINING, "no column 'label'");
    check_refused(f, "sentence,skills\na,b\n", SS_LABELLED_BENCHMARK, "no column 'label'");
    const char *lists[] = {"['a'", "['a' 'b", "[a]", "['\\x0']", "['a\\", "['\\q']", "["};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        char text[128];
        snprintf(text, sizeof text, "sentence,skills\na,['C#']\nb,\"%s\"\n", lists[i]);
        check_refused(f, text, SS_LABELLED_TRAINING, "row 2: not a list");
    }
    ss_error err = {0};
    ss_labelled_set *set = read_text(f, "sentence,label\na,unheard of\n", SS_LABELLED_TRAINING, &err);
    assert_non_null(set);
    assert_int_equal(ss_labelled_check(set, "l.csv", &err), -1);
    ss_labelled_free(set);
}

/* Counts from ../shared/data (README of each set), made there with other tools. */
static void reads_the_public_sets_as_counted(void **state)
{
    (void)state;
    const char *esco = SS_SHARED_DIR "/data/esco/skills_en.csv.gz";
    if (!ss_file_exists(esco)) {
        print_message("no ../shared/data\n");
        skip();
    }
    ss_error err = {0};
    ss_taxonomy *taxonomy = ss_taxonomy_read(esco, NULL, NULL, &err);
    assert_non_null(taxonomy);
    const struct {
        const char *path;
        ss_labelled_rule rule;
        size_t sentences, with_gold, gold;
    } sets[] = {
        {SS_SHARED_DIR "/data/validation/tech_validation.csv", SS_LABELLED_BENCHMARK, 92, 67, 118},
        {SS_SHARED_DIR "/data/validation/house_validation.csv", SS_LABELLED_BENCHMARK, 77, 61, 131},
        {SS_SHARED_DIR "/data/skillskape/dev.csv", SS_LABELLED_TRAINING, 1316, 1316 - 86, 2751 - 136},
    };
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        ss_labelled_set *set = ss_labelled_read(sets[i].path, sets[i].rule, taxonomy, &err);
        assert_non_null(set);
        size_t with_gold = 0, gold = 0, unknown = 0;
        for (size_t j = 0; j < ss_labelled_count(set); j++) {
            with_gold += ss_labelled_item(set, j)->gold_count > 0;
            gold += ss_labelled_item(set, j)->gold_count;
            unknown += ss_labelled_item(set, j)->unknown;
        }
        assert_int_equal(ss_labelled_count(set), sets[i].sentences);
        assert_int_equal(with_gold, sets[i].with_gold);
        assert_int_equal(gold, sets[i].gold);
        assert_int_equal(unknown, 0);
        ss_labelled_free(set);
    }
    ss_taxonomy_free(taxonomy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_rows_of_one_sentence),        cmocka_unit_test(exact_rule_compares_bytes),
        cmocka_unit_test(reads_lists_as_python_prints_them),  cmocka_unit_test(accepts_uris_and_counts_a_skill_once),
        cmocka_unit_test(keeps_thousands_of_sentences_apart), cmocka_unit_test(says_what_is_missing),
        cmocka_unit_test(reads_the_public_sets_as_counted),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
