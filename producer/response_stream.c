/* response_stream.c - see response_stream.h. */
#include "producer/response_stream.h"

#include <string.h>

#include "base/buffer.h"
#include "base/json_load.h"

enum { LARGEST = 1 << 20, LONGEST_FINISH = 32 };

typedef struct joined {
    ss_buffer content, refusal;
    char finish[LONGEST_FINISH];
    json_t *usage, *error;
    int done, choices;
} joined;

static int append(ss_buffer *out, const json_t *text)
{
    return json_is_string(text) ? ss_buffer_add(out, json_string_value(text), json_string_length(text)) : 0;
}

/* One event's JSON. -1: it is none, or too much. */
static int take_event(joined *j, const char *text, size_t len)
{
    json_error_t why;
    json_t *event = ss_json_load(text, len, 0, &why);
    if (!event) return -1;
    const json_t *choice = json_array_get(json_object_get(event, "choices"), 0);
    const json_t *delta = json_object_get(choice, "delta");
    const char *finish = json_string_value(json_object_get(choice, "finish_reason"));
    json_t *usage = json_object_get(event, "usage");
    if (choice) j->choices = 1;
    if (finish && strlen(finish) < sizeof j->finish) memcpy(j->finish, finish, strlen(finish) + 1);
    if (json_is_object(usage)) {
        json_decref(j->usage);
        j->usage = json_incref(usage);
    }
    if (json_object_get(event, "error") && !j->error) j->error = json_incref(event);
    int bad = append(&j->content, json_object_get(delta, "content")) ||
              append(&j->refusal, json_object_get(delta, "refusal"));
    json_decref(event);
    return bad ? -1 : 0;
}

static int take_line(joined *j, const char *line, size_t len)
{
    if (len && line[len - 1] == '\r') len--;
    if (len < 5 || strncmp(line, "data:", 5)) return 0; /* comments, event names, blank lines */
    line += 5, len -= 5;
    if (len && *line == ' ') line++, len--;
    if (len == 6 && !strncmp(line, "[DONE]", 6)) {
        j->done = 1;
        return 0;
    }
    return take_event(j, line, len);
}

static json_t *build(const joined *j)
{
    return json_pack("{s:[{s:{s:s%, s:s%}, s:s}], s:O?}", "choices", "message", "content",
                     j->content.data ? j->content.data : "", j->content.len, "refusal",
                     j->refusal.data ? j->refusal.data : "", j->refusal.len, "finish_reason", j->finish, "usage",
                     j->usage);
}

json_t *ss_response_join(const char *body, size_t len, const char **reason)
{
    joined j = {0};
    ss_buffer_init(&j.content, LARGEST);
    ss_buffer_init(&j.refusal, LARGEST);
    int bad = 0;
    while (len && !bad && !j.done) {
        const char *end = memchr(body, '\n', len);
        size_t line = end ? (size_t)(end - body) : len;
        bad = take_line(&j, body, line);
        line += end != NULL;
        body += line, len -= line;
    }
    json_t *out = NULL;
    if (j.error)
        out = json_incref(j.error);
    else if (!bad && j.done && j.choices)
        out = build(&j);
    *reason = bad ? "bad-json" : !j.done ? "cut-off" : "no-choices";
    json_decref(j.usage);
    json_decref(j.error);
    ss_buffer_free(&j.content);
    ss_buffer_free(&j.refusal);
    return out;
}
