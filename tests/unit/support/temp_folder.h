/* temp_folder.h - a folder of its own for each test, gone afterwards. */
#ifndef SKILLSTREAM_TESTS_TEMP_FOLDER_H
#define SKILLSTREAM_TESTS_TEMP_FOLDER_H

#include <stddef.h>

/* Makes an empty folder under TMPDIR or /tmp; its path, to be given to temp_folder_remove. Aborts when it cannot. */
char *temp_folder_make(void);

/* Removes the folder with everything in it, and frees the path. */
void temp_folder_remove(char *folder);

/* "folder/name" in one of a few static buffers: valid until the eighth next call. */
const char *temp_path(const char *folder, const char *name);

/* Writes a file "folder/name" (parts of name that are folders must exist). Aborts when it cannot. */
void temp_write(const char *folder, const char *name, const void *bytes, size_t len);
void temp_write_text(const char *folder, const char *name, const char *text);

#endif
