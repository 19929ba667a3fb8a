/* test_prompt.c - prompt templates: what is accepted, and what comes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "producer/prompts.h"

static ss_prompt parsed(const char *text)
{
    ss_prompt p;
    ss_error err = {0};
    if (ss_prompt_parse("t", text, strlen(text), &p, &err)) fail_msg("%s", err.text);
    return p;
}

static char *rendered(const ss_prompt *p, const ss_prompt_values *v, char **system)
{
    ss_buffer s, u;
    ss_error err = {0};
    ss_buffer_init(&s, 1 << 16);
    ss_buffer_init(&u, 1 << 16);
    assert_int_equal(ss_prompt_render(p, v, &s, &u, &err), 0);
    *system = ss_buffer_take(&s, NULL);
    return ss_buffer_take(&u, NULL);
}

static void renders_placeholders_once_and_drops_empty_lines(void **state)
{
    (void)state;
    ss_prompt p =
        parsed("# c\nversion: a.1\nkind: LITERAL\nsector: s1 | s2\nregister: r1|r2|r3\n---\nIn {language}.\n---\n"
               "Write {n} about {label}\nAlso: {alternatives}\nMeans: {description}\nIn {sector}, {register}.\n"
               "Answer {\"sentences\": []} and {Upper} and {x y}\n");
    ss_prompt_values v = {
        .label = "{n} braces {label}", .description = "d", .language = "English", .n = 7, .variation = 1};
    char *system, *user = rendered(&p, &v, &system);
    assert_string_equal(system, "In English.");
    assert_string_equal(user, "Write 7 about {n} braces {label}\nMeans: d\nIn s2, r1.\n"
                              "Answer {\"sentences\": []} and {Upper} and {x y}");
    free(system);
    free(user);
    ss_prompt_free(&p);
}

static void every_choice_is_reached(void **state)
{
    (void)state;
    ss_prompt p =
        parsed("version: a.1\nkind: NONE\nsector: s0|s1|s2|s3\nregister: r0|r1|r2\n---\n---\n{n} {sector} {register}");
    int seen[4][3] = {{0}};
    for (uint64_t i = 0; i < 400; i++) {
        ss_prompt_values v = {.n = 1, .variation = i * 0x9e3779b97f4a7c15u};
        char *system, *user = rendered(&p, &v, &system);
        seen[user[3] - '0'][user[6] - '0']++;
        free(system);
        free(user);
    }
    for (int s = 0; s < 4; s++)
        for (int r = 0; r < 3; r++) assert_true(seen[s][r] > 10);
    ss_prompt_free(&p);
}

static void refuses_templates_with_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "version"},
        {"version: a.1\n---\ns\n---\n{n} {label}", "kind"},
        {"kind: LITERAL\n---\ns\n---\n{n} {label}", "version"},
        {"version: a b\nkind: LITERAL\n---\ns\n---\n{n} {label}", "version"},
        {"version: a.1\nkind: ODD\n---\ns\n---\n{n} {label}", "kind"},
        {"version: a.1\nkind: LITERAL\n---\n{n} {label}", "user message"},
        {"version: a.1\nkind: LITERAL\n---\ns\n---\n{label}", "{n}"},
        {"version: a.1\nkind: LITERAL\n---\ns\n---\n{n}", "{label}"},
        {"version: a.1\nkind: MULTI\n---\ns\n---\n{n} {label}", "{skills}"},
        {"version: a.1\nkind: LITERAL\n---\ns\n---\n{n} {label} {lable}", "{lable}"},
        {"version: a.1\nkind: LITERAL\ncolour: red\n---\ns\n---\n{n} {label}", "colour"},
        {"version: a.1\nkind: LITERAL\nnonsense\n---\ns\n---\n{n} {label}", "key: value"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ss_prompt p;
        ss_error err = {0};
        assert_int_equal(ss_prompt_parse("file.txt", bad[i].text, strlen(bad[i].text), &p, &err), -1);
        assert_int_equal(err.status, SS_CONFIG);
        if (!strstr(err.text, bad[i].says) || !strstr(err.text, "file.txt")) fail_msg("%zu: %s", i, err.text);
    }
}

static void built_in_templates_cover_all_kinds(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_prompts *all = ss_prompts_load(NULL, &err);
    if (!all) fail_msg("%s", err.text);
    for (int kind = SS_PAIR_LITERAL; kind <= SS_PAIR_NONE; kind++) {
        const ss_prompt *p = ss_prompts_choose(all, (ss_pair_kind)kind, 12345);
        assert_non_null(p);
        assert_int_equal(p->kind, kind);
    }
    assert_true(ss_prompts_count(all) >= 6);
    /* Both templates of a kind get about half of the skills. */
    size_t first = 0;
    for (uint64_t i = 0; i < 1000; i++)
        first += ss_prompts_choose(all, SS_PAIR_LITERAL, i) == ss_prompts_choose(all, SS_PAIR_LITERAL, 0);
    assert_in_range(first, 400, 600);
    ss_prompts_free(all);
    assert_null(ss_prompts_load("/nowhere", &err));
    assert_int_equal(err.status, SS_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renders_placeholders_once_and_drops_empty_lines),
        cmocka_unit_test(every_choice_is_reached),
        cmocka_unit_test(refuses_templates_with_mistakes),
        cmocka_unit_test(built_in_templates_cover_all_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
