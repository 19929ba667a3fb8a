/* ads_input.h - ads from files or standard input, for extract, publish and demo.
 *
 * JSON lines give one ad a line; "text" and "html" make the whole of each file one ad, named by the file. A line that
 * is no ad is reported and counted, and reading goes on.
 */
#ifndef SKILLSTREAM_WORKER_CLI_ADS_INPUT_H
#define SKILLSTREAM_WORKER_CLI_ADS_INPUT_H

#include "base/arena.h"
#include "base/error.h"
#include "base/options.h"
#include "stream/ad.h"

typedef struct ss_ads_input ss_ads_input;

/* One ad and the bytes it was read from. */
typedef struct ss_input_ad {
    ss_ad ad;
    ss_slice raw;     /* the line, or the file */
    const char *path; /* "-" = standard input */
    size_t line;      /* from 1; 0 = the whole file */
} ss_input_ad;

/* `files` none = standard input. format: "jsonl", "text" or "html". report(context, text) is told of each bad line. */
ss_ads_input *ss_ads_input_open(const ss_strings *files, const char *format, void (*report)(void *, const char *),
                                void *context, ss_error *err);

/* 1: *out, whose bytes are in `arena`; 0: end; -1: a file that cannot be read. */
int ss_ads_input_next(ss_ads_input *input, ss_arena *arena, ss_input_ad *out, ss_error *err);

size_t ss_ads_input_bad(const ss_ads_input *input); /* lines that were no ad so far */
void ss_ads_input_close(ss_ads_input *input);

#endif
