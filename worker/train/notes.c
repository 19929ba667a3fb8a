/* notes.c - see notes.h. */
#include "worker/train/notes.h"

#include <stdarg.h>
#include <string.h>

#include "base/buffer.h"

enum { MOST_NOTES = 12, CURVE_POINTS = 50, LONGEST = 64 * 1024 };

typedef struct noting {
    ss_arena *arena;
    ss_note *items;
    size_t count;
    ss_buffer text; /* of the note being made */
    int bad;
} noting;

static void begin(noting *n)
{
    ss_buffer_clear(&n->text);
}

static void add(noting *n, const char *format, ...) SS_PRINTF(2, 3);

static void add(noting *n, const char *format, ...)
{
    char part[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(part, sizeof part, format, args);
    va_end(args);
    n->bad |= ss_buffer_add_string(&n->text, part) != 0;
}

static void end(noting *n, const char *name)
{
    const char *text = n->text.len ? n->text.data : "";
    ss_note *note = &n->items[n->count++];
    note->name = name;
    note->text = ss_arena_copy(n->arena, text, strlen(text));
    n->bad |= !note->text;
}

static void note_pairs(noting *n, const ss_dataset *set)
{
    begin(n);
    add(n, "%zu with a skill (LITERAL %zu, IMPLIED %zu, MULTI %zu, other %zu), %zu without, %zu held back",
        set->pairs.count, set->kinds[SS_PAIR_LITERAL], set->kinds[SS_PAIR_IMPLIED], set->kinds[SS_PAIR_MULTI],
        set->kinds[SS_PAIR_UNSPECIFIED], set->none.count, set->held_out.count);
    end(n, "training.pairs");
}

/* "step:loss" of some fifty steps, each the mean of those since the one before. */
static void note_curve(noting *n, const ss_report *r)
{
    size_t each = (r->points + CURVE_POINTS - 1) / CURVE_POINTS;
    begin(n);
    for (size_t i = 0; i < r->points;) {
        size_t to = i + each < r->points ? i + each : r->points;
        double sum = 0;
        for (size_t k = i; k < to; k++) sum += (double)r->curve[k].loss;
        add(n, "%s%zu:%.4f", i ? " " : "", to, sum / (double)(to - i));
        i = to;
    }
    end(n, "training.curve");
}

static void note_side(noting *n, const ss_report *r, const ss_side *side, const char *name)
{
    begin(n);
    for (size_t i = 0; i < side->count; i++) {
        char set[64];
        const ss_evaluation *e = &side->sets[i];
        ss_set_name(r->validate->items[i], set);
        add(n, "%s%s: RP@1 %.2f, RP@5 %.2f, RP@10 %.2f, MRR %.2f (%zu sentences)", i ? "; " : "", set, e->rp1, e->rp5,
            e->rp10, e->mrr, e->queries);
    }
    if (side == r->before) add(n, " [%s]", r->before_name);
    end(n, name);
}

/* A line an option -> one line. */
static void note_recipe(noting *n, const char *recipe)
{
    begin(n);
    n->bad |= ss_buffer_add_string(&n->text, recipe) != 0;
    while (n->text.len && n->text.data[n->text.len - 1] == '\n') n->text.data[--n->text.len] = 0;
    for (size_t i = 0; i < n->text.len; i++)
        if (n->text.data[i] == '\n') n->text.data[i] = ' ';
    end(n, "training.recipe");
}

static void note_simple(noting *n, const char *name, const char *text)
{
    begin(n);
    add(n, "%s", text);
    end(n, name);
}

int ss_training_notes(const ss_report *r, ss_arena *arena, const ss_note **notes, size_t *count, ss_error *err)
{
    char text[200];
    noting n = {.arena = arena, .items = ss_arena_calloc(arena, MOST_NOTES, sizeof *n.items)};
    if (!n.items) return ss_fail_memory(err, "describing the training");
    ss_buffer_init(&n.text, LONGEST);
    const char *slash = strrchr(r->run->encoder_dir, '/');
    note_simple(&n, "training.encoder", slash && slash[1] ? slash + 1 : r->run->encoder_dir);
    note_simple(&n, "training.weights", r->outcome->weights);
    note_simple(&n, "training.data", r->outcome->dataset);
    note_simple(&n, "training.source", r->run->source ? r->run->source : "");
    note_pairs(&n, r->set);
    note_recipe(&n, r->recipe);
    snprintf(text, sizeof text, "%llu", (unsigned long long)r->outcome->steps);
    note_simple(&n, "training.steps", text);
    note_curve(&n, r);
    if (r->outcome->verdict.judged) {
        note_side(&n, r, r->before, "training.before");
        note_side(&n, r, r->after, "training.after");
        ss_verdict_text(r->run->recipe, &r->outcome->verdict, text);
        note_simple(&n, "training.difference", text);
    }
    ss_buffer_free(&n.text);
    *notes = n.items;
    *count = n.count;
    return n.bad ? ss_fail_memory(err, "describing the training") : 0;
}
