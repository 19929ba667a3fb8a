/* producer_metrics.c - see producer_metrics.h. */
#include "producer/producer_metrics.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ops/build_info.h"
#include "ops/health.h"
#include "ops/http_server.h"
#include "ops/metrics.h"
#include "producer/run.h"
#include "stream/wire_pair.h"

enum { EVERY_MS = 200, LONGEST_PAUSE_MS = 180000 };

struct ss_producer_metrics {
    ss_metrics *registry;
    ss_health *health;
    ss_http *http;
    ss_metric *pairs, *rejects, *requests, *failures, *tokens;
    ss_series *committed, *flagged, *cost, *in_flight, *breaker, *skills, *skills_done;
    int64_t updated;
};

static ss_metric *family(ss_producer_metrics *m, ss_metric_kind kind, const char *name, const char *help,
                         const char *label, ss_error *err, int *failed)
{
    if (*failed) return NULL;
    ss_metric *metric = ss_metrics_add(m->registry, kind, name, help, label ? &label : NULL, label ? 1 : 0, err);
    if (!metric) *failed = 1;
    return metric;
}

static ss_series *single(ss_producer_metrics *m, ss_metric_kind kind, const char *name, const char *help, ss_error *err,
                         int *failed)
{
    ss_metric *metric = family(m, kind, name, help, NULL, err, failed);
    return metric ? ss_metric_with(metric, NULL) : NULL;
}

static int add_families(ss_producer_metrics *m, ss_error *err)
{
    static const char *const build[] = {"version", "commit"};
    int bad = 0;
    m->pairs = family(m, SS_COUNTER, "skillstream_pairs_total", "Training pairs accepted, by kind.", "kind", err, &bad);
    m->rejects =
        family(m, SS_COUNTER, "skillstream_rejects_total", "Sentences refused, by reason.", "reason", err, &bad);
    m->requests = family(m, SS_COUNTER, "skillstream_llm_requests_total",
                         "Requests to the language model by how they ended.", "verdict", err, &bad);
    m->failures = family(m, SS_COUNTER, "skillstream_llm_failures_total",
                         "Requests and answers that were of no use, by reason.", "reason", err, &bad);
    m->tokens = family(m, SS_COUNTER, "skillstream_llm_tokens_total", "Tokens as billed.", "direction", err, &bad);
    m->committed =
        single(m, SS_COUNTER, "skillstream_pairs_committed_total", "Training pairs committed to the topic.", err, &bad);
    m->flagged = single(m, SS_COUNTER, "skillstream_pairs_flagged_total",
                        "Pairs whose skill is not among the nearest ones of the reference release.", err, &bad);
    m->cost =
        single(m, SS_GAUGE, "skillstream_llm_cost", "Money spent in this run, in units of the prices.", err, &bad);
    m->in_flight = single(m, SS_GAUGE, "skillstream_llm_requests_in_flight", "Requests on the way.", err, &bad);
    m->breaker = single(m, SS_GAUGE, "skillstream_llm_breaker_open", "1: the endpoint counts as away.", err, &bad);
    m->skills = single(m, SS_GAUGE, "skillstream_skills", "Skills to write for.", err, &bad);
    m->skills_done =
        single(m, SS_GAUGE, "skillstream_skills_done", "Skills that nothing more is asked for.", err, &bad);
    if (bad) return -1;
    ss_metric *built =
        ss_metrics_add(m->registry, SS_GAUGE, "skillstream_build_info", "This build; always 1.", build, 2, err);
    if (!built) return -1;
    const char *values[] = {ss_build_version(), ss_build_commit()};
    ss_gauge_set(ss_metric_with(built, values), 1);
    return 0;
}

static int serve(ss_producer_metrics *m, const char *address, const ss_log *log, ss_error *err)
{
    if (!strcmp(address, "off")) return 0;
    ss_http_options options = {.address = address,
                               .program = "skillstream-producer",
                               .live = ss_health_is_live,
                               .live_context = m->health,
                               .ready = ss_health_is_ready,
                               .ready_context = m->health,
                               .metrics = ss_metrics_page,
                               .metrics_context = m->registry};
    m->http = ss_http_start(&options, err);
    if (!m->http) return -1;
    ss_log_event(log, SS_LOG_INFO, "serving metrics", SS_TEXT("address", address),
                 SS_INT("port", ss_http_port(m->http)));
    return 0;
}

ss_producer_metrics *ss_producer_metrics_start(const char *address, const ss_log *log, ss_error *err)
{
    ss_producer_metrics *m = calloc(1, sizeof *m);
    if (!m) {
        ss_fail_memory(err, "starting");
        return NULL;
    }
    m->registry = ss_metrics_new(err);
    m->health = m->registry ? ss_health_new(err) : NULL;
    if (m->health && !add_families(m, err)) {
        ss_health_set(m->health, "topic", 0, "not read yet");
        ss_health_add_heart(m->health, "event loop", LONGEST_PAUSE_MS);
        if (!serve(m, address, log, err)) return m;
    }
    ss_producer_metrics_stop(m);
    return NULL;
}

void ss_producer_metrics_stop(ss_producer_metrics *m)
{
    if (!m) return;
    ss_http_stop(m->http);
    if (m->health) ss_health_free(m->health);
    if (m->registry) ss_metrics_free(m->registry);
    free(m);
}

void ss_producer_metrics_ready(ss_producer_metrics *m, int ready, const char *why)
{
    ss_health_set(m->health, "topic", ready, "%s", why);
}

static void raise_by(ss_metric *metric, const char *value, uint64_t total)
{
    if (total) ss_counter_raise(ss_metric_with(metric, &value), total);
}

static void raise_reasons(ss_metric *metric, const ss_reason_count list[SS_TALLY_REASONS])
{
    for (size_t i = 0; i < SS_TALLY_REASONS && list[i].reason; i++) raise_by(metric, list[i].reason, list[i].count);
}

void ss_producer_metrics_update(ss_producer_metrics *m, const ss_run *run, int now)
{
    int64_t at = ss_now_ms();
    if (!now && at - m->updated < EVERY_MS) return;
    m->updated = at;
    ss_health_beat(m->health, "event loop");
    const ss_tally *t = &run->tally;
    for (int k = 0; k < SS_PAIR_KINDS; k++) raise_by(m->pairs, ss_pair_kind_word((ss_pair_kind)k), t->by_kind[k]);
    for (int v = 0; v < SS_VERDICTS; v++) raise_by(m->requests, ss_verdict_word((ss_verdict)v), t->requests[v]);
    raise_reasons(m->rejects, t->reject_reasons);
    raise_reasons(m->failures, t->request_reasons);
    raise_by(m->tokens, "in", run->budget.tokens_in);
    raise_by(m->tokens, "out", run->budget.tokens_out);
    if (run->outlet) ss_counter_raise(m->committed, ss_outlet_committed(run->outlet));
    ss_counter_raise(m->flagged, t->flagged);
    ss_gauge_set(m->cost, ss_budget_units(run->budget.spent));
    ss_gauge_set(m->in_flight, (double)run->in_flight);
    ss_gauge_set(m->breaker, run->breaker.state == SS_BREAKER_OPEN);
    if (!run->plan) return;
    ss_gauge_set(m->skills, (double)ss_plan_skills(run->plan));
    ss_gauge_set(m->skills_done, (double)ss_plan_skills_done(run->plan));
}
