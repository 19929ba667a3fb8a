/* pool.c - see pool.h.
 *
 * Threads sleep on one condition variable between jobs; pieces are claimed with
 * one atomic counter, so uneven pieces balance by themselves. A job is over when
 * every thread that joined it has left it.
 */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct worker {
    ss_pool *pool;
    size_t number;
    pthread_t thread;
} worker;

struct ss_pool {
    size_t threads;
    worker *workers; /* threads - 1 of them; number 0 is the caller */
    size_t started;
    pthread_mutex_t lock;
    pthread_cond_t wake, idle;
    /* the running job, guarded by lock except for the atomics */
    unsigned long job_number;
    size_t busy;
    int stopping;
    ss_piece_fn *run;
    void *job;
    size_t pieces;
    atomic_size_t next;
    atomic_int result;
};

static void work(ss_pool *pool, size_t thread)
{
    for (;;) {
        size_t piece = atomic_fetch_add(&pool->next, 1);
        if (piece >= pool->pieces || atomic_load(&pool->result)) return;
        int result = pool->run(pool->job, thread, piece);
        if (result) {
            int none = 0;
            atomic_compare_exchange_strong(&pool->result, &none, result);
        }
    }
}

static void *thread_main(void *arg)
{
    worker *self = arg;
    ss_pool *pool = self->pool;
    unsigned long seen = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (!pool->stopping && pool->job_number == seen) pthread_cond_wait(&pool->wake, &pool->lock);
        if (pool->stopping) break;
        seen = pool->job_number;
        pthread_mutex_unlock(&pool->lock);
        work(pool, self->number);
        pthread_mutex_lock(&pool->lock);
        if (--pool->busy == 0) pthread_cond_signal(&pool->idle);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

ss_pool *ss_pool_new(size_t threads, ss_error *err)
{
    if (!threads) threads = ss_cpu_count();
    ss_pool *pool = calloc(1, sizeof *pool);
    if (!pool) {
        ss_fail_memory(err, "starting compute threads");
        return NULL;
    }
    pool->threads = threads;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->idle, NULL);
    pool->workers = calloc(threads, sizeof *pool->workers);
    if (!pool->workers) {
        ss_fail_memory(err, "starting compute threads");
        ss_pool_free(pool);
        return NULL;
    }
    for (size_t i = 1; i < threads; i++) {
        worker *w = &pool->workers[i - 1];
        *w = (worker){.pool = pool, .number = i};
        int code = pthread_create(&w->thread, NULL, thread_main, w);
        if (code) {
            ss_fail(err, SS_MEMORY, "starting compute thread %zu of %zu: %s", i + 1, threads, strerror(code));
            ss_pool_free(pool);
            return NULL;
        }
        pool->started++;
    }
    return pool;
}

size_t ss_pool_threads(const ss_pool *pool)
{
    return pool->threads;
}

int ss_pool_run(ss_pool *pool, size_t pieces, ss_piece_fn *run, void *job)
{
    pthread_mutex_lock(&pool->lock);
    pool->run = run;
    pool->job = job;
    pool->pieces = pieces;
    atomic_store(&pool->next, 0);
    atomic_store(&pool->result, 0);
    pool->busy = pool->started;
    pool->job_number++;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);

    work(pool, 0);

    pthread_mutex_lock(&pool->lock);
    while (pool->busy) pthread_cond_wait(&pool->idle, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    return atomic_load(&pool->result);
}

void ss_pool_free(ss_pool *pool)
{
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = 1;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->started; i++) pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_cond_destroy(&pool->idle);
    pthread_mutex_destroy(&pool->lock);
    free(pool->workers);
    free(pool);
}

/* CPUs that a cgroup v2 quota allows, rounded up; 0 = no quota. */
static size_t cgroup_quota(void)
{
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "r");
    if (!file) return 0;
    char line[64];
    size_t cpus = 0;
    if (fgets(line, sizeof line, file)) {
        char *end;
        unsigned long quota = strtoul(line, &end, 10), period = strtoul(end, NULL, 10);
        if (end != line && period) cpus = (size_t)((quota + period - 1) / period);
    }
    fclose(file);
    return cpus;
}

size_t ss_cpu_count(void)
{
    cpu_set_t set;
    size_t cpus = 1;
    if (sched_getaffinity(0, sizeof set, &set) == 0) cpus = (size_t)CPU_COUNT(&set);
    size_t quota = cgroup_quota();
    if (quota && quota < cpus) cpus = quota;
    return cpus ? cpus : 1;
}
