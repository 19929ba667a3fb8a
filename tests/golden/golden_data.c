/* golden_data.c - see golden_data.h. */
#include "tests/golden/golden_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum { MAX_PATH = 4096, MAX_LINE = 16 << 20, NPY_HEADER = 10 };

static int read_header(const ss_bytes *file, golden_array *array, size_t *offset)
{
    static const char magic[] = "\x93NUMPY\x01";
    if (file->len < NPY_HEADER || memcmp(file->data, magic, sizeof magic - 1) != 0) return -1;
    size_t header = (size_t)file->data[8] | (size_t)file->data[9] << 8;
    *offset = NPY_HEADER + header;
    if (*offset > file->len) return -1;
    char text[256];
    snprintf(text, sizeof text, "%.*s", (int)header, (const char *)file->data + NPY_HEADER);
    const char *shape = strstr(text, "'shape': (");
    if (!shape || !strstr(text, "'<f4'") || !strstr(text, "'fortran_order': False")) return -1;
    array->count = 1;
    char *at = (char *)(size_t)shape + strlen("'shape': (");
    while (array->rank < 3 && *at >= '0' && *at <= '9') {
        array->shape[array->rank] = strtoul(at, &at, 10);
        array->count *= array->shape[array->rank++];
        at += strspn(at, ", ");
    }
    return file->len - *offset == array->count * sizeof(float) ? 0 : -1;
}

int golden_read_npy(const char *folder, const char *name, golden_array *array)
{
    char path[MAX_PATH];
    ss_error err = {0};
    ss_bytes file;
    size_t offset = 0;
    *array = (golden_array){0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (ss_file_map(path, &file, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    int result = read_header(&file, array, &offset);
    if (result == 0) {
        array->data = malloc(array->count * sizeof(float) + 1);
        if (array->data) memcpy(array->data, file.data + offset, array->count * sizeof(float));
        result = array->data ? 0 : -1;
    }
    if (result != 0) fprintf(stderr, "%s: not a float32 array\n", path);
    ss_bytes_free(&file);
    return result;
}

json_t *golden_read_inputs(const char *folder)
{
    char path[MAX_PATH], *line;
    size_t len;
    ss_error err = {0};
    snprintf(path, sizeof path, "%s/inputs.jsonl", folder);
    ss_lines *lines = ss_lines_open(path, MAX_LINE, &err);
    if (!lines) return NULL;
    json_t *inputs = json_array();
    int got;
    while ((got = ss_lines_next(lines, &line, &len, &err)) == 1)
        json_array_append_new(inputs, json_loadb(line, len, JSON_ALLOW_NUL, NULL)); /* a bad line appends nothing */
    size_t number = ss_lines_number(lines);
    ss_lines_close(lines);
    if (got == 0 && json_array_size(inputs) == number) return inputs;
    fprintf(stderr, "%s: bad line\n", path);
    json_decref(inputs);
    return NULL;
}

int golden_model_folder(const char *model, char *path, size_t size)
{
    const char *models = getenv("SKILLSTREAM_MODELS"), *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (models && *models)
        snprintf(path, size, "%s/%s", models, model);
    else if (cache && *cache)
        snprintf(path, size, "%s/skillstream/models/%s", cache, model);
    else
        snprintf(path, size, "%s/.cache/skillstream/models/%s", home ? home : "", model);
    char file[MAX_PATH];
    snprintf(file, sizeof file, "%s/model.safetensors", path);
    return ss_file_exists(file) ? 0 : -1;
}
