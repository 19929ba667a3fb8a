/* safetensors.h - named tensors in a byte string.
 *
 * Format (huggingface/safetensors): 8 bytes little-endian length N, N bytes of JSON
 *   {"name": {"dtype": "F32", "shape": [V,H], "data_offsets": [begin, end]}, "__metadata__": {...}}
 * then the data, to which offsets are relative. Every offset and shape is checked when the file is opened, so a tensor
 * that was handed out can be read without further checks. Tensors of types that we cannot convert (I64 position
 * ids) are listed all the same.
 */
#ifndef SKILLSTREAM_NN_SAFETENSORS_H
#define SKILLSTREAM_NN_SAFETENSORS_H

#include <stddef.h>

#include "base/error.h"

enum { SS_TENSOR_RANK = 4 };

typedef enum ss_dtype { SS_F32, SS_F16, SS_BF16, SS_OTHER_DTYPE } ss_dtype;

typedef struct ss_tensor {
    char *name;
    ss_dtype dtype;
    size_t rank; /* dimensions; over SS_TENSOR_RANK only the first are in shape */
    size_t shape[SS_TENSOR_RANK];
    size_t count; /* elements */
    const unsigned char *data;
    size_t len; /* bytes */
} ss_tensor;

typedef struct ss_safetensors ss_safetensors;

/* Reads the header. `data` must stay alive as long as the result. SS_INPUT if anything is not as it should be. */
ss_safetensors *ss_safetensors_open(const unsigned char *data, size_t len, ss_error *err);
void ss_safetensors_close(ss_safetensors *file);

size_t ss_safetensors_count(const ss_safetensors *file);
/* Tensor by name, or NULL. */
const ss_tensor *ss_safetensors_find(const ss_safetensors *file, const char *name);

/* The elements as floats: in place if they are F32 and aligned for it (*own = NULL), else converted into *own, which
 * the caller frees. SS_UNSUPPORTED for other types. */
int ss_tensor_floats(const ss_tensor *tensor, const float **floats, float **own, ss_error *err);

#endif
