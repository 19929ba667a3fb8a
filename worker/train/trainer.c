/* trainer.c - the trainer's life: start in order, wait, end in order; see trainer_state.h for its threads.
 *
 * Start: metrics and HTTP first, so that probes see "not ready" with a reason; then everything that a training needs is
 * looked at (encoder, taxonomy, validation files), so that a wrong path is told now and not after the first 5,000
 * pairs; then the log, the broker, the threads.
 */
#include "worker/train/trainer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "nn/model_files.h"
#include "ops/build_info.h"
#include "worker/extract/instance_name.h"
#include "worker/train/run.h"
#include "worker/train/trainer_state.h"

enum { CHECK_MS = 10000, CLOSE_MS = 6000, TICK_MS = 500, SILENCE_MS = 30000, ASK_MS = 4000 };

void ss_trainer_fail(ss_trainer *t, const ss_error *err)
{
    pthread_mutex_lock(&t->lock);
    int first = t->failure.status == SS_OK;
    if (first) t->failure = *err;
    pthread_mutex_unlock(&t->lock);
    /* At once: what follows may take its time, or be killed. */
    if (first) ss_log_event(t->log, SS_LOG_ERROR, "ending", SS_TEXT("why", err->text));
    ss_shutdown_request(t->shutdown);
}

static void kafka_log(void *arg, int level, const char *facility, const char *text)
{
    const ss_trainer *t = arg;
    ss_log_level mine = level <= 3 ? SS_LOG_ERROR : level <= 4 ? SS_LOG_WARN : level <= 6 ? SS_LOG_INFO : SS_LOG_DEBUG;
    ss_log_event(t->log, mine, text, SS_TEXT("from", "librdkafka"), SS_TEXT("facility", facility));
}

/* ---- start ---- */

static int start_operation(ss_trainer *t, ss_error *err)
{
    const char *http = t->settings->http;
    t->metrics = ss_trainer_metrics_new(err);
    t->health = t->metrics ? ss_health_new(err) : NULL;
    if (!t->health) return -1;
    ss_health_set(t->health, "state", 0, "starting");
    ss_health_set(t->health, "broker", 0, "starting");
    if (!strcmp(http, "off") || !*http) return 0;
    ss_http_options options = {.address = http,
                               .program = "skillstream-trainer",
                               .live = ss_health_is_live,
                               .live_context = t->health,
                               .ready = ss_health_is_ready,
                               .ready_context = t->health,
                               .metrics = ss_metrics_page,
                               .metrics_context = ss_trainer_metrics_registry(t->metrics)};
    t->http = ss_http_start(&options, err);
    if (!t->http) return -1;
    ss_log_event(t->log, SS_LOG_INFO, "serving /live /ready /metrics", SS_INT("port", ss_http_port(t->http)));
    return 0;
}

static int check_encoder(const char *folder, ss_error *err)
{
    ss_model_config config;
    ss_model_files *files = ss_model_files_open(folder, err);
    if (!files) return -1;
    int bad = ss_model_config_read(ss_model_files_set(files), &config, err);
    ss_model_files_close(files);
    return bad ? ss_fail_in(err, "%s", folder) : 0;
}

static int check_inputs(ss_trainer *t, ss_error *err)
{
    const ss_train_settings *s = &t->settings->train;
    if (ss_publish_keys_read(s->sign_key, &s->trusted_keys, &t->keys, err) || check_encoder(s->encoder, err)) return -1;
    t->taxonomy = ss_taxonomy_read(s->taxonomy, s->taxonomy_name, s->taxonomy_version, err);
    if (!t->taxonomy) return -1;
    if (ss_run_check_inputs(&s->recipe, &s->validate, t->taxonomy, err)) return -1;
    if (!s->validate.count && s->recipe.hold_out <= 0)
        ss_log_line(t->log, SS_LOG_WARN, "without --validate or --hold-out no release can be judged or published");
    return 0;
}

static int open_state(ss_trainer *t, ss_error *err)
{
    const char *state = t->settings->state;
    size_t cut;
    if (mkdir(state, 0777) && errno != EEXIST)
        return ss_fail(err, SS_IO, "%s: cannot make the folder: %s", state, strerror(errno));
    t->pairs_path = ss_run_path(state, "pairs.log", err);
    if (!t->pairs_path) return -1;
    t->pairs = ss_pair_log_open(t->pairs_path, &cut, err);
    if (!t->pairs || ss_runs_read(state, &t->runs, err)) return -1;
    ss_pair_log_positions_text(t->pairs, t->positions, sizeof t->positions);
    if (cut)
        ss_log_event(t->log, SS_LOG_WARN, "pair log: a torn write at its end is cut off",
                     SS_INT("bytes", (int64_t)cut));
    size_t pairs = ss_pair_log_pairs(t->pairs);
    ss_trainer_metrics_batch(t->metrics, 0, 0, 0, pairs);
    ss_health_set(t->health, "state", 1, "%zu pairs", pairs);
    ss_log_event(t->log, SS_LOG_INFO, "state", SS_TEXT("folder", state), SS_INT("pairs", (int64_t)pairs),
                 SS_INT("trained_on", (int64_t)t->runs.trained), SS_TEXT("positions", t->positions));
    return 0;
}

/* Waits for a broker that does not answer; a missing topic or refused credentials are told at once. */
static int wait_for_broker(ss_trainer *t, const ss_kafka_config *kafka, ss_error *err)
{
    const char *topics[] = {t->settings->in, t->settings->dead_letters};
    int64_t deadline = ss_now_ms() + t->settings->wait_broker;
    for (int said = 0;; said = 1) {
        ss_error why = {0};
        int64_t left = deadline - ss_now_ms();
        if (!ss_kafka_check(kafka, topics, 2, left < CHECK_MS ? (left > 0 ? left : 1) : CHECK_MS, &why)) return 0;
        int away = why.status == SS_NETWORK || why.status == SS_TIMEOUT;
        if (!away || ss_now_ms() >= deadline) {
            if (err) *err = why;
            return -1;
        }
        ss_health_set(t->health, "broker", 0, "%s", why.text);
        if (!said) ss_log_event(t->log, SS_LOG_WARN, "waiting for a broker", SS_TEXT("why", why.text));
        if (ss_shutdown_requested(t->shutdown)) return ss_fail(err, SS_STOPPED, "stopped while waiting for a broker");
    }
}

static int name_instance(ss_trainer *t, ss_error *err)
{
    t->instance_hold = -1;
    if (t->settings->instance) {
        snprintf(t->instance, sizeof t->instance, "%.120s", t->settings->instance);
        return 0;
    }
    t->instance_hold = ss_instance_name(t->settings->group, t->instance, err);
    return t->instance_hold < 0 ? -1 : 0;
}

static ss_kafka_config kafka_config(ss_trainer *t)
{
    const ss_trainer_settings *s = t->settings;
    return (ss_kafka_config){.bootstrap = s->bootstrap,
                             .client_id = "skillstream-trainer",
                             .group = s->group,
                             .instance = t->instance,
                             .settings = (const char *const *)s->kafka.items,
                             .setting_count = s->kafka.count,
                             .log = kafka_log,
                             .log_arg = t};
}

static int start_exchange(ss_trainer *t, ss_error *err)
{
    const ss_trainer_settings *s = t->settings;
    const char *topics[] = {s->in};
    ss_exchange_config config = {.kafka = kafka_config(t),
                                 .topics = topics,
                                 .topic_count = 1,
                                 .max_messages = (size_t)s->batch_pairs,
                                 .max_bytes = (size_t)s->batch_pairs * SS_PAIR_MAX_LINE,
                                 .linger_ms = s->linger ? s->linger : -1,
                                 .max_out = 1,
                                 .same_thread = 1};
    if (ss_kafka_check_settings(&config.kafka, err) || wait_for_broker(t, &config.kafka, err)) return -1;
    t->exchange = ss_exchange_open(&config, err);
    if (!t->exchange) return -1;
    ss_health_set(t->health, "broker", 1, "connected");
    ss_trainer_metrics_watch(t->metrics, t->exchange);
    return 0;
}

/* The learner comes before the broker: what is to be trained does not wait for it. */
static int start(ss_trainer *t, ss_error *err)
{
    ss_build_program("skillstream-trainer", t->program, sizeof t->program);
    if (name_instance(t, err) || start_operation(t, err) || check_inputs(t, err) || open_state(t, err) ||
        ss_learner_start(t, err) || start_exchange(t, err) || ss_intake_start(t, err))
        return -1;
    ss_log_event(t->log, SS_LOG_INFO, "working", SS_TEXT("instance", t->instance), SS_TEXT("in", t->settings->in),
                 SS_INT("train_after", (int64_t)t->settings->train_after));
    return 0;
}

/* ---- run and stop ---- */

/* Nothing has come for a while: perhaps the topic was deleted, of which the consumer alone does not tell. */
static void ask_for_topics(ss_trainer *t)
{
    const char *topics[] = {t->settings->in, t->settings->dead_letters};
    ss_kafka_config kafka = kafka_config(t);
    ss_error why = {0};
    if (!ss_kafka_check(&kafka, topics, 2, ASK_MS, &why)) return;
    if (why.status == SS_NOT_FOUND || why.status == SS_AUTH)
        ss_trainer_fail(t, &why);
    else
        ss_health_set(t->health, "broker", 0, "%s", why.text);
}

typedef struct silence {
    uint64_t messages;
    int64_t since_ms;
} silence;

static void watch_broker(ss_trainer *t, silence *quiet)
{
    ss_exchange_stats stats;
    char why[256];
    ss_exchange_read_stats(t->exchange, &stats, NULL, 0);
    if (ss_exchange_is_refused(t->exchange, why, sizeof why))
        ss_health_set(t->health, "broker", 0, "refused: %s", why);
    else if (stats.recovering)
        ss_health_set(t->health, "broker", 0, "a new producer is being made: no broker answers, or it was fenced");
    else
        ss_health_set(t->health, "broker", 1, "%zu partitions", stats.partitions);
    int asks = stats.messages == quiet->messages && ss_now_ms() - quiet->since_ms >= SILENCE_MS;
    if (asks) ask_for_topics(t);
    if (asks || stats.messages != quiet->messages) *quiet = (silence){stats.messages, ss_now_ms()};
}

static void *hurry_intake(void *arg)
{
    ss_trainer *t = arg;
    int64_t until = ss_now_ms() + t->settings->grace / 2;
    while (ss_now_ms() < until && t->taking) ss_sleep_ms(50);
    if (t->taking) ss_exchange_stop(t->exchange);
    return NULL;
}

static void stop_intake(ss_trainer *t)
{
    if (!t->taking) return;
    pthread_t clock;
    int timed = !pthread_create(&clock, NULL, hurry_intake, t);
    ss_intake_join(t);
    if (timed) pthread_join(clock, NULL);
}

/* 1: a thread is still at work, nothing of it may be freed. */
static int stop(ss_trainer *t)
{
    ss_error err = {0};
    if (t->health) ss_health_set(t->health, "broker", 0, "shutting down");
    stop_intake(t);
    if (t->metrics) ss_trainer_metrics_watch(t->metrics, NULL);
    ss_shutdown_stage(t->shutdown, "HTTP server");
    ss_http_stop(t->http); /* its callbacks read the exchange */
    ss_shutdown_stage(t->shutdown, "Kafka consumer close");
    if (t->exchange && ss_exchange_close(t->exchange, CLOSE_MS, &err)) ss_log_failure(t->log, &err);
    if (!ss_learner_join(t, t->settings->grace / 5)) {
        ss_log_line(t->log, SS_LOG_INFO, "figures and release of the training are made again at the next start");
        return 1;
    }
    ss_pair_log_close(t->pairs);
    ss_taxonomy_free(t->taxonomy);
    ss_publish_keys_free(&t->keys);
    ss_health_free(t->health);
    ss_trainer_metrics_free(t->metrics);
    free(t->pairs_path);
    if (t->instance_hold >= 0) close(t->instance_hold);
    pthread_mutex_destroy(&t->lock);
    return 0;
}

int ss_trainer_run(const ss_trainer_settings *settings, const ss_log *log, ss_shutdown *shutdown, int *hurry,
                   ss_error *err)
{
    *hurry = 0;
    ss_trainer *t = calloc(1, sizeof *t);
    if (!t) return ss_fail_memory(err, "starting");
    *t = (ss_trainer){.settings = settings, .log = log, .shutdown = shutdown, .instance_hold = -1};
    pthread_mutex_init(&t->lock, NULL);
    int result = start(t, err);
    silence quiet = {.since_ms = ss_now_ms()};
    if (!result)
        while (!ss_shutdown_wait(shutdown, TICK_MS)) watch_broker(t, &quiet);
    else
        ss_shutdown_request(shutdown); /* threads that were started already end by this */
    *hurry = stop(t);
    if (!result && t->failure.status != SS_OK) {
        if (err) *err = t->failure;
        result = -1;
    }
    if (!*hurry) free(t);
    return result;
}
