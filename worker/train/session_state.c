/* session_state.c - a session's state to and from a checkpoint, and the batch that broke a training. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/train/session_parts.h"

/* ---- resume ---- */

static int check_fit(const ss_session *s, const ss_checkpoint *c, ss_error *err)
{
    const char *folder = s->options->folder;
    if (strcmp(c->recipe, s->recipe_text.data)) {
        char difference[200];
        ss_recipe_difference(s->recipe_text.data, c->recipe, difference, sizeof difference);
        return ss_fail(err, SS_CONFIG, "%s: the checkpoint belongs to other options: %s", folder, difference);
    }
    if (strcmp(c->dataset, s->digest))
        return ss_fail(err, SS_CONFIG,
                       "%s: the checkpoint belongs to other data (pairs or taxonomy): digest %.12s instead of %.12s",
                       folder, s->digest, c->dataset);
    size_t most = (size_t)(s->recipe->hard_every * s->recipe->batch * s->recipe->hard_negatives);
    size_t checks = s->recipe->validate_every ? (size_t)(s->steps / s->recipe->validate_every) : 0;
    if (c->layout != ss_train_model_layout(s->model) || c->size != ss_train_model_size(s->model) ||
        c->step > s->steps || c->mined_count > most || c->check_count > checks + 1)
        return ss_fail(err, SS_CONFIG, "%s: the checkpoint belongs to another encoder", folder);
    for (size_t i = 0; i < c->mined_count; i++)
        if (c->mined[i] != SS_NO_SKILL && c->mined[i] >= ss_taxonomy_count(s->set->taxonomy))
            return ss_fail(err, SS_CORRUPT, "%s: the checkpoint names a skill that does not exist", folder);
    return 0;
}

static void take_state(ss_session *s, const ss_checkpoint *c)
{
    size_t bytes = c->size * sizeof *c->values;
    memcpy(ss_train_model_values(s->model), c->values, bytes);
    memcpy(s->state.first, c->first, bytes);
    memcpy(s->state.second, c->second, bytes);
    if (s->best && c->best) memcpy(s->best, c->best, bytes);
    memcpy(s->mined, c->mined, c->mined_count * sizeof *c->mined);
    memcpy(s->curve, c->curve, (size_t)c->step * sizeof *c->curve);
    memcpy(s->checks, c->checks, c->check_count * sizeof *c->checks);
    s->state.step = s->written = c->step;
    s->mined_count = c->mined_count;
    s->mined_from = c->mined_from;
    s->mined_to = c->mined_to;
    s->check_count = c->check_count;
    s->best_step = c->best_step;
    s->since_best = c->since_best;
    s->best_figure = c->best_figure;
}

int ss_session_resume(ss_session *s, ss_error *err)
{
    ss_checkpoint c;
    char note[SS_ERROR_TEXT];
    int found = ss_checkpoint_read(s->options->folder, &c, note, err);
    if (found <= 0) return found;
    int bad;
    if (!s->options->resume)
        bad = ss_fail(err, SS_USAGE, "%s holds a training that is not finished; --resume goes on with it",
                      s->options->folder);
    else
        bad = check_fit(s, &c, err);
    if (!bad) {
        take_state(s, &c);
        if (*note) ss_session_say(s, SS_SESSION_TROUBLE, "%s; going on from the checkpoint before it", note);
        ss_session_say(s, SS_SESSION_RESUMED, "going on after step %" PRIu64 " of %" PRIu64, c.step, s->steps);
    }
    ss_checkpoint_close(&c);
    return bad ? -1 : 1;
}

static int is_finite(const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i])) return 0;
    return 1;
}

int ss_session_save(ss_session *s, ss_error *err)
{
    if (!is_finite(ss_train_model_values(s->model), s->state.size))
        return ss_fail(err, SS_INPUT, "step %" PRIu64 ": weights are not finite any more; the last good state is kept",
                       s->state.step);
    ss_checkpoint c = {.layout = ss_train_model_layout(s->model),
                       .step = s->state.step,
                       .pairs = s->options->pairs,
                       .recipe = s->recipe_text.data,
                       .source = s->options->source ? s->options->source : "",
                       .values = ss_train_model_values(s->model),
                       .first = s->state.first,
                       .second = s->state.second,
                       .size = s->state.size,
                       .best = s->best_step ? s->best : NULL,
                       .best_step = s->best_step,
                       .since_best = s->since_best,
                       .best_figure = s->best_figure,
                       .mined = s->mined,
                       .mined_count = s->mined_count,
                       .mined_from = s->mined_from,
                       .mined_to = s->mined_to,
                       .curve = s->curve,
                       .checks = s->checks,
                       .check_count = s->check_count};
    memcpy(c.dataset, s->digest, sizeof c.dataset);
    if (ss_checkpoint_write(s->options->folder, &c, err)) return -1;
    s->written = c.step;
    ss_session_say(s, SS_SESSION_CHECKPOINT, "checkpoint after step %" PRIu64, c.step);
    return 0;
}

/* ---- a batch that broke the training ---- */

static void write_batch(const ss_session *s, const ss_dataset *set, const uint32_t *examples, size_t rows)
{
    char *path;
    ss_buffer out;
    ss_buffer_init(&out, 64 << 20);
    for (size_t i = 0; i < rows; i++) {
        const ss_example *e = &set->pairs.items[examples[i]];
        if (ss_buffer_printf(&out, "%s\t%s\n", ss_taxonomy_skill(set->taxonomy, e->skill)->uri, e->text)) break;
    }
    if (asprintf(&path, "%s/failed-batch.txt", s->options->folder) >= 0) {
        ss_error ignored = {0}; /* the failure itself is being told; this file is a help */
        ss_file_write(path, out.data, out.len, &ignored);
        free(path);
    }
    ss_buffer_free(&out);
}

int ss_session_fail_batch(ss_session *s, const ss_dataset *set, const uint32_t *examples, size_t rows, double loss,
                          double norm, ss_error *err)
{
    ss_error why = {0};
    const ss_example *first = &set->pairs.items[examples[0]];
    write_batch(s, set, examples, rows);
    int saved = s->written == s->state.step || !ss_session_save(s, &why);
    return ss_fail(err, SS_INPUT,
                   "step %" PRIu64 ": the loss is %g, the gradient's norm %g; the batch of %zu pairs (the first is one "
                   "of %s) is in %s/failed-batch.txt; %s%s; a smaller learning rate may help",
                   s->state.step, loss, norm, rows, ss_taxonomy_skill(set->taxonomy, first->skill)->uri,
                   s->options->folder, saved ? "the state before it is kept as the checkpoint" : "", why.text);
}
