/* configuration.c - settings from a file and from the environment, for the tables of worker and producer.
 *
 * The first byte decides: 'e' the rest are lines NAME=VALUE for the environment; otherwise all of it is a settings
 * file. A file that lint finds nothing in is one that the program takes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/options.h"
#include "fuzz/fuzz.h"
#include "producer/settings.h"
#include "worker/extract/worker_settings.h"

enum { MOST_VARIABLES = 64 };

static union {
    ss_worker_settings worker;
    ss_producer_settings producer;
} values;

/* A program that is told to read "-" finds nothing there. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    FUZZ_CHECK(freopen("/dev/null", "r", stdin));
    return 0;
}

static void ignore(void *context, size_t line, const char *text)
{
    (void)context;
    FUZZ_CHECK(line && text[0]);
}

/* Parses, and looks at the result in every way that programs do. 1: the configuration was taken. */
static int parse(const ss_command *command, char **argv, int argc)
{
    ss_options *options;
    ss_error err = {0};
    char digest[65];
    char *text = NULL;
    size_t len;
    ss_parse result = ss_options_parse(&options, command, argc, argv, "test 1", &values, &err);
    FUZZ_CHECK(result != SS_PARSE_DONE);
    FUZZ_CHECK(result == SS_PARSE_RUN || ((err.status == SS_CONFIG || err.status == SS_USAGE) && err.text[0]));
    if (result != SS_PARSE_RUN) return err.status == SS_USAGE; /* something needed is not given: no fault of the file */
    FUZZ_CHECK(!ss_options_digest(options, digest, NULL) && strlen(digest) == 64);
    FILE *out = open_memstream(&text, &len);
    FUZZ_CHECK(out);
    ss_options_dump(options, out);
    fclose(out);
    free(text);
    if (command == ss_worker_command()) ss_worker_settings_check(&values.worker, NULL);
    ss_options_free(options);
    return 1;
}

static void check_file(const ss_command *command, const uint8_t *data, size_t size)
{
    char path[64], program[] = "fuzz", flag[] = "--config";
    int file = fuzz_file_open(data, size);
    fuzz_file_path(file, path);
    char *argv[] = {program, flag, path, NULL};
    int taken = parse(command, argv, 3);
    FUZZ_CHECK(lseek(file, 0, SEEK_SET) == 0);
    int findings = ss_options_lint(command, path, ignore, NULL, NULL);
    FUZZ_CHECK(findings < 0 ? !taken : taken || findings);
    fuzz_file_close(file);
}

/* Names are ours, whatever the line says: other variables belong to the C library. */
static void check_environment(const ss_command *command, const uint8_t *data, size_t size)
{
    char *names[MOST_VARIABLES], program[] = "fuzz";
    char *argv[] = {program, NULL};
    size_t count = 0;
    while (size && count < MOST_VARIABLES) {
        ss_slice line = fuzz_line(&data, &size);
        const char *equals = line.len ? memchr(line.data, '=', line.len) : NULL;
        if (!equals || memchr(line.data, 0, line.len)) continue;
        char *name, *value;
        FUZZ_CHECK(asprintf(&name, "SKILLSTREAM_%.*s", (int)(equals - line.data), line.data) > 0);
        FUZZ_CHECK(asprintf(&value, "%.*s", (int)(line.len - (size_t)(equals - line.data) - 1), equals + 1) >= 0);
        FUZZ_CHECK(!setenv(name, value, 1));
        names[count++] = name;
        free(value);
    }
    parse(command, argv, 1);
    while (count) {
        FUZZ_CHECK(!unsetenv(names[--count]));
        free(names[count]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ss_command *commands[] = {ss_worker_command(), ss_producer_command()};
    for (size_t i = 0; i < 2; i++) {
        if (size && data[0] == 'e')
            check_environment(commands[i], data + 1, size - 1);
        else
            check_file(commands[i], data, size);
    }
    return 0;
}
