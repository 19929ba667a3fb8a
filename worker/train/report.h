/* report.h - a training as one HTML page: no scripts, no other files; plots are SVG. */
#ifndef SKILLSTREAM_WORKER_TRAIN_REPORT_H
#define SKILLSTREAM_WORKER_TRAIN_REPORT_H

#include "worker/train/run.h"

typedef struct ss_report {
    const ss_run_options *run;
    const ss_dataset *set;
    const ss_outcome *outcome;
    const ss_curve_point *curve;
    size_t points;
    const ss_curve_check *checks;
    size_t check_count;
    const ss_strings *validate; /* files of the sides, held-out.csv included */
    const ss_side *before, *after;
    const char *before_name;
    const char *recipe; /* its text */
} ss_report;

int ss_report_write(const ss_report *report, const char *path, ss_error *err);

#endif
