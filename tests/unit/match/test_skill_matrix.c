/* test_skill_matrix.c - top-k against brute force in double precision, ties, and damaged blobs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "match/skill_matrix.h"
#include "support/random.h"

static float *random_vectors(size_t n, size_t dims)
{
    float *out = calloc(n * dims, sizeof *out);
    assert_non_null(out);
    for (size_t i = 0; i < n; i++) {
        double square = 0;
        for (size_t j = 0; j < dims; j++) {
            out[i * dims + j] = random_float();
            square += (double)out[i * dims + j] * out[i * dims + j];
        }
        for (size_t j = 0; j < dims; j++) out[i * dims + j] /= (float)sqrt(square);
    }
    return out;
}

/* rows_of[s] prototypes for skill s: a label, then alternatives. */
static ss_prototypes make_prototypes(const uint32_t *rows_of, size_t skills)
{
    ss_prototypes out = {0};
    for (size_t s = 0; s < skills; s++) out.count += rows_of[s];
    out.items = calloc(out.count, sizeof *out.items);
    assert_non_null(out.items);
    size_t r = 0;
    for (size_t s = 0; s < skills; s++)
        for (uint32_t i = 0; i < rows_of[s]; i++)
            out.items[r++] = (ss_prototype){(uint32_t)s, i ? SS_PROTOTYPE_ALTERNATIVE : SS_PROTOTYPE_LABEL, ""};
    return out;
}

typedef struct problem {
    ss_prototypes prototypes;
    float *values, *vectors;
    size_t skills, dims, n;
    ss_skill_matrix *matrix;
} problem;

static problem make_problem(const uint32_t *rows_of, size_t skills, size_t dims, size_t n, ss_score_kind score)
{
    problem p = {.skills = skills, .dims = dims, .n = n};
    p.prototypes = make_prototypes(rows_of, skills);
    p.values = random_vectors(p.prototypes.count, dims);
    p.vectors = random_vectors(n, dims);
    ss_error err = {0};
    p.matrix = ss_skill_matrix_from_values(p.values, dims, &p.prototypes, skills, score, &err);
    assert_non_null(p.matrix);
    return p;
}

static void free_problem(problem *p)
{
    ss_skill_matrix_free(p->matrix);
    ss_prototypes_free(&p->prototypes);
    free(p->values);
    free(p->vectors);
}

static double exact_dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * b[i];
    return sum;
}

/* Score of every skill for one vector, in double. */
static void brute_force(const problem *p, const float *vector, ss_score_kind kind, double *scores)
{
    size_t r = 0;
    for (size_t s = 0; s < p->skills; s++) {
        double label = exact_dot(vector, p->values + r * p->dims, p->dims), best = label;
        for (; r < p->prototypes.count && p->prototypes.items[r].skill == s; r++)
            best = fmax(best, exact_dot(vector, p->values + r * p->dims, p->dims));
        scores[s] = kind == SS_SCORE_BEST ? best : (label + best) / 2;
    }
}

static void check_against_brute_force(const uint32_t *rows_of, size_t skills, size_t n, size_t k, ss_score_kind kind)
{
    problem p = make_problem(rows_of, skills, 33, n, kind);
    ss_error err = {0};
    ss_match_scratch *scratch = ss_match_scratch_new(p.matrix, k, &err);
    ss_hit *hits = calloc(n * k, sizeof *hits);
    uint32_t *counts = calloc(n, sizeof *counts);
    float *all = calloc(n * skills, sizeof *all);
    double *scores = calloc(skills, sizeof *scores);
    assert_true(scratch && hits && counts && all && scores);
    ss_skill_matrix_top(p.matrix, scratch, p.vectors, n, k, hits, counts);
    ss_skill_matrix_scores(p.matrix, p.vectors, n, all);
    for (size_t i = 0; i < n; i++) {
        brute_force(&p, p.vectors + i * p.dims, kind, scores);
        for (size_t s = 0; s < skills; s++) assert_true(fabs(scores[s] - all[i * skills + s]) < 1e-5);
        assert_int_equal(counts[i], k < skills ? k : skills);
        for (size_t j = 0; j < counts[i]; j++) { /* the j-th best of what is left */
            size_t best = 0;
            for (size_t s = 1; s < skills; s++)
                if (scores[s] > scores[best]) best = s;
            ss_hit hit = hits[i * k + j];
            if (hit.skill >= skills) {
                fail_msg("skill %u of %zu", hit.skill, skills);
                return;
            }
            assert_true(fabs(hit.score - scores[best]) < 1e-5);
            assert_true(hit.skill == best || fabs(scores[hit.skill] - scores[best]) < 1e-6);
            assert_true(ss_skill_matrix_score_of(p.matrix, hit.skill, p.vectors + i * p.dims) == hit.score);
            scores[hit.skill] = -9;
        }
    }
    free(scores);
    free(all);
    free(counts);
    free(hits);
    ss_match_scratch_free(scratch);
    free_problem(&p);
}

static void finds_what_brute_force_finds(void **state)
{
    (void)state;
    enum { MANY = 1700 };
    static uint32_t rows_of[MANY];
    for (size_t s = 0; s < MANY; s++) rows_of[s] = 1;
    check_against_brute_force(rows_of, MANY, 70, 20, SS_SCORE_BEST); /* labels only, over several tiles and chunks */
    check_against_brute_force(rows_of, 5, 3, 10, SS_SCORE_BEST);     /* fewer skills than asked for */
    check_against_brute_force(rows_of, 1, 1, 1, SS_SCORE_MEAN_LABEL_BEST);
    for (size_t s = 0; s < MANY; s++) rows_of[s] = 1 + (uint32_t)(s * 7 % 11);
    check_against_brute_force(rows_of, MANY, 9, 7, SS_SCORE_BEST);
    check_against_brute_force(rows_of, MANY, 65, 7, SS_SCORE_MEAN_LABEL_BEST);
    rows_of[3] = 900; /* a skill larger than a tile, in the middle and at the end */
    check_against_brute_force(rows_of, 50, 4, 5, SS_SCORE_BEST);
    check_against_brute_force(rows_of, 4, 4, 4, SS_SCORE_MEAN_LABEL_BEST);
}

static void orders_equal_scores_by_skill(void **state)
{
    (void)state;
    enum { SKILLS = 1500, K = 12 };
    static uint32_t rows_of[SKILLS];
    for (size_t s = 0; s < SKILLS; s++) rows_of[s] = 1;
    problem p = make_problem(rows_of, SKILLS, 16, 1, SS_SCORE_BEST);
    /* Skills 5, 6, 700, 701, ... have the very same vector, the sentence's own. */
    const uint32_t same[] = {5, 6, 700, 701, 1100, 1499};
    for (size_t i = 0; i < 6; i++) memcpy(p.values + same[i] * p.dims, p.vectors, p.dims * sizeof(float));
    ss_error err = {0};
    ss_skill_matrix *m = ss_skill_matrix_from_values(p.values, p.dims, &p.prototypes, SKILLS, SS_SCORE_BEST, &err);
    ss_match_scratch *scratch = ss_match_scratch_new(m, K, &err);
    assert_true(m && scratch);
    ss_hit hits[K];
    uint32_t count;
    ss_skill_matrix_top(m, scratch, p.vectors, 1, K, hits, &count);
    for (size_t i = 0; i < 6; i++) assert_int_equal(hits[i].skill, same[i]);
    ss_skill_matrix_top(m, scratch, p.vectors, 1, 3, hits, &count);
    for (size_t i = 0; i < 3; i++) assert_int_equal(hits[i].skill, same[i]);
    ss_match_scratch_free(scratch);
    ss_skill_matrix_free(m);
    free_problem(&p);
}

static void says_the_same_alone_and_in_any_batch(void **state)
{
    (void)state;
    enum { SKILLS = 600, N = 67, K = 5 };
    static uint32_t rows_of[SKILLS];
    for (size_t s = 0; s < SKILLS; s++) rows_of[s] = 1 + (uint32_t)s % 3;
    problem p = make_problem(rows_of, SKILLS, 384, N, SS_SCORE_BEST);
    ss_error err = {0};
    ss_match_scratch *scratch = ss_match_scratch_new(p.matrix, K, &err);
    assert_non_null(scratch);
    static ss_hit together[N * K], alone[K];
    static uint32_t counts[N];
    ss_skill_matrix_top(p.matrix, scratch, p.vectors, N, K, together, counts);
    for (size_t i = 0; i < N; i++) {
        uint32_t count;
        ss_skill_matrix_top(p.matrix, scratch, p.vectors + i * p.dims, 1, K, alone, &count);
        assert_int_equal(count, counts[i]);
        assert_memory_equal(alone, together + i * K, sizeof alone); /* bit for bit */
    }
    ss_match_scratch_free(scratch);
    free_problem(&p);
}

static void gives_no_hit_for_a_vector_of_nan(void **state)
{
    (void)state;
    const uint32_t rows_of[] = {1, 2, 1};
    problem p = make_problem(rows_of, 3, 8, 2, SS_SCORE_BEST);
    for (size_t j = 0; j < 8; j++) p.vectors[j] = NAN;
    ss_error err = {0};
    ss_match_scratch *scratch = ss_match_scratch_new(p.matrix, 2, &err);
    assert_non_null(scratch);
    ss_hit hits[4];
    uint32_t counts[2];
    ss_skill_matrix_top(p.matrix, scratch, p.vectors, 2, 2, hits, counts);
    assert_int_equal(counts[0], 0);
    assert_int_equal(counts[1], 2);
    ss_match_scratch_free(scratch);
    free_problem(&p);
}

static void comes_back_from_its_blobs(void **state)
{
    (void)state;
    const uint32_t rows_of[] = {3, 1, 2};
    problem p = make_problem(rows_of, 3, 4, 1, SS_SCORE_MEAN_LABEL_BEST);
    ss_error err = {0};
    ss_buffer rows;
    ss_buffer_init(&rows, SIZE_MAX);
    assert_int_equal(ss_skill_matrix_encode_rows(p.matrix, &rows, &err), 0);
    const float *values = ss_skill_matrix_values(p.matrix);
    size_t size = 6 * 4 * sizeof(float);
    ss_skill_matrix *back = ss_skill_matrix_decode(rows.data, rows.len, values, size, &err);
    assert_non_null(back);
    assert_ptr_equal(ss_skill_matrix_values(back), values); /* used in place */
    assert_int_equal(ss_skill_matrix_skills(back), 3);
    assert_int_equal(ss_skill_matrix_rows(back), 6);
    assert_int_equal(ss_skill_matrix_dims(back), 4);
    assert_int_equal(ss_skill_matrix_score(back), SS_SCORE_MEAN_LABEL_BEST);
    assert_int_equal(ss_skill_matrix_kinds(back), SS_PROTOTYPE_LABEL | SS_PROTOTYPE_ALTERNATIVE);
    for (uint32_t s = 0; s < 3; s++)
        assert_true(ss_skill_matrix_score_of(back, s, p.vectors) == ss_skill_matrix_score_of(p.matrix, s, p.vectors));
    ss_skill_matrix_free(back);

    assert_null(ss_skill_matrix_decode(rows.data, rows.len, values, size - 4, &err));
    assert_int_equal(err.status, SS_CORRUPT);
    for (size_t len = 0; len < rows.len; len++) {
        char *cut = malloc(len ? len : 1);
        assert_non_null(cut);
        memcpy(cut, rows.data, len);
        assert_null(ss_skill_matrix_decode(cut, len, values, size, &err));
        assert_int_equal(err.status, SS_CORRUPT);
        free(cut);
    }
    for (size_t bit = 0; bit < rows.len * 8; bit++) {
        rows.data[bit / 8] = (char)(rows.data[bit / 8] ^ 1 << bit % 8);
        ss_skill_matrix *other = ss_skill_matrix_decode(rows.data, rows.len, values, size, &err);
        if (!other) assert_int_equal(err.status, SS_CORRUPT);
        ss_skill_matrix_free(other);
        rows.data[bit / 8] = (char)(rows.data[bit / 8] ^ 1 << bit % 8);
    }
    float damaged[24];
    memcpy(damaged, values, size);
    damaged[7] = INFINITY;
    assert_null(ss_skill_matrix_decode(rows.data, rows.len, damaged, size, &err));
    assert_int_equal(err.status, SS_CORRUPT);
    ss_buffer_free(&rows);
    free_problem(&p);
}

static void refuses_prototypes_out_of_order(void **state)
{
    (void)state;
    const float values[8] = {0};
    ss_prototype wrong[][2] = {
        {{0, SS_PROTOTYPE_ALTERNATIVE, ""}, {1, SS_PROTOTYPE_LABEL, ""}}, /* no label first */
        {{1, SS_PROTOTYPE_LABEL, ""}, {0, SS_PROTOTYPE_LABEL, ""}},       /* not sorted */
        {{0, SS_PROTOTYPE_LABEL, ""}, {0, SS_PROTOTYPE_LABEL, ""}},       /* two labels */
        {{0, SS_PROTOTYPE_LABEL, ""}, {0, SS_PROTOTYPE_ALTERNATIVE, ""}}, /* skill 1 is missing */
        {{0, SS_PROTOTYPE_LABEL, ""}, {2, SS_PROTOTYPE_LABEL, ""}},       /* a skill that is none */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ss_error err = {0};
        ss_prototypes list = {wrong[i], 2};
        assert_null(ss_skill_matrix_from_values(values, 4, &list, 2, SS_SCORE_BEST, &err));
        assert_int_equal(err.status, SS_INPUT);
    }
}

static void knows_its_kinds_of_score(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_score_kind kind;
    assert_int_equal(ss_score_kind_parse("mean-label-best", &kind, &err), 0);
    assert_int_equal(kind, SS_SCORE_MEAN_LABEL_BEST);
    assert_string_equal(ss_score_kind_word(SS_SCORE_BEST), "best");
    assert_int_equal(ss_score_kind_parse("mean", &kind, &err), -1);
    assert_int_equal(err.status, SS_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_brute_force_finds),
        cmocka_unit_test(orders_equal_scores_by_skill),
        cmocka_unit_test(says_the_same_alone_and_in_any_batch),
        cmocka_unit_test(gives_no_hit_for_a_vector_of_nan),
        cmocka_unit_test(comes_back_from_its_blobs),
        cmocka_unit_test(refuses_prototypes_out_of_order),
        cmocka_unit_test(knows_its_kinds_of_score),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
