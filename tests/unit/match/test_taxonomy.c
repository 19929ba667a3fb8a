/* test_taxonomy.c - reading, finding, encoding and refusing skill lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "match/taxonomy.h"

static ss_taxonomy *parse(const char *text, ss_error *err)
{
    return ss_taxonomy_parse("my-skills.csv", text, strlen(text), NULL, NULL, err);
}

static const char esco_like[] =
    "conceptType,conceptUri,skillType,reuseLevel,preferredLabel,altLabels,description\n"
    "K,http://data.europa.eu/esco/skill/1,knowledge,cross-sector,Java (computer programming),\"Java\nJava SE\n\nJava\","
    "\"Uses \"\"Java\"\", daily\"\n"
    "K,http://data.europa.eu/esco/skill/2,,,show empathy ,,\n"
    "K,http://data.europa.eu/esco/skill/3,skill/competence,transversal,\xC3\xA9tudier,\" a|b \r\n\xC3\xA9tudier\",x\n";

static void keeps_labels_byte_for_byte(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_taxonomy *t = parse(esco_like, &err);
    assert_non_null(t);
    assert_int_equal(ss_taxonomy_count(t), 3);
    assert_string_equal(ss_taxonomy_name(t), "ESCO");
    assert_string_equal(ss_taxonomy_version(t), "");
    const ss_skill *java = ss_taxonomy_skill(t, 0);
    assert_string_equal(java->uri, "http://data.europa.eu/esco/skill/1");
    assert_string_equal(java->label, "Java (computer programming)");
    assert_string_equal(java->type, "knowledge");
    assert_string_equal(java->reuse_level, "cross-sector");
    assert_string_equal(java->description, "Uses \"Java\", daily");
    assert_int_equal(java->alternative_count, 2); /* repeated and empty ones go */
    assert_string_equal(java->alternatives[0], "Java");
    assert_string_equal(java->alternatives[1], "Java SE");
    assert_string_equal(ss_taxonomy_skill(t, 1)->label, "show empathy ");
    const ss_skill *study = ss_taxonomy_skill(t, 2);
    assert_int_equal(study->alternative_count, 1); /* '|' separates only in lists of one's own; the label itself goes */
    assert_string_equal(study->alternatives[0], "a|b");
    ss_taxonomy_free(t);
}

static void finds_by_uri_label_and_trimmed_label(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_taxonomy *t = parse(esco_like, &err);
    assert_non_null(t);
    assert_int_equal(ss_taxonomy_by_uri(t, "http://data.europa.eu/esco/skill/3"), 2);
    assert_int_equal(ss_taxonomy_by_uri(t, "http://data.europa.eu/esco/skill/4"), SS_NO_SKILL);
    assert_int_equal(ss_taxonomy_by_label(t, "show empathy "), 1);
    assert_int_equal(ss_taxonomy_by_label(t, "show empathy"), SS_NO_SKILL);
    assert_int_equal(ss_taxonomy_by_trimmed_label(t, "\xC2\xA0show empathy", 14), 1);
    assert_int_equal(ss_taxonomy_find(t, "show empathy"), 1);
    assert_int_equal(ss_taxonomy_find(t, "http://data.europa.eu/esco/skill/1"), 0);
    assert_int_equal(ss_taxonomy_find(t, ""), SS_NO_SKILL);
    ss_taxonomy_free(t);
}

static void reads_a_list_of_ones_own(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_taxonomy *t = parse("description,label,id,alternatives,type\n,Go,go,golang| Go lang |,tool\n,Go,go2,,\n", &err);
    assert_non_null(t);
    assert_int_equal(ss_taxonomy_count(t), 2);
    assert_string_equal(ss_taxonomy_name(t), "my-skills");
    assert_int_equal(ss_taxonomy_skill(t, 0)->alternative_count, 2);
    assert_string_equal(ss_taxonomy_skill(t, 0)->alternatives[1], "Go lang");
    assert_string_equal(ss_taxonomy_skill(t, 0)->type, "tool");
    assert_int_equal(ss_taxonomy_by_label(t, "Go"), 0); /* of equal labels the first */
    ss_taxonomy_free(t);
    t = ss_taxonomy_parse("x", "id,label\n1,a\n", 13, "Ours", "7", &err);
    assert_non_null(t);
    assert_string_equal(ss_taxonomy_name(t), "Ours");
    assert_string_equal(ss_taxonomy_version(t), "7");
    ss_taxonomy_free(t);
}

static void check_refused(const char *text, ss_status status, const char *words)
{
    ss_error err = {0};
    assert_null(parse(text, &err));
    assert_int_equal(err.status, status);
    if (!strstr(err.text, words)) fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static void says_what_is_wrong_and_in_which_row(void **state)
{
    (void)state;
    check_refused("id,name\n1,a\n", SS_INPUT, "no column 'label'; found: id,name");
    check_refused("name\na\n", SS_INPUT, "no column 'id'; found: name");
    check_refused("preferredLabel\na\n", SS_INPUT, "no column 'conceptUri'; found: preferredLabel");
    check_refused("conceptUri,altLabels\nu,a\n", SS_INPUT, "no column 'preferredLabel'");
    check_refused("id,label\n", SS_INPUT, "no skill");
    check_refused("id,label\n1,a\n2, \n", SS_INPUT, "row 2 (line 3): empty label");
    check_refused("id,label\n,a\n", SS_INPUT, "row 1 (line 2): empty URI or id");
    check_refused("id,label\n1,a\n2,b\n3,c\n2,d\n", SS_INPUT, "rows 2 and 4 have the same URI or id, '2'");
    check_refused("id,label\n1,\"a\n", SS_INPUT, "no closing quote");
    check_refused("id,label\n1,a\xC0\n", SS_INPUT, "not UTF-8");
}

static void refuses_too_many_alternatives(void **state)
{
    (void)state;
    static char text[16384] = "id,label,alternatives\n1,a,";
    size_t used = strlen(text);
    for (int i = 0; i < 1001; i++) used += (size_t)snprintf(text + used, sizeof text - used, "%d|", i);
    check_refused(text, SS_LIMIT, "row 1: more than 1000 alternative labels");
}

static void assert_equal(const ss_taxonomy *a, const ss_taxonomy *b)
{
    assert_int_equal(ss_taxonomy_count(a), ss_taxonomy_count(b));
    assert_string_equal(ss_taxonomy_name(a), ss_taxonomy_name(b));
    assert_string_equal(ss_taxonomy_version(a), ss_taxonomy_version(b));
    for (uint32_t i = 0; i < ss_taxonomy_count(a); i++) {
        const ss_skill *x = ss_taxonomy_skill(a, i), *y = ss_taxonomy_skill(b, i);
        assert_string_equal(x->uri, y->uri);
        assert_string_equal(x->label, y->label);
        assert_string_equal(x->type, y->type);
        assert_string_equal(x->reuse_level, y->reuse_level);
        assert_string_equal(x->description, y->description);
        assert_int_equal(x->alternative_count, y->alternative_count);
        for (uint32_t j = 0; j < x->alternative_count; j++) assert_string_equal(x->alternatives[j], y->alternatives[j]);
        assert_int_equal(ss_taxonomy_by_uri(b, x->uri), i);
    }
}

static void comes_back_from_its_bytes(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_taxonomy *t = parse(esco_like, &err);
    assert_non_null(t);
    ss_buffer blob, again;
    ss_buffer_init(&blob, SIZE_MAX);
    ss_buffer_init(&again, SIZE_MAX);
    assert_int_equal(ss_taxonomy_encode(t, &blob, &err), 0);
    ss_taxonomy *back = ss_taxonomy_decode(blob.data, blob.len, &err);
    assert_non_null(back);
    assert_equal(t, back);
    assert_int_equal(ss_taxonomy_encode(back, &again, &err), 0);
    assert_int_equal(again.len, blob.len);
    assert_memory_equal(again.data, blob.data, blob.len);
    for (size_t len = 0; len < blob.len; len++) { /* cut off anywhere */
        char *cut = malloc(len ? len : 1);
        assert_non_null(cut);
        memcpy(cut, blob.data, len);
        assert_null(ss_taxonomy_decode(cut, len, &err));
        assert_int_equal(err.status, SS_CORRUPT);
        free(cut);
    }
    for (size_t bit = 0; bit < blob.len * 8; bit++) { /* any bit changed: refused, or another valid taxonomy */
        blob.data[bit / 8] = (char)(blob.data[bit / 8] ^ 1 << bit % 8);
        ss_taxonomy *other = ss_taxonomy_decode(blob.data, blob.len, &err);
        if (!other) assert_int_equal(err.status, SS_CORRUPT);
        ss_taxonomy_free(other);
        blob.data[bit / 8] = (char)(blob.data[bit / 8] ^ 1 << bit % 8);
    }
    ss_buffer_free(&again);
    ss_buffer_free(&blob);
    ss_taxonomy_free(back);
    ss_taxonomy_free(t);
}

/* Facts from ../shared/data/esco/README.md, counted there with other tools. */
static void reads_esco_as_published(void **state)
{
    (void)state;
    const char *path = SS_SHARED_DIR "/data/esco/skills_en.csv.gz";
    if (!ss_file_exists(path)) {
        print_message("no ../shared/data/esco\n");
        skip();
    }
    ss_error err = {0};
    ss_taxonomy *t = ss_taxonomy_read(path, NULL, NULL, &err);
    assert_non_null(t);
    assert_int_equal(ss_taxonomy_count(t), 13891);
    assert_string_equal(ss_taxonomy_name(t), "ESCO");
    assert_string_equal(ss_taxonomy_version(t), "1.1.0");
    size_t odd = 0, with_alternatives = 0, knowledge = 0, untyped = 0, transversal = 0;
    for (uint32_t i = 0; i < 13891; i++) {
        const ss_skill *s = ss_taxonomy_skill(t, i);
        size_t len = strlen(s->label);
        odd += s->label[0] == ' ' || s->label[len - 1] == ' ' || strstr(s->label, "  ") || strstr(s->label, "\xC2\xA0");
        with_alternatives += s->alternative_count > 0;
        knowledge += !strcmp(s->type, "knowledge");
        untyped += !*s->type;
        transversal += !strcmp(s->reuse_level, "transversal");
        assert_int_not_equal(*s->description, 0);
        assert_int_equal(ss_taxonomy_by_label(t, s->label), i);
    }
    assert_int_equal(odd, 88);
    assert_int_equal(with_alternatives, 13306); /* 13,699 have some, of 393 only the label again */
    assert_int_equal(knowledge, 3057);
    assert_int_equal(untyped, 1);
    assert_int_equal(transversal, 440);
    ss_taxonomy_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_labels_byte_for_byte),    cmocka_unit_test(finds_by_uri_label_and_trimmed_label),
        cmocka_unit_test(reads_a_list_of_ones_own),      cmocka_unit_test(says_what_is_wrong_and_in_which_row),
        cmocka_unit_test(refuses_too_many_alternatives), cmocka_unit_test(comes_back_from_its_bytes),
        cmocka_unit_test(reads_esco_as_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
