/* report.c - the report at the end of a run: one HTML file without scripts, fonts or pictures from elsewhere.
 *
 * Sentences and labels come from a model and a file, so everything that is not ours is escaped.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "ops/build_info.h"
#include "producer/run.h"
#include "stream/wire_pair.h"

enum { LARGEST = 4 << 20, BAR_WIDTH = 9, CHART_HEIGHT = 120 };

typedef struct page {
    ss_buffer html;
    int failed; /* memory */
} page;

static void put(page *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(page *p, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof text || ss_buffer_add(&p->html, text, (size_t)n)) p->failed = 1;
}

static void put_text(page *p, const char *text)
{
    for (; text && *text; text++) {
        const char *entity = *text == '<'   ? "&lt;"
                             : *text == '>' ? "&gt;"
                             : *text == '&' ? "&amp;"
                             : *text == '"' ? "&quot;"
                                            : NULL;
        if (entity ? ss_buffer_add_string(&p->html, entity) : ss_buffer_add(&p->html, text, 1)) p->failed = 1;
    }
}

static void put_row(page *p, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void put_row(page *p, const char *name, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put(p, "<tr><td>");
    put_text(p, name);
    put(p, "</td><td class=n>");
    put_text(p, text);
    put(p, "</td></tr>\n");
}

static void put_head(page *p)
{
    put(p, "<!doctype html>\n<html lang=en><head><meta charset=utf-8><title>skillstream-producer: "
           "report</title>\n<style>\n"
           "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}\n"
           "h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}table{border-collapse:collapse}\n"
           "td,th{padding:.15em .8em .15em 0;text-align:left;vertical-align:top;border-bottom:1px solid #ddd}\n"
           ".n{text-align:right;font-variant-numeric:tabular-nums}.s{color:#666}svg rect{fill:#3b6ea5}svg "
           "text{font-size:10px;fill:#555}\n"
           "</style></head><body>\n<h1>Training pairs: report of a run</h1>\n");
}

static void put_summary(page *p, const ss_run *run)
{
    const ss_producer_settings *s = run->settings;
    char now[32];
    ss_wall_text(ss_wall_ms(), now);
    put(p, "<table>\n");
    put_row(p, "ended", "%s, %s", now, run->ended ? run->ended : "failed");
    put_row(p, "seconds", "%.1f", ss_now() - run->started);
    put_row(p, "program", "skillstream-producer %s (%s)", ss_build_version(), ss_build_commit());
    if (s->mode == SS_MODE_GENERATE || s->mode == SS_MODE_BATCH_IN) put_row(p, "model", "%.200s", s->llm_model);
    put_row(p, "topic", "%.200s", s->out);
    if (run->plan) {
        ss_plan_counts c = ss_plan_count(run->plan);
        put_row(p, "skills done", "%zu of %zu", ss_plan_skills_done(run->plan), ss_plan_skills(run->plan));
        put_row(p, "requests left short", "%zu", c.shorts);
        put_row(p, "requests failed for good", "%zu", c.failed);
        put_row(p, "sentences still missing", "%" PRIu64, c.missing);
    }
    put_row(p, "pairs accepted", "%" PRIu64, run->tally.pairs);
    if (run->outlet) put_row(p, "pairs committed", "%" PRIu64, ss_outlet_committed(run->outlet));
    if (run->tally.present) put_row(p, "on the topic already", "%" PRIu64, run->tally.present);
    put_row(p, "rejects", "%" PRIu64, run->tally.rejects);
    if (run->tally.ranked)
        put_row(p, "ranked / flagged", "%" PRIu64 " / %" PRIu64, run->tally.ranked, run->tally.flagged);
    put_row(p, "tokens in / out", "%" PRIu64 " / %" PRIu64, run->budget.tokens_in, run->budget.tokens_out);
    if (run->budget.price_in || run->budget.price_out) put_row(p, "cost", "%.6f", ss_budget_units(run->budget.spent));
    if (run->budget.limit != INT64_MAX) put_row(p, "budget", "%.6f", ss_budget_units(run->budget.limit));
    put(p, "</table>\n");
}

static void put_counts(page *p, const ss_tally *t)
{
    put(p, "<h2>Pairs by kind</h2><table>\n");
    for (int k = 0; k < SS_PAIR_KINDS; k++)
        if (t->by_kind[k]) put_row(p, ss_pair_kind_word((ss_pair_kind)k), "%" PRIu64, t->by_kind[k]);
    put(p, "</table>\n<h2>Requests by end</h2><table>\n");
    for (int v = 0; v < SS_VERDICTS; v++)
        if (t->requests[v]) put_row(p, ss_verdict_word((ss_verdict)v), "%" PRIu64, t->requests[v]);
    put(p, "</table>\n");
}

static void put_reasons(page *p, const char *title, const ss_reason_count list[SS_TALLY_REASONS])
{
    if (!list[0].reason) return;
    put(p, "<h2>%s</h2><table>\n", title);
    for (size_t i = 0; i < SS_TALLY_REASONS && list[i].reason; i++)
        put_row(p, list[i].reason, "%" PRIu64, list[i].count);
    put(p, "</table>\n");
}

static void put_lengths(page *p, const ss_tally *t)
{
    uint64_t most = 0;
    for (size_t i = 0; i < SS_TALLY_LENGTHS; i++)
        if (t->lengths[i] > most) most = t->lengths[i];
    if (!most) return;
    put(p, "<h2>Length of accepted sentences, in words</h2>\n<svg role=img width=%d height=%d>\n",
        SS_TALLY_LENGTHS * BAR_WIDTH + 20, CHART_HEIGHT + 20);
    for (size_t i = 0; i < SS_TALLY_LENGTHS; i++) {
        int height = (int)((double)t->lengths[i] / (double)most * CHART_HEIGHT);
        if (t->lengths[i])
            put(p, "<rect x=%zu y=%d width=%d height=%d><title>%zu%s words: %" PRIu64 "</title></rect>\n",
                i * BAR_WIDTH, CHART_HEIGHT - height, BAR_WIDTH - 1, height > 0 ? height : 1, i,
                i + 1 == SS_TALLY_LENGTHS ? " or more" : "", t->lengths[i]);
        if (i % 10 == 0) put(p, "<text x=%zu y=%d>%zu</text>\n", i * BAR_WIDTH, CHART_HEIGHT + 14, i);
    }
    put(p, "</svg>\n");
}

static void put_ranks(page *p, const ss_tally *t)
{
    static const char *const names[SS_TALLY_RANKS] = {"1", "2-5", "6-10", "11-100", "101-1000", "over 1000"};
    if (!t->ranked) return;
    put(p, "<h2>Rank of the pair's own skill under the reference release</h2><table>\n");
    for (size_t i = 0; i < SS_TALLY_RANKS; i++) put_row(p, names[i], "%" PRIu64, t->ranks[i]);
    put(p, "</table>\n");
}

static void put_examples(page *p, const ss_tally *t)
{
    if (!t->example_count) return;
    put(p,
        "<h2>Examples and the skills nearest to them</h2>\n<table><tr><th>sentence</th><th>asked for</th><th>rank</th>"
        "<th>nearest</th></tr>\n");
    for (size_t i = 0; i < t->example_count; i++) {
        const ss_example *e = &t->examples[i];
        put(p, "<tr><td>");
        put_text(p, e->sentence);
        put(p, "</td><td>");
        put_text(p, e->label);
        put(p, " <span class=s>%s</span></td><td class=n>%u</td><td>", ss_pair_kind_word(e->kind), e->rank);
        for (size_t k = 0; k < e->nearest_count; k++) {
            put_text(p, e->nearest[k]);
            put(p, " <span class=s>%.2f</span><br>", (double)e->score[k]);
        }
        put(p, "</td></tr>\n");
    }
    put(p, "</table>\n");
}

int ss_run_report(const ss_run *run, ss_error *err)
{
    const char *path = run->settings->report;
    if (!path || !strcmp(path, "off")) return 0;
    page p = {0};
    ss_buffer_init(&p.html, LARGEST);
    put_head(&p);
    put_summary(&p, run);
    put_counts(&p, &run->tally);
    put_reasons(&p, "Sentences refused, by reason", run->tally.reject_reasons);
    put_reasons(&p, "Requests and answers of no use, by reason", run->tally.request_reasons);
    put_lengths(&p, &run->tally);
    put_ranks(&p, &run->tally);
    put_examples(&p, &run->tally);
    put(&p, "</body></html>\n");
    int result =
        p.failed ? ss_fail_memory(err, "writing the report") : ss_file_write(path, p.html.data, p.html.len, err);
    ss_buffer_free(&p.html);
    return result;
}
