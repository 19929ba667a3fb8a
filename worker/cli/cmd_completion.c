/* cmd_completion.c - `skillstream completion`: a completion script for the shell, from the option tables. */
#include <stdio.h>

#include "worker/cli/command.h"

enum { MOST = 31 };

typedef struct values {
    ss_common_values common;
} values;

static const ss_option table[] = {{.name = NULL}};

static const ss_command command = {
    .name = "skillstream completion",
    .summary = "completion script for bash, zsh or fish",
    .arguments = "bash | zsh | fish",
    .description =
        "Prints a script that completes commands, options and their values. Packages install it; by hand, put "
        "it where your shell looks. The other programs print theirs with --help-bash, --help-zsh, --help-fish.",
    .examples = "  source <(skillstream completion bash)\n"
                "  skillstream completion fish > ~/.config/fish/completions/skillstream.fish\n",
    .options = table,
    .size = sizeof(values)};

static int print_script(const char *shell, ss_error *err)
{
    const ss_command *commands[MOST + 1] = {NULL};
    size_t n = 0;
    for (const ss_subcommand *c = ss_subcommands(); c->name && n < MOST; c++) commands[n++] = c->command;
    if (ss_options_complete(commands, shell, stdout))
        return ss_fail(err, SS_USAGE, "'%.40s' is not a shell that is known: bash, zsh or fish", shell);
    if (fflush(stdout)) return ss_fail(err, SS_IO, "standard output cannot be written");
    return 0;
}

static int run(int argc, char **argv)
{
    values v;
    ss_options *options;
    ss_log log;
    int exit_code;
    if (!ss_command_begin(&command, argc, argv, &v, &options, &log, &exit_code)) return exit_code;
    const ss_strings *words = ss_options_arguments(options);
    ss_error err = {0};
    if (words->count != 1)
        ss_fail(&err, SS_USAGE, "one shell is needed: bash, zsh or fish");
    else
        print_script(words->items[0], &err);
    exit_code = err.status ? ss_command_fail(&command, &err) : 0;
    ss_options_free(options);
    return exit_code;
}

const ss_subcommand ss_completion_subcommand = {"completion", &command, run};
