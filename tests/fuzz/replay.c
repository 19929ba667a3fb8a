/* replay.c - gives files, and the files of folders, to a fuzz target, once each.
 *
 * Usage: replay_NAME FILE|FOLDER...   Exit code 0 when every one of them was taken, 1 when there was none or it could
 * not be read; a broken promise aborts. As libFuzzer does, the bytes are given in a block of exactly their size, so
 * that AddressSanitizer sees a read beyond.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "fuzz/fuzz.h"

static size_t taken;

static int replay_file(const char *path)
{
    ss_bytes file;
    ss_error err;
    if (ss_file_map(path, &file, &err)) {
        fprintf(stderr, "replay: %s\n", err.text);
        return -1;
    }
    uint8_t *copy = malloc(file.len);
    if (!copy && file.len) abort();
    if (file.len) memcpy(copy, file.data, file.len);
    fprintf(stderr, "%s\n", path); /* the last line before a sanitizer's report names the culprit */
    LLVMFuzzerTestOneInput(copy, file.len);
    taken++;
    free(copy);
    ss_bytes_free(&file);
    return 0;
}

static int replay(const char *path)
{
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISDIR(info.st_mode)) return replay_file(path);
    struct dirent **names;
    int count = scandir(path, &names, NULL, alphasort), bad = count < 0;
    if (bad) fprintf(stderr, "replay: cannot read %s\n", path);
    for (int i = 0; i < count; i++) {
        char file[4096];
        int len = snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.' && !bad) bad = len >= (int)sizeof file || replay_file(file);
        free(names[i]);
    }
    if (count >= 0) free(names);
    return bad ? -1 : 0;
}

int main(int argc, char **argv)
{
    LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++)
        if (replay(argv[i])) return 1;
    printf("%zu inputs\n", taken);
    return taken ? 0 : 1;
}
