/* aligned.h - memory that begins on a cache line, and sizes rounded up. */
#ifndef SKILLSTREAM_BASE_ALIGNED_H
#define SKILLSTREAM_BASE_ALIGNED_H

#include <stddef.h>
#include <stdlib.h>

enum { SS_LINE = 64, SS_LINE_FLOATS = SS_LINE / (int)sizeof(float) };

/* The smallest multiple of `to` (> 0) that is n or more. */
static inline size_t ss_round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* At least `bytes` (0: one line), at a multiple of SS_LINE; not cleared. For free(); NULL without memory. */
static inline void *ss_aligned_new(size_t bytes)
{
    return aligned_alloc(SS_LINE, ss_round_up(bytes ? bytes : 1, SS_LINE));
}

#endif
