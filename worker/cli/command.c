/* command.c - see command.h. */
#include "worker/cli/command.h"

#include <stdio.h>

#include "ops/build_info.h"

const ss_subcommand *ss_subcommands(void)
{
    static ss_subcommand all[13];
    if (!all[0].name) {
        const ss_subcommand *const list[] = {&ss_demo_subcommand,    &ss_extract_subcommand, &ss_inspect_subcommand,
                                             &ss_index_subcommand,   &ss_eval_subcommand,    &ss_embed_subcommand,
                                             &ss_publish_subcommand, &ss_tail_subcommand,    &ss_release_subcommand,
                                             &ss_lint_subcommand,    &ss_train_subcommand,   &ss_completion_subcommand};
        for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) all[i] = *list[i];
    }
    return all;
}

int ss_command_fail(const ss_command *command, const ss_error *err)
{
    fprintf(stderr, "%s: %s\n", command->name, err->text);
    return ss_exit_code(err);
}

int ss_command_begin(const ss_command *command, int argc, char **argv, void *values, ss_options **options, ss_log *log,
                     int *exit_code)
{
    char version[1024];
    ss_error err = {0};
    *exit_code = 0;
    ss_build_text("skillstream", version, sizeof version);
    ss_parse parse = ss_options_parse(options, command, argc, argv, version, values, &err);
    ss_options_hide(command, argc, argv);
    if (parse == SS_PARSE_DONE) return 0;
    if (parse == SS_PARSE_FAILED) {
        *exit_code = ss_command_fail(command, &err);
        return 0;
    }
    const ss_common_values *common = values;
    ss_log_init(log, command->name, common->log_level, common->log_format);
    return 1;
}
