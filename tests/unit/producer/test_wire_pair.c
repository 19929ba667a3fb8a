/* test_wire_pair.c - TrainingPair against the generated protobuf-c code, lines of files, ids, CSV. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/hash.h"
#include "producer/pairs_input.h"
#include "skillstream/v1/training_pair.pb-c.h"
#include "stream/wire_text.h"
#include "support/temp_folder.h"

static const ss_slice URIS[] = {{"http://a", 8}, {"http://b\xc3\xa9", 10}};

static ss_pair full(void)
{
    return (ss_pair){.id = ss_slice_of("0123"),
                     .sentence = ss_slice_of("A \"sentence\" with caf\xc3\xa9"),
                     .skill_uris = URIS,
                     .skill_count = 2,
                     .kind = SS_PAIR_MULTI,
                     .language = ss_slice_of("en"),
                     .model = ss_slice_of("m"),
                     .prompt_version = ss_slice_of("multi.1"),
                     .rank = 300,
                     .created_at = {.seconds = 1795653399, .nanos = 500000000, .has = 1}};
}

static void agrees_with_the_generated_code(void **state)
{
    (void)state;
    ss_pair pair = full(), back;
    ss_buffer out;
    ss_arena arena;
    ss_error err = {0};
    ss_buffer_init(&out, 4096);
    ss_arena_init(&arena, 0, 0);
    assert_int_equal(ss_wire_encode_pair(&pair, &out, &err), 0);
    Skillstream__V1__TrainingPair *p = skillstream__v1__training_pair__unpack(NULL, out.len, (const uint8_t *)out.data);
    assert_non_null(p);
    assert_string_equal(p->id, "0123");
    assert_string_equal(p->sentence, "A \"sentence\" with caf\xc3\xa9");
    assert_int_equal(p->n_skill_uris, 2);
    assert_string_equal(p->skill_uris[1], "http://b\xc3\xa9");
    assert_int_equal(p->kind, SKILLSTREAM__V1__TRAINING_PAIR__KIND__MULTI);
    assert_string_equal(p->language, "en");
    assert_string_equal(p->model, "m");
    assert_string_equal(p->prompt_version, "multi.1");
    assert_int_equal(p->rank, 300);
    assert_int_equal(p->created_at->seconds, 1795653399);
    assert_int_equal(p->created_at->nanos, 500000000);
    uint8_t packed[1024];
    size_t len = skillstream__v1__training_pair__pack(p, packed);
    assert_int_equal(len, out.len);
    assert_memory_equal(packed, out.data, len); /* both write fields in order and leave defaults out */
    skillstream__v1__training_pair__free_unpacked(p, NULL);

    assert_int_equal(ss_wire_decode_pair(packed, len, &arena, &back, &err), 0);
    assert_int_equal(back.skill_count, 2);
    assert_memory_equal(back.skill_uris[1].data, "http://b\xc3\xa9", 10);
    assert_int_equal(back.rank, 300);
    assert_int_equal(back.kind, SS_PAIR_MULTI);
    assert_int_equal(back.created_at.nanos, 500000000);
    ss_arena_free(&arena);
    ss_buffer_free(&out);
}

static void cut_off_bytes_are_refused_or_read_safely(void **state)
{
    (void)state;
    ss_pair pair = full();
    ss_buffer out;
    ss_arena arena;
    ss_error err = {0};
    uint32_t seed = 1;
    ss_buffer_init(&out, 4096);
    ss_arena_init(&arena, 0, 0);
    assert_int_equal(ss_wire_encode_pair(&pair, &out, &err), 0);
    for (size_t len = 0; len < out.len; len++) {
        char *exact = malloc(len ? len : 1);
        memcpy(exact, out.data, len);
        ss_pair back;
        ss_wire_decode_pair(exact, len, &arena, &back, &err);
        ss_arena_reset(&arena);
        free(exact);
    }
    for (int i = 0; i < 20000; i++) {
        char copy[512];
        memcpy(copy, out.data, out.len);
        for (int k = 0; k < 3; k++) {
            seed = seed * 1664525 + 1013904223;
            copy[(seed >> 8) % out.len] = (char)(seed >> 24);
        }
        ss_pair back;
        if (!ss_wire_decode_pair(copy, out.len, &arena, &back, &err)) assert_true(back.sentence.len > 0);
        ss_arena_reset(&arena);
    }
    assert_int_equal(ss_wire_decode_pair(NULL, 0, &arena, &pair, &err), -1);
    ss_arena_free(&arena);
    ss_buffer_free(&out);
}

static void a_full_buffer_is_left_as_it_was(void **state)
{
    (void)state;
    ss_pair pair = full();
    for (size_t limit = 0; limit < 60; limit++) {
        ss_buffer out;
        ss_error err = {0};
        ss_buffer_init(&out, limit + 3);
        assert_int_equal(ss_buffer_add(&out, "abc", 3), 0);
        assert_int_equal(ss_wire_encode_pair(&pair, &out, &err), -1);
        assert_int_equal(err.status, SS_LIMIT);
        assert_int_equal(out.len, 3);
        assert_int_equal(ss_wire_pair_json(&pair, &out, &err), -1);
        assert_int_equal(out.len, 3);
        ss_buffer_free(&out);
    }
}

static void json_there_and_back(void **state)
{
    (void)state;
    ss_pair pair = full(), back;
    ss_buffer out;
    ss_arena arena;
    ss_error err = {0};
    ss_buffer_init(&out, 4096);
    ss_arena_init(&arena, 0, 0);
    assert_int_equal(ss_wire_pair_json(&pair, &out, &err), 0);
    assert_string_equal(
        out.data, "{\"id\":\"0123\",\"sentence\":\"A \\\"sentence\\\" with caf\xc3\xa9\",\"skillUris\":[\"http://a\","
                  "\"http://b\xc3\xa9\"],\"kind\":\"MULTI\",\"language\":\"en\",\"model\":\"m\",\"promptVersion\":"
                  "\"multi.1\",\"rank\":300,\"createdAt\":\"2026-11-26T00:36:39.500Z\"}");
    assert_int_equal(ss_wire_read_pair(out.data, out.len, &arena, &back, &err), 0);
    assert_int_equal(back.skill_count, 2);
    assert_int_equal(back.kind, SS_PAIR_MULTI);
    assert_int_equal(back.rank, 300);
    assert_int_equal(back.created_at.seconds, 1795653399);
    char a[SS_PAIR_ID + 1], b[SS_PAIR_ID + 1];
    assert_int_equal(ss_pair_make_id(&pair, a, &err), 0);
    assert_int_equal(ss_pair_make_id(&back, b, &err), 0);
    assert_string_equal(a, b);
    ss_arena_free(&arena);
    ss_buffer_free(&out);
}

/* The id by its specification: SHA-256 over length-prefixed parts. */
static void ids_are_what_the_header_says(void **state)
{
    (void)state;
    ss_slice uri = {"u", 1};
    ss_pair pair = {.sentence = {"ab", 2}, .skill_uris = &uri, .skill_count = 1, .prompt_version = {"v1", 2}};
    char id[SS_PAIR_ID + 1], other[SS_PAIR_ID + 1], hex[SS_SHA256_HEX + 1];
    ss_error err = {0};
    assert_int_equal(ss_pair_make_id(&pair, id, &err), 0);
    static const char bytes[] = "\1\0\0\0\0\0\0\0u\2\0\0\0\0\0\0\0ab\2\0\0\0\0\0\0\0v1";
    assert_int_equal(ss_sha256_hex(bytes, sizeof bytes - 1, hex, &err), 0);
    assert_memory_equal(id, hex, SS_PAIR_ID);
    pair.sentence = (ss_slice){"abv", 3};
    pair.prompt_version = (ss_slice){"1", 1}; /* the same text when put together without lengths */
    assert_int_equal(ss_pair_make_id(&pair, other, &err), 0);
    assert_string_not_equal(id, other);
}

static void refuses_bad_lines(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "x",
        "[]",
        "5",
        "{}",
        "{\"sentence\":\"\"}",
        "{\"sentence\":\"  \"}",
        "{\"sentence\":5}",
        "{\"sentence\":null}",
        "{\"sentence\":\"x\"",
        "{\"sentence\":\"x\"} y",
        "{\"sentence\":\"x\",\"sentence\":\"y\"}",
        "{\"sentence\":\"x\",\"skill\":5}",
        "{\"sentence\":\"x\",\"skill\":[\"a\",5]}",
        "{\"sentence\":\"x\",\"kind\":\"ODD\"}",
        "{\"sentence\":\"x\",\"kind\":9}",
        "{\"sentence\":\"x\",\"rank\":-1}",
        "{\"sentence\":\"x\",\"rank\":\"a\"}",
        "{\"sentence\":\"x\",\"createdAt\":\"yesterday\"}",
        "{\"sentence\":\"a\\u0000b\"}",
        "{\"sentence\":\"caf\xe9\"}",
        "{\"sentence\":\"x\",\"id\":7}",
    };
    ss_arena arena;
    ss_arena_init(&arena, 0, 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ss_pair pair;
        ss_error err = {0};
        if (!ss_wire_read_pair(bad[i], strlen(bad[i]), &arena, &pair, &err)) fail_msg("taken: %s", bad[i]);
        assert_int_equal(err.status, SS_INPUT);
    }
    ss_arena_free(&arena);
}

static void reads_csv_and_goes_on_behind_bad_rows(void **state)
{
    (void)state;
    static const char skills[] = "id,label\nhttp://a,bake bread\nhttp://b,drive trains\n";
    ss_error err = {0};
    ss_taxonomy *t = ss_taxonomy_parse("s.csv", skills, sizeof skills - 1, NULL, NULL, &err);
    char *folder = temp_folder_make();
    temp_write_text(folder, "p.csv",
                    "skill,sentence,kind\nbake bread,\"We bake, daily\",LITERAL\nunknown,x,\n,No skill,\nhttp://b,,\n"
                    "UNK,Nothing,NONE\nhttp://b,Trains,ODD\n http://b ,Trains,implied\n");
    const char *path = temp_path(folder, "p.csv");
    ss_pairs_input *in = ss_pairs_input_open(path, t, &err);
    assert_non_null(in);
    ss_arena arena;
    ss_arena_init(&arena, 0, 0);
    static const struct {
        int got;
        const char *uri, *sentence;
        ss_pair_kind kind;
    } expected[] = {{1, "http://a", "We bake, daily", SS_PAIR_LITERAL},
                    {-1, NULL, NULL, 0},
                    {1, NULL, "No skill", SS_PAIR_NONE},
                    {-1, NULL, NULL, 0},
                    {1, NULL, "Nothing", SS_PAIR_NONE},
                    {-1, NULL, NULL, 0},
                    {-1, NULL, NULL, 0},
                    {0, NULL, NULL, 0}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        ss_pair pair;
        ss_error why = {0};
        int got = ss_pairs_input_next(in, &arena, &pair, &why);
        if (got != expected[i].got) fail_msg("%zu: %d %s", i, got, why.text);
        if (got < 0) assert_int_equal(why.status, SS_INPUT);
        if (got <= 0) continue;
        assert_memory_equal(pair.sentence.data, expected[i].sentence, pair.sentence.len);
        assert_int_equal(pair.kind, expected[i].kind);
        assert_int_equal(pair.skill_count, expected[i].uri ? 1 : 0);
        if (expected[i].uri) assert_memory_equal(pair.skill_uris[0].data, expected[i].uri, pair.skill_uris[0].len);
        assert_int_equal(pair.id.len, SS_PAIR_ID);
    }
    ss_pairs_input_close(in);
    temp_write_text(folder, "bad.csv", "text,label\na,b\n");
    path = temp_path(folder, "bad.csv");
    assert_null(ss_pairs_input_open(path, t, &err));
    assert_non_null(strstr(err.text, "sentence"));
    ss_arena_free(&arena);
    ss_taxonomy_free(t);
    temp_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_generated_code),
        cmocka_unit_test(cut_off_bytes_are_refused_or_read_safely),
        cmocka_unit_test(a_full_buffer_is_left_as_it_was),
        cmocka_unit_test(json_there_and_back),
        cmocka_unit_test(ids_are_what_the_header_says),
        cmocka_unit_test(refuses_bad_lines),
        cmocka_unit_test(reads_csv_and_goes_on_behind_bad_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
