/* The option table as manual page and completion script: what shells and roff make of texts that hold their own marks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/options.h"

typedef struct values {
    ss_common_values common;
    const char *format, *file;
    uint64_t top;
    int fast;
} values;

static const ss_option table[] = {
    {"format", SS_OPT_CHOICE, offsetof(values, format), "json", "json|plain-text", "F", "Group",
     "'Quotes' and $HOME and `pwd` and [brackets]: all of it is text. More.", 0},
    {"file", SS_OPT_STRING, offsetof(values, file), NULL, NULL, "FILE", NULL, ".SH NOT A HEADING\n.TP\nback\\slash", 0},
    {"top", SS_OPT_COUNT, offsetof(values, top), "5", "1..9", "N", NULL, "Ends in a backslash\\", SS_OPT_REQUIRED},
    {"fast", SS_OPT_FLAG, offsetof(values, fast), "true", NULL, NULL, NULL, "Be fast.", 0},
    {.name = NULL}};

static const ss_command one = {
    .name = "prog", .summary = "does 'it'", .description = "Text.", .options = table, .size = sizeof(values)};
static const ss_command sub = {
    .name = "prog run", .summary = "runs 'it'", .description = "Text.", .options = table, .size = sizeof(values)};

static char *printed(void (*print)(FILE *out))
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    print(out);
    fclose(out);
    return text;
}

static void man(FILE *out)
{
    ss_options_man(&one, "prog 1.2 (commit \"x\")", out);
}

static void a_text_of_the_table_is_no_roff_request(void **state)
{
    (void)state;
    char *page = printed(man);
    assert_non_null(strstr(page, "\n\\&.SH NOT A HEADING\n\\&.TP\nback\\eslash\n"));
    assert_non_null(strstr(page, "\n\\&'Quotes' and"));
    assert_non_null(strstr(page, ".TH PROG 1 \"\" \"prog 1.2\" \"skillstream\"\n.SH NAME\nprog \\- does 'it'\n"));
    size_t sections = 0;
    for (const char *at = page; (at = strstr(at, "\n.SH ")); at++) sections++;
    assert_int_equal(sections, 6); /* name, synopsis, description, options, environment, exit status */
    free(page);
}

/* What bash offers for the command line `words`, whose last word is being typed; each word ends with a blank. */
static void offered(const ss_command *const *commands, const char *words, char *out, size_t size)
{
    char path[] = "/tmp/ss-complete-XXXXXX", line[600];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *script = fdopen(fd, "w");
    assert_int_equal(ss_options_complete(commands, "bash", script), 0);
    fprintf(script, "COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _prog; echo \"${COMPREPLY[*]}\"\n", words);
    fclose(script);
    snprintf(line, sizeof line, "cd /; bash %s", path);
    FILE *bash = popen(line, "r"); // NOLINT(cert-env33-c): a script of our own
    assert_non_null(bash);
    size_t len = fread(out, 1, size - 1, bash);
    out[len] = 0;
    assert_int_equal(pclose(bash), 0);
    unlink(path);
    out[strcspn(out, "\n")] = 0;
}

static void bash_offers_commands_options_and_choices(void **state)
{
    (void)state;
    const ss_command *subs[] = {&sub, NULL}, *single[] = {&one, NULL};
    char words[4000];
    offered(subs, "prog r", words, sizeof words);
    assert_string_equal(words, "run");
    offered(subs, "prog run --f", words, sizeof words);
    assert_string_equal(words, "--format --file --fast");
    offered(subs, "prog run --format ''", words, sizeof words);
    assert_string_equal(words, "json plain-text");
    offered(subs, "prog run --format = p", words, sizeof words); /* bash cuts words at '=' */
    assert_string_equal(words, "plain-text");
    offered(subs, "prog run --top ''", words, sizeof words); /* a value of the user's own */
    assert_string_equal(words, "");
    offered(single, "prog --no", words, sizeof words);
    assert_string_equal(words, "--no-fast");
    offered(single, "prog --file et", words, sizeof words);
    assert_string_equal(words, "etc");
}

static void zsh(FILE *out)
{
    const ss_command *subs[] = {&sub, NULL};
    assert_int_equal(ss_options_complete(subs, "zsh", out), 0);
}

static void fish(FILE *out)
{
    const ss_command *subs[] = {&sub, NULL};
    assert_int_equal(ss_options_complete(subs, "fish", out), 0);
}

static void quotes_and_brackets_stay_text_in_other_shells(void **state)
{
    (void)state;
    char *script = printed(zsh);
    assert_non_null(strstr(script,
                           "'--format=['\\''Quotes'\\'' and $HOME and `pwd` and \\[brackets\\]\\: all of it is text]:F:"
                           "(json plain-text)'"));
    assert_non_null(strstr(script, "'--top=[Ends in a backslash\\\\]:N:'"));
    free(script);
    script = printed(fish);
    assert_non_null(strstr(script, "-l format -x -a 'json plain-text' -d '\\'Quotes\\' and $HOME"));
    assert_non_null(strstr(script, "-l top -x -d 'Ends in a backslash\\\\'"));
    free(script);
}

static void an_unknown_shell_is_refused(void **state)
{
    (void)state;
    const ss_command *single[] = {&one, NULL};
    assert_int_equal(ss_options_complete(single, "powershell", stdout), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_text_of_the_table_is_no_roff_request),
                                       cmocka_unit_test(bash_offers_commands_options_and_choices),
                                       cmocka_unit_test(quotes_and_brackets_stay_text_in_other_shells),
                                       cmocka_unit_test(an_unknown_shell_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
