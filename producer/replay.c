/* replay.c - `--replay`: existing pairs to the topic, each once.
 *
 * What is on the topic already (by id) is left out, so a replay that was killed is simply started again. Lines that are
 * no pair are named on stderr (the first few), counted, and make the exit code 1.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "producer/pairs_input.h"
#include "producer/run.h"

enum { SHOWN = 20, LOOK_EVERY = 256, OUTLET_MS = 100, COMMIT_MS = 60000, LAST_COMMIT_MS = 15000, ARENA_MOST = 1 << 20 };

typedef struct replay {
    ss_run *run;
    ss_arena arena;
    ss_progress bar;
    size_t seen; /* pairs read */
} replay;

static size_t count_words(ss_slice text)
{
    size_t words = 0;
    for (size_t i = 0; i < text.len; i++) words += text.data[i] != ' ' && (!i || text.data[i - 1] == ' ');
    return words;
}

static int take_pair(replay *r, const ss_pair *pair, ss_error *err)
{
    ss_tally *tally = &r->run->tally;
    int new = ss_ledger_book(r->run->ledger, pair, err);
    if (new < 0) return -1;
    if (!new) {
        tally->present++;
        return 0;
    }
    if (ss_outlet_put(r->run->outlet, pair, err)) return -1;
    tally->pairs++;
    tally->by_kind[pair->kind]++;
    ss_tally_length(tally, count_words(pair->sentence));
    return 0;
}

static void refuse(replay *r, const ss_error *why)
{
    if (r->run->tally.rejects < SHOWN) fprintf(stderr, "skillstream-producer: %s\n", why->text);
    if (r->run->tally.rejects == SHOWN) fprintf(stderr, "skillstream-producer: further lines are only counted\n");
    ss_tally_reject(&r->run->tally, why->status == SS_LIMIT ? "too-long" : "bad-line");
}

/* The outlet's turn; waits while it has more than it should. */
static int look_around(replay *r, ss_error *err)
{
    do {
        if (ss_outlet_turn(r->run->outlet, ss_outlet_is_full(r->run->outlet) ? OUTLET_MS : 1, err)) return -1;
        if (ss_run_stop(r->run)) return 0;
    } while (ss_outlet_is_full(r->run->outlet));
    char note[160];
    ss_run_note(r->run, note, sizeof note);
    ss_progress_update(&r->bar, r->seen, note);
    ss_producer_metrics_update(r->run->metrics, r->run, 0);
    return 0;
}

static int replay_file(replay *r, const char *path, ss_error *err)
{
    ss_pairs_input *input = ss_pairs_input_open(path, r->run->taxonomy, err);
    if (!input) return -1;
    int result = 0, got = 1;
    while (!result && got && !ss_run_stop(r->run)) {
        ss_pair pair;
        ss_error why = {0};
        ss_arena_reset(&r->arena);
        got = ss_pairs_input_next(input, &r->arena, &pair, &why);
        if (got > 0)
            result = take_pair(r, &pair, err);
        else if (got < 0 && (why.status == SS_INPUT || why.status == SS_LIMIT))
            refuse(r, &why);
        else if (got < 0) {
            *err = why;
            result = -1;
        }
        r->seen += got != 0;
        if (!result && r->seen % LOOK_EVERY == 0) result = look_around(r, err);
    }
    ss_pairs_input_close(input);
    return result;
}

int ss_run_replay(ss_run *run, ss_error *err)
{
    replay r = {.run = run};
    ss_arena_init(&r.arena, 0, ARENA_MOST);
    ss_progress_start(&r.bar, "streaming", "pairs", 0);
    int result = 0;
    const ss_strings *lists[] = {&run->settings->replay, run->arguments};
    for (size_t l = 0; l < 2; l++)
        for (size_t i = 0; !result && i < lists[l]->count && !ss_run_stop(run); i++)
            result = replay_file(&r, lists[l]->items[i], err);
    run->ended = result ? "failed" : ss_run_stop(run) ? "stopped" : "done";
    ss_shutdown_stage(run->shutdown, "the last transaction");
    ss_error why = {0};
    if (ss_outlet_finish(run->outlet, ss_run_stop(run) ? LAST_COMMIT_MS : COMMIT_MS, &why) && !result) {
        *err = why;
        result = -1;
    }
    ss_progress_end(&r.bar, r.seen);
    ss_arena_free(&r.arena);
    if (!result && run->tally.rejects)
        result =
            ss_fail(err, SS_INPUT, "%llu lines are no pair and were left out", (unsigned long long)run->tally.rejects);
    return result;
}
