/* batch.c - `--batch-out` and `--batch-in`; see batch.h.
 *
 * Out: one request for each slot that still wants something, as long as the budget has room for its worst case. In:
 * results are looked up by the key of their slot and go through the same checks as answers that came by themselves.
 * What is missing afterwards is what the next --batch-out asks for.
 */
#include "producer/batch.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json_load.h"
#include "producer/request.h"
#include "producer/run.h"

enum {
    LARGEST_BODY = 1 << 20,
    LONGEST_LINE = 8 << 20,
    LOOK_EVERY = 64,
    OUTLET_MS = 100,
    COMMIT_MS = 60000,
    MOST_N = 100000
};

/* ---- ids ---- */

uint64_t ss_batch_key(const ss_taxonomy *taxonomy, const ss_task *task)
{
    uint64_t parts[SS_TASK_SKILLS + 2] = {ss_hash64(task->prompt->version, strlen(task->prompt->version)),
                                          (uint64_t)task->kind};
    for (size_t i = 0; i < task->skill_count; i++) {
        const char *uri = ss_taxonomy_skill(taxonomy, task->skills[i])->uri;
        parts[i + 2] = ss_hash64(uri, strlen(uri));
    }
    return ss_hash64(parts, sizeof parts);
}

void ss_batch_id(const ss_taxonomy *taxonomy, const ss_task *task, char out[SS_BATCH_ID])
{
    snprintf(out, SS_BATCH_ID, "ss1_%016" PRIx64 "_%u_%zu", ss_batch_key(taxonomy, task), task->n, task->slot);
}

int ss_batch_parse_id(const char *id, uint64_t *key, unsigned *n)
{
    char *end;
    if (strlen(id) >= SS_BATCH_ID || strncmp(id, "ss1_", 4) || strspn(id + 4, "0123456789abcdef") != 16 ||
        id[20] != '_')
        return -1;
    *key = strtoull(id + 4, &end, 16);
    size_t digits = strspn(id + 21, "0123456789");
    unsigned long count = strtoul(id + 21, &end, 10);
    if (!digits || *end != '_' || !count || count > MOST_N) return -1;
    digits = strspn(end + 1, "0123456789");
    if (!digits || end[1 + digits]) return -1;
    *n = (unsigned)count;
    return 0;
}

/* ---- out ---- */

static char *batch_line(const ss_run *run, const ss_task *task, const ss_buffer *body)
{
    char id[SS_BATCH_ID];
    json_error_t why;
    ss_batch_id(run->taxonomy, task, id);
    json_t *inner = ss_json_load(body->data, body->len, 0, &why);
    json_t *line = json_pack("{s:s, s:s, s:s, s:o}", "custom_id", id, "method", "POST", "url", "/v1/chat/completions",
                             "body", inner);
    char *text = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(10)) : NULL;
    json_decref(line);
    return text;
}

/* 1: written; 0: no money left; -1. */
static int write_request(ss_run *run, const ss_task *task, ss_buffer *body, FILE *out, ss_error *err)
{
    ss_spend spend;
    int structured = strcmp(run->settings->structured, "off") != 0;
    ss_buffer_clear(body);
    if (ss_request_body(run->settings, run->taxonomy, task, structured, body, err)) return -1;
    if (!ss_budget_reserve(&run->budget, body->len, ss_request_max_tokens(run->settings, task), &spend)) return 0;
    char *text = batch_line(run, task, body);
    if (!text) return ss_fail_memory(err, "writing requests");
    int bad = fprintf(out, "%s\n", text) < 0;
    free(text);
    return bad ? ss_fail(err, SS_IO, "%s: cannot write: %s", run->settings->batch_out, strerror(errno)) : 1;
}

static int write_requests(ss_run *run, FILE *out, uint64_t *written, ss_error *err)
{
    ss_buffer body;
    ss_buffer_init(&body, LARGEST_BODY);
    int got = 1;
    for (size_t slot = 0; got > 0 && slot < ss_plan_slots(run->plan) && !ss_run_stop(run); slot++) {
        ss_task task;
        if (!ss_plan_task(run->plan, slot, &task)) continue;
        got = write_request(run, &task, &body, out, err);
        *written += got > 0;
    }
    ss_buffer_free(&body);
    run->ended = got < 0 ? "failed" : !got ? "budget" : ss_run_stop(run) ? "stopped" : "done";
    return got < 0 ? -1 : 0;
}

int ss_run_batch_out(ss_run *run, ss_error *err)
{
    const char *path = run->settings->batch_out;
    int to_stdout = !strcmp(path, "-");
    uint64_t written = 0;
    FILE *out = to_stdout ? stdout : fopen(path, "we");
    if (!out) return ss_fail(err, SS_IO, "%s: cannot write: %s", path, strerror(errno));
    int result = write_requests(run, out, &written, err);
    int bad = to_stdout ? fflush(out) : fclose(out);
    if (bad && !result) result = ss_fail(err, SS_IO, "%s: cannot write: %s", path, strerror(errno));
    if (!result)
        ss_log_event(run->log, SS_LOG_INFO, "requests written", SS_INT("requests", written),
                     SS_TEXT("ended", run->ended), SS_REAL("cost_at_worst", ss_budget_units(run->budget.reserved)));
    return result;
}

/* ---- in ---- */

typedef struct known_slot {
    uint64_t key;
    size_t slot;
} known_slot;

typedef struct results {
    ss_run *run;
    known_slot *slots; /* sorted by key */
    size_t count;
    uint64_t lines, unusable;
} results;

static int by_key(const void *a, const void *b)
{
    uint64_t x = ((const known_slot *)a)->key, y = ((const known_slot *)b)->key;
    return (x > y) - (x < y);
}

static int index_slots(results *r, ss_error *err)
{
    size_t all = ss_plan_slots(r->run->plan);
    r->slots = calloc(all + 1, sizeof *r->slots);
    if (!r->slots) return ss_fail_memory(err, "reading results");
    for (size_t slot = 0; slot < all; slot++) {
        ss_task task;
        if (ss_plan_task(r->run->plan, slot, &task))
            r->slots[r->count++] = (known_slot){.key = ss_batch_key(r->run->taxonomy, &task), .slot = slot};
    }
    if (r->count) qsort(r->slots, r->count, sizeof *r->slots, by_key);
    return 0;
}

static void unusable(results *r, const char *reason)
{
    r->unusable++;
    ss_tally_reason(r->run->tally.request_reasons, reason);
}

/* The answer to a task that is known; -1 only for what ends the run. */
static int take_body(results *r, ss_task *task, int status, const json_t *body, ss_error *err)
{
    ss_response response;
    unsigned accepted = 0;
    char *text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text) return ss_fail_memory(err, "reading results");
    ss_response_read(SS_TRANSFER_DONE, status, 0, 0, text, strlen(text), &response);
    free(text);
    r->run->tally.requests[response.verdict]++;
    if (response.billed == SS_BILLED_USAGE) {
        ss_spend nothing = {0};
        ss_budget_settle(&r->run->budget, &nothing, response.tokens_in, response.tokens_out);
    }
    int result = ss_maker_keep_raw(r->run->maker, task, &response, err);
    if (response.verdict != SS_VERDICT_OK)
        unusable(r, response.reason);
    else if (!result)
        result = ss_maker_take(r->run->maker, task, response.content.data, response.content.len, &accepted, err);
    ss_response_free(&response);
    return result;
}

static int take_result(results *r, const json_t *root, ss_error *err)
{
    known_slot wanted = {0};
    unsigned n;
    const char *id = json_string_value(json_object_get(root, "custom_id"));
    const json_t *response = json_object_get(root, "response"), *body = json_object_get(response, "body");
    if (!id || ss_batch_parse_id(id, &wanted.key, &n)) {
        unusable(r, "unknown-request");
        return 0;
    }
    const known_slot *found = r->count ? bsearch(&wanted, r->slots, r->count, sizeof wanted, by_key) : NULL;
    ss_task task;
    if (!found || !ss_plan_task(r->run->plan, found->slot, &task)) {
        unusable(r, "unknown-request"); /* or one whose sentences are on the topic already */
        return 0;
    }
    if (!json_is_object(body)) {
        unusable(r, "no-response");
        return 0;
    }
    /* Sentences without skill are all the same request; how many are wanted by now only the topic knows. */
    if (n < task.n || task.kind == SS_PAIR_NONE) task.n = n;
    return take_body(r, &task, (int)json_integer_value(json_object_get(response, "status_code")), body, err);
}

static int look_around(results *r, ss_progress *bar, ss_error *err)
{
    do {
        if (ss_outlet_turn(r->run->outlet, ss_outlet_is_full(r->run->outlet) ? OUTLET_MS : 1, err)) return -1;
    } while (ss_outlet_is_full(r->run->outlet) && !ss_run_stop(r->run));
    char note[160];
    ss_run_note(r->run, note, sizeof note);
    ss_progress_update(bar, r->lines, note);
    ss_producer_metrics_update(r->run->metrics, r->run, 0);
    return 0;
}

static int read_results(results *r, ss_lines *lines, ss_error *err)
{
    ss_progress bar;
    ss_progress_start(&bar, "reading", "results", 0);
    int result = 0, got = 1;
    while (!result && got && !ss_run_stop(r->run)) {
        char *line;
        size_t len;
        json_error_t why;
        ss_error failure = {0};
        got = ss_lines_next(lines, &line, &len, &failure);
        if (got < 0 && failure.status != SS_LIMIT) {
            *err = failure;
            result = -1;
        }
        if (result || !got || (got > 0 && !len)) continue;
        r->lines++;
        json_t *root = got > 0 ? ss_json_load(line, len, 0, &why) : NULL;
        if (root)
            result = take_result(r, root, err);
        else
            unusable(r, got < 0 ? "too-large" : "bad-json");
        json_decref(root);
        if (!result && r->lines % LOOK_EVERY == 0) result = look_around(r, &bar, err);
    }
    ss_progress_end(&bar, r->lines);
    return result;
}

int ss_run_batch_in(ss_run *run, ss_error *err)
{
    results r = {.run = run};
    ss_lines *lines = ss_lines_open(run->settings->batch_in, LONGEST_LINE, err);
    if (!lines) return -1;
    int result = index_slots(&r, err);
    if (!result) result = read_results(&r, lines, err);
    ss_lines_close(lines);
    free(r.slots);
    run->ended = result ? "failed" : ss_run_stop(run) ? "stopped" : "done";
    ss_error why = {0};
    if (ss_outlet_finish(run->outlet, COMMIT_MS, &why) && !result) {
        *err = why;
        result = -1;
    }
    if (!result)
        ss_log_event(run->log, SS_LOG_INFO, "results read", SS_INT("results", r.lines), SS_INT("of_no_use", r.unusable),
                     SS_INT("pairs", run->tally.pairs), SS_INT("sentences_missing", ss_plan_count(run->plan).missing));
    return result;
}
