/* encoder_parts.h - what encoder_load.c fills and encoder.c and encoder_int8.c run on; private to encoder*.c. */
#ifndef SKILLSTREAM_NN_ENCODER_PARTS_H
#define SKILLSTREAM_NN_ENCODER_PARTS_H

#include "nn/attention.h"
#include "nn/encoder.h"
#include "nn/gemm.h"
#include "nn/int8_gemm.h"

/* A vector or table of the model: read in place in the model's files, or owned after a conversion. */
typedef struct ss_weights {
    const float *data;
    float *own; /* NULL: in place */
} ss_weights;

typedef struct ss_layer_norm {
    ss_weights gamma, beta; /* (H) */
} ss_layer_norm;

/* A linear layer, in the precision of the encoder; the other member is empty. */
typedef struct ss_map {
    ss_linear fp32;
    ss_int8_linear int8;
} ss_map;

typedef struct ss_layer {
    ss_map qkv;      /* H -> 3 H: query, key, value below each other */
    ss_map out;      /* H -> H */
    ss_map up, down; /* H -> I -> H */
    ss_layer_norm after_attention, after_inner;
} ss_layer;

enum { SS_LAYER_MATRICES = 6 }; /* query, key, value, out, up, down */

struct ss_encoder {
    ss_model_config config;
    ss_engine engine;
    ss_tokenizer *tokenizer;
    ss_weights words;     /* (V, H) */
    ss_weights positions; /* (positions, H) */
    ss_weights types;     /* (types, H), only row 0 is used; none for MPNet */
    ss_layer_norm embedding_norm;
    ss_layer *layers;          /* (L) */
    ss_copied_weights *copied; /* (at most L * SS_LAYER_MATRICES) */
    size_t copied_count;
    float *bias; /* MPNet: (heads, 2 max_tokens - 1), see attention.h; else NULL */
    ss_attention attention;
};

/* ---- encoder.c ---- */

/* x (rows, H) = LayerNorm(x + add), rows ldx and lda floats apart. */
void ss_encoder_normalise(const ss_encoder *encoder, size_t rows, float *x, size_t ldx, const float *add, size_t lda,
                          const ss_layer_norm *norm);

/* x (tokens, H) = LayerNorm(word + position (+ type 0)) of one sequence, rows ldx floats apart. */
void ss_encoder_embed(const ss_encoder *encoder, const int32_t *ids, size_t tokens, float *x, size_t ldx);

/* ---- encoder_balance.c ---- */

/* Sentences on their way through an int8 encoder that is being loaded. NULL, in fp32, is fine everywhere. */
typedef struct ss_balance ss_balance;

/* The encoder has its tokenizer, embeddings and attention already. */
ss_balance *ss_balance_new(const ss_encoder *encoder, ss_error *err);
void ss_balance_free(ss_balance *balance);

/* Largest absolute value of each input: of `qkv` (H) before ss_balance_attention, of `up` (H) behind it; of `down` (I)
 * behind ss_balance_up. Until the next call; NULL when balance is. */
const float *ss_balance_hidden(ss_balance *balance);
const float *ss_balance_inner(ss_balance *balance);

/* Through a layer, in this order, as soon as the matrices are there: qkv and out; up; down. */
void ss_balance_attention(ss_balance *balance, const ss_layer *layer);
void ss_balance_up(ss_balance *balance, const ss_layer *layer);
void ss_balance_down(ss_balance *balance, const ss_layer *layer);

/* ---- encoder_int8.c ---- */

/* A thread's memory beside that of the fp32 encoder. */
typedef struct ss_int8_run ss_int8_run;

/* The hidden state of a micro-batch and what the layers work in; memory of the caller. */
typedef struct ss_hidden {
    float *x, *y; /* (tokens, H): as in encoder.c */
    float *wide;  /* (ss_int8_group_rows, 3 H) */
    size_t ldx, ldw;
    float *scratch; /* ss_int8_attention_scratch */
} ss_hidden;

/* Rows that are worked on at a time. */
size_t ss_int8_group_rows(const ss_encoder *encoder);

ss_int8_run *ss_int8_run_new(const ss_encoder *encoder, size_t max_tokens, ss_error *err);
void ss_int8_run_free(ss_int8_run *run);

/* Must be called when x is new, before the first layer. */
void ss_int8_begin(ss_int8_run *run, const float *x, size_t ldx, size_t tokens);
void ss_int8_layer(ss_int8_run *run, const ss_layer *layer, const ss_hidden *state, const uint32_t *starts,
                   size_t sequences);

#endif
