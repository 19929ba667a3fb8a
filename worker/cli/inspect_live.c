/* inspect_live.c - see inspect_live.h.
 *
 * Records are numbered from 1 as they come; number n lies in slot n % KEPT. The lock guards slots, counters and state;
 * the Kafka reader belongs to the thread alone.
 */
#include "worker/cli/inspect_live.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/arena.h"
#include "base/clock.h"
#include "stream/kafka_plain.h"
#include "stream/wire_record.h"

enum { KEPT = 200, RECORD_MAX = 1 << 20, KEPT_BYTES = 16 << 20, ANSWER_BYTES = 4 << 20 };
enum { OPEN_MS = 3000, WAIT_MS = 200, PAUSE_MS = 1000 };

typedef struct slot {
    char *json;
    size_t len;
} slot;

struct ss_inspect_live {
    const ss_kafka_config *kafka;
    const char *topic;
    int from_beginning;
    pthread_t thread;
    atomic_int stop;
    pthread_mutex_t lock;
    slot slots[KEPT];
    size_t bytes;
    uint64_t oldest, newest; /* numbers of what is kept; nothing: newest + 1 == oldest */
    uint64_t bad;
    int reading;
    char detail[SS_ERROR_TEXT];
};

/* ---- What is kept ---- */

static void drop_oldest(ss_inspect_live *live)
{
    slot *s = &live->slots[live->oldest++ % KEPT];
    live->bytes -= s->len;
    free(s->json);
    *s = (slot){0};
}

/* Takes the buffer's bytes. */
static void keep(ss_inspect_live *live, ss_buffer *json)
{
    slot s;
    s.json = ss_buffer_take(json, &s.len);
    pthread_mutex_lock(&live->lock);
    if (s.json) {
        while (live->newest >= live->oldest &&
               (live->newest - live->oldest + 1 >= KEPT || live->bytes + s.len > KEPT_BYTES))
            drop_oldest(live);
        live->slots[++live->newest % KEPT] = s;
        live->bytes += s.len;
    } else {
        live->bad++;
    }
    pthread_mutex_unlock(&live->lock);
}

static void count_bad(ss_inspect_live *live)
{
    pthread_mutex_lock(&live->lock);
    live->bad++;
    pthread_mutex_unlock(&live->lock);
}

static void say(ss_inspect_live *live, int reading, const char *detail)
{
    pthread_mutex_lock(&live->lock);
    live->reading = reading;
    snprintf(live->detail, sizeof live->detail, "%s", detail);
    pthread_mutex_unlock(&live->lock);
}

/* ---- The thread ---- */

static void take(ss_inspect_live *live, const ss_message *message, ss_arena *arena)
{
    ss_record record;
    ss_buffer json;
    ss_buffer_init(&json, RECORD_MAX);
    ss_arena_reset(arena);
    if (ss_wire_decode_record(message->value, message->value_len, arena, &record, NULL) ||
        ss_buffer_printf(&json, "{\"partition\":%d,\"offset\":%lld,\"record\":", message->partition,
                         (long long)message->offset) ||
        ss_wire_record_json(&record, &json, NULL) || ss_buffer_add_string(&json, "}"))
        count_bad(live);
    else
        keep(live, &json);
    ss_buffer_free(&json);
}

/* Until the stop, or an error that needs a new connection. */
static int follow(ss_inspect_live *live, ss_reader *reader, ss_arena *arena, ss_error *err)
{
    say(live, 1, "");
    while (!atomic_load(&live->stop)) {
        ss_message message;
        int state = ss_reader_next(reader, WAIT_MS, &message, err);
        if (state < 0) return -1;
        if (state) take(live, &message, arena);
    }
    return 0;
}

static void *live_main(void *context)
{
    ss_inspect_live *live = context;
    ss_arena arena;
    ss_arena_init(&arena, 1 << 18, 0);
    int from_beginning = live->from_beginning;
    while (!atomic_load(&live->stop)) {
        ss_error why = {0};
        ss_reader *reader = ss_reader_open(live->kafka, live->topic, from_beginning, OPEN_MS, &why);
        if (reader) {
            from_beginning = 0; /* a lost connection must not show everything again */
            follow(live, reader, &arena, &why);
        }
        ss_reader_close(reader);
        if (why.status) say(live, 0, why.text);
        for (int waited = 0; waited < PAUSE_MS && !atomic_load(&live->stop); waited += WAIT_MS) ss_sleep_ms(WAIT_MS);
    }
    ss_arena_free(&arena);
    return NULL;
}

ss_inspect_live *ss_inspect_live_start(const ss_kafka_config *kafka, const char *topic, int from_beginning,
                                       ss_error *err)
{
    ss_inspect_live *live = calloc(1, sizeof *live);
    if (!live) {
        ss_fail_memory(err, "starting the live view");
        return NULL;
    }
    live->kafka = kafka;
    live->topic = topic;
    live->from_beginning = from_beginning;
    live->oldest = 1;
    pthread_mutex_init(&live->lock, NULL);
    snprintf(live->detail, sizeof live->detail, "connecting to Kafka");
    if (!pthread_create(&live->thread, NULL, live_main, live)) return live;
    ss_fail(err, SS_MEMORY, "the live view's thread could not be started");
    pthread_mutex_destroy(&live->lock);
    free(live);
    return NULL;
}

void ss_inspect_live_stop(ss_inspect_live *live)
{
    if (!live) return;
    atomic_store(&live->stop, 1);
    pthread_join(live->thread, NULL);
    while (live->newest >= live->oldest) drop_oldest(live);
    pthread_mutex_destroy(&live->lock);
    free(live);
}

/* ---- Looking ---- */

/* {"state":...,"detail":...  without its end. */
static int add_state(const char *state, const char *detail, ss_buffer *out)
{
    json_t *object = json_pack("{s:s, s:s}", "state", state, "detail", detail);
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
    int result = text ? ss_buffer_printf(out, "%.*s", (int)(strlen(text) - 1), text) : -1;
    free(text);
    json_decref(object);
    return result;
}

int ss_inspect_live_json(ss_inspect_live *live, uint64_t after, ss_buffer *out)
{
    if (!live)
        return add_state("off", "", out) ||
               ss_buffer_add_string(out, ",\"next\":0,\"read\":0,\"bad\":0,\"records\":[]}");
    pthread_mutex_lock(&live->lock);
    if (after > live->newest) after = 0; /* that number was another process's */
    uint64_t first = after + 1 > live->oldest ? after + 1 : live->oldest, n = first;
    int result = add_state(live->reading ? "reading" : "connecting", live->detail, out) ||
                 ss_buffer_printf(out, ",\"read\":%llu,\"bad\":%llu,\"records\":[", (unsigned long long)live->newest,
                                  (unsigned long long)live->bad);
    for (; !result && n <= live->newest && out->len < ANSWER_BYTES; n++) {
        const slot *s = &live->slots[n % KEPT];
        if (n > first) result = ss_buffer_add(out, ",", 1);
        if (!result) result = ss_buffer_add(out, s->json, s->len);
    }
    pthread_mutex_unlock(&live->lock);
    return result || ss_buffer_printf(out, "],\"next\":%llu}", (unsigned long long)(n - 1)) ? -1 : 0;
}
