/* prompt.c - see prompt.h. The file is copied once and cut up in place; rendering goes line by line. */
#include "producer/prompt.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream/wire_pair.h"

enum { LONGEST = 64 * 1024, LONGEST_NAME = 24 };

static const char *const names[] = {"label", "alternatives", "description", "skills",
                                    "n",     "language",     "sector",      "register"};
enum { LABEL, ALTERNATIVES, DESCRIPTION, SKILLS, N, LANGUAGE, SECTOR, REGISTER, PLACEHOLDERS };

/* ---- parsing ---- */

static char *trimmed(char *text)
{
    while (isspace((unsigned char)*text)) text++;
    size_t len = strlen(text);
    while (len && isspace((unsigned char)text[len - 1])) text[--len] = 0;
    return text;
}

static int split_choices(char *text, char **out, size_t *count)
{
    char *rest = text, *item;
    while ((item = strsep(&rest, "|"))) {
        item = trimmed(item);
        if (!*item) continue;
        if (*count == SS_PROMPT_CHOICES) return -1;
        out[(*count)++] = item;
    }
    return 0;
}

static int set_header(ss_prompt *p, const char *name, char *line, ss_error *err)
{
    char *colon = strchr(line, ':');
    if (!colon) return ss_fail(err, SS_CONFIG, "%s: '%.60s' is not of the form key: value", name, line);
    *colon = 0;
    char *key = trimmed(line), *value = trimmed(colon + 1);
    if (!strcmp(key, "version")) {
        for (const char *c = value; *c; c++)
            if (!isalnum((unsigned char)*c) && !strchr("-._+@", *c)) *value = 0;
        if (!*value || strlen(value) >= sizeof p->version)
            return ss_fail(err, SS_CONFIG, "%s: version must be up to %d letters, digits and -._+@", name,
                           SS_PROMPT_VERSION - 1);
        snprintf(p->version, sizeof p->version, "%s", value);
        return 0;
    }
    if (!strcmp(key, "kind")) {
        if (!ss_pair_kind_parse((ss_slice){value, strlen(value)}, &p->kind) && p->kind != SS_PAIR_UNSPECIFIED) return 0;
        return ss_fail(err, SS_CONFIG, "%s: kind must be LITERAL, IMPLIED, MULTI or NONE", name);
    }
    int full = 0;
    if (!strcmp(key, "sector"))
        full = split_choices(value, p->sectors, &p->sector_count);
    else if (!strcmp(key, "register"))
        full = split_choices(value, p->registers, &p->register_count);
    else
        return ss_fail(err, SS_CONFIG, "%s: unknown key '%.40s'; known: version, kind, sector, register", name, key);
    return full ? ss_fail(err, SS_CONFIG, "%s: more than %d values of %s", name, SS_PROMPT_CHOICES, key) : 0;
}

/* The placeholder that begins at text ("{name}"), or -1; *len = its length with braces. *word = 1: it looks like one.
 */
static int placeholder_at(const char *text, size_t *len, int *word)
{
    *word = 0;
    if (*text != '{') return -1;
    size_t n = 1;
    while (n <= LONGEST_NAME && islower((unsigned char)text[n])) n++;
    if (n == 1 || text[n] != '}') return -1;
    *word = 1;
    *len = n + 1;
    for (int i = 0; i < PLACEHOLDERS; i++)
        if (strlen(names[i]) == n - 1 && !strncmp(names[i], text + 1, n - 1)) return i;
    return -1;
}

static int check_text(const char *name, const char *text, int *has, ss_error *err)
{
    for (const char *c = strchr(text, '{'); c; c = strchr(c + 1, '{')) {
        size_t len = 0;
        int word, which = placeholder_at(c, &len, &word);
        if (which >= 0) has[which] = 1;
        if (which < 0 && word)
            return ss_fail(err, SS_CONFIG,
                           "%s: unknown placeholder %.*s; known: {label} {alternatives} {description} {skills} {n} "
                           "{language} {sector} {register}",
                           name, (int)len, c);
    }
    return 0;
}

static int check(const char *name, const ss_prompt *p, ss_error *err)
{
    int has[PLACEHOLDERS] = {0};
    if (!*p->version) return ss_fail(err, SS_CONFIG, "%s: no 'version:'", name);
    if (p->kind == SS_PAIR_UNSPECIFIED) return ss_fail(err, SS_CONFIG, "%s: no 'kind:'", name);
    if (!*p->user) return ss_fail(err, SS_CONFIG, "%s: no user message: two lines '---' are needed", name);
    if (check_text(name, p->system, has, err) || check_text(name, p->user, has, err)) return -1;
    if (!has[N]) return ss_fail(err, SS_CONFIG, "%s: the placeholder {n} is missing", name);
    if (p->kind == SS_PAIR_MULTI && !has[SKILLS])
        return ss_fail(err, SS_CONFIG, "%s: kind MULTI needs the placeholder {skills}", name);
    if ((p->kind == SS_PAIR_LITERAL || p->kind == SS_PAIR_IMPLIED) && !has[LABEL])
        return ss_fail(err, SS_CONFIG, "%s: the placeholder {label} is missing", name);
    return 0;
}

int ss_prompt_parse(const char *name, const char *text, size_t len, ss_prompt *out, ss_error *err)
{
    *out = (ss_prompt){0};
    if (len > LONGEST || memchr(text, 0, len)) return ss_fail(err, SS_CONFIG, "%s: not a prompt template", name);
    out->memory = strndup(text, len);
    if (!out->memory) return ss_fail_memory(err, "reading a prompt template");
    char *rest = out->memory, *line, *parts[3] = {rest, NULL, NULL};
    size_t part = 0;
    int bad = 0;
    out->system = out->user = out->memory + strlen(out->memory); /* "" */
    while (!bad && part < 2 && (line = strsep(&rest, "\n"))) {
        char *word = line + strspn(line, " \t\r");
        if (!strncmp(word, "---", 3) && !*trimmed(word + 3)) {
            if (part == 1) word[0] = 0; /* ends the system text */
            parts[++part] = rest ? rest : line + strlen(line);
        } else if (part == 0 && *word && *word != '#') {
            bad = set_header(out, name, word, err);
        } else if (part == 1 && rest) {
            rest[-1] = '\n'; /* strsep cut a text that belongs together */
        }
    }
    if (!bad && part == 2) {
        out->system = trimmed(parts[1]);
        out->user = trimmed(parts[2]);
    }
    if (bad || check(name, out, err)) {
        ss_prompt_free(out);
        return -1;
    }
    return 0;
}

void ss_prompt_free(ss_prompt *prompt)
{
    free(prompt->memory);
    *prompt = (ss_prompt){0};
}

/* ---- rendering ---- */

/* Renders one line (without its newline) if it has no placeholder, or one that is not empty. 1: written. */
static int render_line(const char *line, size_t len, const char *const *values, ss_buffer *out)
{
    size_t before = out->len, from = 0;
    int found = 0, filled = 0;
    for (size_t i = 0; i < len; i++) {
        size_t skip = 0;
        int word, which = placeholder_at(line + i, &skip, &word);
        if (which < 0) continue;
        found = 1;
        filled |= *values[which] != 0;
        if (ss_buffer_add(out, line + from, i - from) || ss_buffer_add_string(out, values[which])) return -1;
        from = i + skip;
        i = from - 1;
    }
    if (ss_buffer_add(out, line + from, len - from)) return -1;
    if (!found || filled) return 1;
    out->len = before;
    return 0;
}

static int render(const char *text, const char *const *values, ss_buffer *out)
{
    size_t begin = out->len;
    while (*text) {
        size_t len = strcspn(text, "\n");
        int written = render_line(text, len, values, out);
        if (written < 0) return -1;
        text += len;
        if (*text == '\n') {
            text++;
            if (written && ss_buffer_add(out, "\n", 1)) return -1;
        }
    }
    while (out->len > begin && out->data[out->len - 1] == '\n') out->len--;
    if (out->data) out->data[out->len] = 0;
    return 0;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

int ss_prompt_render(const ss_prompt *p, const ss_prompt_values *v, ss_buffer *system, ss_buffer *user, ss_error *err)
{
    char n[16];
    snprintf(n, sizeof n, "%u", v->n);
    const char *values[PLACEHOLDERS] = {[LABEL] = or_empty(v->label),
                                        [ALTERNATIVES] = or_empty(v->alternatives),
                                        [DESCRIPTION] = or_empty(v->description),
                                        [SKILLS] = or_empty(v->skills),
                                        [N] = n,
                                        [LANGUAGE] = or_empty(v->language),
                                        [SECTOR] = p->sector_count ? p->sectors[v->variation % p->sector_count] : "",
                                        [REGISTER] = ""};
    /* A different part of the number, so that the two lists do not run in step. */
    if (p->register_count) values[REGISTER] = p->registers[(v->variation >> 20) % p->register_count];
    if (render(p->system, values, system) || render(p->user, values, user))
        return ss_fail(err, SS_LIMIT, "the prompt %s gets too long", p->version);
    return 0;
}
