/* option_help.c - --help as a short manual page, and the same as Markdown; both read only the option table. */
#include <stdio.h>
#include <string.h>

#include "base/option_value.h"

enum { WIDTH = 96 };

/* Prints text wrapped at WIDTH, each line after `indent` blanks; newlines in the text begin a new line. */
static void wrapped(FILE *out, const char *text, int indent)
{
    while (*text) {
        while (*text == ' ') text++;
        size_t line = strcspn(text, "\n"), room = (size_t)(WIDTH - indent), take = line;
        if (take > room) {
            take = room;
            while (take && text[take] != ' ') take--;
            if (!take) take = strcspn(text, " \n");
        }
        fprintf(out, "%*s%.*s\n", indent, "", (int)take, text);
        text += take;
        if (*text == '\n') text++;
    }
}

static void print_choices(const ss_option *option, FILE *out)
{
    if (option->range) fprintf(out, "%*sOne of: %s.\n", 10, "", option->range);
    if (option->fallback && *option->fallback && option->type != SS_OPT_FLAG)
        fprintf(out, "%*sDefault: %s.\n", 10, "", option->fallback);
    else if (option->type == SS_OPT_FLAG && option->fallback && !strcmp(option->fallback, "true"))
        fprintf(out, "%*sOn by default; --no-%s turns it off.\n", 10, "", option->name);
    else if (option->flags & SS_OPT_REQUIRED)
        fprintf(out, "%*sMust be given.\n", 10, "");
}

static void print_table(const ss_option *option, FILE *out)
{
    for (; option->name; option++) {
        if (option->group) fprintf(out, "\n  %s\n", option->group);
        fprintf(out, "      --%s%s%s%s\n", option->name, option->type == SS_OPT_FLAG ? "" : " ",
                option->type == SS_OPT_FLAG ? ""
                : option->value             ? option->value
                                            : "VALUE",
                option->type == SS_OPT_LIST ? "   (repeatable)" : "");
        wrapped(out, option->help, 10);
        print_choices(option, out);
    }
}

void ss_options_help(const ss_command *command, FILE *out)
{
    fprintf(out, "NAME\n  %s - %s\n\nSYNOPSIS\n  %s [OPTIONS]%s%s\n\nDESCRIPTION\n", command->name, command->summary,
            command->name, command->arguments ? " " : "", command->arguments ? command->arguments : "");
    wrapped(out, command->description, 2);
    fprintf(out, "\nOPTIONS");
    print_table(command->options, out);
    print_table(ss_common_options(), out);
    fprintf(out, "      --help, --version\n          Print this page, or the version with those of the libraries.\n");
    fprintf(out, "\nENVIRONMENT AND FILE\n");
    wrapped(out,
            "Option --foo-bar is SKILLSTREAM_FOO_BAR in the environment and foo-bar in the file given by --config. "
            "The command line wins over the environment, the environment over the file, the file over the defaults.",
            2);
    fprintf(out, "\nEXIT CODES\n  0 done   1 failed   2 wrong usage   78 wrong configuration\n");
    if (command->examples) fprintf(out, "\nEXAMPLES\n%s", command->examples);
}

static void markdown_cell(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|') fputc('\\', out);
        fputc(*text == '\n' ? ' ' : *text, out);
    }
}

static void markdown_table(const ss_option *option, FILE *out)
{
    for (; option->name; option++) {
        fprintf(out, "| `--%s", option->name);
        if (option->type != SS_OPT_FLAG) fprintf(out, " %s", option->value ? option->value : "VALUE");
        fprintf(out, "` | ");
        markdown_cell(out, option->fallback ? option->fallback : option->flags & SS_OPT_REQUIRED ? "(needed)" : "");
        fprintf(out, " | ");
        markdown_cell(out, option->help);
        if (option->range) {
            fprintf(out, " One of: ");
            markdown_cell(out, option->range);
            fputc('.', out);
        }
        fprintf(out, " |\n");
    }
}

void ss_options_markdown(const ss_command *command, FILE *out)
{
    fprintf(out, "## %s\n\n%s.\n\n`%s [OPTIONS]%s%s`\n\n%s\n\n| option | default | what |\n| --- | --- | --- |\n",
            command->name, command->summary, command->name, command->arguments ? " " : "",
            command->arguments ? command->arguments : "", command->description);
    markdown_table(command->options, out);
    markdown_table(ss_common_options(), out);
}
