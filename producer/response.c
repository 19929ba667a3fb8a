/* response.c - see response.h. Server-sent events are put together into one chat completion in response_stream.c. */
#include "producer/response.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/json_load.h"
#include "producer/response_stream.h"

enum { LARGEST_CONTENT = 1 << 20 };

static const char *const words[SS_VERDICTS] = {"ok",        "poor",    "broken",       "away",
                                               "slow-down", "refused", "unstructured", "fatal"};

const char *ss_verdict_word(ss_verdict verdict)
{
    return verdict < SS_VERDICTS ? words[verdict] : "?";
}

static void set(ss_response *out, ss_verdict verdict, const char *reason, ss_billed billed)
{
    out->verdict = verdict;
    out->reason = reason;
    out->billed = billed;
}

/* The server's own words, made fit for a log line. */
static void quote(ss_response *out, const char *text)
{
    size_t o = 0;
    for (; *text && o + 1 < sizeof out->text; text++)
        out->text[o++] = (char)(*text >= 0x20 && *text < 0x7f ? *text : ' ');
    out->text[o] = 0;
}

/* ---- errors ---- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static int mentions(const json_t *error, const char *word)
{
    return strcasestr(text_of(error, "message"), word) || strcasestr(text_of(error, "code"), word) ||
           strcasestr(text_of(error, "type"), word) || strcasestr(text_of(error, "param"), word);
}

static int is_out_of_money(const json_t *error)
{
    return mentions(error, "insufficient_quota") || mentions(error, "billing_hard_limit") ||
           mentions(error, "insufficient_balance") || mentions(error, "billing_not_active");
}

static const char *status_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } known[] = {{400, "http-400"}, {404, "http-404"}, {408, "http-408"}, {409, "http-409"},
                 {413, "http-413"}, {422, "http-422"}, {429, "http-429"}, {500, "http-500"},
                 {502, "http-502"}, {503, "http-503"}, {504, "http-504"}, {529, "http-529"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].status == status) return known[i].reason;
    return status >= 500 ? "http-5xx" : status >= 400 ? "http-4xx" : "http-odd";
}

static void judge_status(ss_response *out, int status, int retry_after, const json_t *error)
{
    const char *reason = status_reason(status);
    if (status == 401 || status == 403)
        set(out, SS_VERDICT_FATAL, "not-authorised", SS_BILLED_NOT);
    else if (status == 402 || is_out_of_money(error))
        set(out, SS_VERDICT_FATAL, "insufficient-quota", SS_BILLED_NOT);
    else if (status == 429 || (status == 503 && retry_after))
        set(out, SS_VERDICT_SLOW_DOWN, reason, SS_BILLED_NOT);
    else if (status >= 500 || status == 408 || status == 409)
        set(out, SS_VERDICT_AWAY, reason, SS_BILLED_NOT);
    else if (status == 404 && mentions(error, "model"))
        set(out, SS_VERDICT_FATAL, "no-such-model", SS_BILLED_NOT);
    else if ((status == 400 || status == 422) && (mentions(error, "response_format") || mentions(error, "json_schema")))
        set(out, SS_VERDICT_UNSTRUCTURED, "no-response-format", SS_BILLED_NOT);
    else if (status >= 400)
        set(out, SS_VERDICT_REFUSED, reason, SS_BILLED_NOT);
    else /* redirects and the like: this is not the endpoint */
        set(out, SS_VERDICT_REFUSED, "http-odd", SS_BILLED_NOT);
}

/* Finds {"error":{...}} or {"error":"text"}; an array around it is Google's way. Borrowed. */
static const json_t *error_in(const json_t *root)
{
    if (json_is_array(root)) root = json_array_get(root, 0);
    const json_t *error = json_object_get(root, "error");
    return json_is_object(error) ? error : json_is_string(error) ? root : NULL;
}

static void read_error(ss_response *out, int status, int retry_after, const char *body, size_t len)
{
    json_error_t why;
    json_t *root = ss_json_load(body, len, 0, &why);
    const json_t *error = error_in(root);
    judge_status(out, status, retry_after, error);
    const char *text = text_of(error, "message");
    if (!*text) text = text_of(error, "error");
    if (*text)
        quote(out, text);
    else
        snprintf(out->text, sizeof out->text, "HTTP status %d", status);
    json_decref(root);
}

/* ---- a completion ---- */

static void read_usage(const json_t *root, ss_response *out)
{
    const json_t *usage = json_object_get(root, "usage");
    const json_t *in = json_object_get(usage, "prompt_tokens"), *made = json_object_get(usage, "completion_tokens");
    out->billed = SS_BILLED_UNKNOWN;
    if (!json_is_integer(in) || !json_is_integer(made) || json_integer_value(in) < 0 || json_integer_value(made) < 0)
        return;
    out->billed = SS_BILLED_USAGE;
    out->tokens_in = (uint64_t)json_integer_value(in);
    out->tokens_out = (uint64_t)json_integer_value(made);
}

/* The text of message.content: a string, or parts of type "text" put together. */
static int read_content(const json_t *content, ss_buffer *out)
{
    if (json_is_string(content)) return ss_buffer_add(out, json_string_value(content), json_string_length(content));
    if (!json_is_array(content)) return 0;
    for (size_t i = 0; i < json_array_size(content); i++) {
        const json_t *text = json_object_get(json_array_get(content, i), "text");
        if (json_is_string(text) && ss_buffer_add(out, json_string_value(text), json_string_length(text))) return -1;
    }
    return 0;
}

static void judge_choice(const json_t *choice, ss_response *out)
{
    const json_t *message = json_object_get(choice, "message");
    const char *finish = text_of(choice, "finish_reason"), *refusal = text_of(message, "refusal");
    ss_billed billed = out->billed;
    if (!json_is_object(message))
        set(out, SS_VERDICT_BROKEN, "bad-schema", billed);
    else if (read_content(json_object_get(message, "content"), &out->content))
        set(out, SS_VERDICT_POOR, "too-large", billed);
    else if (*refusal)
        set(out, SS_VERDICT_POOR, "refusal", billed);
    else if (!strcmp(finish, "length"))
        set(out, SS_VERDICT_POOR, "length", billed);
    else if (!strcmp(finish, "content_filter"))
        set(out, SS_VERDICT_POOR, "content-filter", billed);
    else if (!out->content.len)
        set(out, SS_VERDICT_BROKEN, "no-content", billed);
    else
        set(out, SS_VERDICT_OK, "ok", billed);
}

static void read_completion(json_t *root, int retry_after, ss_response *out)
{
    const json_t *choices = json_object_get(root, "choices"), *error = error_in(root);
    read_usage(root, out);
    if (!choices && error) { /* some gateways answer 200 and put the status inside */
        const json_t *code = json_object_get(error, "code");
        int status = json_is_integer(code) ? (int)json_integer_value(code) : 500;
        judge_status(out, status >= 400 && status < 600 ? status : 500, retry_after, error);
        quote(out, text_of(error, "message"));
    } else if (!json_is_array(choices)) {
        set(out, SS_VERDICT_BROKEN, "bad-schema", out->billed);
    } else if (!json_array_size(choices)) {
        set(out, SS_VERDICT_BROKEN, "no-choices", out->billed);
    } else {
        judge_choice(json_array_get(choices, 0), out);
    }
}

static void read_body(ss_response *out, int retry_after, int streamed, const char *body, size_t len)
{
    json_error_t why;
    const char *reason = "bad-json";
    size_t at = 0;
    while (at < len && (body[at] == ' ' || body[at] == '\n' || body[at] == '\r' || body[at] == '\t')) at++;
    /* A server that was asked to stream may answer in one piece all the same. */
    json_t *root = streamed && at < len && body[at] != '{' ? ss_response_join(body, len, &reason)
                                                           : ss_json_load(body, len, 0, &why);
    if (root)
        read_completion(root, retry_after, out);
    else
        set(out, SS_VERDICT_BROKEN, reason, SS_BILLED_UNKNOWN);
    json_decref(root);
}

void ss_response_read(ss_transfer transfer, int status, int retry_after, int streamed, const char *body, size_t len,
                      ss_response *out)
{
    *out = (ss_response){.reason = "?"};
    ss_buffer_init(&out->content, LARGEST_CONTENT);
    if (transfer == SS_TRANSFER_UNSENT)
        set(out, SS_VERDICT_AWAY, "no-connection", SS_BILLED_NOT);
    else if (transfer == SS_TRANSFER_REFUSED)
        set(out, SS_VERDICT_FATAL, "certificate", SS_BILLED_NOT);
    else if (transfer == SS_TRANSFER_TOO_LARGE)
        set(out, SS_VERDICT_POOR, "too-large", SS_BILLED_UNKNOWN);
    else if (status >= 300)
        read_error(out, status, retry_after, body ? body : "", len);
    else if (transfer == SS_TRANSFER_BROKEN)
        set(out, SS_VERDICT_AWAY, "cut-off", SS_BILLED_UNKNOWN);
    else if (status < 200)
        set(out, SS_VERDICT_AWAY, "http-odd", SS_BILLED_UNKNOWN);
    else
        read_body(out, retry_after, streamed, body ? body : "", len);
}

void ss_response_free(ss_response *response)
{
    ss_buffer_free(&response->content);
}
