/* test_pairs.c - which pairs are taken and which are refused, from every kind of file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <zlib.h>

#include "support/temp_folder.h"
#include "worker/train/load.h"
#include "worker/train/pair_log.h"

static const char TAXONOMY[] = "id,label,alternatives,description\n"
                               "u/cook,prepare meals,cook|make food,Making meals.\n"
                               "u/drive,drive a van,,\n"
                               "u/sell,sell goods,vend,\n";

static ss_taxonomy *taxonomy;
static const ss_recipe recipe = {.max_sentence = 60, .weight_literal = 1, .weight_implied = 1, .weight_multi = 1};

static int set_up(void **state)
{
    (void)state;
    taxonomy = ss_taxonomy_parse("t", TAXONOMY, sizeof TAXONOMY - 1, NULL, NULL, NULL);
    return taxonomy ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    ss_taxonomy_free(taxonomy);
    return 0;
}

/* The reason of a JSON line, "" when the pair is taken. */
static const char *verdict(const char *line, ss_checked_pair *checked)
{
    ss_arena arena;
    ss_arena_init(&arena, 0, 0);
    ss_pair pair;
    ss_pair_fault fault;
    ss_error err = {0};
    if (ss_wire_read_pair(line, strlen(line), &arena, &pair, &err)) fail_msg("%s: %s", line, err.text);
    int state = ss_pair_check(&pair, taxonomy, 60, checked, &fault, &err);
    ss_arena_free(&arena);
    assert_true(state >= 0);
    return state ? fault.reason : "";
}

static void skills_are_found_by_uri_and_by_label(void **state)
{
    (void)state;
    ss_checked_pair c;
    assert_string_equal(verdict("{\"sentence\":\"You cook.\",\"skill\":\"u/cook\"}", &c), "");
    assert_int_equal(c.skill_count, 1);
    assert_int_equal(c.skills[0], 0);
    assert_string_equal(verdict("{\"sentence\":\"You drive.\",\"label\":\"drive a van\"}", &c), "");
    assert_int_equal(c.skills[0], 1);
    assert_string_equal(
        verdict("{\"sentence\":\"Both.\",\"skillUris\":[\"u/sell\",\"u/cook\",\"u/sell\"],\"kind\":\"MULTI\"}", &c),
        "");
    assert_int_equal(c.skill_count, 2);
    assert_int_equal(c.skills[0], 2);
    assert_int_equal(c.skills[1], 0);
}

static void what_cannot_be_used_has_a_reason(void **state)
{
    (void)state;
    ss_checked_pair c;
    assert_string_equal(verdict("{\"sentence\":\"x\",\"skill\":\"u/fly\"}", &c), "unknown-skill");
    assert_string_equal(verdict("{\"sentence\":\"  \\u00a0 \",\"skill\":\"u/cook\"}", &c), "empty-sentence");
    assert_string_equal(verdict("{\"sentence\":\"0123456789012345678901234567890123456789012345678901234567890\","
                                "\"skill\":\"u/cook\"}",
                                &c),
                        "long-sentence");
    assert_string_equal(verdict("{\"sentence\":\"x\",\"kind\":\"IMPLIED\"}", &c), "no-skill");
    assert_string_equal(verdict("{\"sentence\":\"x\",\"skill\":\"u/cook\",\"kind\":\"NONE\"}", &c), "skill-of-none");
    assert_string_equal(verdict("{\"sentence\":\"We are a bakery.\"}", &c), "");
    assert_int_equal(c.kind, SS_PAIR_NONE);
}

/* The same pair named by label and by URI is one pair. */
static void the_id_does_not_depend_on_how_the_skill_is_named(void **state)
{
    (void)state;
    ss_checked_pair a, b, other;
    verdict("{\"sentence\":\"You cook.\",\"skill\":\"u/cook\"}", &a);
    verdict("{\"sentence\":\" You cook. \",\"label\":\"prepare meals\"}", &b);
    verdict("{\"sentence\":\"You cook.\",\"skill\":\"u/sell\"}", &other);
    assert_memory_equal(&a.id, &b.id, sizeof a.id);
    assert_memory_not_equal(&a.id, &other.id, sizeof a.id);
}

static void write_gzip(const char *path, const char *text)
{
    gzFile file = gzopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, text, (unsigned)strlen(text)), (int)strlen(text));
    assert_int_equal(gzclose(file), Z_OK);
}

static void write_log(const char *path)
{
    size_t cut;
    ss_slice uri = {"u/drive", 7};
    ss_pair pair = {.id = {"p1", 2}, .sentence = {"Out of the log.", 15}, .skill_uris = &uri, .skill_count = 1};
    ss_pair_log *log = ss_pair_log_open(path, &cut, NULL);
    assert_non_null(log);
    assert_int_equal(ss_pair_log_add(log, &pair, ss_hash128_of("p1", 2), NULL), 1);
    assert_int_equal(ss_pair_log_commit(log, NULL), 0);
    ss_pair_log_close(log);
}

static void every_kind_of_file_is_read_and_refused_lines_are_named(void **state)
{
    (void)state;
    char *folder = temp_folder_make();
    char paths[5][200];
    const char *names[5] = {"pairs.jsonl", "pairs.csv", "pairs.jsonl.gz", "pairs.log", "none.txt"};
    for (int i = 0; i < 5; i++) snprintf(paths[i], sizeof paths[i], "%s/%s", folder, names[i]);
    temp_write_text(folder, names[0],
                    "{\"sentence\":\"You cook.\",\"skill\":\"u/cook\"}\n\nnot json\n"
                    "{\"sentence\":\"You fly.\",\"skill\":\"u/fly\"}\n");
    temp_write_text(folder, names[1],
                    "skill,sentence\nprepare meals,You cook.\n\"u/sell\",\"Sell, \"\"well\"\"\"\n,No skill here.\n");
    write_gzip(paths[2], "{\"sentence\":\"Drive!\",\"skill\":\"u/drive\"}\n");
    write_log(paths[3]);
    temp_write_text(folder, names[4], "We are a bakery.\nPay: enough.\n");

    char *items[5], *refused = NULL, want[600];
    size_t len = 0;
    for (int i = 0; i < 5; i++) items[i] = paths[i];
    ss_strings files = {.items = items, .count = 5};
    ss_dataset set;
    ss_load_report report;
    ss_error err = {0};
    FILE *out = open_memstream(&refused, &len);
    assert_int_equal(ss_dataset_init(&set, taxonomy, 0, 1, &err), 0);
    if (ss_load_files(&set, &recipe, &files, out, NULL, NULL, &report, &err)) fail_msg("%s", err.text);
    fclose(out);
    assert_int_equal(report.read, 10);
    assert_int_equal(report.refused, 2);
    assert_int_equal(set.duplicates, 1); /* "You cook." by URI and by label */
    assert_int_equal(set.pairs.count, 4);
    assert_int_equal(set.none.count, 3);
    assert_string_equal(set.pairs.items[1].text, "Sell, \"well\"");
    assert_string_equal(set.pairs.items[3].text, "Out of the log.");
    snprintf(want, sizeof want, "%s:4\tunknown-skill\t'u/fly' is neither a URI nor a label of the taxonomy\n",
             paths[0]);
    assert_non_null(strstr(refused, want));
    snprintf(want, sizeof want, "%s:3\tbad-line\t", paths[0]);
    assert_non_null(strstr(refused, want));
    free(refused);
    ss_dataset_free(&set);
    temp_folder_remove(folder);
}

static void the_digest_tells_data_and_order_apart(void **state)
{
    (void)state;
    const char *lines[3] = {"{\"sentence\":\"a\",\"skill\":\"u/cook\"}", "{\"sentence\":\"b\",\"skill\":\"u/sell\"}",
                            "{\"sentence\":\"b\",\"skill\":\"u/drive\"}"};
    const int orders[4][2] = {{0, 1}, {1, 0}, {0, 2}, {0, 1}};
    char digests[4][SS_SHA256_HEX + 1];
    for (int o = 0; o < 4; o++) {
        ss_dataset set;
        assert_int_equal(ss_dataset_init(&set, taxonomy, 0, 1, NULL), 0);
        for (int i = 0; i < 2; i++) {
            ss_checked_pair c;
            ss_arena arena;
            ss_pair pair;
            ss_pair_fault fault;
            const char *line = lines[orders[o][i]];
            ss_arena_init(&arena, 0, 0);
            assert_int_equal(ss_wire_read_pair(line, strlen(line), &arena, &pair, NULL), 0);
            assert_int_equal(ss_pair_check(&pair, taxonomy, 60, &c, &fault, NULL), 0);
            assert_int_equal(ss_dataset_add(&set, &c, NULL), 1);
            ss_arena_free(&arena);
        }
        assert_int_equal(ss_dataset_digest(&set, digests[o], NULL), 0);
        ss_dataset_free(&set);
    }
    assert_string_equal(digests[0], digests[3]);
    assert_string_not_equal(digests[0], digests[1]);
    assert_string_not_equal(digests[0], digests[2]);
}

static void definitions_are_descriptions_and_alternatives(void **state)
{
    (void)state;
    ss_dataset set;
    assert_int_equal(ss_dataset_init(&set, taxonomy, 0, 1, NULL), 0);
    assert_int_equal(ss_dataset_add_definitions(&set, 1, 1, NULL), 0);
    assert_int_equal(set.pairs.count, 4);
    assert_string_equal(set.pairs.items[0].text, "Making meals.");
    assert_string_equal(set.pairs.items[3].text, "vend");
    assert_int_equal(set.pairs.items[3].skill, 2);
    ss_dataset_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(skills_are_found_by_uri_and_by_label),
        cmocka_unit_test(what_cannot_be_used_has_a_reason),
        cmocka_unit_test(the_id_does_not_depend_on_how_the_skill_is_named),
        cmocka_unit_test(every_kind_of_file_is_read_and_refused_lines_are_named),
        cmocka_unit_test(the_digest_tells_data_and_order_apart),
        cmocka_unit_test(definitions_are_descriptions_and_alternatives),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
