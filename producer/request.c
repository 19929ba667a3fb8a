/* request.c - see request.h. */
#include "producer/request.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "producer/language.h"

enum { LONGEST_PROMPT = 256 * 1024, MOST_ALTERNATIVES = 8, TOKENS_PER_SENTENCE = 64, TOKENS_AROUND = 128 };
enum { LONGEST_VALUE = 16 * 1024, DESCRIPTION = 1200 };

/* The first alternatives, "a; b; c". */
static int join_alternatives(const ss_skill *skill, ss_buffer *out)
{
    for (uint32_t i = 0; i < skill->alternative_count && i < MOST_ALTERNATIVES; i++)
        if ((i && ss_buffer_add(out, "; ", 2)) || ss_buffer_add_string(out, skill->alternatives[i])) return -1;
    return 0;
}

/* Length of a text cut at a blank after at most `most` bytes. */
static size_t cut_length(const char *text, size_t most)
{
    size_t len = strlen(text);
    if (len <= most) return len;
    while (most && text[most] != ' ') most--;
    return most;
}

/* "- label (what it means)" for each skill of the task. */
static int list_skills(const ss_taxonomy *taxonomy, const ss_task *task, ss_buffer *out)
{
    enum { SHORT = 240 };
    for (size_t i = 0; i < task->skill_count; i++) {
        const ss_skill *skill = ss_taxonomy_skill(taxonomy, task->skills[i]);
        if (ss_buffer_printf(out, "%s- %s", i ? "\n" : "", skill->label)) return -1;
        int len = (int)cut_length(skill->description, SHORT);
        if (len && ss_buffer_printf(out, ": %.*s", len, skill->description)) return -1;
    }
    return 0;
}

static const char *text_of(const ss_buffer *buffer)
{
    return buffer->len ? buffer->data : "";
}

int ss_request_prompt(const ss_producer_settings *s, const ss_taxonomy *taxonomy, const ss_task *task,
                      ss_buffer *system, ss_buffer *user, ss_error *err)
{
    ss_buffer alternatives, skills, description;
    ss_buffer_init(&alternatives, LONGEST_VALUE);
    ss_buffer_init(&skills, LONGEST_VALUE);
    ss_buffer_init(&description, LONGEST_VALUE);
    const ss_skill *skill = task->skill_count ? ss_taxonomy_skill(taxonomy, task->skills[0]) : NULL;
    const char *language = ss_language_name(s->language);
    int bad = skill && (join_alternatives(skill, &alternatives) || list_skills(taxonomy, task, &skills) ||
                        ss_buffer_add(&description, skill->description, cut_length(skill->description, DESCRIPTION)));
    ss_prompt_values values = {.label = skill ? skill->label : "",
                               .alternatives = text_of(&alternatives),
                               .description = text_of(&description),
                               .skills = text_of(&skills),
                               .language = language ? language : s->language,
                               .n = task->n,
                               .variation = task->variation};
    int result = bad ? ss_fail(err, SS_LIMIT, "the skill '%.80s' is too long for a prompt", skill->label)
                     : ss_prompt_render(task->prompt, &values, system, user, err);
    ss_buffer_free(&alternatives);
    ss_buffer_free(&skills);
    ss_buffer_free(&description);
    return result;
}

uint64_t ss_request_max_tokens(const ss_producer_settings *s, const ss_task *task)
{
    uint64_t usual = s->max_tokens ? s->max_tokens : (uint64_t)task->n * TOKENS_PER_SENTENCE + TOKENS_AROUND;
    return usual * task->room;
}

static json_t *response_format(void)
{
    return json_pack("{s:s, s:{s:s, s:b, s:{s:s, s:{s:{s:s, s:{s:s}}}, s:[s], s:b}}}", "type", "json_schema",
                     "json_schema", "name", "sentences", "strict", 1, "schema", "type", "object", "properties",
                     "sentences", "type", "array", "items", "type", "string", "required", "sentences",
                     "additionalProperties", 0);
}

static json_t *messages(const ss_buffer *system, const ss_buffer *user)
{
    json_t *list = json_array();
    if (system->len)
        json_array_append_new(list, json_pack("{s:s, s:s%}", "role", "system", "content", system->data, system->len));
    json_array_append_new(list, json_pack("{s:s, s:s%}", "role", "user", "content", text_of(user), user->len));
    return list;
}

static json_t *body_of(const ss_producer_settings *s, const ss_task *task, int structured, json_t *list)
{
    json_t *body = json_pack("{s:s, s:o, s:I}", "model", s->llm_model ? s->llm_model : "", "messages", list,
                             s->max_tokens_field, (json_int_t)ss_request_max_tokens(s, task));
    if (!isnan(s->temperature)) json_object_set_new(body, "temperature", json_real(s->temperature));
    if (!isnan(s->top_p)) json_object_set_new(body, "top_p", json_real(s->top_p));
    if (s->seed) {
        uint64_t mixed[3] = {strtoull(s->seed, NULL, 10), task->slot, task->attempt};
        json_object_set_new(body, "seed", json_integer((json_int_t)(ss_hash64(mixed, sizeof mixed) >> 33)));
    }
    if (structured) json_object_set_new(body, "response_format", response_format());
    if (s->stream && s->mode == SS_MODE_GENERATE) {
        json_object_set_new(body, "stream", json_true());
        json_object_set_new(body, "stream_options", json_pack("{s:b}", "include_usage", 1));
    }
    return body;
}

int ss_request_body(const ss_producer_settings *s, const ss_taxonomy *taxonomy, const ss_task *task, int structured,
                    ss_buffer *out, ss_error *err)
{
    ss_buffer system, user;
    ss_buffer_init(&system, LONGEST_PROMPT);
    ss_buffer_init(&user, LONGEST_PROMPT);
    int result = ss_request_prompt(s, taxonomy, task, &system, &user, err);
    if (!result) {
        json_t *body = body_of(s, task, structured, messages(&system, &user));
        char *text = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(10)) : NULL;
        if (!text || ss_buffer_add_string(out, text)) result = ss_fail_memory(err, "writing a request");
        free(text);
        json_decref(body);
    }
    ss_buffer_free(&system);
    ss_buffer_free(&user);
    return result;
}
