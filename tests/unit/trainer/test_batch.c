/* test_batch.c - rows and columns of a batch: who is joined with whom, which skills stand there, what is masked. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nn/model_files.h"
#include "support/temp_folder.h"
#include "support/tiny_model.h"
#include "worker/train/batch.h"

enum { SKILLS = 40, PAIRS = 200, ROWS = 16, MOST_TOKENS = 64 };

typedef struct fixture {
    char *folder;
    ss_taxonomy *taxonomy;
    ss_model_files *files;
    ss_model_config config;
    ss_tokenizer *tokenizer;
    ss_tokenizer_scratch *scratch;
    ss_dataset set;
    ss_recipe recipe;
} fixture;

/* Sentence i is "s<i>" and asks for skill i % SKILLS, which has the label "L<skill>" and the alternative "A<skill>". */
static int set_up(void **state)
{
    static fixture f;
    char csv[8192] = "id,label,alternatives,description\n";
    size_t used = strlen(csv);
    for (int i = 0; i < SKILLS; i++)
        used += (size_t)snprintf(csv + used, sizeof csv - used, "u%d,L%d,A%d,D%d\n", i, i, i, i);
    f.folder = temp_folder_make();
    tiny_model_write(f.folder, 3);
    f.taxonomy = ss_taxonomy_parse("t", csv, used, NULL, NULL, NULL);
    f.files = ss_model_files_open(f.folder, NULL);
    if (!f.taxonomy || !f.files || ss_model_config_read(ss_model_files_set(f.files), &f.config, NULL)) return -1;
    f.tokenizer = ss_tokenizer_load(ss_model_files_set(f.files), NULL);
    f.scratch = ss_tokenizer_scratch_new(NULL);
    if (ss_dataset_init(&f.set, f.taxonomy, 0, 1, NULL)) return -1;
    for (int i = 0; i < PAIRS + 20; i++) {
        char text[16];
        snprintf(text, sizeof text, i < PAIRS ? "s%d" : "n%d", i);
        ss_checked_pair pair = {.id = ss_hash128_of(text, strlen(text)),
                                .sentence = {text, strlen(text)},
                                .skills = {(uint32_t)i % SKILLS},
                                .skill_count = i < PAIRS,
                                .kind = i >= PAIRS ? SS_PAIR_NONE
                                        : i % 2    ? SS_PAIR_MULTI
                                                   : SS_PAIR_LITERAL};
        if (ss_dataset_add(&f.set, &pair, NULL) != 1) return -1;
    }
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    ss_dataset_free(&f->set);
    ss_tokenizer_scratch_free(f->scratch);
    ss_tokenizer_free(f->tokenizer);
    ss_model_files_close(f->files);
    ss_taxonomy_free(f->taxonomy);
    temp_folder_remove(f->folder);
    return 0;
}

static ss_recipe plain(void)
{
    return (ss_recipe){.seed = 1,
                       .max_tokens = MOST_TOKENS,
                       .weight_literal = 1,
                       .weight_implied = 1,
                       .weight_multi = 1,
                       .second = "positive"};
}

static ss_batch_maker *make_maker(fixture *f, ss_recipe recipe)
{
    f->recipe = recipe;
    ss_batch_maker *maker = ss_batch_maker_new(&f->recipe, &f->config, f->tokenizer, f->taxonomy, NULL);
    assert_non_null(maker);
    return maker;
}

/* 1 if text number t of the batch is `want`. */
static int is_text(const fixture *f, const ss_training_batch *b, size_t t, const char *want)
{
    int32_t ids[MOST_TOKENS];
    size_t count;
    assert_int_equal(ss_tokenize(f->tokenizer, f->scratch, want, strlen(want), MOST_TOKENS, ids, &count, NULL, NULL),
                     0);
    return b->texts.starts[t + 1] - b->texts.starts[t] == count &&
           !memcmp(b->texts.ids + b->texts.starts[t], ids, count * sizeof *ids);
}

static void first_rows(uint32_t rows[ROWS])
{
    for (uint32_t i = 0; i < ROWS; i++) rows[i] = i * 3;
}

static void without_joining_rows_are_sentences_and_columns_their_labels(void **state)
{
    fixture *f = *state;
    uint32_t rows[ROWS];
    ss_training_batch b;
    ss_batch_maker *maker = make_maker(f, plain());
    first_rows(rows);
    assert_int_equal(ss_batch_make(maker, &f->set, 0, rows, ROWS, NULL, 5, &b, NULL), 0);
    assert_int_equal(b.labels.pairs, ROWS);
    assert_int_equal(b.labels.candidates, ROWS);
    assert_int_equal(b.texts.count, 2 * ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        char text[16];
        snprintf(text, sizeof text, "s%u", rows[i]);
        assert_true(is_text(f, &b, i, text));
        snprintf(text, sizeof text, "L%u", rows[i] % SKILLS);
        assert_true(is_text(f, &b, ROWS + i, text));
        assert_int_equal(b.labels.labels[i], rows[i] % SKILLS);
        assert_int_equal(b.labels.seconds[i], SS_NO_LABEL);
    }
    ss_batch_maker_free(maker);
}

/* With every sentence joined: the partner's skill is the row's second, and has exactly one column. */
static void joined_rows_have_their_partners_skill_as_a_column(void **state)
{
    fixture *f = *state;
    uint32_t rows[ROWS];
    ss_recipe recipe = plain();
    ss_training_batch b;
    size_t before = 0, joined = 0;
    recipe.join = 1;
    ss_batch_maker *maker = make_maker(f, recipe);
    first_rows(rows);
    for (uint64_t step = 0; step < 50; step++) {
        assert_int_equal(ss_batch_make(maker, &f->set, 0, rows, ROWS, NULL, step, &b, NULL), 0);
        for (size_t i = 0; i < ROWS; i++) {
            size_t matches = 0, columns = 0;
            for (uint32_t p = 0; p < PAIRS; p++) {
                char after_text[40], before_text[40];
                snprintf(after_text, sizeof after_text, "s%u s%u", rows[i], p);
                snprintf(before_text, sizeof before_text, "s%u s%u", p, rows[i]);
                int is_before = is_text(f, &b, i, before_text), is_after = is_text(f, &b, i, after_text);
                if (!is_before && !is_after) continue;
                matches++;
                before += is_before && p != rows[i];
                uint32_t own = rows[i] % SKILLS, other = p % SKILLS;
                assert_int_equal(b.labels.seconds[i], own == other ? SS_NO_LABEL : (int32_t)other);
            }
            assert_int_equal(matches, 1);
            joined++;
            for (size_t c = 0; c < b.labels.candidates; c++) columns += b.labels.labels[c] == b.labels.seconds[i];
            /* one column, or those of rows that have the same skill themselves */
            if (b.labels.seconds[i] != SS_NO_LABEL) assert_true(columns >= 1);
        }
        for (size_t c = ROWS; c < b.labels.candidates; c++)
            for (size_t d = 0; d < c; d++) assert_int_not_equal(b.labels.labels[c], b.labels.labels[d]);
    }
    assert_true(fabs((double)before / (double)joined - 0.5) < 0.07);
    ss_batch_maker_free(maker);
}

static void masked_partners_have_no_column_and_negative_ones_no_mark(void **state)
{
    fixture *f = *state;
    uint32_t rows[ROWS];
    ss_recipe recipe = plain();
    ss_training_batch b;
    size_t seconds = 0;
    first_rows(rows);
    recipe.join = 1;
    recipe.second = "masked";
    ss_batch_maker *maker = make_maker(f, recipe);
    assert_int_equal(ss_batch_make(maker, &f->set, 0, rows, ROWS, NULL, 1, &b, NULL), 0);
    for (size_t i = 0; i < ROWS; i++) seconds += b.labels.seconds[i] != SS_NO_LABEL;
    assert_true(seconds > ROWS / 2);
    assert_int_equal(b.labels.candidates, ROWS);
    ss_batch_maker_free(maker);
    recipe.second = "negative";
    maker = make_maker(f, recipe);
    assert_int_equal(ss_batch_make(maker, &f->set, 0, rows, ROWS, NULL, 1, &b, NULL), 0);
    for (size_t i = 0; i < ROWS; i++) assert_int_equal(b.labels.seconds[i], SS_NO_LABEL);
    ss_batch_maker_free(maker);
}

static void partners_without_skill_bring_none(void **state)
{
    fixture *f = *state;
    uint32_t rows[ROWS];
    ss_recipe recipe = plain();
    ss_training_batch b;
    first_rows(rows);
    recipe.join = recipe.join_none = 1;
    ss_batch_maker *maker = make_maker(f, recipe);
    assert_int_equal(ss_batch_make(maker, &f->set, 0, rows, ROWS, NULL, 1, &b, NULL), 0);
    assert_int_equal(b.labels.candidates, ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        char text[16];
        snprintf(text, sizeof text, "s%u", rows[i]);
        assert_int_equal(b.labels.seconds[i], SS_NO_LABEL);
        assert_false(is_text(f, &b, i, text)); /* joined all the same */
    }
    ss_batch_maker_free(maker);
}

static void hard_negatives_are_columns_unless_they_are_there(void **state)
{
    fixture *f = *state;
    uint32_t rows[2] = {0, 1}, negatives[4] = {7, 1, 7, SS_NO_SKILL};
    ss_recipe recipe = plain();
    ss_training_batch b;
    recipe.hard_negatives = 2;
    ss_batch_maker *maker = make_maker(f, recipe);
    for (uint64_t step = 3; step < 5; step++) { /* a second batch of the same maker gets them, too */
        assert_int_equal(ss_batch_make(maker, &f->set, 0, rows, 2, negatives, 3, &b, NULL), 0);
        assert_int_equal(b.labels.candidates, 3);
        assert_int_equal(b.labels.labels[2], 7);
        assert_true(is_text(f, &b, 4, "L7"));
    }
    ss_batch_maker_free(maker);
}

static void positives_are_shown_in_the_shares_asked_for(void **state)
{
    fixture *f = *state;
    uint32_t rows[ROWS];
    ss_recipe recipe = plain();
    ss_training_batch b;
    size_t alternatives = 0, descriptions = 0, all = 0;
    recipe.alternative_positives = 0.5;
    recipe.description_positives = 0.2;
    ss_batch_maker *maker = make_maker(f, recipe);
    first_rows(rows);
    for (uint64_t step = 0; step < 100; step++) {
        assert_int_equal(ss_batch_make(maker, &f->set, 0, rows, ROWS, NULL, step, &b, NULL), 0);
        for (size_t i = 0; i < ROWS; i++, all++) {
            char text[16];
            snprintf(text, sizeof text, "A%u", rows[i] % SKILLS);
            alternatives += (size_t)is_text(f, &b, ROWS + i, text);
            snprintf(text, sizeof text, "D%u", rows[i] % SKILLS);
            descriptions += (size_t)is_text(f, &b, ROWS + i, text);
        }
        /* pairs out of the taxonomy are shown by the label */
        assert_int_equal(ss_batch_make(maker, &f->set, 1, rows, 1, NULL, step, &b, NULL), 0);
        assert_true(is_text(f, &b, 1, "L0"));
    }
    assert_true(fabs((double)alternatives / (double)all - 0.5) < 0.05);
    assert_true(fabs((double)descriptions / (double)all - 0.2) < 0.05);
    ss_batch_maker_free(maker);
}

static void weights_follow_the_kind_and_a_step_is_a_function_of_its_number(void **state)
{
    fixture *f = *state;
    uint32_t rows[ROWS];
    ss_recipe recipe = plain();
    ss_training_batch a, b;
    recipe.join = 0.5;
    recipe.weight_literal = 2;
    recipe.weight_multi = 0.25;
    first_rows(rows);
    ss_batch_maker *one = make_maker(f, recipe), *two = make_maker(f, recipe);
    assert_int_equal(ss_batch_make(one, &f->set, 0, rows, ROWS, NULL, 8, &a, NULL), 0);
    assert_int_equal(ss_batch_make(one, &f->set, 0, rows, ROWS, NULL, 9, &a, NULL), 0);
    assert_int_equal(ss_batch_make(two, &f->set, 0, rows, ROWS, NULL, 9, &b, NULL), 0);
    assert_int_equal(a.texts.count, b.texts.count);
    assert_int_equal(a.texts.starts[a.texts.count], b.texts.starts[b.texts.count]);
    assert_memory_equal(a.texts.ids, b.texts.ids, a.texts.starts[a.texts.count] * sizeof *a.texts.ids);
    assert_memory_equal(a.labels.seconds, b.labels.seconds, ROWS * sizeof(int32_t));
    for (size_t i = 0; i < ROWS; i++) assert_true(a.labels.weights[i] == (rows[i] % 2 ? 0.25F : 2.0F));
    ss_batch_maker_free(one);
    ss_batch_maker_free(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_joining_rows_are_sentences_and_columns_their_labels),
        cmocka_unit_test(joined_rows_have_their_partners_skill_as_a_column),
        cmocka_unit_test(masked_partners_have_no_column_and_negative_ones_no_mark),
        cmocka_unit_test(partners_without_skill_bring_none),
        cmocka_unit_test(hard_negatives_are_columns_unless_they_are_there),
        cmocka_unit_test(positives_are_shown_in_the_shares_asked_for),
        cmocka_unit_test(weights_follow_the_kind_and_a_step_is_a_function_of_its_number),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
