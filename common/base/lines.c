/* lines.c - lines of a plain or gzip file or of standard input; see file.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"

enum { CHUNK = 128 * 1024 };

struct ss_lines {
    gzFile file;
    char *path;
    size_t max_line, number, total;
    ss_buffer line;
    char chunk[CHUNK];
    size_t at, have;
    int ended;
};

ss_lines *ss_lines_open(const char *path, size_t max_line, ss_error *err)
{
    ss_lines *lines = calloc(1, sizeof *lines);
    if (lines) lines->path = strdup(path);
    if (!lines || !lines->path) {
        free(lines);
        ss_fail_memory(err, "opening a file");
        return NULL;
    }
    lines->max_line = max_line;
    ss_buffer_init(&lines->line, max_line);
    int standard_input = !strcmp(path, "-");
    errno = 0;
    lines->file = standard_input ? gzdopen(dup(STDIN_FILENO), "rb") : gzopen(path, "rbe");
    if (!lines->file) {
        ss_fail(err, errno == ENOENT ? SS_NOT_FOUND : SS_IO, "%s: cannot open: %s", path, strerror(errno));
        ss_lines_close(lines);
        return NULL;
    }
    gzbuffer(lines->file, CHUNK);
    struct stat st;
    if (!standard_input && !stat(path, &st)) {
        if (S_ISDIR(st.st_mode)) {
            ss_fail(err, SS_INPUT, "%s: is a folder, a file is needed", path);
            ss_lines_close(lines);
            return NULL;
        }
        if (S_ISREG(st.st_mode)) lines->total = (size_t)st.st_size;
    }
    return lines;
}

/* 1: there are bytes in the chunk; 0: end of file; -1: error. */
static int fill(ss_lines *lines, ss_error *err)
{
    if (lines->at < lines->have) return 1;
    if (lines->ended) return 0;
    int got = gzread(lines->file, lines->chunk, CHUNK), code;
    const char *text = gzerror(lines->file, &code);
    if (got < 0 || (got == 0 && code == Z_BUF_ERROR)) {
        lines->ended = 1;
        if (code == Z_ERRNO) return ss_fail(err, SS_IO, "%s: cannot read: %s", lines->path, strerror(errno));
        return ss_fail(err, SS_CORRUPT, "%s: damaged or truncated gzip file: %s", lines->path, text);
    }
    lines->at = 0;
    lines->have = (size_t)got;
    if (!got) lines->ended = 1;
    return got > 0;
}

int ss_lines_next(ss_lines *lines, char **line, size_t *len, ss_error *err)
{
    ss_buffer_clear(&lines->line);
    int too_long = 0, any = 0;
    for (;;) {
        int state = fill(lines, err);
        if (state < 0) return -1;
        if (state == 0) break;
        any = 1;
        char *from = lines->chunk + lines->at;
        size_t left = lines->have - lines->at;
        char *end = memchr(from, '\n', left);
        size_t part = end ? (size_t)(end - from) : left;
        if (!too_long && ss_buffer_add(&lines->line, from, part)) too_long = 1;
        lines->at += part + (end ? 1 : 0);
        if (end) break;
    }
    if (!any) return 0;
    lines->number++;
    if (too_long)
        return ss_fail(err, SS_LIMIT, "%s: line %zu is longer than %zu bytes", lines->path, lines->number,
                       lines->max_line);
    if (lines->line.len && lines->line.data[lines->line.len - 1] == '\r') lines->line.data[--lines->line.len] = 0;
    if (!lines->line.data && !ss_buffer_reserve(&lines->line, 0)) return ss_fail_memory(err, "reading a line");
    lines->line.data[lines->line.len] = 0;
    *line = lines->line.data;
    *len = lines->line.len;
    return 1;
}

size_t ss_lines_number(const ss_lines *lines)
{
    return lines->number;
}

void ss_lines_position(const ss_lines *lines, size_t *done, size_t *total)
{
    z_off_t at = gzoffset(lines->file);
    *done = at > 0 ? (size_t)at : 0;
    *total = lines->total;
}

void ss_lines_close(ss_lines *lines)
{
    if (!lines) return;
    if (lines->file) gzclose(lines->file);
    ss_buffer_free(&lines->line);
    free(lines->path);
    free(lines);
}
