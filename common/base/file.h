/* file.h - whole files in, whole files out, lines from anywhere.
 *
 * FILE arguments of every command may be "-" (standard input), plain or gzip;
 * these functions are where that promise is kept. Output is written beside the
 * target, synced and renamed, so a crash leaves the old file or the new one,
 * never half of one.
 */
#ifndef SKILLSTREAM_BASE_FILE_H
#define SKILLSTREAM_BASE_FILE_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

/* A file's bytes; mapped or owned, see ss_bytes_free. */
typedef struct ss_bytes {
    const unsigned char *data;
    size_t len;
    int mapped; /* 1: munmap on free; 0: free() */
} ss_bytes;

/* Maps a plain file read-only. The file must not be truncated while mapped. */
int ss_file_map(const char *path, ss_bytes *out, ss_error *err);
void ss_bytes_free(ss_bytes *bytes);

/* Reads path ("-" = standard input; gzip is recognised by its magic) into `out`, up to the buffer's limit. */
int ss_file_read(const char *path, ss_buffer *out, ss_error *err);

/* Writes path atomically: temporary file in the same folder, fsync, rename, fsync of the folder. */
int ss_file_write(const char *path, const void *bytes, size_t len, ss_error *err);

int ss_file_exists(const char *path);

/* Lines of a file or standard input, plain or gzip. One thread. */
typedef struct ss_lines ss_lines;
ss_lines *ss_lines_open(const char *path, size_t max_line, ss_error *err);
/* 1: *line (no newline, a trailing CR is dropped, NUL-terminated, valid until the next call); 0: end; -1: error.
 * A line over max_line bytes is an SS_LIMIT error; calling again goes on behind it. */
int ss_lines_next(ss_lines *lines, char **line, size_t *len, ss_error *err);
size_t ss_lines_number(const ss_lines *lines); /* of the line returned last, from 1 */
/* Raw bytes read so far and in total (0 = unknown), for progress bars. */
void ss_lines_position(const ss_lines *lines, size_t *done, size_t *total);
void ss_lines_close(ss_lines *lines);

/* A set of named byte strings: the files of an encoder folder, or the same files inside a release. */
typedef struct ss_named_bytes {
    char *name; /* path relative to the folder, '/' between parts */
    const unsigned char *data;
    size_t len;
} ss_named_bytes;

typedef struct ss_fileset {
    ss_named_bytes *items;
    size_t count;
} ss_fileset;

/* The item called `name`, or NULL. */
const ss_named_bytes *ss_fileset_find(const ss_fileset *set, const char *name);

#endif
