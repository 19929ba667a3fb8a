/* inspect_engine.h - one or two releases that tag an ad, for `skillstream inspect`.
 *
 * Mentions are kept down to probability 0 (the best `top` of each sentence), so that the page can move the threshold
 * without asking again: those at or above a threshold are the ones that `skillstream extract --threshold` keeps.
 *
 * Threads: any may extract; one at a time does, the others wait. All else is constant.
 */
#ifndef SKILLSTREAM_WORKER_CLI_INSPECT_ENGINE_H
#define SKILLSTREAM_WORKER_CLI_INSPECT_ENGINE_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/options.h"
#include "stream/ad.h"
#include "worker/extract/extract_settings.h"

enum { SS_INSPECT_RELEASES = 2 };

typedef struct ss_inspect_engine ss_inspect_engine;

typedef struct ss_inspect_sources {
    const char *names[SS_INSPECT_RELEASES]; /* a file, or the (shortened) digest of a release in Redis. First NULL: the
                                               one in use there; second NULL: none */
    const char *redis;                      /* URL or NULL */
    int64_t patience_ms;                    /* for Redis */
    const ss_strings *trusted_keys; /* files; of releases in Redis only those are taken that such a key signed */
} ss_inspect_sources;

/* `settings` decide as for `extract`, but for threshold and text; must outlive the engine. */
ss_inspect_engine *ss_inspect_engine_new(const ss_inspect_sources *sources, const ss_extract_settings *settings,
                                         ss_error *err);
void ss_inspect_engine_free(ss_inspect_engine *engine);

size_t ss_inspect_engine_count(const ss_inspect_engine *engine);
const ss_release *ss_inspect_engine_release(const ss_inspect_engine *engine, size_t i);

/* The threshold that the page starts with: the settings', or the release's own. */
double ss_inspect_engine_threshold(const ss_inspect_engine *engine, size_t i);

/* Appends {"results":[{"seconds":S,"record":{...}}, ...]}, a result per release. -1: SS_INPUT when the ad is at fault,
 * SS_LIMIT when the answer is too long for `out`. */
int ss_inspect_extract(ss_inspect_engine *engine, const ss_ad *ad, ss_buffer *out, ss_error *err);

#endif
