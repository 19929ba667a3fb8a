/* ledger.h - what is on the topic already: ids, and how many sentences each skill has of each kind.
 *
 * The topic is the only ledger. It is read once at start, after the sink was opened (kafka_sink.h), so that nothing of
 * an earlier run can arrive behind it; from then on the ledger is kept up to date by the one who publishes. Sentences
 * that count for a skill are those that a prompt has made (prompt_version is not empty): replayed sets do not stand in
 * for them. For skills that are not done the sentences' signatures are kept as well, to find duplicates (known.h).
 *
 * Skills are numbers of the taxonomy; sentences without skill belong to SS_LEDGER_NONE. One thread.
 */
#ifndef SKILLSTREAM_PRODUCER_LEDGER_H
#define SKILLSTREAM_PRODUCER_LEDGER_H

#include "base/error.h"
#include "match/taxonomy.h"
#include "producer/idset.h"
#include "producer/known.h"
#include "producer/words.h"
#include "stream/kafka_config.h"
#include "stream/pair.h"

#define SS_LEDGER_NONE UINT32_MAX

/* Called for each pair of a topic; anything but 0 ends the reading and is returned. */
typedef int ss_topic_visit(void *context, const ss_pair *pair, ss_error *err);
typedef int ss_topic_stop(void *context);

/* Reads a topic from its beginning to the end it has when that is reached. Messages that are no TrainingPair are passed
 * over. `stop` is asked now and then (SS_STOPPED); it may be NULL. */
int ss_topic_read(const ss_kafka_config *config, const char *topic, int64_t patience_ms, ss_topic_visit *visit,
                  void *visitor, ss_topic_stop *stop, void *stopper, ss_error *err);

typedef struct ss_ledger ss_ledger;

/* want: sentences of a skill by kind, after which its signatures are dropped. The taxonomy may be NULL: ids only. */
ss_ledger *ss_ledger_new(const ss_taxonomy *taxonomy, const unsigned want[SS_PAIR_KINDS], uint64_t none_wanted,
                         ss_error *err);
void ss_ledger_free(ss_ledger *ledger);

/* Books a pair of the topic. 1: new; 0: its id is known, nothing was booked; -1. */
int ss_ledger_add(ss_ledger *ledger, const ss_pair *pair, ss_error *err);

/* The same for a pair whose signature the caller has added to ss_ledger_known. */
int ss_ledger_book(ss_ledger *ledger, const ss_pair *pair, ss_error *err);

int ss_ledger_has(const ss_ledger *ledger, ss_slice id);
size_t ss_ledger_ids(const ss_ledger *ledger);
uint64_t ss_ledger_count(const ss_ledger *ledger, uint32_t skill, ss_pair_kind kind);

/* The sentences known of a skill; the caller adds to it what it accepts. */
ss_known *ss_ledger_known(ss_ledger *ledger, uint32_t skill);

/* Nothing more is wanted for this skill: drops its signatures. */
void ss_ledger_forget(ss_ledger *ledger, uint32_t skill);

#endif
