/* test_safetensors.c - well-formed files are read as the format says; every kind of damage is refused, none crashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "nn/safetensors.h"

/* A file with this header and `len` bytes of data behind it, in an exact allocation so that ASan sees every overrun. */
typedef struct made_file {
    unsigned char *bytes;
    size_t len;
} made_file;

static made_file make(const char *header, const void *data, size_t len)
{
    size_t header_len = strlen(header);
    made_file file = {.len = 8 + header_len + len};
    file.bytes = calloc(1, file.len);
    assert_non_null(file.bytes);
    for (size_t i = 0; i < 8; i++) file.bytes[i] = (unsigned char)((uint64_t)header_len >> (8 * i));
    memcpy(file.bytes + 8, header, header_len);
    if (len) memcpy(file.bytes + 8 + header_len, data, len);
    return file;
}

static void reads_types_and_shapes(void **state)
{
    (void)state;
    /* 1.5, -2 as F32; 1, -2, 2^-24 as F16; 1, -3 as BF16 */
    static const unsigned char data[] = {0, 0,    0xc0, 0x3f, 0,    0,    0,    0xc0, 0, 0x3c,
                                         0, 0xc0, 1,    0,    0x80, 0x3f, 0x40, 0xc0, 7};
    made_file file = make("{\"__metadata__\":{\"format\":\"pt\"},"
                          "\"a\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
                          "\"h\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[8,14]},"
                          "\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[14,18]},"
                          "\"n\":{\"dtype\":\"I8\",\"shape\":[],\"data_offsets\":[18,19]},"
                          "\"e\":{\"dtype\":\"F32\",\"shape\":[0,4],\"data_offsets\":[19,19]}}",
                          data, sizeof data);
    ss_error err = {0};
    ss_safetensors *tensors = ss_safetensors_open(file.bytes, file.len, &err);
    assert_non_null(tensors);
    assert_int_equal(ss_safetensors_count(tensors), 5);
    assert_null(ss_safetensors_find(tensors, "missing"));
    const ss_tensor *a = ss_safetensors_find(tensors, "a");
    assert_int_equal(a->rank, 2);
    assert_int_equal(a->shape[1], 2);

    static const struct {
        const char *name;
        size_t count;
        float values[3];
    } expected[] = {{"a", 2, {1.5f, -2.0f}}, {"h", 3, {1.0f, -2.0f, 0x1p-24f}}, {"b", 2, {1.0f, -3.0f}}, {"e", 0, {0}}};
    for (size_t i = 0; i < 4; i++) {
        const float *floats;
        float *own;
        const ss_tensor *tensor = ss_safetensors_find(tensors, expected[i].name);
        assert_int_equal(tensor->count, expected[i].count);
        assert_int_equal(ss_tensor_floats(tensor, &floats, &own, &err), 0);
        for (size_t j = 0; j < expected[i].count; j++) assert_true(floats[j] == expected[i].values[j]);
        free(own);
    }
    const float *floats;
    float *own;
    assert_int_equal(ss_tensor_floats(ss_safetensors_find(tensors, "n"), &floats, &own, &err), -1);
    assert_int_equal(err.status, SS_UNSUPPORTED);
    ss_safetensors_close(tensors);
    free(file.bytes);
}

static void unaligned_floats_are_copied(void **state)
{
    (void)state;
    static const char header[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]}}";
    for (size_t blanks = 0; blanks < 4; blanks++) { /* JSON allows blanks at the end: they move the data */
        char padded[sizeof header + 4];
        memcpy(padded, header, sizeof header);
        for (size_t i = 0; i < blanks; i++) strcat(padded, " ");
        static const unsigned char data[] = {9, 0, 0, 0xc0, 0x3f};
        made_file file = make(padded, data, sizeof data);
        ss_safetensors *tensors = ss_safetensors_open(file.bytes, file.len, NULL);
        assert_non_null(tensors);
        const float *floats;
        float *own;
        assert_int_equal(ss_tensor_floats(ss_safetensors_find(tensors, "a"), &floats, &own, NULL), 0);
        assert_true(*floats == 1.5f);
        assert_int_equal((uintptr_t)floats % sizeof(float), 0);
        free(own);
        ss_safetensors_close(tensors);
        free(file.bytes);
    }
}

static void bad_headers_are_refused(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "", "[]", "3", "{", "{\"a\":", "{\"a\":1}", "{\"a\":{}}",
        ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"),
        "{\"a\":{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":4,\"shape\":[1],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,12]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[9223372036854775804,9223372036854775807]}}",
        /* products that wrap round to 1 and to 4 bytes */
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,1],\"data_offsets\":[0,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387905],\"data_offsets\":[0,4]}}"};
    static const unsigned char data[8] = {0};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        made_file file = make(headers[i], data, sizeof data);
        ss_error err = {0};
        assert_null(ss_safetensors_open(file.bytes, file.len, &err));
        assert_int_equal(err.status, SS_INPUT);
        free(file.bytes);
    }
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    static const float data[2] = {1, 2};
    made_file file = make("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", data, sizeof data);
    for (size_t len = 0; len < file.len; len++) {
        unsigned char *cut = malloc(len + 1);
        assert_non_null(cut);
        memcpy(cut, file.bytes, len);
        ss_error err = {0};
        assert_null(ss_safetensors_open(cut, len, &err));
        assert_int_equal(err.status, SS_INPUT);
        free(cut);
    }
    memset(file.bytes, 0xff, 8); /* a header length of 2^64 - 1 */
    assert_null(ss_safetensors_open(file.bytes, file.len, NULL));
    free(file.bytes);
}

/* Whatever byte is changed: either refused, or a tensor whose bytes lie inside the file. */
static void changed_bytes_never_lead_outside(void **state)
{
    (void)state;
    static const float data[2] = {1, 2};
    made_file file = make("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", data, sizeof data);
    for (size_t i = 0; i < file.len - sizeof data; i++) {
        for (int value = 0; value < 256; value++) {
            unsigned char old = file.bytes[i];
            file.bytes[i] = (unsigned char)value;
            ss_safetensors *tensors = ss_safetensors_open(file.bytes, file.len, NULL);
            const ss_tensor *tensor = tensors ? ss_safetensors_find(tensors, "a") : NULL;
            if (tensor) assert_true(tensor->data >= file.bytes && tensor->data + tensor->len <= file.bytes + file.len);
            ss_safetensors_close(tensors);
            file.bytes[i] = old;
        }
    }
    free(file.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_types_and_shapes), cmocka_unit_test(unaligned_floats_are_copied),
        cmocka_unit_test(bad_headers_are_refused), cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(changed_bytes_never_lead_outside)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
