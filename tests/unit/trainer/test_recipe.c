/* test_recipe.c - a recipe file stands above defaults and below everything else; what changes the weights is written
 * down, and nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/temp_folder.h"
#include "worker/train/trainer_settings.h"

static char *folder;

static int set_up(void **state)
{
    (void)state;
    folder = temp_folder_make();
    temp_write_text(folder, "recipe", "lr = 3e-5\nbatch = 32\nepochs = 7\nscale = 11\n");
    temp_write_text(folder, "config", "batch = 48\nepochs = 8\n");
    temp_write_text(folder, "naming", "recipe = RECIPE\nbatch = 48\n");
    temp_write_text(folder, "bad", "learning = 1\n");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_folder_remove(folder);
    return 0;
}

/* Parses the trainer's options with `more` (NULL-terminated) behind those that are required. */
static ss_parse parse(const char *const *more, ss_trainer_settings *values, ss_options **options, ss_error *err)
{
    char *argv[32] = {"x", "--bootstrap", "b", "--state", "s", "--encoder", "e", "--taxonomy", "t"};
    int argc = 9;
    for (; *more; more++) argv[argc++] = strdup(*more);
    ss_parse result = ss_options_parse(options, ss_trainer_command(), argc, argv, "", values, err);
    for (int i = 9; i < argc; i++) free(argv[i]);
    return result;
}

static ss_recipe recipe_of(const char *const *more)
{
    ss_trainer_settings values;
    ss_options *options;
    ss_error err = {0};
    if (parse(more, &values, &options, &err) != SS_PARSE_RUN) fail_msg("%s", err.text);
    ss_recipe recipe = values.train.recipe;
    assert_int_equal(ss_recipe_check(&recipe, &err), 0);
    ss_options_free(options); /* numbers are copies */
    return recipe;
}

static void the_recipe_stands_between_defaults_and_everything_else(void **state)
{
    (void)state;
    ss_recipe none = recipe_of((const char *[]){NULL});
    assert_true(none.lr == 2e-5 && none.batch == 64 && none.epochs == 1 && none.scale == 20 && none.warm_up == 0.05);
    const char *recipe = temp_path(folder, "recipe"), *config = temp_path(folder, "config");
    setenv("SKILLSTREAM_SCALE", "12", 1);
    ss_recipe r =
        recipe_of((const char *[]){"--recipe", recipe, "--config", config, "--epochs", "9", "--seed", "5", NULL});
    unsetenv("SKILLSTREAM_SCALE");
    assert_true(r.lr == 3e-5);     /* the recipe */
    assert_int_equal(r.batch, 48); /* --config */
    assert_true(r.scale == 12);    /* the environment */
    assert_int_equal(r.epochs, 9); /* the command line */
    assert_int_equal(r.seed, 5);
}

static void the_file_of_config_may_name_the_recipe(void **state)
{
    (void)state;
    char text[300];
    snprintf(text, sizeof text, "recipe = %s\nbatch = 48\n", temp_path(folder, "recipe"));
    temp_write_text(folder, "naming", text);
    ss_recipe r = recipe_of((const char *[]){"--config", temp_path(folder, "naming"), NULL});
    assert_true(r.lr == 3e-5);
    assert_int_equal(r.batch, 48);
}

static void an_unknown_key_in_a_recipe_is_named(void **state)
{
    (void)state;
    ss_trainer_settings values;
    ss_options *options;
    ss_error err = {0};
    assert_int_equal(parse((const char *[]){"--recipe", temp_path(folder, "bad"), NULL}, &values, &options, &err),
                     SS_PARSE_FAILED);
    assert_int_equal(err.status, SS_CONFIG);
    assert_non_null(strstr(err.text, "'learning'"));
    err = (ss_error){0};
    assert_int_equal(parse((const char *[]){"--recipe", "/no/such/file", NULL}, &values, &options, &err),
                     SS_PARSE_FAILED);
    assert_int_equal(err.status, SS_CONFIG);
}

static char *text_of(const ss_recipe *recipe)
{
    ss_buffer out;
    ss_buffer_init(&out, 65536);
    assert_int_equal(ss_recipe_text(recipe, &out, NULL), 0);
    return out.data;
}

/* Every option of the table is changed in turn: the text follows exactly when the option changes the weights. */
static void the_text_changes_with_what_changes_the_weights_and_only_then(void **state)
{
    (void)state;
    ss_trainer_settings values, changed;
    ss_options *options, *other;
    size_t results = 0, others = 0;
    assert_int_equal(parse((const char *[]){NULL}, &values, &options, NULL), SS_PARSE_RUN);
    char *plain = text_of(&values.train.recipe);
    for (const ss_option *o = ss_recipe_command()->options; o->name; o++) {
        char flag[80], word[40];
        const char *value = o->type == SS_OPT_CHOICE  ? strrchr(o->range, '|') + 1
                            : o->type == SS_OPT_COUNT ? "9"
                            : o->type == SS_OPT_BYTES ? "8M"
                            : o->type == SS_OPT_REAL  ? "0.25"
                                                      : "true";
        if (!strcmp(o->name, "max-sentence")) value = "99";
        if (o->type == SS_OPT_STRING) value = "label";
        if (o->fallback && !strcmp(value, o->fallback)) continue;
        snprintf(word, sizeof word, "%s", value);
        snprintf(flag, sizeof flag, "--%s=%s", o->name, word);
        ss_error err = {0};
        if (parse((const char *[]){flag, NULL}, &changed, &other, &err) != SS_PARSE_RUN) fail_msg("%s", err.text);
        char *text = text_of(&changed.train.recipe);
        int result = (o->flags & SS_OPT_RESULT) != 0;
        if ((strcmp(text, plain) != 0) != result) fail_msg("%s", o->name);
        if (result) {
            char difference[200];
            ss_recipe_difference(text, plain, difference, sizeof difference);
            assert_int_equal(strncmp(difference, o->name, strlen(o->name)), 0);
        }
        results += (size_t)result;
        others += !result;
        free(text);
        ss_options_free(other);
    }
    assert_true(results >= 25 && others >= 5);
    free(plain);
    ss_options_free(options);
}

static void contradictions_are_refused(void **state)
{
    (void)state;
    ss_recipe good = recipe_of((const char *[]){NULL}), r = good;
    ss_error err = {0};
    r.prototypes = good.prototypes = "label";
    r.keep_best = 1;
    assert_int_equal(ss_recipe_check(&r, &err), -1);
    assert_int_equal(err.status, SS_CONFIG);
    r = good;
    r.weight_literal = r.weight_implied = r.weight_multi = 0;
    assert_int_equal(ss_recipe_check(&r, &err), -1);
    r = good;
    r.prototypes = "rubbish";
    assert_int_equal(ss_recipe_check(&r, &err), -1);
    assert_int_equal(err.status, SS_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_recipe_stands_between_defaults_and_everything_else),
        cmocka_unit_test(the_file_of_config_may_name_the_recipe),
        cmocka_unit_test(an_unknown_key_in_a_recipe_is_named),
        cmocka_unit_test(the_text_changes_with_what_changes_the_weights_and_only_then),
        cmocka_unit_test(contradictions_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
