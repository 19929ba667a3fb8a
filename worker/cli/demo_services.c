/* demo_services.c - see demo_services.h. Everything it starts it also ends, by its own pid. */
#include "worker/cli/demo_services.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "stream/redis_client.h"

enum { REDIS_PATIENCE_MS = 15000, STOP_MS = 30000, PARTITIONS = 4 };

static int start_redis(ss_demo_services *s, const char *url, ss_error *err)
{
    if (url) {
        snprintf(s->redis_url, sizeof s->redis_url, "%.500s", url);
        return 0;
    }
    char socket[96], *argv[] = {"redis-server", "--port", "0",     "--unixsocket", socket, "--save", "",
                                "--appendonly", "no",     "--dir", s->folder,      NULL};
    snprintf(socket, sizeof socket, "%s/redis.sock", s->folder);
    snprintf(s->redis_url, sizeof s->redis_url, "unix://%s", socket);
    snprintf(s->redis_log, sizeof s->redis_log, "%s/redis.log", s->folder);
    if (ss_child_start(&s->redis, "redis-server", argv, s->redis_log, err))
        return ss_fail_in(err, "no Redis: install redis-server or give one by --redis URL");
    ss_redis_options options = {.url = s->redis_url, .backoff_base_ms = 20, .backoff_cap_ms = 100};
    ss_redis *redis = ss_redis_new(&options, err);
    int result = redis ? ss_redis_connect_within(redis, REDIS_PATIENCE_MS, err) : -1;
    ss_redis_free(redis);
    return result;
}

static int start_broker(ss_demo_services *s, const char *bootstrap, const ss_demo_topics *topics, ss_error *err)
{
    if (bootstrap) {
        snprintf(s->bootstrap, sizeof s->bootstrap, "%.500s", bootstrap);
        return 0;
    }
    s->broker = ss_embedded_start(1, err);
    if (!s->broker || ss_embedded_topic(s->broker, topics->in, PARTITIONS, err) ||
        ss_embedded_topic(s->broker, topics->out, PARTITIONS, err) ||
        ss_embedded_topic(s->broker, topics->dead_letters, 1, err))
        return -1;
    snprintf(s->bootstrap, sizeof s->bootstrap, "%.500s", ss_embedded_bootstrap(s->broker));
    return 0;
}

int ss_demo_services_start(ss_demo_services *s, const char *bootstrap, const char *redis, const ss_demo_topics *topics,
                           ss_error *err)
{
    *s = (ss_demo_services){.folder = "/tmp/skillstream-demo-XXXXXX"};
    if (!mkdtemp(s->folder)) {
        s->folder[0] = 0;
        return ss_fail(err, SS_IO, "making a temporary folder: %s", strerror(errno));
    }
    if (start_redis(s, redis, err) || start_broker(s, bootstrap, topics, err)) return -1;
    return 0;
}

int ss_demo_worker_start(ss_demo_services *s, const ss_demo_topics *topics, const ss_strings *kafka,
                         const char *threads, ss_error *err)
{
    char program[4200], group[64], instance[32];
    if (ss_sibling_program("skillstream-worker", program, sizeof program, err)) return -1;
    snprintf(group, sizeof group, "skillstream-demo-%lld", (long long)ss_wall_ms());
    snprintf(instance, sizeof instance, "demo");
    snprintf(s->worker_log, sizeof s->worker_log, "%s/worker.log", s->folder);
    char *argv[64] = {program,
                      "--bootstrap",
                      s->bootstrap,
                      "--redis",
                      s->redis_url,
                      "--group",
                      group,
                      "--instance",
                      instance,
                      "--in",
                      (char *)(size_t)topics->in,
                      "--out",
                      (char *)(size_t)topics->out,
                      "--dead-letters",
                      (char *)(size_t)topics->dead_letters,
                      "--with-text",
                      "--threads",
                      (char *)(size_t)threads,
                      "--log-format",
                      "text"};
    size_t n = 20;
    for (size_t i = 0; i < kafka->count && n + 3 < 64; i++) {
        argv[n++] = "--kafka";
        argv[n++] = kafka->items[i];
    }
    argv[n] = NULL;
    return ss_child_start(&s->worker, "skillstream-worker", argv, s->worker_log, err);
}

int ss_demo_worker_check(ss_demo_services *s, ss_error *err)
{
    int code = 0;
    if (ss_child_running(&s->worker, &code)) return 0;
    ss_buffer log;
    ss_buffer_init(&log, 1 << 20);
    if (!ss_file_read(s->worker_log, &log, NULL) && log.len) {
        const char *tail = log.len > 2000 ? log.data + log.len - 2000 : log.data;
        fprintf(stderr, "%s", tail);
    }
    ss_buffer_free(&log);
    return ss_fail(err, SS_INTERNAL, "the worker ended with exit code %d; its last words are above", code);
}

static void remove_in(const ss_demo_services *s, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", s->folder, name);
    unlink(path);
}

void ss_demo_services_stop(ss_demo_services *s)
{
    ss_child_stop(&s->worker, STOP_MS);
    ss_child_stop(&s->redis, STOP_MS);
    ss_embedded_stop(s->broker);
    if (!*s->folder) return;
    remove_in(s, "worker.log");
    remove_in(s, "redis.log");
    remove_in(s, "redis.sock");
    remove_in(s, "dump.rdb");
    rmdir(s->folder);
}
