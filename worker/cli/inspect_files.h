/* inspect_files.h - the files of worker/cli/inspect and the demo's ads, built into the program by embed_files.cmake. */
#ifndef SKILLSTREAM_WORKER_CLI_INSPECT_FILES_H
#define SKILLSTREAM_WORKER_CLI_INSPECT_FILES_H

#include <stddef.h>

typedef struct ss_inspect_file {
    const char *name; /* "page.html", "ads.jsonl" */
    const unsigned char *data;
    size_t len;
} ss_inspect_file;

extern const ss_inspect_file ss_inspect_files[]; /* ends with a NULL name */

#endif
