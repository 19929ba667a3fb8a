/* options.c - the four sources of options, in order; see options.h.
 *
 * Every value remembers which source gave it, so that errors and dumps can name
 * it. A list is replaced, not extended, by a later source: otherwise nobody could
 * take an item away on the command line.
 */
#include "base/options.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/option_value.h"

typedef enum source { FROM_DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_FLAG } source;

enum { MOST_OPTIONS = 128, LONGEST_LINE = 64 * 1024 };

struct ss_options {
    const ss_command *command;
    void *values;
    ss_arena arena;
    ss_strings arguments;
    size_t count;
    const ss_option *table[MOST_OPTIONS]; /* the command's own, then the common ones */
    source given[MOST_OPTIONS];
};

static size_t index_of(const ss_options *o, const ss_option *option)
{
    size_t i = 0;
    while (i < o->count && o->table[i] != option) i++;
    return i;
}

static int set(ss_options *o, const ss_option *option, const char *text, source from, const char *where, ss_error *err)
{
    size_t i = index_of(o, option);
    if (option->type == SS_OPT_LIST && o->given[i] != from)
        *(ss_strings *)((char *)o->values + option->at) = (ss_strings){0};
    o->given[i] = from;
    ss_status status = from == FROM_FLAG ? SS_USAGE : SS_CONFIG;
    return ss_option_store(option, text, where, status, &o->arena, o->values, err);
}

static int set_defaults(ss_options *o, ss_error *err)
{
    for (size_t i = 0; i < o->count; i++) {
        const ss_option *option = o->table[i];
        if (option->type == SS_OPT_REAL) *(double *)(void *)((char *)o->values + option->at) = NAN;
        if (option->fallback && set(o, option, option->fallback, FROM_DEFAULT, option->name, err))
            return ss_fail_in(err, "default");
    }
    return 0;
}

/* ---- the file ---- */

static char *trimmed(char *text)
{
    while (isspace((unsigned char)*text)) text++;
    size_t len = strlen(text);
    while (len && isspace((unsigned char)text[len - 1])) text[--len] = 0;
    return text;
}

/* Splits "key = value  # comment" in place. 1: key and value; 0: nothing on the line; -1: no '=' or ':'. */
static int split_line(char *line, char **key, char **value)
{
    line = trimmed(line);
    if (!*line || *line == '#') return 0;
    size_t at = strcspn(line, "=:");
    if (!line[at]) return -1;
    line[at] = 0;
    *key = trimmed(line);
    char *text = trimmed(line + at + 1);
    if (*text == '"' || *text == '\'') {
        char *end = strrchr(text + 1, *text);
        if (end) {
            *end = 0;
            *value = text + 1;
            return 1;
        }
    }
    for (char *c = text; *c; c++)
        if (*c == '#' && (c == text || isspace((unsigned char)c[-1]))) *c = 0;
    *value = trimmed(text);
    return 1;
}

typedef int setting_fn(void *context, const char *key, const char *value, const char *where, ss_error *err);

/* Calls `use` for each setting; stops at its first error unless it handles errors itself. */
static int each_setting(const char *path, setting_fn *use, void *context, ss_error *err)
{
    ss_lines *lines = ss_lines_open(path, LONGEST_LINE, err);
    if (!lines) {
        if (err) err->status = SS_CONFIG;
        return -1;
    }
    char *line, *key, *value, where[300];
    size_t len;
    int state, result = 0;
    while (!result && (state = ss_lines_next(lines, &line, &len, err)) != 0) {
        if (state < 0) {
            result = -1;
            if (err) err->status = SS_CONFIG;
            break;
        }
        snprintf(where, sizeof where, "%.200s:%zu", path, ss_lines_number(lines));
        int parts = split_line(line, &key, &value);
        if (parts > 0) result = use(context, key, value, where, err);
        if (parts < 0) result = use(context, NULL, line, where, err);
    }
    ss_lines_close(lines);
    return result;
}

static int use_setting(void *context, const char *key, const char *value, const char *where, ss_error *err)
{
    ss_options *o = context;
    if (!key) return ss_fail(err, SS_CONFIG, "%s: not of the form key = value", where);
    const ss_option *option = ss_option_find(o->command, key, strlen(key));
    if (!option || !strcmp(key, "config")) {
        char hint[100];
        ss_option_suggest(o->command, key, hint, sizeof hint);
        return ss_fail(err, SS_CONFIG, "%s: unknown key '%.80s'%s", where, key, hint);
    }
    char full[400];
    snprintf(full, sizeof full, "%s: %s", where, key);
    return set(o, option, value, FROM_FILE, full, err);
}

/* ---- the environment ---- */

static int read_environment(ss_options *o, ss_error *err)
{
    for (size_t i = 0; i < o->count; i++) {
        const ss_option *option = o->table[i];
        char name[128];
        ss_option_environment_name(option->name, name);
        const char *text = getenv(name);
        if (!text) continue;
        if (option->type != SS_OPT_LIST) {
            if (set(o, option, text, FROM_ENVIRONMENT, name, err)) return -1;
            continue;
        }
        char *copy = ss_arena_copy(&o->arena, text, strlen(text)), *rest = copy, *item;
        if (!copy) return ss_fail_memory(err, "reading the environment");
        while ((item = strsep(&rest, ";")))
            if (*item && set(o, option, item, FROM_ENVIRONMENT, name, err)) return -1;
    }
    return 0;
}

/* ---- the command line ---- */

static int add_argument(ss_options *o, char *word, ss_error *err)
{
    static const ss_option list = {.name = "arguments", .type = SS_OPT_LIST, .at = offsetof(ss_options, arguments)};
    if (!o->command->arguments)
        return ss_fail(err, SS_USAGE, "'%.*s': %s takes no arguments besides options; see --help",
                       (int)(strcspn(word, "=") < 80 ? strcspn(word, "=") : 80), word, /* sasl.password=... */
                       o->command->name);
    return ss_option_store(&list, word, word, SS_USAGE, &o->arena, o, err);
}

/* One "--name", "--name=value" or "--name value"; *i is moved past what was used. */
static int read_flag(ss_options *o, int argc, char **argv, int *i, ss_error *err)
{
    const char *word = argv[*i] + 2, *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    const ss_option *option = ss_option_find(o->command, word, len);
    int negated = 0;
    if (!option && !equals && !strncmp(word, "no-", 3)) {
        option = ss_option_find(o->command, word + 3, len - 3);
        negated = option && option->type == SS_OPT_FLAG;
        if (!negated) option = NULL;
    }
    char where[100];
    snprintf(where, sizeof where, "--%.*s", (int)(len < 80 ? len : 80), word);
    if (!option) {
        char hint[100], name[64];
        snprintf(name, sizeof name, "%.*s", (int)(len < 60 ? len : 60), word);
        ss_option_suggest(o->command, name, hint, sizeof hint);
        return ss_fail(err, SS_USAGE, "unknown option %s%s", where, hint);
    }
    const char *text;
    if (option->type == SS_OPT_FLAG)
        text = equals ? equals + 1 : negated ? "false" : "true";
    else if (equals)
        text = equals + 1;
    else if (*i + 1 < argc)
        text = argv[++*i];
    else
        return ss_fail(err, SS_USAGE, "%s needs a value (%s)", where, option->value ? option->value : "see --help");
    return set(o, option, text, FROM_FLAG, where, err);
}

static int read_flags(ss_options *o, int argc, char **argv, ss_error *err)
{
    int only_arguments = 0;
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (only_arguments || word[0] != '-' || !word[1]) {
            if (add_argument(o, word, err)) return -1;
        } else if (!strcmp(word, "--")) {
            only_arguments = 1;
        } else if (word[1] != '-') {
            return ss_fail(err, SS_USAGE, "unknown option %.80s; options begin with two dashes, see --help", word);
        } else if (read_flag(o, argc, argv, &i, err)) {
            return -1;
        }
    }
    return 0;
}

/* --config is needed before the flags are read: the file comes first in order. */
static const char *config_path(int argc, char **argv)
{
    const char *path = getenv("SKILLSTREAM_CONFIG");
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
        if (!strcmp(argv[i], "--config") && i + 1 < argc) path = argv[i + 1];
        if (!strncmp(argv[i], "--config=", 9)) path = argv[i] + 9;
    }
    return path && *path ? path : NULL;
}

static int check_required(const ss_options *o, ss_error *err)
{
    for (size_t i = 0; i < o->count; i++) {
        const ss_option *option = o->table[i];
        if (!(option->flags & SS_OPT_REQUIRED)) continue;
        const void *at = (const char *)o->values + option->at;
        int missing = option->type == SS_OPT_LIST ? ((const ss_strings *)at)->count == 0 : *(char *const *)at == NULL;
        if (!missing) continue;
        char name[128];
        ss_option_environment_name(option->name, name);
        return ss_fail(err, SS_USAGE, "--%s %s is needed (or %s in the environment, or '%s' in the file); see --help",
                       option->name, option->value ? option->value : "VALUE", name, option->name);
    }
    return 0;
}

static int asked_for(int argc, char **argv, const char *word)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
        if (!strcmp(argv[i], word)) return 1;
    return 0;
}

static ss_options *new_options(const ss_command *command, void *values, ss_error *err)
{
    ss_options *o = calloc(1, sizeof *o);
    if (!o) {
        ss_fail_memory(err, "reading the options");
        return NULL;
    }
    o->command = command;
    o->values = values;
    ss_arena_init(&o->arena, 4096, 0);
    memset(values, 0, command->size);
    const ss_option *tables[] = {command->options, ss_common_options()};
    for (size_t t = 0; t < 2; t++)
        for (const ss_option *option = tables[t]; option->name && o->count < MOST_OPTIONS; option++)
            o->table[o->count++] = option;
    return o;
}

static int read_all(ss_options *o, const char *settings, int argc, char **argv, ss_error *err)
{
    const char *path = config_path(argc, argv);
    return set_defaults(o, err) || (settings && each_setting(settings, use_setting, o, err)) ||
           (path && each_setting(path, use_setting, o, err)) || read_environment(o, err) ||
           read_flags(o, argc, argv, err);
}

/* The file named by an option of kind SS_OPT_SETTINGS; any of the sources may name it. */
static const char *settings_path(const ss_options *o)
{
    for (size_t i = 0; i < o->count; i++)
        if (o->table[i]->flags & SS_OPT_SETTINGS) return *(char *const *)((char *)o->values + o->table[i]->at);
    return NULL;
}

/* Reads everything, and when that named a file of settings, once more with it beneath. */
static int read_sources(ss_options *o, int argc, char **argv, ss_error *err)
{
    if (read_all(o, NULL, argc, argv, err)) return -1;
    const char *settings = settings_path(o);
    if (!settings) return 0;
    memset(o->values, 0, o->command->size);
    memset(o->given, 0, sizeof o->given);
    o->arguments = (ss_strings){0};
    return read_all(o, settings, argc, argv, err) ? -1 : 0;
}

/* The pages that a program prints about itself instead of running. 1: one was asked for. */
static int print_page(const ss_command *command, int argc, char **argv, const char *version)
{
    if (asked_for(argc, argv, "--help") || asked_for(argc, argv, "-h"))
        ss_options_help(command, stdout);
    else if (asked_for(argc, argv, "--help-markdown"))
        ss_options_markdown(command, stdout);
    else if (asked_for(argc, argv, "--help-man"))
        ss_options_man(command, version, stdout);
    else if (asked_for(argc, argv, "--help-bash"))
        ss_options_complete((const ss_command *const[]){command, NULL}, "bash", stdout);
    else if (asked_for(argc, argv, "--help-zsh"))
        ss_options_complete((const ss_command *const[]){command, NULL}, "zsh", stdout);
    else if (asked_for(argc, argv, "--help-fish"))
        ss_options_complete((const ss_command *const[]){command, NULL}, "fish", stdout);
    else if (asked_for(argc, argv, "--version"))
        puts(version);
    else
        return 0;
    return 1;
}

ss_parse ss_options_parse(ss_options **out, const ss_command *command, int argc, char **argv, const char *version,
                          void *values, ss_error *err)
{
    *out = NULL;
    if (print_page(command, argc, argv, version)) return SS_PARSE_DONE;
    ss_options *o = new_options(command, values, err);
    if (!o) return SS_PARSE_FAILED;
    if (read_sources(o, argc, argv, err) || check_required(o, err)) {
        ss_options_free(o);
        return SS_PARSE_FAILED;
    }
    *out = o;
    return SS_PARSE_RUN;
}

const ss_strings *ss_options_arguments(const ss_options *options)
{
    return &options->arguments;
}

/* ---- lint ---- */

typedef struct lint {
    ss_options *options;
    int findings;
    void (*report)(void *, size_t, const char *);
    void *context;
    ss_arena seen_arena;
    ss_strings seen;
} lint;

static int lint_setting(void *context, const char *key, const char *value, const char *where, ss_error *err)
{
    lint *l = context;
    size_t line = strtoul(strrchr(where, ':') + 1, NULL, 10);
    ss_error found = {0};
    int bad = use_setting(l->options, key, value, where, &found);
    if (bad && found.status == SS_MEMORY) {
        *err = found;
        return -1;
    }
    const ss_option *option = key ? ss_option_find(l->options->command, key, strlen(key)) : NULL;
    if (!bad && option && option->type != SS_OPT_LIST) {
        static const ss_option list = {.name = "seen", .type = SS_OPT_LIST, .at = offsetof(lint, seen)};
        for (size_t i = 0; i < l->seen.count && !bad; i++)
            if (!strcmp(l->seen.items[i], key)) {
                bad = 1;
                ss_fail(&found, SS_CONFIG, "%s: '%s' is set a second time; the last one wins", where, key);
            }
        if (ss_option_store(&list, key, where, SS_CONFIG, &l->seen_arena, l, err)) return -1;
    }
    if (bad) {
        l->findings++;
        l->report(l->context, line, found.text);
    }
    return 0;
}

int ss_options_lint(const ss_command *command, const char *path, void (*report)(void *, size_t, const char *),
                    void *context, ss_error *err)
{
    void *values = calloc(1, command->size);
    if (!values) return ss_fail_memory(err, "checking the configuration");
    lint l = {.report = report, .context = context, .options = new_options(command, values, err)};
    ss_arena_init(&l.seen_arena, 4096, 0);
    int result = -1;
    if (l.options && !set_defaults(l.options, err) && !each_setting(path, lint_setting, &l, err)) result = l.findings;
    ss_options_free(l.options);
    ss_arena_free(&l.seen_arena);
    free(values);
    return result;
}

/* ---- printing ---- */

static void print_masked(const ss_option *option, const char *text, FILE *out)
{
    const char *secret;
    size_t len = ss_option_secret(option, text, &secret);
    if (!len)
        fputs(text, out);
    else
        fprintf(out, "%.*s***%s", (int)(secret - text), text, secret + len);
}

static void print_value(const ss_option *option, const void *values, FILE *out)
{
    const void *at = (const char *)values + option->at;
    switch (option->type) {
    case SS_OPT_STRING:
    case SS_OPT_CHOICE:
    case SS_OPT_SECRET:
        if (*(char *const *)at) print_masked(option, *(char *const *)at, out);
        break;
    case SS_OPT_COUNT:
    case SS_OPT_BYTES: fprintf(out, "%llu", (unsigned long long)*(const uint64_t *)at); break;
    case SS_OPT_TIME: fprintf(out, "%lldms", (long long)*(const int64_t *)at); break;
    case SS_OPT_REAL:
        if (!isnan(*(const double *)at)) fprintf(out, "%.17g", *(const double *)at);
        break;
    case SS_OPT_FLAG: fputs(*(const int *)at ? "true" : "false", out); break;
    case SS_OPT_LIST:
        for (size_t i = 0; i < ((const ss_strings *)at)->count; i++) {
            if (i) fputc(';', out);
            print_masked(option, ((const ss_strings *)at)->items[i], out);
        }
        break;
    }
}

void ss_options_dump(const ss_options *o, FILE *out)
{
    static const char *const names[] = {"default", "file", "environment", "command line"};
    for (size_t i = 0; i < o->count; i++) {
        fprintf(out, "%s = ", o->table[i]->name);
        print_value(o->table[i], o->values, out);
        fprintf(out, "  # %s\n", names[o->given[i]]);
    }
}

int ss_options_digest(const ss_options *o, char hex[65], ss_error *err)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out) return ss_fail_memory(err, "digesting the options");
    for (size_t i = 0; i < o->count; i++) {
        if (!(o->table[i]->flags & SS_OPT_RESULT)) continue;
        fprintf(out, "%s=", o->table[i]->name);
        print_value(o->table[i], o->values, out);
        fputc('\n', out);
    }
    int bad = fclose(out);
    int result = bad ? ss_fail_memory(err, "digesting the options") : ss_sha256_hex(text, len, hex, err);
    free(text);
    return result;
}

void ss_options_free(ss_options *o)
{
    if (!o) return;
    ss_arena_free(&o->arena);
    free(o);
}
