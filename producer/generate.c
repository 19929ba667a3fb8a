/* generate.c - the event loop: tasks to requests, ends of requests to pairs.
 *
 * One thread and one loop. Each turn: ends of requests are dealt with, requests begun as far as every limit allows, the
 * outlet gets its turn, and then libcurl waits on its sockets until something comes or the nearest timer is due.
 *
 * A place among the concurrent requests is taken until what came of it is committed (settled_places), so a kill -9
 * loses at most that many answers.
 *
 * A request begins only when all of this holds: such a place is free, nobody told us to slow
 * down, the breaker lets it, the topic is not behind, requests and tokens per minute have room, and its worst case fits
 * the budget. Whatever is reserved for it is settled exactly once, at its end (end_of) or when the run is over
 * (drop_all).
 *
 * Leaving: when everything is done, on a signal, at the budget's end or on a fatal answer no more requests begin; those
 * on the way are waited for, because they are paid for, but for no longer than most of the grace time.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "producer/bucket.h"
#include "producer/client.h"
#include "producer/request.h"
#include "producer/run.h"

enum { LONGEST_TURN_MS = 100, OUTLET_MS = 20, LARGEST_BODY = 1 << 20, BREAKER_CAP_MS = 60000, REFUSED_IN_A_ROW = 20 };
enum { BYTES_PER_TOKEN = 3, COMMIT_MS = 60000, LAST_COMMIT_MS = 6000 };

/* A task on its way. */
typedef struct flight {
    ss_task task;
    ss_spend spend;
    uint64_t tokens; /* taken from the bucket */
    uint64_t ticket; /* HELD: pairs that the outlet has to commit first */
    int structured;
    enum { FREE, UNDER_WAY, HELD } state;
    struct flight *next; /* free ones */
} flight;

typedef struct loop {
    ss_run *run;
    const ss_producer_settings *s;
    ss_client *client;
    ss_bucket requests, tokens;
    flight *flights, *free;
    ss_task task; /* the next one, prepared and waiting for a limit */
    int has_task, structured;
    ss_buffer body;
    int64_t pause_until; /* told to slow down */
    unsigned throttles;  /* in a row */
    uint64_t jitter, successes;
    int64_t last_good; /* ms: of the last sign of life of the endpoint, or of the start */
    unsigned refused_in_a_row;
    int64_t drain_until; /* 0 = not leaving */
    int failed;          /* the error that ends the run is in *err */
} loop;

int ss_run_stop(void *context)
{
    const ss_run *run = context;
    return ss_shutdown_requested(run->shutdown);
}

/* ---- starting ---- */

static int prepare(loop *l, int64_t now, ss_error *err)
{
    if (l->has_task) return 1;
    if (!ss_plan_next(l->run->plan, now, &l->task)) return 0;
    l->has_task = 1;
    ss_buffer_clear(&l->body);
    return ss_request_body(l->s, l->run->taxonomy, &l->task, l->structured, &l->body, err) ? -1 : 1;
}

static uint64_t tokens_of(const loop *l)
{
    return l->body.len / BYTES_PER_TOKEN + ss_request_max_tokens(l->s, &l->task);
}

static void shorten(int64_t *wait, int64_t by)
{
    if (by < *wait) *wait = by;
}

/* ms until the limits let the prepared task go; 0 = now. -1: never. */
static int64_t limits_wait(loop *l, int64_t now, ss_error *err)
{
    int64_t wait = ss_breaker_wait(&l->run->breaker, now);
    if (wait) return wait;
    wait = ss_bucket_wait(&l->requests, 1, now);
    int64_t more = ss_bucket_wait(&l->tokens, tokens_of(l), now);
    if (wait < 0 || more < 0)
        return ss_fail(err, SS_CONFIG,
                       "--tpm %" PRIu64 " is less than twice what one request may take (%" PRIu64 " tokens)", l->s->tpm,
                       tokens_of(l));
    return wait > more ? wait : more;
}

static int send_task(loop *l, int64_t now, ss_error *err)
{
    flight *f = l->free;
    uint64_t tokens = tokens_of(l);
    if (ss_client_start(l->client, l->body.data, l->body.len, f, err)) return -1;
    l->free = f->next;
    f->state = UNDER_WAY;
    f->task = l->task;
    f->tokens = tokens;
    f->structured = l->structured;
    l->has_task = 0;
    ss_bucket_take(&l->requests, 1, now);
    ss_bucket_take(&l->tokens, tokens, now);
    ss_breaker_sent(&l->run->breaker);
    l->run->in_flight++;
    return 0;
}

static void leave(loop *l, const char *why, int64_t patience_ms)
{
    if (l->drain_until) return;
    l->run->ended = why;
    l->drain_until = ss_now_ms() + patience_ms;
    ss_log_event(l->run->log, SS_LOG_INFO, "no more requests", SS_TEXT("why", why),
                 SS_INT("in_flight", l->run->in_flight));
}

/* Begins what may begin now; *wait = ms until it should be tried again. */
static int begin(loop *l, int64_t *wait, ss_error *err)
{
    while (!l->drain_until && l->free && !ss_outlet_is_full(l->run->outlet)) {
        int64_t now = ss_now_ms();
        if (now < l->pause_until) {
            shorten(wait, l->pause_until - now);
            return 0;
        }
        int got = prepare(l, now, err);
        if (got < 0) return -1;
        if (!got) {
            shorten(wait, ss_plan_due(l->run->plan, now));
            return 0;
        }
        int64_t limits = limits_wait(l, now, err);
        if (limits < 0) return -1;
        if (limits) {
            shorten(wait, limits);
            return 0;
        }
        if (!ss_budget_reserve(&l->run->budget, l->body.len, ss_request_max_tokens(l->s, &l->task), &l->free->spend)) {
            /* Answers on the way may cost less than was set aside for them. */
            if (!l->run->in_flight) leave(l, "budget", 0);
            return 0;
        }
        if (send_task(l, now, err)) return -1;
    }
    return 0;
}

/* ---- ends ---- */

static void settle(loop *l, flight *f, const ss_response *r)
{
    if (r->billed == SS_BILLED_NOT) {
        ss_budget_release(&l->run->budget, &f->spend);
    } else if (r->billed == SS_BILLED_USAGE) {
        ss_budget_settle(&l->run->budget, &f->spend, r->tokens_in, r->tokens_out);
        if (r->tokens_in + r->tokens_out > f->tokens)
            ss_bucket_owe(&l->tokens, r->tokens_in + r->tokens_out - f->tokens);
    } else {
        ss_budget_settle_worst(&l->run->budget, &f->spend);
    }
}

static void good_sign(loop *l)
{
    ss_breaker_success(&l->run->breaker);
    l->successes++;
    l->throttles = 0;
    l->refused_in_a_row = 0;
    l->last_good = ss_now_ms();
}

static void bad_sign(loop *l, const char *reason, const char *text, int64_t now)
{
    ss_breaker_state before = l->run->breaker.state;
    ss_breaker_failure(&l->run->breaker, now);
    if (l->run->breaker.state == SS_BREAKER_OPEN && before != SS_BREAKER_OPEN)
        ss_log_event(l->run->log, SS_LOG_WARN, "the endpoint is away; trying now and then", SS_TEXT("reason", reason),
                     SS_TEXT("text", text), SS_INT("next_try_ms", l->run->breaker.open_until - now));
}

static void slow_down(loop *l, flight *f, int64_t after, int64_t now)
{
    ss_breaker_neutral(&l->run->breaker);
    l->last_good = now; /* it is there, and it is busy */
    if (after < 0) after = ss_backoff_ms(l->throttles, l->s->retry_base, l->s->retry_cap, &l->jitter);
    l->throttles++;
    if (now + after > l->pause_until) {
        l->pause_until = now + after;
        ss_log_event(l->run->log, SS_LOG_INFO, "told to slow down", SS_INT("pause_ms", after));
    }
    ss_plan_failed(l->run->plan, &f->task, 0, after, now);
}

static int refused(loop *l, flight *f, const ss_response *r, ss_error *err)
{
    ss_breaker_neutral(&l->run->breaker);
    l->last_good = ss_now_ms();
    ss_plan_refused(l->run->plan, &f->task);
    ss_log_event(l->run->log, SS_LOG_WARN, "the endpoint refuses a request; its skill is skipped",
                 SS_TEXT("reason", r->reason), SS_TEXT("says", r->text));
    if (++l->refused_in_a_row < REFUSED_IN_A_ROW) return 0;
    return ss_fail(err, SS_CONFIG, "the endpoint refused %d requests in a row; the last time: %s", REFUSED_IN_A_ROW,
                   r->text);
}

static int unstructured(loop *l, flight *f, const ss_response *r, ss_error *err)
{
    ss_breaker_neutral(&l->run->breaker);
    ss_plan_undo(l->run->plan, &f->task);
    if (!f->structured || !strcmp(l->s->structured, "on"))
        return ss_fail(err, SS_CONFIG, "the endpoint refuses response_format: %s", r->text);
    if (l->structured)
        ss_log_event(l->run->log, SS_LOG_WARN, "no structured output from now on", SS_TEXT("says", r->text));
    l->structured = 0;
    if (l->has_task) { /* prepared with it */
        ss_plan_undo(l->run->plan, &l->task);
        l->has_task = 0;
    }
    return 0;
}

static int fatal(loop *l, flight *f, const ss_client_end *end, const ss_response *r, ss_error *err)
{
    ss_breaker_neutral(&l->run->breaker);
    ss_plan_undo(l->run->plan, &f->task);
    if (end->transfer == SS_TRANSFER_REFUSED)
        return ss_fail(
            err, SS_AUTH,
            "the certificate of %s is refused: %s; it must be valid, hold the URL's host, and be signed by an "
            "authority of the system or of --ca-file",
            l->s->llm_url, end->text);
    return ss_fail(err, SS_AUTH, "the endpoint says: %s (%s)", r->text, r->reason);
}

static int answered(loop *l, flight *f, const ss_response *r, ss_error *err)
{
    unsigned accepted = 0;
    good_sign(l);
    int bad = ss_maker_keep_raw(l->run->maker, &f->task, r, err);
    if (!bad && r->verdict == SS_VERDICT_OK)
        bad = ss_maker_take(l->run->maker, &f->task, r->content.data, r->content.len, &accepted, err);
    ss_plan_answered(l->run->plan, &f->task, accepted, !strcmp(r->reason, "length"));
    return bad;
}

static int by_verdict(loop *l, flight *f, const ss_client_end *end, const ss_response *r, ss_error *err)
{
    int64_t now = ss_now_ms();
    switch (r->verdict) {
    case SS_VERDICT_OK:
    case SS_VERDICT_POOR: return answered(l, f, r, err);
    case SS_VERDICT_BROKEN:
    case SS_VERDICT_AWAY:
        bad_sign(l, r->reason, end->transfer == SS_TRANSFER_DONE ? r->text : end->text, now);
        ss_plan_failed(l->run->plan, &f->task, l->successes, end->retry_after_ms, now);
        return 0;
    case SS_VERDICT_SLOW_DOWN: slow_down(l, f, end->retry_after_ms, now); return 0;
    case SS_VERDICT_REFUSED: return refused(l, f, r, err);
    case SS_VERDICT_UNSTRUCTURED: return unstructured(l, f, r, err);
    case SS_VERDICT_FATAL:
    case SS_VERDICTS: break;
    }
    return fatal(l, f, end, r, err);
}

static int end_of(loop *l, const ss_client_end *end, ss_error *err)
{
    flight *f = end->tag;
    ss_response response;
    ss_response_read(end->transfer, end->status, end->retry_after_ms >= 0, l->s->stream, end->body, end->len,
                     &response);
    settle(l, f, &response);
    l->run->in_flight--;
    l->run->tally.requests[response.verdict]++;
    if (response.verdict != SS_VERDICT_OK) ss_tally_reason(l->run->tally.request_reasons, response.reason);
    int result = by_verdict(l, f, end, &response, err);
    ss_response_free(&response);
    f->state = HELD;
    f->ticket = ss_outlet_taken(l->run->outlet);
    return result;
}

/* Gives places free whose pairs are committed. */
static void settled_places(loop *l)
{
    uint64_t committed = ss_outlet_committed(l->run->outlet);
    for (uint64_t i = 0; i < l->s->concurrency; i++) {
        flight *f = &l->flights[i];
        if (f->state != HELD || f->ticket > committed) continue;
        f->state = FREE;
        f->next = l->free;
        l->free = f;
    }
}

/* All requests that ended; an error that ends the run still lets the others on the way come in. */
static void take_ends(loop *l, ss_error *err)
{
    ss_client_end end;
    ss_error why = {0};
    while (ss_client_next(l->client, &end)) {
        if (!end_of(l, &end, &why)) continue;
        if (!l->failed) *err = why;
        l->failed = 1;
        leave(l, "failed", l->s->grace / 3);
    }
}

/* What is still on the way when the time is up: it may be billed. */
static void drop_all(loop *l)
{
    for (uint64_t i = 0; i < l->s->concurrency; i++) {
        if (l->flights[i].state != UNDER_WAY) continue;
        ss_budget_settle_worst(&l->run->budget, &l->flights[i].spend);
        ss_plan_undo(l->run->plan, &l->flights[i].task);
        l->run->in_flight--;
    }
    if (l->has_task) ss_plan_undo(l->run->plan, &l->task);
}

/* ---- the loop ---- */

static void look_around(loop *l, ss_progress *bar)
{
    char note[160];
    ss_run_note(l->run, note, sizeof note);
    ss_progress_update(bar, ss_plan_skills_done(l->run->plan), note);
    ss_producer_metrics_update(l->run->metrics, l->run, 0);
    if (ss_shutdown_requested(l->run->shutdown) && !l->drain_until) {
        ss_shutdown_stage(l->run->shutdown, "answers on the way");
        leave(l, "stopped", l->s->grace * 2 / 3 - 1000);
    }
}

static int has_given_up(loop *l, ss_error *err)
{
    if (ss_now_ms() - l->last_good < l->s->give_up || l->drain_until) return 0;
    /* A long pause without any request is no outage: nothing was tried. */
    if (!l->run->breaker.failures) return 0;
    ss_fail(err, SS_NETWORK, "the endpoint has been away for %" PRId64 " s", l->s->give_up / 1000);
    return 1;
}

static int turn(loop *l, ss_error *err)
{
    int64_t wait = LONGEST_TURN_MS;
    take_ends(l, err);
    settled_places(l);
    if (!l->failed && begin(l, &wait, err)) {
        l->failed = 1;
        leave(l, "failed", l->s->grace / 3);
    }
    if (has_given_up(l, err)) {
        l->failed = 1;
        leave(l, "failed", 0);
    }
    if (ss_outlet_turn(l->run->outlet, OUTLET_MS, err)) return -1;
    shorten(&wait, ss_outlet_due(l->run->outlet));
    return ss_client_turn(l->client, wait, err);
}

static int is_over(const loop *l)
{
    if (l->drain_until) return !l->run->in_flight || ss_now_ms() >= l->drain_until;
    return ss_plan_is_finished(l->run->plan);
}

static int run_loop(loop *l, ss_error *err)
{
    ss_progress bar;
    ss_progress_start(&bar, "writing", "skills", ss_plan_skills(l->run->plan));
    int result = 0;
    while (!result && !is_over(l)) {
        result = turn(l, err);
        look_around(l, &bar);
    }
    drop_all(l);
    ss_progress_end(&bar, ss_plan_skills_done(l->run->plan));
    if (!l->run->ended) l->run->ended = result ? "failed" : "done";
    ss_shutdown_stage(l->run->shutdown, "the last transaction");
    ss_error why = {0};
    int64_t patience = ss_shutdown_requested(l->run->shutdown) ? LAST_COMMIT_MS : COMMIT_MS;
    if (!result && ss_outlet_finish(l->run->outlet, patience, &why)) {
        if (!l->failed) *err = why;
        result = -1;
    }
    return result || l->failed ? -1 : 0;
}

/* What the user should know of at the end. */
static int conclude(const loop *l, ss_error *err)
{
    ss_plan_counts counts = ss_plan_count(l->run->plan);
    if (counts.shorts)
        ss_log_event(l->run->log, SS_LOG_WARN, "some skills have fewer sentences than wanted: no good answer came",
                     SS_INT("requests_given_up", counts.shorts), SS_INT("sentences_missing", counts.missing));
    if (counts.failed && !strcmp(l->run->ended, "done"))
        return ss_fail(err, SS_NETWORK, "%zu requests failed for good (see the report); run again to go on with them",
                       counts.failed);
    return 0;
}

static void warn_of_clear_key(const loop *l)
{
    const char *url = l->s->llm_url;
    if (!ss_client_has_key(l->client) || strncmp(url, "http://", 7)) return;
    const char *host = url + 7;
    if (strncmp(host, "localhost", 9) && strncmp(host, "127.", 4) && strncmp(host, "[::1]", 5))
        ss_log_line(l->run->log, SS_LOG_WARN, "the key goes to the endpoint unencrypted: its URL is http, not https");
}

int ss_run_generate(ss_run *run, ss_error *err)
{
    const ss_producer_settings *s = run->settings;
    int64_t now = ss_now_ms();
    loop l = {
        .run = run, .s = s, .structured = strcmp(s->structured, "off") != 0, .last_good = now, .jitter = (uint64_t)now};
    ss_buffer_init(&l.body, LARGEST_BODY);
    ss_bucket_init(&l.requests, s->rpm, now);
    ss_bucket_init(&l.tokens, s->tpm, now);
    ss_breaker_init(&run->breaker, (unsigned)s->breaker_failures, s->breaker_cool_down, BREAKER_CAP_MS);
    l.flights = calloc((size_t)s->concurrency, sizeof *l.flights);
    if (!l.flights) {
        ss_buffer_free(&l.body);
        return ss_fail_memory(err, "starting");
    }
    for (uint64_t i = 0; i < s->concurrency; i++) {
        l.flights[i].next = l.free;
        l.free = &l.flights[i];
    }
    l.client = ss_client_new(s, err);
    int result = l.client ? 0 : -1;
    if (!result) warn_of_clear_key(&l);
    if (!result) result = run_loop(&l, err);
    if (!result) result = conclude(&l, err);
    ss_client_free(l.client);
    free(l.flights);
    ss_buffer_free(&l.body);
    return result;
}
