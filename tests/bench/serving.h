/* serving.h - what the C programs of the benchmarks share: the texts of a file, and the line protocol by which passes
 * of several programs are interleaved in one run (../../../shared/peers/bench_encoder.py, engines "cmd:").
 *
 * The protocol: the program prints "ready"; at each line "go" it makes one pass over its texts and prints the number of
 * tokens; at "dump FILE" it writes what the pass gave and prints "ok", or "no" if it has nothing to show.
 */
#ifndef SKILLSTREAM_TESTS_BENCH_SERVING_H
#define SKILLSTREAM_TESTS_BENCH_SERVING_H

#include <stddef.h>

#include "base/error.h"
#include "nn/embed.h"

typedef struct bench_texts {
    ss_string_view *texts; /* (count) each in memory of its own */
    size_t count;
} bench_texts;

/* One text a line; plain or gzip. Free it also after a failure. */
int bench_read_texts(const char *path, bench_texts *texts, ss_error *err);
void bench_free_texts(bench_texts *texts);

typedef int bench_pass(void *context, size_t *tokens, ss_error *err);
typedef int bench_dump(void *context, const char *path, ss_error *err);

/* Serves until standard input ends. dump may be NULL. -1: a pass or dump failed. */
int bench_serve(bench_pass *pass, bench_dump *dump, void *context, ss_error *err);

#endif
