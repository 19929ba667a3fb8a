/* worker.c - the worker's life: start in order, wait, drain in order; see worker_state.h for its threads.
 *
 * Start: metrics and HTTP first, so that probes see "not ready" with a reason from the first moment; then the release,
 * then the broker; last the pipeline. Stop: the reverse, but the follower comes last: no Redis that hangs may keep the
 * worker in its group. Within `grace` of a SIGTERM everything is given back or committed; after two thirds of it the
 * exchange is told to stop waiting, and its batches come again elsewhere.
 */
#include "worker/extract/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ops/build_info.h"
#include "worker/extract/instance_name.h"
#include "worker/extract/release_source.h"
#include "worker/extract/worker_state.h"

enum { CHECK_MS = 10000, CLOSE_MS = 8000, TICK_MS = 500 };

void ss_worker_fail(ss_worker *w, const ss_error *err)
{
    pthread_mutex_lock(&w->lock);
    int first = w->failure.status == SS_OK;
    if (first) w->failure = *err;
    pthread_mutex_unlock(&w->lock);
    /* At once: what follows may take its time, or be killed. */
    if (first) ss_log_event(w->log, SS_LOG_ERROR, "ending", SS_TEXT("why", err->text));
    ss_shutdown_request(w->shutdown);
}

static void kafka_log(void *arg, int level, const char *facility, const char *text)
{
    const ss_worker *w = arg;
    ss_log_level mine = level <= 3 ? SS_LOG_ERROR : level <= 4 ? SS_LOG_WARN : level <= 6 ? SS_LOG_INFO : SS_LOG_DEBUG;
    ss_log_event(w->log, mine, text, SS_TEXT("from", "librdkafka"), SS_TEXT("facility", facility));
}

/* ---- start ---- */

static int render(void *metrics, ss_buffer *out)
{
    return ss_metrics_render(metrics, out, NULL);
}

static int start_operation(ss_worker *w, ss_error *err)
{
    w->metrics = ss_worker_metrics_new(err);
    w->health = w->metrics ? ss_health_new(err) : NULL;
    if (!w->health) return -1;
    ss_health_set(w->health, "release", 0, "starting");
    ss_health_set(w->health, "broker", 0, "starting");
    if (!strcmp(w->settings->http, "off") || !*w->settings->http) return 0;
    ss_http_options options = {.address = w->settings->http,
                               .program = "skillstream-worker",
                               .live = ss_health_is_live,
                               .live_context = w->health,
                               .ready = ss_health_is_ready,
                               .ready_context = w->health,
                               .metrics = render,
                               .metrics_context = ss_worker_metrics_registry(w->metrics)};
    w->http = ss_http_start(&options, err);
    if (!w->http) return -1;
    ss_log_event(w->log, SS_LOG_INFO, "serving /live /ready /metrics", SS_INT("port", ss_http_port(w->http)));
    return 0;
}

static int start_extractor(ss_worker *w, ss_error *err)
{
    w->pool = ss_pool_new((size_t)w->settings->extract.threads, err);
    if (!w->pool) return -1;
    ss_release *release = ss_first_release(w, err);
    if (!release) return -1;
    ss_extract_settings_apply(&w->settings->extract, w->digest, &w->extract);
    w->extractor = ss_extractor_new(release, &w->extract, w->pool, w->cache, err);
    ss_release_drop(release);
    if (!w->extractor) return -1;
    ss_worker_metrics_release(w->metrics, ss_extractor_release(w->extractor));
    ss_health_set(w->health, "release", 1, "%s", ss_release_digest(ss_extractor_release(w->extractor)));
    return 0;
}

static int start_cache(ss_worker *w, ss_error *err)
{
    const ss_worker_settings *s = w->settings;
    const char *redis = s->redis && s->redis_cache ? s->redis : NULL;
    if (!redis && !s->cache_memory) return 0;
    ss_cache_options options = {.memory_bytes = (size_t)s->cache_memory,
                                .hits_per_sentence = SS_EXTRACT_HITS,
                                .redis_url = redis,
                                .ttl_seconds = (uint32_t)(s->cache_ttl / 1000)};
    w->cache = ss_cache_new(&options, err);
    if (!w->cache) return -1;
    ss_cache_probe(w->cache);
    ss_worker_metrics_watch_cache(w->metrics, w->cache);
    return 0;
}

static void fill_kafka(ss_worker *w, ss_kafka_config *kafka)
{
    const ss_worker_settings *s = w->settings;
    *kafka = (ss_kafka_config){.bootstrap = s->bootstrap,
                               .client_id = "skillstream-worker",
                               .group = s->group,
                               .instance = w->instance,
                               .settings = (const char *const *)s->kafka.items,
                               .setting_count = s->kafka.count,
                               .log = kafka_log,
                               .log_arg = w};
}

/* Waits for a broker that does not answer; a missing topic or refused credentials are told at once. */
static int wait_for_broker(ss_worker *w, const ss_kafka_config *kafka, ss_error *err)
{
    const char *topics[] = {w->settings->in, w->settings->out, w->settings->dead_letters};
    int64_t deadline = ss_now_ms() + w->settings->wait_broker;
    for (int said = 0;; said = 1) {
        ss_error why = {0};
        int64_t left = deadline - ss_now_ms();
        if (!ss_kafka_check(kafka, topics, 3, left < CHECK_MS ? (left > 0 ? left : 1) : CHECK_MS, &why)) return 0;
        int away = why.status == SS_NETWORK || why.status == SS_TIMEOUT;
        if (!away || ss_now_ms() >= deadline) {
            if (err) *err = why;
            return -1;
        }
        ss_health_set(w->health, "broker", 0, "%s", why.text);
        if (w->cache) ss_cache_probe(w->cache);
        if (!said) ss_log_event(w->log, SS_LOG_WARN, "waiting for a broker", SS_TEXT("why", why.text));
        if (ss_shutdown_requested(w->shutdown)) return ss_fail(err, SS_STOPPED, "stopped while waiting for a broker");
    }
}

static int start_exchange(ss_worker *w, ss_error *err)
{
    const ss_worker_settings *s = w->settings;
    const char *topics[] = {s->in};
    ss_exchange_config config = {.topics = topics,
                                 .topic_count = 1,
                                 .max_messages = (size_t)s->batch_ads,
                                 .max_bytes = (size_t)s->batch_bytes,
                                 .linger_ms = s->linger ? s->linger : -1,
                                 .max_out = SS_WORKER_JOBS};
    fill_kafka(w, &config.kafka);
    if (ss_kafka_check_settings(&config.kafka, err) || wait_for_broker(w, &config.kafka, err)) return -1;
    w->exchange = ss_exchange_open(&config, err);
    if (!w->exchange) return -1;
    ss_health_set(w->health, "broker", 1, "connected");
    ss_worker_metrics_watch(w->metrics, w->exchange, &w->timeline);
    return 0;
}

static int name_instance(ss_worker *w, ss_error *err)
{
    w->instance_hold = -1;
    if (w->settings->instance) {
        snprintf(w->instance, sizeof w->instance, "%.120s", w->settings->instance);
        return 0;
    }
    w->instance_hold = ss_instance_name(w->settings->group, w->instance, err);
    return w->instance_hold < 0 ? -1 : 0;
}

static int start(ss_worker *w, ss_error *err)
{
    if (name_instance(w, err) || start_operation(w, err) || start_cache(w, err) || start_extractor(w, err) ||
        start_exchange(w, err) || ss_follow_start(w, err) || ss_pipeline_start(w, err))
        return -1;
    ss_log_event(w->log, SS_LOG_INFO, "working", SS_TEXT("instance", w->instance), SS_TEXT("in", w->settings->in),
                 SS_TEXT("out", w->settings->out), SS_INT("threads", (int64_t)ss_pool_threads(w->pool)),
                 SS_TEXT("options_digest", w->digest));
    return 0;
}

/* ---- run and stop ---- */

/* Keeps the readiness of the broker true: the exchange says when it last heard of it. */
static void watch_broker(ss_worker *w)
{
    ss_exchange_stats stats;
    char why[256];
    ss_exchange_read_stats(w->exchange, &stats, NULL, 0);
    if (ss_exchange_is_refused(w->exchange, why, sizeof why))
        ss_health_set(w->health, "broker", 0, "refused: %s", why);
    else if (stats.recovering)
        ss_health_set(w->health, "broker", 0, "a new producer is being made: no broker answers, or it was fenced");
    else
        ss_health_set(w->health, "broker", 1, "%zu partitions", stats.partitions);
}

/* Keeps skillstream_redis_up true while no ads come, and tells once when Redis goes away. */
static void watch_redis(ss_worker *w)
{
    ss_error why;
    if (!w->cache) return;
    ss_cache_probe(w->cache);
    if (ss_cache_take_error(w->cache, &why))
        ss_log_event(w->log, SS_LOG_WARN, "sentence cache: going on without Redis", SS_TEXT("why", why.text));
}

static void *hurry(void *arg)
{
    ss_worker *w = arg;
    int64_t until = ss_now_ms() + w->settings->grace * 2 / 3;
    while (ss_now_ms() < until && w->running) ss_sleep_ms(50);
    if (w->running) ss_exchange_stop(w->exchange);
    return NULL;
}

static void drain(ss_worker *w)
{
    if (!w->running) return;
    ss_health_set(w->health, "broker", 0, "shutting down");
    ss_log_line(w->log, SS_LOG_INFO, "draining");
    pthread_t clock;
    int timed = !pthread_create(&clock, NULL, hurry, w);
    ss_pipeline_join(w);
    if (timed) pthread_join(clock, NULL);
}

static void stop(ss_worker *w)
{
    drain(w);
    ss_shutdown_stage(w->shutdown, "HTTP server");
    ss_http_stop(w->http); /* its callbacks read the exchange */
    ss_shutdown_stage(w->shutdown, "Kafka consumer close");
    ss_error err = {0};
    if (w->exchange && ss_exchange_close(w->exchange, CLOSE_MS, &err)) ss_log_failure(w->log, &err);
    ss_follow_join(w); /* it uses pool, cache and metrics */
    ss_extractor_free(atomic_load(&w->next));
    ss_extractor_free(w->extractor);
    ss_cache_free(w->cache);
    ss_pool_free(w->pool);
    ss_trusted_keys_free(w->trusted);
    for (int i = 0; i < SS_WORKER_JOBS; i++) ss_job_free(&w->jobs[i]);
    ss_queue_free(w->idle);
    ss_queue_free(w->to_compute);
    ss_queue_free(w->to_publish);
    ss_health_free(w->health);
    ss_worker_metrics_free(w->metrics);
    if (w->instance_hold >= 0) close(w->instance_hold);
    pthread_mutex_destroy(&w->lock);
    ss_timeline_free(&w->timeline);
}

static int prepare(ss_worker *w, const ss_options *options, ss_error *err)
{
    const ss_worker_settings *s = w->settings;
    pthread_mutex_init(&w->lock, NULL);
    ss_timeline_init(&w->timeline, SS_WORKER_JOBS, ss_now());
    for (int i = 0; i < SS_WORKER_JOBS; i++) ss_job_init(&w->jobs[i]);
    ss_build_program("skillstream-worker", w->program, sizeof w->program);
    w->rules = (ss_job_rules){
        .out = s->out,
        .dead_letters = s->dead_letters,
        .program = w->program,
        /* JSON escapes and markup make a message larger than the body that max-ad-bytes speaks of. */
        .wire = {.max_bytes = (size_t)s->extract.max_ad_bytes * 4,
                 .max_depth = (size_t)s->max_json_depth,
                 .framing = strcmp(s->framing, "confluent") ? SS_WIRE_FRAMING_PLAIN : SS_WIRE_FRAMING_CONFLUENT,
                 .schema_id = (int)s->schema_id}};
    if (ss_release_trusted_keys(&s->trusted_keys, &w->trusted, err)) return -1;
    return ss_options_digest(options, w->digest, err);
}

int ss_worker_run(const ss_worker_settings *settings, const ss_options *options, const ss_log *log,
                  ss_shutdown *shutdown, ss_error *err)
{
    ss_worker *w = calloc(1, sizeof *w);
    if (!w) return ss_fail_memory(err, "starting");
    *w = (ss_worker){.settings = settings, .log = log, .shutdown = shutdown, .instance_hold = -1};
    int result = prepare(w, options, err) || start(w, err) ? -1 : 0;
    if (!result) {
        while (!ss_shutdown_wait(shutdown, TICK_MS)) {
            watch_broker(w);
            watch_redis(w);
        }
    } else {
        ss_shutdown_request(shutdown); /* threads that were started already end by this */
    }
    stop(w);
    if (!result && w->failure.status != SS_OK) {
        if (err) *err = w->failure;
        result = -1;
    }
    free(w);
    return result;
}
