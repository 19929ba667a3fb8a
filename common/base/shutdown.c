/* shutdown.c - see shutdown.h.
 *
 * Threads that existed before ss_shutdown_start (OpenBLAS makes some when it is loaded) do not have the signals
 * blocked, and a signal to the process goes to whichever thread takes it: by default that would end the process. So
 * there is a handler, which runs only in such threads: it blocks the signal there for good and sends it once more,
 * until it reaches the thread that waits for it.
 */
#include "base/shutdown.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/clock.h"

struct ss_shutdown {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    sigset_t signals;
    int64_t grace_ms;
    void (*stuck)(void *, const char *);
    void *context;
    atomic_int requested, ended;
    _Atomic(const char *) stage;
};

static void raise_flag(ss_shutdown *s)
{
    pthread_mutex_lock(&s->lock);
    atomic_store(&s->requested, 1);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void pass_on(int signal_number, siginfo_t *info, void *context)
{
    (void)info;
    sigaddset(&((ucontext_t *)context)->uc_sigmask, signal_number); /* the mask that this thread goes on with */
    kill(getpid(), signal_number);
}

static void *watch(void *arg)
{
    ss_shutdown *s = arg;
    int64_t deadline = 0;
    while (!atomic_load(&s->ended)) {
        struct timespec slice = {.tv_nsec = 50L * 1000000};
        int signal_number = sigtimedwait(&s->signals, NULL, &slice);
        if (signal_number > 0 && atomic_load(&s->requested)) _exit(130);
        if (signal_number > 0) raise_flag(s);
        if (atomic_load(&s->requested) && !deadline) deadline = ss_now_ms() + s->grace_ms;
        if (deadline && ss_now_ms() > deadline && !atomic_load(&s->ended)) {
            if (s->stuck) s->stuck(s->context, atomic_load(&s->stage));
            _exit(1);
        }
    }
    return NULL;
}

ss_shutdown *ss_shutdown_start(int64_t grace_ms, void (*stuck)(void *, const char *), void *context, ss_error *err)
{
    ss_shutdown *s = calloc(1, sizeof *s);
    if (!s) {
        ss_fail_memory(err, "starting");
        return NULL;
    }
    s->grace_ms = grace_ms;
    s->stuck = stuck;
    s->context = context;
    atomic_store(&s->stage, "running");
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    sigemptyset(&s->signals);
    sigaddset(&s->signals, SIGTERM);
    sigaddset(&s->signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &s->signals, NULL);
    struct sigaction other = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigfillset(&other.sa_mask);
    sigaction(SIGTERM, &other, NULL);
    sigaction(SIGINT, &other, NULL);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe or socket is an error code, not the end */
    int code = pthread_create(&s->thread, NULL, watch, s);
    if (code) {
        ss_fail(err, SS_MEMORY, "starting the signal thread: %s", strerror(code));
        pthread_cond_destroy(&s->changed);
        pthread_mutex_destroy(&s->lock);
        free(s);
        return NULL;
    }
    return s;
}

int ss_shutdown_requested(const ss_shutdown *s)
{
    return atomic_load(&s->requested);
}

void ss_shutdown_request(ss_shutdown *s)
{
    raise_flag(s);
}

void ss_shutdown_stage(ss_shutdown *s, const char *stage)
{
    atomic_store(&s->stage, stage);
}

int ss_shutdown_wait(ss_shutdown *s, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t nanoseconds = until.tv_nsec + ms % 1000 * 1000000;
    until.tv_sec += (time_t)(ms / 1000 + nanoseconds / 1000000000);
    until.tv_nsec = (long)(nanoseconds % 1000000000);
    pthread_mutex_lock(&s->lock);
    while (!atomic_load(&s->requested))
        if (pthread_cond_timedwait(&s->changed, &s->lock, &until)) break;
    pthread_mutex_unlock(&s->lock);
    return atomic_load(&s->requested);
}

void ss_shutdown_end(ss_shutdown *s)
{
    if (!s) return;
    atomic_store(&s->ended, 1);
    pthread_join(s->thread, NULL);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
