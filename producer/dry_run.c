/* dry_run.c - `--dry-run`: what would be sent, how much it would be, and what it might cost; and the estimate itself,
 * which --batch-out uses too.
 *
 * "At worst" is what the budget reserves (every byte a token of input, every answer as long as it may be) if each
 * request goes once. "As usual" takes 4 bytes of prompt for a token and 30 tokens for a sentence; it is a guess, and is
 * called so. Answers that have to be asked for again come on top of both.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "producer/request.h"
#include "producer/run.h"

enum { LARGEST = 1 << 20, SHOWN = 6, BYTES_PER_TOKEN = 4, TOKENS_PER_SENTENCE = 30, TOKENS_AROUND = 10 };

/* Calls `use` for each request that is to be made, in order. */
typedef int task_fn(void *context, const ss_task *task, const ss_buffer *body, ss_error *err);

static int each_task(ss_run *run, task_fn *use, void *context, ss_error *err)
{
    ss_buffer body;
    ss_buffer_init(&body, LARGEST);
    int structured = strcmp(run->settings->structured, "off") != 0, result = 0;
    for (size_t slot = 0; !result && slot < ss_plan_slots(run->plan); slot++) {
        ss_task task;
        if (!ss_plan_task(run->plan, slot, &task)) continue;
        ss_buffer_clear(&body);
        result = ss_request_body(run->settings, run->taxonomy, &task, structured, &body, err);
        if (!result) result = use(context, &task, &body, err);
        if (ss_run_stop(run)) break;
    }
    ss_buffer_free(&body);
    return result;
}

typedef struct counting {
    const ss_run *run;
    ss_estimate *out;
} counting;

static int count_task(void *context, const ss_task *task, const ss_buffer *body, ss_error *err)
{
    const counting *c = context;
    (void)err;
    c->out->requests++;
    c->out->sentences += task->n;
    c->out->usual_in += body->len / BYTES_PER_TOKEN;
    c->out->usual_out += (uint64_t)task->n * TOKENS_PER_SENTENCE + TOKENS_AROUND;
    c->out->worst_in += body->len;
    c->out->worst_out += ss_request_max_tokens(c->run->settings, task);
    return 0;
}

int ss_run_estimate(ss_run *run, ss_estimate *out, ss_error *err)
{
    counting c = {.run = run, .out = out};
    *out = (ss_estimate){0};
    return each_task(run, count_task, &c, err);
}

/* ---- the print-out ---- */

typedef struct showing {
    ss_run *run;
    const ss_prompt *shown[SHOWN];
    size_t count;
} showing;

/* The first request of each template. */
static int show_task(void *context, const ss_task *task, const ss_buffer *body, ss_error *err)
{
    showing *s = context;
    (void)body;
    for (size_t i = 0; i < s->count; i++)
        if (s->shown[i] == task->prompt) return 0;
    if (s->count == SHOWN) return 0;
    s->shown[s->count++] = task->prompt;
    ss_buffer system, user;
    ss_buffer_init(&system, LARGEST);
    ss_buffer_init(&user, LARGEST);
    int result = ss_request_prompt(s->run->settings, s->run->taxonomy, task, &system, &user, err);
    if (!result) {
        printf("---- %s (%u sentences, at most %" PRIu64 " tokens) ----\n", task->prompt->version, task->n,
               ss_request_max_tokens(s->run->settings, task));
        printf("[system] %s\n[user] %s\n\n", system.len ? system.data : "", user.len ? user.data : "");
    }
    ss_buffer_free(&system);
    ss_buffer_free(&user);
    return result;
}

int ss_run_dry(ss_run *run, ss_error *err)
{
    showing s = {.run = run};
    ss_estimate e;
    if (each_task(run, show_task, &s, err) || ss_run_estimate(run, &e, err)) return -1;
    printf("skills             %zu (%zu done already)\n", ss_plan_skills(run->plan), ss_plan_skills_done(run->plan));
    printf("requests           %" PRIu64 "\n", e.requests);
    printf("sentences          %" PRIu64 "\n", e.sentences);
    printf("tokens as usual    %" PRIu64 " in, %" PRIu64 " out (a guess)\n", e.usual_in, e.usual_out);
    printf("tokens at worst    %" PRIu64 " in, %" PRIu64 " out\n", e.worst_in, e.worst_out);
    if (!isnan(run->settings->price_in) && !isnan(run->settings->price_out)) {
        printf("cost as usual      %.4f (a guess)\n",
               ss_budget_units(ss_budget_cost(&run->budget, e.usual_in, e.usual_out)));
        printf("cost at worst      %.4f\n", ss_budget_units(ss_budget_cost(&run->budget, e.worst_in, e.worst_out)));
    } else {
        printf("cost               not known: give --price-in and --price-out\n");
    }
    run->ended = "done";
    if (fflush(stdout)) return ss_fail(err, SS_IO, "cannot write to standard output");
    return 0;
}
