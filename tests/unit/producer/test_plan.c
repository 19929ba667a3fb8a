/* test_plan.c - what is asked for, again and again, until it is there; ledger, partners and shares with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "producer/idset.h"
#include "producer/partners.h"
#include "producer/plan.h"
#include "producer/settings.h"
#include "stream/wire_pair.h"
#include "stream/wire_text.h"

enum { SKILLS = 30 };

typedef struct world {
    ss_taxonomy *taxonomy;
    ss_prompts *prompts;
    ss_ledger *ledger;
    ss_plan_config config;
    ss_plan *plan;
    uint64_t sentences; /* made so far */
} world;

static ss_taxonomy *made_up_skills(size_t count)
{
    char *text = malloc(count * 100 + 100);
    ss_error err = {0};
    assert_non_null(text);
    strcpy(text, "id,label\n");
    size_t len = strlen(text);
    for (size_t i = 0; i < count; i++)
        len += (size_t)sprintf(text + len, "u%zu,%s number%zu\n", i, i % 3 ? "operate" : "repair machines", i);
    ss_taxonomy *t = ss_taxonomy_parse("s.csv", text, len, NULL, NULL, &err);
    if (!t) fail_msg("%s", err.text);
    free(text);
    return t;
}

static void open_world(world *w, uint64_t none)
{
    ss_error err = {0};
    *w = (world){.taxonomy = made_up_skills(SKILLS), .prompts = ss_prompts_load(NULL, &err)};
    w->config = (ss_plan_config){.taxonomy = w->taxonomy,
                                 .prompts = w->prompts,
                                 .want = {0, 4, 4, 2, 0},
                                 .none_sentences = none,
                                 .per_request = 3,
                                 .max_attempts = 3,
                                 .max_retries = 2,
                                 .most_waiting = 10,
                                 .retry_base = 100,
                                 .retry_cap = 1000};
    w->ledger = ss_ledger_new(w->taxonomy, w->config.want, none, &err);
    w->config.ledger = w->ledger;
    assert_non_null(w->ledger);
}

static void plan(world *w)
{
    ss_error err = {0};
    ss_plan_free(w->plan);
    w->plan = ss_plan_new(&w->config, &err);
    if (!w->plan) fail_msg("%s", err.text);
}

static void close_world(world *w)
{
    ss_plan_free(w->plan);
    ss_ledger_free(w->ledger);
    ss_prompts_free(w->prompts);
    ss_taxonomy_free(w->taxonomy);
}

/* Books `n` new sentences for a task, as the maker does. */
static void book(world *w, const ss_task *task, unsigned n)
{
    for (; n; n--) {
        char text[64], id[SS_PAIR_ID + 1];
        ss_slice uri = {0};
        ss_error err = {0};
        snprintf(text, sizeof text, "sentence %llu", (unsigned long long)w->sentences++);
        if (task->skill_count) uri = ss_slice_of(ss_taxonomy_skill(w->taxonomy, task->skills[0])->uri);
        ss_pair pair = {.sentence = ss_slice_of(text),
                        .skill_uris = &uri,
                        .skill_count = task->skill_count ? 1 : 0,
                        .kind = task->kind,
                        .prompt_version = ss_slice_of(task->prompt->version)};
        assert_int_equal(ss_pair_make_id(&pair, id, &err), 0);
        pair.id = ss_slice_of(id);
        assert_int_equal(ss_ledger_book(w->ledger, &pair, &err), 1);
        assert_int_equal(ss_ledger_book(w->ledger, &pair, &err), 0);
    }
}

static uint32_t seed = 3;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)(seed >> 8) * n) >> 24);
}

/* Tasks end in random order and in every way; what is there at the end is exactly what was wanted. */
static void asks_until_everything_is_there(void **state)
{
    (void)state;
    world w;
    ss_task out[20];
    size_t n = 0;
    int64_t now = 0;
    open_world(&w, 25);
    w.config.max_retries = 1000;
    w.config.max_attempts = 1000;
    plan(&w);
    while (!ss_plan_is_finished(w.plan)) {
        assert_true(now < 100000000);
        if (n < 20 && ss_plan_next(w.plan, now, &out[n])) {
            const ss_task *t = &out[n++];
            assert_in_range(t->n, 1, 3);
            assert_int_equal(t->prompt->kind, t->kind);
            assert_int_equal(t->skill_count, t->kind == SS_PAIR_NONE ? 0 : t->kind == SS_PAIR_MULTI ? 3 : 1);
            for (size_t i = 0; i + 1 < n; i++) assert_true(out[i].slot != t->slot);
            continue;
        }
        assert_true(ss_plan_out(w.plan) == n);
        if (!n) {
            int64_t due = ss_plan_due(w.plan, now);
            assert_true(due < INT64_MAX);
            now += due;
            continue;
        }
        size_t at = random_below((uint32_t)n);
        ss_task task = out[at];
        out[at] = out[--n];
        switch (random_below(4)) {
        case 0: ss_plan_failed(w.plan, &task, 5, 0, now); break;
        case 1: ss_plan_undo(w.plan, &task); break;
        default: {
            unsigned got = random_below(task.n + 1);
            book(&w, &task, got);
            ss_plan_answered(w.plan, &task, got, 0);
        }
        }
    }
    for (uint32_t s = 0; s < SKILLS; s++) {
        assert_int_equal(ss_ledger_count(w.ledger, s, SS_PAIR_LITERAL), 4);
        assert_int_equal(ss_ledger_count(w.ledger, s, SS_PAIR_IMPLIED), 4);
        assert_int_equal(ss_ledger_count(w.ledger, s, SS_PAIR_MULTI), 2);
    }
    assert_int_equal(ss_ledger_count(w.ledger, SS_LEDGER_NONE, SS_PAIR_NONE), 25);
    assert_int_equal(ss_plan_skills_done(w.plan), SKILLS);
    ss_plan_counts c = ss_plan_count(w.plan);
    assert_true(c.done == c.slots && !c.missing && !c.shorts && !c.failed);
    /* A new plan over the same ledger finds nothing to do. */
    plan(&w);
    ss_task task;
    assert_int_equal(ss_plan_next(w.plan, now, &task), 0);
    assert_true(ss_plan_is_finished(w.plan));
    close_world(&w);
}

static void goes_on_where_the_topic_ends(void **state)
{
    (void)state;
    world w;
    open_world(&w, 0);
    plan(&w);
    ss_task task;
    uint64_t done = 0, all = 0;
    for (int i = 0; i < 40; i++) {
        assert_int_equal(ss_plan_next(w.plan, 0, &task), 1);
        book(&w, &task, task.n);
        ss_plan_answered(w.plan, &task, task.n, 0);
        done += task.n;
    }
    plan(&w); /* as another process would */
    while (ss_plan_next(w.plan, 0, &task)) {
        book(&w, &task, task.n);
        ss_plan_answered(w.plan, &task, task.n, 0);
        all += task.n;
    }
    assert_int_equal(all + done, SKILLS * 10);
    close_world(&w);
}

static void gives_up_as_it_says(void **state)
{
    (void)state;
    world w;
    ss_task task;
    open_world(&w, 0);
    plan(&w);
    /* short: three answers in a row without a sentence; one with a sentence begins the count anew */
    static const unsigned accepted[] = {0, 0, 1, 0, 0, 0};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(ss_plan_next(w.plan, 0, &task), 1);
        assert_int_equal(task.slot, 0);
        assert_int_equal(task.attempt, i);
        book(&w, &task, accepted[i]);
        ss_plan_answered(w.plan, &task, accepted[i], 0);
    }
    assert_int_equal(ss_plan_count(w.plan).shorts, 1);
    /* failed: more than two failures that count; those without a success in between do not */
    int64_t now = 0;
    for (uint64_t i = 0; i < 50; i++) {
        while (!ss_plan_next(w.plan, now, &task)) now += ss_plan_due(w.plan, now);
        if (task.slot == 1) ss_plan_failed(w.plan, &task, 5, 0, now);
        if (task.slot != 1) ss_plan_undo(w.plan, &task);
    }
    assert_int_equal(ss_plan_count(w.plan).failed, 0);
    for (uint64_t i = 6; ss_plan_count(w.plan).failed == 0; i++) {
        assert_true(i < 1000);
        while (!ss_plan_next(w.plan, now, &task)) now += ss_plan_due(w.plan, now);
        if (task.slot == 1) {
            ss_plan_failed(w.plan, &task, i, 0, now);
        } else {
            book(&w, &task, task.n);
            ss_plan_answered(w.plan, &task, task.n, 0);
        }
        now += 100;
    }
    /* refused: at once */
    while (!ss_plan_next(w.plan, now, &task)) now += ss_plan_due(w.plan, now);
    ss_plan_refused(w.plan, &task);
    assert_int_equal(ss_plan_count(w.plan).failed, 2);
    close_world(&w);
}

static void waits_as_long_as_it_is_told_and_bounds_what_waits(void **state)
{
    (void)state;
    world w;
    ss_task task, out[64];
    size_t n = 0;
    open_world(&w, 0);
    plan(&w);
    while (ss_plan_next(w.plan, 0, &out[n])) n++;
    assert_int_equal(n, 10); /* most_waiting */
    for (size_t i = 0; i < n; i++) ss_plan_failed(w.plan, &out[i], 1, 5000, 0);
    assert_int_equal(ss_plan_next(w.plan, 4999, &task), 0);
    assert_int_equal(ss_plan_due(w.plan, 0), 5000);
    assert_int_equal(ss_plan_next(w.plan, 5000, &task), 1);
    ss_plan_answered(w.plan, &task, 0, 1);
    assert_int_equal(ss_plan_next(w.plan, 5000, &task), 1);
    assert_int_equal(task.room, 2); /* cut off for lack of room: twice as much */
    close_world(&w);
}

static void replayed_pairs_do_not_stand_in(void **state)
{
    (void)state;
    world w;
    ss_error err = {0};
    open_world(&w, 0);
    ss_slice uri = ss_slice_of("u0");
    ss_pair pair = {.id = ss_slice_of("a"),
                    .sentence = ss_slice_of("s"),
                    .skill_uris = &uri,
                    .skill_count = 1,
                    .kind = SS_PAIR_LITERAL};
    assert_int_equal(ss_ledger_add(w.ledger, &pair, &err), 1);
    assert_int_equal(ss_ledger_count(w.ledger, 0, SS_PAIR_LITERAL), 0);
    assert_int_equal(ss_ledger_has(w.ledger, pair.id), 1);
    pair.id = ss_slice_of("b");
    pair.prompt_version = ss_slice_of("literal-line.1");
    assert_int_equal(ss_ledger_add(w.ledger, &pair, &err), 1);
    assert_int_equal(ss_ledger_count(w.ledger, 0, SS_PAIR_LITERAL), 1);
    assert_int_equal(ss_ledger_known(w.ledger, 0)->count, 1);
    close_world(&w);
}

static void partners_are_related_stable_and_different(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_taxonomy *t = made_up_skills(SKILLS);
    ss_partners *p = ss_partners_new(t, &err);
    assert_non_null(p);
    for (uint32_t s = 0; s < SKILLS; s++) {
        uint32_t a[2], b[2];
        assert_int_equal(ss_partners_of(p, s, a), 2);
        assert_int_equal(ss_partners_of(p, s, b), 2);
        assert_memory_equal(a, b, sizeof a);
        assert_true(a[0] != s && a[1] != s && a[0] != a[1]);
        for (int i = 0; i < 2; i++) assert_int_equal(a[i] % 3 == 0, s % 3 == 0); /* "repair machines", or "operate" */
    }
    ss_partners_free(p);
    ss_taxonomy_free(t);
    t = made_up_skills(2);
    p = ss_partners_new(t, &err);
    uint32_t a[2];
    assert_int_equal(ss_partners_of(p, 0, a), 1);
    ss_partners_free(p);
    ss_taxonomy_free(t);
}

static void sets_of_ids_hold_what_was_added(void **state)
{
    (void)state;
    ss_idset set = {0};
    for (int i = 0; i < 20000; i++) {
        char id[16];
        int len = snprintf(id, sizeof id, "id-%d", i);
        ss_hash128 key = ss_idset_key(id, (size_t)len);
        assert_int_equal(ss_idset_has(&set, key), 0);
        assert_int_equal(ss_idset_add(&set, key), 1);
        assert_int_equal(ss_idset_add(&set, key), 0);
        assert_int_equal(ss_idset_has(&set, key), 1);
    }
    assert_int_equal(set.count, 20000);
    ss_idset_free(&set);
}

static void shares_add_up(void **state)
{
    (void)state;
    static const struct {
        uint64_t sentences;
        const char *mix;
        unsigned want[3];
    } cases[] = {
        {10, "literal=4,implied=4,multi=2", {4, 4, 2}},
        {20, "literal=4,implied=4,multi=2", {8, 8, 4}},
        {1, "literal=4,implied=4,multi=2", {1, 0, 0}},
        {7, "literal=4,implied=4,multi=2", {3, 3, 1}},
        {10, "literal", {10, 0, 0}},
        {10, "Multi=1,implied=2", {0, 7, 3}},
        {3, "literal,implied,multi", {1, 1, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ss_producer_settings s = {.sentences = cases[i].sentences,
                                  .mix = cases[i].mix,
                                  .max_words = 60,
                                  .taxonomy = "t",
                                  .dry_run = 1,
                                  .max_cost = (double)NAN};
        ss_strings none = {0};
        ss_error err = {0};
        if (ss_producer_settings_check(&s, &none, &err)) fail_msg("%s", err.text);
        for (int k = 0; k < 3; k++) assert_int_equal(s.want[k + 1], cases[i].want[k]);
    }
    static const char *const bad[] = {"", "literal=0", "none=1", "literal=x", "literal=-1", "literal=4;implied=4"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ss_producer_settings s = {
            .sentences = 10, .mix = bad[i], .max_words = 60, .taxonomy = "t", .dry_run = 1, .max_cost = (double)NAN};
        ss_strings none = {0};
        ss_error err = {0};
        assert_int_equal(ss_producer_settings_check(&s, &none, &err), -1);
        assert_int_equal(err.status, SS_CONFIG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_until_everything_is_there),
        cmocka_unit_test(goes_on_where_the_topic_ends),
        cmocka_unit_test(gives_up_as_it_says),
        cmocka_unit_test(waits_as_long_as_it_is_told_and_bounds_what_waits),
        cmocka_unit_test(replayed_pairs_do_not_stand_in),
        cmocka_unit_test(partners_are_related_stable_and_different),
        cmocka_unit_test(sets_of_ids_hold_what_was_added),
        cmocka_unit_test(shares_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
