/* Which skills a sentence names, and how they join the nearest ones. Oracle: ss_span_find on a list without
 * alternatives, which looks for each label on its own; the index must find exactly those. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "match/candidates.h"

enum { JAVA, CPP, C, CSHARP, NET, NODE, MANAGE, MANAGE_STAFF, CAFE, GO, TOOL, SQL, SHELL, SOURCE, LESS, SKILLS };
static const char csv[] = "id,label\n"
                          "0,Java (computer programming)\n"
                          "1,C++\n"
                          "2,C\n"
                          "3,C#\n"
                          "4,.NET\n"
                          "5,Node\n"
                          "6,manage\n"
                          "7,manage staff \n"
                          "8,caf\xC3\xA9 service\n"
                          "9,Go (computer programming)\n"
                          "10,tool\n"
                          "11,SQL (query language)\n"
                          "12,shell script (a) (b)\n"
                          "13,Source (open source games)\n"
                          "14,LESS\n";
/* "source" stands in lower case in skill 13's own label, "less" in no text of this list. */

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

static unsigned named_set(const fixture *f, const char *text, size_t len)
{
    uint32_t skills[SKILLS + 4];
    assert_int_equal(ss_span_sentence(f->finder, text, len, NULL), 0);
    size_t n = ss_span_named(f->finder, skills, SKILLS + 4);
    unsigned set = 0;
    for (size_t i = 0; i < n; i++) {
        assert_true(skills[i] < SKILLS);
        assert_false(set & 1u << skills[i]); /* different skills */
        set |= 1u << skills[i];
    }
    return set;
}

static void check(const fixture *f, const char *text, unsigned expected)
{
    unsigned got = named_set(f, text, strlen(text));
    if (got != expected) fail_msg("\"%s\": %#x, expected %#x", text, got, expected);
}

static void finds_the_skills_that_are_named(void **state)
{
    const fixture *f = *state;
    check(f, "Java, C++ and C#", 1u << JAVA | 1u << CPP | 1u << CSHARP);
    check(f, "JAVASCRIPT", 0);
    check(f, "You will manage staff.", 1u << MANAGE | 1u << MANAGE_STAFF);
    check(f, "management of staff", 0);
    check(f, "Cafe  service with tools", 1u << CAFE | 1u << TOOL);
    check(f, "we go fast", 0); /* the verb: a short label without its bracket keeps its case */
    check(f, "Go, Node, SQLs", 1u << GO | 1u << NODE | 1u << SQL);
    check(f, "go (computer programming)", 1u << GO); /* the whole label in any case */
    check(f, "a shell script (a)", 1u << SHELL);
    check(f, "ASP.NET and .net", 1u << NET);
    check(f, "open source or the Source engine", 1u << SOURCE);
    check(f, "an open source project", 0); /* the everyday word */
    check(f, "less or Less", 1u << LESS);
    check(f, "", 0);
    check(f, "\xFF\xFE", 0);
}

static void agrees_with_looking_for_each_label(void **state)
{
    const fixture *f = *state;
    static const char *const parts[] = {"java",        " ",       "C",    "+",        "#",   ".", "net",
                                        "caf\xC3\xA9", "service", "s",    "\xC2\xA0", "\n",  "(", ")",
                                        "manage",      "staff",   "node", "tool",     "SQL", "-", "shell",
                                        "script",      " (a)",    "\xFF", ", "};
    unsigned seed = 11;
    for (int round = 0; round < 40000; round++) {
        char text[256];
        size_t len = 0;
        for (int i = 0; i < 9; i++) {
            const char *part = parts[((seed = seed * 1103515245u + 12345u) >> 16) % (sizeof parts / sizeof *parts)];
            memcpy(text + len, part, strlen(part));
            len += strlen(part);
        }
        unsigned got = named_set(f, text, len), expected = 0;
        for (uint32_t skill = 0; skill < SKILLS; skill++)
            if (ss_span_find(f->finder, skill).literal) expected |= 1u << skill;
        text[len] = 0;
        if (got != expected) fail_msg("\"%s\": %#x, expected %#x", text, got, expected);
    }
}

static void stops_at_the_limit(void **state)
{
    const fixture *f = *state;
    uint32_t skills[2];
    assert_int_equal(ss_span_sentence(f->finder, "Java C++ C# SQL", 15, NULL), 0);
    assert_int_equal(ss_span_named(f->finder, skills, 2), 2);
    assert_int_equal(skills[0], JAVA);
    assert_int_equal(skills[1], CPP);
    assert_int_equal(ss_span_named(f->finder, skills, 0), 0);
}

/* Scores that are easy to read: the vector of skill s has 1 - s/100 in its first place, the sentence is (1, 0). */
static ss_skill_matrix *make_matrix(const fixture *f)
{
    ss_prototypes prototypes;
    assert_int_equal(ss_prototypes_list(f->taxonomy, SS_PROTOTYPE_LABEL, &prototypes, NULL), 0);
    float values[SKILLS * 2] = {0};
    for (int s = 0; s < SKILLS; s++) values[2 * s] = 1 - (float)s / 100;
    ss_skill_matrix *matrix = ss_skill_matrix_from_values(values, 2, &prototypes, SKILLS, SS_SCORE_BEST, NULL);
    ss_prototypes_free(&prototypes);
    assert_non_null(matrix);
    return matrix;
}

static size_t add_worded(const fixture *f, const ss_skill_matrix *matrix, const float *vector, ss_hit *hits,
                         size_t count, size_t room)
{
    ss_worded_room arrays;
    ss_worded worded = ss_span_worded(f->finder, &arrays);
    return ss_candidates_add_worded(matrix, &worded, vector, hits, count, room);
}

static void named_skills_join_the_nearest_in_order(void **state)
{
    const fixture *f = *state;
    ss_skill_matrix *matrix = make_matrix(f);
    const float vector[2] = {1, 0};
    assert_int_equal(ss_span_sentence(f->finder, "tools, SQL, Java", 16, NULL), 0);
    for (size_t room = 3; room <= 5; room++) {
        ss_hit hits[5] = {{JAVA, 1.0f}, {CPP, 0.99f}, {C, 0.98f}};
        size_t n = add_worded(f, matrix, vector, hits, 3, room);
        assert_int_equal(n, room);
        unsigned set = 0;
        for (size_t i = 0; i < n; i++) {
            set |= 1u << hits[i].skill;
            assert_true(hits[i].score == ss_skill_matrix_score_of(matrix, hits[i].skill, vector));
            assert_true(!i || hits[i - 1].score >= hits[i].score);
        }
        unsigned named = 1u << JAVA | 1u << TOOL | 1u << SQL;
        assert_int_equal(set & named, named); /* the nearest ones made room, worst first */
        assert_int_equal(set & ~named, room == 3 ? 0 : room == 4 ? 1u << CPP : 1u << CPP | 1u << C);
    }
    ss_skill_matrix_free(matrix);
}

static void overlapping_skills_join_while_there_is_room(void **state)
{
    const fixture *f = *state;
    ss_skill_matrix *matrix = make_matrix(f);
    const float vector[2] = {1, 0};
    ss_worded_room room;
    assert_int_equal(ss_span_sentence(f->finder, "the computer", 12, NULL), 0); /* a word of brackets: in no name */
    assert_int_equal(ss_span_worded(f->finder, &room).overlapping_count, 0);
    assert_int_equal(ss_span_sentence(f->finder, "for managers", 12, NULL),
                     0); /* one stem with "manage", not its name */
    assert_int_equal(ss_span_worded(f->finder, &room).overlapping_count, 2);
    assert_int_equal(room.overlapping[0], MANAGE);
    assert_int_equal(room.overlapping[1], MANAGE_STAFF); /* half of it */
    assert_true(ss_span_overlap(f->finder, MANAGE) > ss_span_overlap(f->finder, MANAGE_STAFF));
    ss_hit hits[3] = {{JAVA, 1.0f}, {CPP, 0.99f}};
    assert_int_equal(add_worded(f, matrix, vector, hits, 2, 2), 2);
    assert_int_equal(hits[1].skill, CPP); /* no room: nothing makes way */
    assert_int_equal(add_worded(f, matrix, vector, hits, 2, 3), 3);
    assert_int_equal(hits[2].skill, MANAGE);
    ss_skill_matrix_free(matrix);
}

/* Against the overlap of each skill, one by one. */
static void finds_those_that_overlap_most(void **state)
{
    const fixture *f = *state;
    static const char *const sentences[] = {"manage staff, manage computers and program Java", "manage",
                                            "staff of C++ managers",
                                            "we use computer programming in Java and C++ to manage musical staff"};
    uint32_t skills = (uint32_t)ss_taxonomy_count(f->taxonomy), found = 0;
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++) {
        ss_worded_room room;
        uint32_t want[SS_SPAN_OVERLAPPING];
        size_t wanted = 0;
        assert_int_equal(ss_span_sentence(f->finder, sentences[i], strlen(sentences[i]), NULL), 0);
        for (uint32_t best = 0; wanted < SS_SPAN_OVERLAPPING && best < skills;) {
            best = skills;
            for (uint32_t s = 0; s < skills; s++) {
                int taken = ss_span_overlap(f->finder, s) <= 0;
                for (size_t k = 0; k < wanted; k++) taken |= want[k] == s;
                if (!taken && (best == skills || ss_span_overlap(f->finder, s) > ss_span_overlap(f->finder, best)))
                    best = s;
            }
            if (best < skills) want[wanted++] = best;
        }
        ss_worded worded = ss_span_worded(f->finder, &room);
        assert_int_equal(worded.overlapping_count, wanted);
        assert_memory_equal(worded.overlapping, want, wanted * sizeof *want);
        for (size_t k = 0; k < wanted; k++) assert_true(worded.overlaps[k] == ss_span_overlap(f->finder, want[k]));
        found += (uint32_t)wanted;
    }
    assert_true(found > 10); /* it was about something */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_skills_that_are_named),
        cmocka_unit_test(agrees_with_looking_for_each_label),
        cmocka_unit_test(stops_at_the_limit),
        cmocka_unit_test(named_skills_join_the_nearest_in_order),
        cmocka_unit_test(overlapping_skills_join_while_there_is_room),
        cmocka_unit_test(finds_those_that_overlap_most),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
