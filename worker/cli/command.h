/* command.h - one subcommand of `skillstream`, and what they share. */
#ifndef SKILLSTREAM_WORKER_CLI_COMMAND_H
#define SKILLSTREAM_WORKER_CLI_COMMAND_H

#include "base/error.h"
#include "base/log.h"
#include "base/options.h"

typedef struct ss_subcommand {
    const char *name;
    const ss_command *command; /* for help, lint and the reference page */
    /* argv[0] is the subcommand's own word. Returns the exit code and has said on stderr why it is not 0. */
    int (*run)(int argc, char **argv);
} ss_subcommand;

/* All of them, in the order of the help; ends with a NULL name. */
const ss_subcommand *ss_subcommands(void);

extern const ss_subcommand ss_index_subcommand, ss_embed_subcommand, ss_extract_subcommand, ss_eval_subcommand,
    ss_publish_subcommand, ss_tail_subcommand, ss_release_subcommand, ss_lint_subcommand, ss_train_subcommand,
    ss_demo_subcommand, ss_inspect_subcommand, ss_completion_subcommand;

/* Parses the options of a subcommand. 1: run; 0: done, leave with *exit_code (help, version, or an error that is
 * already on stderr). */
int ss_command_begin(const ss_command *command, int argc, char **argv, void *values, ss_options **options, ss_log *log,
                     int *exit_code);

/* Says what went wrong and returns the exit code. */
int ss_command_fail(const ss_command *command, const ss_error *err);

#endif
