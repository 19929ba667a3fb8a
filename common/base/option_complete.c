/* option_complete.c - completion scripts for bash, zsh and fish, from the option tables.
 *
 * A program has one command, named as itself, or several, named "program word".
 * The first word says which command it is; its options, and the choices or files
 * that an option takes, follow from the table.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/option_value.h"

typedef void option_fn(const ss_option *option, const ss_command *command, FILE *out);

/* The second word of a command's name, or "" for a program without commands. */
static const char *word_of(const ss_command *command)
{
    const char *space = strchr(command->name, ' ');
    return space ? space + 1 : "";
}

static int program_length(const ss_command *command)
{
    return (int)strcspn(command->name, " ");
}

static void each_option(const ss_command *command, option_fn *print, FILE *out)
{
    for (const ss_option *o = command->options; o->name; o++) print(o, command, out);
    for (const ss_option *o = ss_common_options(); o->name; o++) print(o, command, out);
}

static int takes_file(const ss_option *option)
{
    return option->value && (strstr(option->value, "FILE") || strstr(option->value, "DIR"));
}

static void choices(const ss_option *option, FILE *out)
{
    for (const char *c = option->range; *c; c++) fputc(*c == '|' ? ' ' : *c, out);
}

/* The program's name as an identifier. */
static void identifier(const ss_command *command, FILE *out)
{
    for (int i = 0; i < program_length(command); i++)
        fputc(isalnum((unsigned char)command->name[i]) ? command->name[i] : '_', out);
}

/* The first sentence of the help, within single quotes of a shell and without what `special` names. */
static void first_sentence(const char *help, const char *special, FILE *out)
{
    for (const char *c = help; *c && !(*c == '.' && (c[1] == ' ' || !c[1])); c++) {
        if (*c == '\'')
            fputs("'\\''", out);
        else if (*c == '\n')
            fputc(' ', out);
        else {
            if (strchr(special, *c)) fputc('\\', out);
            fputc(*c, out);
        }
    }
}

/* ---- bash ---- */

static void bash_name(const ss_option *option, const ss_command *command, FILE *out)
{
    (void)command;
    fprintf(out, " --%s", option->name);
    if (option->type == SS_OPT_FLAG) fprintf(out, " --no-%s", option->name);
}

static void bash_value(const ss_option *option, const ss_command *command, FILE *out)
{
    (void)command;
    if (option->type == SS_OPT_FLAG) return;
    fprintf(out, "            --%s) ", option->name);
    if (option->type == SS_OPT_CHOICE) {
        fputs("words='", out);
        choices(option, out);
        fputs("' ;;\n", out);
    } else {
        fputs(takes_file(option) ? "kind=file ;;\n" : "kind=own ;;\n", out);
    }
}

static void bash(const ss_command *const *commands, FILE *out)
{
    const char *first = word_of(commands[0]);
    fprintf(out, "# bash completion for %.*s, made from its option tables\n_", program_length(commands[0]),
            commands[0]->name);
    identifier(commands[0], out);
    fputs(
        "()\n{\n    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words='' options='' kind=''\n"
        "    if [[ $cur == = ]]; then cur=''; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n",
        out);
    if (*first) {
        fputs("    if [[ $COMP_CWORD -eq 1 ]]; then\n        COMPREPLY=($(compgen -W '", out);
        for (size_t i = 0; commands[i]; i++) fprintf(out, "%s ", word_of(commands[i]));
        fputs("--help --version' -- \"$cur\"))\n        return\n    fi\n", out);
    }
    fprintf(out, "    case %s in\n", *first ? "${COMP_WORDS[1]}" : "''");
    for (size_t i = 0; commands[i]; i++) {
        fprintf(out, "    %s)\n        options='--help --version", *first ? word_of(commands[i]) : "''");
        each_option(commands[i], bash_name, out);
        fputs("'\n        case $prev in\n", out);
        each_option(commands[i], bash_value, out);
        fputs("        esac ;;\n", out);
    }
    fputs("    esac\n"
          "    if [[ $kind == own ]]; then COMPREPLY=()\n"
          "    elif [[ -n $words ]]; then COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
          "    elif [[ -z $kind && $cur == -* ]]; then COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
          "    else compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$cur\")); fi\n}\ncomplete -F _",
          out);
    identifier(commands[0], out);
    fprintf(out, " %.*s\n", program_length(commands[0]), commands[0]->name);
}

/* ---- zsh ---- */

static void zsh_option(const ss_option *option, const ss_command *command, FILE *out)
{
    (void)command;
    if (option->type == SS_OPT_FLAG) {
        fprintf(out, "            '(--no-%s)--%s[", option->name, option->name);
        first_sentence(option->help, "[]\\:", out);
        fprintf(out, "]' \\\n            '(--%s)--no-%s[not that]' \\\n", option->name, option->name);
        return;
    }
    fprintf(out, "            '%s--%s=[", option->type == SS_OPT_LIST ? "*" : "", option->name);
    first_sentence(option->help, "[]\\:", out);
    fprintf(out, "]:%s:", option->value ? option->value : "VALUE");
    if (option->type == SS_OPT_CHOICE) {
        fputc('(', out);
        choices(option, out);
        fputc(')', out);
    } else if (takes_file(option)) {
        fputs("_files", out);
    }
    fputs("' \\\n", out);
}

static void zsh(const ss_command *const *commands, FILE *out)
{
    const char *first = word_of(commands[0]);
    fprintf(out, "#compdef %.*s\n# made from its option tables\n", program_length(commands[0]), commands[0]->name);
    if (*first) {
        fputs("if (( CURRENT == 2 )); then\n    local -a commands=(\n", out);
        for (size_t i = 0; commands[i]; i++) {
            fprintf(out, "        '%s:", word_of(commands[i]));
            first_sentence(commands[i]->summary, "\\:", out);
            fputs("'\n", out);
        }
        fputs("    )\n    _describe command commands\n    return\nfi\n"
              "local command=$words[2]\nshift words\n(( CURRENT-- ))\n",
              out);
    } else {
        fputs("local command=''\n", out);
    }
    fputs("case $command in\n", out);
    for (size_t i = 0; commands[i]; i++) {
        fprintf(out, "    %s)\n        _arguments \\\n", *first ? word_of(commands[i]) : "''");
        each_option(commands[i], zsh_option, out);
        fputs("            '--help[all options]' '--version[the version]' '*:FILE:_files' ;;\n", out);
    }
    fputs("esac\n", out);
}

/* ---- fish ---- */

/* The first sentence, within single quotes. */
static void fish_text(const char *text, FILE *out)
{
    for (; *text && !(*text == '.' && (text[1] == ' ' || !text[1])); text++) {
        if (*text == '\'' || *text == '\\') fputc('\\', out);
        fputc(*text == '\n' ? ' ' : *text, out);
    }
}

static void fish_option(const ss_option *option, const ss_command *command, FILE *out)
{
    fprintf(out, "complete -c %.*s", program_length(command), command->name);
    if (*word_of(command)) fprintf(out, " -n '__fish_seen_subcommand_from %s'", word_of(command));
    fprintf(out, " -l %s", option->name);
    if (option->type == SS_OPT_CHOICE) {
        fputs(" -x -a '", out);
        choices(option, out);
        fputc('\'', out);
    } else if (option->type != SS_OPT_FLAG) {
        fputs(takes_file(option) ? " -r -F" : " -x", out);
    }
    fputs(" -d '", out);
    fish_text(option->help, out);
    fputs("'\n", out);
}

static void fish(const ss_command *const *commands, FILE *out)
{
    fprintf(out, "# fish completion for %.*s, made from its option tables\n", program_length(commands[0]),
            commands[0]->name);
    for (size_t i = 0; commands[i]; i++) {
        const ss_command *c = commands[i];
        if (*word_of(c)) {
            fprintf(out, "complete -c %.*s -f -n __fish_use_subcommand -a %s -d '", program_length(c), c->name,
                    word_of(c));
            fish_text(c->summary, out);
            fputs("'\n", out);
        }
        each_option(c, fish_option, out);
    }
}

int ss_options_complete(const ss_command *const *commands, const char *shell, FILE *out)
{
    if (!strcmp(shell, "bash"))
        bash(commands, out);
    else if (!strcmp(shell, "zsh"))
        zsh(commands, out);
    else if (!strcmp(shell, "fish"))
        fish(commands, out);
    else
        return -1;
    return 0;
}
