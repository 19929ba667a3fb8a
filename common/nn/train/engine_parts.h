/* engine_parts.h - the engine's state; private to engine*.c.
 *
 *   engine.c           batches, chunks, memory; what engine.h promises
 *   engine_forward.c   one chunk forward
 *   engine_backward.c  one chunk backward: gradients of activations, then of weights
 *
 * A chunk is worked on phase by phase; a phase is a job for the pool, cut into pieces that do not depend on each other.
 * In most phases a piece is a few whole texts. M tokens of the chunk are the rows of every matrix below, H, I, L as
 * in model_files.h.
 */
#ifndef SKILLSTREAM_NN_TRAIN_ENGINE_PARTS_H
#define SKILLSTREAM_NN_TRAIN_ENGINE_PARTS_H

#include "nn/train/attention.h"
#include "nn/train/engine.h"
#include "nn/train/model_parts.h"
#include "nn/train/row_kernels.h"

/* Some texts of the batch, and their tokens. */
typedef struct ss_span {
    size_t text, texts;
    size_t token, tokens; /* `token` counts from the first one of the batch for chunks, of the chunk for pieces */
} ss_span;

/* What a layer's forward pass leaves for the backward pass. `hat` is a LayerNorm's normalised input, before gamma and
 * beta, `root` its 1 / standard deviation. */
typedef struct ss_kept {
    float *qkv;      /* (M, 3 H) */
    float *attended; /* (M, H) */
    float *hat1;     /* (M, H) */
    float *middle;   /* (M, H) output of the first LayerNorm */
    float *slope;    /* (M, I) derivative of the activation */
    float *inner;    /* (M, I) output of the activation */
    float *hat2;     /* (M, H) */
    float *root1;    /* (M) */
    float *root2;    /* (M) */
    float *out;      /* (M, H) output of the second LayerNorm: the next layer's input */
} ss_kept;

/* Sums over the tokens of one piece, laid out as the vectors lie here; a phase adds the pieces up in their order. */
typedef struct ss_partial {
    float *bias[SS_MAPS];  /* (out) of each linear map */
    float *gamma1, *beta1; /* (H) */
    float *gamma2, *beta2; /* (H); of the embeddings' LayerNorm as well */
    float *distances;      /* (heads, 2 max_tokens - 1) MPNet */
} ss_partial;

/* One compute thread's memory, for R rows: the longest piece. */
typedef struct ss_train_worker {
    float *memory;
    float *x, *y; /* (R, H) rows ldh apart */
    float *wide;  /* (R, max(3 H, I)) rows ldw apart */
    float *attention;
} ss_train_worker;

struct ss_train_engine {
    ss_train_model *model;
    ss_pool *pool;
    ss_train_engine_options options;
    const ss_kernels *kernels;
    const ss_row_kernels *rows;
    ss_train_attention attention;
    float *distance_bias;      /* (heads, 2 max_tokens - 1) of the present weights; MPNet */
    size_t ldh, ldq, ldi, ldw; /* row distances of (., H), (., 3 H), (., I), and of wide; one line more than needed */

    /* the batch */
    ss_train_texts texts;
    uint64_t step;
    int dropout; /* this pass has dropout */
    int ready;   /* a backward pass may follow */
    ss_span *chunks;
    size_t chunk_count, chunk_room;
    size_t live; /* chunk whose activations are kept */

    /* the chunk */
    ss_span chunk;
    int keep; /* keep what the backward pass needs; else all layers share the memory of the first */
    ss_span *pieces;
    size_t piece_count, piece_room;
    float *vectors;         /* (texts of the batch, D) where pooling writes to; NULL: nowhere */
    const float *d_vectors; /* the same for the backward pass */

    /* activations, for `capacity` tokens */
    float *activations;
    size_t capacity, floats; /* floats of `activations` */
    float *embedding_hat, *embedding_root;
    float *embedded; /* (M, H) the first layer's input */
    ss_kept *kept;   /* (L) */

    /* one layer's weights in panels, packed before each use */
    float *panels[SS_MAPS];

    /* backward, for `gradient_capacity` tokens and `partial_room` pieces */
    float *gradient_memory;
    size_t gradient_capacity, gradient_floats;
    float *d_hidden;        /* (M, H) gradient of the layer's output, then of its input */
    float *strips[SS_MAPS]; /* gradients of the outputs of the linear maps, in strips over M */
    float *inputs[SS_MAPS]; /* inputs of the linear maps, in panels over M */
    float *partials;        /* (pieces, partial_size) */
    size_t partial_size, partial_room;

    ss_train_worker *workers;
    size_t threads, worker_rows, worker_tokens, worker_floats;

    size_t layer; /* that the running phase works on */
};

/* Fills kept activations of engine->chunk, and its rows of engine->vectors if that is not NULL. */
void ss_train_chunk_forward(ss_train_engine *engine);

/* Adds the gradients of engine->chunk, whose activations are kept, to the model's. */
void ss_train_chunk_backward(ss_train_engine *engine);

/* The input of layer `layer`. */
const float *ss_train_layer_input(const ss_train_engine *engine, size_t layer);

/* A layer's memory in this pass. */
ss_kept *ss_train_layer_kept(const ss_train_engine *engine, size_t layer);

/* The pieces's partial sums. */
ss_partial ss_train_partial(const ss_train_engine *engine, size_t piece);

/* Panels of a layer's four maps, by their number over all maps: for the forward pass of the transposes. */
size_t ss_train_panel_count(const ss_train_engine *engine, int forward);

/* Texts and tokens of the batch. */
static inline size_t ss_train_text_start(const ss_train_engine *engine, size_t text)
{
    return engine->texts.starts[text] - engine->chunk.token; /* row in the chunk */
}

static inline size_t ss_train_text_tokens(const ss_train_engine *engine, size_t text)
{
    return engine->texts.starts[text + 1] - engine->texts.starts[text];
}

/* The row of the position table of each token, as in nn/encoder.c: BERT counts from 0; MPNet from pad_id + 1, and a
 * padding token inside the text takes the padding's position and is not counted. `counted` starts at 0 for a text. */
static inline size_t ss_train_position(const ss_model_config *config, int32_t id, size_t index, size_t *counted)
{
    if (config->family != SS_MPNET) return index;
    return id == config->pad_id ? (size_t)config->pad_id : (size_t)config->pad_id + ++*counted;
}

/* Dropout rows of one text, all in the matrix x, (tokens, H). */
void ss_train_drop_text(const ss_train_engine *engine, ss_dropout_place place, size_t layer, size_t text, float *x,
                        size_t ldx);

/* out (H) = the pooled rows of a text, not normalised; returns their norm, at least 1e-12.
 *   hidden  (M, H) output of the last layer */
float ss_train_pool(const ss_train_engine *engine, size_t text, const float *hidden, float *out);

/* The attention of one text of a layer. */
ss_attended ss_train_attended(const ss_train_engine *engine, size_t layer, size_t text);

#endif
