/* pairs_input.h - training pairs out of files: JSON lines (wire_pair.h) or CSV, plain or gzip.
 *
 * A file called *.csv or *.csv.gz is CSV with a header, columns `sentence` and `skill` (or `label`); `kind`,
 * `language`, `model` and `prompt_version` are taken if they are there. Everything else is JSON lines.
 *
 * Skills come out as URIs. With a taxonomy they may be URIs or preferred labels, and must be in it; without one they
 * must be URIs. No skill (an empty field, UNK) makes the pair one of kind NONE. A pair without an id gets the one of
 * ss_pair_make_id.
 *
 * Used by skillstream-producer --replay and by the trainer. One thread.
 */
#ifndef SKILLSTREAM_PRODUCER_PAIRS_INPUT_H
#define SKILLSTREAM_PRODUCER_PAIRS_INPUT_H

#include "match/taxonomy.h"
#include "stream/wire_pair.h"

typedef struct ss_pairs_input ss_pairs_input;

/* Opens a file ("-" = standard input). Borrows path and taxonomy (may be NULL). */
ss_pairs_input *ss_pairs_input_open(const char *path, const ss_taxonomy *taxonomy, ss_error *err);
void ss_pairs_input_close(ss_pairs_input *input);

/* 1: a pair, whose strings live in the arena (or the taxonomy); 0: the end; -1: error. After SS_INPUT, which names the
 * line, and SS_LIMIT (a line that is too long) the next call goes on behind it; other errors are final. The arena is
 * the caller's to reset. */
int ss_pairs_input_next(ss_pairs_input *input, ss_arena *arena, ss_pair *out, ss_error *err);

/* Bytes read and in all (0 = not known), for progress bars; CSV: 0 and 0. */
void ss_pairs_input_position(const ss_pairs_input *input, size_t *done, size_t *total);

#endif
