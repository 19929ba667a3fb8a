/* options.h - one typed table from which parser, --help, the reference page, lint and the options digest come.
 *
 * A command describes each option once: name, type, default, range, help. Values
 * come from four places, later ones win: the default, the file given by
 * --config, the environment, the command line. `--kafka-foo` is
 * SKILLSTREAM_KAFKA_FOO in the environment and `kafka-foo` in the file. An
 * unknown key is an error that names the nearest known one.
 *
 * The file: `key = value` or `key: value` a line, `#` begins a comment, quotes
 * around a value are dropped, a key of type list may stand several times.
 *
 * Values are written into the program's own struct at the option's offset:
 *   SS_OPT_STRING, SS_OPT_SECRET, SS_OPT_CHOICE   const char *   (NULL = not given)
 *   SS_OPT_COUNT, SS_OPT_BYTES                    uint64_t       (bytes: 64k, 4M, 1G)
 *   SS_OPT_TIME                                   int64_t, milliseconds ("500ms", "20s", "5m", "2h", "1d")
 *   SS_OPT_REAL                                   double         (NAN = not given)
 *   SS_OPT_FLAG                                   int            (--name, --no-name; file and environment: true|false)
 *   SS_OPT_LIST                                   ss_strings     (repeatable; environment: separated by ';')
 * Strings live as long as the ss_options object.
 */
#ifndef SKILLSTREAM_BASE_OPTIONS_H
#define SKILLSTREAM_BASE_OPTIONS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

typedef struct ss_strings {
    char **items;
    size_t count;
} ss_strings;

typedef enum ss_option_type {
    SS_OPT_STRING,
    SS_OPT_SECRET, /* as string; printed as *** */
    SS_OPT_CHOICE, /* range = "json|text" */
    SS_OPT_COUNT,  /* range = "1..64" */
    SS_OPT_BYTES,
    SS_OPT_TIME,
    SS_OPT_REAL,
    SS_OPT_FLAG,
    SS_OPT_LIST
} ss_option_type;

enum {
    SS_OPT_REQUIRED = 1,
    SS_OPT_RESULT = 2,  /* changes what a record says: part of the options digest */
    SS_OPT_SETTINGS = 4 /* a string: names a file of settings that is read before the one given by --config */
};

typedef struct ss_option {
    const char *name; /* without dashes; NULL ends the table */
    ss_option_type type;
    size_t at;            /* offset in the command's struct */
    const char *fallback; /* default, as text; NULL = not given */
    const char *range;    /* choices, or "least..most"; NULL = any */
    const char *value;    /* how --help calls the value, e.g. "HOST:PORT" */
    const char *group;    /* heading in --help; NULL = that of the option before */
    const char *help;     /* one or two sentences; more lines are wrapped */
    unsigned flags;
} ss_option;

typedef struct ss_command {
    const char *name;      /* "skillstream extract" */
    const char *summary;   /* one line */
    const char *arguments; /* "[FILE...]" or NULL when none are taken */
    const char *description;
    const char *examples; /* lines, each "command  # what it does"; may be NULL */
    const ss_option *options;
    size_t size; /* of the struct that values are written to */
} ss_command;

/* Every command has these; its struct starts with it. */
typedef struct ss_common_values {
    const char *config, *log_level, *log_format;
} ss_common_values;

typedef struct ss_options ss_options;

typedef enum ss_parse { SS_PARSE_RUN, SS_PARSE_DONE, SS_PARSE_FAILED } ss_parse;

/* Reads all four sources into `values` (cleared first). SS_PARSE_DONE: --help or --version was asked for and is printed
 * on stdout. SS_PARSE_FAILED: *err says what is wrong (SS_USAGE: command line; SS_CONFIG: file or environment).
 * `version` is the text that --version prints. */
ss_parse ss_options_parse(ss_options **out, const ss_command *command, int argc, char **argv, const char *version,
                          void *values, ss_error *err);

/* Words that are not options, in order. */
const ss_strings *ss_options_arguments(const ss_options *options);

/* Checks a file against a command's table; calls `report` for each finding. Returns the number of findings, or -1. */
int ss_options_lint(const ss_command *command, const char *path,
                    void (*report)(void *context, size_t line, const char *text), void *context, ss_error *err);

/* Overwrites the secrets of a command line that was parsed, so that lists of processes do not show them. (A moment
 * remains in which they do: files and the environment are the better places.) */
void ss_options_hide(const ss_command *command, int argc, char **argv);

/* `name = value  # source` for each option, secrets masked. */
void ss_options_dump(const ss_options *options, FILE *out);

/* SHA-256 over name=value of the options that change results: two records with the same digest, release and ad are
 * equal. */
int ss_options_digest(const ss_options *options, char hex[65], ss_error *err);

void ss_options_help(const ss_command *command, FILE *out);     /* as --help */
void ss_options_markdown(const ss_command *command, FILE *out); /* as a reference page */
/* As a manual page (man macros, section 1). `version`: as --version prints it; its first words stand at the foot. */
void ss_options_man(const ss_command *command, const char *version, FILE *out);
/* The first two lines of such a page, for a page that no option table describes. */
void ss_man_head(const char *name, const char *summary, const char *version, FILE *out);

/* Completion script of a program for "bash", "zsh" or "fish"; -1 for another shell. `commands` ends with NULL and holds
 * the program's one command ("program") or all of its subcommands ("program word"). */
int ss_options_complete(const ss_command *const *commands, const char *shell, FILE *out);

void ss_options_free(ss_options *options);

/* The known word nearest to `word` by edit distance, or NULL when none is near. `words` ends with NULL. */
const char *ss_nearest_word(const char *word, const char *const *words);

#endif
