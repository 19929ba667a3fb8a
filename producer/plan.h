/* plan.h - what is still to be asked for, in which order, and how it stands with each skill.
 *
 * The work is cut into slots: one per skill and kind, and one per ten sentences without skill. A slot wants some
 * sentences, has some (from the topic), and has at most one request out. The plan hands out the next task, takes back
 * how it ended, and decides whether the slot is done, is asked again (at once or after a backoff), or is given up:
 *
 *     done      it has what it wants
 *     short     max_attempts answers in a row brought no new sentence
 *     failed    max_retries requests failed while others succeeded, or the server refuses this very request
 *
 * Slots that wait come before new ones as soon as their time has come, so a skill is finished before the next begins.
 * The number of slots that wait is bounded by most_waiting: when the server is away, no more are begun.
 *
 * A task for kind MULTI asks for its skill together with one or two others, chosen by hash among skills that share a
 * word of the label with it, else among all; the same ones in every run.
 *
 * Times as in bucket.h. One thread.
 */
#ifndef SKILLSTREAM_PRODUCER_PLAN_H
#define SKILLSTREAM_PRODUCER_PLAN_H

#include "producer/ledger.h"
#include "producer/prompts.h"

enum { SS_TASK_SKILLS = 3, SS_NONE_PER_SLOT = 10 };

typedef struct ss_plan_config {
    const ss_taxonomy *taxonomy;
    const ss_prompts *prompts;
    ss_ledger *ledger;
    const uint32_t *skills; /* numbers to write for, in this order; NULL = all */
    size_t skill_count;
    unsigned want[SS_PAIR_KINDS];
    uint64_t none_sentences;
    unsigned per_request, max_attempts, max_retries;
    size_t most_waiting;
    int64_t retry_base, retry_cap; /* ms */
} ss_plan_config;

/* One request to make. */
typedef struct ss_task {
    size_t slot;
    ss_pair_kind kind;
    const ss_prompt *prompt;
    uint32_t skills[SS_TASK_SKILLS]; /* the first one is the slot's; none for kind NONE */
    size_t skill_count;
    unsigned n;         /* sentences to ask for */
    unsigned attempt;   /* how often this slot was asked before, in this run */
    unsigned room;      /* times the usual room for the answer: doubled after "length" */
    uint64_t variation; /* for the prompt */
} ss_task;

typedef struct ss_plan ss_plan;

/* Borrows everything in config. SS_CONFIG: a kind that is wanted has no template. */
ss_plan *ss_plan_new(const ss_plan_config *config, ss_error *err);
void ss_plan_free(ss_plan *plan);

/* 1: *task is to be done now (and must be given back by one of the functions below); 0: nothing can be begun now. */
int ss_plan_next(ss_plan *plan, int64_t now, ss_task *task);

/* ms until a waiting slot's time comes; INT64_MAX when none waits. */
int64_t ss_plan_due(const ss_plan *plan, int64_t now);

/* An answer came: `accepted` new sentences were booked in the ledger. more_room: it was cut off for lack of room. */
void ss_plan_answered(ss_plan *plan, const ss_task *task, unsigned accepted, int more_room);
/* No answer came, by no fault of the request; asked again after a backoff, or after_ms if that is longer. `successes`:
 * how many requests of the run have succeeded so far. A failure counts only if some have since this slot failed last,
 * so that an outage is held against nobody; 0 = does not count. */
void ss_plan_failed(ss_plan *plan, const ss_task *task, uint64_t successes, int64_t after_ms, int64_t now);
/* The server refuses this request: it is not asked again in this run. */
void ss_plan_refused(ss_plan *plan, const ss_task *task);
/* The task was not sent, or the run ends: as if it had not been handed out. */
void ss_plan_undo(ss_plan *plan, const ss_task *task);

/* The task that a slot's next request would be, whatever its state; for dry runs and batches. 0: the slot wants
 * nothing. */
int ss_plan_task(ss_plan *plan, size_t slot, ss_task *task);

size_t ss_plan_slots(const ss_plan *plan);
size_t ss_plan_out(const ss_plan *plan);         /* tasks handed out */
size_t ss_plan_skills(const ss_plan *plan);      /* to write for */
size_t ss_plan_skills_done(const ss_plan *plan); /* whose slots have all ended */
int ss_plan_is_finished(const ss_plan *plan);

typedef struct ss_plan_counts {
    size_t slots, done, shorts, failed;
    uint64_t missing; /* sentences that slots still want, whatever their state */
} ss_plan_counts;
ss_plan_counts ss_plan_count(const ss_plan *plan);

#endif
