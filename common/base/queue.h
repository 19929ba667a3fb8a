/* queue.h - a bounded queue of pointers between threads, with an end.
 *
 * The worker's threads hand batches on through these: a full queue makes the
 * producer wait, which is the back pressure. Any number of threads on both sides.
 */
#ifndef SKILLSTREAM_BASE_QUEUE_H
#define SKILLSTREAM_BASE_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct ss_queue ss_queue;

ss_queue *ss_queue_new(size_t capacity, ss_error *err);

/* Waits for room. 0, or -1 when the queue is closed (the item stays the caller's). */
int ss_queue_push(ss_queue *queue, void *item);

/* Waits up to wait_ms (-1 = for ever). The oldest item, or NULL: nothing in time, or closed and empty. */
void *ss_queue_pop(ss_queue *queue, int64_t wait_ms);

/* No more pushes; what is inside can still be popped. */
void ss_queue_close(ss_queue *queue);
int ss_queue_is_finished(ss_queue *queue); /* closed and empty */

/* The queue must be empty or its items owned elsewhere. NULL is fine. */
void ss_queue_free(ss_queue *queue);

#endif
