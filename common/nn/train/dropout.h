/* dropout.h - dropout masks that are a function of a counter, not of a generator's state.
 *
 * Whether an element is dropped depends on (seed, step, site, text, row) and the element's number in its row, nothing
 * else: the same for every cut into chunks, every number of threads, and after a restart. A row's five numbers are
 * mixed into a 64-bit key by splitmix64 (Steele et al. 2014); an element's number goes through a 32-bit mixer that
 * is offset by both halves of the key.
 */
#ifndef SKILLSTREAM_NN_TRAIN_DROPOUT_H
#define SKILLSTREAM_NN_TRAIN_DROPOUT_H

#include <stddef.h>
#include <stdint.h>

/* Where in the network; rows are tokens, for attention (head, query) pairs: head * tokens + query. */
typedef enum ss_dropout_place { SS_DROP_EMBEDDING, SS_DROP_ATTENTION, SS_DROP_OUTPUT, SS_DROP_INNER } ss_dropout_place;

typedef struct ss_dropout_row {
    uint64_t seed, step;
    ss_dropout_place place;
    size_t layer; /* 0 for the embeddings */
    size_t text;  /* number in the batch */
    size_t row;
} ss_dropout_row;

uint64_t ss_dropout_key(const ss_dropout_row *row);

/* x[i] = dropped ? 0 : x[i] / (1 - p), for the n elements of the row with this key; 0 <= p < 1, 0 does nothing. */
void ss_dropout_apply(uint64_t key, float p, float *x, size_t n);

#endif
