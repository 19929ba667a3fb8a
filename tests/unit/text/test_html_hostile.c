/* HTML that is made to hurt: deep, unclosed, endless. It must neither crash nor overflow a small stack, cost more than
 * a fixed time per byte, or lose text; and where memory or a limit ends, that must be a clear error. */
#include "cases.h"

#include <pthread.h>
#include <time.h>

/* 1 MB in 2 s is many times what the slowest trap takes, also with sanitizers; a quadratic one takes a minute. */
enum { SMALL_STACK = 256 * 1024, MEGABYTE = 1000 * 1000, TRAP_SECONDS = 2 };

static char *repeat(const char *unit, size_t count, const char *tail, size_t *len)
{
    size_t unit_len = strlen(unit), tail_len = strlen(tail);
    char *out = malloc(unit_len * count + tail_len + 1);
    assert_non_null(out);
    for (size_t i = 0; i < count; i++) memcpy(out + i * unit_len, unit, unit_len);
    memcpy(out + count * unit_len, tail, tail_len + 1);
    *len = unit_len * count + tail_len;
    return out;
}

typedef struct deep_job {
    size_t depth;
    ss_html_limits limits;
    int result;
    char text[64];
} deep_job;

static void *parse_deep(void *argument)
{
    deep_job *job = argument;
    size_t len;
    char *html = repeat("<div>", job->depth, "deep <b>inside</b>", &len);
    ss_arena arena;
    ss_text text;
    ss_arena_init(&arena, 0, 0);
    job->result = ss_text_from_html(html, len, &job->limits, &arena, &text, NULL);
    if (job->result == 0) snprintf(job->text, sizeof job->text, "%s", text.bytes);
    ss_arena_free(&arena);
    free(html);
    return NULL;
}

static void assert_deep_text_survives(deep_job job)
{
    pthread_attr_t attributes;
    pthread_t thread;
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, SMALL_STACK), 0);
    assert_int_equal(pthread_create(&thread, &attributes, parse_deep, &job), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
    assert_int_equal(job.result, 0);
    assert_string_equal(job.text, "deep inside");
}

static void nesting_of_any_depth_needs_no_stack(void **state)
{
    (void)state;
    assert_deep_text_survives((deep_job){.depth = 10 * 1000});
    assert_deep_text_survives((deep_job){.depth = 1000 * 1000});
    /* By the tree, whatever it costs. */
    assert_deep_text_survives((deep_job){.depth = 30 * 1000, .limits = {.max_tree_work = 1000u * 1000 * 1000}});
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void a_megabyte_of_any_trap_takes_no_time(void **state)
{
    (void)state;
    static const char *const units[] = {"<div>x",
                                        "<b><p>x",
                                        "<b><p><i></b>x",
                                        "<a>x",
                                        "<font>x",
                                        "<font size=1>x",
                                        "<table>x",
                                        "<table><tr><td>x",
                                        "</p>x",
                                        "</br>",
                                        "<li><ul>x",
                                        "<x1></x2>x",
                                        "<!--x-->",
                                        "<!-- <div>",
                                        "<svg><g>x",
                                        "<svg/>x",
                                        "<select><a>x",
                                        "<a b=\"",
                                        "<a b='c'd>x",
                                        "<button><p>",
                                        "&amp;",
                                        "&notit;",
                                        "&#1114112;",
                                        "&lt;p&gt;x",
                                        "<h1><h2>x",
                                        "<dd><dt>x",
                                        "<ruby><rt>x",
                                        "<script>x",
                                        "<textarea>",
                                        "<pre>\n",
                                        "<frameset>x",
                                        "<optgroup><option>x",
                                        "<math><mi>x",
                                        "<template>x",
                                        "<",
                                        "<!",
                                        "</",
                                        "\xFF",
                                        "\xC3\xA9\xFF ",
                                        "<nobr>x",
                                        "<b id=1><p>x",
                                        "<p>a</p>",
                                        "a=b ",
                                        "<isindex>",
                                        "<form><p>",
                                        "<b><div></b>x",
                                        "<a b c d e f>",
                                        "<table><b>x"};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t len;
        char *html = repeat(units[i], MEGABYTE / strlen(units[i]), "end", &len);
        ss_arena arena;
        ss_text text;
        ss_arena_init(&arena, 0, 0);
        double start = cpu_seconds();
        assert_int_equal(ss_text_from_html(html, len, NULL, &arena, &text, NULL), 0);
        double seconds = cpu_seconds() - start;
        if (seconds > TRAP_SECONDS) fail_msg("1 MB of %s takes %.1f s", units[i], seconds);
        ss_arena_free(&arena);
        free(html);
    }
}

/* Start tags with numbers in them, so that no two are alike; and one tag with a hundred thousand attributes. */
static void elements_and_attributes_without_end_take_no_time(void **state)
{
    (void)state;
    static const char *const forms[] = {"<b id=%zu><p>x", "<x%zu>x", "<i%zu></i%zu>", " a%zu=1"};
    for (size_t form = 0; form < 4; form++) {
        char *html = malloc(MEGABYTE + 64);
        assert_non_null(html);
        size_t len = form == 3 ? (size_t)snprintf(html, 8, "<a") : 0;
        for (size_t i = 0; len < MEGABYTE; i++) {
            len += (size_t)snprintf(html + len, 64, forms[form], i, i + 1);
        }
        len += (size_t)snprintf(html + len, 64, ">the end");
        ss_arena arena;
        ss_text text;
        ss_arena_init(&arena, 0, 0);
        double start = cpu_seconds();
        assert_int_equal(ss_text_from_html(html, len, NULL, &arena, &text, NULL), 0);
        assert_true(cpu_seconds() - start < TRAP_SECONDS);
        assert_true(text.len >= 7 && strcmp(text.bytes + text.len - 7, "the end") == 0);
        ss_arena_free(&arena);
        free(html);
    }
}

static void an_ad_of_five_megabytes_becomes_text(void **state)
{
    (void)state;
    enum { TIMES = 50 * 1000 };
    static const char unit[] = "<p>We look for a <b>cook</b> who knows &eacute;clairs and who likes to work on "
                               "Sundays.</p>\n";
    size_t len;
    char *html = repeat(unit, TIMES, "", &len);
    ss_arena arena;
    ss_text text;
    ss_arena_init(&arena, 0, 0);
    assert_true(len > 4500 * 1000);
    assert_int_equal(ss_text_from_html(html, len, NULL, &arena, &text, NULL), 0);
    static const char line[] = "We look for a cook who knows \xC3\xA9"
                               "clairs and who likes to work on Sundays.\n";
    assert_int_equal(text.len, TIMES * (sizeof line - 1) - 1);
    for (size_t i = 0; i < TIMES - 1; i++)
        assert_memory_equal(text.bytes + i * (sizeof line - 1), line, sizeof line - 1);
    ss_arena_free(&arena);
    free(html);
}

static void a_tree_over_its_memory_loses_no_text(void **state)
{
    (void)state;
    size_t len;
    char *html = repeat("<p>word</p>", 50 * 1000, "last", &len);
    ss_arena arena;
    ss_text whole, bounded;
    const ss_html_limits limits = {.max_tree_memory = 100 * 1000};
    ss_arena_init(&arena, 0, 0);
    assert_int_equal(ss_text_from_html(html, len, NULL, &arena, &whole, NULL), 0);
    assert_int_equal(ss_text_from_html(html, len, &limits, &arena, &bounded, NULL), 0);
    assert_int_equal(whole.len, 50 * 1000 * 5 + 4);
    assert_string_equal(whole.bytes, bounded.bytes);
    assert_memory_equal(whole.source, bounded.source, (whole.len + 1) * sizeof *whole.source);
    ss_arena_free(&arena);
    free(html);
}

static void a_body_over_the_limit_is_a_clear_error(void **state)
{
    (void)state;
    ss_arena arena;
    ss_text text;
    ss_error err = {0};
    const ss_html_limits limits = {.max_bytes = 10};
    ss_arena_init(&arena, 0, 0);
    assert_int_equal(ss_text_from_html("<p>0123456789", 13, &limits, &arena, &text, &err), -1);
    assert_int_equal(err.status, SS_LIMIT);
    assert_string_equal(err.text, "HTML of 13 bytes: at most 10 are accepted");
    assert_int_equal(ss_text_from_html("<p>0123456", 10, &limits, &arena, &text, &err), 0);
    ss_arena_free(&arena);
}

/* Every limit of the caller's arena from nothing to enough: an error that says so, or the whole text. */
static void every_arena_limit_gives_an_error_or_the_text(void **state)
{
    (void)state;
    static const char html[] = "<p>One &amp; two.</p><ul><li>Three. Four.</ul>";
    int succeeded = 0;
    for (size_t limit = 16; limit < 1024; limit += 16) {
        ss_arena arena;
        ss_text text, plain;
        ss_span *spans;
        size_t count;
        ss_error err = {0};
        ss_arena_init(&arena, 4096, limit);
        int result = ss_text_from_html(html, sizeof html - 1, NULL, &arena, &text, &err);
        if (result == 0) result = ss_sentences_split(text.bytes, text.len, NULL, &arena, &spans, &count, &err);
        if (result == 0) result = ss_text_from_plain(html, sizeof html - 1, &arena, &plain, &err);
        if (result < 0) assert_int_equal(err.status, SS_MEMORY);
        if (result == 0) assert_int_equal(count, 3);
        assert_true(result == 0 || !succeeded);
        succeeded |= result == 0;
        ss_arena_free(&arena);
    }
    assert_true(succeeded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nesting_of_any_depth_needs_no_stack),
        cmocka_unit_test(a_megabyte_of_any_trap_takes_no_time),
        cmocka_unit_test(elements_and_attributes_without_end_take_no_time),
        cmocka_unit_test(an_ad_of_five_megabytes_becomes_text),
        cmocka_unit_test(a_tree_over_its_memory_loses_no_text),
        cmocka_unit_test(a_body_over_the_limit_is_a_clear_error),
        cmocka_unit_test(every_arena_limit_gives_an_error_or_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
