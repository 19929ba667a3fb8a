/* Hostile ads of growing size: four times the bytes may cost about four times the work, never sixteen. Every stage on
 * its own, then the whole way of an ad through a batch; work is this thread's CPU time, the least of some tries.
 *
 * What the stages must bear is made of repeated units, with or without a number in each that makes no two alike.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "extract/tiny_release.h"
#include "match/first_stage.h"
#include "match/span.h"
#include "text/html.h"
#include "text/tokenizer.h"
#include "worker/extract/ad_text.h"
#include "worker/extract/job.h"

/* Linear work gives a ratio of 4, quadratic 16. What takes less than NOISE says nothing. */
enum { GROWTH = 4, ALLOWED = 8, TRIES = 3, ATTEMPTS = 5, KIB = 1024 };
#define NOISE 0.02

static tiny_release tiny;
static ss_pool *pool;
static ss_extractor *extractor;
static ss_tokenizer_scratch *scratch;

static int set_up(void **state)
{
    (void)state;
    tiny_release_make(&tiny);
    pool = ss_pool_new(1, NULL);
    scratch = ss_tokenizer_scratch_new(NULL);
    ss_extract_options options = {.threshold = 0, .top = 5};
    extractor = ss_extractor_new(tiny.release, &options, pool, NULL, NULL);
    return extractor && scratch ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    ss_extractor_free(extractor);
    ss_tokenizer_scratch_free(scratch);
    ss_pool_free(pool);
    tiny_release_free(&tiny);
    return 0;
}

/* ---- what is measured ---- */

typedef struct input {
    char *bytes;
    size_t len;
} input;

/* Does a stage's work on an input once. */
typedef void stage_fn(const input *in, ss_arena *arena);

static void html_stage(const input *in, ss_arena *arena)
{
    ss_text text;
    assert_int_equal(ss_text_from_html(in->bytes, in->len, NULL, arena, &text, NULL), 0);
}

/* Plain text into sentences that the encoder can take. */
static void sentence_stage(const input *in, ss_arena *arena)
{
    ss_ad ad = {.body = {in->bytes, in->len}, .body_format = SS_BODY_TEXT};
    ss_ad_limits limits = {.max_tokens = 62};
    ss_ad_text text;
    const ss_tokenizer *tokenizer = ss_encoder_tokenizer(ss_release_encoder(tiny.release));
    assert_int_equal(ss_ad_text_make(&ad, &limits, tokenizer, scratch, arena, &text, NULL), 0);
    assert_null(text.reason);
}

static void tokenizer_stage(const input *in, ss_arena *arena)
{
    int32_t ids[64];
    size_t count, full;
    (void)arena;
    const ss_tokenizer *tokenizer = ss_encoder_tokenizer(ss_release_encoder(tiny.release));
    assert_int_equal(ss_tokenize(tokenizer, scratch, in->bytes, in->len, 64, ids, &count, &full, NULL), 0);
}

/* All of it as one sentence: a word of any length is one token, and so a sentence is as long as it likes. */
static void span_stage(const input *in, ss_arena *arena)
{
    (void)arena;
    ss_span_finder *finder = ss_span_finder_new(ss_release_span_labels(tiny.release), NULL);
    assert_non_null(finder);
    assert_int_equal(ss_span_sentence(finder, in->bytes, in->len, NULL), 0);
    ss_worded_room room;
    ss_worded worded = ss_span_worded(finder, &room);
    ss_first_stage *stage = ss_first_stage_new(SS_FILTER_CAREFUL, SS_FIRST_STAGE_LEAST_SKILLS);
    assert_non_null(stage);
    ss_first_stage_look(stage, &worded, in->bytes, in->len);
    ss_first_stage_free(stage);
    for (uint32_t s = 0; s < ss_taxonomy_count(ss_release_taxonomy(tiny.release)); s++) ss_span_find(finder, s);
    ss_span_finder_free(finder);
}

static void json_stage(const input *in, ss_arena *arena)
{
    ss_ad ad;
    const char *reason = NULL;
    ss_wire_decode_ad(in->bytes, in->len, "application/json", NULL, arena, &ad, &reason, NULL);
}

static void protobuf_stage(const input *in, ss_arena *arena)
{
    ss_ad ad;
    const char *reason = NULL;
    ss_wire_decode_ad(in->bytes, in->len, "application/x-protobuf", NULL, arena, &ad, &reason, NULL);
}

/* From message to record. */
static void batch_stage(const input *in, ss_arena *arena)
{
    static const ss_job_rules rules = {.out = "records", .dead_letters = "dlq", .program = "test 1"};
    ss_ad ad = {.id = {"a", 1}, .body = {in->bytes, in->len}};
    ss_buffer value;
    (void)arena;
    ss_buffer_init(&value, 1 << 26);
    assert_int_equal(ss_wire_encode_ad(&ad, NULL, &value, NULL), 0);
    ss_message message = {.topic = "ads", .value = value.data, .value_len = value.len};
    ss_batch batch = {.messages = &message, .count = 1};
    ss_job job;
    ss_job_init(&job);
    job.batch = &batch;
    assert_int_equal(ss_job_compute(&job, &rules, extractor, NULL), 0);
    assert_int_equal(job.counts.records, 1);
    ss_job_free(&job);
    ss_buffer_free(&value);
}

/* ---- measuring ---- */

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); /* the pool's thread does the batch's work */
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double least_seconds(stage_fn *stage, const input *in)
{
    double least = 1e9;
    for (int i = 0; i < TRIES; i++) {
        ss_arena arena;
        ss_arena_init(&arena, 1 << 20, 0);
        double start = cpu_seconds();
        stage(in, &arena);
        double seconds = cpu_seconds() - start;
        ss_arena_free(&arena);
        if (seconds < least) least = seconds;
        if (least < NOISE / 4) break;
    }
    return least;
}

/* An input of a size: head, units until it is full, tail. A "%zu" in the unit becomes the unit's number. */
typedef struct shape {
    const char *head, *unit, *tail;
} shape;

static input make_input(const shape *s, size_t size)
{
    input in = {.bytes = malloc(size + 4096)};
    assert_non_null(in.bytes);
    int numbered = strstr(s->unit, "%zu") != NULL;
    in.len = strlen(s->head);
    memcpy(in.bytes, s->head, in.len);
    for (size_t i = 0; in.len < size; i++) {
        char unit[256];
        size_t len = strlen(s->unit);
        memcpy(unit, s->unit, len);
        if (numbered) { /* the format is one of ours, but not a literal */
            const char *at = strstr(s->unit, "%zu");
            len = (size_t)snprintf(unit, sizeof unit, "%.*s%zu%s", (int)(at - s->unit), s->unit, i, at + 3);
        }
        memcpy(in.bytes + in.len, unit, len);
        in.len += len;
    }
    size_t len = strlen(s->tail);
    memcpy(in.bytes + in.len, s->tail, len);
    in.len += len;
    return in;
}

/* 1 if four times the bytes cost far more than four times the work; the seconds of both sizes. */
static int grows_too_fast(stage_fn *stage, const shape *s, size_t size, double *once, double *more)
{
    input small = make_input(s, size), large = make_input(s, size * GROWTH);
    *once = least_seconds(stage, &small);
    *more = least_seconds(stage, &large);
    free(small.bytes);
    free(large.bytes);
    return *more > NOISE + ALLOWED * *once;
}

/* The unit as it can be printed. */
static const char *spelled(const char *unit, char out[128])
{
    size_t len = 0;
    for (; *unit && len < 120; unit++)
        len += (size_t)(*unit > ' ' && *unit < 0x7F ? snprintf(out + len, 8, "%c", *unit)
                                                    : snprintf(out + len, 8, "\\x%02X", (unsigned char)*unit));
    out[len] = 0;
    return out;
}

static void check_growth(const char *name, stage_fn *stage, const shape *shapes, size_t count, size_t size)
{
    for (size_t i = 0; i < count; i++) {
        char unit[128];
        double once, more;
        int bad = 1; /* other work on the machine can slow one of the two down, but not again and again */
        for (int attempt = 0; bad && attempt < ATTEMPTS; attempt++)
            bad = grows_too_fast(stage, &shapes[i], size, &once, &more);
        spelled(shapes[i].unit, unit);
        print_message("%-9s %-32.32s %7.1f -> %7.1f ms\n", name, unit, once * 1e3, more * 1e3);
        if (bad)
            fail_msg("%s of '%s': %.0f ms for %zu KiB, %.0f ms for %d times as much", name, unit, once * 1e3,
                     size / KIB, more * 1e3, GROWTH);
    }
}

/* ---- what is hostile ---- */

static const shape pages[] = {{"", "<div>", "x"},
                              {"", "<b id=%zu><p>x", ""},
                              {"", "<a><table><tr><td>", "x"},
                              {"", "<x%zu>", "x"},
                              {"", "<x%zu></x%zu>", "x"},
                              {"<a", " a%zu=1", ">x"},
                              {"<a b=\"", "<p>x", ""},
                              {"<!--", "-- x", ""},
                              {"", "<!--", "-->x"},
                              {"", "<![CDATA[x", ""},
                              {"<script>", "<!--<script>", ""},
                              {"<textarea>", "</textare", ""},
                              {"<select>", "<option>x<optgroup>", ""},
                              {"", "&amp;amp;lt;p&amp;amp;gt;", ""},
                              {"", "&CounterClockwiseContourIntegral;", ""},
                              {"&#", "9", ";"},
                              {"", "&#%zu;", ""},
                              {"&lt;p&gt;", "&amp;#99999999999;", ""},
                              {"", "&", ""},
                              {"", "<", ""},
                              {"", "</", ""},
                              {"", "x", ""},
                              {"", "\xC3\xA9\xFF", ""},
                              {"<table>", "x<td>y", ""},
                              {"<svg>", "<g><foreignObject><p>", "x"},
                              {"<p>", "<font size=%zu>", "x"}};

static const shape texts[] = {{"", "x", ""},
                              {"", "X.", ""},
                              {"", "A. ", ""},
                              {"", "a%zu. ", ""},
                              {"", "word ", ""},
                              {"", "word%zu ", ""},
                              {"", "a\n", ""},
                              {"", "\n", ""},
                              {"", " ", "x"},
                              {"", "- ", ""},
                              {"", "* a ", ""},
                              {"", "%zu. x ", ""},
                              {"", "1) ", ""},
                              {"", "\n%zu) x", ""},
                              {"", "e.g. ", ""},
                              {"", "...", ""},
                              {"", "!?", ""},
                              {"", "(\"", ""},
                              {"", "a@b.c/", ""},
                              {"", "http://a.b/", ""},
                              {"", "o ", ""},
                              {"", "\xE2\x80\xA2", ""},
                              {"", "a\xCC\x81", ""},
                              {"", "\xCC\x81", ""},
                              {"", "\xE4\xB8\xAD", ""},
                              {"", "\xE3\x80\x82", ""},
                              {"", "a;", ""},
                              {"", "a,b ", ""},
                              {"", "Java ", ""},
                              {"", "manage ", ""},
                              {"", "[MASK]", ""},
                              {"", "[CLS", ""},
                              {"", "#", ""},
                              {"", "\xEF\xAC\x83", ""},
                              {"", "\xE2\x80\x8B", "x"},
                              {"", "This line was wrapped at a fixed column and it goes on in the next one\n", ""}};

static const shape jsons[] = {{"", "[", ""},
                              {"", "{\"@graph\":[", ""},
                              {"[", "{\"@type\":\"X\"},", "{\"text\":\"x\"}]"},
                              {"{\"text\":\"", "\\u0041", "\"}"},
                              {"{\"text\":\"", "\\ud800", "\"}"},
                              {"{\"text\":\"", "\xFF\xC3", "\"}"},
                              {"{\"text\":\"x\",\"attributes\":{", "\"k%zu\":\"v\",", "\"k\":\"v\"}}"},
                              {"{\"text\":\"x\",", "\"k%zu\":1,", "\"k\":1}"},
                              {"{\"text\":\"x\",", "\"text\":\"%zu\",", "\"k\":1}"},
                              {"{\"@type\":\"JobPosting\",\"description\":\"x\",\"skills\":[", "\"a%zu\",", "\"b\"]}"},
                              {"{\"@type\":[", "\"X%zu\",", "\"JobPosting\"],\"description\":\"x\"}"},
                              {"{\"@type\":\"JobPosting\",\"description\":\"x\",\"jobLocation\":[",
                               "{\"address\":{\"addressLocality\":\"a%zu\"}},", "{}]}"},
                              {"{\"@type\":\"JobPosting\",\"description\":\"", "&amp;lt;p&gt;", "\"}"},
                              {"{\"text\":\"x\",\"date\":\"", "9", "\"}"},
                              {"{\"text\":\"x\",\"id\":", "9", "}"},
                              {"", " ", "{\"text\":\"x\"}"}};

static const shape messages[] = {{"", "\x0A\x01x", ""},
                                 {"", "\x1A\x01x", ""},
                                 {"\x1A\x01x", "\x52\x06\x0A\x01k\x12\x01v", ""},
                                 {"", "\x52\x02\x0A\x80", ""},
                                 {"\x0A\x01x", "\xFA\x07\x01y", ""},
                                 {"", "\x80", ""},
                                 {"\x1A\x01x", "\x42\x02\x08\x01", ""}};

/* What must be noticed: each byte is compared with those before it. */
static void quadratic_stage(const input *in, ss_arena *arena)
{
    static volatile size_t result;
    size_t chain = 0; /* each step needs the one before, so that none can be skipped */
    (void)arena;
    for (size_t i = 0; i < in->len; i++)
        for (size_t k = 0; k < i; k++) chain = chain * 31 + (in->bytes[i] == in->bytes[k]);
    result = chain;
    (void)result;
}

#define COUNT(list) (sizeof list / sizeof *(list))

static void quadratic_work_is_noticed(void **state)
{
    (void)state;
    double once, more;
    int noticed = grows_too_fast(quadratic_stage, &texts[0], 12 * KIB, &once, &more);
    print_message("quadratic %41.1f -> %7.1f ms\n", once * 1e3, more * 1e3);
    assert_true(noticed);
}

static void work_on_a_page_grows_with_its_bytes(void **state)
{
    (void)state;
    check_growth("html", html_stage, pages, COUNT(pages), 256 * KIB);
}

static void work_on_a_text_grows_with_its_bytes(void **state)
{
    (void)state;
    check_growth("sentences", sentence_stage, texts, COUNT(texts), 128 * KIB);
    check_growth("tokens", tokenizer_stage, texts, COUNT(texts), 128 * KIB);
    check_growth("spans", span_stage, texts, COUNT(texts), 128 * KIB);
}

static void work_on_a_message_grows_with_its_bytes(void **state)
{
    (void)state;
    check_growth("json", json_stage, jsons, COUNT(jsons), 256 * KIB);
    check_growth("protobuf", protobuf_stage, messages, COUNT(messages), 256 * KIB);
}

static void work_on_an_ad_grows_with_its_bytes(void **state)
{
    (void)state;
    check_growth("batch", batch_stage, texts, COUNT(texts), 16 * KIB);
    check_growth("batch", batch_stage, pages, COUNT(pages), 16 * KIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quadratic_work_is_noticed),           cmocka_unit_test(work_on_a_page_grows_with_its_bytes),
        cmocka_unit_test(work_on_a_text_grows_with_its_bytes), cmocka_unit_test(work_on_a_message_grows_with_its_bytes),
        cmocka_unit_test(work_on_an_ad_grows_with_its_bytes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
