/* job.h - one batch on its way through the worker: messages in, outputs out.
 *
 *   compute thread: ss_job_compute   decode -> extract -> encode
 *   publisher thread: publishes job->outputs, and asks ss_job_replace for a dead letter where one was too large
 *
 * A job owns an arena with everything that its outputs point to, so that the extractor is free for the next batch while
 * this one is committed. Jobs are reused.
 */
#ifndef SKILLSTREAM_WORKER_EXTRACT_JOB_H
#define SKILLSTREAM_WORKER_EXTRACT_JOB_H

#include "base/arena.h"
#include "base/error.h"
#include "stream/kafka_exchange.h"
#include "stream/wire_ad.h"
#include "worker/extract/extractor.h"

/* What a job needs to know of the worker; constant. */
typedef struct ss_job_rules {
    const char *out, *dead_letters; /* topics */
    const char *program;            /* "skillstream-worker 0.1.0" */
    ss_wire_options wire;           /* framing and limits */
} ss_job_rules;

typedef struct ss_job_counts {
    uint64_t records, dead_letters;
    double decode_seconds, encode_seconds;
} ss_job_counts;

typedef struct ss_job {
    ss_arena arena;
    ss_batch *batch;
    ss_output *outputs;   /* (count), one per message, in the messages' order */
    const char **reasons; /* (count) NULL: a record; else the dead letter's reason */
    size_t count;
    ss_job_counts counts;
    ss_extract_stats stats;
} ss_job;

void ss_job_init(ss_job *job);
void ss_job_free(ss_job *job);

/* Makes an output for every message of job->batch. -1: the machine is at fault (memory); nothing is decided and the
 * batch can be discarded and tried again. */
int ss_job_compute(ss_job *job, const ss_job_rules *rules, ss_extractor *extractor, ss_error *err);

/* Turns output `i`, which the broker refuses as too large, into a dead letter; if it is one already, into one without
 * the value. */
int ss_job_replace(ss_job *job, const ss_job_rules *rules, size_t i, ss_error *err);

#endif
