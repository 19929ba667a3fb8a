/* registry_manifest.c - the few fields of a release manifest that the registry needs; see registry.h.
 *
 * The manifest is proto3 JSON: 64-bit numbers may be strings, zero values may be
 * left out, field names are lowerCamelCase but snake_case is accepted. It comes
 * from Redis or a file, so every length is checked before it is used; and since
 * each chunk of a release is asked for, its size is bounded.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/json_load.h"

#include "stream/registry_parts.h"

enum { BLOBS_MAX = 4096, RELEASE_MAX_GIB = 64 };

int ss_registry_is_digest(const char *digest)
{
    return digest && strspn(digest, "0123456789abcdef") == SS_SHA256_HEX && digest[SS_SHA256_HEX] == 0;
}

int ss_registry_is_blob_name(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/-";
    size_t len = strlen(name);
    return len > 0 && len <= SS_REGISTRY_BLOB_NAME_MAX && strspn(name, allowed) == len;
}

static void copy_text(char *out, size_t size, const json_t *value)
{
    const char *text = json_string_value(value);
    size_t len = text ? json_string_length(value) : 0;
    if (len >= size)
        for (len = size - 1; len && ((unsigned char)text[len] & 0xC0) == 0x80;) len--; /* not inside a character */
    if (len) memcpy(out, text, len);
    out[len] = 0;
}

/* A uint64 of proto3 JSON: number, decimal string, or left out for 0. */
static int read_size(const json_t *value, size_t *out)
{
    *out = 0;
    if (!value) return 0;
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *out = (size_t)json_integer_value(value);
        return 0;
    }
    const char *text = json_string_value(value);
    if (!text || strspn(text, "0123456789") != strlen(text) || !*text) return -1;
    errno = 0;
    unsigned long long size = strtoull(text, NULL, 10);
    if (errno || size > SIZE_MAX / 2) return -1;
    *out = (size_t)size;
    return 0;
}

static int read_blob(const json_t *item, size_t number, ss_registry_manifest_info *info, ss_error *err)
{
    ss_registry_blob_info *blob = &info->blobs[info->count];
    const char *name = json_string_value(json_object_get(item, "name"));
    const char *sha = json_string_value(json_object_get(item, "sha256"));
    if (!name || !ss_registry_is_blob_name(name))
        return ss_fail(err, SS_INPUT, "release manifest: blob %zu has no usable name", number);
    for (size_t i = 0; i < info->count; i++)
        if (strcmp(info->blobs[i].name, name) == 0)
            return ss_fail(err, SS_INPUT, "release manifest: blob '%s' stands there twice", name);
    if (read_size(json_object_get(item, "size"), &blob->size))
        return ss_fail(err, SS_INPUT, "release manifest: blob '%s' has no usable size", name);
    if (blob->size > ((size_t)RELEASE_MAX_GIB << 30) - info->bytes)
        return ss_fail(err, SS_INPUT, "release manifest: with blob '%s' it is over %d GiB", name, RELEASE_MAX_GIB);
    if (sha && *sha && !ss_registry_is_digest(sha))
        return ss_fail(err, SS_INPUT, "release manifest: the SHA-256 of blob '%s' is not 64 hex digits", name);
    memcpy(blob->name, name, strlen(name) + 1);
    if (sha) memcpy(blob->sha256, sha, strlen(sha) + 1);
    info->bytes += blob->size;
    info->count++;
    return 0;
}

static int read_blobs(const json_t *list, ss_registry_manifest_info *info, ss_error *err)
{
    size_t count = json_array_size(list);
    if (!count) return ss_fail(err, SS_INPUT, "release manifest: no blobs");
    if (count > BLOBS_MAX) return ss_fail(err, SS_INPUT, "release manifest: %zu blobs; at most %d", count, BLOBS_MAX);
    info->blobs = calloc(count, sizeof *info->blobs);
    if (!info->blobs) return ss_fail_memory(err, "reading a release manifest");
    for (size_t i = 0; i < count; i++)
        if (read_blob(json_array_get(list, i), i, info, err)) return -1;
    return 0;
}

int ss_registry_manifest_parse(const void *manifest, size_t len, ss_registry_manifest_info *out, ss_error *err)
{
    *out = (ss_registry_manifest_info){0};
    int result = -1;
    json_error_t why;
    json_t *root = len <= SS_REGISTRY_MANIFEST_MAX ? ss_json_load(manifest, len, JSON_REJECT_DUPLICATES, &why) : NULL;
    if (len > SS_REGISTRY_MANIFEST_MAX) {
        ss_fail(err, SS_INPUT, "release manifest: %zu bytes; at most %zu", len, SS_REGISTRY_MANIFEST_MAX);
        goto done;
    }
    if (!root && ss_json_starved()) {
        ss_fail_memory(err, "reading a release manifest");
        goto done;
    }
    if (!json_is_object(root)) {
        ss_fail(err, SS_INPUT, "release manifest: not a JSON object (line %d)", root ? 1 : why.line);
        goto done;
    }
    const json_t *created = json_object_get(root, "createdAt");
    copy_text(out->name, sizeof out->name, json_object_get(root, "name"));
    copy_text(out->created_at, sizeof out->created_at, created ? created : json_object_get(root, "created_at"));
    result = read_blobs(json_object_get(root, "blobs"), out, err);
done:
    json_decref(root);
    if (result) ss_registry_manifest_free(out);
    return result;
}

void ss_registry_manifest_free(ss_registry_manifest_info *info)
{
    free(info->blobs);
    *info = (ss_registry_manifest_info){0};
}
