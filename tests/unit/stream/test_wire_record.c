/* test_wire_record.c - records against protobuf-c: what we write it reads, what it writes we read; and the JSON form by
 * the rules of proto3 JSON. (tests/wire holds the same against Python's protobuf, with random records.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "skillstream/v1/skill_record.pb-c.h"
#include "stream/wire_record.h"
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

static const ss_attribute ATTRIBUTES[] = {{{"a", 1}, {"1", 1}}, {{"b", 1}, {NULL, 0}}};

static ss_record_mention mention(void)
{
    return (ss_record_mention){.skill_uri = ss_slice_of("http://data.europa.eu/esco/skill/x"),
                               .label = ss_slice_of("weld"),
                               .skill_type = ss_slice_of("skill/competence"),
                               .score = 0.7251f,
                               .probability = 0.5f,
                               .sentence_index = 3,
                               .sentence_begin = 300,
                               .sentence_end = 4000000000u,
                               .begin = 310,
                               .end = 320,
                               .text = ss_slice_of("welding")};
}

static ss_record record(const ss_record_mention *mentions, size_t count)
{
    return (ss_record){.ad_id = ss_slice_of("ad"),
                       .mentions = mentions,
                       .mention_count = count,
                       .release = ss_slice_of("ab12"),
                       .taxonomy_name = ss_slice_of("ESCO"),
                       .taxonomy_version = ss_slice_of("1.1.0"),
                       .options_digest = ss_slice_of("cd34"),
                       .source_topic = ss_slice_of("job-ads"),
                       .source_partition = -1,
                       .source_offset = INT64_MAX,
                       .sentence_count = 9,
                       .scored_sentence_count = 8,
                       .title = ss_slice_of("Welder"),
                       .language = ss_slice_of("en"),
                       .employer = ss_slice_of("ACME"),
                       .location = ss_slice_of("Oslo"),
                       .source_url = ss_slice_of("u"),
                       .posted_at = {.seconds = 1545907817, .nanos = 5000, .has = 1},
                       .attributes = ATTRIBUTES,
                       .attribute_count = 2,
                       .text = ss_slice_of("plain")};
}

static void protobuf_c_reads_what_we_write(void **state)
{
    (void)state;
    ss_record_mention mentions[2] = {mention(), {.score = -0.0f}};
    ss_record r = record(mentions, 2);
    ss_buffer out;
    ss_buffer_init(&out, 1 << 16);
    assert_int_equal(ss_wire_encode_record(&r, NULL, &out, NULL), 0);
    Skillstream__V1__SkillRecord *m =
        skillstream__v1__skill_record__unpack(NULL, out.len, (const unsigned char *)out.data);
    assert_non_null(m);
    assert_string_equal(m->ad_id, "ad");
    assert_int_equal(m->n_mentions, 2);
    assert_string_equal(m->mentions[0]->skill_uri, "http://data.europa.eu/esco/skill/x");
    assert_string_equal(m->mentions[0]->label, "weld");
    assert_string_equal(m->mentions[0]->skill_type, "skill/competence");
    assert_true(m->mentions[0]->score == 0.7251f && m->mentions[0]->probability == 0.5f);
    assert_int_equal(m->mentions[0]->sentence_index, 3);
    assert_int_equal(m->mentions[0]->sentence_begin, 300);
    assert_true(m->mentions[0]->sentence_end == 4000000000u);
    assert_int_equal(m->mentions[0]->begin, 310);
    assert_int_equal(m->mentions[0]->end, 320);
    assert_string_equal(m->mentions[0]->text, "welding");
    assert_string_equal(m->release, "ab12");
    assert_string_equal(m->taxonomy->name, "ESCO");
    assert_string_equal(m->taxonomy->version, "1.1.0");
    assert_string_equal(m->options_digest, "cd34");
    assert_string_equal(m->source->topic, "job-ads");
    assert_int_equal(m->source->partition, -1);
    assert_true(m->source->offset == INT64_MAX);
    assert_int_equal(m->sentence_count, 9);
    assert_int_equal(m->scored_sentence_count, 8);
    assert_string_equal(m->title, "Welder");
    assert_string_equal(m->language, "en");
    assert_string_equal(m->employer, "ACME");
    assert_string_equal(m->location, "Oslo");
    assert_true(m->posted_at->seconds == 1545907817 && m->posted_at->nanos == 5000);
    assert_int_equal(m->n_attributes, 2);
    assert_string_equal(m->attributes[0]->key, "a");
    assert_string_equal(m->attributes[1]->value, "");
    assert_string_equal(m->source_url, "u");
    assert_string_equal(m->text, "plain");
    /* What protobuf-c writes from it are our bytes, but for the score of minus zero, which it leaves out. */
    m->mentions[1]->score = 0;
    mentions[1].score = 0;
    ss_buffer_clear(&out);
    assert_int_equal(ss_wire_encode_record(&r, NULL, &out, NULL), 0);
    unsigned char *theirs = malloc(skillstream__v1__skill_record__get_packed_size(m));
    assert_non_null(theirs);
    size_t len = skillstream__v1__skill_record__pack(m, theirs);
    /* An empty map value is written by protobuf-c and left out by us: both read the same. */
    ss_record ours, back;
    assert_int_equal(ss_wire_decode_record(theirs, len, &arena, &back, NULL), 0);
    assert_int_equal(ss_wire_decode_record(out.data, out.len, &arena, &ours, NULL), 0);
    ss_buffer a, b;
    ss_buffer_init(&a, 1 << 16);
    ss_buffer_init(&b, 1 << 16);
    assert_int_equal(ss_wire_record_json(&ours, &a, NULL), 0);
    assert_int_equal(ss_wire_record_json(&back, &b, NULL), 0);
    assert_string_equal(a.data, b.data);
    free(theirs);
    skillstream__v1__skill_record__free_unpacked(m, NULL);
    ss_buffer_free(&out);
    ss_buffer_free(&a);
    ss_buffer_free(&b);
}

static void json_follows_the_rules_of_proto3(void **state)
{
    (void)state;
    ss_record_mention mentions[1] = {mention()};
    ss_record r = record(mentions, 1);
    ss_buffer out;
    ss_buffer_init(&out, 1 << 16);
    assert_int_equal(ss_wire_record_json(&r, &out, NULL), 0);
    assert_string_equal(
        out.data,
        "{\"adId\":\"ad\",\"mentions\":[{\"skillUri\":\"http://data.europa.eu/esco/skill/x\",\"label\":\"weld\","
        "\"skillType\":\"skill/"
        "competence\",\"score\":0.7251,\"probability\":0.5,\"sentenceIndex\":3,\"sentenceBegin\":300,"
        "\"sentenceEnd\":4000000000,\"begin\":310,\"end\":320,\"text\":\"welding\"}],\"release\":\"ab12\",\"taxonomy\":"
        "{"
        "\"name\":\"ESCO\",\"version\":\"1.1.0\"},\"optionsDigest\":\"cd34\",\"source\":{\"topic\":\"job-ads\","
        "\"partition\":"
        "-1,\"offset\":\"9223372036854775807\"},\"sentenceCount\":9,\"scoredSentenceCount\":8,\"title\":\"Welder\","
        "\"language\":\"en\",\"employer\":\"ACME\",\"location\":\"Oslo\",\"postedAt\":\"2018-12-27T10:50:17.000005Z\","
        "\"attributes\":{\"a\":\"1\",\"b\":\"\"},\"sourceUrl\":\"u\",\"text\":\"plain\"}");
    ss_record none = {0};
    ss_buffer_clear(&out);
    assert_int_equal(ss_wire_record_json(&none, &out, NULL), 0);
    assert_string_equal(out.data, "{}");
    ss_buffer_clear(&out);
    assert_int_equal(ss_wire_encode_record(&none, NULL, &out, NULL), 0);
    assert_int_equal(out.len, 0);
    ss_buffer_free(&out);
}

static void every_cut_of_a_record_is_handled_as_protobuf_c_does(void **state)
{
    (void)state;
    ss_record_mention mentions[2] = {mention(), mention()};
    ss_record r = record(mentions, 2), back;
    ss_buffer out;
    ss_buffer_init(&out, 1 << 16);
    assert_int_equal(ss_wire_encode_record(&r, NULL, &out, NULL), 0);
    for (size_t cut = 0; cut < out.len; cut++) {
        unsigned char *copy = malloc(cut + 1);
        assert_non_null(copy);
        memcpy(copy, out.data, cut);
        Skillstream__V1__SkillRecord *theirs = skillstream__v1__skill_record__unpack(NULL, cut, copy);
        assert_int_equal(ss_wire_decode_record(copy, cut, &arena, &back, NULL), theirs ? 0 : -1);
        if (theirs) skillstream__v1__skill_record__free_unpacked(theirs, NULL);
        free(copy);
    }
    ss_buffer_free(&out);
}

static void a_full_buffer_is_left_as_it_was(void **state)
{
    (void)state;
    ss_record_mention mentions[1] = {mention()};
    ss_record r = record(mentions, 1);
    ss_wire_options framed = {.framing = SS_WIRE_FRAMING_CONFLUENT, .schema_id = 1};
    for (size_t limit = 3; limit < 200; limit++) {
        ss_buffer out;
        ss_error err = {0};
        ss_buffer_init(&out, limit);
        assert_int_equal(ss_buffer_add(&out, "abc", 3), 0);
        assert_int_equal(ss_wire_encode_record(&r, &framed, &out, &err), -1);
        assert_int_equal(err.status, SS_LIMIT);
        assert_int_equal(ss_wire_record_json(&r, &out, NULL), -1);
        assert_int_equal(out.len, 3);
        ss_buffer_free(&out);
    }
}

static void foreign_strings_are_repaired(void **state)
{
    (void)state;
    /* ad_id "\xFF"; mention with label "a\0b" */
    static const char BYTES[] = "\x0A\x01\xFF\x12\x05\x12\x03"
                                "a\0b";
    ss_record back;
    assert_int_equal(ss_wire_decode_record(BYTES, sizeof BYTES - 1, &arena, &back, NULL), 0);
    assert_true(ss_slice_equals(back.ad_id, "\xEF\xBF\xBD"));
    assert_true(ss_slice_equals(back.mentions[0].label, "a b"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_arena, close_arena)
    const struct CMUnitTest tests[] = {
        T(protobuf_c_reads_what_we_write),
        T(json_follows_the_rules_of_proto3),
        T(every_cut_of_a_record_is_handled_as_protobuf_c_does),
        T(a_full_buffer_is_left_as_it_was),
        T(foreign_strings_are_repaired),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
