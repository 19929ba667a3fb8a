/* The gate: the fit against the conditions that define it, the figures against counting by hand, the blob against
 * damage. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "match/gate.h"

enum { N = 600, D = 20 };

static double uniform(void)
{
    static uint64_t s = 88172645463325252u;
    s ^= s << 13;
    s ^= s >> 7;
    s ^= s << 17;
    return (double)(s >> 11) / (double)(1ull << 53);
}

/* Unit vectors; one asks for a skill with a probability that rises along the first axis. */
static void draw(float *vectors, int *asks)
{
    for (int i = 0; i < N; i++) {
        double norm = 0;
        for (int d = 0; d < D; d++) {
            vectors[i * D + d] = (float)(uniform() - 0.5);
            norm += (double)vectors[i * D + d] * vectors[i * D + d];
        }
        for (int d = 0; d < D; d++) vectors[i * D + d] /= (float)sqrt(norm);
        asks[i] = uniform() < 1 / (1 + exp(-(6 * vectors[i * D] - 1)));
    }
}

/* Gradient zero: for both kinds weighted to one half, sum share (p - y) x + penalty w = 0, and for the bias without the
 * penalty. w is read off the gate itself: b from the zero vector, w from the unit vectors. */
static void the_fit_meets_its_conditions(void **state)
{
    (void)state;
    static float vectors[N * D];
    static int asks[N];
    for (int round = 0; round < 3; round++) {
        const double penalty = round == 0 ? 1e-3 : round == 1 ? 1e-1 : 1e-4;
        draw(vectors, asks);
        ss_error err = {0};
        ss_gate *gate = ss_gate_fit(vectors, asks, N, D, penalty, &err);
        assert_non_null(gate);
        double gradient[D + 1] = {0}, count[2] = {0};
        for (int i = 0; i < N; i++) count[asks[i]]++;
        for (int i = 0; i < N; i++) {
            double p = 1 / (1 + exp(-(double)ss_gate_logit(gate, vectors + i * D)));
            double slope = (p - asks[i]) * 0.5 / count[asks[i]];
            for (int d = 0; d < D; d++) gradient[d] += slope * vectors[i * D + d];
            gradient[D] += slope;
        }
        float zero[D] = {0};
        float bias = ss_gate_logit(gate, zero);
        for (int d = 0; d < D; d++) {
            float unit[D] = {0};
            unit[d] = 1;
            gradient[d] += penalty * (double)(ss_gate_logit(gate, unit) - bias);
        }
        for (int d = 0; d <= D; d++) assert_true(fabs(gradient[d]) < 1e-5);
        ss_gate_free(gate);
    }
}

static void it_needs_both_kinds_and_numbers(void **state)
{
    (void)state;
    static float vectors[N * D];
    static int asks[N];
    ss_error err = {0};
    draw(vectors, asks);
    for (int kind = 0; kind < 2; kind++) {
        for (int i = 0; i < N; i++) asks[i] = kind;
        assert_null(ss_gate_fit(vectors, asks, N, D, 0, &err));
        assert_int_equal(err.status, SS_INPUT);
    }
    draw(vectors, asks);
    vectors[7] = (float)strtod("nan", NULL);
    assert_null(ss_gate_fit(vectors, asks, N, D, 0, &err));
}

static void the_figures_are_what_counting_gives(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        enum { M = 40 };
        float logits[M];
        int asks[M];
        size_t asking = 0;
        for (int i = 0; i < M; i++) {
            logits[i] = (float)floor(uniform() * 12) / 4; /* many ties */
            asks[i] = uniform() < 0.4;
            asking += (size_t)asks[i];
        }
        ss_gate_report got;
        ss_error err = {0};
        if (!asking || asking == M) continue;
        assert_int_equal(ss_gate_measure(logits, asks, M, &got, &err), 0);
        double right = 0, best = 0;
        for (int i = 0; i < M; i++)
            for (int j = 0; j < M; j++)
                if (asks[i] && !asks[j]) right += logits[i] > logits[j] ? 1 : logits[i] == logits[j] ? 0.5 : 0;
        for (int c = 0; c < M; c++) {
            double kept = 0, hits = 0;
            for (int i = 0; i < M; i++)
                if (logits[i] >= logits[c]) {
                    kept++;
                    hits += asks[i];
                }
            best = fmax(best, 2 * hits / (kept + (double)asking));
        }
        assert_true(fabs(got.auc - right / ((double)asking * (double)(M - asking))) < 1e-12);
        assert_true(fabs(got.f1 - best) < 1e-12);
    }
}

static void the_blob_comes_back_and_damage_is_seen(void **state)
{
    (void)state;
    static float vectors[N * D];
    static int asks[N];
    ss_error err = {0};
    ss_buffer blob;
    ss_buffer_init(&blob, 1 << 20);
    draw(vectors, asks);
    ss_gate *gate = ss_gate_fit(vectors, asks, N, D, 0, &err);
    assert_int_equal(ss_gate_encode(gate, &blob, &err), 0);
    ss_gate *back = ss_gate_decode(blob.data, blob.len, &err);
    assert_int_equal(ss_gate_dims(back), D);
    for (int i = 0; i < N; i++)
        assert_true(ss_gate_logit(gate, vectors + i * D) == ss_gate_logit(back, vectors + i * D));
    for (size_t cut = 0; cut < blob.len; cut++) {
        char *exact = malloc(cut ? cut : 1);
        memcpy(exact, blob.data, cut);
        assert_null(ss_gate_decode(exact, cut, &err));
        assert_int_equal(err.status, SS_CORRUPT);
        free(exact);
    }
    memset(blob.data + 8, 0xff, 4); /* a NaN */
    assert_null(ss_gate_decode(blob.data, blob.len, &err));
    blob.data[4] = (char)0xff; /* another D */
    assert_null(ss_gate_decode(blob.data, blob.len, &err));
    ss_gate_free(back);
    ss_gate_free(gate);
    ss_buffer_free(&blob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fit_meets_its_conditions),
        cmocka_unit_test(it_needs_both_kinds_and_numbers),
        cmocka_unit_test(the_figures_are_what_counting_gives),
        cmocka_unit_test(the_blob_comes_back_and_damage_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
