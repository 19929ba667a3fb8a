/* plan.c - see plan.h.
 *
 * Examples that have to wait stand in a queue in front of the shuffled rest. A batch looks at little
 * more than LOOK of them, so that a set with few skills and many sentences costs no more than a constant a batch.
 */
#include "worker/train/plan.h"

#include <stdlib.h>
#include <string.h>

#include "worker/train/random.h"

enum { LOOK = 8192 };

size_t ss_epoch_batch(size_t n, size_t batch)
{
    return n < batch ? n : batch;
}

size_t ss_epoch_steps(size_t n, size_t batch)
{
    return n < batch ? 1 : n / batch;
}

/* Fisher-Yates. */
static void shuffle(uint32_t *items, size_t n, uint64_t seed, uint64_t epoch)
{
    ss_random random = ss_random_stream(seed, SS_RANDOM_ORDER, epoch, 0);
    for (size_t i = 0; i < n; i++) items[i] = (uint32_t)i;
    for (size_t i = n; i > 1; i--) {
        size_t j = ss_random_below(&random, i);
        uint32_t other = items[j];
        items[j] = items[i - 1];
        items[i - 1] = other;
    }
}

typedef struct planning {
    const ss_examples *examples;
    uint32_t *rest; /* shuffled; [begin, n) is still to be used */
    size_t begin, n;
    uint32_t *stamp; /* (skills) the batch that has the skill, from 1 */
    uint32_t *waiting;
} planning;

static int is_taken(planning *p, uint32_t example, uint32_t mark)
{
    uint32_t skill = p->examples->items[example].skill;
    if (p->stamp[skill] == mark) return 1;
    p->stamp[skill] = mark;
    return 0;
}

/* Fills one batch; what has to wait is put back in front of the rest, in its order. */
static void fill(planning *p, uint32_t *batch, size_t size, uint32_t mark)
{
    size_t have = 0, waiting = 0, at = p->begin;
    while (have < size && at < p->n && waiting < LOOK + size) {
        uint32_t example = p->rest[at++];
        if (is_taken(p, example, mark))
            p->waiting[waiting++] = example;
        else
            batch[have++] = example;
    }
    /* Too few different skills are left: the ones that waited longest go in all the same. */
    size_t forced = size - have;
    memcpy(batch + have, p->waiting, forced * sizeof *batch);
    p->begin = at - (waiting - forced);
    memcpy(p->rest + p->begin, p->waiting + forced, (waiting - forced) * sizeof *batch);
}

int ss_epoch_plan_make(const ss_examples *examples, size_t skills, size_t batch, uint64_t seed, uint64_t epoch,
                       ss_epoch_plan *out, ss_error *err)
{
    size_t n = examples->count;
    *out = (ss_epoch_plan){.steps = ss_epoch_steps(n, batch), .batch = ss_epoch_batch(n, batch)};
    planning p = {.examples = examples, .n = n};
    p.rest = malloc(n * sizeof *p.rest);
    p.waiting = malloc((LOOK + out->batch) * sizeof *p.waiting);
    p.stamp = calloc(skills, sizeof *p.stamp);
    out->order = malloc(out->steps * out->batch * sizeof *out->order);
    int bad = !p.rest || !p.waiting || !p.stamp || !out->order;
    if (!bad) {
        shuffle(p.rest, n, seed, epoch);
        for (size_t s = 0; s < out->steps; s++) fill(&p, out->order + s * out->batch, out->batch, (uint32_t)(s + 1));
    } else {
        ss_fail_memory(err, "planning an epoch");
        ss_epoch_plan_free(out);
    }
    free(p.stamp);
    free(p.waiting);
    free(p.rest);
    return bad ? -1 : 0;
}

void ss_epoch_plan_free(ss_epoch_plan *plan)
{
    free(plan->order);
    *plan = (ss_epoch_plan){0};
}
