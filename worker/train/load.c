/* load.c - see load.h. */
#include "worker/train/load.h"

int ss_load_pair(ss_dataset *set, const ss_recipe *recipe, const ss_pair *pair, ss_pair_fault *fault, ss_error *err)
{
    ss_checked_pair checked;
    int state = ss_pair_check(pair, set->taxonomy, (size_t)recipe->max_sentence, &checked, fault, err);
    if (state) return state;
    double weight = checked.kind == SS_PAIR_NONE      ? 1
                    : checked.kind == SS_PAIR_LITERAL ? recipe->weight_literal
                    : checked.kind == SS_PAIR_MULTI   ? recipe->weight_multi
                                                      : recipe->weight_implied;
    if (weight <= 0) return 0;
    return ss_dataset_add(set, &checked, err) < 0 ? -1 : 0;
}

typedef struct loading {
    ss_dataset *set;
    const ss_recipe *recipe;
    const char *path;
    FILE *refused;
    ss_load_report *report;
    ss_pair_file_progress *progress;
    void *ctx;
} loading;

static int take(void *ctx, const ss_pair *pair, size_t line, const ss_error *why, ss_error *err)
{
    loading *in = ctx;
    ss_pair_fault fault = {.reason = "bad-line"};
    in->report->read++;
    int state = pair ? ss_load_pair(in->set, in->recipe, pair, &fault, err) : 1;
    if (state <= 0) return state;
    in->report->refused++;
    if (in->refused)
        fprintf(in->refused, "%s:%zu\t%s\t%s\n", in->path, line, fault.reason, pair ? fault.text : why->text);
    return 0;
}

static void show(void *ctx, size_t done, size_t total)
{
    loading *in = ctx;
    if (in->progress) in->progress(in->ctx, done, total);
}

int ss_load_files(ss_dataset *set, const ss_recipe *recipe, const ss_strings *files, FILE *refused,
                  ss_pair_file_progress *progress, void *ctx, ss_load_report *report, ss_error *err)
{
    *report = (ss_load_report){0};
    for (size_t i = 0; i < files->count; i++) {
        loading in = {.set = set,
                      .recipe = recipe,
                      .path = files->items[i],
                      .refused = refused,
                      .report = report,
                      .progress = progress,
                      .ctx = ctx};
        if (ss_pair_file_read(files->items[i], take, show, &in, err)) return -1;
    }
    return 0;
}
