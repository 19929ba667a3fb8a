/* release.h - encoder, tokenizer, skill matrix, taxonomy and thresholds as one immutable thing with a name.
 *
 * A release is a manifest (manifest.h) and blobs. Its digest, the SHA-256 of the manifest's bytes, is its name
 * everywhere: in records, in Redis, on the command line. As a file:
 *
 *   offset 0   8 bytes   magic "SKILLREL"
 *          8   4 bytes   format version, little-endian (1)
 *         12   4 bytes   manifest length M, little-endian
 *         16  64 bytes   the digest, so that a changed manifest is known for one
 *         80   M bytes   manifest
 *              padding with zeros to a multiple of 64, then each blob in the manifest's order, each padded likewise
 *
 * The file is mapped and weights and matrix are used where they lie, so several workers on one machine share the pages.
 * Every digest is verified before anything is used.
 *
 * A release is immutable, shared by all threads and reference-counted: the worker holds the old one until
 * its last batch is through. The count is atomic; everything else may be read without a lock.
 */
#ifndef SKILLSTREAM_MATCH_RELEASE_H
#define SKILLSTREAM_MATCH_RELEASE_H

#include <stddef.h>

#include "base/error.h"
#include "base/file.h"
#include "match/gate.h"
#include "match/manifest.h"
#include "match/skill_matrix.h"
#include "match/span.h"
#include "match/taxonomy.h"
#include "nn/encoder.h"

typedef struct ss_release ss_release;

/* Opens a release file to work with it: verified, matrix ready, and the encoder in the manifest's precision. The
 * reference belongs to the caller. SS_NOT_FOUND, SS_IO; SS_INPUT: not a release at all; SS_CORRUPT: cut off or changed,
 * naming the blob; SS_UNSUPPORTED: a newer format. */
ss_release *ss_release_open(const char *path, ss_error *err);

/* The same without making encoder, matrix and taxonomy, for whoever only passes it on (`release push`): those three
 * are NULL. */
ss_release *ss_release_open_content(const char *path, ss_error *err);

/* Fills `into` with the `size` bytes of blob `index` (called `name`), or fails. Called once per blob, in order. */
typedef int ss_blob_source(void *ctx, size_t index, const char *name, unsigned char *into, size_t size, ss_error *err);

/* A release from parts that come from elsewhere (Redis). `digest` (NULL = any) is what the manifest must hash to. */
ss_release *ss_release_from_blobs(const void *manifest, size_t len, const char *digest, ss_blob_source *source,
                                  void *ctx, ss_error *err);

/* Makes the encoder anew for another precision than the manifest's ("fp32", "int8"; NULL or the same: nothing happens).
 * The skill matrix stays as it was made. Only before the release is shared: pointers to the encoder become invalid. An
 * unknown name changes nothing (SS_UNSUPPORTED); after any other failure there is no encoder, and the release can only
 * be dropped. */
int ss_release_set_precision(ss_release *release, const char *precision, ss_error *err);

/* Gives back the memory of weights that the encoder has copied (42 MB of a MiniLM release from Redis). Only before the
 * release is shared, and once its precision is what it stays: another one is then refused (SS_INTERNAL), and the
 * encoder's blobs must not be read. */
void ss_release_settle(ss_release *release);

ss_release *ss_release_keep(ss_release *release); /* returns its argument */
void ss_release_drop(ss_release *release);        /* NULL is fine; the last drop frees */

const char *ss_release_digest(const ss_release *release); /* 64 hex characters */
const ss_manifest *ss_release_manifest(const ss_release *release);
const char *ss_release_manifest_json(const ss_release *release, size_t *len); /* the bytes that are hashed */

/* All blobs, in the manifest's order; and the encoder's files under their own names. */
const ss_fileset *ss_release_blobs(const ss_release *release);
const ss_fileset *ss_release_encoder_files(const ss_release *release);

const ss_encoder *ss_release_encoder(const ss_release *release);
const ss_skill_matrix *ss_release_matrix(const ss_release *release);
const ss_taxonomy *ss_release_taxonomy(const ss_release *release);
const ss_span_labels *ss_release_span_labels(const ss_release *release);
const ss_gate *ss_release_gate(const ss_release *release); /* NULL: the release has none */

/* Writes a release file atomically. Sizes and digests of manifest->blobs are filled in by this function from
 * `blobs`, whose names become the blobs' names; manifest->blobs itself is ignored. */
int ss_release_write(const ss_manifest *manifest, const ss_fileset *blobs, const char *path,
                     char digest[SS_SHA256_HEX + 1], ss_error *err);

#endif
