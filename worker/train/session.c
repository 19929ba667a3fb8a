/* session.c - the training loop; see session.h.
 *
 * A step is: find its epoch, plan that if it is a new one, look for hard negatives if it is time, make the batch, train
 * (nn/train/step.h), remember the point of the curve, validate and write a checkpoint when due. Everything that a step
 * needs from before is weights, moments, step number, hard negatives and the best validation: that is a checkpoint.
 */
#include "worker/train/session.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "worker/train/mining.h"
#include "worker/train/session_parts.h"
#include "worker/train/snapshot.h"

void ss_session_say(const ss_session *s, ss_session_event event, const char *format, ...)
{
    char text[SS_ERROR_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const ss_session_hooks *hooks = &s->options->hooks;
    if (hooks->say) hooks->say(hooks->ctx, event, text);
}

static void say_busy(const ss_session *s, const char *what)
{
    const ss_session_hooks *hooks = &s->options->hooks;
    if (hooks->busy) hooks->busy(hooks->ctx, what);
}

/* ---- opening ---- */

static int make_definitions(ss_session *s, ss_error *err)
{
    const char *stage = s->recipe->first_stage;
    int both = !strcmp(stage, "both");
    if (!strcmp(stage, "none")) return 0;
    if (ss_dataset_init(&s->definitions, s->set->taxonomy, s->recipe->hold_out, s->recipe->seed, err) ||
        ss_dataset_add_definitions(&s->definitions, both || !strcmp(stage, "descriptions"),
                                   both || !strcmp(stage, "alternatives"), err))
        return -1;
    if (!s->definitions.pairs.count)
        return ss_fail(err, SS_INPUT, "first-stage %s: the taxonomy has none of them", stage);
    s->first_stage_epochs = s->recipe->first_stage_epochs;
    return 0;
}

static void count_steps(ss_session *s)
{
    size_t batch = (size_t)s->recipe->batch;
    s->steps = s->recipe->epochs * ss_epoch_steps(s->set->pairs.count, batch);
    if (s->first_stage_epochs) s->steps += s->first_stage_epochs * ss_epoch_steps(s->definitions.pairs.count, batch);
    if (s->recipe->max_steps && s->recipe->max_steps < s->steps) s->steps = s->recipe->max_steps;
    s->warm_up = (uint64_t)ceil(s->recipe->warm_up * (double)s->steps);
}

static void set_step_options(ss_session *s)
{
    const ss_recipe *r = s->recipe;
    s->step_options = ss_train_step_defaults();
    s->step_options.loss =
        (ss_contrastive_options){.scale = (float)r->scale,
                                 .symmetric = (float)r->symmetric,
                                 .second = strcmp(r->second, "masked") ? SS_SECOND_POSITIVE : SS_SECOND_MASKED};
    s->step_options.adamw.weight_decay = r->weight_decay;
    s->step_options.clip = r->clip;
}

static int load_model(ss_session *s, ss_error *err)
{
    const ss_recipe *r = s->recipe;
    s->files = ss_model_files_open(s->options->encoder_dir, err);
    if (!s->files) return -1;
    s->model = ss_train_model_load(ss_model_files_set(s->files), err);
    if (!s->model) return ss_fail_in(err, "%s", s->options->encoder_dir);
    int own = !isnan(r->dropout);
    ss_train_engine_options engine = {
        .hidden_dropout = own ? (float)r->dropout : ss_train_model_hidden_dropout(s->model),
        .attention_dropout = own ? (float)r->dropout : ss_train_model_attention_dropout(s->model),
        .seed = r->seed,
        .activation_bytes = (size_t)r->activation_memory};
    s->engine = ss_train_engine_new(s->model, s->pool, &engine, err);
    if (!s->engine || ss_adamw_init(&s->state, s->model, err)) return -1;
    s->maker = ss_batch_maker_new(r, ss_train_model_config(s->model), ss_train_model_tokenizer(s->model),
                                  s->set->taxonomy, err);
    return s->maker ? 0 : -1;
}

static int take_memory(ss_session *s, ss_error *err)
{
    s->curve = calloc((size_t)s->steps, sizeof *s->curve);
    size_t checks = s->recipe->validate_every ? (size_t)(s->steps / s->recipe->validate_every) : 0;
    s->checks = calloc(checks + 1, sizeof *s->checks);
    s->mined =
        calloc((size_t)(s->recipe->hard_every * s->recipe->batch * s->recipe->hard_negatives) + 1, sizeof *s->mined);
    if (s->recipe->keep_best) s->best = malloc(ss_train_model_size(s->model) * sizeof *s->best);
    if (!s->curve || !s->checks || !s->mined || (s->recipe->keep_best && !s->best))
        return ss_fail_memory(err, "starting a training");
    return 0;
}

static int open_all(ss_session *s, ss_error *err)
{
    const ss_recipe *r = s->recipe;
    if (!s->set->pairs.count) return ss_fail(err, SS_INPUT, "no pair with a skill to train on");
    if (s->set->pairs.count > UINT32_MAX / 2) return ss_fail(err, SS_LIMIT, "more than 2,147,483,647 pairs");
    if (r->validate_every && !s->options->validate->count)
        return ss_fail(err, SS_CONFIG, "validate-every needs a validation file (--validate FILE.csv)");
    if (r->hard_every * r->batch > SIZE_MAX / 1024) return ss_fail(err, SS_CONFIG, "hard-every is too large");
    ss_buffer_init(&s->recipe_text, 1 << 16);
    if (ss_recipe_text(r, &s->recipe_text, err) || make_definitions(s, err) ||
        ss_dataset_digest(s->set, s->digest, err) || load_model(s, err))
        return -1;
    count_steps(s);
    set_step_options(s);
    if (take_memory(s, err)) return -1;
    size_t bytes = ss_train_model_size(s->model) * sizeof(float) * (r->keep_best ? 4 : 3);
    int resumed = ss_session_resume(s, err);
    return resumed < 0 ? -1 : ss_checkpoint_check_room(s->options->folder, bytes, resumed ? 1 : 3, err);
}

ss_session *ss_session_open(const ss_session_options *options, ss_dataset *set, ss_pool *pool, ss_error *err)
{
    ss_session *s = calloc(1, sizeof *s);
    if (!s) {
        ss_fail_memory(err, "starting a training");
        return NULL;
    }
    s->options = options;
    s->recipe = options->recipe;
    s->set = set;
    s->pool = pool;
    s->planned = s->written = UINT64_MAX;
    if (!open_all(s, err)) return s;
    ss_session_close(s);
    return NULL;
}

void ss_session_close(ss_session *s)
{
    if (!s) return;
    ss_epoch_plan_free(&s->plan);
    ss_batch_maker_free(s->maker);
    ss_train_engine_free(s->engine);
    ss_adamw_free(&s->state);
    ss_train_model_free(s->model);
    ss_model_files_close(s->files);
    ss_dataset_free(&s->definitions);
    ss_buffer_free(&s->recipe_text);
    free(s->mined);
    free(s->curve);
    free(s->checks);
    free(s->best);
    free(s);
}

/* ---- where a step stands ---- */

typedef struct place {
    const ss_dataset *set;
    int definitions;
    uint64_t epoch, from; /* number over both stages, its first step */
} place;

static place find_place(const ss_session *s, uint64_t step)
{
    size_t batch = (size_t)s->recipe->batch;
    place p = {.set = s->set};
    if (s->first_stage_epochs) {
        uint64_t each = ss_epoch_steps(s->definitions.pairs.count, batch);
        if (step < each * s->first_stage_epochs)
            return (place){.set = &s->definitions, .definitions = 1, .epoch = step / each, .from = step / each * each};
        p.from = each * s->first_stage_epochs;
    }
    uint64_t each = ss_epoch_steps(s->set->pairs.count, batch), epoch = (step - p.from) / each;
    p.epoch = s->first_stage_epochs + epoch;
    p.from += epoch * each;
    return p;
}

static int plan_epoch(ss_session *s, const place *p, ss_error *err)
{
    if (s->planned == p->epoch) return 0;
    ss_epoch_plan_free(&s->plan);
    s->planned = UINT64_MAX;
    if (ss_epoch_plan_make(&p->set->pairs, ss_taxonomy_count(p->set->taxonomy), (size_t)s->recipe->batch,
                           s->recipe->seed, p->epoch, &s->plan, err))
        return -1;
    s->planned = p->epoch;
    s->plan_from = p->from;
    return 0;
}

/* Hard negatives for this step and the ones after it, up to the end of the epoch. */
static int mine(ss_session *s, const place *p, uint64_t step, ss_error *err)
{
    const ss_recipe *r = s->recipe;
    if (!r->hard_negatives || (step >= s->mined_from && step < s->mined_to)) return 0;
    say_busy(s, "looking for hard negatives");
    uint64_t left = s->plan_from + s->plan.steps - step, steps = r->hard_every < left ? r->hard_every : left;
    size_t count = (size_t)steps * s->plan.batch;
    const uint32_t *examples = s->plan.order + (size_t)(step - s->plan_from) * s->plan.batch;
    if (ss_mine(s->engine, s->maker, r, p->set, examples, count, s->mined, err)) return -1;
    s->mined_from = step;
    s->mined_to = step + steps;
    s->mined_count = count * (size_t)r->hard_negatives;
    return 0;
}

static const uint32_t *mined_for(const ss_session *s, uint64_t step)
{
    if (!s->recipe->hard_negatives) return NULL;
    return s->mined + (size_t)(step - s->mined_from) * s->plan.batch * (size_t)s->recipe->hard_negatives;
}

/* ---- one step ---- */

static int train_step(ss_session *s, ss_error *err)
{
    uint64_t step = s->state.step;
    double began = ss_now();
    place p = find_place(s, step);
    if (plan_epoch(s, &p, err) || mine(s, &p, step, err)) return -1;
    const uint32_t *examples = s->plan.order + (size_t)(step - s->plan_from) * s->plan.batch;
    ss_training_batch batch;
    if (ss_batch_make(s->maker, p.set, p.definitions, examples, s->plan.batch, mined_for(s, step), step, &batch, err))
        return -1;
    double lr = s->recipe->lr * ss_linear_schedule(step, s->warm_up, s->steps);
    ss_train_step_result result = {0};
    if (ss_train_step(s->engine, &s->state, &batch.texts, &batch.labels, &s->step_options, lr, &result, err)) {
        if (isfinite(result.loss) && isfinite(result.gradient_norm)) return -1;
        return ss_session_fail_batch(s, p.set, examples, s->plan.batch, result.loss, result.gradient_norm, err);
    }
    s->curve[step] = (ss_curve_point){.loss = (float)result.loss,
                                      .accuracy = (float)result.accuracy,
                                      .lr = (float)lr,
                                      .norm = (float)result.gradient_norm};
    ss_session_step report = {.step = step + 1,
                              .steps = s->steps,
                              .pairs = s->plan.batch,
                              .tokens = result.tokens,
                              .stage = p.definitions ? "definitions" : "sentences",
                              .point = s->curve[step],
                              .seconds = ss_now() - began};
    const ss_session_hooks *hooks = &s->options->hooks;
    if (hooks->step) hooks->step(hooks->ctx, &report);
    return 0;
}

static double figure_of(const ss_session *s, const ss_curve_check *check)
{
    const char *judge = s->recipe->judge;
    return !strcmp(judge, "rp5") ? check->rp5 : !strcmp(judge, "mrr") ? check->mrr : (check->rp5 + check->mrr) / 2;
}

static void keep_if_best(ss_session *s, const ss_curve_check *check)
{
    double figure = figure_of(s, check);
    s->since_best++;
    if (s->best_step && figure <= s->best_figure) return;
    s->best_figure = figure;
    s->best_step = check->step;
    s->since_best = 0;
    if (s->best) memcpy(s->best, ss_train_model_values(s->model), ss_train_model_size(s->model) * sizeof *s->best);
}

static int validate(ss_session *s, ss_error *err)
{
    uint64_t every = s->recipe->validate_every;
    if (!every || s->state.step % every) return 0;
    say_busy(s, "validating");
    ss_curve_check *check = &s->checks[s->check_count];
    check->step = s->state.step;
    if (ss_snapshot_evaluate(s->model, ss_model_files_set(s->files), s->set->taxonomy, s->options->validate, s->pool,
                             &check->rp5, &check->mrr, err))
        return -1;
    s->check_count++;
    keep_if_best(s, check);
    ss_session_say(s, SS_SESSION_CHECKED, "step %llu: RP@5 %.2f, MRR %.2f", (unsigned long long)check->step, check->rp5,
                   check->mrr);
    return 0;
}

static int is_over(const ss_session *s)
{
    if (s->state.step >= s->steps) return 1;
    return s->recipe->patience && s->since_best >= s->recipe->patience;
}

/* A checkpoint in between may fail: it is told, and tried again after the next step. */
static void save_in_between(ss_session *s)
{
    ss_error why = {0};
    if (s->state.step - (s->written == UINT64_MAX ? 0 : s->written) < s->recipe->checkpoint_every) return;
    if (ss_session_save(s, &why)) ss_session_say(s, SS_SESSION_TROUBLE, "%s; the training goes on", why.text);
}

int ss_session_run(ss_session *s, ss_error *err)
{
    const ss_session_hooks *hooks = &s->options->hooks;
    int stopped = 0;
    while (!is_over(s) && !(stopped = hooks->stop && hooks->stop(hooks->ctx))) {
        if (train_step(s, err) || validate(s, err)) return -1;
        save_in_between(s);
    }
    if (s->written != s->state.step && ss_session_save(s, err)) return -1;
    if (stopped)
        return ss_fail(err, SS_STOPPED, "stopped after %llu of %llu steps", (unsigned long long)s->state.step,
                       (unsigned long long)s->steps);
    if (s->state.step < s->steps)
        ss_session_say(s, SS_SESSION_ENDED_EARLY, "ended after step %llu: the last %llu validations were no better",
                       (unsigned long long)s->state.step, (unsigned long long)s->since_best);
    return 0;
}

/* ---- what came out ---- */

uint64_t ss_session_done(const ss_session *s)
{
    return s->state.step;
}

uint64_t ss_session_steps(const ss_session *s)
{
    return s->steps;
}

const char *ss_session_dataset(const ss_session *s)
{
    return s->digest;
}

const ss_curve_point *ss_session_curve(const ss_session *s, size_t *count)
{
    *count = (size_t)s->state.step;
    return s->curve;
}

const ss_curve_check *ss_session_checks(const ss_session *s, size_t *count)
{
    *count = s->check_count;
    return s->checks;
}

uint64_t ss_session_best_step(const ss_session *s)
{
    return s->best ? s->best_step : 0;
}

int ss_session_export(ss_session *s, const char *to, char digest[SS_SHA256_HEX + 1], ss_error *err)
{
    if (s->best && s->best_step)
        memcpy(ss_train_model_values(s->model), s->best, ss_train_model_size(s->model) * sizeof *s->best);
    unsigned char *bytes;
    size_t len;
    if (ss_train_model_weights(s->model, &bytes, &len, err)) return -1;
    int bad = ss_sha256_hex(bytes, len, digest, err);
    free(bytes);
    return bad || ss_train_model_save(s->model, s->options->encoder_dir, to, err) ? -1 : 0;
}
