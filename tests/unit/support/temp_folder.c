/* temp_folder.c - see temp_folder.h. A test that cannot even write to its folder has nothing to say: it aborts. */
#include "support/temp_folder.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void give_up(const char *what)
{
    perror(what);
    abort();
}

char *temp_folder_make(void)
{
    const char *base = getenv("TMPDIR");
    char path[512];
    snprintf(path, sizeof path, "%s/skillstream-test-XXXXXX", base && *base ? base : "/tmp");
    char *made = mkdtemp(path) ? strdup(path) : NULL;
    if (!made) give_up(path);
    return made;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

void temp_folder_remove(char *folder)
{
    if (nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS)) give_up(folder);
    free(folder);
}

const char *temp_path(const char *folder, const char *name)
{
    static char paths[8][1024];
    static size_t next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void temp_write(const char *folder, const char *name, const void *bytes, size_t len)
{
    const char *path = temp_path(folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, len, file) != len || fclose(file)) give_up(path);
}

void temp_write_text(const char *folder, const char *name, const char *text)
{
    temp_write(folder, name, text, strlen(text));
}
