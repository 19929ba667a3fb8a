/* cmd_release.c - `skillstream release`: push, list, show, use, rollback, gc, and signatures: keygen, sign, verify. The
 * work is in stream/registry.h and base/signature.h.
 *
 * `sign` takes a file or a whole digest, never a shortened one: completing it would mean to sign what Redis says, and
 * signatures are there because Redis is not believed.
 */
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
#include "worker/cli/print_text.h"
#include "worker/extract/release_source.h"

typedef struct values {
    ss_common_values common;
    const char *redis, *sign_key, *out;
    ss_strings trusted_keys;
    int use, use_if_none, json;
    uint64_t keep;
    int64_t patience;
} values;

#define AT(member) offsetof(values, member)

static const ss_option table[] = {
    {"redis", SS_OPT_STRING, AT(redis), NULL, NULL, "URL", "Redis", SS_REDIS_URL_FORMS, 0},
    {"patience", SS_OPT_TIME, AT(patience), "10s", NULL, "TIME", NULL, "How long to try to reach Redis.", 0},
    {"use", SS_OPT_FLAG, AT(use), "true", NULL, NULL, "Actions",
     "push: make the release the one in use, which workers switch to; --no-use only stores it.", 0},
    {"use-if-none", SS_OPT_FLAG, AT(use_if_none), "false", NULL, NULL, NULL,
     "push: put it in use only if no release is; one that is in use, and may be newer, stays.", 0},
    {"keep", SS_OPT_COUNT, AT(keep), "3", NULL, "N", NULL,
     "gc: keep the N releases used last; the one in use always stays.", 0},
    {"json", SS_OPT_FLAG, AT(json), "false", NULL, NULL, NULL, "list: one JSON object a line.", 0},
    {"sign-key", SS_OPT_STRING, AT(sign_key), NULL, NULL, "FILE", "Signatures",
     "push, sign: the private key (NAME.key) that signs the release; its signature is stored beside the release.", 0},
    {"trusted-key", SS_OPT_LIST, AT(trusted_keys), NULL, NULL, "FILE", NULL,
     "verify, use, rollback: only a release that this key (NAME.pub) has signed will do; list says which. Repeatable, "
     "and a file may hold several keys.",
     0},
    {"out", SS_OPT_STRING, AT(out), NULL, NULL, "NAME", NULL,
     "keygen: writes the private key to NAME.key and the public one to NAME.pub; neither may exist.", 0},
    {.name = NULL}};

static const ss_command command = {
    .name = "skillstream release",
    .summary = "releases in Redis: push, list, show, use, rollback, gc, sign, verify, keygen",
    .arguments =
        "push FILE | list | show DIGEST | use DIGEST | rollback | gc | sign FILE|DIGEST | verify DIGEST | keygen",
    .description =
        "push FILE stores a release file in Redis and puts it in use. list shows what is there, show prints one "
        "manifest, use DIGEST puts a stored one in use, rollback goes back to the one used before, gc removes "
        "old ones. DIGEST may be shortened to its first characters. Workers that run follow within seconds. keygen "
        "makes a "
        "pair of keys, sign adds a signature to a stored release (by its file or its whole digest), verify fetches one "
        "as a worker with --trusted-key would, and says who signed it.",
    .examples =
        "  skillstream release push esco.release --redis redis://localhost:6379\n"
        "  skillstream release rollback --redis redis://localhost:6379\n"
        "  skillstream release keygen --out releases    # releases.key stays with you, workers get releases.pub\n"
        "  skillstream release push esco.release --sign-key releases.key --redis redis://localhost:6379\n",
    .options = table,
    .size = sizeof(values)};

typedef struct call {
    const values *v;
    ss_redis *redis; /* these three: NULL where the action has no use for it, or the user gave none */
    ss_signing_key *sign_key;
    ss_trusted_keys *trusted;
    const char *argument; /* NULL where the action takes none */
} call;

static int show_progress(void *bar, size_t done, size_t total)
{
    ((ss_progress *)bar)->total = total >> 20;
    ss_progress_update(bar, done >> 20, NULL);
    return 0;
}

static int say_pushed(const call *c, const char *digest, ss_error *err)
{
    char current[SS_SHA256_HEX + 1] = "";
    if (c->v->use && c->v->use_if_none && ss_registry_current(c->redis, current, err)) return -1;
    if (*current && strcmp(current, digest) != 0)
        printf("%s is stored; %.12s stays in use\n", digest, current);
    else
        printf("%s %s\n", digest, c->v->use ? "is in use" : "is stored; put it in use by: skillstream release use");
    return 0;
}

static int push_release(const call *c, const ss_release *release, ss_error *err)
{
    ss_progress bar;
    ss_progress_start(&bar, "pushing", "MiB", 0);
    ss_registry_push_options options = {.make_current = c->v->use,
                                        .unless_used = c->v->use_if_none,
                                        .progress = show_progress,
                                        .context = &bar,
                                        .sign_key = c->sign_key};
    char digest[SS_SHA256_HEX + 1];
    if (ss_release_push(c->redis, release, &options, digest, err)) return -1;
    ss_progress_end(&bar, bar.total);
    if (c->sign_key) fprintf(stderr, "signed by %s\n", ss_signing_key_print(c->sign_key));
    return say_pushed(c, digest, err);
}

static int push(const call *c, ss_error *err)
{
    ss_release *release = ss_release_open_content(c->argument, err);
    int result = release ? push_release(c, release, err) : -1;
    ss_release_drop(release);
    return result;
}

/* ---- list ---- */

/* " signed 0123456789abcdef,..." by the names in Redis; with `proved` (a fingerprint, or "") what the trusted keys say.
 */
static void print_signers(const ss_registry_entry *e, const char *proved)
{
    if (proved && !*proved) printf("  NOT TRUSTED");
    if (proved && *proved) printf("  trusted %.16s", proved);
    if (!proved && !e->signer_count) printf("  unsigned");
    for (size_t i = 0; !proved && i < e->signer_count; i++) printf("%s%.16s", i ? "," : "  signed ", e->signers[i]);
}

static void print_plain(const ss_registry_entry *e, const char *used, const char *proved)
{
    printf("%c %s  %8.1f MB  ", e->is_current ? '*' : ' ', e->digest, (double)e->bytes / 1e6);
    ss_print_plain(e->created_at, strlen(e->created_at), 24);
    printf("  %-24s  ", *used ? used : "never used");
    ss_print_plain(e->name, strlen(e->name), 0);
    if (!e->is_complete) printf("  INCOMPLETE");
    print_signers(e, proved);
    putchar('\n');
}

static void print_json(const ss_registry_entry *e, const char *used, const char *proved)
{
    printf("{\"digest\":\"%s\",\"name\":", e->digest);
    ss_print_json(e->name, strlen(e->name));
    printf(",\"createdAt\":");
    ss_print_json(e->created_at, strlen(e->created_at));
    printf(",\"bytes\":%zu,\"lastUsed\":\"%s\",\"current\":%s,\"complete\":%s,\"signers\":[", e->bytes, used,
           e->is_current ? "true" : "false", e->is_complete ? "true" : "false");
    for (size_t i = 0; i < e->signer_count; i++) printf("%s\"%s\"", i ? "," : "", e->signers[i]);
    printf("]");
    if (proved) printf(",\"trusted\":%s", *proved ? "true" : "false");
    printf("}\n");
}

static int print_entry(const call *c, const ss_registry_entry *e, ss_error *err)
{
    char used[32] = "", signer[SS_SHA256_HEX + 1];
    if (c->trusted && ss_registry_is_signed(c->redis, e->digest, c->trusted, signer, err) < 0) return -1;
    if (e->last_used_ms) ss_wall_text(e->last_used_ms, used);
    (c->v->json ? print_json : print_plain)(e, used, c->trusted ? signer : NULL);
    return 0;
}

static int list(const call *c, ss_error *err)
{
    ss_registry_entry *entries;
    size_t count;
    int result = 0;
    if (ss_registry_list(c->redis, &entries, &count, err)) return -1;
    if (!count && !c->v->json) fprintf(stderr, "no release yet; store one by: skillstream release push FILE\n");
    for (size_t i = 0; !result && i < count; i++) result = print_entry(c, &entries[i], err);
    free(entries);
    return result;
}

/* ---- show, use, rollback, gc ---- */

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
    if (ss_registry_resolve(c->redis, c->argument, digest, err) || ss_registry_use(c->redis, digest, c->trusted, err))
        return -1;
    printf("%s is in use\n", digest);
    return 0;
}

static int rollback(const call *c, ss_error *err)
{
    char digest[SS_SHA256_HEX + 1];
    if (ss_registry_rollback(c->redis, c->trusted, digest, err)) return -1;
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

/* ---- signatures ---- */

static int keygen(const call *c, ss_error *err)
{
    char print[SS_SHA256_HEX + 1];
    if (ss_key_pair_write(c->v->out, print, err)) return -1;
    fprintf(stderr, "%s.key signs: keep it secret. %s.pub is for workers: --trusted-key %s.pub\n", c->v->out, c->v->out,
            c->v->out);
    printf("%s\n", print);
    return 0;
}

/* The digest of a release file, or the one that the argument is. */
static int find_digest(const char *argument, char digest[SS_SHA256_HEX + 1], ss_error *err)
{
    if (ss_registry_is_digest(argument)) {
        memcpy(digest, argument, SS_SHA256_HEX + 1);
        return 0;
    }
    ss_release *release = ss_release_open_content(argument, err);
    if (!release) return -1;
    memcpy(digest, ss_release_digest(release), SS_SHA256_HEX + 1);
    ss_release_drop(release);
    return 0;
}

static int sign(const call *c, ss_error *err)
{
    char digest[SS_SHA256_HEX + 1];
    if (find_digest(c->argument, digest, err) || ss_registry_sign(c->redis, digest, c->sign_key, err)) return -1;
    printf("%s is signed by %s\n", digest, ss_signing_key_print(c->sign_key));
    return 0;
}

static int verify(const call *c, ss_error *err)
{
    char digest[SS_SHA256_HEX + 1], signer[SS_SHA256_HEX + 1];
    if (ss_registry_resolve(c->redis, c->argument, digest, err) ||
        ss_registry_is_signed(c->redis, digest, c->trusted, signer, err) != 1)
        return -1;
    ss_release *release = ss_release_fetch(c->redis, digest, c->trusted, err);
    if (!release) return -1;
    ss_release_drop(release);
    printf("%s is whole and signed by %s\n", digest, signer);
    return 0;
}

/* ---- the actions ---- */

enum { NEEDS_REDIS = 1, NEEDS_SIGN_KEY = 2, NEEDS_TRUSTED_KEY = 4, NEEDS_OUT = 8 };

static const struct action {
    const char *word;
    int arguments;
    int (*run)(const call *, ss_error *);
    unsigned needs;
} actions[] = {{"push", 1, push, NEEDS_REDIS},
               {"list", 0, list, NEEDS_REDIS},
               {"show", 1, show, NEEDS_REDIS},
               {"use", 1, use, NEEDS_REDIS},
               {"rollback", 0, rollback, NEEDS_REDIS},
               {"gc", 0, gc, NEEDS_REDIS},
               {"sign", 1, sign, NEEDS_REDIS | NEEDS_SIGN_KEY},
               {"verify", 1, verify, NEEDS_REDIS | NEEDS_TRUSTED_KEY},
               {"keygen", 0, keygen, NEEDS_OUT}};

enum { ACTIONS = sizeof actions / sizeof *actions };

static const struct action *find_action(const char *word, ss_error *err)
{
    const char *known[ACTIONS + 1] = {NULL};
    for (size_t i = 0; i < ACTIONS; i++) {
        if (!strcmp(actions[i].word, word)) return &actions[i];
        known[i] = actions[i].word;
    }
    const char *nearest = ss_nearest_word(word, known);
    ss_fail(err, SS_USAGE, "no action '%.60s'%s%s%s", word, nearest ? "; did you mean '" : "", nearest ? nearest : "",
            nearest ? "'?" : "");
    return NULL;
}

/* What the table cannot ask for, because it depends on the action. */
static int check_needs(const struct action *action, const values *v, ss_error *err)
{
    const char *missing = NULL;
    if (action->needs & NEEDS_OUT && !v->out) missing = "out NAME";
    if (action->needs & NEEDS_TRUSTED_KEY && !v->trusted_keys.count) missing = "trusted-key FILE";
    if (action->needs & NEEDS_SIGN_KEY && !v->sign_key) missing = "sign-key FILE";
    if (action->needs & NEEDS_REDIS && !v->redis) missing = "redis URL";
    return missing ? ss_fail(err, SS_USAGE, "release %s: --%s is needed; see --help", action->word, missing) : 0;
}

static int open_call(call *c, unsigned needs, ss_error *err)
{
    const values *v = c->v;
    if (v->sign_key && !(c->sign_key = ss_signing_key_read(v->sign_key, err))) return -1;
    if (ss_release_trusted_keys(&v->trusted_keys, &c->trusted, err)) return -1;
    if (!(needs & NEEDS_REDIS)) return 0;
    ss_redis_options options = {.url = v->redis, .command_timeout_ms = 30000};
    c->redis = ss_redis_new(&options, err);
    return c->redis ? ss_redis_connect_within(c->redis, v->patience, err) : -1;
}

static int act(const values *v, const ss_strings *words, ss_error *err)
{
    if (!words->count)
        return ss_fail(err, SS_USAGE,
                       "an action is needed: push FILE, list, show DIGEST, use DIGEST, rollback, gc, sign FILE, verify "
                       "DIGEST or keygen");
    const struct action *action = find_action(words->items[0], err);
    if (!action) return -1;
    if (words->count != (size_t)action->arguments + 1)
        return ss_fail(err, SS_USAGE, "release %s takes %s", action->word,
                       action->arguments ? "one argument" : "no argument");
    if (check_needs(action, v, err)) return -1;
    call c = {.v = v, .argument = action->arguments ? words->items[1] : NULL};
    int result = open_call(&c, action->needs, err) ? -1 : action->run(&c, err);
    ss_redis_free(c.redis);
    ss_signing_key_free(c.sign_key);
    ss_trusted_keys_free(c.trusted);
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
