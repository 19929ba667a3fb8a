/* main.c - `skillstream`: finds the subcommand and runs it. */
#include <stdio.h>
#include <string.h>

#include "nn/blas.h"
#include "ops/build_info.h"
#include "worker/cli/command.h"

static void help(FILE *out)
{
    fputs("NAME\n  skillstream - tags job ads with the skills they ask for\n\n"
          "SYNOPSIS\n  skillstream COMMAND [OPTIONS] [ARGUMENTS]\n\nCOMMANDS\n",
          out);
    for (const ss_subcommand *c = ss_subcommands(); c->name; c++)
        fprintf(out, "  %-10s %s\n", c->name, c->command->summary);
    fputs("\nOTHER PROGRAMS\n  skillstream-worker    tags ads from a Kafka topic, exactly once\n"
          "  skillstream-trainer   learns from a Kafka topic of training pairs, publishes better releases\n"
          "  skillstream-producer  has a language model write training pairs into a Kafka topic\n\n"
          "EXIT CODES\n  0 done   1 failed   2 wrong usage   78 wrong configuration\n\n"
          "EXAMPLES\n"
          "  skillstream index --encoder all-MiniLM-L6-v2 --taxonomy skills_en.csv --out esco.release\n"
          "  skillstream extract --release esco.release ads.jsonl\n"
          "  skillstream COMMAND --help    the options of one command\n"
          "  skillstream reference         the options of all commands, as Markdown\n",
          out);
}

static int unknown(const char *word)
{
    const char *words[32];
    size_t n = 0;
    for (const ss_subcommand *c = ss_subcommands(); c->name && n < 31; c++) words[n++] = c->name;
    words[n] = NULL;
    const char *nearest = ss_nearest_word(word, words);
    fprintf(stderr, "skillstream: no command '%.60s'%s%s%s; see skillstream --help\n", word,
            nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    return 2;
}

static int reference(void)
{
    puts("# Reference\n\nMade by `skillstream reference` from the option tables.\n");
    for (const ss_subcommand *c = ss_subcommands(); c->name; c++) {
        ss_options_markdown(c->command, stdout);
        putchar('\n');
    }
    return 0;
}

/* skillstream(1): what there is; each command has a page of its own. */
static int overview_page(void)
{
    char version[1024];
    ss_man_head("skillstream", "tags job ads with the skills they ask for",
                ss_build_text("skillstream", version, sizeof version), stdout);
    puts(".SH SYNOPSIS\n.B skillstream\nCOMMAND [OPTIONS] [ARGUMENTS]\n.SH COMMANDS");
    for (const ss_subcommand *c = ss_subcommands(); c->name; c++)
        printf(".TP\n\\fBskillstream\\-%s\\fR(1)\n%s\n", c->name, c->command->summary);
    puts(".SH EXIT STATUS\n0 done, 1 failed, 2 wrong usage, 78 wrong configuration.\n.SH SEE ALSO\n"
         "skillstream\\-worker(1), skillstream\\-trainer(1), skillstream\\-producer(1)");
    return 0;
}

int main(int argc, char **argv)
{
    ss_error blas = {0};
    if (ss_blas_prepare(argv, &blas)) fprintf(stderr, "skillstream: warning: %s\n", blas.text);
    if (argc < 2) {
        help(stderr);
        return 2;
    }
    const char *word = argv[1];
    if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help")) {
        help(stdout);
        return 0;
    }
    if (!strcmp(word, "--version")) {
        char text[1024];
        puts(ss_build_text("skillstream", text, sizeof text));
        return 0;
    }
    if (!strcmp(word, "--help-man")) return overview_page();
    if (!strcmp(word, "reference")) return reference();
    for (const ss_subcommand *c = ss_subcommands(); c->name; c++)
        if (!strcmp(c->name, word)) return c->run(argc - 1, argv + 1);
    return unknown(word);
}
