/* test_release.c - building, opening and sharing a release; every byte of the file changed, every length cut. */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "match/index.h"
#include "match/release.h"
#include "support/temp_folder.h"
#include "support/tiny_model.h"

static const char taxonomy[] = "id,label,alternatives,description,type\n"
                               "s/1,Java,Java SE|JDK,a language,knowledge\n"
                               "s/2,show empathy ,be kind,,\n"
                               "s/3,C++,,,knowledge\n";

typedef struct fixture {
    char *folder;
    char path[512]; /* of the release */
    ss_index_report report;
} fixture;

static ss_index_options options(const fixture *f, const char *out)
{
    static char encoder[512], csv[512];
    snprintf(encoder, sizeof encoder, "%s/encoder", f->folder);
    snprintf(csv, sizeof csv, "%s/skills.csv", f->folder);
    return (ss_index_options){.encoder_dir = encoder,
                              .taxonomy_path = csv,
                              .prototypes = SS_PROTOTYPE_LABEL | SS_PROTOTYPE_ALTERNATIVE,
                              .score = SS_SCORE_MEAN_LABEL_BEST,
                              .program = "skillstream test",
                              .threads = 1,
                              .out_path = out};
}

static int set_up(void **state)
{
    static fixture f;
    f.folder = temp_folder_make();
    snprintf(f.path, sizeof f.path, "%s/r.release", f.folder);
    mkdir(temp_path(f.folder, "encoder"), 0755);
    tiny_model_write(temp_path(f.folder, "encoder"), 1);
    temp_write_text(f.folder, "skills.csv", taxonomy);
    setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
    ss_index_options o = options(&f, f.path);
    ss_error err = {0};
    *state = &f;
    if (!ss_index_build(&o, NULL, NULL, &f.report, &err)) return 0;
    print_error("%s\n", err.text);
    return -1;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    temp_folder_remove(f->folder);
    return 0;
}

/* Opens the fixture's release, or says why it cannot. */
static ss_release *open_it(const fixture *f)
{
    ss_error err = {0};
    ss_release *r = ss_release_open(f->path, &err);
    if (!r) fail_msg("%s", err.text);
    return r;
}

static void says_what_it_is(void **state)
{
    const fixture *f = *state;
    ss_error err = {0};
    ss_release *r = open_it(f);
    const ss_manifest *m = ss_release_manifest(r);
    assert_string_equal(ss_release_digest(r), f->report.digest);
    assert_string_equal(m->name, "encoder-skills");
    assert_string_equal(m->created_at, "2023-11-14T22:13:20.000Z"); /* date -u -d @1700000000 */
    assert_string_equal(m->program, "skillstream test");
    assert_string_equal(m->encoder, "encoder");
    assert_string_equal(m->precision, "fp32");
    assert_string_equal(m->taxonomy_name, "skills");
    assert_int_equal(m->dims, TINY_MODEL_DIMS);
    assert_int_equal(m->skills, 3);
    assert_int_equal(m->prototypes, 6);
    assert_int_equal(m->prototype_kinds, SS_PROTOTYPE_LABEL | SS_PROTOTYPE_ALTERNATIVE);
    assert_int_equal(m->score, SS_SCORE_MEAN_LABEL_BEST);
    assert_string_equal(m->calibration.fitted_on, "default");
    assert_true(m->calibration.slope == ss_calibration_default(0).slope);
    size_t len;
    char digest[SS_SHA256_HEX + 1];
    const char *json = ss_release_manifest_json(r, &len);
    assert_int_equal(ss_sha256_hex(json, len, digest, &err), 0);
    assert_string_equal(digest, ss_release_digest(r));
    for (size_t i = 0; i < m->blob_count; i++) { /* the manifest tells the truth about every blob */
        const ss_named_bytes *blob = &ss_release_blobs(r)->items[i];
        assert_string_equal(blob->name, m->blobs[i].name);
        assert_int_equal(blob->len, m->blobs[i].size);
        assert_int_equal((uintptr_t)blob->data % 64, 0);
        assert_int_equal(ss_sha256_hex(blob->data, blob->len, digest, &err), 0);
        assert_string_equal(digest, m->blobs[i].sha256);
    }
    assert_non_null(ss_fileset_find(ss_release_encoder_files(r), "1_Pooling/config.json"));
    ss_release_drop(r);
}

/* The skill's own label is its nearest neighbour's text: its score is 1 when it is embedded again. */
static void works_as_the_parts_it_was_made_of(void **state)
{
    const fixture *f = *state;
    ss_error err = {0};
    ss_release *r = open_it(f);
    assert_string_equal(ss_taxonomy_skill(ss_release_taxonomy(r), 1)->label, "show empathy ");
    ss_pool *pool = ss_pool_new(1, &err);
    ss_embedder *embedder = ss_embedder_new(ss_release_encoder(r), pool, &err);
    ss_match_scratch *scratch = ss_match_scratch_new(ss_release_matrix(r), 3, &err);
    assert_true(pool && embedder && scratch);
    for (uint32_t s = 0; s < 3; s++) {
        const char *label = ss_taxonomy_skill(ss_release_taxonomy(r), s)->label;
        ss_string_view text = {label, strlen(label)};
        float vector[TINY_MODEL_DIMS];
        ss_hit hits[3];
        uint32_t count;
        assert_int_equal(ss_embed_texts(embedder, &text, 1, vector, NULL, NULL, &err), 0);
        ss_skill_matrix_top(ss_release_matrix(r), scratch, vector, 1, 3, hits, &count);
        assert_int_equal(hits[0].skill, s);
        assert_true(fabsf(hits[0].score - 1) < 1e-5f);
    }
    ss_match_scratch_free(scratch);
    ss_embedder_free(embedder);
    ss_pool_free(pool);
    ss_release_drop(r);
}

static void same_inputs_give_the_same_bytes(void **state)
{
    const fixture *f = *state;
    ss_error err = {0};
    char again[600];
    snprintf(again, sizeof again, "%s.again", f->path);
    ss_index_options o = options(f, again);
    o.threads = 2;
    ss_index_report report;
    assert_int_equal(ss_index_build(&o, NULL, NULL, &report, &err), 0);
    assert_string_equal(report.digest, f->report.digest);
    ss_bytes a, b;
    assert_int_equal(ss_file_map(f->path, &a, &err), 0);
    assert_int_equal(ss_file_map(again, &b, &err), 0);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    ss_bytes_free(&a);
    ss_bytes_free(&b);
}

static void check_damaged(const char *path, size_t at)
{
    ss_error err = {0};
    if (ss_release_open(path, &err)) fail_msg("a change at byte %zu was not noticed", at);
    ss_status expected = at < 8 ? SS_INPUT : at < 12 ? SS_UNSUPPORTED : SS_CORRUPT;
    if (err.status != expected) fail_msg("byte %zu: status %d: %s", at, (int)err.status, err.text);
}

static void notices_any_changed_byte(void **state)
{
    const fixture *f = *state;
    ss_error err = {0};
    ss_bytes original;
    assert_int_equal(ss_file_map(f->path, &original, &err), 0);
    const char *path = temp_path(f->folder, "changed.release");
    temp_write(f->folder, "changed.release", original.data, original.len);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    for (size_t at = 0; at < original.len; at++) {
        unsigned char changed = original.data[at] ^ (unsigned char)(1u << at % 8);
        assert_int_equal(pwrite(fd, &changed, 1, (off_t)at), 1);
        check_damaged(path, at);
        assert_int_equal(pwrite(fd, &original.data[at], 1, (off_t)at), 1);
    }
    close(fd);
    ss_release *r = ss_release_open(path, &err); /* all changes were taken back */
    assert_non_null(r);
    ss_release_drop(r);
    ss_bytes_free(&original);
}

static void notices_any_cut(void **state)
{
    const fixture *f = *state;
    ss_error err = {0};
    ss_bytes original;
    assert_int_equal(ss_file_map(f->path, &original, &err), 0);
    const char *path = temp_path(f->folder, "cut.release");
    temp_write(f->folder, "cut.release", original.data, original.len);
    for (size_t len = original.len; len-- > 0;) {
        assert_int_equal(truncate(path, (off_t)len), 0);
        assert_null(ss_release_open(path, &err));
        assert_int_equal(err.status, len < 8 ? SS_INPUT : SS_CORRUPT);
    }
    unsigned char *longer = malloc(original.len + 1);
    assert_non_null(longer);
    memcpy(longer, original.data, original.len);
    longer[original.len] = 0;
    temp_write(f->folder, "cut.release", longer, original.len + 1);
    assert_null(ss_release_open(path, &err));
    assert_int_equal(err.status, SS_CORRUPT);
    free(longer);
    ss_bytes_free(&original);
}

static void names_what_is_wrong(void **state)
{
    const fixture *f = *state;
    ss_error err = {0};
    temp_write_text(f->folder, "foreign", "PK\003\004 a zip file, perhaps");
    assert_null(ss_release_open(temp_path(f->folder, "foreign"), &err));
    assert_non_null(strstr(err.text, "foreign: not a skillstream release"));
    assert_null(ss_release_open(temp_path(f->folder, "none"), &err));
    assert_int_equal(err.status, SS_NOT_FOUND);
    ss_bytes original;
    assert_int_equal(ss_file_map(f->path, &original, &err), 0);
    unsigned char *copy = malloc(original.len);
    assert_non_null(copy);
    memcpy(copy, original.data, original.len);
    copy[original.len - 1] ^= 1; /* in the last blob, or in its padding */
    temp_write(f->folder, "changed", copy, original.len);
    assert_null(ss_release_open(temp_path(f->folder, "changed"), &err));
    assert_true(strstr(err.text, "taxonomy: changed") || strstr(err.text, "padding before the end"));
    free(copy);
    ss_bytes_free(&original);
}

static int give_blob(void *ctx, size_t index, const char *name, unsigned char *into, size_t size, ss_error *err)
{
    const ss_fileset *blobs = ctx;
    (void)name;
    if (blobs->items[index].len != size) return ss_fail(err, SS_INTERNAL, "size");
    memcpy(into, blobs->items[index].data, size);
    return 0;
}

static int give_damaged_blob(void *ctx, size_t index, const char *name, unsigned char *into, size_t size, ss_error *err)
{
    if (give_blob(ctx, index, name, into, size, err)) return -1;
    if (!strcmp(name, "matrix/values")) into[size / 2] ^= 4;
    return 0;
}

static int give_nothing(void *ctx, size_t index, const char *name, unsigned char *into, size_t size, ss_error *err)
{
    (void)ctx;
    (void)index;
    (void)into;
    return ss_fail_with(err, SS_NETWORK, SS_RETRY, "%s of %zu bytes: connection lost", name, size);
}

static void comes_back_from_its_blobs(void **state)
{
    const fixture *f = *state;
    ss_error err = {0};
    ss_release *r = ss_release_open_content(f->path, &err);
    assert_non_null(r);
    assert_null(ss_release_encoder(r));
    ss_fileset blobs = *ss_release_blobs(r);
    size_t len;
    const char *json = ss_release_manifest_json(r, &len), *digest = ss_release_digest(r);
    ss_release *copy = ss_release_from_blobs(json, len, digest, give_blob, &blobs, &err);
    assert_non_null(copy);
    assert_string_equal(ss_release_digest(copy), digest);
    assert_non_null(ss_release_encoder(copy));
    assert_int_equal(ss_skill_matrix_rows(ss_release_matrix(copy)), 6);
    ss_release_settle(copy);
    assert_int_equal(ss_release_set_precision(copy, "int8", &err), -1);
    assert_non_null(ss_release_encoder(copy));
    err = (ss_error){0};
    ss_release_drop(copy);

    assert_null(ss_release_from_blobs(json, len, digest, give_damaged_blob, &blobs, &err));
    assert_int_equal(err.status, SS_CORRUPT);
    assert_non_null(strstr(err.text, "matrix/values"));
    assert_null(ss_release_from_blobs(json, len, digest, give_nothing, &blobs, &err));
    assert_int_equal(err.status, SS_NETWORK);
    assert_int_equal(err.remedy, SS_RETRY);
    assert_null(ss_release_from_blobs(json, len - 1, digest, give_blob, &blobs, &err));
    assert_int_equal(err.status, SS_CORRUPT);
    assert_null(ss_release_from_blobs(json, len - 1, NULL, give_blob, &blobs, &err)); /* no longer JSON */
    assert_int_equal(err.status, SS_CORRUPT);
    assert_null(ss_release_from_blobs("{\"format\":3}", 12, NULL, give_blob, &blobs, &err));
    assert_int_equal(err.status, SS_UNSUPPORTED);
    ss_release_drop(r);
}

static void lives_until_the_last_reference_is_dropped(void **state)
{
    const fixture *f = *state;
    ss_release *r = open_it(f);
    assert_ptr_equal(ss_release_keep(r), r);
    ss_release_drop(r);
    assert_string_equal(ss_release_digest(r), f->report.digest); /* ASan would say if it were gone */
    ss_release_drop(r);
    ss_release_drop(NULL);
}

static void check_index_fails(ss_index_options o, ss_status status, const char *words)
{
    ss_error err = {0};
    ss_index_report report;
    assert_int_equal(ss_index_build(&o, NULL, NULL, &report, &err), -1);
    if (err.status != status || !strstr(err.text, words)) fail_msg("status %d: %s", (int)err.status, err.text);
    assert_false(ss_file_exists(o.out_path));
}

static void index_says_what_is_wrong_and_writes_nothing(void **state)
{
    const fixture *f = *state;
    char out[600], other[600];
    snprintf(out, sizeof out, "%s.bad", f->path);
    ss_index_options o = options(f, out);
    o.precision = "int4";
    check_index_fails(o, SS_UNSUPPORTED, "int4");
    o = options(f, out);
    o.encoder_dir = "/nonexistent";
    check_index_fails(o, SS_NOT_FOUND, "/nonexistent");
    o = options(f, out);
    o.encoder_dir = f->folder;
    check_index_fails(o, SS_NOT_FOUND, "config.json");
    o = options(f, out);
    o.taxonomy_path = "/nonexistent.csv";
    check_index_fails(o, SS_NOT_FOUND, "/nonexistent.csv");
    o = options(f, "/nonexistent/x.release");
    check_index_fails(o, SS_NOT_FOUND, "/nonexistent");
    temp_write_text(f->folder, "gold.csv", "sentence,label\na,unknown\n");
    snprintf(other, sizeof other, "%s/gold.csv", f->folder);
    o = options(f, out);
    o.calibrate_path = other;
    check_index_fails(o, SS_INPUT, "none of its labels");
}

typedef struct seen {
    size_t skills, calibrating, last, total;
} seen;

static void on_progress(void *ctx, const char *what, size_t done, size_t total)
{
    seen *s = ctx;
    s->skills += !strcmp(what, "embedding skills");
    s->calibrating += !strcmp(what, "calibrating");
    s->last = done;
    s->total = total;
}

/* The calibration file names each label's own text and some noise, so that a high score does mean the skill. */
static void index_calibrates_and_reports_progress(void **state)
{
    const fixture *f = *state;
    char out[600], gold[600];
    snprintf(out, sizeof out, "%s.calibrated", f->path);
    snprintf(gold, sizeof gold, "%s/calibrate.csv", f->folder);
    temp_write_text(f->folder, "calibrate.csv",
                    "sentence,label\nJava,Java\nshow empathy,show empathy\nC++,s/3\nnothing at all,\nzzz 99,UNK\n"
                    "be kind,show empathy \n,\n");
    ss_index_options o = options(f, out);
    o.calibrate_path = gold;
    o.name = "mine";
    ss_index_report report;
    ss_error err = {0};
    seen s = {0};
    int bad = ss_index_build(&o, on_progress, &s, &report, &err);
    if (bad) fail_msg("%s", err.text);
    assert_true(s.skills > 0 && s.calibrating > 0);
    assert_int_equal(s.last, s.total);
    assert_int_equal(s.total, 7); /* distinct sentences, the empty one too */
    assert_int_equal(report.fit.sentences, 7);
    assert_int_equal(report.fit.with_skill, 4);
    assert_int_equal(report.fit.gold, 4);
    assert_int_equal(report.fit.pairs, 21); /* three hits each */
    assert_int_equal(report.fit.positives, 4);
    ss_release *r = ss_release_open(out, &err);
    assert_non_null(r);
    const ss_calibration *c = &ss_release_manifest(r)->calibration;
    assert_string_equal(ss_release_manifest(r)->name, "mine");
    assert_string_equal(c->fitted_on, "calibrate.csv");
    assert_int_equal(c->sentences, 7);
    assert_true(c->slope == report.calibration.slope && c->intercept == report.calibration.intercept);
    assert_true(c->slope > 0 && c->threshold > 0 && c->threshold < 1);
    ss_release_drop(r);
}

/* A release remembers its precision, is opened in it, and can be turned to the other. */
static void int8_is_the_release_s_own_and_can_be_overridden(void **state)
{
    const fixture *f = *state;
    char out[600];
    snprintf(out, sizeof out, "%s.int8", f->path);
    ss_index_options o = options(f, out);
    o.precision = "int8";
    ss_index_report report;
    ss_error err = {0};
    if (ss_index_build(&o, NULL, NULL, &report, &err)) fail_msg("%s", err.text);
    ss_release *r = ss_release_open(out, &err);
    assert_non_null(r);
    assert_string_equal(ss_release_manifest(r)->precision, "int8");
    assert_int_equal(ss_encoder_precision(ss_release_encoder(r)), SS_INT8);
    const ss_encoder *before = ss_release_encoder(r);
    assert_int_equal(ss_release_set_precision(r, NULL, &err), 0);
    assert_int_equal(ss_release_set_precision(r, "int8", &err), 0);
    assert_ptr_equal(ss_release_encoder(r), before);
    assert_int_equal(ss_release_set_precision(r, "fp32", &err), 0);
    assert_int_equal(ss_encoder_precision(ss_release_encoder(r)), SS_FP32);
    assert_string_equal(ss_release_manifest(r)->precision, "int8");
    assert_int_equal(ss_release_set_precision(r, "int4", &err), -1);
    assert_int_equal(err.status, SS_UNSUPPORTED);
    assert_int_equal(ss_encoder_precision(ss_release_encoder(r)), SS_FP32); /* as it was */
    ss_release_drop(r);
    r = open_it(f);
    assert_int_equal(ss_encoder_precision(ss_release_encoder(r)), SS_FP32);
    ss_release_drop(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_it_is),
        cmocka_unit_test(works_as_the_parts_it_was_made_of),
        cmocka_unit_test(same_inputs_give_the_same_bytes),
        cmocka_unit_test(notices_any_changed_byte),
        cmocka_unit_test(notices_any_cut),
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(comes_back_from_its_blobs),
        cmocka_unit_test(lives_until_the_last_reference_is_dropped),
        cmocka_unit_test(index_says_what_is_wrong_and_writes_nothing),
        cmocka_unit_test(index_calibrates_and_reports_progress),
        cmocka_unit_test(int8_is_the_release_s_own_and_can_be_overridden),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
