/* test_metrics.c - what is rendered is read back by a strict reader of the text format 0.0.4, written from its
 * specification; bounds and threads. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ops/metrics.h"

/* ---- A strict reader: every line must be HELP, TYPE or a sample of the family announced last ---- */

typedef struct sample {
    char name[128];
    char labels[1024]; /* name=value pairs, unescaped, each followed by \x01 */
    double value;
} sample;

typedef struct page {
    sample *samples;
    size_t count;
} page;

static const char *read_name(const char *c, char *out, size_t size, int colon)
{
    size_t len = 0;
    while ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_' || (colon && *c == ':') ||
           (len && *c >= '0' && *c <= '9')) {
        assert_true(len < size - 1);
        out[len++] = *c++;
    }
    assert_true(len > 0);
    out[len] = 0;
    return c;
}

static const char *read_labels(const char *c, char *out, size_t size)
{
    size_t len = 0;
    out[0] = 0;
    if (*c != '{') return c;
    c++;
    for (;;) {
        char name[128];
        c = read_name(c, name, sizeof name, 0);
        len += (size_t)snprintf(out + len, size - len, "%s=", name);
        assert_int_equal(c[0], '=');
        assert_int_equal(c[1], '"');
        for (c += 2; *c != '"'; c++) {
            assert_true(*c && *c != '\n');
            char plain = *c;
            if (*c == '\\') {
                c++;
                assert_true(*c == '\\' || *c == '"' || *c == 'n');
                plain = *c == 'n' ? '\n' : *c;
            }
            assert_true(len < size - 3);
            out[len++] = plain;
        }
        out[len++] = 1;
        out[len] = 0;
        c++;
        if (*c == '}') return c + 1;
        assert_int_equal(*c++, ',');
    }
}

static double read_value(const char *c, const char *end)
{
    char text[64], *stop;
    assert_in_range(end - c, 1, 40);
    memcpy(text, c, (size_t)(end - c));
    text[end - c] = 0;
    if (strcmp(text, "+Inf") == 0) return INFINITY;
    if (strcmp(text, "-Inf") == 0) return -INFINITY;
    if (strcmp(text, "NaN") == 0) return NAN;
    assert_int_equal(strspn(text, "0123456789.eE+-"), strlen(text)); /* no "inf", "nan", hex */
    double value = strtod(text, &stop);
    assert_int_equal(*stop, 0);
    return value;
}

static int belongs(const char *sample_name, const char *family, const char *type)
{
    size_t len = strlen(family);
    if (strncmp(sample_name, family, len) != 0) return 0;
    const char *suffix = sample_name + len;
    if (strcmp(type, "histogram") != 0) return *suffix == 0;
    return strcmp(suffix, "_bucket") == 0 || strcmp(suffix, "_sum") == 0 || strcmp(suffix, "_count") == 0;
}

static const char *read_head(const char *line, const char *word, char *family, size_t size)
{
    assert_int_equal(strncmp(line, "# ", 2), 0);
    assert_int_equal(strncmp(line + 2, word, strlen(word)), 0);
    const char *c = read_name(line + 3 + strlen(word), family, size, 1);
    assert_int_equal(*c, ' ');
    return c + 1;
}

static page read_page(const char *text, size_t len)
{
    page p = {.samples = calloc(20000, sizeof *p.samples)};
    char family[128] = "", type[32] = "", seen[128][128];
    size_t families = 0;
    assert_int_equal(strlen(text), len);
    assert_true(len == 0 || text[len - 1] == '\n');
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        const char *end = strchr(line, '\n');
        if (*line == '#') {
            char again[128];
            read_head(line, "HELP", family, sizeof family);
            for (size_t i = 0; i < families; i++) assert_string_not_equal(seen[i], family); /* one group per family */
            assert_true(families < 128);
            snprintf(seen[families++], sizeof seen[0], "%s", family);
            line = end + 1;
            end = strchr(line, '\n');
            const char *c = read_head(line, "TYPE", again, sizeof again);
            assert_string_equal(again, family);
            snprintf(type, sizeof type, "%.*s", (int)(end - c), c);
            assert_true(!strcmp(type, "counter") || !strcmp(type, "gauge") || !strcmp(type, "histogram"));
            continue;
        }
        sample *s = &p.samples[p.count++];
        const char *c = read_name(line, s->name, sizeof s->name, 1);
        c = read_labels(c, s->labels, sizeof s->labels);
        assert_int_equal(*c, ' ');
        s->value = read_value(c + 1, end);
        assert_true(belongs(s->name, family, type));
        for (size_t i = 0; i + 1 < p.count; i++) /* no sample twice */
            assert_false(!strcmp(p.samples[i].name, s->name) && !strcmp(p.samples[i].labels, s->labels));
    }
    return p;
}

static const sample *find(const page *p, const char *name, const char *labels)
{
    for (size_t i = 0; i < p->count; i++)
        if (!strcmp(p->samples[i].name, name) && !strcmp(p->samples[i].labels, labels)) return &p->samples[i];
    return NULL;
}

static void expect(const page *p, const char *name, const char *labels, double value)
{
    const sample *s = find(p, name, labels);
    if (!s) fail_msg("no sample %s{%s}", name, labels);
    if (s->value != value && !(isnan(s->value) && isnan(value))) fail_msg("%s: %g, not %g", name, s->value, value);
}

static page render(ss_metrics *metrics)
{
    ss_buffer out;
    ss_error err;
    ss_buffer_init(&out, 16 << 20);
    assert_int_equal(ss_metrics_render(metrics, &out, &err), 0);
    page p = read_page(out.data ? out.data : "", out.len);
    ss_buffer_free(&out);
    return p;
}

static ss_metrics *new_metrics(void)
{
    ss_metrics *metrics = ss_metrics_new(NULL);
    assert_non_null(metrics);
    return metrics;
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__})

static ss_metric *add(ss_metrics *metrics, ss_metric_kind kind, const char *name, const char *const *labels,
                      size_t count)
{
    ss_error err;
    ss_metric *metric = ss_metrics_add(metrics, kind, name, "Help\\ with\nnewline.", labels, count, &err);
    if (!metric) fail_msg("%s", err.text);
    return metric;
}

/* ---- Tests ---- */

static void the_format_holds_counters_gauges_and_labels(void **state)
{
    (void)state;
    ss_metrics *metrics = new_metrics();
    page p = render(metrics);
    assert_int_equal(p.count, 0);
    free(p.samples);
    ss_series *ads = ss_metric_with(add(metrics, SS_COUNTER, "ads_total", NULL, 0), NULL);
    ss_series *lag = ss_metric_with(add(metrics, SS_GAUGE, "lag", NAMES("topic", "partition"), 2), NAMES("a", "0"));
    add(metrics, SS_GAUGE, "never_used", NAMES("x"), 1);
    ss_counter_add(ads, 2);
    ss_counter_add(ads, UINT64_C(1) << 40);
    ss_gauge_set(lag, -0.1);
    p = render(metrics);
    assert_int_equal(p.count, 2);
    expect(&p, "ads_total", "", 1099511627778.0);
    expect(&p, "lag", "topic=a\1partition=0\1", -0.1); /* exactly: 17 digits read back the same double */
    free(p.samples);
    ss_gauge_add(lag, 1.1);
    assert_true(ss_gauge_value(lag) == -0.1 + 1.1);
    static const double extremes[] = {INFINITY, -INFINITY, NAN, 1e300, 5e-324, 0};
    for (size_t i = 0; i < sizeof extremes / sizeof extremes[0]; i++) {
        ss_gauge_set(lag, extremes[i]);
        p = render(metrics);
        expect(&p, "lag", "topic=a\1partition=0\1", extremes[i]);
        free(p.samples);
    }
    ss_counter_raise(ads, 5); /* lower: nothing */
    assert_true(ss_counter_value(ads) == (UINT64_C(1) << 40) + 2);
    ss_counter_raise(ads, UINT64_C(1) << 41);
    assert_true(ss_counter_value(ads) == UINT64_C(1) << 41);
    ss_metrics_free(metrics);
}

static void seconds_are_a_counter_with_a_fraction_that_never_falls(void **state)
{
    (void)state;
    ss_metrics *metrics = new_metrics();
    ss_series *busy = ss_metric_with(add(metrics, SS_SECONDS, "busy_seconds_total", NULL, 0), NULL);
    static const double raised[][2] = {{0.25, 0.25}, {0.1, 0.25}, {NAN, 0.25}, {1e9 + 1e-6, 1e9 + 1e-6}};
    for (size_t i = 0; i < sizeof raised / sizeof raised[0]; i++) {
        ss_seconds_raise(busy, raised[i][0]);
        assert_true(ss_seconds_value(busy) == raised[i][1]);
        page p = render(metrics);
        expect(&p, "busy_seconds_total", "", raised[i][1]);
        free(p.samples);
    }
    ss_buffer out;
    ss_buffer_init(&out, 4096);
    assert_int_equal(ss_metrics_render(metrics, &out, NULL), 0);
    assert_int_equal(ss_buffer_add(&out, "", 1), 0);
    assert_non_null(strstr(out.data, "# TYPE busy_seconds_total counter\n"));
    ss_buffer_free(&out);
    ss_metrics_free(metrics);
}

static void hostile_label_values_stay_one_value(void **state)
{
    (void)state;
    ss_metrics *metrics = new_metrics();
    ss_metric *metric = add(metrics, SS_COUNTER, "m_total", NAMES("v"), 1);
    static const char *const values[][2] = {
        {"a\"} 7\nevil_total 9", NULL},
        {"back\\slash", NULL},
        {"", NULL},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", NULL},
        {"\xff\xfe", "??"},
        {"x\xc3", "x?"},
        {"\xe2\x82", "??"},
        {"\xed\xa0\x80", "???"},
        {"\xc0\x80", "??"},
        {"\xf4\x90\x80\x80", "????"},
        {"\xe0\x80\x80", "???"},
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) ss_counter_add(ss_metric_with(metric, values[i]), 1);
    page p = render(metrics);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char labels[128];
        snprintf(labels, sizeof labels, "v=%s\1", values[i][1] ? values[i][1] : values[i][0]);
        assert_non_null(find(&p, "m_total", labels));
    }
    free(p.samples);
    char longest[1000]; /* cut between characters */
    for (size_t i = 0; i + 3 < sizeof longest; i += 3) memcpy(longest + i, "\xe2\x82\xac", 4);
    ss_counter_add(ss_metric_with(metric, NAMES(longest)), 1);
    p = render(metrics);
    int found = 0;
    for (size_t i = 0; i < p.count; i++) found += strlen(p.samples[i].labels) == 2 + 126 + 1;
    assert_int_equal(found, 1);
    free(p.samples);
    ss_metrics_free(metrics);
}

static void histograms_are_cumulative_and_consistent(void **state)
{
    (void)state;
    ss_metrics *metrics = new_metrics();
    ss_error err;
    static const double bounds[] = {-1, 0.1, 1e6};
    ss_metric *metric = ss_metrics_add_histogram(metrics, "h", "Help.", NAMES("stage"), 1, bounds, 3, &err);
    ss_series *series = ss_metric_with(metric, NAMES("text"));
    static const double seen[] = {-5, -1, 0, 0.1, 0.100001, 1e6, 1e7, NAN};
    for (size_t i = 0; i < 8; i++) ss_histogram_observe(series, seen[i]);
    page p = render(metrics);
    expect(&p, "h_bucket", "stage=text\1le=-1\1", 2); /* bounds are inclusive */
    expect(&p, "h_bucket", "stage=text\1le=0.1\1", 4);
    expect(&p, "h_bucket", "stage=text\1le=1e+06\1", 6);
    expect(&p, "h_bucket", "stage=text\1le=+Inf\1", 7);
    expect(&p, "h_count", "stage=text\1", 7);
    expect(&p, "h_sum", "stage=text\1", -5 - 1 + 0 + 0.1 + 0.100001 + 1e6 + 1e7);
    free(p.samples);
    ss_histogram_observe(ss_metric_with(add(metrics, SS_HISTOGRAM, "s_seconds", NULL, 0), NULL), 0.0004);
    p = render(metrics);
    expect(&p, "s_seconds_bucket", "le=0.0005\1", 1);
    expect(&p, "s_seconds_bucket", "le=30\1", 1);
    free(p.samples);
    ss_metrics_free(metrics);
}

static void wrong_definitions_are_refused(void **state)
{
    (void)state;
    ss_metrics *metrics = new_metrics();
    ss_error err = {0};
    add(metrics, SS_COUNTER, "once", NULL, 0);
    static const char *const names[] = {"", "1a", "a-b", "a b", "a\n", "once", NULL, "\xc3\xa9"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_null(ss_metrics_add(metrics, SS_GAUGE, names[i], "h", NULL, 0, &err));
        assert_int_equal(err.status, SS_INTERNAL);
    }
    static const char *const labels[] = {"", "le", "__x", "a:b", "1", "a-b"};
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++)
        assert_null(ss_metrics_add(metrics, SS_GAUGE, "g", "h", &labels[i], 1, &err));
    assert_null(ss_metrics_add(metrics, SS_GAUGE, "g", "h", NAMES("a", "b", "c", "d", "e"), 5, &err));
    static const double bad[][2] = {{1, 1}, {2, 1}, {0, INFINITY}, {NAN, 1}};
    for (size_t i = 0; i < 4; i++) assert_null(ss_metrics_add_histogram(metrics, "x", "h", NULL, 0, bad[i], 2, &err));
    assert_null(ss_metrics_add_histogram(metrics, "x", "h", NULL, 0, bad[0], 0, &err));
    char name[16];
    for (int i = 1; i < SS_METRIC_FAMILIES_MAX; i++) {
        snprintf(name, sizeof name, "m%d", i);
        add(metrics, SS_COUNTER, name, NULL, 0);
    }
    assert_null(ss_metrics_add(metrics, SS_COUNTER, "one_more", "h", NULL, 0, &err));
    ss_metrics_free(metrics);
}

static void label_sets_are_bounded_and_nothing_is_lost(void **state)
{
    (void)state;
    ss_metrics *metrics = new_metrics();
    ss_metric *metric = add(metrics, SS_COUNTER, "m_total", NAMES("v"), 1);
    char value[16];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 1000; i++) {
            snprintf(value, sizeof value, "%d", i);
            ss_counter_add(ss_metric_with(metric, NAMES(value)), 1);
        }
    page p = render(metrics);
    assert_int_equal(p.count, SS_METRIC_SERIES_MAX);
    double total = 0;
    for (size_t i = 0; i < p.count; i++) total += p.samples[i].value;
    assert_true(total == 2000);
    expect(&p, "m_total", "v=other\1", 2 * (1000 - (SS_METRIC_SERIES_MAX - 1)));
    free(p.samples);
    assert_ptr_equal(ss_metric_with(metric, NAMES("other")), ss_metric_with(metric, NAMES("999")));
    ss_metrics_free(metrics);
}

static void removed_series_vanish_and_start_anew(void **state)
{
    (void)state;
    ss_metrics *metrics = new_metrics();
    ss_metric *info = add(metrics, SS_GAUGE, "release_info", NAMES("digest"), 1);
    char digest[32];
    for (int i = 0; i < 5000; i++) { /* far more than there are places */
        snprintf(digest, sizeof digest, "d%d", i);
        ss_series *series = ss_metric_with(info, NAMES(digest));
        assert_true(ss_gauge_value(series) == 0);
        ss_gauge_set(series, 1);
        if (i < 4999) ss_series_remove(series);
    }
    page p = render(metrics);
    assert_int_equal(p.count, 1);
    expect(&p, "release_info", "digest=d4999\1", 1);
    free(p.samples);
    ss_metrics_free(metrics);
}

static void bring_up_to_date(void *context)
{
    ss_gauge_set(context, 42);
}

static void the_hook_runs_before_rendering_and_limits_are_errors(void **state)
{
    (void)state;
    ss_metrics *metrics = new_metrics();
    ss_series *series = ss_metric_with(add(metrics, SS_GAUGE, "g", NULL, 0), NULL);
    ss_metrics_before_render(metrics, bring_up_to_date, series);
    page p = render(metrics);
    expect(&p, "g", "", 42);
    free(p.samples);
    ss_error err = {0};
    for (size_t limit = 0; limit < 20; limit++) {
        ss_buffer out;
        ss_buffer_init(&out, limit);
        assert_int_equal(ss_metrics_render(metrics, &out, &err), -1);
        assert_int_equal(err.status, SS_LIMIT);
        ss_buffer_free(&out);
    }
    ss_metrics_free(metrics);
}

/* ---- Threads ---- */

enum { THREADS = 4, ROUNDS = 20000 };

typedef struct shared {
    ss_metric *counter;
    ss_series *gauge, *histogram;
} shared;

static void *update(void *context)
{
    shared *s = context;
    for (int i = 0; i < ROUNDS; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", i % 10);
        ss_counter_add(ss_metric_with(s->counter, NAMES(value)), 1);
        ss_gauge_add(s->gauge, 1);
        ss_histogram_observe(s->histogram, i % 2);
    }
    return NULL;
}

static void no_update_is_lost_between_threads(void **state)
{
    (void)state;
    ss_metrics *metrics = new_metrics();
    shared s = {.counter = add(metrics, SS_COUNTER, "c_total", NAMES("v"), 1)};
    s.gauge = ss_metric_with(add(metrics, SS_GAUGE, "g", NULL, 0), NULL);
    s.histogram = ss_metric_with(add(metrics, SS_HISTOGRAM, "h", NULL, 0), NULL);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, update, &s), 0);
    for (int i = 0; i < 50; i++) { /* every scrape meanwhile is well formed, and count = +Inf */
        page p = render(metrics);
        const sample *inf = find(&p, "h_bucket", "le=+Inf\1");
        expect(&p, "h_count", "", inf->value);
        free(p.samples);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    page p = render(metrics);
    for (int i = 0; i < 10; i++) {
        char labels[16];
        snprintf(labels, sizeof labels, "v=%d\1", i);
        expect(&p, "c_total", labels, THREADS * ROUNDS / 10);
    }
    expect(&p, "g", "", THREADS * ROUNDS);
    expect(&p, "h_count", "", THREADS * ROUNDS);
    expect(&p, "h_sum", "", THREADS * ROUNDS / 2.0);
    free(p.samples);
    ss_metrics_free(metrics);
}

/* ---- A hook that comes while pages are served, as the worker's does: it waits for no release before it serves ---- */

typedef struct hooked {
    ss_metrics *metrics;
    ss_series *gauge;
    int value;
    atomic_int seen;
} hooked;

static void show_value(void *context)
{
    hooked *h = context;
    ss_gauge_set(h->gauge, h->value); /* written before the hook was set: ThreadSanitizer would tell */
    atomic_store(&h->seen, 1);
}

static void *scrape_until_seen(void *context)
{
    hooked *h = context;
    while (!atomic_load(&h->seen)) {
        page p = render(h->metrics);
        free(p.samples);
    }
    return NULL;
}

static void a_hook_may_be_set_while_pages_are_rendered(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        hooked h = {.metrics = ss_metrics_new(NULL)};
        assert_non_null(h.metrics);
        ss_metric *metric = ss_metrics_add(h.metrics, SS_GAUGE, "g", "A gauge.", NULL, 0, NULL);
        assert_non_null(metric);
        h.gauge = ss_metric_with(metric, NULL);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, scrape_until_seen, &h), 0);
        h.value = round;
        ss_metrics_before_render(h.metrics, show_value, &h);
        pthread_join(thread, NULL);
        assert_int_equal((int)ss_gauge_value(h.gauge), round);
        ss_metrics_free(h.metrics);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_format_holds_counters_gauges_and_labels),
        cmocka_unit_test(seconds_are_a_counter_with_a_fraction_that_never_falls),
        cmocka_unit_test(hostile_label_values_stay_one_value),
        cmocka_unit_test(histograms_are_cumulative_and_consistent),
        cmocka_unit_test(wrong_definitions_are_refused),
        cmocka_unit_test(label_sets_are_bounded_and_nothing_is_lost),
        cmocka_unit_test(removed_series_vanish_and_start_anew),
        cmocka_unit_test(the_hook_runs_before_rendering_and_limits_are_errors),
        cmocka_unit_test(no_update_is_lost_between_threads),
        cmocka_unit_test(a_hook_may_be_set_while_pages_are_rendered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
