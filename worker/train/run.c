/* run.c - see run.h.
 *
 * The order makes a kill at any time harmless: the checkpoint stays until result.json is written, and everything after
 * the last step (encoder, figures, release, publishing) can be done again. A release that was published right before a
 * kill is known again by its weights.
 */
#include "worker/train/run.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "match/prototypes.h"
#include "worker/train/notes.h"
#include "worker/train/publish.h"
#include "worker/train/report.h"

typedef struct finishing {
    const ss_run_options *o;
    ss_report report;
    ss_outcome *outcome;
    ss_pool *pool;
    ss_arena arena;
    ss_strings validate;
    ss_side before, after;
    char before_name[200];
    ss_curve_point *curve;
    ss_curve_check *checks;
    ss_buffer recipe;
    int is_published; /* 1: the release in use in Redis is this very training's */
} finishing;

char *ss_run_path(const char *folder, const char *name, ss_error *err)
{
    char *path;
    if (asprintf(&path, "%s/%s", folder, name) >= 0) return path;
    ss_fail_memory(err, "naming a file");
    return NULL;
}

static void say(const finishing *f, ss_session_event event, const char *text)
{
    if (f->o->hooks.say) f->o->hooks.say(f->o->hooks.ctx, event, text);
}

static void busy(const finishing *f, const char *what)
{
    if (f->o->hooks.busy) f->o->hooks.busy(f->o->hooks.ctx, what);
}

/* ---- before the training ---- */

/* The user's files, then the held-back pairs as one more. */
static int list_validation(finishing *f, const ss_dataset *set, ss_error *err)
{
    const ss_strings *given = f->o->validate;
    f->validate.items = ss_arena_calloc(&f->arena, given->count + 1, sizeof *f->validate.items);
    if (!f->validate.items) return ss_fail_memory(err, "listing the validation files");
    memcpy(f->validate.items, given->items, given->count * sizeof *given->items);
    f->validate.count = given->count;
    if (!set->held_out.count) return 0;
    char *path = ss_run_path(f->o->folder, "held-out.csv", err);
    if (!path) return -1;
    char *copy = ss_arena_copy(&f->arena, path, strlen(path));
    int bad = copy ? ss_dataset_write_held_out(set, path, err) : ss_fail_memory(err, "listing the validation files");
    free(path);
    if (!bad) f->validate.items[f->validate.count++] = copy;
    return bad;
}

static int check_gate(const char *path, const ss_taxonomy *taxonomy, ss_error *err)
{
    if (!path || !strcmp(path, "off") || !strcmp(path, "pairs")) return 0;
    ss_labelled_set *set = ss_labelled_read(path, SS_LABELLED_TRAINING, taxonomy, err);
    if (!set) return -1;
    size_t with = 0, count = ss_labelled_count(set);
    for (size_t i = 0; i < count; i++) with += ss_labelled_item(set, i)->gold_count > 0;
    ss_labelled_free(set);
    if (with && with < count) return 0;
    return ss_fail(err, SS_INPUT, "%s: a gate needs sentences with a skill and sentences without one", path);
}

static int check_labelled(const char *path, ss_labelled_rule rule, const ss_taxonomy *taxonomy, ss_error *err)
{
    ss_labelled_set *set = ss_labelled_read(path, rule, taxonomy, err);
    int bad = !set || ss_labelled_check(set, path, err);
    ss_labelled_free(set);
    return bad;
}

/* Everything that finishing needs is looked at before hours are spent on training. */
int ss_run_check_inputs(const ss_recipe *recipe, const ss_strings *validate, const ss_taxonomy *taxonomy, ss_error *err)
{
    for (size_t i = 0; i < validate->count; i++)
        if (check_labelled(validate->items[i], SS_LABELLED_BENCHMARK, taxonomy, err)) return -1;
    if (recipe->calibrate && check_labelled(recipe->calibrate, SS_LABELLED_TRAINING, taxonomy, err)) return -1;
    return check_gate(recipe->gate, taxonomy, err);
}

/* ---- the training ---- */

static double mean_loss(const ss_curve_point *curve, size_t from, size_t to)
{
    double sum = 0;
    for (size_t i = from; i < to; i++) sum += (double)curve[i].loss;
    return to > from ? sum / (double)(to - from) : 0;
}

/* Copies what is still needed when the session, with its gigabyte, is gone. */
static int keep_results(finishing *f, const ss_session *session, ss_error *err)
{
    size_t points, checks;
    const ss_curve_point *curve = ss_session_curve(session, &points);
    const ss_curve_check *all = ss_session_checks(session, &checks);
    f->curve = ss_arena_calloc(&f->arena, points + 1, sizeof *f->curve);
    f->checks = ss_arena_calloc(&f->arena, checks + 1, sizeof *f->checks);
    if (!f->curve || !f->checks) return ss_fail_memory(err, "keeping the curve");
    memcpy(f->curve, curve, points * sizeof *curve);
    memcpy(f->checks, all, checks * sizeof *all);
    f->report.curve = f->curve;
    f->report.points = points;
    f->report.checks = f->checks;
    f->report.check_count = checks;
    f->outcome->steps = points;
    f->outcome->best_step = ss_session_best_step(session);
    size_t tenth = points / 10 + 1;
    f->outcome->first_loss = mean_loss(curve, 0, tenth < points ? tenth : points);
    f->outcome->last_loss = mean_loss(curve, points > tenth ? points - tenth : 0, points);
    memcpy(f->outcome->dataset, ss_session_dataset(session), sizeof f->outcome->dataset);
    return 0;
}

static int train(finishing *f, ss_dataset *set, ss_error *err)
{
    const ss_run_options *o = f->o;
    ss_session_options options = {.recipe = o->recipe,
                                  .encoder_dir = o->encoder_dir,
                                  .folder = o->folder,
                                  .source = o->source,
                                  .pairs = o->pairs,
                                  .validate = &f->validate,
                                  .resume = o->resume,
                                  .hooks = o->hooks};
    char *encoder = ss_run_path(o->folder, "encoder", err);
    ss_session *session = encoder ? ss_session_open(&options, set, f->pool, err) : NULL;
    int result = session ? ss_session_run(session, err) : -1;
    if (!result) result = ss_session_export(session, encoder, f->outcome->weights, err);
    if (!result) result = keep_results(f, session, err);
    ss_session_close(session);
    free(encoder);
    return result;
}

/* ---- figures before ---- */

/* A kill between publishing and result.json: the release in use is our own. */
static int is_ours(const finishing *f, const ss_release *release)
{
    const ss_manifest *manifest = ss_release_manifest(release);
    for (size_t i = 0; i < manifest->note_count; i++)
        if (!strcmp(manifest->notes[i].name, "training.weights"))
            return !strcmp(manifest->notes[i].text, f->outcome->weights);
    return 0;
}

static int measure_before(finishing *f, const ss_taxonomy *taxonomy, ss_error *err)
{
    const ss_run_options *o = f->o;
    ss_release *current = NULL;
    ss_error why = {0};
    busy(f, "figures before");
    if (o->redis && ss_published_release(o->redis, o->redis_patience_ms, o->keys, &current, &why) < 0) {
        char text[SS_ERROR_TEXT];
        snprintf(text, sizeof text, "%.300s; the comparison is with the untrained encoder instead", why.text);
        say(f, SS_SESSION_TROUBLE, text);
    }
    if (current && is_ours(f, current)) {
        f->is_published = 1;
        ss_release_drop(current);
        current = NULL;
    }
    if (!f->validate.count) {
        ss_release_drop(current);
        return 0;
    }
    int result;
    if (current) {
        snprintf(f->before_name, sizeof f->before_name, "release %.12s in use", ss_release_digest(current));
        result = ss_side_measure_release(&f->validate, current, f->pool, &f->before, err);
    } else {
        snprintf(f->before_name, sizeof f->before_name, "the untrained encoder");
        result = ss_side_measure_encoder(&f->validate, o->encoder_dir, taxonomy, o->recipe, f->pool, &f->before, err);
    }
    ss_release_drop(current);
    return result;
}

/* ---- the release ---- */

/* Called by ss_index_build once the skills are embedded. */
static int describe(void *ctx, const ss_taxonomy *taxonomy, const ss_skill_matrix *matrix, ss_embedder *embedder,
                    const ss_note **notes, size_t *count, ss_error *err)
{
    finishing *f = ctx;
    const ss_ranker ranker = {.weights = ss_recipe_ranking(f->o->recipe)};
    busy(f, "figures after");
    if (ss_side_measure(&f->validate, taxonomy, matrix, &ranker, embedder, &f->after, err) ||
        ss_verdict_find(f->o->recipe, &f->before, &f->after, &f->outcome->verdict, err))
        return -1;
    return ss_training_notes(&f->report, &f->arena, notes, count, err);
}

/* What the gate is fitted on: the user's file, the training's own sentences, or NULL for no gate. *own is freed by the
 * caller. */
static int choose_gate(const finishing *f, const char **path, char **own, ss_error *err)
{
    const char *gate = f->o->recipe->gate;
    const ss_dataset *set = f->report.set;
    *own = NULL;
    *path = !gate || !strcmp(gate, "off") ? NULL : gate;
    if (!*path || strcmp(gate, "pairs")) return 0;
    *path = NULL;
    if (!set->none.count) return 0;
    *own = ss_run_path(f->o->folder, "gate.csv", err);
    if (!*own || ss_dataset_write_gate(set, *own, err)) return -1;
    *path = *own;
    return 0;
}

static void name_release(const ss_run_options *o, char out[160])
{
    char *real = realpath(o->encoder_dir, NULL);
    const char *slash = real ? strrchr(real, '/') : NULL;
    snprintf(out, 160, "%.140s-trained", slash && slash[1] ? slash + 1 : "encoder");
    free(real);
}

static int build_release(finishing *f, const char *path, ss_error *err)
{
    const ss_run_options *o = f->o;
    char name[160];
    ss_index_report report;
    const char *gate = NULL;
    char *own_gate = NULL;
    char *encoder = ss_run_path(o->folder, "encoder", err);
    if (!encoder || choose_gate(f, &gate, &own_gate, err)) {
        free(own_gate);
        free(encoder);
        return -1;
    }
    name_release(o, name);
    ss_index_options index = {.encoder_dir = encoder,
                              .encoder_name = name,
                              .taxonomy_path = o->taxonomy_path,
                              .taxonomy_name = o->taxonomy_name,
                              .taxonomy_version = o->taxonomy_version,
                              .ranking = ss_recipe_ranking(o->recipe),
                              .calibrate_path = o->recipe->calibrate,
                              .gate_path = gate,
                              .name = o->recipe->name ? o->recipe->name : name,
                              .program = o->program,
                              .threads = ss_pool_threads(f->pool),
                              .describe = describe,
                              .describe_ctx = f,
                              .out_path = path};
    int result = ss_prototype_kinds_parse(o->recipe->prototypes, &index.prototypes, err) ||
                 ss_score_kind_parse(o->recipe->score, &index.score, err) ||
                 ss_index_build(&index, o->index_progress, o->hooks.ctx, &report, err);
    if (!result) memcpy(f->outcome->release, report.digest, sizeof f->outcome->release);
    free(own_gate);
    free(encoder);
    return result ? -1 : 0;
}

/* Says in outcome->why what becomes of the release. */
static void publish(finishing *f, const char *path)
{
    ss_outcome *out = f->outcome;
    const ss_run_options *o = f->o;
    char figures[200] = "";
    if (out->verdict.judged) ss_verdict_text(o->recipe, &out->verdict, figures);
    if (f->is_published) {
        out->published = 1;
        snprintf(out->why, sizeof out->why, "Published before an interruption: the release in use has these weights.");
    } else if (!out->verdict.judged) {
        snprintf(out->why, sizeof out->why,
                 "Kept aside: without a validation file (--validate FILE.csv, or --hold-out) nothing says whether it "
                 "is better. To publish it all the same: skillstream release push %.150s",
                 path);
    } else if (!out->verdict.better) {
        snprintf(out->why, sizeof out->why, "Kept aside, not surely better: %s.", figures);
    } else if (!o->redis) {
        snprintf(out->why, sizeof out->why, "Better: %s. To publish it: skillstream release push %.150s", figures,
                 path);
    } else {
        ss_error why = {0};
        busy(f, "publishing");
        out->published = !ss_publish_release(path, o->redis, o->redis_patience_ms, o->keys, &why);
        snprintf(out->why, sizeof out->why,
                 out->published ? "Published: %s.%s" : "Better: %s; but not published: %.200s", figures,
                 out->published ? "" : why.text);
    }
}

/* ---- result.json ---- */

static json_t *figures_json(const ss_evaluation *e)
{
    return json_pack("{s:f,s:f,s:f,s:f}", "RP@1", e->rp1, "RP@5", e->rp5, "RP@10", e->rp10, "MRR", e->mrr);
}

static json_t *sets_json(const finishing *f)
{
    json_t *sets = json_object();
    for (size_t i = 0; i < f->after.count; i++) {
        char name[64];
        ss_set_name(f->validate.items[i], name);
        json_object_set_new(sets, name,
                            json_pack("{s:I,s:o,s:o}", "queries", (json_int_t)f->after.sets[i].queries, "before",
                                      figures_json(&f->before.sets[i]), "after", figures_json(&f->after.sets[i])));
    }
    return sets;
}

static int write_result(const finishing *f, const char *path, ss_error *err)
{
    const ss_outcome *out = f->outcome;
    const ss_bootstrap *b = &out->verdict.figure;
    json_t *json =
        json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:f,s:f,s:b,s:b,s:b,s:s,s:s,s:f,s:f,s:f,s:f,s:o}", "weights", out->weights,
                  "release", out->release, "data", out->dataset, "pairs", (json_int_t)f->report.set->pairs.count,
                  "logPairs", (json_int_t)f->o->pairs, "steps", (json_int_t)out->steps, "firstLoss", out->first_loss,
                  "lastLoss", out->last_loss, "judged", out->verdict.judged, "better", out->verdict.better, "published",
                  out->published, "why", out->why, "before", f->before_name, "difference", b->difference, "low", b->low,
                  "high", b->high, "above", b->above, "sets", sets_json(f));
    char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
    int result = text ? ss_file_write(path, text, strlen(text), err) : ss_fail_memory(err, "writing the result");
    free(text);
    json_decref(json);
    return result;
}

static void fill_sets(finishing *f)
{
    ss_outcome *out = f->outcome;
    for (size_t i = 0; i < f->after.count && i < SS_OUTCOME_SETS; i++) {
        ss_outcome_set *set = &out->sets[out->set_count++];
        ss_set_name(f->validate.items[i], set->name);
        set->before = f->before.sets[i];
        set->after = f->after.sets[i];
    }
}

static int write_outcome(finishing *f, ss_error *err)
{
    fill_sets(f);
    char *page = ss_run_path(f->o->folder, "report.html", err);
    char *result = page ? ss_run_path(f->o->folder, "result.json", err) : NULL;
    int bad = !result || ss_report_write(&f->report, page, err) || write_result(f, result, err);
    free(result);
    free(page);
    return bad;
}

/* ---- all of it ---- */

static int run_all(finishing *f, ss_dataset *set, ss_error *err)
{
    if (mkdir(f->o->folder, 0777) && errno != EEXIST)
        return ss_fail(err, SS_IO, "%s: cannot make the folder: %s", f->o->folder, strerror(errno));
    if (list_validation(f, set, err) || ss_run_check_inputs(f->o->recipe, &f->validate, set->taxonomy, err) ||
        ss_recipe_text(f->o->recipe, &f->recipe, err))
        return -1;
    f->report.recipe = f->recipe.data;
    f->pool = ss_pool_new((size_t)f->o->recipe->threads, err);
    char *release = f->pool ? ss_run_path(f->o->folder, "model.release", err) : NULL;
    int bad = !release || train(f, set, err) || measure_before(f, set->taxonomy, err) || build_release(f, release, err);
    if (!bad) {
        publish(f, release);
        bad = write_outcome(f, err);
    }
    if (!bad) ss_checkpoint_remove(f->o->folder);
    free(release);
    return bad ? -1 : 0;
}

int ss_run(const ss_run_options *options, ss_dataset *set, ss_outcome *outcome, ss_error *err)
{
    *outcome = (ss_outcome){0};
    finishing f = {.o = options, .outcome = outcome};
    f.report = (ss_report){.run = options,
                           .set = set,
                           .outcome = outcome,
                           .validate = &f.validate,
                           .before = &f.before,
                           .after = &f.after,
                           .before_name = f.before_name};
    ss_arena_init(&f.arena, 0, 0);
    ss_buffer_init(&f.recipe, 1 << 16);
    int result = run_all(&f, set, err);
    ss_side_free(&f.before);
    ss_side_free(&f.after);
    ss_buffer_free(&f.recipe);
    ss_pool_free(f.pool);
    ss_arena_free(&f.arena);
    return result;
}
