/* release_file.c - see release_file.h.
 *
 * A release of a large encoder is half a gigabyte; it is neither copied when read nor assembled in memory when written.
 */
#include "match/release_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "match/wire.h"

enum { SS_RELEASE_FILE_FORMAT = 1 }; /* of the layout; the manifest has its own */

static const char magic[8] = {'S', 'K', 'I', 'L', 'L', 'R', 'E', 'L'};
enum { NUMBERS = 16, HEAD = NUMBERS + SS_SHA256_HEX };

size_t ss_release_padded(size_t size)
{
    return (size + SS_RELEASE_ALIGNMENT - 1) / SS_RELEASE_ALIGNMENT * SS_RELEASE_ALIGNMENT;
}

int ss_release_find_manifest(const ss_bytes *file, const char **json, size_t *len, char digest[SS_SHA256_HEX + 1],
                             ss_error *err)
{
    if (file->len < sizeof magic || memcmp(file->data, magic, sizeof magic))
        return ss_fail(err, SS_INPUT, "not a skillstream release");
    ss_wire wire = {.at = file->data + sizeof magic, .end = file->data + file->len};
    uint32_t format = ss_wire_u32(&wire);
    *len = ss_wire_u32(&wire);
    if (wire.bad || (size_t)(wire.end - wire.at) < SS_SHA256_HEX || *len > (size_t)(wire.end - wire.at) - SS_SHA256_HEX)
        return ss_fail(err, SS_CORRUPT, "cut off in the manifest: the file has %zu bytes", file->len);
    if (format != SS_RELEASE_FILE_FORMAT)
        return ss_fail(err, SS_UNSUPPORTED, "release format %u; this program reads %d", format, SS_RELEASE_FILE_FORMAT);
    memcpy(digest, wire.at, SS_SHA256_HEX);
    digest[SS_SHA256_HEX] = 0;
    *json = (const char *)wire.at + SS_SHA256_HEX;
    return 0;
}

static int is_zero(const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i]) return 0;
    return 1;
}

int ss_release_find_blobs(const ss_bytes *file, size_t manifest_len, const ss_manifest *manifest, ss_named_bytes *items,
                          ss_error *err)
{
    size_t used = HEAD + manifest_len;
    for (size_t i = 0; i <= manifest->blob_count; i++) {
        size_t at = ss_release_padded(used);
        const char *name = i < manifest->blob_count ? manifest->blobs[i].name : "the end";
        uint64_t size = i < manifest->blob_count ? manifest->blobs[i].size : 0;
        if (at > file->len || size > file->len - at)
            return ss_fail(err, SS_CORRUPT, "cut off before or in %s: the file has %zu bytes, %llu are needed", name,
                           file->len, (unsigned long long)at + size);
        if (!is_zero(file->data + used, at - used)) return ss_fail(err, SS_CORRUPT, "padding before %s changed", name);
        if (i < manifest->blob_count) {
            items[i].data = file->data + at;
            items[i].len = (size_t)size;
        }
        used = at + (size_t)size;
    }
    if (used != file->len) return ss_fail(err, SS_CORRUPT, "%zu bytes behind the end", file->len - used);
    return 0;
}

static int put_padded(FILE *out, const void *bytes, size_t len, size_t before)
{
    static const char zeros[SS_RELEASE_ALIGNMENT];
    size_t padding = ss_release_padded(before + len) - (before + len);
    return (len && fwrite(bytes, 1, len, out) != len) || fwrite(zeros, 1, padding, out) != padding ? -1 : 0;
}

static int put_head(FILE *out, size_t manifest_len, const char *digest)
{
    ss_buffer head;
    ss_buffer_init(&head, HEAD);
    int bad = ss_buffer_add(&head, magic, sizeof magic) || ss_wire_put_u32(&head, SS_RELEASE_FILE_FORMAT) ||
              ss_wire_put_u32(&head, (uint32_t)manifest_len) || ss_buffer_add(&head, digest, SS_SHA256_HEX) ||
              fwrite(head.data, 1, HEAD, out) != HEAD;
    ss_buffer_free(&head);
    return bad ? -1 : 0;
}

int ss_release_write_file(const char *path, const char *json, size_t len, const char digest[SS_SHA256_HEX + 1],
                          const ss_fileset *blobs, ss_error *err)
{
    size_t size = strlen(path) + 32;
    char *temporary = malloc(size);
    if (!temporary) return ss_fail_memory(err, "writing a release");
    snprintf(temporary, size, "%s.%ld.tmp", path, (long)getpid());
    FILE *out = fopen(temporary, "wbe");
    int bad = !out || put_head(out, len, digest) || put_padded(out, json, len, HEAD);
    for (size_t i = 0; !bad && i < blobs->count; i++)
        bad = put_padded(out, blobs->items[i].data, blobs->items[i].len, 0);
    bad = bad || fflush(out) || fsync(fileno(out));
    int reason = errno;
    if (out && fclose(out) && !bad) {
        bad = 1;
        reason = errno;
    }
    if (!bad && rename(temporary, path)) {
        bad = 1;
        reason = errno;
    }
    if (bad) {
        ss_fail(err, reason == ENOENT ? SS_NOT_FOUND : SS_IO, "%s: cannot write: %s", path, strerror(reason));
        if (out) unlink(temporary);
    }
    free(temporary);
    return bad ? -1 : 0;
}
