/* c11_threads.c - C11 threads as POSIX threads, where ThreadSanitizer can see them.
 *
 * Debian's librdkafka starts its threads with thrd_create and locks with mtx_lock. ThreadSanitizer intercepts the
 * pthread functions alone: a thread that thrd_create started inside libc is unknown to it, and the first malloc there
 * ends the program ("CHECK failed: thr->slot" in Clang's, a segmentation fault in GCC's). So every program of a build
 * with SKILLSTREAM_SANITIZE=thread links this file, whose functions stand before libc's for its shared libraries as
 * well. It also lets the sanitizer see that what we hand over through a queue of librdkafka is handed over.
 *
 * In glibc thrd_t is pthread_t, and mtx_t, cnd_t and once_flag have the size and alignment of their pthread
 * counterparts (asserted below); libc's own functions, which this file stands before, cast them in the same way.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t) && _Alignof(mtx_t) == _Alignof(pthread_mutex_t), "mtx_t");
_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t) && _Alignof(cnd_t) == _Alignof(pthread_cond_t), "cnd_t");
_Static_assert(sizeof(once_flag) == sizeof(pthread_once_t), "once_flag");

#define SEEN_BY_LIBRARIES __attribute__((visibility("default")))

typedef struct {
    thrd_start_t function;
    void *argument;
} start;

static pthread_mutex_t *mutex_of(mtx_t *mutex)
{
    return (pthread_mutex_t *)(void *)mutex;
}
static pthread_cond_t *condition_of(cnd_t *condition)
{
    return (pthread_cond_t *)(void *)condition;
}

static int result_of(int code)
{
    switch (code) {
    case 0: return thrd_success;
    case EBUSY: return thrd_busy;
    case ENOMEM: return thrd_nomem;
    case ETIMEDOUT: return thrd_timedout;
    default: return thrd_error;
    }
}

static void *run(void *argument)
{
    start it = *(start *)argument;
    free(argument);
    return (void *)(intptr_t)it.function(it.argument);
}

SEEN_BY_LIBRARIES int thrd_create(thrd_t *thread, thrd_start_t function, void *argument)
{
    start *it = malloc(sizeof *it);
    if (!it) return thrd_nomem;
    *it = (start){function, argument};
    int code = pthread_create(thread, NULL, run, it);
    if (code != 0) free(it);
    return result_of(code);
}

SEEN_BY_LIBRARIES int thrd_join(thrd_t thread, int *result)
{
    void *value = NULL;
    int code = pthread_join(thread, &value);
    if (code == 0 && result) *result = (int)(intptr_t)value;
    return result_of(code);
}

SEEN_BY_LIBRARIES int thrd_detach(thrd_t thread)
{
    return result_of(pthread_detach(thread));
}

SEEN_BY_LIBRARIES int mtx_init(mtx_t *mutex, int type)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, type & mtx_recursive ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL);
    int code = pthread_mutex_init(mutex_of(mutex), &attributes);
    pthread_mutexattr_destroy(&attributes);
    return result_of(code);
}

SEEN_BY_LIBRARIES void mtx_destroy(mtx_t *mutex)
{
    pthread_mutex_destroy(mutex_of(mutex));
}
SEEN_BY_LIBRARIES int mtx_lock(mtx_t *mutex)
{
    return result_of(pthread_mutex_lock(mutex_of(mutex)));
}
SEEN_BY_LIBRARIES int mtx_trylock(mtx_t *mutex)
{
    return result_of(pthread_mutex_trylock(mutex_of(mutex)));
}
SEEN_BY_LIBRARIES int mtx_unlock(mtx_t *mutex)
{
    return result_of(pthread_mutex_unlock(mutex_of(mutex)));
}

SEEN_BY_LIBRARIES int cnd_init(cnd_t *condition)
{
    return result_of(pthread_cond_init(condition_of(condition), NULL));
}
SEEN_BY_LIBRARIES void cnd_destroy(cnd_t *condition)
{
    pthread_cond_destroy(condition_of(condition));
}
SEEN_BY_LIBRARIES int cnd_signal(cnd_t *condition)
{
    return result_of(pthread_cond_signal(condition_of(condition)));
}
SEEN_BY_LIBRARIES int cnd_broadcast(cnd_t *condition)
{
    return result_of(pthread_cond_broadcast(condition_of(condition)));
}

SEEN_BY_LIBRARIES int cnd_wait(cnd_t *condition, mtx_t *mutex)
{
    return result_of(pthread_cond_wait(condition_of(condition), mutex_of(mutex)));
}

SEEN_BY_LIBRARIES int cnd_timedwait(cnd_t *condition, mtx_t *mutex, const struct timespec *until)
{
    return result_of(pthread_cond_timedwait(condition_of(condition), mutex_of(mutex), until));
}

SEEN_BY_LIBRARIES void call_once(once_flag *flag, void (*function)(void))
{
    pthread_once((pthread_once_t *)(void *)flag, function);
}
