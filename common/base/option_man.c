/* option_man.c - the option table as a manual page (man macros, section 1), for `--help-man` and the build. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/option_value.h"

/* Text as roff reads it: backslashes and minus signs escaped, a leading dot or quote made harmless, newlines kept. */
static void roff_part(FILE *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        int at_start = i == 0 || text[i - 1] == '\n';
        if (at_start && (text[i] == '.' || text[i] == '\'')) fputs("\\&", out);
        if (text[i] == '\\')
            fputs("\\e", out);
        else if (text[i] == '-')
            fputs("\\-", out);
        else
            fputc(text[i], out);
    }
}

static void roff(FILE *out, const char *text)
{
    roff_part(out, text, strlen(text));
}

/* "skillstream extract" is the page skillstream-extract. */
static void page_name(FILE *out, const char *name, int upper)
{
    for (; *name; name++) {
        if (*name == ' ' || *name == '-')
            fputs("\\-", out);
        else
            fputc(upper ? toupper((unsigned char)*name) : *name, out);
    }
}

static void notes(FILE *out, const ss_option *option)
{
    if (option->range && option->type == SS_OPT_CHOICE) {
        const char *word = option->range;
        for (size_t len; *word; word += len + (word[len] == '|')) {
            len = strcspn(word, "|");
            fputs(word == option->range ? "One of " : ", ", out);
            roff_part(out, word, len);
        }
        fputs(".\n", out);
    } else if (option->range) {
        fputs("Range ", out);
        roff(out, option->range);
        fputs(".\n", out);
    }
    if (option->type == SS_OPT_FLAG && option->fallback && !strcmp(option->fallback, "true")) {
        fputs("On by default; \\-\\-no\\-", out);
        roff(out, option->name);
        fputs(" turns it off.\n", out);
    } else if (option->type != SS_OPT_FLAG && option->fallback && *option->fallback) {
        fputs("Default: ", out);
        roff(out, option->fallback);
        fputs(".\n", out);
    } else if (option->flags & SS_OPT_REQUIRED) {
        fputs("Must be given.\n", out);
    }
}

static void table(FILE *out, const ss_option *option)
{
    for (; option->name; option++) {
        if (option->group) {
            fputs(".SS ", out);
            roff(out, option->group);
            fputc('\n', out);
        }
        fputs(".TP\n\\fB\\-\\-", out);
        roff(out, option->name);
        fputs("\\fR", out);
        if (option->type != SS_OPT_FLAG) {
            fputs(" \\fI", out);
            roff(out, option->value ? option->value : "VALUE");
            fputs("\\fR", out);
        }
        fputs(option->type == SS_OPT_LIST ? "  (repeatable)\n" : "\n", out);
        roff(out, option->help);
        fputc('\n', out);
        notes(out, option);
    }
}

void ss_man_head(const char *name, const char *summary, const char *version, FILE *out)
{
    fputs(".TH ", out);
    page_name(out, name, 1);
    fputs(" 1 \"\" \"", out);
    size_t len = strcspn(version, "(\n");
    while (len && version[len - 1] == ' ') len--;
    roff_part(out, version, len);
    fputs("\" \"skillstream\"\n.SH NAME\n", out);
    page_name(out, name, 0);
    fputs(" \\- ", out);
    roff(out, summary);
    fputc('\n', out);
}

void ss_options_man(const ss_command *command, const char *version, FILE *out)
{
    ss_man_head(command->name, command->summary, version, out);
    fputs(".SH SYNOPSIS\n.B ", out);
    roff(out, command->name);
    fputs("\n[OPTIONS]", out);
    if (command->arguments) {
        fputc(' ', out);
        roff(out, command->arguments);
    }
    fputs("\n.SH DESCRIPTION\n", out);
    roff(out, command->description);
    fputs("\n.SH OPTIONS\n", out);
    table(out, command->options);
    table(out, ss_common_options());
    fputs(".TP\n\\fB\\-\\-help\\fR, \\fB\\-\\-version\\fR\nPrint the options, or the version with those of the "
          "libraries.\n"
          ".SH ENVIRONMENT\nOption \\-\\-foo\\-bar is SKILLSTREAM_FOO_BAR in the environment and foo\\-bar in the file "
          "given by \\-\\-config. The command line wins over the environment, the environment over the file.\n"
          ".SH EXIT STATUS\n0 done, 1 failed, 2 wrong usage, 78 wrong configuration.\n",
          out);
    if (command->examples) {
        fputs(".SH EXAMPLES\n.nf\n", out);
        roff(out, command->examples);
        fputs(".fi\n", out);
    }
}
