/* golden_data.h - golden vectors and the models they belong to, found and read. */
#ifndef SKILLSTREAM_TESTS_GOLDEN_DATA_H
#define SKILLSTREAM_TESTS_GOLDEN_DATA_H

#include <jansson.h>
#include <stddef.h>

enum { GOLDEN_SKIP = 77 };

/* A little-endian float32 array in numpy's format, C order. */
typedef struct golden_array {
    size_t rank, shape[3], count;
    float *data; /* malloc */
} golden_array;

/* Reads FOLDER/NAME; 0, or -1 after saying why on stderr. */
int golden_read_npy(const char *folder, const char *name, golden_array *array);

/* Lines of FOLDER/inputs.jsonl as a JSON array; NULL if there is no such file or a line is bad. */
json_t *golden_read_inputs(const char *folder);

/* Folder of a model ("all-MiniLM-L6-v2") in $SKILLSTREAM_MODELS or the cache folder, if it is there: 0, else -1. */
int golden_model_folder(const char *model, char *path, size_t size);

#endif
