/* metrics.c - see metrics.h.
 *
 * A family owns its series in a fixed array of pointers; a series, once made,
 * stays at its address until the registry is freed, so that updates need no
 * lock. One mutex guards the structure (which families and series exist); the
 * values are atomics: counters and bucket counts are integers, gauges and sums
 * are the bits of a double, added to by compare-and-swap.
 *
 * A removed series goes back to its family and serves the next new label set.
 * The series called "other" is made with the family, before anything can fail
 * later, and shown only after it was handed out.
 *
 * Rendering reads values while they change; each number is whole, and within a
 * histogram the count is the sum of the buckets that were read, so that the
 * format's rule `_count == +Inf bucket` holds in every scrape. Several readers
 * of one registry may render at the same time only one after the other (mutex).
 */
#include "ops/metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_LEN = 100, HELP_MAX_LEN = 300 };

struct ss_series {
    ss_metric *metric;
    int shown; /* part of the output; guarded by the registry's mutex */
    char (*values)[SS_METRIC_VALUE_MAX + 1];
    atomic_uint_fast64_t count;    /* counter */
    atomic_uint_fast64_t real;     /* bits of a double: gauge, seconds, or sum of a histogram */
    atomic_uint_fast64_t *buckets; /* (bound_count + 1), not cumulative */
};

struct ss_metric {
    ss_metrics *owner;
    ss_metric_kind kind;
    char name[NAME_MAX_LEN + 1];
    char help[HELP_MAX_LEN + 1];
    char labels[SS_METRIC_LABELS_MAX][NAME_MAX_LEN + 1];
    size_t label_count;
    double bounds[SS_METRIC_BUCKETS_MAX];
    size_t bound_count;
    ss_series *other;
    ss_series *series[SS_METRIC_SERIES_MAX];
    size_t count;
};

struct ss_metrics {
    pthread_mutex_t mutex;
    ss_metric *families[SS_METRIC_FAMILIES_MAX];
    size_t count;
    ss_metrics_hook *hook;
    void *hook_context;
};

/* ---- Doubles in atomics ---- */

static uint64_t to_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double from_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double load_real(const atomic_uint_fast64_t *cell)
{
    return from_bits(atomic_load_explicit(cell, memory_order_relaxed));
}

static void add_real(atomic_uint_fast64_t *cell, double by)
{
    uint_fast64_t old = atomic_load_explicit(cell, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(cell, &old, to_bits(from_bits(old) + by), memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
}

/* ---- Series ---- */

static void free_series(ss_series *series)
{
    if (!series) return;
    free(series->values);
    free(series->buckets);
    free(series);
}

static ss_series *new_series(ss_metric *metric)
{
    ss_series *series = calloc(1, sizeof *series);
    if (!series) return NULL;
    series->metric = metric;
    if (metric->label_count) series->values = calloc(metric->label_count, sizeof *series->values);
    if (metric->kind == SS_HISTOGRAM) series->buckets = calloc(metric->bound_count + 1, sizeof *series->buckets);
    if ((metric->label_count && !series->values) || (metric->kind == SS_HISTOGRAM && !series->buckets)) {
        free_series(series);
        return NULL;
    }
    return series;
}

static void zero(ss_series *series)
{
    atomic_store(&series->count, 0);
    atomic_store(&series->real, to_bits(0));
    for (size_t i = 0; series->buckets && i <= series->metric->bound_count; i++) atomic_store(&series->buckets[i], 0);
}

/* Bytes of the well-formed UTF-8 character at `c` (Unicode 15, table 3-7), or 0. `c` is NUL-terminated. */
static size_t utf8_size(const unsigned char *c)
{
    if (c[0] < 0x80) return 1;
    size_t size = c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : c[0] < 0xf5 ? 4 : 0;
    unsigned char low = c[0] == 0xe0 ? 0xa0 : c[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = c[0] == 0xed ? 0x9f : c[0] == 0xf4 ? 0x8f : 0xbf;
    if (size && (c[1] < low || c[1] > high)) return 0;
    for (size_t i = 2; i < size; i++)
        if ((c[i] & 0xc0) != 0x80) return 0;
    return size;
}

/* The format is UTF-8 and values may come from outside: other bytes become '?'. Cuts between characters. */
static void set_value(char out[SS_METRIC_VALUE_MAX + 1], const char *value)
{
    size_t len = 0;
    for (const unsigned char *c = (const unsigned char *)value; *c;) {
        size_t size = utf8_size(c), take = size ? size : 1;
        if (len + take > SS_METRIC_VALUE_MAX) break;
        memcpy(out + len, size ? (const char *)c : "?", take);
        len += take;
        c += take;
    }
    out[len] = 0;
}

static int has_values(const ss_series *series, char (*values)[SS_METRIC_VALUE_MAX + 1])
{
    for (size_t i = 0; i < series->metric->label_count; i++)
        if (strcmp(series->values[i], values[i]) != 0) return 0;
    return 1;
}

/* The series with these values, else a free one, else a new one, else "other". Called with the mutex held. */
static ss_series *find_or_make(ss_metric *metric, char (*values)[SS_METRIC_VALUE_MAX + 1])
{
    ss_series *free_one = NULL;
    for (size_t i = 0; i < metric->count; i++) {
        ss_series *series = metric->series[i];
        if (series->shown && has_values(series, values)) return series;
        if (!series->shown && !free_one) free_one = series;
    }
    if (has_values(metric->other, values)) return metric->other;
    if (!free_one && metric->count < SS_METRIC_SERIES_MAX - 1) {
        free_one = new_series(metric);
        if (free_one) metric->series[metric->count++] = free_one;
    }
    if (!free_one) return metric->other;
    zero(free_one);
    for (size_t i = 0; i < metric->label_count; i++) memcpy(free_one->values[i], values[i], sizeof values[i]);
    return free_one;
}

ss_series *ss_metric_with(ss_metric *metric, const char *const *values)
{
    char cut[SS_METRIC_LABELS_MAX][SS_METRIC_VALUE_MAX + 1];
    for (size_t i = 0; i < metric->label_count; i++) set_value(cut[i], values[i] ? values[i] : "");
    pthread_mutex_lock(&metric->owner->mutex);
    ss_series *series = metric->label_count ? find_or_make(metric, cut) : metric->other;
    series->shown = 1;
    pthread_mutex_unlock(&metric->owner->mutex);
    return series;
}

void ss_series_remove(ss_series *series)
{
    pthread_mutex_lock(&series->metric->owner->mutex);
    if (series != series->metric->other) series->shown = 0;
    pthread_mutex_unlock(&series->metric->owner->mutex);
}

/* ---- Families ---- */

static int is_name(const char *name, int is_label)
{
    size_t len = name ? strlen(name) : 0;
    if (len < 1 || len > NAME_MAX_LEN || (name[0] >= '0' && name[0] <= '9')) return 0;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:";
    if (strspn(name, letters) != len) return 0;
    return !is_label || (!strchr(name, ':') && strncmp(name, "__", 2) != 0 && strcmp(name, "le") != 0);
}

static int check_family(const ss_metrics *metrics, const char *name, const char *const *labels, size_t count,
                        ss_error *err)
{
    if (!is_name(name, 0)) return ss_fail(err, SS_INTERNAL, "metric '%.100s': not a metric name", name ? name : "");
    if (count > SS_METRIC_LABELS_MAX)
        return ss_fail(err, SS_INTERNAL, "metric '%s': more than %d labels", name, SS_METRIC_LABELS_MAX);
    for (size_t i = 0; i < count; i++)
        if (!is_name(labels[i], 1)) return ss_fail(err, SS_INTERNAL, "metric '%s': bad name of label %zu", name, i);
    if (metrics->count == SS_METRIC_FAMILIES_MAX)
        return ss_fail(err, SS_INTERNAL, "metric '%s': more than %d metrics", name, SS_METRIC_FAMILIES_MAX);
    for (size_t i = 0; i < metrics->count; i++)
        if (strcmp(metrics->families[i]->name, name) == 0)
            return ss_fail(err, SS_INTERNAL, "metric '%s': added twice", name);
    return 0;
}

static int check_bounds(const char *name, const double *bounds, size_t count, ss_error *err)
{
    int good = count >= 1 && count <= SS_METRIC_BUCKETS_MAX;
    for (size_t i = 0; good && i < count; i++) good = isfinite(bounds[i]) && (i == 0 || bounds[i] > bounds[i - 1]);
    return good ? 0 : ss_fail(err, SS_INTERNAL, "metric '%s': buckets are not finite and ascending", name);
}

static void free_family(ss_metric *metric)
{
    for (size_t i = 0; i < metric->count; i++) free_series(metric->series[i]);
    free_series(metric->other);
    free(metric);
}

static ss_metric *add_family(ss_metrics *metrics, ss_metric_kind kind, const char *name, const char *help,
                             const char *const *labels, size_t label_count, const double *bounds, size_t bound_count,
                             ss_error *err)
{
    ss_metric *metric = calloc(1, sizeof *metric);
    if (!metric) {
        ss_fail_memory(err, "adding a metric");
        return NULL;
    }
    metric->owner = metrics;
    metric->kind = kind;
    metric->label_count = label_count;
    metric->bound_count = bound_count;
    snprintf(metric->name, sizeof metric->name, "%s", name);
    snprintf(metric->help, sizeof metric->help, "%s", help);
    for (size_t i = 0; i < label_count; i++) snprintf(metric->labels[i], sizeof metric->labels[i], "%s", labels[i]);
    if (bound_count) memcpy(metric->bounds, bounds, bound_count * sizeof *bounds);
    metric->other = new_series(metric);
    if (!metric->other) {
        free_family(metric);
        ss_fail_memory(err, "adding a metric");
        return NULL;
    }
    for (size_t i = 0; i < metric->label_count; i++) set_value(metric->other->values[i], "other");
    metrics->families[metrics->count++] = metric;
    return metric;
}

static ss_metric *add_checked(ss_metrics *metrics, ss_metric_kind kind, const char *name, const char *help,
                              const char *const *labels, size_t label_count, const double *bounds, size_t bound_count,
                              ss_error *err)
{
    pthread_mutex_lock(&metrics->mutex);
    ss_metric *metric = NULL;
    if (check_family(metrics, name, labels, label_count, err) == 0)
        metric = add_family(metrics, kind, name, help, labels, label_count, bounds, bound_count, err);
    pthread_mutex_unlock(&metrics->mutex);
    return metric;
}

ss_metric *ss_metrics_add_histogram(ss_metrics *metrics, const char *name, const char *help,
                                    const char *const *label_names, size_t labels, const double *bounds,
                                    size_t bound_count, ss_error *err)
{
    if (check_bounds(name, bounds, bound_count, err)) return NULL;
    return add_checked(metrics, SS_HISTOGRAM, name, help, label_names, labels, bounds, bound_count, err);
}

ss_metric *ss_metrics_add(ss_metrics *metrics, ss_metric_kind kind, const char *name, const char *help,
                          const char *const *label_names, size_t labels, ss_error *err)
{
    /* About three per decade over what a stage may take, from a cache look-up to a stuck commit. */
    static const double seconds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                     0.25,   0.5,   1,      2.5,   5,    10,    30};
    size_t bound_count = kind == SS_HISTOGRAM ? sizeof seconds / sizeof seconds[0] : 0;
    return add_checked(metrics, kind, name, help, label_names, labels, seconds, bound_count, err);
}

ss_metrics *ss_metrics_new(ss_error *err)
{
    ss_metrics *metrics = calloc(1, sizeof *metrics);
    if (!metrics || pthread_mutex_init(&metrics->mutex, NULL)) {
        free(metrics);
        ss_fail_memory(err, "making the metrics");
        return NULL;
    }
    return metrics;
}

void ss_metrics_free(ss_metrics *metrics)
{
    if (!metrics) return;
    for (size_t i = 0; i < metrics->count; i++) free_family(metrics->families[i]);
    pthread_mutex_destroy(&metrics->mutex);
    free(metrics);
}

/* ---- Updates ---- */

void ss_counter_add(ss_series *counter, uint64_t by)
{
    atomic_fetch_add_explicit(&counter->count, by, memory_order_relaxed);
}

void ss_counter_raise(ss_series *counter, uint64_t total)
{
    uint_fast64_t old = atomic_load_explicit(&counter->count, memory_order_relaxed);
    while (old < total && !atomic_compare_exchange_weak_explicit(&counter->count, &old, total, memory_order_relaxed,
                                                                 memory_order_relaxed)) {
    }
}

uint64_t ss_counter_value(const ss_series *counter)
{
    return atomic_load_explicit(&counter->count, memory_order_relaxed);
}

void ss_seconds_raise(ss_series *seconds, double total)
{
    uint_fast64_t old = atomic_load_explicit(&seconds->real, memory_order_relaxed);
    while (from_bits(old) < total &&
           !atomic_compare_exchange_weak_explicit(&seconds->real, &old, to_bits(total), memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
}

double ss_seconds_value(const ss_series *seconds)
{
    return load_real(&seconds->real);
}

void ss_gauge_set(ss_series *gauge, double value)
{
    atomic_store_explicit(&gauge->real, to_bits(value), memory_order_relaxed);
}

void ss_gauge_add(ss_series *gauge, double by)
{
    add_real(&gauge->real, by);
}

double ss_gauge_value(const ss_series *gauge)
{
    return load_real(&gauge->real);
}

void ss_histogram_observe(ss_series *histogram, double value)
{
    if (isnan(value)) return;
    const ss_metric *metric = histogram->metric;
    size_t bucket = 0;
    while (bucket < metric->bound_count && value > metric->bounds[bucket]) bucket++;
    atomic_fetch_add_explicit(&histogram->buckets[bucket], 1, memory_order_relaxed);
    add_real(&histogram->real, value);
}

/* ---- Rendering ---- */

/* Escapes backslash and newline, and in label values the quote. */
static int add_escaped(ss_buffer *out, const char *text, int quote)
{
    for (const char *c = text; *c; c++) {
        int failed;
        if (*c == '\\')
            failed = ss_buffer_add_string(out, "\\\\");
        else if (*c == '\n')
            failed = ss_buffer_add_string(out, "\\n");
        else if (quote && *c == '"')
            failed = ss_buffer_add_string(out, "\\\"");
        else
            failed = ss_buffer_add(out, c, 1);
        if (failed) return -1;
    }
    return 0;
}

static void format_real(char out[32], double value)
{
    if (isnan(value))
        snprintf(out, 32, "NaN");
    else if (isinf(value))
        snprintf(out, 32, value > 0 ? "+Inf" : "-Inf");
    else
        snprintf(out, 32, "%.17g", value);
}

/* Shortest of the usual precisions that reads back the same: "0.005", not "0.0050000000000000001". */
static void format_bound(char out[32], double value)
{
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(out, 32, "%.*g", digits, value);
        if (strtod(out, NULL) == value) return;
    }
}

/* `name suffix {labels,le="..."} value` */
static int add_sample(ss_buffer *out, const ss_series *series, const char *suffix, const char *le, const char *value)
{
    const ss_metric *metric = series->metric;
    if (ss_buffer_printf(out, "%s%s", metric->name, suffix)) return -1;
    const char *before = "{";
    for (size_t i = 0; i < metric->label_count; i++, before = ",")
        if (ss_buffer_printf(out, "%s%s=\"", before, metric->labels[i]) || add_escaped(out, series->values[i], 1) ||
            ss_buffer_add_string(out, "\""))
            return -1;
    if (le && ss_buffer_printf(out, "%sle=\"%s\"", before, le)) return -1;
    return ss_buffer_printf(out, "%s %s\n", metric->label_count || le ? "}" : "", value);
}

static int add_histogram(ss_buffer *out, const ss_series *series)
{
    const ss_metric *metric = series->metric;
    uint64_t total = 0;
    char le[32], value[32];
    for (size_t i = 0; i <= metric->bound_count; i++) {
        total += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
        if (i < metric->bound_count)
            format_bound(le, metric->bounds[i]);
        else
            snprintf(le, sizeof le, "+Inf");
        snprintf(value, sizeof value, "%llu", (unsigned long long)total);
        if (add_sample(out, series, "_bucket", le, value)) return -1;
    }
    char sum[32];
    format_real(sum, load_real(&series->real));
    return add_sample(out, series, "_sum", NULL, sum) || add_sample(out, series, "_count", NULL, value) ? -1 : 0;
}

static int add_series(ss_buffer *out, const ss_series *series)
{
    char value[32];
    if (!series->shown) return 0;
    if (series->metric->kind == SS_HISTOGRAM) return add_histogram(out, series);
    if (series->metric->kind == SS_COUNTER)
        snprintf(value, sizeof value, "%llu", (unsigned long long)ss_counter_value(series));
    else
        format_real(value, ss_gauge_value(series));
    return add_sample(out, series, "", NULL, value);
}

static int is_shown(const ss_metric *metric)
{
    int shown = metric->other->shown;
    for (size_t i = 0; i < metric->count && !shown; i++) shown = metric->series[i]->shown;
    return shown;
}

static int add_metric(ss_buffer *out, const ss_metric *metric)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram", "counter"};
    if (!is_shown(metric)) return 0;
    if (ss_buffer_printf(out, "# HELP %s ", metric->name) || add_escaped(out, metric->help, 0) ||
        ss_buffer_printf(out, "\n# TYPE %s %s\n", metric->name, kinds[metric->kind]))
        return -1;
    for (size_t i = 0; i < metric->count; i++)
        if (add_series(out, metric->series[i])) return -1;
    return add_series(out, metric->other);
}

void ss_metrics_before_render(ss_metrics *metrics, ss_metrics_hook *hook, void *context)
{
    pthread_mutex_lock(&metrics->mutex);
    metrics->hook = hook;
    metrics->hook_context = context;
    pthread_mutex_unlock(&metrics->mutex);
}

int ss_metrics_render(ss_metrics *metrics, ss_buffer *out, ss_error *err)
{
    pthread_mutex_lock(&metrics->mutex);
    ss_metrics_hook *hook = metrics->hook;
    void *context = metrics->hook_context;
    pthread_mutex_unlock(&metrics->mutex);
    if (hook) hook(context); /* it may take its time, and adds and changes metrics: not under the lock */
    int failed = 0;
    pthread_mutex_lock(&metrics->mutex);
    for (size_t i = 0; i < metrics->count && !failed; i++) failed = add_metric(out, metrics->families[i]);
    pthread_mutex_unlock(&metrics->mutex);
    return failed ? ss_fail(err, SS_LIMIT, "metrics do not fit into %zu bytes", out->limit) : 0;
}

int ss_metrics_page(void *metrics, ss_buffer *out)
{
    return ss_metrics_render(metrics, out, NULL);
}
