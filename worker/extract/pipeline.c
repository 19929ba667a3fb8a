/* pipeline.c - the three threads that a batch passes through; see worker_state.h.
 *
 * Back pressure: jobs are few, and the poller waits for a free one; while it waits it keeps calling ss_exchange_next,
 * which keeps the group membership alive (the exchange hands nothing out while max_out batches are out).
 *
 * Draining: on a shutdown the poller ends and closes to_compute; the compute thread empties it and closes to_publish;
 * the publisher empties that. A batch that cannot be published any more is given back and comes again elsewhere.
 */
#include <string.h>

#include "base/clock.h"
#include "worker/extract/worker_state.h"

enum { POLL_MS = 200, HEART_MS = 120000, RETRY_MS = 1000 };

/* For the stage timeline in /metrics. */
static void note(ss_worker *w, ss_batch_event event)
{
    ss_timeline_note(&w->timeline, event, ss_now());
}

/* ---- poller ---- */

static int poll_once(ss_worker *w)
{
    ss_error err = {0};
    ss_batch *batch = NULL;
    int state = ss_exchange_next(w->exchange, POLL_MS, &batch, &err);
    if (state < 0) {
        if (err.status != SS_STOPPED) ss_worker_fail(w, &err);
        return -1;
    }
    if (!state) return 0;
    ss_job *job = ss_queue_pop(w->idle, -1);
    if (!job) { /* closed: the publisher ended for good */
        ss_exchange_discard(w->exchange, batch);
        return -1;
    }
    job->batch = batch;
    note(w, SS_BATCH_TAKEN);
    if (ss_queue_push(w->to_compute, job)) {
        ss_exchange_discard(w->exchange, batch);
        return -1;
    }
    return 0;
}

static void *poller_main(void *arg)
{
    ss_worker *w = arg;
    while (!ss_shutdown_requested(w->shutdown)) {
        ss_health_beat(w->health, "poller");
        if (poll_once(w)) break;
    }
    ss_queue_close(w->to_compute);
    return NULL;
}

/* ---- compute ---- */

static void take_next_release(ss_worker *w)
{
    ss_extractor *next = atomic_exchange(&w->next, NULL);
    if (!next) return;
    ss_extractor *old = w->extractor;
    ss_worker_metrics_release(w->metrics, ss_extractor_release(next));
    ss_log_event(w->log, SS_LOG_INFO, "release switched", SS_TEXT("from", ss_release_digest(ss_extractor_release(old))),
                 SS_TEXT("to", ss_release_digest(ss_extractor_release(next))));
    w->extractor = next;
    ss_extractor_free(old);
}

static void compute(ss_worker *w, ss_job *job)
{
    ss_error err = {0};
    take_next_release(w);
    note(w, SS_BATCH_STARTED);
    if (!ss_job_compute(job, &w->rules, w->extractor, &err)) {
        ss_worker_metrics_computed(w->metrics, job);
        note(w, SS_BATCH_COMPUTED);
        if (ss_queue_push(w->to_publish, job)) ss_exchange_discard(w->exchange, job->batch);
        return;
    }
    /* The machine is at fault: the messages come again, after a pause that lets it recover. */
    ss_log_event(w->log, SS_LOG_ERROR, "batch given back", SS_TEXT("why", err.text),
                 SS_INT("ads", (int64_t)job->batch->count));
    ss_exchange_discard(w->exchange, job->batch);
    note(w, SS_BATCH_GIVEN_BACK);
    ss_queue_push(w->idle, job);
    ss_shutdown_wait(w->shutdown, RETRY_MS);
}

static void *compute_main(void *arg)
{
    ss_worker *w = arg;
    while (!ss_queue_is_finished(w->to_compute)) {
        ss_job *job = ss_queue_pop(w->to_compute, POLL_MS);
        ss_health_beat(w->health, "compute");
        if (job)
            compute(w, job);
        else
            take_next_release(w); /* also when no ads come, so that /metrics tells the truth */
    }
    ss_queue_close(w->to_publish);
    return NULL;
}

/* ---- publisher ---- */

static int replace_rejected(ss_worker *w, ss_job *job, ss_error *err)
{
    for (size_t i = 0; i < job->count; i++)
        if (job->outputs[i].rejected && ss_job_replace(job, &w->rules, i, err)) return -1;
    return 0;
}

/* A record that is too large becomes a dead letter, a dead letter that is too large loses its value: two rounds. */
static int publish(ss_worker *w, ss_job *job, ss_publish_result *result, ss_error *err)
{
    for (int round = 0; round < 3; round++) {
        *err = (ss_error){0};
        if (ss_exchange_publish(w->exchange, job->batch, job->outputs, job->count, result, err)) return -1;
        if (*result != SS_PUBLISH_REJECTED) return 0;
        if (replace_rejected(w, job, err)) break;
    }
    ss_exchange_discard(w->exchange, job->batch);
    return ss_fail_in(err, "the brokers refuse even a dead letter without its value");
}

static void publish_job(ss_worker *w, ss_job *job)
{
    ss_error err = {0};
    ss_publish_result result = SS_PUBLISH_DROPPED;
    double start = ss_now();
    if (publish(w, job, &result, &err)) {
        if (err.status != SS_STOPPED) ss_worker_fail(w, &err);
        return;
    }
    ss_worker_metrics_published(w->metrics, job, result, ss_now() - start);
    if (result == SS_PUBLISH_DROPPED)
        ss_log_event(w->log, SS_LOG_WARN, "batch dropped, its ads come again", SS_TEXT("why", err.text),
                     SS_INT("ads", (int64_t)job->count));
    else
        ss_log_event(w->log, SS_LOG_DEBUG, "batch committed", SS_INT("ads", (int64_t)job->count),
                     SS_INT("records", (int64_t)job->counts.records),
                     SS_INT("dead_letters", (int64_t)job->counts.dead_letters),
                     SS_INT("mentions", (int64_t)job->stats.mentions));
}

static void *publisher_main(void *arg)
{
    ss_worker *w = arg;
    while (!ss_queue_is_finished(w->to_publish)) {
        ss_health_beat(w->health, "publisher");
        ss_job *job = ss_queue_pop(w->to_publish, POLL_MS);
        if (!job) continue;
        note(w, SS_BATCH_PUBLISHING);
        publish_job(w, job);
        note(w, SS_BATCH_DONE);
        ss_queue_push(w->idle, job);
    }
    ss_queue_close(w->idle);
    return NULL;
}

/* ---- start and join ---- */

static int start(pthread_t *thread, void *(*run)(void *), ss_worker *w, const char *name, ss_error *err)
{
    int code = pthread_create(thread, NULL, run, w);
    if (code) return ss_fail(err, SS_MEMORY, "starting the %s thread: %s", name, strerror(code));
    return 0;
}

int ss_pipeline_start(ss_worker *w, ss_error *err)
{
    w->idle = ss_queue_new(SS_WORKER_JOBS, err);
    w->to_compute = w->idle ? ss_queue_new(SS_WORKER_JOBS, err) : NULL;
    w->to_publish = w->to_compute ? ss_queue_new(SS_WORKER_JOBS, err) : NULL;
    if (!w->to_publish) return -1;
    for (int i = 0; i < SS_WORKER_JOBS; i++) ss_queue_push(w->idle, &w->jobs[i]);
    ss_health_add_heart(w->health, "poller", HEART_MS);
    ss_health_add_heart(w->health, "compute", (int64_t)HEART_MS * 5);
    ss_health_add_heart(w->health, "publisher", (int64_t)HEART_MS * 5);
    /* From the end to the start, so that a thread that cannot be started leaves only idle ones behind it. */
    if (start(&w->publisher, publisher_main, w, "publisher", err)) return -1;
    if (start(&w->computer, compute_main, w, "compute", err)) {
        ss_queue_close(w->to_publish);
        pthread_join(w->publisher, NULL);
        return -1;
    }
    if (start(&w->poller, poller_main, w, "poller", err)) {
        ss_queue_close(w->to_compute);
        pthread_join(w->computer, NULL);
        pthread_join(w->publisher, NULL);
        return -1;
    }
    w->running = 1;
    return 0;
}

void ss_pipeline_join(ss_worker *w)
{
    if (!w->running) return;
    ss_shutdown_stage(w->shutdown, "the poller thread (ss_exchange_next)");
    pthread_join(w->poller, NULL);
    ss_shutdown_stage(w->shutdown, "the compute thread");
    pthread_join(w->computer, NULL);
    ss_shutdown_stage(w->shutdown, "the publisher thread (Kafka transaction)");
    pthread_join(w->publisher, NULL);
    w->running = 0;
}
