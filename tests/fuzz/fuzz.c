/* fuzz.c - see fuzz.h. */
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "text/utf8.h"

__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

_Noreturn void fuzz_broken(const char *promise, const char *file, int line)
{
    fprintf(stderr, "%s:%d: a promise is broken: %s\n", file, line, promise);
    abort();
}

int fuzz_is_text(ss_slice text)
{
    return !text.len || (ss_utf8_valid(text.data, text.len) && !memchr(text.data, 0, text.len));
}

int fuzz_same(ss_slice a, ss_slice b)
{
    return a.len == b.len && (!a.len || !memcmp(a.data, b.data, a.len));
}

ss_slice fuzz_line(const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size ? memchr(*data, '\n', *size) : NULL;
    ss_slice line = {.data = (const char *)*data, .len = end ? (size_t)(end - *data) : *size};
    size_t used = line.len + (end != NULL);
    *data += used;
    *size -= used;
    return line;
}

int fuzz_file_open(const void *bytes, size_t size)
{
    int file = memfd_create("fuzz", MFD_CLOEXEC);
    if (file < 0 || write(file, bytes, size) != (ssize_t)size) {
        perror("fuzz: a file in memory");
        abort();
    }
    return file;
}

const char *fuzz_file_path(int file, char path[64])
{
    snprintf(path, 64, "/proc/self/fd/%d", file);
    return path;
}

void fuzz_file_close(int file)
{
    close(file);
}
