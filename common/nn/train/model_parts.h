/* model_parts.h - where each tensor of an ss_train_model lies; private to common/nn/train.
 *
 * Query, key and value of a layer lie below each other, weights and biases alike, so the three are one linear layer.
 * All positions are offsets into values and gradients.
 */
#ifndef SKILLSTREAM_NN_TRAIN_MODEL_PARTS_H
#define SKILLSTREAM_NN_TRAIN_MODEL_PARTS_H

#include <jansson.h>

#include "nn/train/model.h"

typedef struct ss_linear_at {
    size_t weight; /* (out, in) */
    size_t bias;   /* (out) */
    size_t out, in;
} ss_linear_at;

typedef struct ss_norm_at {
    size_t gamma, beta; /* (H) */
} ss_norm_at;

/* A layer's linear maps, in the order in which the forward pass meets them. */
typedef enum ss_map { SS_MAP_QKV, SS_MAP_OUT, SS_MAP_UP, SS_MAP_DOWN, SS_MAPS } ss_map;

typedef struct ss_layer_at {
    ss_linear_at maps[SS_MAPS];
    ss_norm_at after_attention, after_inner;
} ss_layer_at;

/* A tensor that is not trained: its bytes as they were. */
typedef struct ss_carried {
    char *name;
    unsigned char *bytes;
    size_t len;
} ss_carried;

struct ss_train_model {
    ss_model_config config;
    float hidden_dropout, attention_dropout;
    ss_tokenizer *tokenizer;
    float *values, *gradients; /* (size) */
    size_t size;
    ss_parameter *parameters;
    size_t count, room; /* of parameters */
    size_t words;       /* (V, H) */
    size_t positions;   /* (positions, H) */
    size_t types;       /* (types, H); BERT only */
    size_t buckets;     /* (buckets, heads); MPNet only */
    ss_norm_at embedding_norm;
    ss_layer_at *layers; /* (L) */
    json_t *header;      /* of the file that was loaded: names, order, metadata */
    ss_carried *carried;
    size_t carried_count;
};

#endif
