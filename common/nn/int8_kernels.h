/* int8_kernels.h - the inner loops of the int8 encoder, one set per kind of CPU.
 *
 * A row x of activations becomes unsigned bytes, x ~ scale (q - zero), with its own scale and zero (dynamic, per
 * token); a row w of weights becomes signed bytes, w ~ scale q, with its own scale (per output channel). Products are
 * sums of whole numbers in 32 bits, exact, so their order does not matter. What is left in fp32 (scales, activation,
 * attention, LayerNorm) rounds at the same places and adds in the same order whatever the width of a vector. So ALL
 * SETS GIVE THE SAME BITS, on every CPU, and a row does not depend on the rows around it.
 *
 *   set          for                                           products by
 *   avx512vnni   AVX-512 with VNNI                             vpdpbusd, 512 bits
 *   avxvnni      AVX-VNNI (Alder Lake, Zen 5 and later)        vpdpbusd, 256 bits
 *   avx2         AVX2                                          vpmaddwd on bytes widened to 16 bits (vpmaddubsw
 * saturates) generic      anything                                      plain C
 *
 * Pure functions, any thread. ld* is the distance between two rows, in elements.
 */
#ifndef SKILLSTREAM_NN_INT8_KERNELS_H
#define SKILLSTREAM_NN_INT8_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "nn/attention.h"
#include "nn/kernels.h"

enum { SS_INT8_GROUP = 4 /* inputs of a linear layer are padded to a multiple of this */ };

/* x = scale (q - zero) for the values q of a row. */
typedef struct ss_row_scale {
    float scale;
    int32_t zero;
} ss_row_scale;

/* One panel of a quantised matrix product: c = activation((q - zero) scale W^T + bias). */
typedef struct ss_int8_product {
    size_t m, n, k;         /* rows; columns of c to write, at most the set's panel; inputs, padded */
    const unsigned char *q; /* (m, k) quantised rows, ldq bytes apart */
    size_t ldq;
    const ss_row_scale *rows;        /* (m) of q */
    const int8_t *weight;            /* packed panel: (k / group, panel, group) */
    const int32_t *sums;             /* (n) sum of a column's weights */
    const float *scales, *bias;      /* (n) */
    const ss_activation *activation; /* NULL: none; SS_GELU within 1e-4: rounding to a byte does far more */
    float *c;                        /* (m, n), ldc floats apart */
    size_t ldc;
} ss_int8_product;

typedef struct ss_int8_kernels {
    const char *name;
    const ss_kernels *floats; /* the rest of the encoder, unfused: the same bits in every set */
    size_t panel;             /* columns of a panel */
    size_t group;             /* inputs of a column that lie side by side in a panel; divides SS_INT8_GROUP */
    size_t cell;              /* bytes of a quantised value: 1, or 2 if the set wants them widened */

    /* x (n), each value times its factor (n; NULL: 1) -> q (n cells and zeros up to a multiple of SS_INT8_GROUP). 254
     * steps, chosen so that 0 is one of them. */
    void (*quantise)(const float *x, const float *factors, size_t n, unsigned char *q, ss_row_scale *scale);
    void (*multiply)(const ss_int8_product *product);

    /* As ss_attention_run, without packing; `scratch` has ss_int8_kernels' attention_scratch floats. */
    void (*attend)(const ss_attention *attention, size_t tokens, const float *qkv, size_t ldq, float *scratch,
                   float *out, size_t ldo);
} ss_int8_kernels;

/* Floats that `attend` needs. */
size_t ss_int8_attention_scratch(const ss_int8_kernels *kernels, const ss_attention *attention);

/* The fastest set for this CPU. */
const ss_int8_kernels *ss_int8_kernels_best(void);

/* A set by name, or NULL if there is none or this CPU cannot run it; for tests and benchmarks. */
const ss_int8_kernels *ss_int8_kernels_named(const char *name);

#endif
