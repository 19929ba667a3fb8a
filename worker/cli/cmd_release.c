/* cmd_release.c - `skillstream release`: push, list, show, use, rollback, gc. The work is in stream/registry.h. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/progress.h"
#include "match/release.h"
#include "stream/redis_client.h"
#include "stream/registry.h"
#include "worker/cli/command.h"
#include "worker/extract/release_source.h"

typedef struct values {
    ss_common_values common;
    const char *redis;
    int use, json;
    uint64_t keep;
    int64_t patience;
} values;

#define AT(member) offsetof(values, member)

static const ss_option table[] = {
    {"redis", SS_OPT_STRING, AT(redis), NULL, NULL, "URL", "Redis", SS_REDIS_URL_FORMS, SS_OPT_REQUIRED},
    {"patience", SS_OPT_TIME, AT(patience), "10s", NULL, "TIME", NULL, "How long to try to reach Redis.", 0},
    {"use", SS_OPT_FLAG, AT(use), "true", NULL, NULL, "Actions",
     "push: make the release the one in use, which workers switch to; --no-use only stores it.", 0},
    {"keep", SS_OPT_COUNT, AT(keep), "3", NULL, "N", NULL,
     "gc: keep the N releases used last; the one in use always stays.", 0},
    {"json", SS_OPT_FLAG, AT(json), "false", NULL, NULL, NULL, "list: one JSON object a line.", 0},
    {.name = NULL}};

static const ss_command command = {
    .name = "skillstream release",
    .summary = "releases in Redis: push, list, show, use, rollback, gc",
    .arguments = "push FILE | list | show DIGEST | use DIGEST | rollback | gc",
    .description =
        "push FILE stores a release file in Redis and puts it in use. list shows what is there, show prints one "
        "manifest, use DIGEST puts a stored one in use, rollback goes back to the one used before, gc removes "
        "old ones. DIGEST may be shortened to its first characters. Workers that run follow within seconds.",
    .examples = "  skillstream release push esco.release --redis redis://localhost:6379\n"
                "  skillstream release rollback --redis redis://localhost:6379\n",
    .options = table,
    .size = sizeof(values)};

typedef struct call {
    const values *v;
    ss_redis *redis;
    const char *argument; /* NULL where the action takes none */
} call;

static int show_progress(void *bar, size_t done, size_t total)
{
    ((ss_progress *)bar)->total = total >> 20;
    ss_progress_update(bar, done >> 20, NULL);
    return 0;
}

static int push_release(const call *c, const ss_release *release, ss_error *err)
{
    ss_progress bar;
    ss_progress_start(&bar, "pushing", "MiB", 0);
    ss_registry_push_options options = {.make_current = c->v->use, .progress = show_progress, .context = &bar};
    char digest[SS_SHA256_HEX + 1];
    if (ss_release_push(c->redis, release, &options, digest, err)) return -1;
    ss_progress_end(&bar, bar.total);
    printf("%s %s\n", digest, c->v->use ? "is in use" : "is stored; put it in use by: skillstream release use");
    return 0;
}

static int push(const call *c, ss_error *err)
{
    ss_release *release = ss_release_open_content(c->argument, err);
    int result = release ? push_release(c, release, err) : -1;
    ss_release_drop(release);
    return result;
}

static void print_entry(const ss_registry_entry *e, int json)
{
    char used[32] = "";
    if (e->last_used_ms) ss_wall_text(e->last_used_ms, used);
    if (json)
        printf(
            "{\"digest\":\"%s\",\"name\":\"%s\",\"createdAt\":\"%s\",\"bytes\":%zu,\"lastUsed\":\"%s\",\"current\":%s,"
            "\"complete\":%s}\n",
            e->digest, e->name, e->created_at, e->bytes, used, e->is_current ? "true" : "false",
            e->is_complete ? "true" : "false");
    else
        printf("%c %s  %8.1f MB  %-24s  %-24s  %s%s\n", e->is_current ? '*' : ' ', e->digest, (double)e->bytes / 1e6,
               e->created_at, *used ? used : "never used", e->name, e->is_complete ? "" : "  INCOMPLETE");
}

static int list(const call *c, ss_error *err)
{
    ss_registry_entry *entries;
    size_t count;
    if (ss_registry_list(c->redis, &entries, &count, err)) return -1;
    if (!count && !c->v->json) fprintf(stderr, "no release yet; store one by: skillstream release push FILE\n");
    for (size_t i = 0; i < count; i++) print_entry(&entries[i], c->v->json);
    free(entries);
    return 0;
}

static int show(const call *c, ss_error *err)
{
    char digest[SS_SHA256_HEX + 1];
    ss_buffer manifest;
    ss_buffer_init(&manifest, SS_REGISTRY_MANIFEST_MAX);
    int result = ss_registry_resolve(c->redis, c->argument, digest, err) ||
                 ss_registry_manifest(c->redis, digest, &manifest, err);
    if (!result) printf("%.*s\n", (int)manifest.len, manifest.data);
    ss_buffer_free(&manifest);
    return result ? -1 : 0;
}

static int use(const call *c, ss_error *err)
{
    char digest[SS_SHA256_HEX + 1];
    if (ss_registry_resolve(c->redis, c->argument, digest, err) || ss_registry_use(c->redis, digest, err)) return -1;
    printf("%s is in use\n", digest);
    return 0;
}

static int rollback(const call *c, ss_error *err)
{
    char digest[SS_SHA256_HEX + 1];
    if (ss_registry_rollback(c->redis, digest, err)) return -1;
    printf("%s is in use again\n", digest);
    return 0;
}

static int gc(const call *c, ss_error *err)
{
    ss_registry_gc_result result;
    if (ss_registry_gc(c->redis, (size_t)c->v->keep, &result, err)) return -1;
    printf("%zu releases kept, %zu removed (%.1f MB, %zu keys)\n", result.kept, result.removed,
           (double)result.bytes / 1e6, result.keys);
    return 0;
}

static const struct action {
    const char *word;
    int arguments;
    int (*run)(const call *, ss_error *);
} actions[] = {{"push", 1, push}, {"list", 0, list},         {"show", 1, show},
               {"use", 1, use},   {"rollback", 0, rollback}, {"gc", 0, gc}};

static int act(const values *v, const ss_strings *words, ss_error *err)
{
    if (!words->count)
        return ss_fail(err, SS_USAGE, "an action is needed: push FILE, list, show DIGEST, use DIGEST, rollback or gc");
    const struct action *action = NULL;
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (!strcmp(actions[i].word, words->items[0])) action = &actions[i];
    if (!action) {
        static const char *const known[] = {"push", "list", "show", "use", "rollback", "gc", NULL};
        const char *nearest = ss_nearest_word(words->items[0], known);
        return ss_fail(err, SS_USAGE, "no action '%.60s'%s%s%s", words->items[0], nearest ? "; did you mean '" : "",
                       nearest ? nearest : "", nearest ? "'?" : "");
    }
    if (words->count != (size_t)action->arguments + 1)
        return ss_fail(err, SS_USAGE, "release %s takes %s", action->word,
                       action->arguments ? "one argument" : "no argument");
    ss_redis_options options = {.url = v->redis, .command_timeout_ms = 30000};
    call c = {.v = v, .argument = action->arguments ? words->items[1] : NULL};
    c.redis = ss_redis_new(&options, err);
    int result = c.redis && !ss_redis_connect_within(c.redis, v->patience, err) ? action->run(&c, err) : -1;
    ss_redis_free(c.redis);
    return result;
}

static int run(int argc, char **argv)
{
    values v;
    ss_options *options;
    ss_log log;
    int code;
    ss_error err = {0};
    if (!ss_command_begin(&command, argc, argv, &v, &options, &log, &code)) return code;
    if (act(&v, ss_options_arguments(options), &err)) code = ss_command_fail(&command, &err);
    ss_options_free(options);
    return code;
}

const ss_subcommand ss_release_subcommand = {"release", &command, run};
