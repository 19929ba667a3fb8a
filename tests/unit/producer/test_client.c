/* test_client.c - addresses, keys, Retry-After, request bodies and batch ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "producer/batch.h"
#include "producer/client.h"
#include "producer/request.h"
#include "support/temp_folder.h"

static void urls_are_completed(void **state)
{
    (void)state;
    static const char *const good[][2] = {
        {"https://h", "https://h/v1/chat/completions"},
        {"https://h/", "https://h/v1/chat/completions"},
        {"http://127.0.0.1:8089", "http://127.0.0.1:8089/v1/chat/completions"},
        {"https://h/v1", "https://h/v1/chat/completions"},
        {"https://h/v1/", "https://h/v1/chat/completions"},
        {"https://h/api/openai", "https://h/api/openai/chat/completions"},
        {"https://h/v1/chat/completions", "https://h/v1/chat/completions"},
        {"https://h/x/chat/completions?api-version=3", "https://h/x/chat/completions?api-version=3"},
        {"http://[::1]:80/v1", "http://[::1]:80/v1/chat/completions"},
    };
    char out[256];
    ss_error err = {0};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(ss_client_url(good[i][0], out, sizeof out, &err), 0);
        assert_string_equal(out, good[i][1]);
    }
    static const char *const bad[] = {"",
                                      "h",
                                      "ftp://h",
                                      "file:///etc/passwd",
                                      "https://",
                                      "https:///v1",
                                      "https://user:pw@h/v1",
                                      "https://h/#x",
                                      "https://h/a b",
                                      "https://h/\r\nX: y"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(ss_client_url(bad[i], out, sizeof out, &err), -1);
        assert_int_equal(err.status, SS_CONFIG);
    }
    assert_int_equal(ss_client_url("https://host/v1", out, 20, &err), -1);
}

static void retry_after_in_both_forms(void **state)
{
    (void)state;
    const int64_t now = 1795653399; /* 2026-11-26 00:36:39 UTC, a Thursday */
    static const struct {
        const char *value;
        int64_t ms;
    } cases[] = {
        {"0", 0},
        {"7", 7000},
        {" 2 ", 2000},
        {"1.5", 1500},
        {"999999999", 3600000},
        {"Thu, 26 Nov 2026 00:36:49 GMT", 10000},
        {"Thu, 26 Nov 2026 00:36:00 GMT", 0},
        {"Fri, 27 Nov 2026 00:36:00 GMT", 3600000},
        {"soon", -1},
        {"", -1},
        {"5 minutes", 5000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms = ss_client_retry_after(cases[i].value, now);
        if (!strcmp(cases[i].value, "5 minutes")) continue; /* not a form of RFC 9110; anything but a crash */
        if (ms != cases[i].ms) fail_msg("'%s': %lld", cases[i].value, (long long)ms);
    }
}

static void keys_come_from_option_or_file(void **state)
{
    (void)state;
    char *folder = temp_folder_make(), *key;
    ss_error err = {0};
    temp_write_text(folder, "key", "sk-abc\r\nsecond line\n");
    temp_write_text(folder, "empty", "");
    temp_write_text(folder, "blank", " \r\n\n");
    temp_write_text(folder, "below", "\nsk-abc\n");
    temp_write_text(folder, "odd", "sk-\xc3\xa9\n");
    ss_producer_settings s = {0};
    assert_int_equal(ss_client_key(&s, &key, &err), 0);
    assert_null(key);
    s.llm_key = "sk-1";
    assert_int_equal(ss_client_key(&s, &key, &err), 0);
    assert_string_equal(key, "sk-1");
    free(key);
    s.llm_key = "two words";
    assert_int_equal(ss_client_key(&s, &key, &err), -1);
    assert_null(strstr(err.text, "two words")); /* a key is never in a text */
    s.llm_key = "";
    assert_int_equal(ss_client_key(&s, &key, &err), -1);
    assert_int_equal(err.status, SS_CONFIG);
    s.llm_key = NULL;
    s.llm_key_file = temp_path(folder, "key");
    assert_int_equal(ss_client_key(&s, &key, &err), 0);
    assert_string_equal(key, "sk-abc");
    free(key);
    const char *const none[] = {temp_path(folder, "empty"), temp_path(folder, "blank"), "/dev/null"};
    for (size_t i = 0; i < 3; i++) {
        s.llm_key_file = none[i];
        assert_int_equal(ss_client_key(&s, &key, &err), 0);
        assert_null(key);
    }
    static const char *const bad[] = {"below", "odd", "missing"};
    for (size_t i = 0; i < 3; i++) {
        s.llm_key_file = temp_path(folder, bad[i]);
        assert_int_equal(ss_client_key(&s, &key, &err), -1);
        assert_int_equal(err.status, SS_CONFIG);
    }
    temp_folder_remove(folder);
}

typedef struct world {
    ss_taxonomy *taxonomy;
    ss_prompts *prompts;
    ss_task task;
    ss_producer_settings settings;
} world;

static world open_world(void)
{
    static const char csv[] = "id,label,alternatives,description\nu0,bake \"bread\",make "
                              "bread|knead,\"Make\nbread.\"\nu1,drive,,\nu2,sing,,\n";
    ss_error err = {0};
    world w = {.taxonomy = ss_taxonomy_parse("s.csv", csv, sizeof csv - 1, NULL, NULL, &err),
               .prompts = ss_prompts_load(NULL, &err)};
    w.settings = (ss_producer_settings){
        .llm_model = "m", .language = "en", .max_tokens_field = "max_tokens", .temperature = 0.7, .top_p = (double)NAN};
    w.task = (ss_task){.slot = 2,
                       .kind = SS_PAIR_MULTI,
                       .prompt = ss_prompts_choose(w.prompts, SS_PAIR_MULTI, 0),
                       .skills = {0, 1, 2},
                       .skill_count = 3,
                       .n = 2,
                       .room = 1};
    return w;
}

static void close_world(world *w)
{
    ss_prompts_free(w->prompts);
    ss_taxonomy_free(w->taxonomy);
}

static json_t *body_of(const world *w, int structured)
{
    ss_buffer out;
    ss_error err = {0};
    json_error_t why;
    ss_buffer_init(&out, 1 << 16);
    assert_int_equal(ss_request_body(&w->settings, w->taxonomy, &w->task, structured, &out, &err), 0);
    json_t *body = json_loadb(out.data, out.len, 0, &why);
    assert_non_null(body);
    ss_buffer_free(&out);
    return body;
}

static void bodies_say_what_the_options_say(void **state)
{
    (void)state;
    world w = open_world();
    json_t *body = body_of(&w, 1);
    assert_string_equal(json_string_value(json_object_get(body, "model")), "m");
    assert_int_equal(json_integer_value(json_object_get(body, "max_tokens")), 2 * 64 + 128);
    assert_null(json_object_get(body, "top_p"));
    assert_null(json_object_get(body, "seed"));
    assert_null(json_object_get(body, "stream"));
    assert_non_null(json_object_get(body, "response_format"));
    const char *user =
        json_string_value(json_object_get(json_array_get(json_object_get(body, "messages"), 1), "content"));
    assert_non_null(strstr(user, "- bake \"bread\": Make\nbread.\n- drive\n- sing"));
    json_decref(body);
    w.settings.max_tokens_field = "max_completion_tokens";
    w.settings.max_tokens = 500;
    w.settings.seed = "9";
    w.task.room = 2;
    body = body_of(&w, 0);
    assert_int_equal(json_integer_value(json_object_get(body, "max_completion_tokens")), 1000);
    assert_null(json_object_get(body, "response_format"));
    json_int_t seed = json_integer_value(json_object_get(body, "seed"));
    json_decref(body);
    w.task.attempt = 1;
    body = body_of(&w, 0);
    assert_true(json_integer_value(json_object_get(body, "seed")) != seed); /* asked again: not the same answer */
    json_decref(body);
    close_world(&w);
}

static void batch_ids_come_back(void **state)
{
    (void)state;
    world w = open_world();
    char id[SS_BATCH_ID];
    uint64_t key;
    unsigned n;
    ss_batch_id(w.taxonomy, &w.task, id);
    assert_int_equal(ss_batch_parse_id(id, &key, &n), 0);
    assert_true(key == ss_batch_key(w.taxonomy, &w.task) && n == 2);
    assert_int_equal(strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(id));
    w.task.skills[2] = 1;
    assert_true(key != ss_batch_key(w.taxonomy, &w.task));
    static const char *const bad[] = {"",
                                      "x",
                                      "ss1_",
                                      "ss1_0123456789abcdef",
                                      "ss1_0123456789abcdef_",
                                      "ss1_0123456789abcdef_4",
                                      "ss1_0123456789abcdef_4_",
                                      "ss1_0123456789abcdef_0_1",
                                      "ss1_0123456789abcdef_4_1x",
                                      "ss1_0123456789abcdeg_4_1",
                                      "ss1_0123456789abcde_4_1",
                                      "ss2_0123456789abcdef_4_1",
                                      "ss1_0123456789abcdef_99999999999_1",
                                      "ss1_0123456789abcdef_-4_1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_int_equal(ss_batch_parse_id(bad[i], &key, &n), -1);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_completed),
        cmocka_unit_test(retry_after_in_both_forms),
        cmocka_unit_test(keys_come_from_option_or_file),
        cmocka_unit_test(bodies_say_what_the_options_say),
        cmocka_unit_test(batch_ids_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
