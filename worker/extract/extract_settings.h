/* extract_settings.h - options that `skillstream extract`, `demo` and the worker share: what decides a record.
 *
 * They are one macro list, so that the three tables cannot drift apart.
 */
#ifndef SKILLSTREAM_WORKER_EXTRACT_EXTRACT_SETTINGS_H
#define SKILLSTREAM_WORKER_EXTRACT_EXTRACT_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "base/options.h"
#include "worker/extract/extractor.h"

typedef struct ss_extract_settings {
    double threshold, gate_threshold;
    uint64_t top, max_ad_bytes, max_sentences, threads;
    int with_text;
    const char *precision; /* NULL: the release's own */
    const char *filter;    /* one of SS_FILTER_WORDS */
} ss_extract_settings;

/* Table rows for a struct `S` that holds an ss_extract_settings as its member `m`. */
#define SS_EXTRACT_OPTIONS(S, m)                                                                                       \
    {"threshold",                                                                                                      \
     SS_OPT_REAL,                                                                                                      \
     offsetof(S, m.threshold),                                                                                         \
     NULL,                                                                                                             \
     "0..1",                                                                                                           \
     "P",                                                                                                              \
     "Result",                                                                                                         \
     "Keep a mention when its calibrated probability is at least P. Default: the release's own threshold.",            \
     SS_OPT_RESULT},                                                                                                   \
        {"gate-threshold",                                                                                             \
         SS_OPT_REAL,                                                                                                  \
         offsetof(S, m.gate_threshold),                                                                                \
         "0",                                                                                                          \
         "0..1",                                                                                                       \
         "P",                                                                                                          \
         NULL,                                                                                                         \
         "Do not link a sentence whose probability to ask for any skill, by the release's gate, is below P. The gate " \
         "counts in every mention's probability anyway; 0: no further bar.",                                           \
         SS_OPT_RESULT},                                                                                               \
        {"top",                                                                                                        \
         SS_OPT_COUNT,                                                                                                 \
         offsetof(S, m.top),                                                                                           \
         "5",                                                                                                          \
         "1..32",                                                                                                      \
         "N",                                                                                                          \
         NULL,                                                                                                         \
         "Keep at most N skills of a sentence.",                                                                       \
         SS_OPT_RESULT},                                                                                               \
        {"filter",                                                                                                     \
         SS_OPT_CHOICE,                                                                                                \
         offsetof(S, m.filter),                                                                                        \
         "careful",                                                                                                    \
         SS_FILTER_WORDS,                                                                                              \
         "LEVEL",                                                                                                      \
         NULL,                                                                                                         \
         "Sentences that ask for no skill are told by their words and not embedded, which saves a third of the time. " \
         "careful: one mention in a hundred is lost, mostly wrong ones; fast: drops more, and more is lost; off: "     \
         "every "                                                                                                      \
         "sentence is embedded. Taxonomies of fewer than 3000 skills are never filtered.",                             \
         SS_OPT_RESULT},                                                                                               \
        {"with-text",                                                                                                  \
         SS_OPT_FLAG,                                                                                                  \
         offsetof(S, m.with_text),                                                                                     \
         "false",                                                                                                      \
         NULL,                                                                                                         \
         NULL,                                                                                                         \
         NULL,                                                                                                         \
         "Put the ad's plain text and the words of each mention into the record.",                                     \
         SS_OPT_RESULT},                                                                                               \
        {"max-ad-bytes",                                                                                               \
         SS_OPT_BYTES,                                                                                                 \
         offsetof(S, m.max_ad_bytes),                                                                                  \
         "8M",                                                                                                         \
         "1..268435456",                                                                                               \
         "BYTES",                                                                                                      \
         NULL,                                                                                                         \
         "An ad with a larger body is refused (worker: becomes a dead letter).",                                       \
         SS_OPT_RESULT},                                                                                               \
        {"max-sentences",                                                                                              \
         SS_OPT_COUNT,                                                                                                 \
         offsetof(S, m.max_sentences),                                                                                 \
         "10000",                                                                                                      \
         "1..100000000",                                                                                               \
         "N",                                                                                                          \
         NULL,                                                                                                         \
         "An ad with more sentences is refused (worker: becomes a dead letter). Real ads have a few hundred at most; " \
         "each costs a pass through the encoder, and an ad is not interrupted.",                                       \
         SS_OPT_RESULT},                                                                                               \
        {"precision",                                                                                                  \
         SS_OPT_CHOICE,                                                                                                \
         offsetof(S, m.precision),                                                                                     \
         NULL,                                                                                                         \
         "fp32|int8",                                                                                                  \
         "P",                                                                                                          \
         NULL,                                                                                                         \
         "Arithmetic of the encoder; int8 is several times faster. Default: the one that the release was made with.",  \
         SS_OPT_RESULT},                                                                                               \
    {                                                                                                                  \
        "threads", SS_OPT_COUNT, offsetof(S, m.threads), "0", "0..1024", "N", "Machine",                               \
            "Compute threads; 0: one per processor that this process may use.", 0                                      \
    }

/* Gives a release that was just opened the precision asked for, settles it (release.h) and returns it; NULL (after
 * dropping it) when that fails. A NULL release passes through, so that calls can be nested. */
ss_release *ss_extract_settings_take(const ss_extract_settings *settings, ss_release *release, ss_error *err);

/* `digest` (of the options) must outlive the use of *out. */
void ss_extract_settings_apply(const ss_extract_settings *settings, const char *digest, ss_extract_options *out);

#endif
