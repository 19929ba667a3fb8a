/* gate.c - the gate's head, its fit and its blob; see gate.h.
 *
 * The fit works in double on (D+1) x (D+1) normal equations: 385 for MiniLM, 769 for MPNet, so a round takes
 * milliseconds, and a dozen rounds suffice. Blob: "SSG1", u32 D, then D + 1 floats (w, b), little-endian.
 */
#include "match/gate.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 16, HEADER = 8, MAX_DIMS = 65536 };

struct ss_gate {
    size_t dims;
    float *weights; /* (D + 1): w, then b */
};

static ss_gate *new_gate(size_t dims)
{
    ss_gate *gate = calloc(1, sizeof *gate);
    if (gate) gate->weights = calloc(dims + 1, sizeof *gate->weights);
    if (!gate || !gate->weights) {
        free(gate);
        return NULL;
    }
    gate->dims = dims;
    return gate;
}

void ss_gate_free(ss_gate *gate)
{
    if (!gate) return;
    free(gate->weights);
    free(gate);
}

size_t ss_gate_dims(const ss_gate *gate)
{
    return gate->dims;
}

float ss_gate_logit(const ss_gate *gate, const float *vector)
{
    float sum[LANES] = {0};
    size_t at = 0;
    for (; at + LANES <= gate->dims; at += LANES)
        for (size_t j = 0; j < LANES; j++) sum[j] += gate->weights[at + j] * vector[at + j];
    for (size_t j = 0; at < gate->dims; at++, j++) sum[j] += gate->weights[at] * vector[at];
    for (size_t half = LANES / 2; half; half /= 2)
        for (size_t j = 0; j < half; j++) sum[j] += sum[j + half];
    return sum[0] + gate->weights[gate->dims];
}

/* ---- the fit ---- */

typedef struct fit {
    const float *vectors;
    const int *asks;
    size_t n, dims, size; /* size = D + 1 */
    double share[2];      /* weight of a sentence, by kind; all together 1 */
    double penalty;
    double *w, *gradient, *hessian, *scaled; /* (size), (size), (size,size), (n,size): sqrt(v) * x */
} fit;

static double logistic(double z)
{
    return z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z));
}

/* Gradient and Hessian at w. */
static void derive(fit *f)
{
    memset(f->gradient, 0, f->size * sizeof *f->gradient);
    for (size_t i = 0; i < f->n; i++) {
        const float *x = f->vectors + i * f->dims;
        double z = f->w[f->dims], share = f->share[f->asks[i]];
        for (size_t d = 0; d < f->dims; d++) z += f->w[d] * (double)x[d];
        double p = logistic(z), slope = (p - f->asks[i]) * share, root = sqrt(p * (1 - p) * share);
        double *row = f->scaled + i * f->size;
        for (size_t d = 0; d < f->dims; d++) {
            f->gradient[d] += slope * (double)x[d];
            row[d] = root * (double)x[d];
        }
        f->gradient[f->dims] += slope;
        row[f->dims] = root;
    }
    int size = (int)f->size;
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, size, (int)f->n, 1.0, f->scaled, size, 0.0, f->hessian, size);
    for (size_t d = 0; d < f->dims; d++) {
        f->gradient[d] += f->penalty * f->w[d];
        f->hessian[d * f->size + d] += f->penalty;
    }
    f->hessian[f->dims * f->size + f->dims] += 1e-12; /* the bias is free, but never singular */
}

/* Cholesky in place, lower half; 0, or -1 when it is not positive. */
static int factorise(double *h, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        double *row = h + j * n;
        for (size_t k = 0; k < j; k++) row[k] = (row[k] - cblas_ddot((int)k, row, 1, h + k * n, 1)) / h[k * n + k];
        double rest = row[j] - cblas_ddot((int)j, row, 1, row, 1);
        if (!(rest > 0)) return -1;
        row[j] = sqrt(rest);
    }
    return 0;
}

/* w -= H^-1 g; returns the largest change. */
static double step(fit *f)
{
    int n = (int)f->size;
    cblas_dtrsv(CblasRowMajor, CblasLower, CblasNoTrans, CblasNonUnit, n, f->hessian, n, f->gradient, 1);
    cblas_dtrsv(CblasRowMajor, CblasLower, CblasTrans, CblasNonUnit, n, f->hessian, n, f->gradient, 1);
    double largest = 0;
    for (size_t d = 0; d < f->size; d++) {
        f->w[d] -= f->gradient[d];
        largest = fmax(largest, fabs(f->gradient[d]));
    }
    return largest;
}

static int run_fit(fit *f, ss_error *err)
{
    enum { ROUNDS = 50 };
    for (int round = 0; round < ROUNDS; round++) {
        derive(f);
        if (factorise(f->hessian, f->size))
            return ss_fail(err, SS_INPUT, "the gate cannot be fitted: the sentences' vectors are no numbers");
        if (step(f) < 1e-9) break;
    }
    return 0;
}

static int count_kinds(fit *f, ss_error *err)
{
    size_t asking = 0;
    for (size_t i = 0; i < f->n; i++) asking += f->asks[i] != 0;
    if (!asking || asking == f->n)
        return ss_fail(err, SS_INPUT, "a gate needs sentences with and without a skill; got %zu with, %zu without",
                       asking, f->n - asking);
    f->share[1] = 0.5 / (double)asking;
    f->share[0] = 0.5 / (double)(f->n - asking);
    return 0;
}

ss_gate *ss_gate_fit(const float *vectors, const int *asks, size_t n, size_t dims, double penalty, ss_error *err)
{
    fit f = {.vectors = vectors, .asks = asks, .n = n, .dims = dims, .size = dims + 1};
    f.penalty = penalty > 0 ? penalty : 1e-3;
    if (count_kinds(&f, err)) return NULL;
    f.w = calloc(f.size, sizeof *f.w);
    f.gradient = calloc(f.size, sizeof *f.gradient);
    f.hessian = calloc(f.size, f.size * sizeof *f.hessian);
    f.scaled = calloc(n, f.size * sizeof *f.scaled);
    ss_gate *gate = f.w && f.gradient && f.hessian && f.scaled ? new_gate(dims) : NULL;
    if (!gate) ss_fail_memory(err, "fitting the gate");
    if (gate && run_fit(&f, err)) {
        ss_gate_free(gate);
        gate = NULL;
    }
    for (size_t d = 0; gate && d < f.size; d++) gate->weights[d] = (float)f.w[d];
    free(f.w);
    free(f.gradient);
    free(f.hessian);
    free(f.scaled);
    return gate;
}

/* ---- the blob ---- */

int ss_gate_encode(const ss_gate *gate, ss_buffer *out, ss_error *err)
{
    unsigned char header[HEADER] = {'S', 'S', 'G', '1'};
    for (int i = 0; i < 4; i++) header[4 + i] = (unsigned char)(gate->dims >> (8 * i));
    int bad = ss_buffer_add(out, header, sizeof header);
    for (size_t d = 0; !bad && d <= gate->dims; d++) {
        uint32_t bits;
        unsigned char bytes[4];
        memcpy(&bits, &gate->weights[d], sizeof bits);
        for (int i = 0; i < 4; i++) bytes[i] = (unsigned char)(bits >> (8 * i));
        bad = ss_buffer_add(out, bytes, sizeof bytes);
    }
    return bad ? ss_fail_memory(err, "writing the gate") : 0;
}

static uint32_t get32(const unsigned char *in)
{
    return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

ss_gate *ss_gate_decode(const void *bytes, size_t len, ss_error *err)
{
    const unsigned char *in = bytes;
    size_t dims = len >= HEADER && !memcmp(in, "SSG1", 4) ? get32(in + 4) : 0;
    if (!dims || dims > MAX_DIMS || len != HEADER + (dims + 1) * 4) {
        ss_fail(err, SS_CORRUPT, "gate: %zu bytes that are no gate", len);
        return NULL;
    }
    ss_gate *gate = new_gate(dims);
    if (!gate) {
        ss_fail_memory(err, "reading the gate");
        return NULL;
    }
    for (size_t d = 0; d <= dims; d++) {
        uint32_t bits = get32(in + HEADER + d * 4);
        memcpy(&gate->weights[d], &bits, sizeof bits);
        if (isfinite(gate->weights[d])) continue;
        ss_gate_free(gate);
        ss_fail(err, SS_CORRUPT, "gate: a weight is no number");
        return NULL;
    }
    return gate;
}
