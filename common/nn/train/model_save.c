/* model_save.c - weights back into a file, and a whole model folder; see model.h.
 *
 * The header is written anew from the one that was read: the same names in the same order with the same metadata, data
 * end to end in that order, trained tensors as F32.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "nn/train/model.h"
#include "nn/train/model_parts.h"

enum { LENGTH_BYTES = 8, MAX_PATH = 4096, MAX_DEPTH = 4 };

static const ss_parameter *find_parameter(const ss_train_model *model, const char *name)
{
    for (size_t i = 0; i < model->count; i++)
        if (strcmp(model->parameters[i].name, name) == 0) return &model->parameters[i];
    return NULL;
}

static const ss_carried *find_carried(const ss_train_model *model, const char *name)
{
    for (size_t i = 0; i < model->carried_count; i++)
        if (strcmp(model->carried[i].name, name) == 0) return &model->carried[i];
    return NULL;
}

/* The bytes of the tensor called `name`; NULL if it is none ("__metadata__"). */
static const void *tensor_bytes(const ss_train_model *model, const char *name, size_t *len)
{
    const ss_parameter *parameter = find_parameter(model, name);
    if (parameter) {
        *len = parameter->count * sizeof(float);
        return model->values + parameter->at;
    }
    const ss_carried *carried = find_carried(model, name);
    *len = carried ? carried->len : 0;
    return carried ? carried->bytes : NULL;
}

/* The header for the present weights, and the length of the data behind it. */
static json_t *make_header(const ss_train_model *model, size_t *data_len)
{
    json_t *header = json_deep_copy(model->header), *entry;
    const char *name;
    *data_len = 0;
    if (!header) return NULL;
    int failed = 0;
    json_object_foreach(header, name, entry)
    {
        size_t len;
        if (!tensor_bytes(model, name, &len)) continue;
        json_t *offsets = json_pack("[I,I]", (json_int_t)*data_len, (json_int_t)*data_len + (json_int_t)len);
        failed |= json_object_set_new(entry, "data_offsets", offsets);
        if (find_parameter(model, name)) failed |= json_object_set_new(entry, "dtype", json_string("F32"));
        *data_len += len;
    }
    if (!failed) return header;
    json_decref(header);
    return NULL;
}

int ss_train_model_weights(const ss_train_model *model, unsigned char **bytes, size_t *len, ss_error *err)
{
    size_t data_len;
    json_t *header = make_header(model, &data_len), *entry;
    char *text = header ? json_dumps(header, JSON_COMPACT) : NULL;
    size_t text_len = text ? strlen(text) : 0, padded = (text_len + 7) / 8 * 8;
    unsigned char *file = text ? malloc(LENGTH_BYTES + padded + data_len) : NULL;
    if (file) {
        for (size_t i = 0; i < LENGTH_BYTES; i++) file[i] = (unsigned char)(padded >> (8 * i));
        memcpy(file + LENGTH_BYTES, text, text_len);
        memset(file + LENGTH_BYTES + text_len, ' ', padded - text_len);
        unsigned char *to = file + LENGTH_BYTES + padded;
        const char *name;
        json_object_foreach(header, name, entry)
        {
            size_t count;
            const void *from = tensor_bytes(model, name, &count);
            if (!from) continue;
            memcpy(to, from, count);
            to += count;
        }
    }
    free(text);
    json_decref(header);
    *bytes = file;
    *len = LENGTH_BYTES + padded + data_len;
    return file ? 0 : ss_fail_memory(err, "writing weights");
}

/* ---- the folder ---- */

static int ends_with(const char *name, const char *end)
{
    size_t len = strlen(name), end_len = strlen(end);
    return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

/* Weights of the untrained model in any format, which would contradict the new ones; and hidden files. */
static int is_left_out(const char *name)
{
    static const char *const ends[] = {".safetensors", ".safetensors.index.json",
                                       ".bin",         ".h5",
                                       ".ot",          ".msgpack",
                                       ".onnx",        ".onnx_data",
                                       ".pt",          ".pth",
                                       ".ckpt",        ".gguf"};
    static const char *const folders[] = {"onnx", "openvino"};
    if (name[0] == '.') return 1;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (ends_with(name, ends[i])) return 1;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        if (strcmp(name, folders[i]) == 0) return 1;
    return 0;
}

static int make_folder(const char *path, ss_error *err)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST) return 0;
    return ss_fail(err, SS_IO, "cannot make folder %s: %s", path, strerror(errno));
}

static int join(char out[MAX_PATH], const char *folder, const char *name, ss_error *err)
{
    int len = snprintf(out, MAX_PATH, "%s/%s", folder, name);
    return len > 0 && len < MAX_PATH ? 0 : ss_fail(err, SS_INPUT, "the path of '%.80s' is too long", name);
}

static int copy_file(const char *from, const char *to, ss_error *err)
{
    ss_bytes bytes;
    if (ss_file_map(from, &bytes, err) != 0) return -1;
    int result = ss_file_write(to, bytes.data, bytes.len, err);
    ss_bytes_free(&bytes);
    return result;
}

static int copy_folder(const char *from, const char *to, int depth, ss_error *err);

static int copy_entry(const char *from, const char *to, const char *name, int depth, ss_error *err)
{
    char source[MAX_PATH], target[MAX_PATH];
    if (join(source, from, name, err) != 0 || join(target, to, name, err) != 0) return -1;
    struct stat info;
    if (stat(source, &info) != 0) return ss_fail(err, SS_IO, "%s: %s", source, strerror(errno));
    if (S_ISDIR(info.st_mode)) return copy_folder(source, target, depth + 1, err);
    return S_ISREG(info.st_mode) ? copy_file(source, target, err) : 0;
}

static int copy_folder(const char *from, const char *to, int depth, ss_error *err)
{
    if (depth > MAX_DEPTH) return ss_fail(err, SS_LIMIT, "%s: folders in folders in folders", from);
    DIR *folder = opendir(from);
    if (!folder) return ss_fail(err, errno == ENOENT ? SS_NOT_FOUND : SS_IO, "%s: %s", from, strerror(errno));
    int result = make_folder(to, err);
    const struct dirent *entry;
    while (result == 0 && (entry = readdir(folder)) != NULL)
        if (!is_left_out(entry->d_name)) result = copy_entry(from, to, entry->d_name, depth, err);
    closedir(folder);
    return result;
}

int ss_train_model_save(const ss_train_model *model, const char *from, const char *to, ss_error *err)
{
    char path[MAX_PATH];
    unsigned char *bytes;
    size_t len;
    if (join(path, to, "model.safetensors", err) != 0 || copy_folder(from, to, 0, err) != 0 ||
        ss_train_model_weights(model, &bytes, &len, err) != 0)
        return -1;
    int result = ss_file_write(path, bytes, len, err);
    free(bytes);
    return result;
}
