/* index.h - encoder + taxonomy -> release: what `skillstream index` does.
 *
 * Embeds every prototype, fits the calibration if a file is given, and writes the release file. The same inputs give
 * the same bytes, apart from created_at, which follows SOURCE_DATE_EPOCH when that is set.
 */
#ifndef SKILLSTREAM_MATCH_INDEX_H
#define SKILLSTREAM_MATCH_INDEX_H

#include <stddef.h>

#include "base/error.h"
#include "base/hash.h"
#include "match/calibration.h"
#include "match/gate.h"
#include "match/manifest.h"

/* Notes for the manifest about a release whose skills are embedded already (so that an evaluation can be among them).
 * They are the callee's and must live until ss_index_build returns. -1 with *err: nothing is written. */
typedef int ss_index_describe(void *ctx, const ss_taxonomy *taxonomy, const ss_skill_matrix *matrix,
                              ss_embedder *embedder, const ss_note **notes, size_t *count, ss_error *err);

typedef struct ss_index_options {
    const char *encoder_dir;      /* sentence-transformers folder */
    const char *encoder_name;     /* for the manifest; NULL = the folder's name */
    const char *taxonomy_path;    /* CSV, "-" or gzip */
    const char *taxonomy_name;    /* NULL = from the file, see ss_taxonomy_read */
    const char *taxonomy_version; /* NULL = from the file */
    unsigned prototypes;          /* set of ss_prototype_kind; 0 = label */
    ss_score_kind score;
    ss_ranking ranking;
    const char *calibrate_path;  /* NULL = the default calibration */
    const char *gate_path;       /* labelled sentences for a gate (gate.h); NULL = no gate */
    const char *name;            /* of the release; NULL = "<encoder>-<taxonomy>" */
    const char *precision;       /* "fp32" (or NULL) or "int8"; another is SS_UNSUPPORTED */
    const char *program;         /* "skillstream 0.1.0", for the manifest */
    size_t threads;              /* 0 = one per processor */
    ss_index_describe *describe; /* NULL = no notes */
    void *describe_ctx;
    const char *out_path;
} ss_index_options;

/* Where the work stands: called on the calling thread; `what` is "embedding skills" or "calibrating". */
typedef void ss_index_progress(void *ctx, const char *what, size_t done, size_t total);

typedef struct ss_index_report {
    char digest[SS_SHA256_HEX + 1];
    size_t skills, prototypes, dims, bytes;
    double seconds;
    ss_calibration calibration;
    int calibrated; /* 1: `fit` is filled */
    ss_calibration_report fit;
    int gated; /* 1: `gate` is filled */
    ss_gate_report gate;
} ss_index_report;

/* `progress` may be NULL. Nothing is written unless everything succeeded. */
int ss_index_build(const ss_index_options *options, ss_index_progress *progress, void *ctx, ss_index_report *report,
                   ss_error *err);

#endif
