/* encoder_parts.h - what encoder_load.c fills and encoder.c runs on; private to the two. */
#ifndef SKILLSTREAM_NN_ENCODER_PARTS_H
#define SKILLSTREAM_NN_ENCODER_PARTS_H

#include "nn/attention.h"
#include "nn/encoder.h"
#include "nn/gemm.h"

/* A vector or table of the model: read in place in the model's files, or owned after a conversion. */
typedef struct ss_weights {
    const float *data;
    float *own; /* NULL: in place */
} ss_weights;

typedef struct ss_layer_norm {
    ss_weights gamma, beta; /* (H) */
} ss_layer_norm;

typedef struct ss_layer {
    ss_linear qkv;      /* H -> 3 H: query, key, value below each other */
    ss_linear out;      /* H -> H */
    ss_linear up, down; /* H -> I -> H */
    ss_layer_norm after_attention, after_inner;
} ss_layer;

struct ss_encoder {
    ss_model_config config;
    ss_engine engine;
    ss_tokenizer *tokenizer;
    ss_weights words;     /* (V, H) */
    ss_weights positions; /* (positions, H) */
    ss_weights types;     /* (types, H), only row 0 is used; none for MPNet */
    ss_layer_norm embedding_norm;
    ss_layer *layers; /* (L) */
    float *bias;      /* MPNet: (heads, 2 max_tokens - 1), see attention.h; else NULL */
    ss_attention attention;
};

#endif
