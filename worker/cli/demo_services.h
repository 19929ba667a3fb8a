/* demo_services.h - what `skillstream demo` needs running: Redis, a broker, a worker. */
#ifndef SKILLSTREAM_WORKER_CLI_DEMO_SERVICES_H
#define SKILLSTREAM_WORKER_CLI_DEMO_SERVICES_H

#include "base/error.h"
#include "base/options.h"
#include "stream/kafka_embedded.h"
#include "worker/cli/child.h"

typedef struct ss_demo_topics {
    const char *in, *out, *dead_letters;
} ss_demo_topics;

typedef struct ss_demo_services {
    char folder[64];     /* temporary, removed at the end */
    char bootstrap[512]; /* of the broker */
    char redis_url[512];
    char worker_log[128], redis_log[128];
    ss_embedded *broker; /* NULL when a real one is used */
    ss_child redis, worker;
} ss_demo_services;

/* Starts what is not given: bootstrap NULL = the embedded broker, with its topics; redis NULL = a redis-server of our
 * own on a socket in a temporary folder. */
int ss_demo_services_start(ss_demo_services *services, const char *bootstrap, const char *redis,
                           const ss_demo_topics *topics, ss_error *err);

/* Starts skillstream-worker beside this program, in a consumer group of its own. */
int ss_demo_worker_start(ss_demo_services *services, const ss_demo_topics *topics, const ss_strings *kafka,
                         const char *threads, ss_error *err);

/* -1 with the end of its log when the worker has ended. */
int ss_demo_worker_check(ss_demo_services *services, ss_error *err);

void ss_demo_services_stop(ss_demo_services *services);

#endif
