/* release.c - opening, verifying and sharing a release; see release.h. The file's layout is in release_file.c.
 *
 * Whether the blobs lie in a mapped file or in memory that a source filled, they become one set of named bytes; from
 * there on both ways are the same: compare every digest, then make encoder, matrix and taxonomy, which use weights and
 * matrix in place. Order of destruction is the reverse, the bytes last.
 */
#include "match/release.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "match/release_file.h"

struct ss_release {
    atomic_int references;
    ss_arena arena;        /* manifest, names, file sets */
    ss_bytes file;         /* the mapped file, or empty */
    unsigned char *memory; /* blobs that a source filled, or NULL */
    char digest[SS_SHA256_HEX + 1];
    const char *json;
    size_t json_len;
    ss_manifest manifest;
    ss_fileset blobs, encoder_files;
    ss_encoder *encoder;
    int settled; /* the weights that the encoder copied are gone */
    ss_skill_matrix *matrix;
    ss_taxonomy *taxonomy;
    ss_span_labels *span_labels;
    ss_gate *gate;
};

static const char encoder_folder[] = "encoder/";

static ss_release *new_release(ss_error *err)
{
    ss_release *release = calloc(1, sizeof *release);
    if (!release) {
        ss_fail_memory(err, "opening a release");
        return NULL;
    }
    atomic_init(&release->references, 1);
    ss_arena_init(&release->arena, 0, 0);
    return release;
}

static void free_release(ss_release *release)
{
    ss_gate_free(release->gate);
    ss_span_labels_free(release->span_labels);
    ss_taxonomy_free(release->taxonomy);
    ss_skill_matrix_free(release->matrix);
    ss_encoder_free(release->encoder);
    ss_bytes_free(&release->file);
    free(release->memory);
    ss_arena_free(&release->arena);
    free(release);
}

/* Reads the manifest from release->json and makes the list of blobs, without their bytes. */
static int take_manifest(ss_release *release, const char *digest, ss_error *err)
{
    if (ss_sha256_hex(release->json, release->json_len, release->digest, err)) return -1;
    if (digest && strcmp(digest, release->digest))
        return ss_fail(err, SS_CORRUPT, "manifest: changed (its SHA-256 is %s, another was expected)", release->digest);
    if (ss_manifest_parse(release->json, release->json_len, &release->arena, &release->manifest, err)) return -1;
    size_t count = release->manifest.blob_count;
    release->blobs.items = ss_arena_calloc(&release->arena, count + 1, sizeof *release->blobs.items);
    if (!release->blobs.items) return ss_fail_memory(err, "opening a release");
    release->blobs.count = count;
    for (size_t i = 0; i < count; i++) {
        const char *name = release->manifest.blobs[i].name;
        release->blobs.items[i].name = ss_arena_copy(&release->arena, name, strlen(name));
        if (!release->blobs.items[i].name) return ss_fail_memory(err, "opening a release");
    }
    return 0;
}

static int verify(const ss_release *release, ss_error *err)
{
    for (size_t i = 0; i < release->blobs.count; i++) {
        const ss_named_bytes *blob = &release->blobs.items[i];
        char digest[SS_SHA256_HEX + 1];
        if (ss_sha256_hex(blob->data, blob->len, digest, err)) return -1;
        if (strcmp(digest, release->manifest.blobs[i].sha256))
            return ss_fail(err, SS_CORRUPT, "%s: changed (its SHA-256 is not the manifest's)", blob->name);
    }
    return 0;
}

/* The blobs under encoder/, by their names in the model folder. */
static int list_encoder_files(ss_release *release, ss_error *err)
{
    ss_fileset *files = &release->encoder_files;
    files->items = ss_arena_calloc(&release->arena, release->blobs.count + 1, sizeof *files->items);
    if (!files->items) return ss_fail_memory(err, "opening a release");
    for (size_t i = 0; i < release->blobs.count; i++) {
        ss_named_bytes item = release->blobs.items[i];
        if (strncmp(item.name, encoder_folder, sizeof encoder_folder - 1)) continue;
        item.name += sizeof encoder_folder - 1;
        files->items[files->count++] = item;
    }
    return 0;
}

static const ss_named_bytes *need_blob(const ss_release *release, const char *name, ss_error *err)
{
    const ss_named_bytes *blob = ss_fileset_find(&release->blobs, name);
    if (!blob) ss_fail(err, SS_CORRUPT, "%s: missing", name);
    return blob;
}

/* What the manifest says must be what the parts are. */
static int check_agreement(const ss_release *release, ss_error *err)
{
    const ss_manifest *m = &release->manifest;
    size_t skills = ss_skill_matrix_skills(release->matrix), dims = ss_skill_matrix_dims(release->matrix);
    if (skills != m->skills || skills != ss_taxonomy_count(release->taxonomy))
        return ss_fail(err, SS_CORRUPT, "%u skills in the manifest, %zu in the matrix, %zu in the taxonomy", m->skills,
                       skills, ss_taxonomy_count(release->taxonomy));
    if (dims != m->dims || dims != ss_encoder_dims(release->encoder))
        return ss_fail(err, SS_CORRUPT, "%u dimensions in the manifest, %zu in the matrix, %zu in the encoder", m->dims,
                       dims, ss_encoder_dims(release->encoder));
    if (ss_skill_matrix_rows(release->matrix) != m->prototypes || ss_skill_matrix_score(release->matrix) != m->score)
        return ss_fail(err, SS_CORRUPT, "matrix/rows: not the prototypes or the score of the manifest");
    return 0;
}

static int load_encoder(ss_release *release, ss_precision precision, ss_error *err)
{
    release->encoder = ss_encoder_load_with(&release->encoder_files, ss_engine_for(precision), err);
    return release->encoder ? 0 : ss_fail_in(err, "encoder");
}

/* Makes encoder, matrix and taxonomy. */
static int prepare(ss_release *release, ss_error *err)
{
    const ss_named_bytes *rows = need_blob(release, "matrix/rows", err);
    const ss_named_bytes *values = rows ? need_blob(release, "matrix/values", err) : NULL;
    const ss_named_bytes *taxonomy = values ? need_blob(release, "taxonomy", err) : NULL;
    if (!taxonomy) return -1;
    release->taxonomy = ss_taxonomy_decode(taxonomy->data, taxonomy->len, err);
    if (!release->taxonomy) return -1;
    release->matrix = ss_skill_matrix_decode(rows->data, rows->len, values->data, values->len, err);
    if (!release->matrix) return -1;
    ss_precision precision;
    if (ss_precision_parse(release->manifest.precision, &precision, err) || load_encoder(release, precision, err))
        return -1;
    if (check_agreement(release, err)) return -1;
    release->span_labels = ss_span_labels_new(release->taxonomy, err);
    if (!release->span_labels) return -1;
    const ss_named_bytes *gate = ss_fileset_find(&release->blobs, "gate");
    if (!gate) return 0;
    release->gate = ss_gate_decode(gate->data, gate->len, err);
    if (release->gate && ss_gate_dims(release->gate) != ss_encoder_dims(release->encoder))
        return ss_fail(err, SS_CORRUPT, "gate: of another encoder");
    return release->gate ? 0 : -1;
}

static int open_file(ss_release *release, const char *path, int run, ss_error *err)
{
    char digest[SS_SHA256_HEX + 1];
    if (ss_file_map(path, &release->file, err)) return -1;
    if (!ss_release_find_manifest(&release->file, &release->json, &release->json_len, digest, err) &&
        !take_manifest(release, digest, err) &&
        !ss_release_find_blobs(&release->file, release->json_len, &release->manifest, release->blobs.items, err) &&
        !verify(release, err) && !list_encoder_files(release, err) && (!run || !prepare(release, err)))
        return 0;
    return ss_fail_in(err, "%s", path);
}

static ss_release *open_release(const char *path, int run, ss_error *err)
{
    ss_release *release = new_release(err);
    if (!release || !open_file(release, path, run, err)) return release;
    free_release(release);
    return NULL;
}

ss_release *ss_release_open(const char *path, ss_error *err)
{
    return open_release(path, 1, err);
}

ss_release *ss_release_open_content(const char *path, ss_error *err)
{
    return open_release(path, 0, err);
}

/* Takes memory for all blobs and lets the source fill it. */
static int fetch_blobs(ss_release *release, ss_blob_source *source, void *ctx, ss_error *err)
{
    size_t total = SS_RELEASE_ALIGNMENT;
    for (size_t i = 0; i < release->blobs.count; i++) {
        uint64_t size = release->manifest.blobs[i].size; /* below 10^15 by ss_manifest_parse: the sum cannot overflow */
        total += ss_release_padded((size_t)size);
    }
    release->memory = aligned_alloc(SS_RELEASE_ALIGNMENT, total);
    if (!release->memory) return ss_fail(err, SS_MEMORY, "no memory for a release of %zu bytes", total);
    unsigned char *at = release->memory;
    for (size_t i = 0; i < release->blobs.count; i++) {
        ss_named_bytes *blob = &release->blobs.items[i];
        blob->data = at;
        blob->len = (size_t)release->manifest.blobs[i].size;
        if (source(ctx, i, blob->name, at, blob->len, err)) return -1;
        at += ss_release_padded(blob->len);
    }
    return 0;
}

ss_release *ss_release_from_blobs(const void *manifest, size_t len, const char *digest, ss_blob_source *source,
                                  void *ctx, ss_error *err)
{
    ss_release *release = new_release(err);
    if (!release) return NULL;
    release->json = ss_arena_copy(&release->arena, manifest, len);
    release->json_len = len;
    int bad = release->json ? 0 : ss_fail_memory(err, "opening a release");
    if (!bad && !take_manifest(release, digest, err) && !fetch_blobs(release, source, ctx, err) &&
        !verify(release, err) && !list_encoder_files(release, err) && !prepare(release, err))
        return release;
    free_release(release);
    return NULL;
}

int ss_release_set_precision(ss_release *release, const char *name, ss_error *err)
{
    ss_precision precision;
    if (!name) return 0;
    if (ss_precision_parse(name, &precision, err)) return -1;
    if (release->encoder && ss_encoder_precision(release->encoder) == precision) return 0;
    if (release->settled) return ss_fail(err, SS_INTERNAL, "the precision of a settled release cannot change");
    ss_encoder_free(release->encoder);
    release->encoder = NULL;
    return load_encoder(release, precision, err);
}

void ss_release_settle(ss_release *release)
{
    size_t count;
    const ss_copied_weights *copied = ss_encoder_copied(release->encoder, &count);
    release->settled = 1;
    for (size_t i = 0; i < count; i++) ss_pages_give_back(copied[i].data, copied[i].len);
}

ss_release *ss_release_keep(ss_release *release)
{
    atomic_fetch_add_explicit(&release->references, 1, memory_order_relaxed);
    return release;
}

void ss_release_drop(ss_release *release)
{
    if (release && atomic_fetch_sub_explicit(&release->references, 1, memory_order_acq_rel) == 1) free_release(release);
}

const char *ss_release_digest(const ss_release *release)
{
    return release->digest;
}

const ss_manifest *ss_release_manifest(const ss_release *release)
{
    return &release->manifest;
}

const char *ss_release_manifest_json(const ss_release *release, size_t *len)
{
    *len = release->json_len;
    return release->json;
}

const ss_fileset *ss_release_blobs(const ss_release *release)
{
    return &release->blobs;
}

const ss_fileset *ss_release_encoder_files(const ss_release *release)
{
    return &release->encoder_files;
}

const ss_encoder *ss_release_encoder(const ss_release *release)
{
    return release->encoder;
}

const ss_skill_matrix *ss_release_matrix(const ss_release *release)
{
    return release->matrix;
}

const ss_taxonomy *ss_release_taxonomy(const ss_release *release)
{
    return release->taxonomy;
}

const ss_gate *ss_release_gate(const ss_release *release)
{
    return release->gate;
}

const ss_span_labels *ss_release_span_labels(const ss_release *release)
{
    return release->span_labels;
}

int ss_release_write(const ss_manifest *manifest, const ss_fileset *blobs, const char *path,
                     char digest[SS_SHA256_HEX + 1], ss_error *err)
{
    ss_blob_info infos[SS_RELEASE_MAX_BLOBS];
    if (blobs->count > SS_RELEASE_MAX_BLOBS)
        return ss_fail(err, SS_LIMIT, "a release of %zu blobs; the limit is %d", blobs->count, SS_RELEASE_MAX_BLOBS);
    for (size_t i = 0; i < blobs->count; i++) {
        for (size_t j = 0; j < i; j++)
            if (!strcmp(infos[j].name, blobs->items[i].name))
                return ss_fail(err, SS_INPUT, "two blobs are called %s", infos[j].name);
        infos[i] = (ss_blob_info){.name = blobs->items[i].name, .size = blobs->items[i].len};
        if (ss_sha256_hex(blobs->items[i].data, blobs->items[i].len, infos[i].sha256, err)) return -1;
    }
    ss_manifest full = *manifest;
    full.blobs = infos;
    full.blob_count = blobs->count;
    ss_buffer json;
    ss_buffer_init(&json, SS_MANIFEST_MAX_BYTES);
    int bad = ss_manifest_write(&full, &json, err) || ss_sha256_hex(json.data, json.len, digest, err) ||
              ss_release_write_file(path, json.data, json.len, digest, blobs, err);
    ss_buffer_free(&json);
    return bad ? -1 : 0;
}
