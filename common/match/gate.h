/* gate.h - does a sentence ask for any skill at all?
 *
 * Most sentences of an ad ask for none: headings, pay, benefits, the company's praise of itself. To the matcher
 * "Requirements:" is near "identify legal requirements"; the gate knows better. It is a logistic head on the sentence's
 * vector,
 *     P(asks for a skill | v) = 1 / (1 + exp(-(w . v + b)))
 * fitted by maximum likelihood with an L2 penalty (both kinds of sentence weighted to the same total), by Newton's
 * method. Its logit is evidence for every candidate of the sentence (calibration.h), and by option a bar below which a
 * sentence is not linked.
 *
 * An ss_gate is immutable; any number of threads may ask it.
 */
#ifndef SKILLSTREAM_MATCH_GATE_H
#define SKILLSTREAM_MATCH_GATE_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"
#include "match/labelled.h"

typedef struct ss_gate ss_gate;

/* Fits on n vectors (n,D); asks[i] 1: the sentence asks for a skill. `penalty` is the weight of |w|^2 / 2 against the
 * mean loss; 0 = the default, 1e-3. Needs both kinds: SS_INPUT. Takes D^3 / 3 operations a round. */
ss_gate *ss_gate_fit(const float *vectors, const int *asks, size_t n, size_t dims, double penalty, ss_error *err);

void ss_gate_free(ss_gate *gate);

size_t ss_gate_dims(const ss_gate *gate);

/* The logit for a vector (D). The order of summation is fixed: it depends on the vector alone. */
float ss_gate_logit(const ss_gate *gate, const float *vector);

/* The blob of a release, and back: SS_CORRUPT. */
int ss_gate_encode(const ss_gate *gate, ss_buffer *out, ss_error *err);
ss_gate *ss_gate_decode(const void *bytes, size_t len, ss_error *err);

/* How well it separates: at the threshold with the best F1. */
typedef struct ss_gate_report {
    size_t sentences, asking;
    double precision, recall, f1, auc;
} ss_gate_report;

/* Figures over n logits. Needs both kinds: SS_INPUT. AUC counts ties as half (Mann-Whitney). */
int ss_gate_measure(const float *logits, const int *asks, size_t n, ss_gate_report *out, ss_error *err);

/* Fits on labelled sentences (read with SS_LABELLED_TRAINING): one with a gold label, known or not, asks for a skill.
 * `report` (may be NULL) is measured on the same sentences. `progress` may be NULL. */
ss_gate *ss_gate_from_labelled(const ss_labelled_set *set, ss_embedder *embedder, ss_embed_progress *progress,
                               void *ctx, ss_gate_report *report, ss_error *err);

#endif
