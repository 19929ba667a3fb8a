/* The option table: order of the four sources, types and ranges, suggestions, lint, digest, masking, help. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/harden.h"
#include "base/options.h"

typedef struct values {
    ss_common_values common;
    const char *name, *password, *kind;
    uint64_t threads, memory;
    int64_t wait;
    double threshold;
    int fast;
    ss_strings kafka;
} values;

#define AT(m) offsetof(values, m)

static const ss_option table[] = {
    {"name", SS_OPT_STRING, AT(name), "nobody", NULL, "NAME", "Group", "A name.", SS_OPT_RESULT},
    {"password", SS_OPT_SECRET, AT(password), NULL, NULL, "TEXT", NULL, "A secret.", 0},
    {"kind", SS_OPT_CHOICE, AT(kind), "plain", "plain|fancy", "KIND", NULL, "A kind.", 0},
    {"threads", SS_OPT_COUNT, AT(threads), "2", "1..8", "N", NULL, "How many.", 0},
    {"memory", SS_OPT_BYTES, AT(memory), "1M", NULL, "BYTES", NULL, "How much.", 0},
    {"wait-broker", SS_OPT_TIME, AT(wait), "5s", NULL, "TIME", NULL, "How long.", 0},
    {"threshold", SS_OPT_REAL, AT(threshold), NULL, "0..1", "P", NULL, "From where.", SS_OPT_RESULT},
    {"fast", SS_OPT_FLAG, AT(fast), "true", NULL, NULL, NULL, "Be fast.", 0},
    {"kafka", SS_OPT_LIST, AT(kafka), NULL, NULL, "KEY=VALUE", NULL, "Settings.", 0},
    {.name = NULL}};

static const ss_command command = {.name = "program",
                                   .summary = "does things",
                                   .arguments = "[FILE...]",
                                   .description = "Long text.",
                                   .options = table,
                                   .size = sizeof(values)};

static ss_options *parse(values *v, ss_error *err, const char *const *words)
{
    char *argv[32] = {(char[]){"program"}};
    int argc = 1;
    for (; *words; words++) argv[argc++] = (char *)(size_t)*words;
    ss_options *options;
    *err = (ss_error){0};
    ss_parse result = ss_options_parse(&options, &command, argc, argv, "program 1", v, err);
    assert_int_equal(result == SS_PARSE_RUN, options != NULL);
    return options;
}

#define PARSE(v, err, ...) parse((v), (err), (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
#define PARSE_NOTHING(v, err) parse((v), (err), (const char *const[]){NULL})

static void expect_failure(ss_status status, const char *part, const char *word, const char *second)
{
    values v;
    ss_error err;
    ss_options *options = second ? PARSE(&v, &err, word, second) : PARSE(&v, &err, word);
    assert_null(options);
    assert_int_equal(err.status, status);
    if (!strstr(err.text, part)) fail_msg("'%s' is not in '%s'", part, err.text);
}

static void write_file(char path[64], const char *text)
{
    strcpy(path, "/tmp/ss-options-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void defaults_are_parsed_like_any_value(void **state)
{
    (void)state;
    values v;
    ss_error err;
    ss_options *o = PARSE_NOTHING(&v, &err);
    assert_string_equal(v.name, "nobody");
    assert_null(v.password);
    assert_int_equal(v.threads, 2);
    assert_int_equal(v.memory, 1 << 20);
    assert_int_equal(v.wait, 5000);
    assert_true(isnan(v.threshold));
    assert_int_equal(v.fast, 1);
    assert_int_equal(v.kafka.count, 0);
    ss_options_free(o);
}

static void later_sources_win(void **state)
{
    (void)state;
    char path[64];
    write_file(path,
               "# comment\nname = file\nthreads: 3\n  memory = \"2k\"  \nwait-broker = 2m # two minutes\nkafka = a=1\n"
               "kafka = b=2\n");
    setenv("SKILLSTREAM_THREADS", "4", 1);
    setenv("SKILLSTREAM_WAIT_BROKER", "1h", 1);
    values v;
    ss_error err;
    ss_options *o = PARSE(&v, &err, "--config", path, "--wait-broker=10ms", "x", "--no-fast", "--", "--y");
    assert_non_null(o);
    assert_string_equal(v.name, "file");
    assert_int_equal(v.threads, 4);
    assert_int_equal(v.memory, 2048);
    assert_int_equal(v.wait, 10);
    assert_int_equal(v.fast, 0);
    assert_int_equal(v.kafka.count, 2);
    assert_string_equal(v.kafka.items[1], "b=2");
    assert_int_equal(ss_options_arguments(o)->count, 2);
    assert_string_equal(ss_options_arguments(o)->items[1], "--y");
    ss_options_free(o);
    o = PARSE(&v, &err, "--config", path, "--kafka", "c=3");
    assert_int_equal(v.kafka.count, 1); /* replaced, not extended */
    ss_options_free(o);
    unsetenv("SKILLSTREAM_THREADS");
    unsetenv("SKILLSTREAM_WAIT_BROKER");
    unlink(path);
}

static void mistakes_are_named_with_the_way_out(void **state)
{
    (void)state;
    expect_failure(SS_USAGE, "did you mean 'threads'", "--thread", "3");
    expect_failure(SS_USAGE, "did you mean 'threshold'", "--treshold", "3");
    expect_failure(SS_USAGE, "unknown option --zzzzzz", "--zzzzzz", NULL);
    expect_failure(SS_USAGE, "needs a value", "--threads", NULL);
    expect_failure(SS_USAGE, "1..8", "--threads", "9");
    expect_failure(SS_USAGE, "a whole number", "--threads", "-1");
    expect_failure(SS_USAGE, "a whole number", "--threads", "3x");
    expect_failure(SS_USAGE, "plain|fancy", "--kind", "fan");
    expect_failure(SS_USAGE, "a size", "--memory", "many");
    expect_failure(SS_USAGE, "a time", "--wait-broker", "5");
    expect_failure(SS_USAGE, "0..1", "--threshold", "1.5");
    expect_failure(SS_USAGE, "a number", "--threshold", "nan");
    expect_failure(SS_USAGE, "true or false", "--fast=maybe", NULL);
    expect_failure(SS_USAGE, "two dashes", "-t", NULL);
    expect_failure(SS_CONFIG, "cannot open", "--config", "/nowhere/at/all");
    char path[64];
    write_file(path, "name = x\nthraeds = 3\n");
    expect_failure(SS_CONFIG, ":2: unknown key 'thraeds'; did you mean 'threads'?", "--config", path);
    unlink(path);
    write_file(path, "just words\n");
    expect_failure(SS_CONFIG, ":1: not of the form", "--config", path);
    unlink(path);
    setenv("SKILLSTREAM_THREADS", "many", 1);
    expect_failure(SS_CONFIG, "SKILLSTREAM_THREADS", "--fast", NULL);
    unsetenv("SKILLSTREAM_THREADS");
}

static void count_finding(void *context, size_t line, const char *text)
{
    size_t *lines = context;
    assert_non_null(text);
    lines[0]++;
    lines[line]++;
}

static void lint_finds_every_mistake(void **state)
{
    (void)state;
    char path[64];
    write_file(path, "name = a\nnmae = b\nthreads = 99\nname = c\nkafka = a=1\nkafka = b=2\nnonsense\n");
    size_t lines[16] = {0};
    ss_error err;
    assert_int_equal(ss_options_lint(&command, path, count_finding, lines, &err), 4);
    assert_int_equal(lines[0], 4);
    assert_int_equal(lines[2] + lines[3] + lines[4] + lines[7], 4);
    unlink(path);
    assert_int_equal(ss_options_lint(&command, "/nowhere", count_finding, lines, &err), -1);
    assert_int_equal(err.status, SS_CONFIG);
}

static void digest_covers_what_changes_results_and_nothing_else(void **state)
{
    (void)state;
    values v;
    ss_error err;
    char a[65], b[65], c[65];
    ss_options *o = PARSE_NOTHING(&v, &err);
    assert_int_equal(ss_options_digest(o, a, &err), 0);
    ss_options_free(o);
    o = PARSE(&v, &err, "--threads", "7", "--no-fast");
    assert_int_equal(ss_options_digest(o, b, &err), 0);
    ss_options_free(o);
    o = PARSE(&v, &err, "--threshold", "0.5");
    assert_int_equal(ss_options_digest(o, c, &err), 0);
    ss_options_free(o);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
}

static char *printed(void (*print)(const ss_options *, FILE *), const ss_options *o)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    print(o, out);
    fclose(out);
    return text;
}

static void secrets_are_masked(void **state)
{
    (void)state;
    values v;
    ss_error err;
    ss_options *o =
        PARSE(&v, &err, "--password", "hunter2", "--kafka", "sasl.password=hunter2", "--kafka", "client.id=me");
    char *text = printed(ss_options_dump, o);
    assert_null(strstr(text, "hunter2"));
    assert_non_null(strstr(text, "password = ***"));
    assert_non_null(strstr(text, "client.id=me"));
    free(text);
    ss_options_free(o);
}

static void a_command_line_forgets_its_secrets(void **state)
{
    (void)state;
    char words[][40] = {"t",       "--password",
                        "hunter2", "--kafka=ssl.key.pem=hunter2",
                        "--kafka", "X-Api-Key: hunter2",
                        "--kafka", "ssl.key.location=/etc/key",
                        "--kafka", "redis://u:hunter2@h/0",
                        "--",      "password=stays"};
    char *argv[sizeof words / sizeof *words];
    int argc = sizeof words / sizeof *words;
    for (int i = 0; i < argc; i++) argv[i] = words[i];
    ss_options_hide(&command, argc, argv);
    static const char *const expected[] = {"t",       "--password",
                                           "*******", "--kafka=ssl.key.pem=*******",
                                           "--kafka", "X-Api-Key:********",
                                           "--kafka", "ssl.key.location=/etc/key",
                                           "--kafka", "redis://u:*******@h/0",
                                           "--",      "password=stays"};
    for (int i = 0; i < argc; i++) assert_string_equal(argv[i], expected[i]);
}

static void a_hardened_process_leaves_no_core(void **state)
{
    (void)state;
    pid_t child = fork(); /* the test itself stays as it is */
    if (!child) {
        struct rlimit limit = {1, 1};
        ss_harden_process();
        getrlimit(RLIMIT_CORE, &limit);
        _exit(limit.rlim_cur || limit.rlim_max || prctl(PR_GET_DUMPABLE));
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void help_and_reference_name_every_option(void **state)
{
    (void)state;
    void (*const prints[])(const ss_command *, FILE *) = {ss_options_help, ss_options_markdown};
    for (int p = 0; p < 2; p++) {
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);
        prints[p](&command, out);
        fclose(out);
        for (const ss_option *option = table; option->name; option++) {
            char flag[64];
            snprintf(flag, sizeof flag, "--%s", option->name);
            assert_non_null(strstr(text, flag));
            assert_non_null(strstr(text, option->help));
        }
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_parsed_like_any_value),
        cmocka_unit_test(later_sources_win),
        cmocka_unit_test(mistakes_are_named_with_the_way_out),
        cmocka_unit_test(lint_finds_every_mistake),
        cmocka_unit_test(digest_covers_what_changes_results_and_nothing_else),
        cmocka_unit_test(secrets_are_masked),
        cmocka_unit_test(a_command_line_forgets_its_secrets),
        cmocka_unit_test(a_hardened_process_leaves_no_core),
        cmocka_unit_test(help_and_reference_name_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
