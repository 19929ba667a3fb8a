/* tiny_model.h - a sentence-transformers folder of 30 kB with random weights.
 *
 * A BERT of 2 layers, width 16, 2 heads, 64 positions, whose vocabulary is the special tokens and every printable
 * ASCII character on its own and as a continuation: any English text has tokens, different texts have different
 * vectors, and nothing they say means anything. For tests of everything around the encoder.
 */
#ifndef SKILLSTREAM_TESTS_TINY_MODEL_H
#define SKILLSTREAM_TESTS_TINY_MODEL_H

#include <stdint.h>

enum { TINY_MODEL_DIMS = 16, TINY_MODEL_MAX_TOKENS = 64 };

/* Writes modules.json, config.json, sentence_bert_config.json, 1_Pooling/config.json, tokenizer_config.json, vocab.txt
 * and model.safetensors into `folder`, which must exist. The same seed gives the same bytes. Aborts when it cannot. */
void tiny_model_write(const char *folder, uint64_t seed);

#endif
