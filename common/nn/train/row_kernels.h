/* row_kernels.h - the inner loops that training needs beside those of inference (nn/kernels.h), one set per kind of CPU
 * in the same way. Pure functions, any thread; for one set, results depend on the arguments alone, bit for bit.
 */
#ifndef SKILLSTREAM_NN_TRAIN_ROW_KERNELS_H
#define SKILLSTREAM_NN_TRAIN_ROW_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "nn/kernels.h"

/* Numbers of one AdamW update, see adamw.h. */
typedef struct ss_adamw_numbers {
    float factor;                     /* of the gradient */
    float beta1, beta2, rest1, rest2; /* rest: 1 - beta, rounded once */
    float keep;                       /* 1 - lr * decay */
    float rate;                       /* lr / (1 - beta1^t) */
    float root;                       /* sqrt(1 - beta2^t) */
    float epsilon;
} ss_adamw_numbers;

typedef struct ss_row_kernels {
    const char *name;
    size_t strip; /* rows of a strip, see outer */

    /* c += a^T b for one strip of a and one panel of b, both packed along k:
     *   a  (k, strip)   b  (k, panel of nn/kernels.h)   c  (m, n), m <= strip, n <= panel */
    void (*outer)(size_t m, size_t n, size_t k, const float *a, const float *b, float *c, size_t ldc);

    /* hat = (v - mean v) / sqrt(var v + epsilon), v = x + y; out = hat * gamma + beta. y may be NULL; hat may be x.
     * Returns 1 / sqrt(var v + epsilon). */
    float (*norm)(const float *x, const float *y, const float *gamma, const float *beta, float epsilon, size_t n,
                  float *hat, float *out);
    /* Gradient of norm: d_x from d_out (may be the same), d_gamma and d_beta are added to. */
    void (*norm_backward)(const float *d_out, const float *hat, const float *gamma, float root, size_t n, float *d_x,
                          float *d_gamma, float *d_beta);

    /* slope (n) = activation'(x) in place of x; y = activation(x). */
    void (*slope)(ss_activation activation, float *x, const float *y, size_t n);

    /* d (n) = p (d - sum p d): from the gradient of probabilities to that of scores, in place. */
    void (*softmax_backward)(const float *p, float *d, size_t n);

    void (*multiply)(float *x, const float *y, size_t n);                 /* x *= y */
    void (*add_scaled)(float *x, const float *y, float factor, size_t n); /* x += factor y */
    double (*squares)(const float *x, size_t n);                          /* sum of x^2 */

    /* See dropout.h. */
    void (*dropout)(uint64_t key, float p, float *x, size_t n);
    void (*adamw)(const ss_adamw_numbers *numbers, const float *gradients, float *values, float *first, float *second,
                  size_t n);
} ss_row_kernels;

/* The set that goes with one of inference: the same CPU features, the same panel. */
const ss_row_kernels *ss_row_kernels_for(const ss_kernels *kernels);

#endif
