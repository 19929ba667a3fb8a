/* ledger.c - see ledger.h. */
#include "producer/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "stream/kafka_plain.h"
#include "stream/wire_pair.h"

enum { WAIT_MS = 200, ARENA_MOST = 1 << 20 };

/* ---- reading a topic ---- */

static int visit_message(const ss_message *message, ss_arena *arena, ss_topic_visit *visit, void *visitor,
                         ss_error *err)
{
    ss_pair pair;
    ss_error why = {0};
    ss_arena_reset(arena);
    if (!ss_wire_decode_pair(message->value, message->value_len, arena, &pair, &why)) return visit(visitor, &pair, err);
    if (why.status == SS_INPUT) return 0;
    if (err) *err = why;
    return -1;
}

int ss_topic_read(const ss_kafka_config *config, const char *topic, int64_t patience_ms, ss_topic_visit *visit,
                  void *visitor, ss_topic_stop *stop, void *stopper, ss_error *err)
{
    ss_reader *reader = ss_reader_open(config, topic, 1, patience_ms, err);
    if (!reader) return -1;
    ss_arena arena;
    ss_arena_init(&arena, 0, ARENA_MOST);
    int64_t quiet_since = ss_now_ms();
    int result = 0;
    while (!result && !ss_reader_at_end(reader)) {
        ss_message message;
        int got = ss_reader_next(reader, WAIT_MS, &message, err);
        if (got < 0) result = -1;
        if (got > 0) {
            quiet_since = ss_now_ms();
            result = visit_message(&message, &arena, visit, visitor, err);
        } else if (!result && stop && stop(stopper)) {
            result = ss_fail(err, SS_STOPPED, "stopped while reading topic '%s'", topic);
        } else if (!result && ss_now_ms() - quiet_since > patience_ms) {
            result = ss_fail_with(err, SS_TIMEOUT, SS_RETRY, "topic '%s' cannot be read to its end", topic);
        }
    }
    ss_arena_free(&arena);
    ss_reader_close(reader);
    return result;
}

/* ---- the ledger ---- */

typedef struct entry {
    uint32_t have[SS_PAIR_KINDS];
    ss_known known;
    int forgotten;
} entry;

struct ss_ledger {
    const ss_taxonomy *taxonomy;
    unsigned want[SS_PAIR_KINDS];
    uint64_t none_wanted;
    ss_idset ids;
    entry *entries; /* (skills + 1); the last one is for sentences without skill */
    size_t skills;
    ss_words *words;
    ss_known_limits limits; /* of signatures without vectors */
};

ss_ledger *ss_ledger_new(const ss_taxonomy *taxonomy, const unsigned want[SS_PAIR_KINDS], uint64_t none_wanted,
                         ss_error *err)
{
    ss_ledger *ledger = calloc(1, sizeof *ledger);
    if (!ledger) {
        ss_fail_memory(err, "reading the topic");
        return NULL;
    }
    ledger->taxonomy = taxonomy;
    memcpy(ledger->want, want, sizeof ledger->want);
    ledger->none_wanted = none_wanted;
    ledger->skills = taxonomy ? ss_taxonomy_count(taxonomy) : 0;
    ledger->entries = calloc(ledger->skills + 1, sizeof *ledger->entries);
    ledger->words = ss_words_new(err);
    if (ledger->entries && ledger->words) return ledger;
    ss_fail_memory(err, "reading the topic");
    ss_ledger_free(ledger);
    return NULL;
}

void ss_ledger_free(ss_ledger *ledger)
{
    if (!ledger) return;
    for (size_t i = 0; ledger->entries && i <= ledger->skills; i++) ss_known_free(&ledger->entries[i].known);
    free(ledger->entries);
    ss_idset_free(&ledger->ids);
    ss_words_free(ledger->words);
    free(ledger);
}

static entry *entry_of(const ss_ledger *ledger, uint32_t skill)
{
    return &ledger->entries[skill < ledger->skills ? skill : ledger->skills];
}

/* The entry a pair counts for, or NULL when it counts for none. */
static entry *find_entry(const ss_ledger *ledger, const ss_pair *pair)
{
    if (!ledger->taxonomy || !pair->prompt_version.len) return NULL;
    if (!pair->skill_count) return pair->kind == SS_PAIR_NONE ? entry_of(ledger, SS_LEDGER_NONE) : NULL;
    char uri[1024];
    ss_slice first = pair->skill_uris[0];
    if (first.len >= sizeof uri) return NULL;
    memcpy(uri, first.data, first.len);
    uri[first.len] = 0;
    uint32_t skill = ss_taxonomy_by_uri(ledger->taxonomy, uri);
    return skill == SS_NO_SKILL ? NULL : entry_of(ledger, skill);
}

static int is_done(const ss_ledger *ledger, const entry *e)
{
    if (e == &ledger->entries[ledger->skills]) return e->have[SS_PAIR_NONE] >= ledger->none_wanted;
    for (int kind = 0; kind < SS_PAIR_KINDS; kind++)
        if (e->have[kind] < ledger->want[kind]) return 0;
    return 1;
}

static int remember(ss_ledger *ledger, entry *e, ss_slice sentence, ss_error *err)
{
    ss_minhash near;
    if (ss_words_read(ledger->words, sentence.data, sentence.len, err)) return -1;
    const ss_buffer *text = &ledger->words->text;
    const char *bytes = text->data ? text->data : "";
    ss_minhash_of(bytes, text->len, &near);
    if (ss_known_add(&e->known, &ledger->limits, ss_hash64(bytes, text->len), &near, NULL))
        return ss_fail_memory(err, "reading the topic");
    return 0;
}

/* 1: new, *counted = what it counts for (may be NULL); 0: known; -1. */
static int book(ss_ledger *ledger, const ss_pair *pair, entry **counted, ss_error *err)
{
    *counted = NULL;
    int new = ss_idset_add(&ledger->ids, ss_idset_key(pair->id.data, pair->id.len));
    if (new < 0) return ss_fail_memory(err, "reading the topic");
    if (!new) return 0;
    *counted = find_entry(ledger, pair);
    if (*counted) (*counted)->have[pair->kind]++;
    return 1;
}

int ss_ledger_book(ss_ledger *ledger, const ss_pair *pair, ss_error *err)
{
    entry *e;
    return book(ledger, pair, &e, err);
}

int ss_ledger_add(ss_ledger *ledger, const ss_pair *pair, ss_error *err)
{
    entry *e;
    int new = book(ledger, pair, &e, err);
    if (new <= 0 || !e || e->forgotten) return new;
    if (is_done(ledger, e)) {
        ss_known_free(&e->known);
        e->forgotten = 1;
        return 1;
    }
    return remember(ledger, e, pair->sentence, err) ? -1 : 1;
}

int ss_ledger_has(const ss_ledger *ledger, ss_slice id)
{
    return ss_idset_has(&ledger->ids, ss_idset_key(id.data, id.len));
}

size_t ss_ledger_ids(const ss_ledger *ledger)
{
    return ledger->ids.count;
}

uint64_t ss_ledger_count(const ss_ledger *ledger, uint32_t skill, ss_pair_kind kind)
{
    return entry_of(ledger, skill)->have[kind];
}

ss_known *ss_ledger_known(ss_ledger *ledger, uint32_t skill)
{
    return &entry_of(ledger, skill)->known;
}

void ss_ledger_forget(ss_ledger *ledger, uint32_t skill)
{
    entry *e = entry_of(ledger, skill);
    ss_known_free(&e->known);
    e->forgotten = 1;
}
