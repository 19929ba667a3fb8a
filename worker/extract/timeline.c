/* timeline.c - see timeline.h. Between two events nothing changes, so each call first books the time since the one
 * before under the states that held, and then changes them. */
#include "worker/extract/timeline.h"

#include <string.h>

void ss_timeline_init(ss_timeline *t, size_t jobs, double now)
{
    *t = (ss_timeline){.last = now, .jobs = jobs};
    pthread_mutex_init(&t->lock, NULL);
}

void ss_timeline_free(ss_timeline *t)
{
    pthread_mutex_destroy(&t->lock);
}

/* Called with the lock held. Threads read the clock before they have the lock, so `now` may be a little behind. */
static void book(ss_timeline *t, double now)
{
    double passed = now - t->last;
    if (passed <= 0) return;
    t->last = now;
    t->seconds[t->out < t->jobs ? SS_POLLER_FETCH : SS_POLLER_FULL] += passed;
    t->seconds[t->computing                 ? SS_COMPUTE_WORK
               : t->at_publisher == t->jobs ? SS_COMPUTE_COMMIT
                                            : SS_COMPUTE_ADS] += passed;
    t->seconds[t->publishing ? SS_PUBLISHER_COMMIT : SS_PUBLISHER_IDLE] += passed;
}

void ss_timeline_note(ss_timeline *t, ss_batch_event event, double now)
{
    pthread_mutex_lock(&t->lock);
    book(t, now);
    switch (event) {
    case SS_BATCH_TAKEN: t->out++; break;
    case SS_BATCH_STARTED: t->computing = 1; break;
    case SS_BATCH_COMPUTED:
        t->computing = 0;
        t->at_publisher++;
        break;
    case SS_BATCH_GIVEN_BACK:
        t->computing = 0;
        t->out--;
        break;
    case SS_BATCH_PUBLISHING: t->publishing = 1; break;
    case SS_BATCH_DONE:
        t->publishing = 0;
        t->at_publisher--;
        t->out--;
        break;
    }
    pthread_mutex_unlock(&t->lock);
}

void ss_timeline_read(ss_timeline *t, double now, double seconds[SS_THREAD_STATES])
{
    pthread_mutex_lock(&t->lock);
    book(t, now);
    memcpy(seconds, t->seconds, sizeof t->seconds);
    pthread_mutex_unlock(&t->lock);
}
