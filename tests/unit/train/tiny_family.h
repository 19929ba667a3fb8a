/* tiny_family.h - files of a tiny encoder of either family in memory, with random weights, and random batches for it.
 *
 * Sizes are no multiples of vectors, panels or tiles, so that every loop's end is used: H = 24 in 3 heads, I = 40, 2
 * layers, 40 ids, texts of up to 24 tokens. The vocabulary is the special tokens and words "w5" ... "w39".
 */
#ifndef SKILLSTREAM_TESTS_TINY_FAMILY_H
#define SKILLSTREAM_TESTS_TINY_FAMILY_H

#include "base/file.h"
#include "nn/model_files.h"
#include "nn/train/engine.h"

enum { TINY_HIDDEN = 24, TINY_HEADS = 3, TINY_INNER = 40, TINY_LAYERS = 2, TINY_IDS = 40, TINY_MAX_TOKENS = 24 };

typedef struct tiny_family {
    ss_fileset files;
    ss_named_bytes items[8];
    unsigned char *weights;
} tiny_family;

/* Options of a tiny model beside its family. */
typedef struct tiny_options {
    ss_family family;
    const char *activation; /* NULL: "gelu" */
    ss_pooling pooling;
    uint64_t seed;
} tiny_options;

void tiny_family_make(tiny_family *tiny, tiny_options options); /* aborts when it cannot */
void tiny_family_free(tiny_family *tiny);

/* Loads the model, or fails the test. */
ss_train_model *tiny_family_load(const tiny_family *tiny);

/* xorshift64*, Vigna 2016. */
uint64_t tiny_random(uint64_t *state);
double tiny_uniform(uint64_t *state); /* [-1, 1) */

/* Fails the test unless |got - want| <= most; assert_float_equal is for single precision only. */
void assert_near(double got, double want, double most);

/* `count` texts of 2 .. longest tokens; among them padding ids inside a text. Free with tiny_texts_free. */
ss_train_texts tiny_texts_make(size_t count, size_t longest, uint64_t seed);
void tiny_texts_free(ss_train_texts *texts);

#endif
