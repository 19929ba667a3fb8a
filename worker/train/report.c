/* report.c - see report.h.
 *
 * The curve is drawn twice: every step (or, with many, the mean of as many as fit a pixel) in pale, and its running
 * mean in full colour. Colours are readable on white and in grey.
 */
#include "worker/train/report.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"

enum { WIDTH = 860, HEIGHT = 260, LEFT = 60, BOTTOM = 30, TOP = 14, RIGHT = 12, TICKS = 5 };

static const char STYLE[] =
    "<style>body{font:15px/1.5 system-ui,sans-serif;max-width:900px;margin:2em auto;padding:0 1em;color:#222}"
    "h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}table{border-collapse:collapse}"
    "td,th{padding:.25em .9em;text-align:right;border-bottom:1px solid #ddd}th:first-child,td:first-child"
    "{text-align:left}.up{color:#0a6b2d}.down{color:#a3201b}code,pre{font-size:.85em;background:#f4f4f4;padding:.1em "
    ".3em}pre{padding:.8em;overflow:auto}svg text{font:11px system-ui,sans-serif;fill:#555}"
    ".verdict{font-size:1.1em;padding:.7em 1em;background:#f1f5f9;border-left:4px solid #2563a8}</style>";

static void put(FILE *out, const char *html)
{
    fputs(html, out);
}

static void text(FILE *out, const char *value)
{
    for (; *value; value++) {
        const char *safe = *value == '<' ? "&lt;" : *value == '>' ? "&gt;" : *value == '&' ? "&amp;" : NULL;
        if (safe)
            put(out, safe);
        else
            fputc(*value, out);
    }
}

/* ---- plots ---- */

typedef struct plot {
    FILE *out;
    double x_most, y_least, y_most;
} plot;

static double x_of(const plot *p, double x)
{
    return LEFT + x / p->x_most * (WIDTH - LEFT - RIGHT);
}

static double y_of(const plot *p, double y)
{
    return TOP + (p->y_most - y) / (p->y_most - p->y_least) * (HEIGHT - TOP - BOTTOM);
}

static void begin_plot(const plot *p, const char *x_name)
{
    fprintf(p->out, "<svg viewBox=\"0 0 %d %d\" width=\"100%%\" role=\"img\">", WIDTH, HEIGHT);
    for (int i = 0; i <= TICKS; i++) {
        double y = p->y_least + (p->y_most - p->y_least) * i / TICKS, x = p->x_most * i / TICKS;
        fprintf(p->out,
                "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#e5e5e5\"/>"
                "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>"
                "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>",
                LEFT, WIDTH - RIGHT, y_of(p, y), y_of(p, y), LEFT - 8, y_of(p, y) + 4, y, x_of(p, x), HEIGHT - 12, x);
    }
    fprintf(p->out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>", WIDTH - RIGHT, HEIGHT - 1, x_name);
}

static double value_of(const ss_curve_point *point, int what)
{
    return what == 0 ? (double)point->loss : what == 1 ? (double)point->accuracy : (double)point->lr;
}

/* Means of `window` steps, at most one point a pixel. */
static void curve_line(const plot *p, const ss_report *r, int what, size_t window, const char *colour, double width)
{
    size_t step = r->points / WIDTH + 1;
    fprintf(p->out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"%.1f\" points=\"", colour, width);
    for (size_t i = 0; i < r->points; i += step) {
        size_t from = i + 1 > window ? i + 1 - window : 0;
        double sum = 0;
        for (size_t k = from; k <= i; k++) sum += value_of(&r->curve[k], what);
        fprintf(p->out, "%.1f,%.1f ", x_of(p, (double)i + 1), y_of(p, sum / (double)(i + 1 - from)));
    }
    put(p->out, "\"/>");
}

static void curve_plot(FILE *out, const ss_report *r, int what, const char *title)
{
    double least = 0, most = 1e-12;
    for (size_t i = 0; i < r->points; i++) most = fmax(most, value_of(&r->curve[i], what));
    if (what == 1) most = 1;
    plot p = {.out = out, .x_most = r->points ? (double)r->points : 1, .y_least = least, .y_most = most};
    fprintf(out, "<h2>%s</h2>", title);
    begin_plot(&p, "step");
    if (what < 2) curve_line(&p, r, what, r->points / WIDTH + 1, "#bcd4ea", 1);
    curve_line(&p, r, what, what < 2 ? r->points / 40 + 1 : 1, "#2563a8", 1.8);
    put(out, "</svg>");
}

static void check_line(const plot *p, const ss_report *r, int mrr, const char *colour)
{
    fprintf(p->out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.8\" points=\"", colour);
    for (size_t i = 0; i < r->check_count; i++)
        fprintf(p->out, "%.1f,%.1f ", x_of(p, (double)r->checks[i].step),
                y_of(p, mrr ? r->checks[i].mrr : r->checks[i].rp5));
    put(p->out, "\"/>");
}

static void check_plot(FILE *out, const ss_report *r)
{
    if (!r->check_count) return;
    double least = 100, most = 0;
    for (size_t i = 0; i < r->check_count; i++) {
        least = fmin(least, fmin(r->checks[i].rp5, r->checks[i].mrr));
        most = fmax(most, fmax(r->checks[i].rp5, r->checks[i].mrr));
    }
    plot p = {.out = out, .x_most = (double)r->points, .y_least = floor(least - 1), .y_most = ceil(most + 1)};
    put(out, "<h2>Validation while training (labels alone): <span style=\"color:#2563a8\">RP@5</span>, "
             "<span style=\"color:#b4540a\">MRR</span></h2>");
    begin_plot(&p, "step");
    check_line(&p, r, 0, "#2563a8");
    check_line(&p, r, 1, "#b4540a");
    put(out, "</svg>");
}

/* ---- tables ---- */

static void figure_cells(FILE *out, double before, double after)
{
    double change = after - before;
    fprintf(out, "<td>%.2f</td><td>%.2f</td><td class=\"%s\">%+.2f</td>", before, after,
            change > 0   ? "up"
            : change < 0 ? "down"
                         : "",
            change);
}

static void figure_table(FILE *out, const ss_report *r)
{
    put(out, "<h2>Before and after</h2>");
    if (!r->after->count) {
        put(out, "<p>There was no validation file.</p>");
        return;
    }
    put(out, "<p>Before: ");
    text(out, r->before_name);
    put(out, ".</p><table><tr><th>set</th><th>sentences</th><th colspan=\"3\">RP@1</th><th "
             "colspan=\"3\">RP@5</th><th colspan=\"3\">RP@10</th><th colspan=\"3\">MRR</th></tr>");
    for (size_t i = 0; i < r->after->count; i++) {
        const ss_evaluation *b = &r->before->sets[i], *a = &r->after->sets[i];
        char name[64];
        ss_set_name(r->validate->items[i], name);
        put(out, "<tr><td>");
        text(out, name);
        fprintf(out, "</td><td>%zu</td>", a->queries);
        figure_cells(out, b->rp1, a->rp1);
        figure_cells(out, b->rp5, a->rp5);
        figure_cells(out, b->rp10, a->rp10);
        figure_cells(out, b->mrr, a->mrr);
        put(out, "</tr>");
    }
    put(out, "</table>");
}

static void fact(FILE *out, const char *name, const char *format, ...) SS_PRINTF(3, 4);

static void fact(FILE *out, const char *name, const char *format, ...)
{
    char value[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    fprintf(out, "<tr><td>%s</td><td style=\"text-align:left\"><code>", name);
    text(out, value);
    put(out, "</code></td></tr>");
}

static void facts(FILE *out, const ss_report *r)
{
    const ss_outcome *o = r->outcome;
    const size_t *kinds = r->set->kinds;
    put(out, "<h2>What went in and came out</h2><table>");
    fact(out, "encoder", "%s", r->run->encoder_dir);
    fact(out, "pairs", "%zu with a skill, %zu without", r->set->pairs.count, r->set->none.count);
    fact(out, "of kind", "LITERAL %zu, IMPLIED %zu, MULTI %zu, not given %zu", kinds[SS_PAIR_LITERAL],
         kinds[SS_PAIR_IMPLIED], kinds[SS_PAIR_MULTI], kinds[SS_PAIR_UNSPECIFIED]);
    if (r->set->held_out.count) fact(out, "held back", "%zu", r->set->held_out.count);
    fact(out, "from", "%s", r->run->source ? r->run->source : "");
    fact(out, "data digest", "%s", o->dataset);
    fact(out, "steps", "%llu", (unsigned long long)o->steps);
    if (o->best_step) fact(out, "weights of step", "%llu", (unsigned long long)o->best_step);
    fact(out, "loss", "%.4f -> %.4f (first and last tenth)", o->first_loss, o->last_loss);
    fact(out, "weights digest", "%s", o->weights);
    fact(out, "release digest", "%s", o->release);
    put(out, "</table><h2>Recipe</h2><pre>");
    text(out, r->recipe);
    put(out, "</pre>");
}

int ss_report_write(const ss_report *r, const char *path, ss_error *err)
{
    char *page = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&page, &len);
    if (!out) return ss_fail_memory(err, "writing the report");
    put(out, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Training report</title>");
    put(out, STYLE);
    put(out, "</head><body><h1>Training report</h1><p class=\"verdict\">");
    text(out, r->outcome->why);
    put(out, "</p>");
    figure_table(out, r);
    curve_plot(out, r, 0, "Loss");
    curve_plot(out, r, 1, "Share of sentences whose skill is the best of the batch");
    check_plot(out, r);
    curve_plot(out, r, 2, "Learning rate");
    facts(out, r);
    put(out, "</body></html>\n");
    int bad = ferror(out);
    bad |= fclose(out) != 0;
    int result = bad ? ss_fail_memory(err, "writing the report") : ss_file_write(path, page, len, err);
    free(page);
    return result;
}
