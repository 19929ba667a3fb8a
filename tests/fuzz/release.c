/* release.c - a release from a file, and the blobs of one whose digests are right: whoever may write a release must not
 * be able to do more than make a bad one.
 *
 * The first byte decides what the rest is: 'f' a release file, 'm' a manifest, and by the letters in `blobs` one blob
 * of an otherwise good release, with the manifest's digest of it made right. A release that opens must work.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "extract/tiny_release.h"
#include "fuzz/fuzz.h"
#include "nn/embed.h"

static const struct {
    char letter;
    const char *name;
} blobs[] = {{'r', "matrix/rows"},
             {'v', "matrix/values"},
             {'t', "taxonomy"},
             {'g', "gate"},
             {'w', "encoder/model.safetensors"},
             {'c', "encoder/config.json"},
             {'s', "encoder/sentence_bert_config.json"},
             {'p', "encoder/1_Pooling/config.json"},
             {'o', "encoder/modules.json"},
             {'k', "encoder/vocab.txt"},
             {'z', "encoder/tokenizer_config.json"}};

static tiny_release tiny;
static ss_pool *pool;

static void end(void)
{
    ss_pool_free(pool);
    tiny_release_free(&tiny);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    tiny_release_make(&tiny);
    pool = ss_pool_new(1, NULL);
    FUZZ_CHECK(pool);
    atexit(end);
    return 0;
}

/* Embeds a sentence and asks for its skills. Weights may be anything: so may scores. */
static void use(ss_release *release)
{
    ss_error err;
    ss_string_view text = {.data = "Java, and a little SQL.", .len = 23};
    const ss_skill_matrix *matrix = ss_release_matrix(release);
    size_t dims = ss_encoder_dims(ss_release_encoder(release));
    float *vector = malloc(dims * sizeof *vector);
    ss_embedder *embedder = ss_embedder_new(ss_release_encoder(release), pool, &err);
    ss_match_scratch *scratch = ss_match_scratch_new(matrix, 4, &err);
    ss_hit hits[4];
    uint32_t count = 0;
    FUZZ_CHECK(vector && embedder && scratch);
    FUZZ_CHECK(!ss_embed_texts(embedder, &text, 1, vector, NULL, NULL, &err));
    ss_skill_matrix_top(matrix, scratch, vector, 1, 4, hits, &count);
    FUZZ_CHECK(count <= 4);
    for (uint32_t i = 0; i < count; i++) FUZZ_CHECK(hits[i].skill < ss_skill_matrix_skills(matrix));
    if (ss_release_gate(release)) ss_gate_logit(ss_release_gate(release), vector);
    ss_match_scratch_free(scratch);
    ss_embedder_free(embedder);
    free(vector);
}

static int give(void *ctx, size_t index, const char *name, unsigned char *into, size_t size, ss_error *err)
{
    const ss_fileset *set = ctx;
    (void)name;
    (void)err;
    FUZZ_CHECK(size == set->items[index].len);
    memcpy(into, set->items[index].data, size);
    return 0;
}

/* The tiny release with one blob put in another's place, or added. */
static void open_with(const char *name, const uint8_t *data, size_t size)
{
    const ss_fileset *old = ss_release_blobs(tiny.release);
    ss_named_bytes items[SS_RELEASE_MAX_BLOBS];
    ss_blob_info infos[SS_RELEASE_MAX_BLOBS];
    ss_fileset set = {.items = items, .count = old->count};
    memcpy(items, old->items, old->count * sizeof *items);
    ss_named_bytes *place = (ss_named_bytes *)(uintptr_t)ss_fileset_find(&set, name);
    if (!place) place = &items[set.count++];
    *place = (ss_named_bytes){.name = (char *)(uintptr_t)name, .data = data, .len = size};
    for (size_t i = 0; i < set.count; i++) {
        infos[i] = (ss_blob_info){.name = items[i].name, .size = items[i].len};
        FUZZ_CHECK(!ss_sha256_hex(items[i].data, items[i].len, infos[i].sha256, NULL));
    }
    ss_manifest manifest = *ss_release_manifest(tiny.release);
    manifest.blobs = infos;
    manifest.blob_count = set.count;
    ss_buffer json;
    ss_error err = {0};
    ss_buffer_init(&json, SS_MANIFEST_MAX_BYTES);
    FUZZ_CHECK(!ss_manifest_write(&manifest, &json, NULL));
    ss_release *release = ss_release_from_blobs(json.data, json.len, NULL, give, &set, &err);
    FUZZ_CHECK(release || (err.status != SS_OK && err.status != SS_INTERNAL && err.text[0]));
    if (release) use(release);
    ss_release_drop(release);
    ss_buffer_free(&json);
}

static void open_file(const uint8_t *data, size_t size)
{
    char path[64];
    ss_error err = {0};
    int file = fuzz_file_open(data, size);
    ss_release *release = ss_release_open(fuzz_file_path(file, path), &err);
    FUZZ_CHECK(release || (err.status != SS_OK && err.text[0]));
    if (release) use(release);
    ss_release_drop(release);
    fuzz_file_close(file);
}

/* What is read is written in one form, which reads as the same. */
static void read_manifest(const uint8_t *data, size_t size)
{
    ss_arena arena;
    ss_manifest manifest, back;
    ss_buffer once, twice;
    ss_arena_init(&arena, 0, 0);
    ss_buffer_init(&once, SS_MANIFEST_MAX_BYTES * 8);
    ss_buffer_init(&twice, SS_MANIFEST_MAX_BYTES * 8);
    if (!ss_manifest_parse(data, size, &arena, &manifest, NULL)) {
        FUZZ_CHECK(manifest.blob_count <= SS_RELEASE_MAX_BLOBS && isfinite(manifest.calibration.slope));
        FUZZ_CHECK(!ss_manifest_write(&manifest, &once, NULL));
        FUZZ_CHECK(!ss_manifest_parse(once.data, once.len, &arena, &back, NULL));
        FUZZ_CHECK(!ss_manifest_write(&back, &twice, NULL));
        FUZZ_CHECK(once.len == twice.len && !memcmp(once.data, twice.data, once.len));
    }
    ss_buffer_free(&once);
    ss_buffer_free(&twice);
    ss_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size) return 0;
    if (data[0] == 'f') open_file(data + 1, size - 1);
    if (data[0] == 'm') read_manifest(data + 1, size - 1);
    for (size_t i = 0; i < sizeof blobs / sizeof *blobs; i++)
        if (data[0] == blobs[i].letter) open_with(blobs[i].name, data + 1, size - 1);
    return 0;
}
