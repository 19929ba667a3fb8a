/* release_file.h - the layout of a release file (see release.h), for release*.c only. */
#ifndef SKILLSTREAM_MATCH_RELEASE_FILE_H
#define SKILLSTREAM_MATCH_RELEASE_FILE_H

#include <stddef.h>

#include "base/error.h"
#include "base/file.h"
#include "match/manifest.h"

enum { SS_RELEASE_ALIGNMENT = 64 };

/* `size` rounded up to the alignment; sizes here are far below SIZE_MAX. */
size_t ss_release_padded(size_t size);

/* Finds the manifest in a mapped file, and the digest that the file says it has. */
int ss_release_find_manifest(const ss_bytes *file, const char **json, size_t *len, char digest[SS_SHA256_HEX + 1],
                             ss_error *err);

/* Fills in where each blob of the manifest lies; all sizes are checked against the file's before use, and the padding
 * for zeros. items (blob_count) have their names already. */
int ss_release_find_blobs(const ss_bytes *file, size_t manifest_len, const ss_manifest *manifest, ss_named_bytes *items,
                          ss_error *err);

/* Writes the file atomically: temporary file in the same folder, fsync, rename. Blobs are written from where they lie.
 */
int ss_release_write_file(const char *path, const char *json, size_t len, const char digest[SS_SHA256_HEX + 1],
                          const ss_fileset *blobs, ss_error *err);

#endif
