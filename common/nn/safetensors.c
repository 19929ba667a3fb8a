/* safetensors.c - see safetensors.h.
 *
 * The header comes from outside, so nothing in it is believed: lengths are compared before they are added, shapes are
 * multiplied with overflow checks, and the bytes of a tensor must be exactly those that its shape asks for.
 */
#include "nn/safetensors.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_load.h"

enum { LENGTH_BYTES = 8, MAX_HEADER = 100 * 1000 * 1000 };

struct ss_safetensors {
    ss_tensor *tensors; /* sorted by name */
    size_t count;
};

static const struct {
    const char *name;
    ss_dtype dtype;
    size_t width;
} types[] = {{"F32", SS_F32, 4},         {"F16", SS_F16, 2},         {"BF16", SS_BF16, 2},
             {"F64", SS_OTHER_DTYPE, 8}, {"I64", SS_OTHER_DTYPE, 8}, {"U64", SS_OTHER_DTYPE, 8},
             {"I32", SS_OTHER_DTYPE, 4}, {"U32", SS_OTHER_DTYPE, 4}, {"I16", SS_OTHER_DTYPE, 2},
             {"U16", SS_OTHER_DTYPE, 2}, {"I8", SS_OTHER_DTYPE, 1},  {"U8", SS_OTHER_DTYPE, 1},
             {"BOOL", SS_OTHER_DTYPE, 1}};

/* A non-negative JSON number as a size; -1 if it is not one. */
static int size_of(const json_t *value, size_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0) return -1;
    *out = (size_t)json_integer_value(value);
    return 0;
}

/* Dimensions and element count, with overflow checked. */
static int read_shape(const json_t *shape, ss_tensor *tensor)
{
    if (!json_is_array(shape)) return -1;
    tensor->rank = json_array_size(shape);
    tensor->count = 1;
    for (size_t i = 0; i < tensor->rank; i++) {
        size_t dim;
        if (size_of(json_array_get(shape, i), &dim) != 0) return -1;
        if (i < SS_TENSOR_RANK) tensor->shape[i] = dim;
        if (__builtin_mul_overflow(tensor->count, dim, &tensor->count)) return -1;
    }
    return 0;
}

static int read_tensor(ss_tensor *tensor, const char *name, const json_t *entry, const unsigned char *data, size_t len,
                       ss_error *err)
{
    const char *type = json_string_value(json_object_get(entry, "dtype"));
    size_t i = 0, begin, end, bytes;
    while (i < sizeof types / sizeof types[0] && (!type || strcmp(types[i].name, type) != 0)) i++;
    if (i == sizeof types / sizeof types[0])
        return ss_fail(err, SS_INPUT, "tensor '%.80s' has the unknown type '%.20s'", name, type ? type : "(none)");
    tensor->dtype = types[i].dtype;
    if (read_shape(json_object_get(entry, "shape"), tensor) != 0)
        return ss_fail(err, SS_INPUT, "tensor '%.80s' has no usable shape", name);
    const json_t *offsets = json_object_get(entry, "data_offsets");
    if (json_array_size(offsets) != 2 || size_of(json_array_get(offsets, 0), &begin) != 0 ||
        size_of(json_array_get(offsets, 1), &end) != 0 || begin > end || end > len)
        return ss_fail(err, SS_INPUT, "tensor '%.80s' lies outside the file", name);
    if (__builtin_mul_overflow(tensor->count, types[i].width, &bytes) || bytes != end - begin)
        return ss_fail(err, SS_INPUT, "tensor '%.80s' has other bytes than its shape asks for", name);
    tensor->data = data + begin;
    tensor->len = bytes;
    tensor->name = strdup(name);
    return tensor->name ? 0 : ss_fail_memory(err, "reading tensors");
}

static int read_all(ss_safetensors *file, json_t *header, const unsigned char *data, size_t len, ss_error *err)
{
    if (!json_is_object(header)) return ss_fail(err, SS_INPUT, "the header is not a JSON object");
    file->tensors = calloc(json_object_size(header) + 1, sizeof *file->tensors);
    if (!file->tensors) return ss_fail_memory(err, "reading tensors");
    const char *name;
    json_t *entry;
    json_object_foreach(header, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0) continue;
        if (read_tensor(&file->tensors[file->count], name, entry, data, len, err) != 0) return -1;
        file->count++;
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ss_tensor *)a)->name, ((const ss_tensor *)b)->name);
}

ss_safetensors *ss_safetensors_open(const unsigned char *data, size_t len, ss_error *err)
{
    uint64_t header_len = 0;
    for (size_t i = 0; i < LENGTH_BYTES && i < len; i++) header_len |= (uint64_t)data[i] << (8 * i);
    if (len < LENGTH_BYTES || header_len > len - LENGTH_BYTES || header_len > MAX_HEADER) {
        ss_fail(err, SS_INPUT, "the file is shorter than its header says, or not safetensors");
        return NULL;
    }
    ss_safetensors *file = calloc(1, sizeof *file);
    if (!file) {
        ss_fail_memory(err, "reading tensors");
        return NULL;
    }
    json_error_t at;
    const unsigned char *body = data + LENGTH_BYTES + header_len;
    json_t *header = ss_json_load(data + LENGTH_BYTES, (size_t)header_len, JSON_REJECT_DUPLICATES, &at);
    int result;
    if (header)
        result = read_all(file, header, body, (size_t)(len - LENGTH_BYTES - header_len), err);
    else if (ss_json_starved())
        result = ss_fail_memory(err, "reading tensors");
    else
        result = ss_fail(err, SS_INPUT, "the header is not JSON: %s", at.text);
    json_decref(header);
    if (result != 0) {
        ss_safetensors_close(file);
        return NULL;
    }
    if (file->tensors) qsort(file->tensors, file->count, sizeof *file->tensors, by_name);
    return file;
}

void ss_safetensors_close(ss_safetensors *file)
{
    if (!file) return;
    for (size_t i = 0; i < file->count; i++) free(file->tensors[i].name);
    free(file->tensors);
    free(file);
}

size_t ss_safetensors_count(const ss_safetensors *file)
{
    return file->count;
}

const ss_tensor *ss_safetensors_find(const ss_safetensors *file, const char *name)
{
    ss_tensor key = {.name = (char *)(uintptr_t)name};
    return bsearch(&key, file->tensors, file->count, sizeof *file->tensors, by_name);
}

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754 half to single precision; exact. */
static float from_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = (half >> 10) & 31, fraction = half & 0x3ff;
    if (exponent == 31) return from_bits(sign | 0x7f800000 | fraction << 13);
    if (exponent > 0) return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
    float tiny = (float)fraction * 0x1p-24f; /* zero and subnormal */
    return sign ? -tiny : tiny;
}

int ss_tensor_floats(const ss_tensor *tensor, const float **floats, float **own, ss_error *err)
{
    *own = NULL;
    if (tensor->dtype == SS_OTHER_DTYPE)
        return ss_fail(err, SS_UNSUPPORTED, "tensor '%.80s' is not F32, F16 or BF16", tensor->name);
    if (tensor->dtype == SS_F32 && (uintptr_t)tensor->data % _Alignof(float) == 0) {
        *floats = (const float *)(const void *)tensor->data;
        return 0;
    }
    float *copy = malloc(tensor->count * sizeof *copy + 1);
    if (!copy) return ss_fail_memory(err, "converting weights");
    if (tensor->dtype == SS_F32) {
        memcpy(copy, tensor->data, tensor->len);
    } else {
        for (size_t i = 0; i < tensor->count; i++) {
            uint16_t bits = (uint16_t)(tensor->data[2 * i] | tensor->data[2 * i + 1] << 8);
            copy[i] = tensor->dtype == SS_F16 ? from_half(bits) : from_bits((uint32_t)bits << 16);
        }
    }
    *floats = *own = copy;
    return 0;
}
