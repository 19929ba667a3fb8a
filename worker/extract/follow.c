/* follow.c - the release a worker starts with, and the switch to another one; see worker_state.h.
 *
 * The follower has a Redis connection of its own. It asks for the release in use every few seconds; a new one is
 * fetched, verified and made ready beside the old one, and handed to the compute thread. One that cannot be had is
 * logged, the old one stays, and it is tried again after a pause: soon when Redis was at fault, later when the release
 * is, which is counted too. The pause is that release's alone: when Redis names another one, that is tried at once.
 * What goes on is said once. A shutdown cuts a wait for Redis short.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "stream/registry.h"
#include "worker/extract/release_source.h"
#include "worker/extract/worker_state.h"

enum { FIRST_WAIT_MS = 500, LAST_WAIT_MS = 10000, REFUSED_WAIT_MS = 30000, LOOK_MS = 100 };

static int is_stopped(void *shutdown)
{
    return ss_shutdown_requested(shutdown);
}

static ss_redis *open_redis(ss_worker *w, ss_error *err)
{
    ss_redis_options options = {
        .url = w->settings->redis, .command_timeout_ms = 15000, .stopped = is_stopped, .context = w->shutdown};
    return ss_redis_new(&options, err);
}

/* ---- the first release ---- */

static ss_release *try_redis(ss_redis *redis, const ss_trusted_keys *trusted, ss_error *err)
{
    char digest[SS_SHA256_HEX + 1];
    if (ss_release_in_use(redis, digest, err)) return NULL;
    return ss_release_fetch(redis, digest, trusted, err);
}

static ss_release *wait_for_redis(ss_worker *w, ss_error *err)
{
    ss_redis *redis = open_redis(w, err);
    if (!redis) return NULL;
    ss_release *release = NULL;
    char said[SS_ERROR_TEXT] = "";
    uint64_t seed = (uint64_t)ss_wall_ms();
    for (unsigned attempt = 0; !release; attempt++) {
        ss_error why = {0};
        release = try_redis(redis, w->trusted, &why);
        if (release) break;
        if (why.status == SS_AUTH || why.status == SS_CONFIG || why.status == SS_UNSUPPORTED ||
            why.status == SS_STOPPED) {
            if (err) *err = why;
            break;
        }
        ss_health_set(w->health, "release", 0, "%s", why.text);
        if (w->cache) ss_cache_probe(w->cache);
        if (strcmp(said, why.text)) { /* one line per reason, not per attempt */
            memcpy(said, why.text, sizeof said);
            ss_log_event(w->log, SS_LOG_WARN, "waiting for a release", SS_TEXT("why", why.text));
        }
        int64_t wait = FIRST_WAIT_MS / 2 + ss_backoff_ms(attempt, FIRST_WAIT_MS, LAST_WAIT_MS, &seed);
        if (ss_shutdown_wait(w->shutdown, wait)) {
            ss_fail(err, SS_STOPPED, "stopped while waiting for a release");
            break;
        }
    }
    ss_redis_free(redis);
    return release;
}

ss_release *ss_first_release(ss_worker *w, ss_error *err)
{
    double start = ss_now();
    ss_release *release = w->settings->release ? ss_release_open(w->settings->release, err) : wait_for_redis(w, err);
    release = ss_extract_settings_take(&w->settings->extract, release, err);
    if (!release) return NULL;
    const ss_manifest *manifest = ss_release_manifest(release);
    ss_log_event(
        w->log, SS_LOG_INFO, "release loaded", SS_TEXT("digest", ss_release_digest(release)),
        SS_TEXT("name", manifest->name), SS_TEXT("from", w->settings->release ? w->settings->release : "redis"),
        SS_INT("skills", manifest->skills), SS_INT("prototypes", manifest->prototypes),
        SS_TEXT("precision", ss_precision_name(ss_encoder_precision(ss_release_encoder(release)))),
        SS_TEXT("kernels", ss_encoder_engine(ss_release_encoder(release))), SS_REAL("seconds", ss_now() - start));
    return release;
}

/* ---- the follower ---- */

typedef struct follower {
    ss_worker *worker;
    ss_redis *redis;
    ss_registry_watch watch;
    char running[SS_SHA256_HEX + 1]; /* what was handed over last */
    char refused[SS_SHA256_HEX + 1]; /* or put off: not tried again before again_ms; another one is */
    int64_t again_ms;
    char said[SS_ERROR_TEXT];      /* of a release */
    char said_away[SS_ERROR_TEXT]; /* of Redis, which did not answer when asked last */
} follower;

static int switch_to(follower *f, const char *digest, ss_error *err)
{
    ss_worker *w = f->worker;
    ss_release *release = ss_release_fetch(f->redis, digest, w->trusted, err);
    release = ss_extract_settings_take(&w->settings->extract, release, err);
    if (!release) return -1;
    ss_extractor *extractor = ss_extractor_new(release, &w->extract, w->pool, w->cache, err);
    ss_release_drop(release);
    if (!extractor) return -1;
    memcpy(f->running, digest, sizeof f->running);
    ss_extractor_free(atomic_exchange(&w->next, extractor)); /* one that was never taken */
    return 0;
}

/* The watch forgets what it has told, so that it tells it again. */
static void forget_news(follower *f)
{
    ss_registry_watch_init(&f->watch, f->running, f->worker->settings->poll_release);
    f->watch.next_ms = ss_now_ms() + f->watch.interval_ms;
}

/* The release could not be had: it is tried again after a pause. Redis' faults say nothing against the release. */
static void put_off(follower *f, const char *digest, const ss_error *why)
{
    ss_worker *w = f->worker;
    int refused = why->remedy != SS_RETRY;
    if (strcmp(f->said, why->text)) {
        memcpy(f->said, why->text, sizeof f->said);
        if (refused) ss_worker_metrics_swap_failed(w->metrics);
        ss_log_event(w->log, refused ? SS_LOG_ERROR : SS_LOG_WARN,
                     refused ? "release refused, the old one stays" : "release not fetched yet, the old one stays",
                     SS_TEXT("digest", digest), SS_TEXT("why", why->text));
    }
    memcpy(f->refused, digest, sizeof f->refused);
    f->again_ms = ss_now_ms() + (refused ? REFUSED_WAIT_MS : w->settings->poll_release);
    forget_news(f);
}

static void take(follower *f, const char *digest)
{
    ss_error why = {0};
    if (!strcmp(digest, f->refused) && ss_now_ms() < f->again_ms) {
        forget_news(f);
    } else if (switch_to(f, digest, &why)) {
        if (why.status != SS_STOPPED) put_off(f, digest, &why);
    } else {
        f->said[0] = f->refused[0] = 0;
    }
}

static void look(follower *f)
{
    char digest[SS_SHA256_HEX + 1];
    ss_error why = {0};
    int news = ss_registry_watch_poll(&f->watch, f->redis, digest, &why);
    if (news < 0 && why.status != SS_STOPPED && strcmp(f->said_away, why.text)) {
        memcpy(f->said_away, why.text, sizeof f->said_away);
        ss_log_event(f->worker->log, SS_LOG_WARN, "cannot ask Redis for the release in use", SS_TEXT("why", why.text));
    }
    if (news >= 0 && ss_redis_is_connected(f->redis)) f->said_away[0] = 0; /* the next outage is news */
    if (news > 0 && strcmp(digest, f->running)) take(f, digest);
}

static void *follower_main(void *arg)
{
    follower *f = arg;
    while (!ss_shutdown_wait(f->worker->shutdown, LOOK_MS)) look(f);
    ss_redis_free(f->redis);
    free(f);
    return NULL;
}

int ss_follow_start(ss_worker *w, ss_error *err)
{
    if (!w->settings->redis || !w->settings->follow) return 0;
    follower *f = calloc(1, sizeof *f);
    if (!f) return ss_fail_memory(err, "starting the release follower");
    f->worker = w;
    f->redis = open_redis(w, err);
    if (!f->redis) {
        free(f);
        return -1;
    }
    memcpy(f->running, ss_release_digest(ss_extractor_release(w->extractor)), sizeof f->running);
    ss_registry_watch_init(&f->watch, f->running, w->settings->poll_release);
    int code = pthread_create(&w->follower, NULL, follower_main, f);
    if (code) {
        ss_redis_free(f->redis);
        free(f);
        return ss_fail(err, SS_MEMORY, "starting the release follower: %s", strerror(code));
    }
    w->following = 1;
    return 0;
}

void ss_follow_join(ss_worker *w)
{
    if (!w->following) return;
    ss_shutdown_stage(w->shutdown, "the release follower (Redis)");
    pthread_join(w->follower, NULL);
    w->following = 0;
}
