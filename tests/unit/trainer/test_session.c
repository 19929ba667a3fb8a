/* test_session.c - a training is a function of its input: however it is interrupted, with any number of threads, it
 * ends with the same bytes; and what goes wrong ends in a state one can go on from.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "support/temp_folder.h"
#include "support/tiny_model.h"
#include "worker/train/session.h"

enum { SKILLS = 50, PAIRS = 300 };

typedef struct fixture {
    char *folder, encoder[200], validation[200];
    ss_taxonomy *taxonomy;
    char *items[1];
    ss_strings validate;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    char csv[8192] = "id,label,alternatives,description\n";
    size_t used = strlen(csv);
    for (int i = 0; i < SKILLS; i++)
        used += (size_t)snprintf(csv + used, sizeof csv - used, "u%d,skill number %d,alternative %d,about %d\n", i, i,
                                 i, i * 7);
    f.folder = temp_folder_make();
    snprintf(f.encoder, sizeof f.encoder, "%s/model", f.folder);
    if (mkdir(f.encoder, 0755)) return -1;
    tiny_model_write(f.encoder, 3);
    temp_write_text(f.folder, "v.csv", "sentence,label\ntask 3 of 4,skill number 3\ntask 9 of 1,skill number 9\n");
    snprintf(f.validation, sizeof f.validation, "%s/v.csv", f.folder);
    f.items[0] = f.validation;
    f.validate = (ss_strings){.items = f.items, .count = 1};
    f.taxonomy = ss_taxonomy_parse("t", csv, used, NULL, NULL, NULL);
    *state = &f;
    return f.taxonomy ? 0 : -1;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    ss_taxonomy_free(f->taxonomy);
    temp_folder_remove(f->folder);
    return 0;
}

/* Everything that chance and state have a hand in. */
static ss_recipe busy_recipe(void)
{
    return (ss_recipe){.seed = 4,
                       .epochs = 2,
                       .batch = 16,
                       .max_tokens = 32,
                       .max_sentence = 4096,
                       .first_stage = "both",
                       .first_stage_epochs = 1,
                       .weight_literal = 1,
                       .weight_implied = 1,
                       .weight_multi = 1,
                       .alternative_positives = 0.3,
                       .join = 0.5,
                       .second = "positive",
                       .scale = 20,
                       .dropout = 0.1,
                       .hard_negatives = 2,
                       .hard_every = 7,
                       .hard_limit = 2,
                       .lr = 1e-3,
                       .warm_up = 0.1,
                       .weight_decay = 0.01,
                       .clip = 1,
                       .validate_every = 10,
                       .keep_best = 1,
                       .checkpoint_every = 5,
                       .activation_memory = 1 << 20,
                       .prototypes = "label",
                       .judge = "mrr"};
}

static void fill(const fixture *f, ss_dataset *set)
{
    assert_int_equal(ss_dataset_init(set, f->taxonomy, 0, 1, NULL), 0);
    for (int i = 0; i < PAIRS; i++) {
        char text[40];
        snprintf(text, sizeof text, "task %d of %d", i % SKILLS, i);
        ss_checked_pair pair = {.id = ss_hash128_of(text, strlen(text)),
                                .sentence = {text, strlen(text)},
                                .skills = {(uint32_t)(i % SKILLS)},
                                .skill_count = 1};
        assert_int_equal(ss_dataset_add(set, &pair, NULL), 1);
    }
}

typedef struct trip {
    uint64_t stop_after; /* steps of this run */
    uint64_t done, checks, troubles;
} trip;

static int stop(void *ctx)
{
    trip *t = ctx;
    return t->done >= t->stop_after;
}

static void on_step(void *ctx, const ss_session_step *step)
{
    (void)step;
    ((trip *)ctx)->done++;
}

static void on_event(void *ctx, ss_session_event event, const char *text)
{
    (void)text;
    trip *t = ctx;
    t->checks += event == SS_SESSION_CHECKED;
    t->troubles += event == SS_SESSION_TROUBLE;
}

typedef struct result {
    int state;
    ss_error err;
    uint64_t done, steps;
    char weights[SS_SHA256_HEX + 1];
    uint64_t curve;               /* hash */
    double first_loss, last_loss; /* means of ten steps */
} result;

/* Runs (or goes on with) the training in `where` for at most `steps` steps. */
static result run(const fixture *f, const ss_recipe *recipe, const char *where, uint64_t steps, size_t threads,
                  trip *seen)
{
    result r = {.state = -1};
    ss_dataset set;
    trip t = {.stop_after = steps};
    char out[250];
    snprintf(out, sizeof out, "%s/encoder", where);
    fill(f, &set);
    ss_pool *pool = ss_pool_new(threads, NULL);
    ss_session_options options = {.recipe = recipe,
                                  .encoder_dir = f->encoder,
                                  .folder = where,
                                  .source = "test",
                                  .validate = &f->validate,
                                  .resume = 1,
                                  .hooks = {.ctx = &t, .stop = stop, .step = on_step, .say = on_event}};
    ss_session *session = ss_session_open(&options, &set, pool, &r.err);
    if (session) {
        r.state = ss_session_run(session, &r.err);
        r.done = ss_session_done(session);
        r.steps = ss_session_steps(session);
        size_t points;
        const ss_curve_point *curve = ss_session_curve(session, &points);
        r.curve = ss_hash64(curve, points * sizeof *curve);
        for (size_t i = 0; i < 10 && points >= 10; i++) {
            r.first_loss += (double)curve[i].loss / 10;
            r.last_loss += (double)curve[points - 1 - i].loss / 10;
        }
        if (!r.state) assert_int_equal(ss_session_export(session, out, r.weights, NULL), 0);
    }
    ss_session_close(session);
    ss_pool_free(pool);
    ss_dataset_free(&set);
    if (seen) *seen = t;
    return r;
}

static const char *make_folder(const fixture *f, const char *name)
{
    const char *path = temp_path(f->folder, name);
    assert_int_equal(mkdir(path, 0755), 0);
    return path;
}

/* Stopped and gone on with after every 1, 2, 3 ... steps, with alternating numbers of threads. */
static void interruptions_and_threads_change_nothing(void **state)
{
    fixture *f = *state;
    ss_recipe recipe = busy_recipe();
    char straight[200], broken[200];
    snprintf(straight, sizeof straight, "%s", make_folder(f, "straight"));
    snprintf(broken, sizeof broken, "%s", make_folder(f, "broken"));
    trip seen;
    result whole = run(f, &recipe, straight, UINT64_MAX, 1, &seen);
    if (whole.state) fail_msg("%s", whole.err.text);
    /* 100 definitions and 2 x 300 sentences in batches of 16 */
    assert_int_equal(whole.steps, 100 / 16 + 2 * (300 / 16));
    assert_int_equal(whole.done, whole.steps);
    assert_int_equal(seen.checks, whole.steps / 10);

    result parts = {.state = -1};
    for (uint64_t n = 1; parts.state; n++) {
        parts = run(f, &recipe, broken, n, 1 + n % 2, NULL);
        if (parts.state && parts.err.status != SS_STOPPED) fail_msg("%s", parts.err.text);
        assert_true(n < 100);
    }
    assert_string_equal(parts.weights, whole.weights);
    assert_true(parts.curve == whole.curve);
}

static void the_seed_matters_and_the_loss_falls(void **state)
{
    fixture *f = *state;
    ss_recipe recipe = busy_recipe();
    recipe.validate_every = 0;
    recipe.keep_best = 0;
    recipe.first_stage = "none";
    recipe.hard_negatives = 0;
    recipe.epochs = 10;
    char one[200], two[200];
    snprintf(one, sizeof one, "%s", make_folder(f, "seed4"));
    snprintf(two, sizeof two, "%s", make_folder(f, "seed5"));
    result a = run(f, &recipe, one, UINT64_MAX, 1, NULL);
    recipe.seed = 5;
    result b = run(f, &recipe, two, UINT64_MAX, 1, NULL);
    assert_int_equal(a.state, 0);
    assert_int_equal(b.state, 0);
    assert_string_not_equal(a.weights, b.weights);
    assert_true(a.last_loss < a.first_loss - 0.3);
    assert_true(b.last_loss < b.first_loss - 0.3);
}

static void other_options_or_data_do_not_go_on_with_a_checkpoint(void **state)
{
    fixture *f = *state;
    ss_recipe recipe = busy_recipe();
    char where[200];
    snprintf(where, sizeof where, "%s", make_folder(f, "other"));
    result r = run(f, &recipe, where, 3, 1, NULL);
    assert_int_equal(r.err.status, SS_STOPPED);
    recipe.lr = 2e-3;
    r = run(f, &recipe, where, 3, 1, NULL);
    assert_int_equal(r.state, -1);
    assert_int_equal(r.err.status, SS_CONFIG);
    assert_non_null(strstr(r.err.text, "lr="));
    recipe = busy_recipe();
    recipe.threads = 7; /* changes nothing in the result: is allowed */
    recipe.checkpoint_every = 9;
    r = run(f, &recipe, where, 3, 1, NULL);
    assert_int_equal(r.err.status, SS_STOPPED);
    assert_int_equal(r.done, 6);
}

static void a_loss_that_is_not_finite_names_the_batch_and_keeps_the_last_good_state(void **state)
{
    fixture *f = *state;
    ss_recipe recipe = busy_recipe();
    recipe.lr = 1; /* with such a scale the logits overflow soon */
    recipe.scale = 1e38;
    recipe.clip = 0;
    recipe.validate_every = 0;
    recipe.keep_best = 0;
    recipe.hard_negatives = 0;
    char where[200];
    snprintf(where, sizeof where, "%s", make_folder(f, "nan"));
    result r = run(f, &recipe, where, UINT64_MAX, 1, NULL);
    assert_int_equal(r.state, -1);
    assert_int_equal(r.err.status, SS_INPUT);
    assert_non_null(strstr(r.err.text, "failed-batch.txt"));
    assert_true(ss_file_exists(temp_path(where, "failed-batch.txt")));
    ss_checkpoint c;
    char note[SS_ERROR_TEXT];
    assert_int_equal(ss_checkpoint_read(where, &c, note, NULL), 1);
    for (size_t i = 0; i < c.size; i++) assert_true(isfinite(c.values[i]));
    ss_checkpoint_close(&c);
}

/* No room for checkpoints while it runs: told, and the training goes on; at its end it is an error. */
static void a_full_disk_does_not_end_a_training_before_its_end(void **state)
{
    fixture *f = *state;
    ss_recipe recipe = busy_recipe();
    char where[200];
    snprintf(where, sizeof where, "%s", make_folder(f, "full"));
    struct rlimit old, limit;
    getrlimit(RLIMIT_FSIZE, &old);
    limit = (struct rlimit){.rlim_cur = 4096, .rlim_max = old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    trip seen;
    result r = run(f, &recipe, where, UINT64_MAX, 1, &seen);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(r.state, -1);
    assert_int_equal(r.err.status, SS_IO);
    assert_true(seen.troubles > 0);
    assert_int_equal(seen.done, r.steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interruptions_and_threads_change_nothing),
        cmocka_unit_test(the_seed_matters_and_the_loss_falls),
        cmocka_unit_test(other_options_or_data_do_not_go_on_with_a_checkpoint),
        cmocka_unit_test(a_loss_that_is_not_finite_names_the_batch_and_keeps_the_last_good_state),
        cmocka_unit_test(a_full_disk_does_not_end_a_training_before_its_end),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
