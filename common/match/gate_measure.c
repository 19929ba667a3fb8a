/* gate_measure.c - how well a gate separates, and the gate of a set of labelled sentences; see gate.h. */
#include <stdlib.h>
#include <string.h>

#include "match/calibration.h"
#include "match/gate.h"

static int by_rising_score(const void *a, const void *b)
{
    float x = ((const ss_scored_pair *)a)->score, y = ((const ss_scored_pair *)b)->score;
    return (x > y) - (x < y);
}

/* Share of (asking, not asking) pairs in the right order, ties as half: from the ranks of the asking ones. */
static double area(ss_scored_pair *pairs, size_t n, size_t asking)
{
    double ranks = 0;
    qsort(pairs, n, sizeof *pairs, by_rising_score);
    for (size_t i = 0; i < n;) {
        size_t end = i, positives = 0;
        for (; end < n && pairs[end].score == pairs[i].score; end++) positives += pairs[end].positive != 0;
        ranks += (double)positives * ((double)(i + end + 1) / 2); /* mean of the ranks i+1 .. end */
        i = end;
    }
    double a = (double)asking, b = (double)(n - asking);
    return (ranks - a * (a + 1) / 2) / (a * b);
}

int ss_gate_measure(const float *logits, const int *asks, size_t n, ss_gate_report *out, ss_error *err)
{
    *out = (ss_gate_report){.sentences = n};
    ss_scored_pair *pairs = malloc((n ? n : 1) * sizeof *pairs);
    if (!pairs) return ss_fail_memory(err, "measuring the gate");
    for (size_t i = 0; i < n; i++) {
        pairs[i] = (ss_scored_pair){logits[i], asks[i]};
        out->asking += asks[i] != 0;
    }
    ss_operating_point point = {0};
    int bad = !out->asking || out->asking == n
                  ? ss_fail(err, SS_INPUT, "the gate's figures need sentences with and without a skill")
                  : ss_best_operating_point(pairs, n, 0, &point, err);
    if (!bad) {
        out->precision = point.precision;
        out->recall = point.recall;
        out->f1 = point.f1;
        out->auc = area(pairs, n, out->asking);
    }
    free(pairs);
    return bad;
}

ss_gate *ss_gate_from_labelled(const ss_labelled_set *set, ss_embedder *embedder, ss_embed_progress *progress,
                               void *ctx, ss_gate_report *report, ss_error *err)
{
    size_t n = ss_labelled_count(set), dims = ss_encoder_dims(ss_embedder_encoder(embedder));
    float *vectors = ss_labelled_embed(set, embedder, progress, ctx, err);
    float *logits = calloc(n ? n : 1, sizeof *logits);
    int *asks = calloc(n ? n : 1, sizeof *asks);
    ss_gate *gate = NULL;
    if (vectors && (!logits || !asks)) ss_fail_memory(err, "fitting the gate");
    if (vectors && logits && asks) {
        for (size_t i = 0; i < n; i++) asks[i] = ss_labelled_item(set, i)->gold_count > 0;
        gate = ss_gate_fit(vectors, asks, n, dims, 0, err);
    }
    if (gate && report) {
        for (size_t i = 0; i < n; i++) logits[i] = ss_gate_logit(gate, vectors + i * dims);
        if (ss_gate_measure(logits, asks, n, report, err)) {
            ss_gate_free(gate);
            gate = NULL;
        }
    }
    free(vectors);
    free(logits);
    free(asks);
    return gate;
}
