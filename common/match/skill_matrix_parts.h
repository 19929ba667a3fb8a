/* skill_matrix_parts.h - the inside of an ss_skill_matrix; for skill_matrix.c and skill_top.c only. */
#ifndef SKILLSTREAM_MATCH_SKILL_MATRIX_PARTS_H
#define SKILLSTREAM_MATCH_SKILL_MATRIX_PARTS_H

#include "match/coarse.h"
#include "match/skill_matrix.h"
#include "nn/int8_kernels.h"

struct ss_skill_matrix {
    size_t skills, rows, dims;
    ss_score_kind score;
    unsigned kinds;
    uint32_t *first_row;     /* (skills + 1) rows first_row[s] .. first_row[s+1]-1 are of skill s, its label first */
    unsigned char *row_kind; /* (rows) */
    const float *values;     /* (rows, dims) */
    float *owned;            /* the same memory if it is ours, else NULL */
    uint32_t *tile_begin;    /* (tiles + 1) tile t holds the skills tile_begin[t] .. tile_begin[t+1]-1, whole */
    size_t tiles;
    size_t tile_rows; /* of the largest tile */
    ss_coarse *coarse;
    const ss_kernels *floats; /* their `dot` gives the same bits on every CPU */
};

#endif
