/* worker_metrics.c - see worker_metrics.h. Counters that others keep (exchange, cache) are read when rendered. */
#include "worker/extract/worker_metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ops/build_info.h"

enum { MOST_PARTITIONS = 256 };

enum stage { DECODE, TEXT, LOOKUP, EMBED, MATCH, MENTION, ENCODE, PUBLISH, STAGES };
static const char *const stage_names[STAGES] = {"decode", "text",    "lookup", "embed",
                                                "match",  "mention", "encode", "publish"};
/* Label values of a thread's states; the time at Redis is taken out of what compute works. */
static const char *const thread_states[SS_THREAD_STATES][2] = {
    [SS_POLLER_FETCH] = {"poller", "fetch"},     [SS_POLLER_FULL] = {"poller", "full"},
    [SS_COMPUTE_WORK] = {"compute", "work"},     [SS_COMPUTE_ADS] = {"compute", "ads"},
    [SS_COMPUTE_COMMIT] = {"compute", "commit"}, [SS_PUBLISHER_COMMIT] = {"publisher", "commit"},
    [SS_PUBLISHER_IDLE] = {"publisher", "idle"},
};
static const char *const tenths[SS_EXTRACT_TENTHS] = {"0.0", "0.1", "0.2", "0.3", "0.4",
                                                      "0.5", "0.6", "0.7", "0.8", "0.9"};

struct ss_worker_metrics {
    ss_metrics *registry;
    ss_exchange *exchange;
    const ss_cache *cache;
    ss_timeline *timeline;
    ss_metric *dead_letters, *release_info, *lag, *redis_up;
    ss_series *by_probability[SS_EXTRACT_TENTHS];
    uint64_t lag_shown[MOST_PARTITIONS / 64]; /* partitions (below MOST_PARTITIONS) that have a series */
    ss_series *consumed, *published, *embedded, *cached, *filtered, *mentions, *tokens;
    ss_series *committed, *aborted, *rejected, *fenced, *failed;
    ss_series *stage[STAGES];
    ss_series *thread[SS_THREAD_STATES], *at_redis;
    ss_series *local_hits, *redis_hits, *misses, *bad_values, *cache_entries;
    ss_series *swaps, *swap_failures, *rebalances, *assigned, *batches_out;
    pthread_mutex_t lock; /* of `release` */
    ss_series *release;
};

/* A family with at most one label; NULL and *failed set on an error, so that the long list below stays flat. */
static ss_metric *family(ss_worker_metrics *m, ss_metric_kind kind, const char *name, const char *help,
                         const char *label, ss_error *err, int *failed)
{
    if (*failed) return NULL;
    ss_metric *metric = ss_metrics_add(m->registry, kind, name, help, label ? &label : NULL, label ? 1 : 0, err);
    if (!metric) *failed = 1;
    return metric;
}

static ss_series *single(ss_worker_metrics *m, ss_metric_kind kind, const char *name, const char *help, ss_error *err,
                         int *failed)
{
    ss_metric *metric = family(m, kind, name, help, NULL, err, failed);
    return metric ? ss_metric_with(metric, NULL) : NULL;
}

static ss_series *with(ss_metric *metric, const char *value)
{
    return metric ? ss_metric_with(metric, &value) : NULL;
}

static int add_stream(ss_worker_metrics *m, ss_error *err)
{
    int bad = 0;
    m->consumed = single(m, SS_COUNTER, "skillstream_ads_consumed_total",
                         "Ads whose offset was committed, with a record or a dead letter.", err, &bad);
    m->published = single(m, SS_COUNTER, "skillstream_records_published_total", "Skill records committed.", err, &bad);
    m->mentions = single(m, SS_COUNTER, "skillstream_mentions_total", "Skills found, in committed records.", err, &bad);
    ss_metric *probability = family(m, SS_COUNTER, "skillstream_mention_probability_total",
                                    "Skills found, by the tenth from which their probability is.", "from", err, &bad);
    for (int i = 0; i < SS_EXTRACT_TENTHS; i++) m->by_probability[i] = with(probability, tenths[i]);
    m->dead_letters = family(m, SS_COUNTER, "skillstream_dead_letters_total",
                             "Ads that could not be processed, by reason.", "reason", err, &bad);
    ss_metric *transactions =
        family(m, SS_COUNTER, "skillstream_transactions_total", "Kafka transactions by result.", "result", err, &bad);
    m->committed = with(transactions, "committed");
    m->aborted = with(transactions, "aborted");
    m->rejected = with(transactions, "rejected");
    m->fenced = with(transactions, "fenced");
    m->failed = with(transactions, "failed");
    m->lag =
        family(m, SS_GAUGE, "skillstream_consumer_lag",
               "Messages not yet committed, by partition; a transaction marker counts as one.", "partition", err, &bad);
    m->rebalances = single(m, SS_COUNTER, "skillstream_rebalances_total", "Consumer group rebalances.", err, &bad);
    m->assigned = single(m, SS_GAUGE, "skillstream_assigned_partitions", "Partitions of this worker.", err, &bad);
    m->batches_out = single(m, SS_GAUGE, "skillstream_batches_in_flight", "Batches at work.", err, &bad);
    return bad ? -1 : 0;
}

static int add_threads(ss_worker_metrics *m, ss_error *err)
{
    static const char *const labels[] = {"thread", "state"};
    static const char *const redis[] = {"compute", "redis"};
    ss_metric *threads = ss_metrics_add(m->registry, SS_SECONDS, "skillstream_thread_seconds_total",
                                        "What each thread did; the states of a thread add up to the time since the "
                                        "start. compute waits for Kafka (ads, commit) and Redis.",
                                        labels, 2, err);
    if (!threads) return -1;
    for (int i = 0; i < SS_THREAD_STATES; i++) m->thread[i] = ss_metric_with(threads, thread_states[i]);
    m->at_redis = ss_metric_with(threads, redis);
    return 0;
}

static int add_compute(ss_worker_metrics *m, ss_error *err)
{
    int bad = 0;
    ss_metric *sentences = family(m, SS_COUNTER, "skillstream_sentences_total",
                                  "Sentences by outcome: embedded anew, found in a cache or repeated in the batch, "
                                  "filtered because they hold no word or, by the first stage, ask for no skill.",
                                  "outcome", err, &bad);
    m->embedded = with(sentences, "embedded");
    m->cached = with(sentences, "cached");
    m->filtered = with(sentences, "filtered");
    m->tokens = single(m, SS_COUNTER, "skillstream_tokens_total", "Tokens that went through the encoder.", err, &bad);
    ss_metric *stages =
        family(m, SS_HISTOGRAM, "skillstream_stage_seconds", "Time of a batch in each stage.", "stage", err, &bad);
    for (int i = 0; i < STAGES; i++) m->stage[i] = with(stages, stage_names[i]);
    return bad ? -1 : add_threads(m, err);
}

static int add_state(ss_worker_metrics *m, ss_error *err)
{
    int bad = 0;
    m->redis_up = family(m, SS_GAUGE, "skillstream_redis_up",
                         "1: the sentence cache's last exchange with Redis worked; absent where it does without.", NULL,
                         err, &bad);
    ss_metric *cache =
        family(m, SS_COUNTER, "skillstream_cache_lookups_total", "Sentence look-ups by result.", "result", err, &bad);
    m->local_hits = with(cache, "memory");
    m->redis_hits = with(cache, "redis");
    m->misses = with(cache, "miss");
    m->bad_values = single(m, SS_COUNTER, "skillstream_cache_bad_values_total",
                           "Values in Redis that failed a check and were deleted.", err, &bad);
    m->cache_entries =
        single(m, SS_GAUGE, "skillstream_cache_entries", "Sentences in this worker's memory.", err, &bad);
    m->swaps = single(m, SS_COUNTER, "skillstream_release_swaps_total", "Switches to another release.", err, &bad);
    m->swap_failures =
        single(m, SS_COUNTER, "skillstream_release_refused_total",
               "Releases that failed verification or could not be used; not faults of Redis.", err, &bad);
    static const char *const info[] = {"digest", "taxonomy"};
    static const char *const build[] = {"version", "commit"};
    if (!bad) {
        m->release_info = ss_metrics_add(m->registry, SS_GAUGE, "skillstream_release_info",
                                         "The release in use; always 1.", info, 2, err);
        ss_metric *built =
            ss_metrics_add(m->registry, SS_GAUGE, "skillstream_build_info", "This build; always 1.", build, 2, err);
        bad = !m->release_info || !built;
        const char *values[] = {ss_build_version(), ss_build_commit()};
        if (!bad) ss_gauge_set(ss_metric_with(built, values), 1);
    }
    return bad ? -1 : 0;
}

static ss_series *lag_of(ss_worker_metrics *m, int32_t partition)
{
    char name[16];
    snprintf(name, sizeof name, "%d", partition);
    return with(m->lag, name);
}

/* Partitions that went to another worker are taken out: their last lag would stand here for ever. Runs on the server's
 * thread only, which alone uses these series. */
static void show_partitions(ss_worker_metrics *m, const ss_exchange_partition *partitions, size_t n)
{
    uint64_t shown[MOST_PARTITIONS / 64] = {0};
    for (size_t i = 0; i < n; i++) {
        int32_t p = partitions[i].partition;
        if (partitions[i].lag < 0) continue;
        ss_gauge_set(lag_of(m, p), (double)partitions[i].lag);
        if (p >= 0 && p < MOST_PARTITIONS) shown[p / 64] |= UINT64_C(1) << (p % 64);
    }
    for (int32_t p = 0; p < MOST_PARTITIONS; p++)
        if ((m->lag_shown[p / 64] & ~shown[p / 64]) >> (p % 64) & 1) ss_series_remove(lag_of(m, p));
    memcpy(m->lag_shown, shown, sizeof shown);
}

static void show_lag(ss_worker_metrics *m)
{
    ss_exchange_stats stats;
    ss_exchange_partition partitions[MOST_PARTITIONS];
    size_t n = ss_exchange_read_stats(m->exchange, &stats, partitions, MOST_PARTITIONS);
    show_partitions(m, partitions, n);
    ss_counter_raise(m->committed, stats.committed);
    ss_counter_raise(m->aborted, stats.aborted);
    ss_counter_raise(m->rejected, stats.rejected);
    ss_counter_raise(m->fenced, stats.fenced);
    ss_counter_raise(m->failed, stats.failed);
    ss_counter_raise(m->rebalances, stats.rebalances);
    ss_gauge_set(m->assigned, (double)stats.partitions);
    ss_gauge_set(m->batches_out, (double)stats.out);
}

static void show_cache(ss_worker_metrics *m)
{
    ss_cache_stats stats;
    ss_cache_get_stats(m->cache, &stats);
    if (stats.has_redis) ss_gauge_set(ss_metric_with(m->redis_up, NULL), stats.redis_up);
    ss_counter_raise(m->local_hits, stats.local_hits);
    ss_counter_raise(m->redis_hits, stats.redis_hits);
    ss_counter_raise(m->misses, stats.misses);
    ss_counter_raise(m->bad_values, stats.bad_values);
    ss_gauge_set(m->cache_entries, (double)stats.entries);
}

static void show_threads(ss_worker_metrics *m)
{
    double seconds[SS_THREAD_STATES];
    ss_cache_stats cache = {0};
    ss_timeline_read(m->timeline, ss_now(), seconds);
    if (m->cache) ss_cache_get_stats(m->cache, &cache);
    seconds[SS_COMPUTE_WORK] -= cache.redis_seconds;
    for (int i = 0; i < SS_THREAD_STATES; i++) ss_seconds_raise(m->thread[i], seconds[i]);
    ss_seconds_raise(m->at_redis, cache.redis_seconds);
}

static void before_render_starting(void *context)
{
    ss_worker_metrics *m = context;
    if (m->cache) show_cache(m);
}

static void before_render(void *context)
{
    ss_worker_metrics *m = context;
    before_render_starting(m);
    show_lag(m);
    show_threads(m);
}

ss_worker_metrics *ss_worker_metrics_new(ss_error *err)
{
    ss_worker_metrics *m = calloc(1, sizeof *m);
    if (!m) {
        ss_fail_memory(err, "making metrics");
        return NULL;
    }
    pthread_mutex_init(&m->lock, NULL);
    m->registry = ss_metrics_new(err);
    if (!m->registry || add_stream(m, err) || add_compute(m, err) || add_state(m, err)) {
        ss_worker_metrics_free(m);
        return NULL;
    }
    return m;
}

void ss_worker_metrics_free(ss_worker_metrics *m)
{
    if (!m) return;
    ss_metrics_free(m->registry);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

ss_metrics *ss_worker_metrics_registry(ss_worker_metrics *m)
{
    return m->registry;
}

void ss_worker_metrics_watch_cache(ss_worker_metrics *m, const ss_cache *cache)
{
    m->cache = cache;
    ss_metrics_before_render(m->registry, before_render_starting, m);
}

void ss_worker_metrics_watch(ss_worker_metrics *m, ss_exchange *exchange, ss_timeline *timeline)
{
    m->exchange = exchange;
    m->timeline = timeline;
    ss_metrics_before_render(m->registry, before_render, m);
}

void ss_worker_metrics_computed(ss_worker_metrics *m, const ss_job *job)
{
    const ss_extract_stats *s = &job->stats;
    ss_counter_add(m->embedded, s->embedded);
    ss_counter_add(m->cached, s->cached + s->repeated);
    ss_counter_add(m->filtered, s->filtered);
    ss_counter_add(m->tokens, s->tokens);
    ss_histogram_observe(m->stage[DECODE], job->counts.decode_seconds);
    ss_histogram_observe(m->stage[TEXT], s->text_seconds);
    ss_histogram_observe(m->stage[LOOKUP], s->lookup_seconds);
    ss_histogram_observe(m->stage[EMBED], s->embed_seconds);
    ss_histogram_observe(m->stage[MATCH], s->match_seconds);
    ss_histogram_observe(m->stage[MENTION], s->mention_seconds);
    ss_histogram_observe(m->stage[ENCODE], job->counts.encode_seconds);
}

void ss_worker_metrics_published(ss_worker_metrics *m, const ss_job *job, ss_publish_result result, double seconds)
{
    ss_histogram_observe(m->stage[PUBLISH], seconds);
    if (result != SS_PUBLISH_COMMITTED) return;
    ss_counter_add(m->consumed, job->count);
    ss_counter_add(m->published, job->counts.records);
    ss_counter_add(m->mentions, job->stats.mentions);
    for (int i = 0; i < SS_EXTRACT_TENTHS; i++) ss_counter_add(m->by_probability[i], job->stats.by_probability[i]);
    for (size_t i = 0; i < job->count; i++)
        if (job->reasons[i]) ss_counter_add(with(m->dead_letters, job->reasons[i]), 1);
}

void ss_worker_metrics_release(ss_worker_metrics *m, const ss_release *release)
{
    char taxonomy[160];
    const ss_taxonomy *list = ss_release_taxonomy(release);
    snprintf(taxonomy, sizeof taxonomy, "%.100s %.40s", ss_taxonomy_name(list), ss_taxonomy_version(list));
    size_t len = strlen(taxonomy);
    if (len && taxonomy[len - 1] == ' ') taxonomy[len - 1] = 0;
    const char *values[] = {ss_release_digest(release), taxonomy};
    ss_series *series = ss_metric_with(m->release_info, values);
    ss_gauge_set(series, 1);
    pthread_mutex_lock(&m->lock);
    if (m->release && m->release != series) {
        ss_series_remove(m->release);
        ss_counter_add(m->swaps, 1);
    }
    m->release = series;
    pthread_mutex_unlock(&m->lock);
}

void ss_worker_metrics_swap_failed(ss_worker_metrics *m)
{
    ss_counter_add(m->swap_failures, 1);
}
