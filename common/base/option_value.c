/* option_value.c - one option's text to its typed value; see option_value.h.
 *
 * All numbers go through strto* with the end checked, ranges come from the table.
 */
#include "base/option_value.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *slot(const ss_option *option, void *values)
{
    return (char *)values + option->at;
}

/* "least..most" of the table; either side may be empty. */
static int in_range(const char *range, double value)
{
    if (!range) return 1;
    char *end;
    double least = strtod(range, &end);
    if (end == range) least = -INFINITY;
    const char *dots = strstr(range, "..");
    if (!dots) return 1;
    double most = strtod(dots + 2, &end);
    if (end == dots + 2) most = INFINITY;
    return value >= least && value <= most;
}

static int is_choice(const char *range, const char *text)
{
    size_t len = strlen(text);
    for (const char *at = range; len && at; at = strchr(at, '|')) {
        if (*at == '|') at++;
        if (!strncmp(at, text, len) && (at[len] == '|' || !at[len])) return 1;
    }
    return 0;
}

/* A whole number with one of the suffixes; multiplies. Returns 0 when `text` is one. */
static int parse_scaled(const char *text, const char *const *suffixes, const double *factors, size_t count,
                        double *value)
{
    char *end;
    errno = 0;
    double number = strtod(text, &end);
    if (end == text || errno || !isfinite(number) || number < 0) return -1;
    for (size_t i = 0; i < count; i++)
        if (!strcasecmp(end, suffixes[i])) {
            *value = number * factors[i];
            return *value < 9e18 ? 0 : -1;
        }
    return -1;
}

static int parse_bytes(const char *text, double *value)
{
    static const char *const suffixes[] = {"", "b", "k", "kb", "kib", "m", "mb", "mib", "g", "gb", "gib"};
    static const double factors[] = {1,       1,       1024,       1024,       1024,      1048576,
                                     1048576, 1048576, 1073741824, 1073741824, 1073741824};
    return parse_scaled(text, suffixes, factors, 11, value);
}

static int parse_time(const char *text, double *value)
{
    static const char *const suffixes[] = {"ms", "s", "m", "min", "h", "d"};
    static const double factors[] = {1, 1000, 60000, 60000, 3600000, 86400000};
    if (!strcmp(text, "0")) return *value = 0, 0;
    return parse_scaled(text, suffixes, factors, 6, value);
}

static int parse_flag(const char *text, int *value)
{
    static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < 4; i++) {
        if (!strcasecmp(text, yes[i])) return *value = 1, 0;
        if (!strcasecmp(text, no[i])) return *value = 0, 0;
    }
    return -1;
}

static int append(ss_strings *list, const char *text, ss_arena *arena)
{
    char **items = ss_arena_alloc(arena, (list->count + 1) * sizeof *items);
    char *copy = ss_arena_copy(arena, text, strlen(text));
    if (!items || !copy) return -1;
    if (list->count) memcpy(items, list->items, list->count * sizeof *items);
    items[list->count] = copy;
    *list = (ss_strings){.items = items, .count = list->count + 1};
    return 0;
}

static const char *expectation(ss_option_type type)
{
    switch (type) {
    case SS_OPT_COUNT: return "a whole number";
    case SS_OPT_BYTES: return "a size such as 512k, 16M or 1G";
    case SS_OPT_TIME: return "a time such as 500ms, 20s, 5m or 1h";
    case SS_OPT_REAL: return "a number";
    case SS_OPT_FLAG: return "true or false";
    default: return "a value";
    }
}

/* 0: stored; 1: not of the type; 2: out of range; -1: memory. */
static int store(const ss_option *option, const char *text, ss_arena *arena, void *values)
{
    void *to = slot(option, values);
    double number;
    switch (option->type) {
    case SS_OPT_STRING:
    case SS_OPT_SECRET:
    case SS_OPT_CHOICE: {
        if (option->type == SS_OPT_CHOICE && !is_choice(option->range, text)) return 2;
        char *copy = ss_arena_copy(arena, text, strlen(text));
        if (!copy) return -1;
        *(const char **)to = copy;
        return 0;
    }
    case SS_OPT_LIST: return append(to, text, arena);
    case SS_OPT_FLAG: return parse_flag(text, to) ? 1 : 0;
    case SS_OPT_REAL: {
        char *end;
        number = strtod(text, &end);
        if (end == text || *end || !isfinite(number)) return 1;
        if (!in_range(option->range, number)) return 2;
        *(double *)to = number;
        return 0;
    }
    case SS_OPT_COUNT: {
        char *end;
        errno = 0;
        unsigned long long whole = strtoull(text, &end, 10);
        if (!isdigit((unsigned char)*text) || *end || errno) return 1;
        if (!in_range(option->range, (double)whole)) return 2;
        *(uint64_t *)to = whole;
        return 0;
    }
    case SS_OPT_BYTES:
        if (parse_bytes(text, &number)) return 1;
        if (!in_range(option->range, number)) return 2;
        *(uint64_t *)to = (uint64_t)number;
        return 0;
    case SS_OPT_TIME:
        if (parse_time(text, &number)) return 1;
        if (!in_range(option->range, number)) return 2;
        *(int64_t *)to = (int64_t)number;
        return 0;
    }
    return 1;
}

int ss_option_store(const ss_option *option, const char *text, const char *where, ss_status status, ss_arena *arena,
                    void *values, ss_error *err)
{
    int result = store(option, text, arena, values);
    if (!result) return 0;
    if (result < 0) return ss_fail_memory(err, "reading the options");
    if (result == 2)
        return ss_fail(err, status, "%s: '%.80s' is not one of %s", where, text,
                       option->range ? option->range : "the allowed values");
    return ss_fail(err, status, "%s: '%.80s' is not %s", where, text, expectation(option->type));
}

const ss_option *ss_common_options(void)
{
    static const ss_option common[] = {
        {"config", SS_OPT_STRING, offsetof(ss_common_values, config), NULL, NULL, "FILE", "Common options",
         "Reads options from FILE, one `key = value` a line. Environment and command line win over it.", 0},
        {"log-level", SS_OPT_CHOICE, offsetof(ss_common_values, log_level), "info", "debug|info|warn|error", "LEVEL",
         NULL, "Lines below LEVEL are not logged.", 0},
        {"log-format", SS_OPT_CHOICE, offsetof(ss_common_values, log_format), "auto", "auto|json|text", "FORMAT", NULL,
         "JSON lines or columns on stderr; auto: columns on a terminal.", 0},
        {.name = NULL}};
    return common;
}

void ss_option_environment_name(const char *name, char out[128])
{
    static const char prefix[] = "SKILLSTREAM_";
    size_t at = sizeof prefix - 1;
    memcpy(out, prefix, at);
    for (; *name && at < 127; name++) out[at++] = (char)(*name == '-' ? '_' : toupper((unsigned char)*name));
    out[at] = 0;
}

static const ss_option *find_in(const ss_option *table, const char *name, size_t len)
{
    for (; table->name; table++)
        if (strlen(table->name) == len && !strncmp(table->name, name, len)) return table;
    return NULL;
}

const ss_option *ss_option_find(const ss_command *command, const char *name, size_t len)
{
    const ss_option *option = find_in(command->options, name, len);
    return option ? option : find_in(ss_common_options(), name, len);
}
