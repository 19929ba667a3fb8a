/* outlet.c - see outlet.h.
 *
 * Two batches: `filling` takes new pairs, `going` is in the running transaction and is kept until the commit, because
 * an abort sends it again.
 */
#include "producer/outlet.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "stream/kafka_sink.h"
#include "stream/wire_pair.h"

enum { BATCH_PAIRS = 4000, BATCH_BYTES = 4 << 20, FULL_BYTES = 16 << 20, MOST_FENCES = 2, FENCE_WINDOW_MS = 300000 };
enum { BACKOFF_MS = 100, BACKOFF_CAP_MS = 5000 };

typedef struct parcel {
    size_t at, key_len, value_len; /* key and value lie in the batch's buffer, one behind the other */
    ss_hash128 id;
} parcel;

typedef struct batch {
    parcel *items;
    size_t count, capacity;
    ss_buffer bytes;
    int64_t since; /* ms of its first pair */
} batch;

struct ss_outlet {
    ss_outlet_config config;
    char *transactional_id;
    ss_sink *sink;
    batch filling, going;
    int in_transaction;
    int64_t pause_until; /* after an abort */
    unsigned aborts;     /* in a row */
    uint64_t jitter, taken, committed;
    int64_t fenced_at[MOST_FENCES];
};

static int open_sink(ss_outlet *o, ss_error *err)
{
    o->sink = ss_sink_open(&o->config.kafka, o->transactional_id, o->config.patience_ms, o->config.stop,
                           o->config.stopper, err);
    return o->sink ? 0 : -1;
}

ss_outlet *ss_outlet_open(const ss_outlet_config *config, ss_error *err)
{
    ss_outlet *o = calloc(1, sizeof *o);
    if (!o) {
        ss_fail_memory(err, "opening the topic");
        return NULL;
    }
    o->config = *config;
    o->transactional_id = strdup(config->transactional_id);
    o->jitter = (uint64_t)ss_wall_ms();
    ss_buffer_init(&o->filling.bytes, (size_t)FULL_BYTES * 2);
    ss_buffer_init(&o->going.bytes, (size_t)FULL_BYTES * 2);
    if (!o->transactional_id)
        ss_fail_memory(err, "opening the topic");
    else if (!ss_kafka_check(&config->kafka, &config->topic, 1, config->patience_ms, err) && !open_sink(o, err))
        return o;
    ss_outlet_close(o);
    return NULL;
}

void ss_outlet_close(ss_outlet *o)
{
    if (!o) return;
    ss_sink_close(o->sink);
    free(o->transactional_id);
    batch *both[] = {&o->filling, &o->going};
    for (size_t i = 0; i < 2; i++) {
        free(both[i]->items);
        ss_buffer_free(&both[i]->bytes);
    }
    free(o);
}

int ss_outlet_put(ss_outlet *o, const ss_pair *pair, ss_error *err)
{
    batch *b = &o->filling;
    if (b->count == b->capacity) {
        size_t capacity = b->capacity ? b->capacity * 2 : 64;
        parcel *items = reallocarray(b->items, capacity, sizeof *items);
        if (!items) return ss_fail_memory(err, "sending pairs");
        b->items = items;
        b->capacity = capacity;
    }
    ss_slice key = ss_pair_key(pair);
    parcel new = {.at = b->bytes.len, .key_len = key.len, .id = ss_idset_key(pair->id.data, pair->id.len)};
    if (ss_buffer_add(&b->bytes, key.data, key.len)) return ss_fail_memory(err, "sending pairs");
    size_t value = b->bytes.len;
    if (ss_wire_encode_pair(pair, &b->bytes, err)) {
        b->bytes.len = new.at;
        return -1;
    }
    new.value_len = b->bytes.len - value;
    if (!b->count) b->since = ss_now_ms();
    b->items[b->count++] = new;
    o->taken++;
    return 0;
}

static void clear(batch *b)
{
    b->count = 0;
    ss_buffer_clear(&b->bytes);
}

static int send_going(ss_outlet *o, ss_error *err)
{
    static const char type[] = "application/x-protobuf";
    ss_kafka_header header = {.name = "content-type", .value = type, .len = sizeof type - 1};
    if (ss_sink_begin(o->sink, err)) return -1;
    for (size_t i = 0; i < o->going.count; i++) {
        const parcel *p = &o->going.items[i];
        const char *key = o->going.bytes.data + p->at;
        ss_output output = {.topic = o->config.topic,
                            .key = key,
                            .key_len = p->key_len,
                            .value = key + p->key_len,
                            .value_len = p->value_len,
                            .headers = &header,
                            .header_count = 1};
        if (ss_sink_send(o->sink, &output, err)) return -1;
    }
    o->in_transaction = 1;
    return 0;
}

/* ---- after a transaction whose outcome is unknown ---- */

static int note_id(void *context, const ss_pair *pair, ss_error *err)
{
    if (ss_idset_add(context, ss_idset_key(pair->id.data, pair->id.len)) < 0)
        return ss_fail_memory(err, "reading the topic");
    return 0;
}

/* Takes out of `going` what reached the topic after all. */
static void drop_present(ss_outlet *o, const ss_idset *present)
{
    size_t kept = 0;
    for (size_t i = 0; i < o->going.count; i++) {
        if (ss_idset_has(present, o->going.items[i].id))
            o->committed++;
        else
            o->going.items[kept++] = o->going.items[i];
    }
    o->going.count = kept;
    if (!kept) clear(&o->going);
}

static int fenced_again(ss_outlet *o)
{
    if (!ss_sink_was_fenced(o->sink)) return 0;
    int64_t now = ss_now_ms(), oldest = o->fenced_at[0];
    memmove(o->fenced_at, o->fenced_at + 1, sizeof o->fenced_at - sizeof o->fenced_at[0]);
    o->fenced_at[MOST_FENCES - 1] = now;
    return oldest && now - oldest < FENCE_WINDOW_MS;
}

static int recover(ss_outlet *o, ss_error *err)
{
    int fenced = fenced_again(o);
    ss_sink_close(o->sink);
    o->sink = NULL;
    o->in_transaction = 0;
    if (fenced)
        return ss_fail(err, SS_CONFIG,
                       "another producer has taken over topic '%s': two need different --instance names and skills",
                       o->config.topic);
    if (open_sink(o, err)) return -1;
    ss_idset present = {0};
    int result = ss_topic_read(&o->config.kafka, o->config.topic, o->config.patience_ms, note_id, &present,
                               o->config.stop, o->config.stopper, err);
    if (!result) drop_present(o, &present);
    ss_idset_free(&present);
    return result;
}

/* What to do about a failed transaction; 0: it will be sent again. */
static int after_failure(ss_outlet *o, ss_error *why, ss_error *err)
{
    o->in_transaction = 0;
    if (why->remedy != SS_ABORT && why->status != SS_AUTH && why->status != SS_LIMIT) return recover(o, err);
    if (why->remedy == SS_ABORT && why->status != SS_AUTH && why->status != SS_LIMIT) {
        o->pause_until = ss_now_ms() + ss_backoff_ms(o->aborts++, BACKOFF_MS, BACKOFF_CAP_MS, &o->jitter);
        return 0;
    }
    if (err) *err = *why;
    return -1;
}

/* ---- driving ---- */

static int is_ripe(const ss_outlet *o)
{
    return o->filling.count && (o->filling.count >= BATCH_PAIRS || o->filling.bytes.len >= BATCH_BYTES ||
                                ss_now_ms() - o->filling.since >= o->config.commit_every);
}

int ss_outlet_turn(ss_outlet *o, int64_t wait_ms, ss_error *err)
{
    ss_error why = {0};
    if (!o->going.count) {
        if (!is_ripe(o)) return 0;
        batch swap = o->going;
        o->going = o->filling;
        o->filling = swap;
    }
    if (ss_now_ms() < o->pause_until) return 0;
    if (!o->in_transaction && send_going(o, &why)) return after_failure(o, &why, err);
    int got = ss_sink_commit(o->sink, wait_ms, &why);
    if (got < 0) return after_failure(o, &why, err);
    if (!got) return 0;
    o->in_transaction = 0;
    o->aborts = 0;
    o->committed += o->going.count;
    clear(&o->going);
    return 0;
}

int64_t ss_outlet_due(const ss_outlet *o)
{
    int64_t now = ss_now_ms();
    if (o->going.count) return o->pause_until > now ? o->pause_until - now : 0;
    if (!o->filling.count) return INT64_MAX;
    int64_t left = o->filling.since + o->config.commit_every - now;
    return is_ripe(o) || left < 0 ? 0 : left;
}

size_t ss_outlet_backlog(const ss_outlet *o)
{
    return o->filling.count + o->going.count;
}

uint64_t ss_outlet_taken(const ss_outlet *o)
{
    return o->taken;
}

uint64_t ss_outlet_committed(const ss_outlet *o)
{
    return o->committed;
}

int ss_outlet_is_full(const ss_outlet *o)
{
    return o->filling.bytes.len >= FULL_BYTES || (o->going.count && o->filling.count >= BATCH_PAIRS);
}

int ss_outlet_finish(ss_outlet *o, int64_t timeout_ms, ss_error *err)
{
    int64_t deadline = ss_now_ms() + timeout_ms;
    o->config.commit_every = 0; /* whatever is there is ripe */
    while (ss_outlet_backlog(o)) {
        if (ss_outlet_turn(o, 200, err)) return -1;
        if (ss_outlet_backlog(o) && ss_now_ms() > deadline)
            return ss_fail_with(err, SS_TIMEOUT, SS_RETRY, "%zu pairs could not be written to topic '%s' in time",
                                ss_outlet_backlog(o), o->config.topic);
        if (ss_now_ms() < o->pause_until) ss_sleep_ms(20);
    }
    return 0;
}
