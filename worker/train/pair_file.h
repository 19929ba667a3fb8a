/* pair_file.h - training pairs out of files: JSON lines, CSV, or a trainer's pair log; plain, gzip or "-".
 *
 * What a file is shows its beginning: a log's magic; '{' for JSON lines (wire_pair.h has their forms); else CSV with
 * the columns `sentence` and `skill` (or `label`): a URI, a preferred label, or nothing. For "-", JSON lines. A file
 * called *.txt or *.txt.gz holds sentences without a skill, one a line.
 */
#ifndef SKILLSTREAM_WORKER_TRAIN_PAIR_FILE_H
#define SKILLSTREAM_WORKER_TRAIN_PAIR_FILE_H

#include "base/error.h"
#include "stream/pair.h"

/* Called for each pair, and (pair NULL) for each line that is none, with *why. `line` counts from 1. Views live until
 * it returns. Non-zero stops the reading with *err. */
typedef int ss_pair_sink(void *ctx, const ss_pair *pair, size_t line, const ss_error *why, ss_error *err);

/* Bytes read so far and in all (0 = unknown); may be NULL. */
typedef void ss_pair_file_progress(void *ctx, size_t done, size_t total);

int ss_pair_file_read(const char *path, ss_pair_sink *sink, ss_pair_file_progress *progress, void *ctx, ss_error *err);

#endif
