/* race.c - that the build for ThreadSanitizer sees what it must: threads that C11's thrd_create started included.
 *
 * Two threads of this program add to a counter, "guarded" by a mutex of C11 or "unguarded"; the first must end well,
 * the second must be reported. "handed-over" passes a buffer through a queue of librdkafka's, as our threads do.
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

enum { ROUNDS = 10000 };

typedef struct {
    mtx_t mutex;
    int guarded;
    int counter;
    rd_kafka_t *client;
} shared;

static int count(void *argument)
{
    shared *s = argument;
    for (int i = 0; i < ROUNDS; i++) {
        if (s->guarded) mtx_lock(&s->mutex);
        s->counter++;
        if (s->guarded) mtx_unlock(&s->mutex);
    }
    return 0;
}

/* What the thread of librdkafka that calls back writes, who asked for the callback reads. */
static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)level, (void)facility, (void)text;
    shared *s = rd_kafka_opaque(client);
    if (s) s->counter = 1;
}

static int hand_over(shared *s)
{
    char reason[256];
    rd_kafka_conf_t *settings = rd_kafka_conf_new();
    rd_kafka_conf_set(settings, "bootstrap.servers", "127.0.0.1:1", reason, sizeof reason); /* nobody: it logs so */
    rd_kafka_conf_set(settings, "log.queue", "true", reason, sizeof reason);
    rd_kafka_conf_set_log_cb(settings, on_log);
    rd_kafka_conf_set_opaque(settings, s);
    s->client = rd_kafka_new(RD_KAFKA_PRODUCER, settings, reason, sizeof reason);
    if (!s->client) return 1;
    rd_kafka_set_log_queue(s->client, NULL);
    while (!s->counter) rd_kafka_poll(s->client, 100);
    rd_kafka_destroy(s->client);
    return 0;
}

int main(int argc, char **argv)
{
    shared s = {.guarded = argc > 1 && strcmp(argv[1], "guarded") == 0};
    if (argc > 1 && strcmp(argv[1], "handed-over") == 0) return hand_over(&s);
    thrd_t first, second;
    if (mtx_init(&s.mutex, mtx_plain) != thrd_success || thrd_create(&first, count, &s) != thrd_success ||
        thrd_create(&second, count, &s) != thrd_success)
        return 1;
    thrd_join(first, NULL);
    thrd_join(second, NULL);
    mtx_destroy(&s.mutex);
    return !s.guarded || s.counter == 2 * ROUNDS ? 0 : 1;
}
