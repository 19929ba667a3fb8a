/* model_files.h - an encoder as sentence-transformers stores it on disk, and what its configuration says.
 *
 *   modules.json                  Transformer, Pooling, Normalize: the chain
 *   config.json                   family ("bert", "mpnet") and sizes
 *   model.safetensors             weights
 *   sentence_bert_config.json     token limit
 *   1_Pooling/config.json         how token vectors become one vector
 *   tokenizer.json, or vocab.txt  + tokenizer_config.json
 * The same files, under the same names, are blobs of a release; so everything behind this header takes a set of
 * named byte strings (ss_fileset) and never a path.
 */
#ifndef SKILLSTREAM_NN_MODEL_FILES_H
#define SKILLSTREAM_NN_MODEL_FILES_H

#include <stddef.h>

#include "base/error.h"
#include "base/file.h"

typedef struct ss_model_files ss_model_files;

/* Maps the files of `dir` that an encoder needs (the list above, those that exist). NULL and *err when a needed one is
 * missing (SS_NOT_FOUND, naming all that are missing) or unreadable. */
ss_model_files *ss_model_files_open(const char *dir, ss_error *err);
const ss_fileset *ss_model_files_set(const ss_model_files *files);
void ss_model_files_close(ss_model_files *files); /* unmaps: nothing that reads weights in place may be alive */

typedef enum ss_family { SS_BERT, SS_MPNET } ss_family;
typedef enum ss_activation { SS_GELU, SS_GELU_TANH, SS_RELU } ss_activation;
typedef enum ss_pooling { SS_POOL_MEAN, SS_POOL_CLS, SS_POOL_MAX } ss_pooling;

/* What config.json and its companions say. */
typedef struct ss_model_config {
    ss_family family;
    ss_activation activation;
    ss_pooling pooling;
    int normalise;      /* the chain ends with L2 normalisation */
    int lower_case;     /* sentence_bert_config do_lower_case: text is lower-cased before the tokenizer */
    size_t hidden;      /* H, also the dimension of an embedding */
    size_t layers;      /* L */
    size_t heads;       /* A; H / A is the width of a head */
    size_t inner;       /* I, width of the feed-forward layer */
    size_t vocabulary;  /* V */
    size_t positions;   /* rows of the position table */
    size_t types;       /* rows of the token type table; 0 for MPNet */
    size_t buckets;     /* relative position buckets; 0 for BERT */
    size_t max_tokens;  /* limit per text, special tokens included */
    int pad_id;         /* MPNet counts positions from pad_id + 1 */
    float norm_epsilon; /* of every LayerNorm */
} ss_model_config;

/* Reads and checks the configuration. SS_NOT_FOUND, SS_INPUT, or SS_UNSUPPORTED naming what we cannot do. */
int ss_model_config_read(const ss_fileset *files, ss_model_config *config, ss_error *err);

#endif
