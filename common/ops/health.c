/* health.c - see health.h.
 *
 * Two small tables under one mutex, searched by name: they are written a few
 * times a second and read by a probe every few seconds. Entries are never
 * removed. More than SS_HEALTH_MAX names would be a programming error; they are
 * not silently healthy but make the process unready with a line that says so.
 */
#include "ops/health.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

typedef struct condition {
    const char *name;
    int met;
    char reason[SS_HEALTH_REASON];
} condition;

typedef struct heart {
    const char *name;
    int64_t max_pause_ms, last_beat_ms;
} heart;

struct ss_health {
    pthread_mutex_t mutex;
    condition conditions[SS_HEALTH_MAX];
    size_t condition_count;
    heart hearts[SS_HEALTH_MAX];
    size_t heart_count;
    int overflow;
};

ss_health *ss_health_new(ss_error *err)
{
    ss_health *health = calloc(1, sizeof *health);
    if (!health || pthread_mutex_init(&health->mutex, NULL)) {
        free(health);
        ss_fail_memory(err, "making the health state");
        return NULL;
    }
    return health;
}

void ss_health_free(ss_health *health)
{
    if (!health) return;
    pthread_mutex_destroy(&health->mutex);
    free(health);
}

static condition *find_condition(ss_health *health, const char *name)
{
    for (size_t i = 0; i < health->condition_count; i++)
        if (strcmp(health->conditions[i].name, name) == 0) return &health->conditions[i];
    if (health->condition_count == SS_HEALTH_MAX) {
        health->overflow = 1;
        return NULL;
    }
    condition *added = &health->conditions[health->condition_count++];
    added->name = name;
    return added;
}

void ss_health_set(ss_health *health, const char *name, int met, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    pthread_mutex_lock(&health->mutex);
    condition *c = find_condition(health, name);
    if (c) {
        c->met = met;
        vsnprintf(c->reason, sizeof c->reason, format, args);
    }
    pthread_mutex_unlock(&health->mutex);
    va_end(args);
}

static heart *find_heart(ss_health *health, const char *name)
{
    for (size_t i = 0; i < health->heart_count; i++)
        if (strcmp(health->hearts[i].name, name) == 0) return &health->hearts[i];
    return NULL;
}

void ss_health_add_heart(ss_health *health, const char *name, int64_t max_pause_ms)
{
    pthread_mutex_lock(&health->mutex);
    heart *h = find_heart(health, name);
    if (!h && health->heart_count < SS_HEALTH_MAX) h = &health->hearts[health->heart_count++];
    if (h)
        *h = (heart){.name = name, .max_pause_ms = max_pause_ms, .last_beat_ms = ss_now_ms()};
    else
        health->overflow = 1;
    pthread_mutex_unlock(&health->mutex);
}

void ss_health_beat(ss_health *health, const char *name)
{
    pthread_mutex_lock(&health->mutex);
    heart *h = find_heart(health, name);
    if (h) h->last_beat_ms = ss_now_ms();
    pthread_mutex_unlock(&health->mutex);
}

static void say(ss_buffer *text, const char *name, int good, const char *reason)
{
    if (text) ss_buffer_printf(text, "%s: %s%s%s\n", name, good ? "ok" : "not ok", reason[0] ? ", " : "", reason);
}

int ss_health_is_live(void *context, ss_buffer *text)
{
    ss_health *health = context;
    int live = 1;
    pthread_mutex_lock(&health->mutex);
    int64_t now = ss_now_ms();
    for (size_t i = 0; i < health->heart_count; i++) {
        const heart *h = &health->hearts[i];
        int64_t pause = now - h->last_beat_ms;
        int beats = pause <= h->max_pause_ms;
        char reason[96];
        snprintf(reason, sizeof reason, "last turn %lld ms ago, at most %lld ms expected", (long long)pause,
                 (long long)h->max_pause_ms);
        say(text, h->name, beats, reason);
        live = live && beats;
    }
    pthread_mutex_unlock(&health->mutex);
    if (text) ss_buffer_add_string(text, live ? "live\n" : "not live\n");
    return live;
}

int ss_health_is_ready(void *context, ss_buffer *text)
{
    ss_health *health = context;
    pthread_mutex_lock(&health->mutex);
    int ready = health->condition_count > 0 && !health->overflow;
    if (health->overflow) say(text, "health", 0, "more conditions than there is room for");
    for (size_t i = 0; i < health->condition_count; i++) {
        const condition *c = &health->conditions[i];
        say(text, c->name, c->met, c->reason);
        ready = ready && c->met;
    }
    pthread_mutex_unlock(&health->mutex);
    if (text) ss_buffer_add_string(text, ready ? "ready\n" : "not ready\n");
    return ready;
}
