/* test_wire_ad.c - every form an ad may come in, and what becomes of those that are none. The expected values are read
 * off schema.org's definition of JobPosting, proto3 JSON and the contracts, the protobuf ones come from protobuf-c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "skillstream/v1/job_ad.pb-c.h"
#include "stream/wire_ad.h"
#include "stream/wire_text.h"

static ss_arena arena;

static int open_arena(void **state)
{
    (void)state;
    ss_arena_init(&arena, 0, 0);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    ss_arena_free(&arena);
    return 0;
}

#define assert_text(got, expected)                                                                                     \
    do {                                                                                                               \
        ss_slice got_ = (got);                                                                                         \
        const char *expected_ = (expected);                                                                            \
        if (!ss_slice_equals(got_, expected_))                                                                         \
            fail_msg("got '%.*s', expected '%s'", (int)got_.len, got_.data ? got_.data : "", expected_);               \
    } while (0)

static ss_ad decode(const char *json)
{
    ss_ad ad;
    ss_error err = {0};
    const char *reason = NULL;
    if (ss_wire_decode_ad(json, strlen(json), NULL, NULL, &arena, &ad, &reason, &err))
        fail_msg("%s: %s in %s", reason, err.text, json);
    return ad;
}

static void assert_refused(const void *bytes, size_t len, const char *type, const ss_wire_options *options,
                           const char *expected)
{
    ss_ad ad;
    ss_error err = {0};
    const char *reason = NULL;
    assert_int_equal(ss_wire_decode_ad(bytes, len, type, options, &arena, &ad, &reason, &err), -1);
    assert_string_equal(reason, expected);
    assert_true(err.text[0] != 0);
    assert_int_equal(ad.body.len + ad.id.len + ad.title.len, 0);
}

/* --- JSON --- */

static void job_posting_fields_are_read(void **state)
{
    (void)state;
    ss_ad ad = decode("{\"@context\":\"https://schema.org\",\"@type\":\"JobPosting\",\"identifier\":{\"@type\":"
                      "\"PropertyValue\",\"name\":\"ACME\",\"value\":\"J-17\"},\"title\":\" Welder \",\"description\":"
                      "\"<p>Weld things.</p>\",\"datePosted\":\"2018-12-27T10:50:17+0000\",\"hiringOrganization\":{"
                      "\"@type\":\"Organization\",\"name\":\"ACME\"},\"jobLocation\":{\"@type\":\"Place\",\"address\":{"
                      "\"@type\":\"PostalAddress\",\"addressLocality\":\"Arlesey\",\"addressCountry\":\"GB\"}},\"url\":"
                      "\"https://example.org/17\",\"inLanguage\":\"en-GB\"}");
    assert_text(ad.id, "J-17");
    assert_text(ad.title, "Welder");
    assert_text(ad.body, "<p>Weld things.</p>");
    assert_int_equal(ad.body_format, SS_BODY_HTML);
    assert_text(ad.employer, "ACME");
    assert_text(ad.location, "Arlesey, GB");
    assert_text(ad.source_url, "https://example.org/17");
    assert_text(ad.language, "en-GB");
    assert_true(ad.posted_at.has && ad.posted_at.seconds == 1545907817);
}

static void posting_is_found_in_arrays_graphs_and_type_lists(void **state)
{
    (void)state;
    const char *forms[] = {
        "[{\"@type\":\"Organization\"},{\"@type\":\"JobPosting\",\"title\":\"x\",\"description\":\"d\"}]",
        ("{\"@graph\":[{\"@type\":\"WebPage\"},"
         "{\"@type\":[\"Thing\",\"JobPosting\"],\"title\":\"x\",\"description\":\"d\"}]}"),
        "[{\"@graph\":[[{\"@type\":\"http://schema.org/JobPosting\",\"title\":\"x\",\"description\":\"d\"}]]}]",
        "{\"@type\":\"schema:JobPosting\",\"name\":\"x\",\"description\":\"d\"}",
        " \n\t{\"@type\":\"JobPosting\",\"title\":\"w\",\"title\":\"x\",\"description\":\"d\"}\n",
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        ss_ad ad = decode(forms[i]);
        assert_text(ad.title, "x");
        assert_text(ad.body, "d");
    }
}

static void identifiers_of_all_kinds_are_read(void **state)
{
    static const char *CASES[][2] = {{"\"abc\"", "abc"},
                                     {"4711", "4711"},
                                     {"123456789012345678901234", NULL}, /* parses; digits beyond a double are lost */
                                     {"{\"value\":99}", "99"},
                                     {"[{\"value\":\"first\"},\"second\"]", "first"},
                                     {"{\"name\":\"no value\"}", ""},
                                     {"null", ""}};
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char json[256];
        snprintf(json, sizeof json, "{\"@type\":\"JobPosting\",\"title\":\"t\",\"identifier\":%s}", CASES[i][0]);
        ss_ad ad = decode(json);
        if (CASES[i][1])
            assert_text(ad.id, CASES[i][1]);
        else
            assert_true(ad.id.len > 0);
    }
}

static void locations_are_made_readable(void **state)
{
    static const char *CASES[][2] = {
        {"\"Bonn\"", "Bonn"},
        {"{\"address\":\"1 High St, Leeds\"}", "1 High St, Leeds"},
        {"{\"address\":{\"addressLocality\":\"Kirkland\",\"addressRegion\":\"WA\",\"addressCountry\":{\"name\":\"US\"}}"
         "}",
         "Kirkland, WA, US"},
        {"[{\"address\":{\"addressLocality\":\"Oslo\"}},{\"address\":{\"addressLocality\":\"Bergen\"}}]",
         "Oslo; Bergen"},
        {"{\"name\":\"Campus\"}", "Campus"},
        {"{\"addressLocality\":\"Graz\"}", "Graz"},
        {"42", "42"},
        {"{}", ""}};
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char json[512];
        snprintf(json, sizeof json, "{\"@type\":\"JobPosting\",\"title\":\"t\",\"jobLocation\":%s}", CASES[i][0]);
        assert_text(decode(json).location, CASES[i][1]);
    }
}

static void texts_beside_the_description_join_the_body(void **state)
{
    (void)state;
    ss_ad plain = decode("{\"@type\":\"JobPosting\",\"description\":\"We need R&amp;D.\",\"skills\":[\"C\",{\"@type\":"
                         "\"DefinedTerm\",\"name\":\"K1\",\"description\":\"SQL\"}],\"qualifications\":\"R&amp;D\","
                         "\"responsibilities\":\"Write\\ncode\"}");
    assert_int_equal(plain.body_format, SS_BODY_TEXT);
    assert_text(plain.body, "We need R&D.\n\nWrite\ncode\n\nC\nK1\nSQL");
    ss_ad html = decode("{\"@type\":\"JobPosting\",\"description\":\"<p>Cook</p>\",\"skills\":\"a < b & c\\nd\"}");
    assert_int_equal(html.body_format, SS_BODY_HTML);
    assert_text(html.body, "<p>Cook</p>\n<div>a &lt; b &amp; c<br>\nd</div>");
}

static void escaped_html_is_unescaped_once(void **state)
{
    (void)state;
    ss_ad ad = decode("{\"@type\":\"JobPosting\",\"description\":\"&lt;p&gt;R&amp;amp;D&lt;/p&gt;\"}");
    assert_int_equal(ad.body_format, SS_BODY_HTML);
    assert_text(ad.body, "<p>R&amp;D</p>");
}

static void short_form_wrapper_and_proto_json_are_read(void **state)
{
    (void)state;
    ss_ad html = decode("{\"id\":\"hn-1\",\"date\":\"2014-10\",\"html\":\"<p>x\"}");
    assert_text(html.id, "hn-1");
    assert_int_equal(html.body_format, SS_BODY_HTML);
    assert_true(html.posted_at.seconds == 1412121600);
    ss_ad text = decode("{\"id\":7,\"title\":\"t\",\"text\":\"a <b>\"}");
    assert_text(text.id, "7");
    assert_int_equal(text.body_format, SS_BODY_TEXT);
    ss_ad wrapped =
        decode("{\"id\":\"nhs-1\",\"title\":\"T\",\"date\":\"2018-12-28\",\"jsonld\":{\"@type\":\"JobPosting\","
               "\"identifier\":\"inner\",\"title\":\"inner\",\"description\":\"d\",\"datePosted\":"
               "\"2018-12-27T10:50:17Z\"}}");
    assert_text(wrapped.id, "nhs-1");
    assert_text(wrapped.title, "T");
    assert_text(wrapped.body, "d");
    assert_true(wrapped.posted_at.seconds == 1545907817);
    ss_ad proto = decode("{\"id\":\"p\",\"body\":\"b\",\"bodyFormat\":\"HTML\",\"postedAt\":\"2020-01-01T00:00:00Z\","
                         "\"sourceUrl\":\"u\",\"attributes\":{\"a\":\"1\",\"n\":2,\"skip\":[]}}");
    assert_int_equal(proto.body_format, SS_BODY_HTML);
    assert_text(proto.source_url, "u");
    assert_int_equal(proto.attribute_count, 2);
    assert_text(proto.attributes[1].value, "2");
    assert_int_equal(decode("{\"body\":\"b\",\"bodyFormat\":1}").body_format, SS_BODY_TEXT);
}

static void an_ad_without_text_is_still_an_ad(void **state)
{
    (void)state;
    assert_int_equal(decode("{\"id\":\"e\",\"text\":\"\"}").body.len, 0);
    assert_int_equal(decode("{\"@type\":\"JobPosting\"}").body.len, 0);
}

static void nul_in_json_becomes_a_space(void **state)
{
    (void)state;
    assert_text(decode("{\"title\":\"a\\u0000b\",\"text\":\"c\\u0000d\"}").body, "c d");
}

static void what_is_no_ad_is_refused_with_its_reason(void **state)
{
    static const struct {
        const char *bytes, *type, *reason;
    } CASES[] = {
        {"", NULL, "empty"},
        {" \n ", "application/json", "empty"},
        {"{\"id\":\"x\"", NULL, "bad-json"},
        {"{} {}", NULL, "bad-json"},
        {"hello", "application/json", "bad-json"},
        {"{\"id\":\"x\"}", NULL, "not-a-job-posting"},
        {"[]", NULL, "not-a-job-posting"},
        {"[1,2]", "application/ld+json; charset=utf-8", "not-a-job-posting"},
        {"\"text\"", "application/json", "not-a-job-posting"},
        {"{\"@type\":\"Recipe\",\"title\":\"t\",\"description\":\"d\"}", NULL, "not-a-job-posting"},
        {"{\"jsonld\":{\"@type\":\"Recipe\"}}", NULL, "not-a-job-posting"},
        {"{\"text\":\"json\"}", "application/x-protobuf", "bad-protobuf"},
        {"plain words", NULL, "bad-protobuf"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        assert_refused(CASES[i].bytes, strlen(CASES[i].bytes), CASES[i].type, NULL, CASES[i].reason);
    assert_refused(NULL, 0, NULL, NULL, "empty");
}

static void limits_are_kept(void **state)
{
    (void)state;
    const char *ad = "{\"text\":\"0123456789\",\"attributes\":{\"a\":\"1\",\"b\":\"2\"}}";
    ss_wire_options bytes = {.max_bytes = 10}, attributes = {.max_attributes = 1}, depth = {.max_depth = 1};
    assert_refused(ad, strlen(ad), NULL, &bytes, "too-large");
    assert_refused(ad, strlen(ad), NULL, &attributes, "too-large");
    assert_refused(ad, strlen(ad), NULL, &depth, "bad-json");
    size_t deep = 200000;
    char *nested = malloc(deep);
    assert_non_null(nested);
    memset(nested, '[', deep);
    assert_refused(nested, deep, NULL, NULL, "bad-json");
    free(nested);
}

static void content_type_decides_in_any_spelling(void **state)
{
    (void)state;
    const char *types[] = {"application/json", "APPLICATION/LD+JSON ; charset=\"utf-8\"", "text/plain", "", NULL};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        ss_ad ad;
        const char *json = "{\"id\":\"x\",\"text\":\"t\"}";
        assert_int_equal(ss_wire_decode_ad(json, strlen(json), types[i], NULL, &arena, &ad, NULL, NULL), 0);
        assert_text(ad.id, "x");
    }
}

static void memory_limit_is_no_fault_of_the_ad(void **state)
{
    (void)state;
    for (size_t limit = 16; limit < 400; limit += 16) {
        ss_arena small;
        ss_ad ad;
        ss_error err = {0};
        const char *reason = "", *json = "{\"id\":\"x\",\"text\":\"&lt;p&gt;some text\",\"attributes\":{\"k\":\"v\"}}";
        ss_arena_init(&small, 64, limit);
        if (ss_wire_decode_ad(json, strlen(json), NULL, NULL, &small, &ad, &reason, &err)) {
            assert_string_equal(reason, "memory");
            assert_int_equal(err.remedy, SS_RETRY);
        }
        ss_arena_free(&small);
    }
}

/* --- protobuf --- */

static size_t pack(const Skillstream__V1__JobAd *ad, unsigned char **out)
{
    size_t len = skillstream__v1__job_ad__get_packed_size(ad);
    *out = malloc(len + 1);
    assert_non_null(*out);
    return skillstream__v1__job_ad__pack(ad, *out);
}

static void fill(Skillstream__V1__JobAd *ad, Google__Protobuf__Timestamp *time,
                 Skillstream__V1__JobAd__AttributesEntry *entry, Skillstream__V1__JobAd__AttributesEntry **entries)
{
    skillstream__v1__job_ad__init(ad);
    google__protobuf__timestamp__init(time);
    skillstream__v1__job_ad__attributes_entry__init(entry);
    entry->key = "k";
    entry->value = "v";
    entries[0] = entry;
    time->seconds = -5;
    time->nanos = 7;
    ad->id = "id";
    ad->title = "title";
    ad->body = "<b>body";
    ad->body_format = SKILLSTREAM__V1__JOB_AD__BODY_FORMAT__HTML;
    ad->language = "de";
    ad->employer = "employer";
    ad->location = "location";
    ad->posted_at = time;
    ad->source_url = "url";
    ad->n_attributes = 1;
    ad->attributes = entries;
}

static void assert_filled(const ss_ad *ad)
{
    assert_text(ad->id, "id");
    assert_text(ad->title, "title");
    assert_text(ad->body, "<b>body");
    assert_int_equal(ad->body_format, SS_BODY_HTML);
    assert_text(ad->language, "de");
    assert_text(ad->employer, "employer");
    assert_text(ad->location, "location");
    assert_true(ad->posted_at.has && ad->posted_at.seconds == -5 && ad->posted_at.nanos == 7);
    assert_text(ad->source_url, "url");
    assert_int_equal(ad->attribute_count, 1);
    assert_text(ad->attributes[0].key, "k");
    assert_text(ad->attributes[0].value, "v");
}

static void protobuf_means_what_protobuf_c_packs(void **state)
{
    (void)state;
    Skillstream__V1__JobAd message;
    Google__Protobuf__Timestamp time;
    Skillstream__V1__JobAd__AttributesEntry entry, *entries[1];
    unsigned char *bytes;
    fill(&message, &time, &entry, entries);
    size_t len = pack(&message, &bytes);
    ss_ad ad;
    assert_int_equal(ss_wire_decode_ad(bytes, len, "application/x-protobuf", NULL, &arena, &ad, NULL, NULL), 0);
    assert_filled(&ad);
    /* And back: our encoder writes the same bytes (fields in order, defaults left out). */
    ss_buffer out;
    ss_buffer_init(&out, 1 << 16);
    assert_int_equal(ss_wire_encode_ad(&ad, NULL, &out, NULL), 0);
    assert_int_equal(out.len, len);
    assert_memory_equal(out.data, bytes, len);
    ss_buffer_free(&out);
    free(bytes);
}

static void every_cut_of_a_message_is_refused_or_a_shorter_ad(void **state)
{
    (void)state;
    Skillstream__V1__JobAd message;
    Google__Protobuf__Timestamp time;
    Skillstream__V1__JobAd__AttributesEntry entry, *entries[1];
    unsigned char *bytes;
    fill(&message, &time, &entry, entries);
    size_t len = pack(&message, &bytes), refused = 0;
    for (size_t cut = 1; cut < len; cut++) {
        unsigned char *copy = malloc(cut);
        assert_non_null(copy);
        memcpy(copy, bytes, cut);
        ss_ad ad;
        const char *reason = "";
        Skillstream__V1__JobAd *theirs = skillstream__v1__job_ad__unpack(NULL, cut, copy);
        int failed = ss_wire_decode_ad(copy, cut, "application/protobuf", NULL, &arena, &ad, &reason, NULL);
        assert_int_equal(failed, theirs ? 0 : -1);
        if (failed) assert_string_equal(reason, "bad-protobuf"), refused++;
        if (theirs) skillstream__v1__job_ad__free_unpacked(theirs, NULL);
        free(copy);
    }
    assert_true(refused > len / 2);
    free(bytes);
}

static void confluent_frame_is_recognised(void **state)
{
    (void)state;
    static const char *FRAMES[] = {"\0\0\0\0\x2A\0", "\0\0\0\0\x2A\2\0", "\0\0\0\0\x2A\4\2\4"};
    static const size_t LENGTHS[] = {6, 7, 8};
    for (size_t i = 0; i < 3; i++) {
        char bytes[32];
        memcpy(bytes, FRAMES[i], LENGTHS[i]);
        memcpy(bytes + LENGTHS[i], "\x0A\x02xy", 4);
        ss_ad ad;
        assert_int_equal(ss_wire_decode_ad(bytes, LENGTHS[i] + 4, NULL, NULL, &arena, &ad, NULL, NULL), 0);
        assert_text(ad.id, "xy");
        ss_wire_options plain = {.framing = SS_WIRE_FRAMING_PLAIN};
        assert_refused(bytes, LENGTHS[i] + 4, NULL, &plain, "bad-protobuf");
    }
    assert_refused("\0\0\0\0", 4, NULL, NULL, "bad-protobuf");
    assert_refused("\0\0\0\0\1\1\1", 7, NULL, NULL, "bad-protobuf");
    ss_wire_options framed = {.framing = SS_WIRE_FRAMING_CONFLUENT, .schema_id = 0x01020304};
    assert_refused("\x0A\x02xy", 4, NULL, &framed, "bad-protobuf");
    ss_buffer out;
    ss_buffer_init(&out, 100);
    ss_ad ad = {.id = ss_slice_of("xy")};
    assert_int_equal(ss_wire_encode_ad(&ad, &framed, &out, NULL), 0);
    assert_int_equal(out.len, 10);
    assert_memory_equal(out.data, "\0\1\2\3\4\0\x0A\x02xy", 10);
    ss_buffer_free(&out);
}

static void unknown_fields_wrong_types_and_nul_are_lived_with(void **state)
{
    (void)state;
    /* field 99 (bytes), field 1 as a varint, field 2 "a NUL b", body with a broken byte and a NUL, body_format 9 */
    static const char BYTES[] = "\x9A\x06\x03zzz\x08\x05\x12\x03"
                                "a\0b\x1A\x04"
                                "c\xFF\0d\x20\x09";
    ss_ad ad;
    assert_int_equal(ss_wire_decode_ad(BYTES, sizeof BYTES - 1, NULL, NULL, &arena, &ad, NULL, NULL), 0);
    assert_int_equal(ad.id.len, 0);
    assert_text(ad.title, "a b");
    assert_int_equal(ad.body.len, 4); /* as it came: the text module repairs bodies */
    assert_memory_equal(ad.body.data, "c\xFF\0d", 4);
    assert_int_equal(ad.body_format, SS_BODY_UNSPECIFIED);
    assert_refused("\x9A\x06\x03zzz", 6, NULL, NULL, "bad-protobuf");            /* nothing of ours in it */
    assert_refused("\x0B\x0C", 2, "application/protobuf", NULL, "bad-protobuf"); /* groups */
}

static void a_full_buffer_is_left_as_it_was(void **state)
{
    (void)state;
    ss_ad ad = {.id = ss_slice_of("id"), .body = ss_slice_of("0123456789"), .posted_at = {.seconds = 1, .has = 1}};
    for (size_t limit = 3; limit < 19; limit++) {
        ss_buffer out;
        ss_buffer_init(&out, limit);
        assert_int_equal(ss_buffer_add(&out, "abc", 3), 0);
        assert_int_equal(ss_wire_encode_ad(&ad, NULL, &out, NULL), -1);
        assert_int_equal(ss_wire_ad_json(&ad, &out, NULL), -1);
        assert_int_equal(out.len, 3);
        ss_buffer_free(&out);
    }
}

static void json_of_an_ad_reads_back_as_the_same_ad(void **state)
{
    (void)state;
    const ss_attribute attributes[] = {{ss_slice_of("k\"1"), ss_slice_of("v\n")}};
    ss_ad ad = {.id = ss_slice_of("i\\d"),
                .title = ss_slice_of("t\t\x01 \xE2\x82\xAC"),
                .body = ss_slice_of("<p>"),
                .body_format = SS_BODY_HTML,
                .posted_at = {.seconds = 5, .nanos = 120000000, .has = 1},
                .attributes = attributes,
                .attribute_count = 1};
    ss_buffer out;
    ss_buffer_init(&out, 1 << 16);
    assert_int_equal(ss_wire_ad_json(&ad, &out, NULL), 0);
    ss_ad back = decode(out.data);
    assert_text(back.id, "i\\d");
    assert_text(back.title, "t\t\x01 \xE2\x82\xAC");
    assert_text(back.body, "<p>");
    assert_int_equal(back.body_format, SS_BODY_HTML);
    assert_true(back.posted_at.seconds == 5 && back.posted_at.nanos == 120000000);
    assert_text(back.attributes[0].key, "k\"1");
    assert_text(back.attributes[0].value, "v\n");
    ss_buffer_free(&out);
}

/* --- real ads --- */

static size_t decode_file(const char *name, size_t *with_body)
{
    char path[512], *line = malloc(1 << 20);
    assert_non_null(line);
    snprintf(path, sizeof path, "%s/data/ads/%s", SS_SHARED_DIR, name);
    gzFile file = gzopen(path, "rb");
    size_t count = 0;
    *with_body = 0;
    while (file && gzgets(file, line, 1 << 20)) {
        ss_ad ad = decode(line);
        assert_true(ad.id.len > 0 && ad.posted_at.has);
        *with_body += ad.body.len > 0;
        assert_false(!strncmp(name, "nhs", 3) && ad.body_format != SS_BODY_HTML &&
                     memmem(ad.body.data, ad.body.len, "&lt;", 4));
        ss_arena_reset(&arena);
        count++;
    }
    if (file) gzclose(file);
    free(line);
    return count;
}

static void real_ads_are_all_decoded(void **state)
{
    (void)state;
    size_t bodies, hn = decode_file("hn_hiring.jsonl.gz", &bodies);
    if (!hn) {
        print_message("skipped: no ads in %s\n", SS_SHARED_DIR);
        skip();
    }
    assert_int_equal(hn, 8000);
    assert_true(bodies > 7990);
    assert_int_equal(decode_file("nhs_jobposting.jsonl.gz", &bodies), 2000);
    assert_true(bodies > 1990);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_arena, close_arena)
    const struct CMUnitTest tests[] = {
        T(job_posting_fields_are_read),
        T(posting_is_found_in_arrays_graphs_and_type_lists),
        T(identifiers_of_all_kinds_are_read),
        T(locations_are_made_readable),
        T(texts_beside_the_description_join_the_body),
        T(escaped_html_is_unescaped_once),
        T(short_form_wrapper_and_proto_json_are_read),
        T(an_ad_without_text_is_still_an_ad),
        T(nul_in_json_becomes_a_space),
        T(what_is_no_ad_is_refused_with_its_reason),
        T(limits_are_kept),
        T(content_type_decides_in_any_spelling),
        T(memory_limit_is_no_fault_of_the_ad),
        T(protobuf_means_what_protobuf_c_packs),
        T(every_cut_of_a_message_is_refused_or_a_shorter_ad),
        T(confluent_frame_is_recognised),
        T(unknown_fields_wrong_types_and_nul_are_lived_with),
        T(a_full_buffer_is_left_as_it_was),
        T(json_of_an_ad_reads_back_as_the_same_ad),
        T(real_ads_are_all_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
