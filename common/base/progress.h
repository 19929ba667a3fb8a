/* progress.h - one line on a terminal that says how far a long job is.
 *
 *   embedding skills  [=========>          ]  45%  6,251/13,891  312/s  ETA 0:24
 *
 * Drawn on stderr at most ten times a second, only when stderr is a terminal (or
 * SKILLSTREAM_PROGRESS=always); otherwise one plain line every ten seconds, so a
 * log of a long run is not silent. Not thread safe: update from one thread.
 */
#ifndef SKILLSTREAM_BASE_PROGRESS_H
#define SKILLSTREAM_BASE_PROGRESS_H

#include <stddef.h>

typedef struct ss_progress {
    const char *what; /* "embedding skills"; static or outlives the bar */
    const char *unit; /* "skills" */
    size_t total;     /* 0 = unknown: counts without percentage */
    double started, drawn;
    int terminal, shown;
} ss_progress;

void ss_progress_start(ss_progress *bar, const char *what, const char *unit, size_t total);
void ss_progress_update(ss_progress *bar, size_t done, const char *note); /* note: extra text at the end, or NULL */
void ss_progress_end(ss_progress *bar, size_t done);

#endif
