/* plan.c - see plan.h.
 *
 * Slots are numbered: (place of the skill in the list) * kinds + kind, then those without skill. A cursor walks over
 * them once; slots that have to be asked again wait in a small array, which is looked through for the earliest.
 */
#include "producer/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "producer/partners.h"

enum { KINDS = 3, MOST_ROOM = 8 };

typedef enum state { NEW, OUT, WAITING, DONE, SHORT, FAILED } state;

typedef struct progress {
    unsigned char state, room;
    uint16_t barren; /* answers in a row without a new sentence */
    uint16_t asked;
    uint16_t got;      /* kind NONE: sentences accepted */
    uint32_t failures; /* that count */
    uint32_t seen;     /* successes of the run at the last failure */
    uint32_t backoff;  /* failures in a row */
} progress;

typedef struct waiting {
    size_t slot;
    int64_t due;
} waiting;

struct ss_plan {
    ss_plan_config config;
    ss_partners *partners;
    progress *slots;
    size_t slot_count, with_skill; /* those of skills come first */
    uint64_t none_left;            /* sentences of kind NONE that the topic lacked at start */
    unsigned char *open;           /* (skills) slots of the skill that have not ended */
    size_t skills, skills_done;
    size_t cursor, out;
    waiting *waiting;
    size_t waiting_count, waiting_capacity;
    size_t ended[FAILED + 1];
    uint64_t jitter;
};

static uint32_t skill_at(const ss_plan *p, size_t slot)
{
    size_t place = slot / KINDS;
    return p->config.skills ? p->config.skills[place] : (uint32_t)place;
}

static ss_pair_kind kind_of(const ss_plan *p, size_t slot)
{
    return slot < p->with_skill ? (ss_pair_kind)(SS_PAIR_LITERAL + slot % KINDS) : SS_PAIR_NONE;
}

/* Sentences that a slot still wants: of a skill by the ledger, of kind NONE its part of what the ledger lacked at
 * start. */
static uint64_t missing(const ss_plan *p, size_t slot)
{
    uint64_t want, have;
    if (slot < p->with_skill) {
        ss_pair_kind kind = kind_of(p, slot);
        want = p->config.want[kind];
        have = ss_ledger_count(p->config.ledger, skill_at(p, slot), kind);
    } else {
        want = p->none_left - (slot - p->with_skill) * SS_NONE_PER_SLOT;
        if (want > SS_NONE_PER_SLOT) want = SS_NONE_PER_SLOT;
        have = p->slots[slot].got;
    }
    return want > have ? want - have : 0;
}

static void end(ss_plan *p, size_t slot, state how)
{
    p->slots[slot].state = (unsigned char)how;
    p->ended[how]++;
    if (slot >= p->with_skill) return;
    if (--p->open[slot / KINDS]) return;
    p->skills_done++;
    ss_ledger_forget(p->config.ledger, skill_at(p, slot));
}

static int check_prompts(const ss_plan_config *c, ss_error *err)
{
    for (int kind = SS_PAIR_LITERAL; kind <= SS_PAIR_NONE; kind++) {
        int wanted = kind == SS_PAIR_NONE ? c->none_sentences > 0 : c->want[kind] > 0;
        if (wanted && !ss_prompts_choose(c->prompts, (ss_pair_kind)kind, 0))
            return ss_fail(err, SS_CONFIG, "no prompt template of kind %s",
                           kind == SS_PAIR_NONE      ? "NONE"
                           : kind == SS_PAIR_LITERAL ? "LITERAL"
                           : kind == SS_PAIR_IMPLIED ? "IMPLIED"
                                                     : "MULTI");
    }
    return 0;
}

ss_plan *ss_plan_new(const ss_plan_config *config, ss_error *err)
{
    if (check_prompts(config, err)) return NULL;
    ss_plan *p = calloc(1, sizeof *p);
    if (!p) goto memory;
    p->config = *config;
    p->jitter = (uint64_t)ss_wall_ms();
    p->skills = config->skills ? config->skill_count : ss_taxonomy_count(config->taxonomy);
    p->with_skill = p->skills * KINDS;
    uint64_t none = ss_ledger_count(config->ledger, SS_LEDGER_NONE, SS_PAIR_NONE);
    p->none_left = config->none_sentences > none ? config->none_sentences - none : 0;
    p->slot_count = p->with_skill + (size_t)((p->none_left + SS_NONE_PER_SLOT - 1) / SS_NONE_PER_SLOT);
    p->slots = calloc(p->slot_count + 1, sizeof *p->slots);
    p->open = malloc(p->skills + 1);
    p->waiting_capacity = config->most_waiting + 1;
    p->waiting = calloc(p->waiting_capacity, sizeof *p->waiting);
    if (!p->slots || !p->open || !p->waiting) goto memory;
    if (config->want[SS_PAIR_MULTI] && !(p->partners = ss_partners_new(config->taxonomy, err))) goto fail;
    memset(p->open, KINDS, p->skills);
    for (size_t i = 0; i < p->slot_count; i++) {
        p->slots[i].room = 1;
        if (i < p->with_skill && !missing(p, i)) end(p, i, DONE);
    }
    return p;
memory:
    ss_fail_memory(err, "planning");
fail:
    ss_plan_free(p);
    return NULL;
}

void ss_plan_free(ss_plan *p)
{
    if (!p) return;
    ss_partners_free(p->partners);
    free(p->slots);
    free(p->open);
    free(p->waiting);
    free(p);
}

int ss_plan_task(ss_plan *p, size_t slot, ss_task *task)
{
    uint64_t n = missing(p, slot);
    const char *uri = slot < p->with_skill ? ss_taxonomy_skill(p->config.taxonomy, skill_at(p, slot))->uri : "";
    uint64_t number = ss_hash64(uri, strlen(uri)) + slot % KINDS;
    if (slot >= p->with_skill) number = (slot - p->with_skill) * 0x9e3779b97f4a7c15u;
    *task = (ss_task){.slot = slot,
                      .kind = kind_of(p, slot),
                      .n = (unsigned)(n < p->config.per_request ? n : p->config.per_request),
                      .attempt = p->slots[slot].asked,
                      .room = p->slots[slot].room};
    task->prompt = ss_prompts_choose(p->config.prompts, task->kind, number >> 7);
    task->variation = number + (uint64_t)task->attempt * 0x100001u; /* another sector and register each time */
    if (slot < p->with_skill) task->skills[task->skill_count++] = skill_at(p, slot);
    if (task->kind == SS_PAIR_MULTI && n)
        task->skill_count += ss_partners_of(p->partners, task->skills[0], task->skills + 1);
    return n > 0;
}

/* The waiting slot with the earliest time; -1 = none. */
static long earliest(const ss_plan *p)
{
    long best = -1;
    for (size_t i = 0; i < p->waiting_count; i++)
        if (best < 0 || p->waiting[i].due < p->waiting[best].due) best = (long)i;
    return best;
}

static int hand_out(ss_plan *p, size_t slot, ss_task *task)
{
    if (!ss_plan_task(p, slot, task)) {
        end(p, slot, DONE);
        return 0;
    }
    p->slots[slot].state = OUT;
    p->out++;
    return 1;
}

int ss_plan_next(ss_plan *p, int64_t now, ss_task *task)
{
    for (long at; (at = earliest(p)) >= 0 && p->waiting[at].due <= now;) {
        size_t slot = p->waiting[at].slot;
        p->waiting[at] = p->waiting[--p->waiting_count];
        if (hand_out(p, slot, task)) return 1;
    }
    /* Every slot that is out may come back to wait. */
    while (p->cursor < p->slot_count && p->waiting_count + p->out < p->config.most_waiting) {
        size_t slot = p->cursor++;
        if (p->slots[slot].state == NEW && hand_out(p, slot, task)) return 1;
    }
    return 0;
}

int64_t ss_plan_due(const ss_plan *p, int64_t now)
{
    long at = earliest(p);
    if (at < 0) return INT64_MAX;
    return p->waiting[at].due > now ? p->waiting[at].due - now : 0;
}

static void wait_until(ss_plan *p, size_t slot, int64_t due)
{
    p->slots[slot].state = WAITING;
    p->waiting[p->waiting_count++] = (waiting){.slot = slot, .due = due};
}

void ss_plan_answered(ss_plan *p, const ss_task *task, unsigned accepted, int more_room)
{
    progress *s = &p->slots[task->slot];
    p->out--;
    s->backoff = 0;
    if (s->asked < UINT16_MAX) s->asked++;
    s->barren = accepted ? 0 : (uint16_t)(s->barren + 1);
    if (task->slot >= p->with_skill) s->got = (uint16_t)(s->got + accepted);
    if (more_room && s->room < MOST_ROOM) s->room = (unsigned char)(s->room * 2);
    if (!missing(p, task->slot))
        end(p, task->slot, DONE);
    else if (s->barren >= p->config.max_attempts)
        end(p, task->slot, SHORT);
    else
        wait_until(p, task->slot, 0);
}

void ss_plan_failed(ss_plan *p, const ss_task *task, uint64_t successes, int64_t after_ms, int64_t now)
{
    progress *s = &p->slots[task->slot];
    p->out--;
    uint32_t seen = (uint32_t)(successes < UINT32_MAX ? successes : UINT32_MAX);
    if (seen > s->seen) {
        s->failures++;
        s->seen = seen;
    }
    if (successes && s->failures > p->config.max_retries) {
        end(p, task->slot, FAILED);
        return;
    }
    int64_t wait = ss_backoff_ms(s->backoff++, p->config.retry_base, p->config.retry_cap, &p->jitter);
    wait_until(p, task->slot, now + (wait > after_ms ? wait : after_ms));
}

void ss_plan_refused(ss_plan *p, const ss_task *task)
{
    p->out--;
    end(p, task->slot, FAILED);
}

void ss_plan_undo(ss_plan *p, const ss_task *task)
{
    p->out--;
    wait_until(p, task->slot, 0);
}

size_t ss_plan_slots(const ss_plan *p)
{
    return p->slot_count;
}

size_t ss_plan_out(const ss_plan *p)
{
    return p->out;
}

int ss_plan_is_finished(const ss_plan *p)
{
    return !p->out && !p->waiting_count && p->cursor == p->slot_count;
}

size_t ss_plan_skills(const ss_plan *p)
{
    return p->skills;
}

size_t ss_plan_skills_done(const ss_plan *p)
{
    return p->skills_done;
}

ss_plan_counts ss_plan_count(const ss_plan *p)
{
    ss_plan_counts c = {
        .slots = p->slot_count, .done = p->ended[DONE], .shorts = p->ended[SHORT], .failed = p->ended[FAILED]};
    for (size_t i = 0; i < p->slot_count; i++) c.missing += missing(p, i);
    return c;
}
