/* test_mining.c - hard negatives against the slow way: the encoder of common/nn, all scores, sorted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nn/embed.h"
#include "nn/model_files.h"
#include "support/temp_folder.h"
#include "support/tiny_model.h"
#include "worker/train/mining.h"

enum { SKILLS = 120, PAIRS = 30, WANTED = 4, DIMS = TINY_MODEL_DIMS };

typedef struct fixture {
    char *folder;
    ss_taxonomy *taxonomy;
    ss_model_files *files;
    ss_encoder *encoder;
    ss_pool *pool;
    ss_embedder *embedder;
    ss_train_model *model;
    ss_train_engine *engine;
    ss_dataset set;
    uint32_t examples[PAIRS];
    float scores[PAIRS][SKILLS];
} fixture;

static void score_all(fixture *f)
{
    static float labels[SKILLS][DIMS], sentences[PAIRS][DIMS];
    ss_string_view texts[SKILLS];
    for (uint32_t s = 0; s < SKILLS; s++) {
        const char *label = ss_taxonomy_skill(f->taxonomy, s)->label;
        texts[s] = (ss_string_view){label, strlen(label)};
    }
    assert_int_equal(ss_embed_texts(f->embedder, texts, SKILLS, &labels[0][0], NULL, NULL, NULL), 0);
    for (int i = 0; i < PAIRS; i++) texts[i] = (ss_string_view){f->set.pairs.items[i].text, f->set.pairs.items[i].len};
    assert_int_equal(ss_embed_texts(f->embedder, texts, PAIRS, &sentences[0][0], NULL, NULL, NULL), 0);
    for (int i = 0; i < PAIRS; i++)
        for (int s = 0; s < SKILLS; s++) {
            double sum = 0;
            for (int d = 0; d < DIMS; d++) sum += (double)sentences[i][d] * (double)labels[s][d];
            f->scores[i][s] = (float)sum;
        }
}

static int set_up(void **state)
{
    static fixture f;
    char csv[8192] = "id,label\n";
    size_t used = strlen(csv);
    for (int i = 0; i < SKILLS; i++)
        used += (size_t)snprintf(csv + used, sizeof csv - used, "u%d,%c%c skill %d\n", i, 'a' + i % 23, 'a' + i % 7, i);
    f.folder = temp_folder_make();
    tiny_model_write(f.folder, 9);
    f.taxonomy = ss_taxonomy_parse("t", csv, used, NULL, NULL, NULL);
    f.files = ss_model_files_open(f.folder, NULL);
    f.encoder = ss_encoder_load(ss_model_files_set(f.files), NULL);
    f.pool = ss_pool_new(2, NULL);
    f.embedder = ss_embedder_new(f.encoder, f.pool, NULL);
    f.model = ss_train_model_load(ss_model_files_set(f.files), NULL);
    ss_train_engine_options options = {.hidden_dropout = 0.5F, .seed = 1}; /* mining is without dropout all the same */
    f.engine = ss_train_engine_new(f.model, f.pool, &options, NULL);
    if (!f.embedder || !f.engine || ss_dataset_init(&f.set, f.taxonomy, 0, 1, NULL)) return -1;
    for (uint32_t i = 0; i < PAIRS; i++) {
        char text[40];
        snprintf(text, sizeof text, "work of kind %u for %u people", i * 31, i);
        ss_checked_pair pair = {.id = ss_hash128_of(text, strlen(text)),
                                .sentence = {text, strlen(text)},
                                .skills = {i * 3, i * 3 + 1},
                                .skill_count = 1 + i % 2};
        if (ss_dataset_add(&f.set, &pair, NULL) != 1) return -1;
        f.examples[i] = i;
    }
    score_all(&f);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    ss_dataset_free(&f->set);
    ss_train_engine_free(f->engine);
    ss_train_model_free(f->model);
    ss_embedder_free(f->embedder);
    ss_pool_free(f->pool);
    ss_encoder_free(f->encoder);
    ss_model_files_close(f->files);
    ss_taxonomy_free(f->taxonomy);
    temp_folder_remove(f->folder);
    return 0;
}

static void mine(fixture *f, const ss_recipe *recipe, uint32_t out[PAIRS][WANTED])
{
    ss_batch_maker *maker = ss_batch_maker_new(recipe, ss_train_model_config(f->model),
                                               ss_train_model_tokenizer(f->model), f->taxonomy, NULL);
    assert_non_null(maker);
    assert_int_equal(ss_mine(f->engine, maker, recipe, &f->set, f->examples, PAIRS, &out[0][0], NULL), 0);
    ss_batch_maker_free(maker);
}

static int is_own(const ss_example *e, uint32_t skill)
{
    return skill == e->skill || skill == e->second;
}

/* How many wrong skills at most `limit` score above skill `than`. */
static size_t wrong_above(const fixture *f, int pair, uint32_t than, float limit)
{
    size_t n = 0;
    for (uint32_t s = 0; s < SKILLS; s++)
        n += !is_own(&f->set.pairs.items[pair], s) && f->scores[pair][s] <= limit &&
             f->scores[pair][s] > f->scores[pair][than] + 1e-5F;
    return n;
}

static void they_are_the_nearest_wrong_skills(void **state)
{
    fixture *f = *state;
    uint32_t out[PAIRS][WANTED];
    ss_recipe recipe = {.hard_negatives = WANTED, .hard_limit = 10, .max_tokens = 64, .second = "positive"};
    mine(f, &recipe, out);
    for (int i = 0; i < PAIRS; i++)
        for (size_t k = 0; k < WANTED; k++) {
            assert_true(out[i][k] < SKILLS);
            assert_false(is_own(&f->set.pairs.items[i], out[i][k]));
            if (f->scores[i][f->set.pairs.items[i].skill] > 0.1F) /* then the limit of 10 shuts nothing out */
                assert_true(wrong_above(f, i, out[i][k], 2) <= k);
        }
}

static void the_nearest_can_be_passed_over(void **state)
{
    fixture *f = *state;
    uint32_t plain[PAIRS][WANTED], skipped[PAIRS][WANTED];
    ss_recipe recipe = {.hard_negatives = WANTED, .hard_limit = 10, .max_tokens = 64, .second = "positive"};
    mine(f, &recipe, plain);
    recipe.hard_skip = 2;
    mine(f, &recipe, skipped);
    for (int i = 0; i < PAIRS; i++)
        for (int k = 0; k + 2 < WANTED; k++) assert_int_equal(skipped[i][k], plain[i][k + 2]);
}

static void those_nearer_than_the_limit_are_left_out(void **state)
{
    fixture *f = *state;
    uint32_t out[PAIRS][WANTED];
    ss_recipe recipe = {.hard_negatives = WANTED, .hard_limit = 0.9, .max_tokens = 64, .second = "positive"};
    size_t found = 0;
    mine(f, &recipe, out);
    for (int i = 0; i < PAIRS; i++) {
        float own = f->scores[i][f->set.pairs.items[i].skill], limit = own > 0 ? own * 0.9F : own;
        for (size_t k = 0; k < WANTED; k++) {
            if (out[i][k] == SS_NO_SKILL) continue;
            found++;
            assert_true(f->scores[i][out[i][k]] <= limit + 1e-5F);
            assert_true(wrong_above(f, i, out[i][k], limit - 1e-5F) <= k);
        }
    }
    assert_true(found > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_the_nearest_wrong_skills),
        cmocka_unit_test(the_nearest_can_be_passed_over),
        cmocka_unit_test(those_nearer_than_the_limit_are_left_out),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
