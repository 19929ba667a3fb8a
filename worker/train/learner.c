/* learner.c - when to train, and what becomes of it; see trainer_state.h.
 *
 * A training uses the first N pairs of the log, N being fixed when it begins (run.json): so after a restart it goes on
 * with the same data, whatever has come since. Failures:
 *   options changed since the checkpoint   the training begins anew with them
 *   disk or Redis                          tried again after a pause
 *   anything else (loss not finite ...)    the run is closed as failed; the next one begins when enough pairs are new
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "worker/train/load.h"
#include "worker/train/publish.h"
#include "worker/train/run.h"
#include "worker/train/trainer_state.h"

enum { LOOK_MS = 500, RETRY_MS = 30000, REDIS_MS = 20000, HEART_MS = 3600000 };

/* ---- hooks: called on the learner's thread ---- */

static int stop(void *ctx)
{
    const ss_trainer *t = ctx;
    return ss_shutdown_requested(t->shutdown);
}

static void on_step(void *ctx, const ss_session_step *step)
{
    ss_trainer *t = ctx;
    ss_health_beat(t->health, "learner");
    ss_trainer_metrics_step(t->metrics, step);
    ss_log_event(t->log, step->step % 50 ? SS_LOG_DEBUG : SS_LOG_INFO, "step", SS_INT("step", (int64_t)step->step),
                 SS_INT("of", (int64_t)step->steps), SS_REAL("loss", (double)step->point.loss),
                 SS_REAL("pairs_per_second", step->seconds > 0 ? (double)step->pairs / step->seconds : 0));
}

static void on_event(void *ctx, ss_session_event event, const char *text)
{
    ss_trainer *t = ctx;
    if (event == SS_SESSION_CHECKPOINT) ss_trainer_metrics_checkpoint(t->metrics);
    ss_log_event(t->log, event == SS_SESSION_TROUBLE ? SS_LOG_WARN : SS_LOG_INFO, "training", SS_TEXT("what", text));
}

static void on_busy(void *ctx, const char *what)
{
    ss_trainer *t = ctx;
    ss_health_beat(t->health, "learner");
    /* Said first when the last checkpoint is written and the figures begin. */
    if (!strncmp(what, "figures", 7) || !strcmp(what, "publishing")) t->finishing = 1;
    ss_log_event(t->log, SS_LOG_INFO, "training", SS_TEXT("what", what));
}

static void on_index(void *ctx, const char *what, size_t done, size_t total)
{
    (void)what;
    (void)done;
    (void)total;
    ss_trainer *t = ctx;
    ss_health_beat(t->health, "learner");
}

/* ---- one training ---- */

typedef struct filling {
    ss_trainer *trainer;
    ss_dataset set;
    size_t refused;
} filling;

static int take(void *ctx, const ss_pair *pair, ss_error *err)
{
    filling *f = ctx;
    ss_pair_fault fault;
    int state = ss_load_pair(&f->set, &f->trainer->settings->train.recipe, pair, &fault, err);
    f->refused += state > 0; /* the taxonomy changed since the pair came */
    return state < 0 ? -1 : 0;
}

static int fill(filling *f, ss_error *err)
{
    ss_trainer *t = f->trainer;
    const ss_recipe *recipe = &t->settings->train.recipe;
    if (ss_dataset_init(&f->set, t->taxonomy, recipe->hold_out, recipe->seed, err) ||
        ss_pair_log_read(t->pairs_path, (size_t)t->runs.current.pairs, take, f, err))
        return -1;
    if (f->refused)
        ss_log_event(t->log, SS_LOG_WARN, "pairs left out: the taxonomy does not know their skills any more",
                     SS_INT("pairs", (int64_t)f->refused));
    return 0;
}

static int train(ss_trainer *t, ss_outcome *outcome, ss_error *err)
{
    const ss_train_settings *s = &t->settings->train;
    filling f = {.trainer = t};
    ss_run_options run = {.recipe = &s->recipe,
                          .encoder_dir = s->encoder,
                          .taxonomy_path = s->taxonomy,
                          .taxonomy_name = s->taxonomy_name,
                          .taxonomy_version = s->taxonomy_version,
                          .folder = t->runs.current.folder,
                          .validate = &s->validate,
                          .redis = s->redis,
                          .redis_patience_ms = REDIS_MS,
                          .keys = &t->keys,
                          .source = t->runs.current.source,
                          .pairs = t->runs.current.pairs,
                          .resume = 1,
                          .program = t->program,
                          .hooks = {.ctx = t, .stop = stop, .step = on_step, .say = on_event, .busy = on_busy},
                          .index_progress = on_index};
    int result = fill(&f, err) || ss_run(&run, &f.set, outcome, err) ? -1 : 0;
    ss_dataset_free(&f.set);
    return result;
}

static void tell(ss_trainer *t, const ss_outcome *o)
{
    const char *result = o->published ? "published" : "kept";
    ss_trainer_metrics_training(t->metrics, result, o);
    ss_log_event(t->log, SS_LOG_INFO, "training finished", SS_TEXT("result", result), SS_TEXT("why", o->why),
                 SS_TEXT("folder", t->runs.current.folder), SS_TEXT("release", o->release),
                 SS_INT("steps", (int64_t)o->steps), SS_REAL("first_loss", o->first_loss),
                 SS_REAL("last_loss", o->last_loss));
}

static void close_failed(ss_trainer *t, const ss_error *why)
{
    ss_error err = {0};
    ss_trainer_metrics_training(t->metrics, "failed", NULL);
    if (ss_runs_fail(&t->runs, why->text, &err)) ss_log_failure(t->log, &err);
}

/* The failure is in the log; what comes next depends on its kind. */
static void handle_failure(ss_trainer *t, const ss_error *why)
{
    if (why->status == SS_STOPPED) return;
    ss_log_event(t->log, SS_LOG_ERROR, "training interrupted", SS_TEXT("why", why->text),
                 SS_TEXT("folder", t->runs.current.folder));
    if (why->status == SS_CONFIG) {
        ss_log_line(t->log, SS_LOG_WARN, "the training begins anew with the present options");
        ss_checkpoint_remove(t->runs.current.folder);
    } else if (why->status != SS_IO && why->status != SS_NETWORK && why->status != SS_MEMORY) {
        close_failed(t, why);
        return;
    }
    ss_shutdown_wait(t->shutdown, RETRY_MS);
}

static void run_training(ss_trainer *t)
{
    ss_outcome outcome;
    ss_error err = {0};
    ss_trainer_metrics_running(t->metrics, 1);
    ss_log_event(t->log, SS_LOG_INFO, "training", SS_INT("pairs", (int64_t)t->runs.current.pairs),
                 SS_TEXT("folder", t->runs.current.folder), SS_TEXT("positions", t->runs.current.source));
    int bad = train(t, &outcome, &err);
    t->finishing = 0;
    ss_trainer_metrics_running(t->metrics, 0);
    if (bad) {
        handle_failure(t, &err);
        return;
    }
    tell(t, &outcome);
    t->runs.unfinished = 0;
    t->runs.trained = t->runs.current.pairs;
    t->runs.unpublished = outcome.verdict.better && !outcome.published;
    ss_runs_prune(t->settings->state, &t->runs, t->settings->keep_runs);
}

/* ---- when ---- */

static int begin_if_due(ss_trainer *t)
{
    ss_error err = {0};
    char positions[sizeof t->positions];
    size_t pairs = ss_pair_log_pairs(t->pairs);
    if (t->runs.unfinished) return 1;
    if (pairs < t->runs.trained + t->settings->train_after) return 0;
    pthread_mutex_lock(&t->lock);
    memcpy(positions, t->positions, sizeof positions);
    pthread_mutex_unlock(&t->lock);
    if (!ss_runs_begin(t->settings->state, &t->runs, pairs, positions, &err)) return 1;
    ss_log_failure(t->log, &err);
    ss_shutdown_wait(t->shutdown, RETRY_MS);
    return 0;
}

/* A better release that Redis was not there for. */
static void publish_late(ss_trainer *t, int64_t *next_ms)
{
    ss_error err = {0};
    if (!t->runs.unpublished || !t->settings->train.redis || ss_now_ms() < *next_ms) return;
    *next_ms = ss_now_ms() + RETRY_MS;
    char *path = ss_run_path(t->runs.current.folder, "model.release", &err);
    int bad = !path || ss_publish_release(path, t->settings->train.redis, 1, &t->keys, &err);
    if (!bad) {
        ss_log_event(t->log, SS_LOG_INFO, "release published", SS_TEXT("file", path));
        ss_trainer_metrics_training(t->metrics, "published", NULL);
        bad = ss_runs_published(&t->runs, &err);
    }
    if (bad) ss_log_event(t->log, SS_LOG_WARN, "a better release is not published yet", SS_TEXT("why", err.text));
    free(path);
}

static void *learner_main(void *arg)
{
    ss_trainer *t = arg;
    int64_t next_ms = 0;
    while (!ss_shutdown_requested(t->shutdown)) {
        ss_health_beat(t->health, "learner");
        if (begin_if_due(t)) {
            run_training(t);
            continue;
        }
        publish_late(t, &next_ms);
        ss_shutdown_wait(t->shutdown, LOOK_MS);
    }
    t->learner_done = 1;
    return NULL;
}

int ss_learner_start(ss_trainer *t, ss_error *err)
{
    ss_health_add_heart(t->health, "learner", HEART_MS);
    int code = pthread_create(&t->learner, NULL, learner_main, t);
    if (code) return ss_fail(err, SS_MEMORY, "starting the learner thread: %s", strerror(code));
    t->learning = 1;
    return 0;
}

int ss_learner_join(ss_trainer *t, int64_t wait_ms)
{
    if (!t->learning) return 1;
    ss_shutdown_stage(t->shutdown, "the training step at work");
    int64_t until = ss_now_ms() + wait_ms;
    /* A step and its checkpoint are waited for; figures and release are not, they can be made again. */
    while (!t->learner_done && !(t->finishing && ss_now_ms() > until)) ss_sleep_ms(20);
    if (!t->learner_done) return 0;
    pthread_join(t->learner, NULL);
    t->learning = 0;
    return 1;
}
