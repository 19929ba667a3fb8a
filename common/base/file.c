/* file.c - mapped, whole and atomic files; see file.h. Lines are in lines.c. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* Status for errno of an open: missing files have a status of their own. */
static int fail_errno(ss_error *err, const char *path, const char *doing)
{
    ss_status status = errno == ENOENT ? SS_NOT_FOUND : errno == EACCES || errno == EPERM ? SS_AUTH : SS_IO;
    return ss_fail(err, status, "%s: cannot %s: %s", path, doing, strerror(errno));
}

int ss_file_map(const char *path, ss_bytes *out, ss_error *err)
{
    *out = (ss_bytes){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_errno(err, path, "open");
    struct stat st;
    int result = -1;
    if (fstat(fd, &st)) {
        fail_errno(err, path, "read");
    } else if (!S_ISREG(st.st_mode)) {
        ss_fail(err, SS_INPUT, "%s: is %s, a plain file is needed", path,
                S_ISDIR(st.st_mode) ? "a folder" : "not a plain file");
    } else if (st.st_size == 0) {
        out->data = (const unsigned char *)"";
        out->mapped = 1; /* length 0: nothing to unmap */
        result = 0;
    } else {
        void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) {
            fail_errno(err, path, "map");
        } else {
            *out = (ss_bytes){.data = data, .len = (size_t)st.st_size, .mapped = 1};
            result = 0;
        }
    }
    close(fd);
    return result;
}

void ss_bytes_free(ss_bytes *bytes)
{
    /* Both kinds gave us the memory writable or private; the const is for readers only. */
    void *data = (void *)(size_t)bytes->data;
    if (bytes->mapped) {
        if (bytes->len) munmap(data, bytes->len);
    } else {
        free(data);
    }
    *bytes = (ss_bytes){0};
}

int ss_file_read(const char *path, ss_buffer *out, ss_error *err)
{
    int standard_input = !strcmp(path, "-");
    errno = 0;
    gzFile file = standard_input ? gzdopen(dup(STDIN_FILENO), "rb") : gzopen(path, "rbe");
    if (!file) return fail_errno(err, path, "open");
    gzbuffer(file, 128 * 1024);
    int result = -1;
    for (;;) {
        const unsigned step = 256 * 1024;
        size_t room = out->limit - out->len;
        unsigned want = room < step ? (unsigned)room + 1 : step;
        char *to = room ? ss_buffer_reserve(out, room < step ? room : step) : NULL;
        char probe;
        int got = gzread(file, to ? to : &probe, to ? (want > room ? (unsigned)room : want) : 1);
        if (got < 0) {
            int code;
            const char *text = gzerror(file, &code);
            ss_fail(err, code == Z_ERRNO ? SS_IO : SS_CORRUPT, "%s: cannot read: %s", path,
                    code == Z_ERRNO ? strerror(errno) : text);
            break;
        }
        if (got == 0) {
            int code;
            const char *text = gzerror(file, &code);
            if (code == Z_BUF_ERROR) { /* a gzip stream that ends in the middle */
                ss_fail(err, SS_CORRUPT, "%s: truncated gzip file: %s", path, text);
                break;
            }
            result = 0;
            break;
        }
        if (!to) {
            if (room)
                ss_fail_memory(err, "reading a file");
            else
                ss_fail(err, SS_LIMIT, "%s: larger than the limit of %zu bytes", path, out->limit);
            break;
        }
        out->len += (size_t)got;
        out->data[out->len] = 0;
    }
    gzclose(file);
    return result;
}

static int write_all(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len) {
        ssize_t put = write(fd, at, len > 1 << 30 ? 1 << 30 : len);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return -1;
        at += put;
        len -= (size_t)put;
    }
    return 0;
}

static void sync_folder_of(const char *path)
{
    char *folder = strdup(path);
    if (!folder) return;
    char *slash = strrchr(folder, '/');
    if (slash) slash[slash == folder ? 1 : 0] = 0;
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd); /* best effort: some file systems refuse it, and the data itself is synced already */
        close(fd);
    }
    free(folder);
}

int ss_file_write(const char *path, const void *bytes, size_t len, ss_error *err)
{
    size_t size = strlen(path) + 32;
    char *temporary = malloc(size);
    if (!temporary) return ss_fail_memory(err, "writing a file");
    snprintf(temporary, size, "%s.%ld.tmp", path, (long)getpid());
    int result = -1;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        fail_errno(err, temporary, "create");
    } else {
        int bad = write_all(fd, bytes, len) || fsync(fd);
        if (close(fd)) bad = 1;
        if (bad || rename(temporary, path)) {
            fail_errno(err, path, "write");
            unlink(temporary);
        } else {
            sync_folder_of(path);
            result = 0;
        }
    }
    free(temporary);
    return result;
}

int ss_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

const ss_named_bytes *ss_fileset_find(const ss_fileset *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (!strcmp(set->items[i].name, name)) return &set->items[i];
    return NULL;
}
