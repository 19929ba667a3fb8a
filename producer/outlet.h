/* outlet.h - pairs on their way to the topic, in transactions.
 *
 * Pairs are collected; `commit_every` after the first one (or when there are many) they go out in one transaction,
 * while the next ones are collected. Nothing here waits longer than it is told to, so an event loop can drive it.
 *
 * A transaction that was aborted is sent again. When its outcome cannot be known (the broker was away longer than the
 * transaction may last) a new sink is opened, which settles the old one, the topic is read, and what is missing is sent
 * again: so a pair that was put in comes out exactly once for a reader that is read_committed. Being taken over by
 * another producer of the same name is told by SS_CONFIG and ends it.
 *
 * One thread.
 */
#ifndef SKILLSTREAM_PRODUCER_OUTLET_H
#define SKILLSTREAM_PRODUCER_OUTLET_H

#include "producer/ledger.h"

typedef struct ss_outlet_config {
    ss_kafka_config kafka;             /* strings outlive the outlet */
    const char *topic;                 /* likewise */
    const char *transactional_id;      /* copied */
    int64_t commit_every, patience_ms; /* ms; patience: for a broker that is away */
    ss_topic_stop *stop;               /* may be NULL */
    void *stopper;
} ss_outlet_config;

typedef struct ss_outlet ss_outlet;

/* Takes the transactional id; whoever had it before cannot write any more. */
ss_outlet *ss_outlet_open(const ss_outlet_config *config, ss_error *err);
void ss_outlet_close(ss_outlet *outlet); /* what is not committed is lost; NULL is fine */

/* Takes a copy. The pair must have its id. */
int ss_outlet_put(ss_outlet *outlet, const ss_pair *pair, ss_error *err);

/* Goes on with whatever is under way, for at most wait_ms. */
int ss_outlet_turn(ss_outlet *outlet, int64_t wait_ms, ss_error *err);

/* ms until the next turn has something to do; INT64_MAX: nothing. */
int64_t ss_outlet_due(const ss_outlet *outlet);

size_t ss_outlet_backlog(const ss_outlet *outlet); /* pairs that are not committed */
/* Pairs that were put in, and that were committed, so far; they come out in the order they were put in. */
uint64_t ss_outlet_taken(const ss_outlet *outlet);
uint64_t ss_outlet_committed(const ss_outlet *outlet);

/* 1: so much is waiting that no more should be put in. */
int ss_outlet_is_full(const ss_outlet *outlet);

/* Turns until everything is committed: 0; SS_TIMEOUT after timeout_ms. */
int ss_outlet_finish(ss_outlet *outlet, int64_t timeout_ms, ss_error *err);

#endif
