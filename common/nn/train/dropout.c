/* dropout.c - keys of dropout rows; see dropout.h. The loop over a row is in row_kernels_body.h. */
#include "nn/train/dropout.h"

#include "nn/train/row_kernels.h"

/* The output function of splitmix64. */
static uint64_t mix(uint64_t z)
{
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t ss_dropout_key(const ss_dropout_row *row)
{
    uint64_t site = (uint64_t)row->layer << 8 | (uint64_t)row->place;
    uint64_t key = mix(row->seed);
    key = mix(key ^ row->step);
    key = mix(key ^ site);
    key = mix(key ^ row->text);
    return mix(key ^ row->row);
}

void ss_dropout_apply(uint64_t key, float p, float *x, size_t n)
{
    if (p > 0.0f) ss_row_kernels_for(ss_kernels_best())->dropout(key, p, x, n);
}
