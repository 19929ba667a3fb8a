/* model.h - the trainable parameters of an encoder: one flat array of floats, cut into named tensors.
 *
 * Families as in encoder.h: BERT and MPNet, pooling mean or cls. Everything that the forward pass of a sentence uses is
 * trainable; other tensors of the file (pooler, position ids) are carried along and written back untouched.
 *
 * Values and gradients are plain arrays of ss_train_model_size floats in the same order, and so are the moments in
 * adamw.h: a checkpoint is these arrays, the step, and ss_train_model_layout's digest to see that they fit.
 *
 * Threads: one at a time (engine.h works on it with its pool, inside its calls).
 */
#ifndef SKILLSTREAM_NN_TRAIN_MODEL_H
#define SKILLSTREAM_NN_TRAIN_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file.h"
#include "nn/model_files.h"
#include "text/tokenizer.h"

typedef struct ss_train_model ss_train_model;

/* One tensor: values[at] .. values[at + count - 1], row-major. */
typedef struct ss_parameter {
    const char *name;     /* as in model.safetensors, with the file's prefix */
    size_t rows, columns; /* shape; rows 0: a vector of `columns` */
    size_t at, count;
    int decay; /* weight decay applies: not to biases and LayerNorm */
} ss_parameter;

/* Copies the weights into memory of its own; `files` (model_files.h) may be closed afterwards. Errors: as
 * ss_encoder_load, and SS_UNSUPPORTED for max pooling. */
ss_train_model *ss_train_model_load(const ss_fileset *files, ss_error *err);
void ss_train_model_free(ss_train_model *model);

const ss_model_config *ss_train_model_config(const ss_train_model *model);
const ss_tokenizer *ss_train_model_tokenizer(const ss_train_model *model);
size_t ss_train_model_dims(const ss_train_model *model); /* D, floats of a sentence vector */

/* Dropout as config.json has it (hidden_dropout_prob, attention_probs_dropout_prob; 0 where it says nothing). */
float ss_train_model_hidden_dropout(const ss_train_model *model);
float ss_train_model_attention_dropout(const ss_train_model *model);

size_t ss_train_model_size(const ss_train_model *model); /* N, floats of all parameters */
float *ss_train_model_values(ss_train_model *model);     /* (N), may be written between two steps */
float *ss_train_model_gradients(ss_train_model *model);  /* (N) */

/* All tensors, in the order of the array. */
const ss_parameter *ss_train_model_parameters(const ss_train_model *model, size_t *count);

/* A number that two models share when their arrays mean the same: names, shapes and order of all tensors. */
uint64_t ss_train_model_layout(const ss_train_model *model);

/* The present weights as the bytes of a model.safetensors: the names, the order and the other tensors of the file that
 * was loaded; trained tensors are F32. The caller frees *bytes. Together with the other files of the folder these
 * bytes make an ss_fileset that ss_encoder_load reads. */
int ss_train_model_weights(const ss_train_model *model, unsigned char **bytes, size_t *len, ss_error *err);

/* Writes folder `to` (made if need be) as a sentence-transformers model: all files of folder `from` except weights
 * (model.safetensors and other formats of it: *.bin, *.onnx, *.h5 ...) and hidden files, then model.safetensors. Each
 * file is written atomically, model.safetensors last. */
int ss_train_model_save(const ss_train_model *model, const char *from, const char *to, ss_error *err);

#endif
