/* manifest.h - what a release says about itself, as canonical JSON.
 *
 * The bytes are the proto3 JSON form of skillstream.v1.ReleaseManifest with sorted keys and no blanks. They list every
 * blob with size and SHA-256, so the SHA-256 of the manifest covers the whole release: it is the release's name.
 */
#ifndef SKILLSTREAM_MATCH_MANIFEST_H
#define SKILLSTREAM_MATCH_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"
#include "match/calibration.h"
#include "match/ranking.h"
#include "match/skill_matrix.h"

/* 2: calibration and ranking know words (overlap, place). Format 1 is still read; older programs refuse 2. */
enum { SS_RELEASE_FORMAT = 2, SS_RELEASE_MAX_BLOBS = 64, SS_MANIFEST_MAX_BYTES = 1 << 20 };

typedef struct ss_blob_info {
    const char *name; /* "encoder/config.json", "matrix/rows", "matrix/values", "taxonomy" */
    uint64_t size;
    char sha256[SS_SHA256_HEX + 1];
} ss_blob_info;

/* A remark for people and programs: how the encoder was trained, before and after. Names are unique; "score" is taken.
 */
typedef struct ss_note {
    const char *name, *text;
} ss_note;

/* No string is NULL. */
typedef struct ss_manifest {
    uint32_t format;
    const char *name;       /* what the user called it, or "" */
    const char *created_at; /* RFC 3339 */
    const char *program;    /* "skillstream 0.1.0" */
    const char *encoder;    /* the model folder's name */
    const char *precision;  /* "fp32" or "int8": of the encoder that made the skill matrix */
    uint32_t dims;
    const char *taxonomy_name;
    const char *taxonomy_version;
    uint32_t skills;
    uint32_t prototypes;
    unsigned prototype_kinds;
    ss_score_kind score;  /* in the notes, as "score" */
    const ss_note *notes; /* (note_count) the others, by name */
    size_t note_count;
    ss_ranking ranking; /* absent in older releases: 0, 0 */
    ss_calibration calibration;
    ss_blob_info *blobs;
    size_t blob_count;
} ss_manifest;

int ss_manifest_write(const ss_manifest *manifest, ss_buffer *out, ss_error *err);

/* Strings and blobs go to the arena. SS_CORRUPT for anything that is not such a manifest, SS_UNSUPPORTED for a newer
 * format. */
int ss_manifest_parse(const void *json, size_t len, ss_arena *arena, ss_manifest *out, ss_error *err);

#endif
