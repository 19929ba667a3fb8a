/* test_evaluate.c - RP@k and MRR with a random encoder, against the protocol written out the slow way.
 *
 * (Agreement with the Python protocol on the public sets is the test golden.eval.)
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

#include "match/evaluate.h"
#include "nn/model_files.h"
#include "support/temp_folder.h"
#include "support/tiny_model.h"

enum { SKILLS = 60, SENTENCES = 45 };

typedef struct fixture {
    char *folder;
    ss_taxonomy *taxonomy;
    ss_model_files *files;
    ss_encoder *encoder;
    ss_pool *pool;
    ss_embedder *embedder;
    ss_prototypes labels;
    ss_skill_matrix *matrix;
} fixture;

static int set_up(void **state)
{
    static fixture f;
    char csv[8192] = "id,label\n";
    size_t used = strlen(csv);
    f.folder = temp_folder_make();
    tiny_model_write(f.folder, 5);
    for (int i = 0; i < SKILLS; i++) /* every third label is there three times: equal scores */
        used +=
            (size_t)snprintf(csv + used, sizeof csv - used, "u%d,skill %c%d\n", i, 'a' + i % 7, i / 3 * 3 == i ? i : 7);
    f.taxonomy = ss_taxonomy_parse("t", csv, used, NULL, NULL, NULL);
    f.files = ss_model_files_open(f.folder, NULL);
    f.encoder = ss_encoder_load(ss_model_files_set(f.files), NULL);
    f.pool = ss_pool_new(2, NULL);
    f.embedder = ss_embedder_new(f.encoder, f.pool, NULL);
    *state = &f;
    if (ss_prototypes_list(f.taxonomy, SS_PROTOTYPE_LABEL, &f.labels, NULL)) return -1;
    f.matrix = ss_skill_matrix_build(f.embedder, &f.labels, SKILLS, SS_SCORE_BEST, NULL, NULL, NULL);
    return f.matrix ? 0 : -1;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    ss_skill_matrix_free(f->matrix);
    ss_prototypes_free(&f->labels);
    ss_embedder_free(f->embedder);
    ss_pool_free(f->pool);
    ss_encoder_free(f->encoder);
    ss_model_files_close(f->files);
    ss_taxonomy_free(f->taxonomy);
    temp_folder_remove(f->folder);
    return 0;
}

/* Labels of sentence i as the file has them; NULL ends. The last one may be unknown. */
static const char *gold_label(const fixture *f, int sentence, int g)
{
    if (g == sentence % 4) return sentence % 5 == 0 ? "no such label" : NULL;
    if (g > sentence % 4) return NULL;
    return ss_taxonomy_skill(f->taxonomy, (uint32_t)((sentence * 13 + g * 29) % SKILLS))->label;
}

static void write_benchmark(const fixture *f)
{
    char csv[16384] = "sentence,span,label\n";
    size_t used = strlen(csv);
    for (int i = 0; i < SENTENCES; i++) {
        used += (size_t)snprintf(csv + used, sizeof csv - used, "sentence %d,x,UNDERSPECIFIED\n", i);
        const char *label;
        for (int g = 0; (label = gold_label(f, i, g)); g++)
            used += (size_t)snprintf(csv + used, sizeof csv - used, "sentence %d,x,%s \n", i, label);
    }
    temp_write(f->folder, "bench.csv", csv, used);
}

/* Position of the label in the full ranking: stable sort by falling score. -1: no such skill. */
static int rank_in(const fixture *f, const float *scores, const char *label)
{
    uint32_t skill = ss_taxonomy_by_label(f->taxonomy, label);
    if (skill == SS_NO_SKILL) return -1;
    uint32_t order[SKILLS];
    for (uint32_t i = 0; i < SKILLS; i++) {
        uint32_t at = i;
        for (; at && scores[order[at - 1]] < scores[i]; at--) order[at] = order[at - 1];
        order[at] = i;
    }
    for (int r = 0; r < SKILLS; r++)
        if (order[r] == skill) return r;
    return -1;
}

static void figures_are_the_protocols(void **state)
{
    const fixture *f = *state;
    write_benchmark(f);
    double rp[3] = {0}, mrr = 0;
    const int ks[] = {1, 5, 10};
    size_t queries = 0, gold_total = 0, unknown = 0;
    for (int i = 0; i < SENTENCES; i++) {
        char sentence[32];
        snprintf(sentence, sizeof sentence, "sentence %d", i);
        float vector[TINY_MODEL_DIMS], scores[SKILLS];
        ss_string_view text = {sentence, strlen(sentence)};
        assert_int_equal(ss_embed_texts(f->embedder, &text, 1, vector, NULL, NULL, NULL), 0);
        ss_skill_matrix_scores(f->matrix, vector, 1, scores);
        const char *seen[8], *label;
        int ranks[8], count = 0, best = -1;
        for (int g = 0; (label = gold_label(f, i, g)); g++) {
            int known = 0;
            for (int j = 0; j < count; j++) known |= !strcmp(seen[j], label);
            if (known) continue;
            seen[count] = label;
            ranks[count] = rank_in(f, scores, label);
            unknown += ranks[count] < 0;
            if (ranks[count] >= 0 && (best < 0 || ranks[count] < best)) best = ranks[count];
            count++;
        }
        if (!count) continue;
        queries++;
        gold_total += (size_t)count;
        for (int k = 0; k < 3; k++) {
            int hits = 0;
            for (int j = 0; j < count; j++) hits += ranks[j] >= 0 && ranks[j] < ks[k];
            rp[k] += (double)hits / (ks[k] < count ? ks[k] : count);
        }
        if (best >= 0) mrr += 1.0 / (best + 1);
    }
    ss_evaluation e;
    ss_error err = {0};
    assert_int_equal(ss_evaluate(temp_path(f->folder, "bench.csv"), 0, f->taxonomy, f->matrix, NULL, f->embedder, NULL,
                                 NULL, &e, &err),
                     0);
    assert_int_equal(e.queries, queries);
    assert_int_equal(e.gold, gold_total);
    assert_int_equal(e.unknown, unknown);
    /* One equal score decided otherwise by a last bit would move a figure by 100 / queries. */
    assert_true(fabs(e.rp1 - 100 * rp[0] / (double)queries) < 1e-9);
    assert_true(fabs(e.rp5 - 100 * rp[1] / (double)queries) < 1e-9);
    assert_true(fabs(e.rp10 - 100 * rp[2] / (double)queries) < 1e-9);
    assert_true(fabs(e.mrr - 100 * mrr / (double)queries) < 1e-9);
}

static void says_what_is_wrong_with_the_file(void **state)
{
    const fixture *f = *state;
    const char *bad[][2] = {{"sentence,skill\na,b\n", "no column 'label'"},
                            {"sentence,label\na,UNDERSPECIFIED\n", "no sentence with a gold label"},
                            {"sentence,label\n", "no sentence with a gold label"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ss_evaluation e;
        ss_error err = {0};
        temp_write_text(f->folder, "bad.csv", bad[i][0]);
        assert_int_equal(ss_evaluate(temp_path(f->folder, "bad.csv"), 0, f->taxonomy, f->matrix, NULL, f->embedder,
                                     NULL, NULL, &e, &err),
                         -1);
        assert_int_equal(err.status, SS_INPUT);
        assert_non_null(strstr(err.text, bad[i][1]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_the_protocols),
        cmocka_unit_test(says_what_is_wrong_with_the_file),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
