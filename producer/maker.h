/* maker.h - the model's text for a task -> pairs: taken apart, checked, ranked, booked and on their way.
 *
 * Shared by generating and by batch results. All sentences of an answer are looked at until the task has what it asked
 * for; what comes after that is "surplus". One thread.
 */
#ifndef SKILLSTREAM_PRODUCER_MAKER_H
#define SKILLSTREAM_PRODUCER_MAKER_H

#include <stdio.h>

#include "producer/check.h"
#include "producer/outlet.h"
#include "producer/plan.h"
#include "producer/reference.h"
#include "producer/settings.h"
#include "producer/tally.h"

typedef struct ss_maker_config {
    const ss_producer_settings *settings;
    const ss_taxonomy *taxonomy;
    ss_ledger *ledger;
    ss_outlet *outlet;
    ss_tally *tally;
} ss_maker_config;

typedef struct ss_maker ss_maker;

/* Borrows everything in config; opens --release and --raw. */
ss_maker *ss_maker_new(const ss_maker_config *config, ss_error *err);
void ss_maker_free(ss_maker *maker);

/* *accepted = new sentences. -1 only for what ends the run: memory, the topic, the raw file. */
int ss_maker_take(ss_maker *maker, const ss_task *task, const char *content, size_t len, unsigned *accepted,
                  ss_error *err);

/* Writes one line of --raw, if there is one. */
int ss_maker_keep_raw(ss_maker *maker, const ss_task *task, const ss_response *response, ss_error *err);

#endif
