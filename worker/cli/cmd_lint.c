/* cmd_lint.c - `skillstream lint`: checks a configuration file without starting anything. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "producer/settings.h"
#include "worker/cli/command.h"
#include "worker/extract/worker_settings.h"
#include "worker/train/recipe.h"
#include "worker/train/trainer_settings.h"

typedef struct values {
    ss_common_values common;
    const char *program;
} values;

static const ss_option table[] = {
    {"program", SS_OPT_STRING, offsetof(values, program), "skillstream-worker", NULL, "NAME", "What",
     "Whose file it is: skillstream-worker, skillstream-trainer, skillstream-producer, a command such as 'extract', or "
     "'recipe'.",
     0},
    {.name = NULL}};

static const ss_command command = {
    .name = "skillstream lint",
    .summary = "checks a configuration file",
    .arguments = "CONFIG",
    .description =
        "Reports unknown keys with the nearest known one, values of the wrong type or out of range, and keys "
        "set twice; one finding a line, as FILE:LINE: TEXT. Exit code 78 when there is one.",
    .examples = "  skillstream lint worker.conf\n",
    .options = table,
    .size = sizeof(values)};

static const ss_command *find(const char *program)
{
    if (!strcmp(program, ss_worker_command()->name)) return ss_worker_command();
    if (!strcmp(program, ss_trainer_command()->name)) return ss_trainer_command();
    if (!strcmp(program, ss_producer_command()->name)) return ss_producer_command();
    if (!strcmp(program, ss_recipe_command()->name)) return ss_recipe_command();
    for (const ss_subcommand *c = ss_subcommands(); c->name; c++)
        if (!strcmp(program, c->name) || !strcmp(program, c->command->name)) return c->command;
    return NULL;
}

static void report(void *context, size_t line, const char *text)
{
    (void)context;
    (void)line; /* the text begins with FILE:LINE */
    puts(text);
}

static int check(const char *program, const char *path, ss_error *err)
{
    const ss_command *target = find(program);
    if (!target) return ss_fail(err, SS_USAGE, "--program %s: no such program", program);
    int findings = ss_options_lint(target, path, report, NULL, err);
    if (findings < 0) return -1;
    if (findings) return ss_fail(err, SS_CONFIG, "%s: %d finding%s", path, findings, findings == 1 ? "" : "s");
    printf("%s: fine for %s\n", path, target->name);
    return 0;
}

static int run(int argc, char **argv)
{
    values v;
    ss_options *options;
    ss_log log;
    int code, bad;
    ss_error err = {0};
    if (!ss_command_begin(&command, argc, argv, &v, &options, &log, &code)) return code;
    const ss_strings *files = ss_options_arguments(options);
    if (files->count != 1)
        bad = ss_fail(&err, SS_USAGE, "one configuration file is needed; see --help");
    else
        bad = check(v.program, files->items[0], &err);
    if (bad) code = ss_command_fail(&command, &err);
    ss_options_free(options);
    return code;
}

const ss_subcommand ss_lint_subcommand = {"lint", &command, run};
