/* test_response.c - what ends of requests mean: the table of response.h, line by line, and streams of events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "producer/response.h"

#define GOOD                                                                                                           \
    "{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":\"hello\"}}],\"usage\":{\"prompt_tokens\":7,"  \
    "\"completion_tokens\":3}}"

typedef struct expectation {
    ss_transfer transfer;
    int status, retry_after;
    const char *body;
    ss_verdict verdict;
    const char *reason;
    ss_billed billed;
} expectation;

static void check_all(const expectation *list, size_t count, int streamed)
{
    for (size_t i = 0; i < count; i++) {
        const expectation *e = &list[i];
        ss_response r;
        ss_response_read(e->transfer, e->status, e->retry_after, streamed, e->body, strlen(e->body), &r);
        if (r.verdict != e->verdict || strcmp(r.reason, e->reason) || r.billed != e->billed)
            fail_msg("%zu (%s): %s, %s, billed %d", i, e->body, ss_verdict_word(r.verdict), r.reason, (int)r.billed);
        ss_response_free(&r);
    }
}

static void follows_the_table(void **state)
{
    (void)state;
    static const expectation list[] = {
        {0, 200, 0, GOOD, SS_VERDICT_OK, "ok", SS_BILLED_USAGE},
        {0, 200, 0, "{\"choices\":[{\"message\":{\"content\":\"x\"}}]}", SS_VERDICT_OK, "ok", SS_BILLED_UNKNOWN},
        {0, 200, 0, "{\"choices\":[{\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}}]}", SS_VERDICT_OK,
         "ok", SS_BILLED_UNKNOWN},
        {0, 200, 0, "{\"choices\":[{\"finish_reason\":\"length\",\"message\":{\"content\":\"x\"}}]}", SS_VERDICT_POOR,
         "length", SS_BILLED_UNKNOWN},
        {0, 200, 0, "{\"choices\":[{\"finish_reason\":\"content_filter\",\"message\":{\"content\":\"x\"}}]}",
         SS_VERDICT_POOR, "content-filter", SS_BILLED_UNKNOWN},
        {0, 200, 0, "{\"choices\":[{\"message\":{\"content\":null,\"refusal\":\"no\"}}]}", SS_VERDICT_POOR, "refusal",
         SS_BILLED_UNKNOWN},
        {SS_TRANSFER_TOO_LARGE, 200, 0, "[", SS_VERDICT_POOR, "too-large", SS_BILLED_UNKNOWN},
        {0, 200, 0, "", SS_VERDICT_BROKEN, "bad-json", SS_BILLED_UNKNOWN},
        {0, 200, 0, "{\"choices\":[{\"mess", SS_VERDICT_BROKEN, "bad-json", SS_BILLED_UNKNOWN},
        {0, 200, 0, "<html>", SS_VERDICT_BROKEN, "bad-json", SS_BILLED_UNKNOWN},
        {0, 200, 0, "{\"choices\":[{\"message\":{\"content\":\"caf\xe9\"}}]}", SS_VERDICT_BROKEN, "bad-json",
         SS_BILLED_UNKNOWN},
        {0, 200, 0, "{\"choices\":[]}", SS_VERDICT_BROKEN, "no-choices", SS_BILLED_UNKNOWN},
        {0, 200, 0, "{\"choices\":[5]}", SS_VERDICT_BROKEN, "bad-schema", SS_BILLED_UNKNOWN},
        {0, 200, 0, "{\"choices\":{\"a\":1}}", SS_VERDICT_BROKEN, "bad-schema", SS_BILLED_UNKNOWN},
        {0, 200, 0, "5", SS_VERDICT_BROKEN, "bad-json", SS_BILLED_UNKNOWN},
        {0, 200, 0, "{\"choices\":[{\"message\":{\"content\":\"\"}}]}", SS_VERDICT_BROKEN, "no-content",
         SS_BILLED_UNKNOWN},
        {0, 200, 0, "{\"error\":{\"code\":429,\"message\":\"slow\"}}", SS_VERDICT_SLOW_DOWN, "http-429", SS_BILLED_NOT},
        {0, 200, 0, "{\"error\":\"odd\"}", SS_VERDICT_AWAY, "http-500", SS_BILLED_NOT},
        {SS_TRANSFER_UNSENT, 0, 0, "", SS_VERDICT_AWAY, "no-connection", SS_BILLED_NOT},
        {SS_TRANSFER_BROKEN, 0, 0, "", SS_VERDICT_AWAY, "cut-off", SS_BILLED_UNKNOWN},
        {SS_TRANSFER_BROKEN, 200, 0, GOOD, SS_VERDICT_AWAY, "cut-off", SS_BILLED_UNKNOWN},
        {0, 500, 0, "oops", SS_VERDICT_AWAY, "http-500", SS_BILLED_NOT},
        {0, 503, 0, "", SS_VERDICT_AWAY, "http-503", SS_BILLED_NOT},
        {0, 503, 1, "", SS_VERDICT_SLOW_DOWN, "http-503", SS_BILLED_NOT},
        {0, 599, 0, "", SS_VERDICT_AWAY, "http-5xx", SS_BILLED_NOT},
        {0, 408, 0, "", SS_VERDICT_AWAY, "http-408", SS_BILLED_NOT},
        {0, 429, 0, "", SS_VERDICT_SLOW_DOWN, "http-429", SS_BILLED_NOT},
        {0, 429, 1, "{\"error\":{\"code\":\"insufficient_quota\"}}", SS_VERDICT_FATAL, "insufficient-quota",
         SS_BILLED_NOT},
        {0, 402, 0, "", SS_VERDICT_FATAL, "insufficient-quota", SS_BILLED_NOT},
        {0, 401, 0, "{\"error\":{\"message\":\"bad key\"}}", SS_VERDICT_FATAL, "not-authorised", SS_BILLED_NOT},
        {0, 403, 0, "", SS_VERDICT_FATAL, "not-authorised", SS_BILLED_NOT},
        {0, 404, 0, "{\"error\":{\"message\":\"The model x does not exist\"}}", SS_VERDICT_FATAL, "no-such-model",
         SS_BILLED_NOT},
        {0, 404, 0, "", SS_VERDICT_REFUSED, "http-404", SS_BILLED_NOT},
        {0, 400, 0, "{\"error\":{\"message\":\"too long\"}}", SS_VERDICT_REFUSED, "http-400", SS_BILLED_NOT},
        {0, 400, 0, "{\"error\":{\"message\":\"no\",\"param\":\"response_format\"}}", SS_VERDICT_UNSTRUCTURED,
         "no-response-format", SS_BILLED_NOT},
        {0, 413, 0, "", SS_VERDICT_REFUSED, "http-413", SS_BILLED_NOT},
        {0, 307, 0, "", SS_VERDICT_REFUSED, "http-odd", SS_BILLED_NOT},
    };
    check_all(list, sizeof list / sizeof *list, 0);
}

static void reads_content_and_usage(void **state)
{
    (void)state;
    ss_response r;
    ss_response_read(SS_TRANSFER_DONE, 200, 0, 0, GOOD, strlen(GOOD), &r);
    assert_string_equal(r.content.data, "hello");
    assert_int_equal(r.tokens_in, 7);
    assert_int_equal(r.tokens_out, 3);
    ss_response_free(&r);
}

static void servers_words_are_made_fit_for_a_log_line(void **state)
{
    (void)state;
    static const char body[] = "{\"error\":{\"message\":\"a\\nb\\u001b[31mc \xc3\xa9\"}}";
    ss_response r;
    ss_response_read(SS_TRANSFER_DONE, 401, 0, 0, body, sizeof body - 1, &r);
    assert_string_equal(r.text, "a b [31mc   ");
    ss_response_free(&r);
}

#define EVENT(text) "data: {\"choices\":[{\"delta\":{\"content\":\"" text "\"},\"finish_reason\":null}]}\r\n\r\n"
#define STOP "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define USAGE "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n\n"

static void joins_streams_and_notices_cut_ones(void **state)
{
    (void)state;
    static const expectation list[] = {
        {0, 200, 0, ": hi\n\n" EVENT("he") EVENT("llo") STOP USAGE "data: [DONE]\n\n", SS_VERDICT_OK, "ok",
         SS_BILLED_USAGE},
        {0, 200, 0, EVENT("he") STOP "data: [DONE]", SS_VERDICT_OK, "ok", SS_BILLED_UNKNOWN},
        {0, 200, 0, EVENT("he") STOP, SS_VERDICT_BROKEN, "cut-off", SS_BILLED_UNKNOWN},
        {0, 200, 0, EVENT("he") "data: {\"cho", SS_VERDICT_BROKEN, "bad-json", SS_BILLED_UNKNOWN},
        {0, 200, 0, "data: [DONE]\n\n", SS_VERDICT_BROKEN, "no-choices", SS_BILLED_UNKNOWN},
        {0, 200, 0, "data: {\"error\":{\"code\":502,\"message\":\"x\"}}\n\n", SS_VERDICT_AWAY, "http-502",
         SS_BILLED_NOT},
        {0, 200, 0, GOOD, SS_VERDICT_OK, "ok", SS_BILLED_USAGE}, /* asked to stream, answered in one piece */
        {0, 200, 0, "garbage\n", SS_VERDICT_BROKEN, "cut-off", SS_BILLED_UNKNOWN},
    };
    check_all(list, sizeof list / sizeof *list, 1);
    ss_response r;
    ss_response_read(SS_TRANSFER_DONE, 200, 0, 1, list[0].body, strlen(list[0].body), &r);
    assert_string_equal(r.content.data, "hello");
    assert_int_equal(r.tokens_out, 3);
    ss_response_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_table),
        cmocka_unit_test(reads_content_and_usage),
        cmocka_unit_test(servers_words_are_made_fit_for_a_log_line),
        cmocka_unit_test(joins_streams_and_notices_cut_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
