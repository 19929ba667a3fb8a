/* producer.c - opens what a run needs, in the order that makes the ledger exact, and closes it again.
 *
 * The order: the sink first (it fences an earlier run, so that nothing of it can still arrive), then the topic is read
 * to its end, then the plan is made of what is missing. Modes that only print open no sink.
 */
#include "producer/producer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "producer/run.h"
#include "stream/wire_text.h"

enum { LONGEST_LINE = 4096, LONGEST_ID = 512, NOTE_EVERY = 1024 };

/* ---- the list of skills ---- */

static int add_skill(ss_run *run, const char *line, size_t number, size_t *room, ss_error *err)
{
    uint32_t skill = ss_taxonomy_find(run->taxonomy, line);
    if (skill == SS_NO_SKILL)
        return ss_fail(err, SS_INPUT, "%s:%zu: the taxonomy has no skill '%.100s'", run->settings->skills, number,
                       line);
    for (size_t i = 0; i < run->skill_count; i++)
        if (run->skills[i] == skill) return 0;
    if (run->skill_count == *room) {
        *room = *room ? *room * 2 : 64;
        uint32_t *grown = reallocarray(run->skills, *room, sizeof *grown);
        if (!grown) return ss_fail_memory(err, "reading the list of skills");
        run->skills = grown;
    }
    run->skills[run->skill_count++] = skill;
    return 0;
}

static int read_skills(ss_run *run, ss_error *err)
{
    if (!strcmp(run->settings->skills, "all")) return 0;
    ss_lines *lines = ss_lines_open(run->settings->skills, LONGEST_LINE, err);
    if (!lines) return -1;
    char *line;
    size_t len, room = 0;
    int got, result = 0;
    while (!result && (got = ss_lines_next(lines, &line, &len, err)) != 0) {
        if (got < 0)
            result = -1;
        else if (*line && *line != '#')
            result = add_skill(run, line, ss_lines_number(lines), &room, err);
    }
    ss_lines_close(lines);
    if (!result && !run->skill_count) result = ss_fail(err, SS_INPUT, "%s: no skill in it", run->settings->skills);
    return result;
}

/* ---- the topic ---- */

typedef struct reading {
    ss_run *run;
    ss_progress bar;
    size_t seen;
} reading;

static int visit(void *context, const ss_pair *pair, ss_error *err)
{
    reading *r = context;
    if (++r->seen % NOTE_EVERY == 0) {
        ss_progress_update(&r->bar, r->seen, NULL);
        ss_producer_metrics_update(r->run->metrics, r->run, 0);
        if (ss_run_stop(r->run)) return ss_fail(err, SS_STOPPED, "stopped while reading the topic");
    }
    return ss_ledger_add(r->run->ledger, pair, err) < 0 ? -1 : 0;
}

static int read_topic(ss_run *run, ss_error *err)
{
    const ss_producer_settings *s = run->settings;
    reading r = {.run = run};
    ss_kafka_config kafka = ss_producer_kafka(s);
    double start = ss_now();
    ss_progress_start(&r.bar, "reading the topic", "pairs", 0);
    int result = ss_topic_read(&kafka, s->out, s->wait_broker, visit, &r, ss_run_stop, run, err);
    ss_progress_end(&r.bar, r.seen);
    if (!result)
        ss_log_event(run->log, SS_LOG_INFO, "topic read", SS_TEXT("topic", s->out), SS_INT("pairs", r.seen),
                     SS_REAL("seconds", ss_now() - start));
    return result;
}

static int open_outlet(ss_run *run, ss_error *err)
{
    const ss_producer_settings *s = run->settings;
    char id[LONGEST_ID];
    /* A replay beside a run that generates must not end it. */
    snprintf(id, sizeof id, "skillstream-producer-%s-%s%s%s", s->mode == SS_MODE_REPLAY ? "replay" : "write", s->out,
             *s->instance ? "-" : "", s->instance);
    ss_outlet_config config = {.kafka = ss_producer_kafka(s),
                               .topic = s->out,
                               .transactional_id = id,
                               .commit_every = s->commit_every,
                               .patience_ms = s->wait_broker,
                               .stop = ss_run_stop,
                               .stopper = run};
    run->outlet = ss_outlet_open(&config, err);
    return run->outlet ? 0 : -1;
}

/* ---- opening ---- */

static int writes(const ss_producer_settings *s)
{
    return s->mode == SS_MODE_GENERATE || s->mode == SS_MODE_REPLAY || s->mode == SS_MODE_BATCH_IN;
}

static int open_ledger(ss_run *run, ss_error *err)
{
    const ss_producer_settings *s = run->settings;
    run->ledger = ss_ledger_new(s->mode == SS_MODE_REPLAY ? NULL : run->taxonomy, s->want, s->none_sentences, err);
    if (!run->ledger) return -1;
    if (writes(s) && open_outlet(run, err)) return -1;
    return s->bootstrap ? read_topic(run, err) : 0;
}

static int open_plan(ss_run *run, ss_error *err)
{
    const ss_producer_settings *s = run->settings;
    ss_plan_config plan = {.taxonomy = run->taxonomy,
                           .prompts = run->prompts,
                           .ledger = run->ledger,
                           .skills = run->skills,
                           .skill_count = run->skill_count,
                           .none_sentences = s->none_sentences,
                           .per_request = (unsigned)s->per_request,
                           .max_attempts = (unsigned)s->max_attempts,
                           .max_retries = (unsigned)s->max_retries,
                           .most_waiting = (size_t)s->concurrency * 4 + 16,
                           .retry_base = s->retry_base,
                           .retry_cap = s->retry_cap};
    memcpy(plan.want, s->want, sizeof plan.want);
    run->plan = ss_plan_new(&plan, err);
    if (!run->plan) return -1;
    ss_plan_counts counts = ss_plan_count(run->plan);
    ss_log_event(run->log, SS_LOG_INFO, "planned", SS_INT("skills", ss_plan_skills(run->plan)),
                 SS_INT("skills_done", ss_plan_skills_done(run->plan)), SS_INT("sentences_missing", counts.missing),
                 SS_INT("pairs_on_topic", ss_ledger_ids(run->ledger)));
    return 0;
}

static int open_maker(ss_run *run, ss_error *err)
{
    ss_maker_config maker = {.settings = run->settings,
                             .taxonomy = run->taxonomy,
                             .ledger = run->ledger,
                             .outlet = run->outlet,
                             .tally = &run->tally};
    run->maker = ss_maker_new(&maker, err);
    return run->maker ? 0 : -1;
}

static int open_run(ss_run *run, ss_error *err)
{
    const ss_producer_settings *s = run->settings;
    run->metrics = ss_producer_metrics_start(writes(s) ? s->http : "off", run->log, err);
    if (!run->metrics || ss_budget_init(&run->budget, s->max_cost, s->price_in, s->price_out, err)) return -1;
    if (s->taxonomy && !(run->taxonomy = ss_taxonomy_read(s->taxonomy, NULL, NULL, err))) return -1;
    if (s->mode == SS_MODE_REPLAY) return open_ledger(run, err);
    if (read_skills(run, err)) return -1;
    run->prompts = ss_prompts_load(s->prompts, err);
    if (!run->prompts || open_ledger(run, err) || open_plan(run, err)) return -1;
    return writes(s) ? open_maker(run, err) : 0;
}

static void close_run(ss_run *run)
{
    ss_producer_metrics_stop(run->metrics); /* its thread only reads the registry */
    ss_maker_free(run->maker);
    ss_plan_free(run->plan);
    ss_outlet_close(run->outlet);
    ss_ledger_free(run->ledger);
    ss_prompts_free(run->prompts);
    ss_taxonomy_free(run->taxonomy);
    ss_tally_free(&run->tally);
    free(run->skills);
}

/* ---- the run ---- */

/* 78123 -> "78k" */
static void short_count(uint64_t n, char out[24])
{
    if (n < 10000)
        snprintf(out, 24, "%" PRIu64, n);
    else if (n < 10000000)
        snprintf(out, 24, "%" PRIu64 "k", n / 1000);
    else
        snprintf(out, 24, "%" PRIu64 "M", n / 1000000);
}

void ss_run_note(const ss_run *run, char *out, size_t size)
{
    char tokens[24];
    short_count(run->budget.tokens_in + run->budget.tokens_out, tokens);
    int n = snprintf(out, size, "pairs %" PRIu64 "  rejects %" PRIu64, run->tally.pairs, run->tally.rejects);
    if (run->settings->mode == SS_MODE_REPLAY || n < 0 || (size_t)n >= size) return;
    n += snprintf(out + n, size - (size_t)n, "  tokens %s", tokens);
    if ((size_t)n < size && (run->budget.price_in || run->budget.price_out))
        snprintf(out + n, size - (size_t)n, "  cost %.4f", ss_budget_units(run->budget.spent));
}

static int run_mode(ss_run *run, ss_error *err)
{
    switch (run->settings->mode) {
    case SS_MODE_GENERATE: return ss_run_generate(run, err);
    case SS_MODE_REPLAY: return ss_run_replay(run, err);
    case SS_MODE_BATCH_OUT: return ss_run_batch_out(run, err);
    case SS_MODE_BATCH_IN: return ss_run_batch_in(run, err);
    case SS_MODE_DRY_RUN: break;
    }
    return ss_run_dry(run, err);
}

static void say_summary(const ss_run *run)
{
    if (!writes(run->settings)) return;
    ss_log_event(run->log, SS_LOG_INFO, "run ended", SS_TEXT("why", run->ended ? run->ended : "failed"),
                 SS_INT("pairs", run->tally.pairs), SS_INT("committed", ss_outlet_committed(run->outlet)),
                 SS_INT("present", run->tally.present), SS_INT("rejects", run->tally.rejects),
                 SS_INT("tokens_in", run->budget.tokens_in), SS_INT("tokens_out", run->budget.tokens_out),
                 SS_REAL("cost", ss_budget_units(run->budget.spent)), SS_REAL("seconds", ss_now() - run->started));
}

int ss_producer_run(const ss_producer_settings *settings, const ss_strings *arguments, const ss_log *log,
                    ss_shutdown *shutdown, ss_error *err)
{
    ss_run run = {.settings = settings, .arguments = arguments, .log = log, .shutdown = shutdown, .started = ss_now()};
    int result = open_run(&run, err);
    if (!result) {
        ss_producer_metrics_ready(run.metrics, 1, "read");
        result = run_mode(&run, err);
        ss_producer_metrics_update(run.metrics, &run, 1);
        say_summary(&run);
        ss_error why = {0};
        if (writes(settings) && ss_run_report(&run, &why) && !result) {
            *err = why;
            result = -1;
        }
    }
    close_run(&run);
    return result;
}
