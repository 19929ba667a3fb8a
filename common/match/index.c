/* index.c - see index.h.
 *
 * Everything that can be wrong with the inputs is found before the long part begins: taxonomy, calibration file,
 * encoder and output folder are checked first, then the prototypes are embedded.
 */
#include "match/index.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/pool.h"
#include "match/gate.h"
#include "match/labelled.h"
#include "match/prototypes.h"
#include "match/release.h"
#include "nn/embed.h"
#include "nn/model_files.h"

/* Everything that lives while an index is built. */
typedef struct work {
    const ss_index_options *options;
    ss_index_progress *progress;
    void *ctx;
    const char *what; /* what is embedded now, and how many */
    size_t total;
    char encoder_name[NAME_MAX + 1];
    char release_name[2 * NAME_MAX];
    ss_taxonomy *taxonomy;
    ss_labelled_set *labelled, *gate_sentences;
    ss_gate *gate;
    ss_model_files *files;
    ss_encoder *encoder;
    ss_pool *pool;
    ss_embedder *embedder;
    ss_prototypes prototypes;
    ss_skill_matrix *matrix;
    const ss_note *notes;
    size_t note_count;
} work;

static void release_work(work *w)
{
    ss_skill_matrix_free(w->matrix);
    ss_prototypes_free(&w->prototypes);
    ss_embedder_free(w->embedder);
    ss_pool_free(w->pool);
    ss_encoder_free(w->encoder);
    ss_model_files_close(w->files);
    ss_labelled_free(w->labelled);
    ss_labelled_free(w->gate_sentences);
    ss_gate_free(w->gate);
    ss_taxonomy_free(w->taxonomy);
}

/* The folder that the release goes to must be there and writable. */
static int check_out(const char *path, ss_error *err)
{
    char *copy = strdup(path);
    if (!copy) return ss_fail_memory(err, "building an index");
    const char *folder = dirname(copy);
    int bad = access(folder, W_OK | X_OK);
    if (bad) ss_fail(err, errno == ENOENT ? SS_NOT_FOUND : SS_IO, "%s: %s", folder, strerror(errno));
    free(copy);
    return bad;
}

/* The last part of the folder's real path: "." has a name, too. */
static int name_encoder(work *w, ss_error *err)
{
    if (w->options->encoder_name) {
        snprintf(w->encoder_name, sizeof w->encoder_name, "%s", w->options->encoder_name);
        return 0;
    }
    char *real = realpath(w->options->encoder_dir, NULL);
    if (!real) return ss_fail(err, SS_NOT_FOUND, "%s: %s", w->options->encoder_dir, strerror(errno));
    snprintf(w->encoder_name, sizeof w->encoder_name, "%s", strrchr(real, '/') + 1);
    free(real);
    return 0;
}

static int read_inputs(work *w, ss_error *err)
{
    const ss_index_options *o = w->options;
    ss_precision precision;
    if (ss_precision_parse(o->precision ? o->precision : "fp32", &precision, err) || check_out(o->out_path, err) ||
        name_encoder(w, err))
        return -1;
    w->taxonomy = ss_taxonomy_read(o->taxonomy_path, o->taxonomy_name, o->taxonomy_version, err);
    if (!w->taxonomy) return -1;
    if (o->calibrate_path) {
        w->labelled = ss_labelled_read(o->calibrate_path, SS_LABELLED_TRAINING, w->taxonomy, err);
        if (!w->labelled || ss_labelled_check(w->labelled, o->calibrate_path, err)) return -1;
    }
    if (o->gate_path) {
        w->gate_sentences = ss_labelled_read(o->gate_path, SS_LABELLED_TRAINING, w->taxonomy, err);
        if (!w->gate_sentences) return -1;
    }
    w->files = ss_model_files_open(o->encoder_dir, err);
    if (!w->files) return -1;
    w->encoder = ss_encoder_load_with(ss_model_files_set(w->files), ss_engine_for(precision), err);
    if (!w->encoder) return ss_fail_in(err, "%s", o->encoder_dir);
    w->pool = ss_pool_new(o->threads, err);
    w->embedder = w->pool ? ss_embedder_new(w->encoder, w->pool, err) : NULL;
    if (!w->embedder) return -1;
    return ss_prototypes_list(w->taxonomy, o->prototypes, &w->prototypes, err);
}

static void on_progress(void *ctx, size_t done)
{
    const work *w = ctx;
    if (w->progress) w->progress(w->ctx, w->what, done, w->total);
}

static int embed_skills(work *w, ss_error *err)
{
    w->what = "embedding skills";
    w->total = w->prototypes.count;
    on_progress(w, 0);
    w->matrix = ss_skill_matrix_build(w->embedder, &w->prototypes, ss_taxonomy_count(w->taxonomy), w->options->score,
                                      on_progress, w, err);
    return w->matrix ? 0 : -1;
}

static int fit_gate(work *w, ss_index_report *report, ss_error *err)
{
    if (!w->gate_sentences) return 0;
    w->what = "fitting the gate";
    w->total = ss_labelled_count(w->gate_sentences);
    on_progress(w, 0);
    w->gate = ss_gate_from_labelled(w->gate_sentences, w->embedder, on_progress, w, &report->gate, err);
    report->gated = w->gate != NULL;
    return w->gate ? 0 : ss_fail_in(err, "%s", w->options->gate_path);
}

static int calibrate(work *w, ss_index_report *report, ss_error *err)
{
    report->calibration = ss_calibration_default(w->gate != NULL);
    if (!w->labelled) return 0;
    w->what = "calibrating";
    w->total = ss_labelled_count(w->labelled);
    on_progress(w, 0);
    report->calibrated = 1;
    const ss_ranker ranker = {.weights = w->options->ranking};
    return ss_calibration_measure(w->labelled, w->options->calibrate_path, w->taxonomy, w->matrix, &ranker, w->gate,
                                  w->embedder, on_progress, w, &report->calibration, &report->fit, err);
}

static int describe_work(work *w, ss_error *err)
{
    const ss_index_options *o = w->options;
    if (!o->describe) return 0;
    return o->describe(o->describe_ctx, w->taxonomy, w->matrix, w->embedder, &w->notes, &w->note_count, err);
}

/* SOURCE_DATE_EPOCH (reproducible-builds.org) or now. */
static void creation_time(char out[32])
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    char *end = NULL;
    long long seconds = epoch && *epoch ? strtoll(epoch, &end, 10) : 0;
    int usable = end && !*end && seconds >= 0 && seconds < 253402300800LL; /* year 10000 */
    ss_wall_text(usable ? seconds * 1000 : ss_wall_ms(), out);
}

static ss_manifest describe(work *w, const ss_index_report *report, const char *created_at)
{
    const ss_index_options *o = w->options;
    snprintf(w->release_name, sizeof w->release_name, "%s-%s", w->encoder_name, ss_taxonomy_name(w->taxonomy));
    return (ss_manifest){.format = SS_RELEASE_FORMAT,
                         .name = o->name ? o->name : w->release_name,
                         .created_at = created_at,
                         .program = o->program ? o->program : "skillstream",
                         .encoder = w->encoder_name,
                         .precision = ss_precision_name(ss_encoder_precision(w->encoder)),
                         .dims = (uint32_t)ss_skill_matrix_dims(w->matrix),
                         .taxonomy_name = ss_taxonomy_name(w->taxonomy),
                         .taxonomy_version = ss_taxonomy_version(w->taxonomy),
                         .skills = (uint32_t)ss_skill_matrix_skills(w->matrix),
                         .prototypes = (uint32_t)ss_skill_matrix_rows(w->matrix),
                         .prototype_kinds = ss_skill_matrix_kinds(w->matrix),
                         .score = ss_skill_matrix_score(w->matrix),
                         .ranking = o->ranking,
                         .notes = w->notes,
                         .note_count = w->note_count,
                         .calibration = report->calibration};
}

/* The encoder's files as blobs, named encoder/<file>, then those of our own making. */
static int list_blobs(const work *w, ss_arena *arena, const ss_buffer *rows, const ss_buffer *taxonomy,
                      const ss_buffer *gate, ss_fileset *out, ss_error *err)
{
    const ss_fileset *files = ss_model_files_set(w->files);
    out->items = ss_arena_calloc(arena, files->count + 4, sizeof *out->items);
    if (!out->items) return ss_fail_memory(err, "writing the release");
    for (size_t i = 0; i < files->count; i++) {
        size_t room = strlen(files->items[i].name) + sizeof "encoder/";
        char *name = ss_arena_alloc(arena, room);
        if (!name) return ss_fail_memory(err, "writing the release");
        snprintf(name, room, "encoder/%s", files->items[i].name);
        out->items[out->count] = files->items[i];
        out->items[out->count++].name = name;
    }
    static char rows_name[] = "matrix/rows", values_name[] = "matrix/values", taxonomy_name[] = "taxonomy",
                gate_name[] = "gate";
    size_t values = ss_skill_matrix_rows(w->matrix) * ss_skill_matrix_dims(w->matrix) * sizeof(float);
    out->items[out->count++] = (ss_named_bytes){rows_name, (const unsigned char *)rows->data, rows->len};
    out->items[out->count++] =
        (ss_named_bytes){values_name, (const unsigned char *)ss_skill_matrix_values(w->matrix), values};
    out->items[out->count++] = (ss_named_bytes){taxonomy_name, (const unsigned char *)taxonomy->data, taxonomy->len};
    if (w->gate) out->items[out->count++] = (ss_named_bytes){gate_name, (const unsigned char *)gate->data, gate->len};
    return 0;
}

static int write_release(work *w, ss_index_report *report, ss_error *err)
{
    ss_buffer rows, taxonomy, gate;
    ss_buffer_init(&rows, SIZE_MAX);
    ss_buffer_init(&taxonomy, SIZE_MAX);
    ss_buffer_init(&gate, SIZE_MAX);
    ss_arena arena;
    ss_arena_init(&arena, 0, 0);
    char created_at[32];
    creation_time(created_at);
    ss_manifest manifest = describe(w, report, created_at);
    ss_fileset blobs = {0};
    int bad = ss_skill_matrix_encode_rows(w->matrix, &rows, err) || ss_taxonomy_encode(w->taxonomy, &taxonomy, err) ||
              (w->gate && ss_gate_encode(w->gate, &gate, err)) ||
              list_blobs(w, &arena, &rows, &taxonomy, &gate, &blobs, err) ||
              ss_release_write(&manifest, &blobs, w->options->out_path, report->digest, err);
    for (size_t i = 0; i < blobs.count; i++) report->bytes += blobs.items[i].len;
    ss_arena_free(&arena);
    ss_buffer_free(&gate);
    ss_buffer_free(&taxonomy);
    ss_buffer_free(&rows);
    return bad ? -1 : 0;
}

int ss_index_build(const ss_index_options *options, ss_index_progress *progress, void *ctx, ss_index_report *report,
                   ss_error *err)
{
    double began = ss_now();
    *report = (ss_index_report){0};
    work w = {.options = options, .progress = progress, .ctx = ctx};
    int bad = read_inputs(&w, err) || embed_skills(&w, err) || fit_gate(&w, report, err) ||
              calibrate(&w, report, err) || describe_work(&w, err) || write_release(&w, report, err);
    if (!bad) {
        report->skills = ss_skill_matrix_skills(w.matrix);
        report->prototypes = ss_skill_matrix_rows(w.matrix);
        report->dims = ss_skill_matrix_dims(w.matrix);
        report->seconds = ss_now() - began;
    }
    release_work(&w);
    return bad ? -1 : 0;
}
