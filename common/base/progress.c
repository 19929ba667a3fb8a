/* progress.c - see progress.h. */
#include "base/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { BAR = 24 };

/* 13891 -> "13,891" */
static void grouped(size_t value, char out[32])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%zu", value), o = 0;
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0) out[o++] = ',';
        out[o++] = digits[i];
    }
    out[o] = 0;
}

static void draw(ss_progress *bar, size_t done, const char *note)
{
    double seconds = ss_now() - bar->started;
    double rate = seconds > 0 ? (double)done / seconds : 0;
    char have[32], want[32], line[256];
    grouped(done, have);
    grouped(bar->total, want);
    if (!note) note = "";
    if (bar->total) {
        double part = (double)done / (double)bar->total;
        int fill = (int)(part * BAR);
        char drawn[BAR + 1];
        for (int i = 0; i < BAR; i++) drawn[i] = i < fill ? '=' : i == fill ? '>' : ' ';
        drawn[BAR] = 0;
        unsigned eta = rate > 0 ? (unsigned)((double)(bar->total - done) / rate + 0.5) : 0;
        snprintf(line, sizeof line, "%s  [%s] %3.0f%%  %s/%s %s  %.0f/s  ETA %u:%02u  %s", bar->what, drawn, part * 100,
                 have, want, bar->unit, rate, eta / 60, eta % 60, note);
    } else {
        snprintf(line, sizeof line, "%s  %s %s  %.0f/s  %s", bar->what, have, bar->unit, rate, note);
    }
    if (bar->terminal)
        fprintf(stderr, "\r\033[K%s", line);
    else
        fprintf(stderr, "%s\n", line);
    fflush(stderr);
    bar->shown = 1;
}

void ss_progress_start(ss_progress *bar, const char *what, const char *unit, size_t total)
{
    const char *mode = getenv("SKILLSTREAM_PROGRESS");
    *bar = (ss_progress){.what = what, .unit = unit, .total = total, .started = ss_now(), .drawn = ss_now()};
    bar->terminal = isatty(STDERR_FILENO) || (mode && !strcmp(mode, "always"));
}

void ss_progress_update(ss_progress *bar, size_t done, const char *note)
{
    double now = ss_now(), gap = bar->terminal ? 0.1 : 10;
    if (now - bar->drawn < gap) return;
    bar->drawn = now;
    if (bar->total && done > bar->total) done = bar->total;
    draw(bar, done, note);
}

void ss_progress_end(ss_progress *bar, size_t done)
{
    if (bar->terminal) {
        draw(bar, done, NULL);
        fputc('\n', stderr);
    } else if (bar->shown) {
        draw(bar, done, "done");
    }
}
