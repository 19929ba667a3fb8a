/* metrics.h - counters, gauges and histograms in Prometheus text format 0.0.4.
 *
 * A family has a name, a help text and label names; a series is one set of
 * label values of a family. Make families at start, look the series up once,
 * keep the pointer, and update it from any thread without a lock:
 *
 *     ss_metric *dead = ss_metrics_add(m, SS_COUNTER, "skillstream_dead_letters_total", "Ads that ...",
 *                                      (const char *[]){"reason"}, 1, &err);
 *     ss_series *bad_json = ss_metric_with(dead, (const char *[]){"bad-json"});
 *     ss_counter_add(bad_json, 1);
 *
 * A total of seconds is a counter with a fraction: SS_SECONDS, raised by ss_seconds_raise.
 *
 * Memory is bounded: each family has at most SS_METRIC_SERIES_MAX series; label
 * values are cut at SS_METRIC_VALUE_MAX bytes. A label set beyond that, or when
 * memory is out, lands in the family's series whose values are all "other", so
 * that ss_metric_with never fails and input cannot make the process grow.
 *
 * Threads: all functions may be called from any thread, except ss_metrics_free.
 * ss_metric_with takes a lock; updates do not.
 * Format: https://prometheus.io/docs/instrumenting/exposition_formats/
 */
#ifndef SKILLSTREAM_OPS_METRICS_H
#define SKILLSTREAM_OPS_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

#define SS_METRIC_FAMILIES_MAX 128
#define SS_METRIC_SERIES_MAX 256 /* per family */
#define SS_METRIC_LABELS_MAX 4
#define SS_METRIC_VALUE_MAX 128 /* bytes */
#define SS_METRIC_BUCKETS_MAX 32

typedef enum ss_metric_kind { SS_COUNTER, SS_GAUGE, SS_HISTOGRAM, SS_SECONDS } ss_metric_kind;

typedef struct ss_metrics ss_metrics;
typedef struct ss_metric ss_metric; /* a family */
typedef struct ss_series ss_series;

ss_metrics *ss_metrics_new(ss_error *err);
void ss_metrics_free(ss_metrics *metrics);

/* Adds a family. `labels` label names, or NULL and 0. Names must follow Prometheus' rules and be new: SS_INTERNAL
 * otherwise. A histogram made with this has buckets from 0.5 ms to 30 s. Strings are copied. */
ss_metric *ss_metrics_add(ss_metrics *metrics, ss_metric_kind kind, const char *name, const char *help,
                          const char *const *label_names, size_t labels, ss_error *err);

/* A histogram with upper bounds of its own: finite, ascending, 1 .. SS_METRIC_BUCKETS_MAX (+Inf is added). */
ss_metric *ss_metrics_add_histogram(ss_metrics *metrics, const char *name, const char *help,
                                    const char *const *label_names, size_t labels, const double *bounds,
                                    size_t bound_count, ss_error *err);

/* The series with these label values (as many as the family has names; NULL for none), made if it is new. Never NULL.
 */
ss_series *ss_metric_with(ss_metric *metric, const char *const *values);

/* Takes a series out of the output, for label sets that end (a partition taken away, an old release). The pointer
 * must not be used afterwards by any thread. The "other" series stays. */
void ss_series_remove(ss_series *series);

/* Counters only go up. */
void ss_counter_add(ss_series *counter, uint64_t by);
/* Raises a counter to `total`, for totals that someone else counts; lower values change nothing. */
void ss_counter_raise(ss_series *counter, uint64_t total);
uint64_t ss_counter_value(const ss_series *counter);

/* The same for SS_SECONDS, which Prometheus sees as a counter too. NaN and lower totals change nothing. */
void ss_seconds_raise(ss_series *seconds, double total);
double ss_seconds_value(const ss_series *seconds);

void ss_gauge_set(ss_series *gauge, double value);
void ss_gauge_add(ss_series *gauge, double by);
double ss_gauge_value(const ss_series *gauge);

/* Histograms: one observation (seconds for *_seconds). NaN is dropped. */
void ss_histogram_observe(ss_series *histogram, double value);

/* Called before each rendering, without locks held, to bring gauges up to date. One per registry; may be set while
 * pages are served, and what the caller wrote before is then seen by the hook. */
typedef void ss_metrics_hook(void *context);
void ss_metrics_before_render(ss_metrics *metrics, ss_metrics_hook *hook, void *context);

/* Appends the whole registry to `out`; -1 when its limit or memory is exhausted. Families without series are left out.
 */
int ss_metrics_render(ss_metrics *metrics, ss_buffer *out, ss_error *err);

/* The same in the shape of ss_http_page: pass it with the ss_metrics as context. */
int ss_metrics_page(void *metrics, ss_buffer *out);

#endif
