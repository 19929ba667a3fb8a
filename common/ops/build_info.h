/* build_info.h - which build this is, and which libraries it found; for --version, logs, records and metrics. */
#ifndef SKILLSTREAM_OPS_BUILD_INFO_H
#define SKILLSTREAM_OPS_BUILD_INFO_H

#include <stddef.h>

const char *ss_build_version(void); /* "0.1.0" */
const char *ss_build_commit(void);  /* short git hash, "-dirty" when the tree was changed; "unknown" outside git */

/* "NAME VERSION", for manifests and dead letters; `out` is returned. */
const char *ss_build_program(const char *name, char *out, size_t size);

/* The text of --version: name, version, commit, and a line per library with the version found at run time. */
const char *ss_build_text(const char *name, char *out, size_t size);

#endif
