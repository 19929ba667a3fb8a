/* timeline.h - what each thread of the worker is doing, in seconds: the account of a pipeline that should overlap.
 *
 * poller, compute and publisher each are in one state at any moment, so the seconds of a thread add up to the time
 * since the start, and a difference between two readings is a stage timeline of that interval:
 *
 *   poller      fetch    a batch may be taken: Kafka is asked for ads
 *               full     all jobs are out: nothing is taken until one is back
 *   compute     work     decodes, extracts, encodes (time at Redis included: the sentence cache counts it)
 *               ads      waits: no batch has come from Kafka. While there is a lag, Kafka is too slow
 *               commit   waits: every job is at the publisher, so the transactions are too slow
 *   publisher   commit   a transaction is at work
 *               idle     nothing to publish
 *
 * The states follow from where the jobs are, so threads only report what happens to a batch.
 * Threads: any; each call takes a mutex for a few additions. Times are ss_now().
 */
#ifndef SKILLSTREAM_WORKER_EXTRACT_TIMELINE_H
#define SKILLSTREAM_WORKER_EXTRACT_TIMELINE_H

#include <pthread.h>
#include <stddef.h>

typedef enum ss_batch_event {
    SS_BATCH_TAKEN,      /* by the poller */
    SS_BATCH_STARTED,    /* by the compute thread */
    SS_BATCH_COMPUTED,   /* waits for the publisher from now on */
    SS_BATCH_GIVEN_BACK, /* by the compute thread, unpublished */
    SS_BATCH_PUBLISHING,
    SS_BATCH_DONE /* committed or dropped: its job is free again */
} ss_batch_event;

typedef enum ss_thread_state {
    SS_POLLER_FETCH,
    SS_POLLER_FULL,
    SS_COMPUTE_WORK,
    SS_COMPUTE_ADS,
    SS_COMPUTE_COMMIT,
    SS_PUBLISHER_COMMIT,
    SS_PUBLISHER_IDLE,
    SS_THREAD_STATES
} ss_thread_state;

typedef struct ss_timeline {
    pthread_mutex_t lock;
    double last; /* the moment up to which `seconds` is right */
    size_t jobs; /* how many there are */
    size_t out;  /* taken and not done */
    size_t at_publisher;
    int computing, publishing;
    double seconds[SS_THREAD_STATES];
} ss_timeline;

void ss_timeline_init(ss_timeline *timeline, size_t jobs, double now);
void ss_timeline_free(ss_timeline *timeline);

void ss_timeline_note(ss_timeline *timeline, ss_batch_event event, double now);

/* Seconds of each state since the start, that which lasts included. */
void ss_timeline_read(ss_timeline *timeline, double now, double seconds[SS_THREAD_STATES]);

#endif
