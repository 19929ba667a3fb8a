/* safetensors.c - a file of weights: what opens lies inside the file and can be read as floats. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "nn/safetensors.h"

/* Names that the seeds use; there is no way to ask for all. */
static const char *const names[] = {"a", "b", "w", "weight", "embeddings.word_embeddings.weight", ""};

static void check(const ss_tensor *tensor, const uint8_t *data, size_t size)
{
    const float *floats;
    float *own, sum = 0;
    FUZZ_CHECK(tensor->data >= data && tensor->len <= size && (size_t)(tensor->data - data) <= size - tensor->len);
    if (tensor->rank <= SS_TENSOR_RANK) {
        size_t count = 1;
        for (size_t i = 0; i < tensor->rank; i++) count *= tensor->shape[i];
        FUZZ_CHECK(count == tensor->count);
    }
    if (ss_tensor_floats(tensor, &floats, &own, NULL)) return;
    for (size_t i = 0; i < tensor->count; i++) sum += floats[i];
    volatile float kept = sum; /* so that every element is read */
    (void)kept;
    free(own);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ss_error err = {0};
    ss_safetensors *file = ss_safetensors_open(data, size, &err);
    FUZZ_CHECK(file || (err.status == SS_INPUT && err.text[0]));
    if (!file) return 0;
    size_t found = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const ss_tensor *tensor = ss_safetensors_find(file, names[i]);
        if (!tensor) continue;
        found++;
        FUZZ_CHECK(!strcmp(tensor->name, names[i]));
        check(tensor, data, size);
    }
    FUZZ_CHECK(found <= ss_safetensors_count(file));
    ss_safetensors_close(file);
    return 0;
}
