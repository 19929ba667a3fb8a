/* run.h - what the modes of skillstream-producer share: opened by producer.c, used by generate.c, replay.c, batch.c and
 * dry_run.c, reported by report.c. The event loop's thread owns all of it.
 */
#ifndef SKILLSTREAM_PRODUCER_RUN_H
#define SKILLSTREAM_PRODUCER_RUN_H

#include "base/log.h"
#include "base/progress.h"
#include "base/shutdown.h"
#include "producer/breaker.h"
#include "producer/budget.h"
#include "producer/maker.h"
#include "producer/producer_metrics.h"

typedef struct ss_run {
    const ss_producer_settings *settings;
    const ss_strings *arguments; /* further files of --replay */
    const ss_log *log;
    ss_shutdown *shutdown;
    ss_taxonomy *taxonomy;
    ss_prompts *prompts;
    uint32_t *skills; /* NULL = all */
    size_t skill_count;
    ss_ledger *ledger;
    ss_outlet *outlet; /* NULL: nothing is written to the topic */
    ss_plan *plan;     /* NULL: replay */
    ss_maker *maker;   /* NULL: nothing is made */
    ss_producer_metrics *metrics;
    ss_tally tally;
    ss_budget budget;
    ss_breaker breaker;
    size_t in_flight;
    double started;
    const char *ended; /* why: "done", "stopped", "budget", "failed" */
} ss_run;

/* The modes. Each does its work to the end, commits included, and returns 0 or -1. */
int ss_run_generate(ss_run *run, ss_error *err);
int ss_run_replay(ss_run *run, ss_error *err);
int ss_run_batch_out(ss_run *run, ss_error *err);
int ss_run_batch_in(ss_run *run, ss_error *err);
int ss_run_dry(ss_run *run, ss_error *err);

/* "pairs 1,234  rejects 56  tokens 78k  cost 0.91", for the progress line. */
void ss_run_note(const ss_run *run, char *out, size_t size);

/* What the slots that are still open will take at worst and as usual. */
typedef struct ss_estimate {
    uint64_t requests, sentences;
    uint64_t usual_in, usual_out, worst_in, worst_out; /* tokens */
} ss_estimate;
int ss_run_estimate(ss_run *run, ss_estimate *out, ss_error *err);

/* Writes the report; nothing when it is off. */
int ss_run_report(const ss_run *run, ss_error *err);

/* Has a shutdown been asked for? With the shape of ss_topic_stop; context is the ss_run. */
int ss_run_stop(void *run);

#endif
