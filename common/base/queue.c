/* queue.c - see queue.h. A ring under one mutex; batches are few, so contention does not matter. */
#include "base/queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct ss_queue {
    pthread_mutex_t lock;
    pthread_cond_t filled, emptied;
    void **items;
    size_t capacity, first, count;
    int closed;
};

ss_queue *ss_queue_new(size_t capacity, ss_error *err)
{
    ss_queue *queue = calloc(1, sizeof *queue);
    if (queue) queue->items = calloc(capacity ? capacity : 1, sizeof *queue->items);
    if (!queue || !queue->items) {
        free(queue);
        ss_fail_memory(err, "making a queue");
        return NULL;
    }
    queue->capacity = capacity ? capacity : 1;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->filled, &monotonic);
    pthread_cond_init(&queue->emptied, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return queue;
}

int ss_queue_push(ss_queue *queue, void *item)
{
    pthread_mutex_lock(&queue->lock);
    while (queue->count == queue->capacity && !queue->closed) pthread_cond_wait(&queue->emptied, &queue->lock);
    int result = -1;
    if (!queue->closed) {
        queue->items[(queue->first + queue->count++) % queue->capacity] = item;
        pthread_cond_signal(&queue->filled);
        result = 0;
    }
    pthread_mutex_unlock(&queue->lock);
    return result;
}

static struct timespec moment(int64_t wait_ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    int64_t nanoseconds = at.tv_nsec + wait_ms % 1000 * 1000000;
    at.tv_sec += (time_t)(wait_ms / 1000 + nanoseconds / 1000000000);
    at.tv_nsec = (long)(nanoseconds % 1000000000);
    return at;
}

void *ss_queue_pop(ss_queue *queue, int64_t wait_ms)
{
    struct timespec until = moment(wait_ms < 0 ? 0 : wait_ms);
    pthread_mutex_lock(&queue->lock);
    while (!queue->count && !queue->closed) {
        if (wait_ms < 0)
            pthread_cond_wait(&queue->filled, &queue->lock);
        else if (pthread_cond_timedwait(&queue->filled, &queue->lock, &until))
            break;
    }
    void *item = NULL;
    if (queue->count) {
        item = queue->items[queue->first];
        queue->first = (queue->first + 1) % queue->capacity;
        queue->count--;
        pthread_cond_signal(&queue->emptied);
    }
    pthread_mutex_unlock(&queue->lock);
    return item;
}

void ss_queue_close(ss_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = 1;
    pthread_cond_broadcast(&queue->filled);
    pthread_cond_broadcast(&queue->emptied);
    pthread_mutex_unlock(&queue->lock);
}

int ss_queue_is_finished(ss_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    int finished = queue->closed && !queue->count;
    pthread_mutex_unlock(&queue->lock);
    return finished;
}

void ss_queue_free(ss_queue *queue)
{
    if (!queue) return;
    pthread_cond_destroy(&queue->filled);
    pthread_cond_destroy(&queue->emptied);
    pthread_mutex_destroy(&queue->lock);
    free(queue->items);
    free(queue);
}
