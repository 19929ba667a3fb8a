/* option_secret.c - which part of an option's text is a secret; see option_value.h.
 *
 * Three places: options that are a secret; KEY=VALUE and NAME: VALUE items of lists, told by their name; and URLs with
 * a password before the '@'. Names are matched by parts ("sasl.password", "ssl.key.pem", "X-Api-Key"), rather too many
 * than one too few; what names a file is none.
 */
#include "base/option_value.h"

#include <string.h>
#include <strings.h>

static int is_secret_name(const char *name, size_t len)
{
    static const char *const parts[] = {"password", "passwd", "secret", "token",  "key",
                                        "pem",      "jaas",   "auth",   "cookie", "oauthbearer.config"};
    char copy[128];
    static const char location[] = ".location";
    const size_t ending = sizeof location - 1;
    if (len >= sizeof copy) len = sizeof copy - 1;
    memcpy(copy, name, len);
    copy[len] = 0;
    if (len > ending && !memcmp(copy + (len - ending), location, ending)) return 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strcasestr(copy, parts[i])) return 1;
    return 0;
}

static size_t mark(const char *from, const char *to, const char **begin)
{
    *begin = from;
    return (size_t)(to - from);
}

size_t ss_option_secret(const ss_option *option, const char *text, const char **begin)
{
    const char *end = text + strlen(text);
    if (option->type == SS_OPT_SECRET) return mark(text, end, begin);
    const char *host = strstr(text, "://");
    if (option->type == SS_OPT_LIST) {
        size_t name = strcspn(text, "=:");
        if (text[name] && is_secret_name(text, name)) return mark(text + name + 1, end, begin);
    } else if (option->type != SS_OPT_STRING) {
        return 0;
    }
    if (!host) return 0;
    host += 3;
    const char *slash = strchr(host, '/'), *at = memrchr(host, '@', (size_t)((slash ? slash : end) - host));
    const char *colon = at ? memchr(host, ':', (size_t)(at - host)) : NULL;
    return colon ? mark(colon + 1, at, begin) : 0;
}

/* The word's part that is a secret becomes stars. */
static void hide(const ss_option *option, char *text)
{
    const char *begin;
    size_t len = ss_option_secret(option, text, &begin);
    if (len) memset(text + (begin - text), '*', len);
}

void ss_options_hide(const ss_command *command, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
        if (strncmp(argv[i], "--", 2)) continue;
        char *word = argv[i] + 2, *equals = strchr(word, '=');
        const ss_option *option = ss_option_find(command, word, equals ? (size_t)(equals - word) : strlen(word));
        if (!option || option->type == SS_OPT_FLAG) continue;
        if (equals)
            hide(option, equals + 1);
        else if (i + 1 < argc)
            hide(option, argv[++i]);
    }
}
