/* kafka_exchange.c - life of an exchange: opening, batches given back, stopping, closing, statistics.
 *
 * See kafka_exchange.h for what it is and kafka_exchange_parts.h for how its parts fit together.
 *
 * Opening makes the producer first: init_transactions fences a predecessor with the same transactional.id, so that its
 * last transaction is finished or aborted before our consumer asks for committed offsets. Closing goes the other way:
 * no batch is out, then the consumer leaves the group, then the producer goes.
 */
#include "stream/kafka_exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "stream/kafka_exchange_parts.h"

enum {
    DEFAULT_MESSAGES = 64,
    DEFAULT_BYTES = 1 << 20,
    DEFAULT_LINGER_MS = 50,
    DEFAULT_OUT = 2,
    DEFAULT_COMMIT_MS = 30000,
    DEFAULT_RECOVER_MS = 300000,
    DEFAULT_REVOKE_MS = 20000,
    FLUSH_MS = 1000,
    HEADER_BLOCK = 16 * 1024
};

/* --- batches --- */

ss_batch_messages *ss_batch_new(size_t capacity)
{
    ss_batch_messages *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    ss_arena_init(&m->headers, HEADER_BLOCK, 0);
    m->raw = calloc(capacity, sizeof(rd_kafka_message_t *));
    m->views = calloc(capacity, sizeof *m->views);
    m->capacity = capacity;
    m->batch.internal = m;
    if (m->raw && m->views) return m;
    ss_batch_free(m);
    return NULL;
}

void ss_batch_free(ss_batch_messages *m)
{
    if (!m) return;
    for (size_t i = 0; i < m->batch.count; i++) rd_kafka_message_destroy(m->raw[i]);
    ss_arena_free(&m->headers);
    free(m->raw);
    free(m->views);
    free(m->ends);
    free(m);
}

void ss_exchange_give_back(ss_exchange *ex, ss_batch *batch)
{
    ss_batch_free(batch->internal); /* before `out` counts it as back: close waits for that, and messages go first */
    pthread_mutex_lock(&ex->lock);
    ex->out--;
    pthread_cond_broadcast(&ex->changed);
    pthread_mutex_unlock(&ex->lock);
}

void ss_exchange_invalidate(ss_exchange *ex, int rewind)
{
    ex->generation++;
    if (rewind) ex->rewinds_wanted++;
    pthread_cond_broadcast(&ex->changed);
}

void ss_exchange_discard(ss_exchange *ex, ss_batch *batch)
{
    pthread_mutex_lock(&ex->lock);
    if (batch->internal->generation == ex->generation) ss_exchange_invalidate(ex, 1);
    pthread_mutex_unlock(&ex->lock);
    ss_exchange_give_back(ex, batch);
}

/* --- waiting --- */

int64_t ss_exchange_wait(ss_exchange *ex, int64_t until_ms)
{
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    pthread_cond_timedwait(&ex->changed, &ex->lock, &until);
    return ss_now_ms();
}

int ss_exchange_is_stopping(ss_exchange *ex)
{
    pthread_mutex_lock(&ex->lock);
    int stopping = ex->stopped_ms != 0;
    pthread_mutex_unlock(&ex->lock);
    return stopping;
}

void ss_exchange_stop(ss_exchange *ex)
{
    pthread_mutex_lock(&ex->lock);
    if (!ex->stopped_ms) ex->stopped_ms = ss_now_ms();
    pthread_cond_broadcast(&ex->changed);
    pthread_mutex_unlock(&ex->lock);
}

/* --- cursors --- */

ss_cursor *ss_exchange_cursor(ss_exchange *ex, const char *topic, int32_t partition, int make)
{
    for (size_t i = 0; i < ex->cursor_count; i++)
        if (ex->cursors[i].partition == partition && !strcmp(ex->cursors[i].topic, topic)) return &ex->cursors[i];
    if (!make) return NULL;
    ss_cursor *cursors = realloc(ex->cursors, (ex->cursor_count + 1) * sizeof *cursors);
    if (!cursors) return NULL;
    ex->cursors = cursors;
    char *name = strdup(topic);
    if (!name) return NULL;
    cursors[ex->cursor_count] =
        (ss_cursor){.topic = name, .partition = partition, .next = -1, .first = -1, .committed = -1, .back = -1};
    return &cursors[ex->cursor_count++];
}

/* --- open and close --- */

static void fill_defaults(ss_exchange_config *config)
{
    if (!config->max_messages) config->max_messages = DEFAULT_MESSAGES;
    if (!config->max_bytes) config->max_bytes = DEFAULT_BYTES;
    if (!config->linger_ms) config->linger_ms = DEFAULT_LINGER_MS;
    if (!config->max_out) config->max_out = DEFAULT_OUT;
    if (!config->commit_patience_ms) config->commit_patience_ms = DEFAULT_COMMIT_MS;
    if (!config->recover_patience_ms) config->recover_patience_ms = DEFAULT_RECOVER_MS;
    if (!config->revoke_patience_ms) config->revoke_patience_ms = DEFAULT_REVOKE_MS;
}

static char **copy_strings(const char *const *from, size_t count)
{
    char **out = calloc(count + 1, sizeof *out);
    for (size_t i = 0; out && i < count; i++) {
        out[i] = strdup(from[i]);
        if (out[i]) continue;
        while (i) free(out[--i]);
        free(out);
        return NULL;
    }
    return out;
}

static void free_strings(char **strings)
{
    for (size_t i = 0; strings && strings[i]; i++) free(strings[i]);
    free(strings);
}

/* The exchange outlives the caller's configuration (a new producer may be made hours later). */
static int copy_config(ss_exchange *ex, const ss_exchange_config *config)
{
    const ss_kafka_config *k = &config->kafka;
    ex->config = *config;
    fill_defaults(&ex->config);
    ex->bootstrap = strdup(k->bootstrap);
    ex->group = strdup(k->group);
    ex->instance = strdup(k->instance);
    ex->client_id = strdup(k->client_id ? k->client_id : "skillstream");
    ex->topics = copy_strings(config->topics, config->topic_count);
    ex->settings = copy_strings(k->settings, k->setting_count);
    if (asprintf(&ex->transactional_id, "%s-%s", k->group, k->instance) < 0) ex->transactional_id = NULL;
    if (!ex->bootstrap || !ex->group || !ex->instance || !ex->client_id || !ex->topics || !ex->settings ||
        !ex->transactional_id)
        return -1;
    ex->config.topics = (const char *const *)ex->topics;
    ex->config.kafka.bootstrap = ex->bootstrap;
    ex->config.kafka.group = ex->group;
    ex->config.kafka.instance = ex->instance;
    ex->config.kafka.client_id = ex->client_id;
    ex->config.kafka.settings = (const char *const *)ex->settings;
    return 0;
}

static int init_lock(ss_exchange *ex)
{
    pthread_condattr_t attributes;
    if (pthread_mutex_init(&ex->lock, NULL)) return -1;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int failed = pthread_cond_init(&ex->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (failed) pthread_mutex_destroy(&ex->lock);
    return failed ? -1 : 0;
}

static void free_exchange(ss_exchange *ex)
{
    for (size_t i = 0; i < ex->cursor_count; i++) free(ex->cursors[i].topic);
    free(ex->cursors);
    free(ex->bootstrap);
    free(ex->group);
    free(ex->instance);
    free(ex->client_id);
    free(ex->transactional_id);
    free_strings(ex->topics);
    free_strings(ex->settings);
    pthread_cond_destroy(&ex->changed);
    pthread_mutex_destroy(&ex->lock);
    ss_kafka_client_free(&ex->client);
    free(ex);
}

ss_exchange *ss_exchange_open(const ss_exchange_config *config, ss_error *err)
{
    const ss_kafka_config *k = &config->kafka;
    if (!k->bootstrap || !k->group || !*k->group || !k->instance || !*k->instance || !config->topic_count) {
        ss_fail(err, SS_CONFIG, "a worker needs a bootstrap server, a group, an instance and a topic to read");
        return NULL;
    }
    ss_exchange *ex = calloc(1, sizeof *ex);
    if (!ex || ss_kafka_client_init(&ex->client, k, err)) {
        free(ex);
        ss_fail_memory(err, "opening Kafka");
        return NULL;
    }
    if (init_lock(ex)) {
        ss_kafka_client_free(&ex->client);
        free(ex);
        ss_fail_memory(err, "opening Kafka");
        return NULL;
    }
    ex->jitter = (uint64_t)ss_wall_ms() ^ (uint64_t)(uintptr_t)ex;
    if (copy_config(ex, config)) {
        ss_fail_memory(err, "opening Kafka");
        free_exchange(ex);
        return NULL;
    }
    if (ss_exchange_open_producer(ex, ex->config.recover_patience_ms, err) || ss_exchange_open_observer(ex, err) ||
        ss_exchange_open_consumer(ex, err)) {
        if (ex->observer) rd_kafka_destroy(ex->observer);
        if (ex->producer) rd_kafka_destroy(ex->producer);
        free_exchange(ex);
        return NULL;
    }
    return ex;
}

int ss_exchange_close(ss_exchange *ex, int64_t timeout_ms, ss_error *err)
{
    if (!ex) return 0;
    int64_t deadline = ss_now_ms() + timeout_ms;
    ss_exchange_stop(ex);
    pthread_mutex_lock(&ex->lock);
    while (ex->out && ss_exchange_wait(ex, deadline) < deadline) {
    }
    size_t out = ex->out;
    pthread_mutex_unlock(&ex->lock);
    if (out) return ss_fail(err, SS_TIMEOUT, "%zu batches are still being computed; Kafka stays open", out);
    ss_exchange_drop_forming(ex);
    if (ex->producer) rd_kafka_flush(ex->producer, FLUSH_MS);
    ss_exchange_close_consumer(ex);
    rd_kafka_destroy(ex->observer);
    if (ex->producer) rd_kafka_destroy(ex->producer);
    free_exchange(ex);
    return 0;
}

/* --- statistics --- */

int ss_exchange_is_refused(ss_exchange *ex, char *text, size_t size)
{
    return ss_kafka_client_is_refused(&ex->client, text, size);
}

static ss_exchange_partition describe(ss_exchange *ex, const ss_cursor *cursor)
{
    ss_exchange_partition out = {.partition = cursor->partition,
                                 .committed = cursor->committed >= 0 ? cursor->committed : -1,
                                 .high = -1,
                                 .lag = -1};
    int64_t low = -1, high = -1;
    snprintf(out.topic, sizeof out.topic, "%s", cursor->topic);
    /* From the last fetch response: no network. With read_committed, `high` is the last stable offset. */
    if (!rd_kafka_get_watermark_offsets(ex->consumer, cursor->topic, cursor->partition, &low, &high) && high >= 0) {
        int64_t from = cursor->committed >= 0 ? cursor->committed : low >= 0 ? low : 0;
        out.high = high;
        if (cursor->committed != UNKNOWN_COMMIT) out.lag = high > from ? high - from : 0;
    }
    return out;
}

size_t ss_exchange_read_stats(ss_exchange *ex, ss_exchange_stats *stats, ss_exchange_partition *partitions, size_t cap)
{
    size_t filled = 0, assigned = 0;
    pthread_mutex_lock(&ex->lock);
    for (size_t i = 0; i < ex->cursor_count; i++) {
        if (!ex->cursors[i].assigned) continue;
        assigned++;
        if (partitions && filled < cap) partitions[filled++] = describe(ex, &ex->cursors[i]);
    }
    *stats = ex->stats;
    stats->out = ex->out;
    stats->partitions = assigned;
    pthread_mutex_unlock(&ex->lock);
    return filled;
}
