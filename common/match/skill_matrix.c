/* skill_matrix.c - making a skill matrix, and its form in a release; the search is in skill_top.c.
 *
 * Rows are sorted by skill, so the row -> skill map is one array of first rows. The matrix is cut into tiles of whole
 * skills once, when it is made: the search then never has to merge a skill's score across two tiles.
 *
 * Blob "rows": "SKMX", u32 version = 1, u32 skills, u32 rows, u32 dims, u32 score kind, then u32 rows of every
 * skill, then one byte per row: its prototype kind. Blob "values": rows x dims float32. All little-endian.
 */
#include "match/skill_matrix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/aligned.h"
#include "match/skill_matrix_parts.h"
#include "match/wire.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are used as they lie in the release file");

static const char magic[4] = {'S', 'K', 'M', 'X'};
enum { VERSION = 1, TILE_ROWS = 512, MAX_DIMS = 1 << 16 };

static const char *const score_words[] = {"best", "mean-label-best"};

int ss_score_kind_parse(const char *text, ss_score_kind *kind, ss_error *err)
{
    for (int i = 0; i < 2; i++) {
        if (strcmp(text, score_words[i])) continue;
        *kind = (ss_score_kind)i;
        return 0;
    }
    return ss_fail(err, SS_USAGE, "score: unknown kind '%.80s'; known: best, mean-label-best", text);
}

const char *ss_score_kind_word(ss_score_kind kind)
{
    return score_words[kind];
}

static ss_skill_matrix *new_matrix(size_t skills, size_t rows, size_t dims, ss_error *err)
{
    ss_skill_matrix *matrix = calloc(1, sizeof *matrix);
    if (matrix) {
        matrix->skills = skills;
        matrix->rows = rows;
        matrix->dims = dims;
        matrix->first_row = calloc(skills + 1, sizeof *matrix->first_row);
        matrix->tile_begin = calloc(skills + 1, sizeof *matrix->tile_begin);
        matrix->row_kind = calloc(rows + 1, sizeof *matrix->row_kind);
        if (matrix->first_row && matrix->tile_begin && matrix->row_kind) return matrix;
    }
    ss_skill_matrix_free(matrix);
    ss_fail_memory(err, "making the skill matrix");
    return NULL;
}

void ss_skill_matrix_free(ss_skill_matrix *matrix)
{
    if (!matrix) return;
    free(matrix->first_row);
    free(matrix->tile_begin);
    free(matrix->row_kind);
    free(matrix->owned);
    ss_coarse_free(matrix->coarse);
    free(matrix);
}

/* Fills what follows from first_row and row_kind. */
static void finish(ss_skill_matrix *matrix)
{
    for (size_t r = 0; r < matrix->rows; r++) matrix->kinds |= matrix->row_kind[r];
    uint32_t begin = 0;
    for (uint32_t s = 0; s < matrix->skills; s++) {
        size_t rows = matrix->first_row[s + 1] - matrix->first_row[begin];
        if (s > begin && rows > TILE_ROWS) {
            begin = s;
            matrix->tile_begin[++matrix->tiles] = s;
            rows = matrix->first_row[s + 1] - matrix->first_row[s];
        }
        if (rows > matrix->tile_rows) matrix->tile_rows = rows;
    }
    matrix->tile_begin[++matrix->tiles] = (uint32_t)matrix->skills;
}

/* The last step, once the values are there: returns the matrix, or frees it. */
static ss_skill_matrix *ready(ss_skill_matrix *matrix, ss_error *err)
{
    matrix->floats = ss_int8_kernels_best()->floats;
    matrix->coarse = ss_coarse_new(matrix->values, matrix->rows, matrix->dims, err);
    if (matrix->coarse) return matrix;
    ss_skill_matrix_free(matrix);
    return NULL;
}

/* A matrix without values for these prototypes, which must be as ss_prototypes_list makes them. */
static ss_skill_matrix *from_prototypes(const ss_prototypes *prototypes, size_t skills, size_t dims,
                                        ss_score_kind score, ss_error *err)
{
    size_t rows = prototypes->count;
    if (!skills || !dims || dims > MAX_DIMS || rows < skills || rows > UINT32_MAX || rows > SIZE_MAX / 4 / dims) {
        ss_fail(err, SS_INPUT, "a matrix of %zu skills, %zu prototypes and %zu dimensions cannot be", skills, rows,
                dims);
        return NULL;
    }
    ss_skill_matrix *matrix = new_matrix(skills, rows, dims, err);
    if (!matrix) return NULL;
    matrix->score = score;
    size_t next = 0; /* skill that may begin */
    for (size_t r = 0; r < rows; r++) {
        const ss_prototype *prototype = &prototypes->items[r];
        int begins = next < skills && prototype->skill == next && prototype->kind == SS_PROTOTYPE_LABEL;
        if (begins) matrix->first_row[next++] = (uint32_t)r;
        if (!next || prototype->skill + 1 != next || (!begins && prototype->kind == SS_PROTOTYPE_LABEL)) {
            ss_fail(err, SS_INPUT, "prototype %zu: prototypes must be sorted by skill, one label first", r);
            ss_skill_matrix_free(matrix);
            return NULL;
        }
        matrix->row_kind[r] = (unsigned char)prototype->kind;
    }
    matrix->first_row[next] = (uint32_t)rows;
    if (next == skills) {
        finish(matrix);
        return matrix;
    }
    ss_fail(err, SS_INPUT, "skill %zu has no prototype", next);
    ss_skill_matrix_free(matrix);
    return NULL;
}

static float *own_values(ss_skill_matrix *matrix, ss_error *err)
{
    size_t bytes = matrix->rows * matrix->dims * sizeof(float);
    matrix->owned = ss_aligned_new(bytes);
    matrix->values = matrix->owned;
    if (!matrix->owned) ss_fail_memory(err, "making the skill matrix");
    return matrix->owned;
}

ss_skill_matrix *ss_skill_matrix_from_values(const float *values, size_t dims, const ss_prototypes *prototypes,
                                             size_t skills, ss_score_kind score, ss_error *err)
{
    ss_skill_matrix *matrix = from_prototypes(prototypes, skills, dims, score, err);
    if (matrix && !own_values(matrix, err)) {
        ss_skill_matrix_free(matrix);
        return NULL;
    }
    if (!matrix) return NULL;
    memcpy(matrix->owned, values, matrix->rows * dims * sizeof *values);
    return ready(matrix, err);
}

ss_skill_matrix *ss_skill_matrix_build(ss_embedder *embedder, const ss_prototypes *prototypes, size_t skills,
                                       ss_score_kind score, ss_embed_progress *progress, void *ctx, ss_error *err)
{
    size_t dims = ss_encoder_dims(ss_embedder_encoder(embedder));
    ss_skill_matrix *matrix = from_prototypes(prototypes, skills, dims, score, err);
    if (!matrix) return NULL;
    ss_string_view *texts = calloc(prototypes->count, sizeof *texts);
    int bad = 1;
    if (!texts) {
        ss_fail_memory(err, "embedding the skills");
    } else if (own_values(matrix, err)) {
        for (size_t i = 0; i < prototypes->count; i++)
            texts[i] = (ss_string_view){prototypes->items[i].text, strlen(prototypes->items[i].text)};
        bad = ss_embed_texts(embedder, texts, prototypes->count, matrix->owned, progress, ctx, err);
    }
    free(texts);
    if (!bad) return ready(matrix, err);
    ss_skill_matrix_free(matrix);
    return NULL;
}

size_t ss_skill_matrix_skills(const ss_skill_matrix *matrix)
{
    return matrix->skills;
}

size_t ss_skill_matrix_rows(const ss_skill_matrix *matrix)
{
    return matrix->rows;
}

size_t ss_skill_matrix_dims(const ss_skill_matrix *matrix)
{
    return matrix->dims;
}

ss_score_kind ss_skill_matrix_score(const ss_skill_matrix *matrix)
{
    return matrix->score;
}

unsigned ss_skill_matrix_kinds(const ss_skill_matrix *matrix)
{
    return matrix->kinds;
}

const float *ss_skill_matrix_values(const ss_skill_matrix *matrix)
{
    return matrix->values;
}

int ss_skill_matrix_encode_rows(const ss_skill_matrix *matrix, ss_buffer *rows, ss_error *err)
{
    int bad = ss_buffer_add(rows, magic, sizeof magic) || ss_wire_put_u32(rows, VERSION) ||
              ss_wire_put_u32(rows, (uint32_t)matrix->skills) || ss_wire_put_u32(rows, (uint32_t)matrix->rows) ||
              ss_wire_put_u32(rows, (uint32_t)matrix->dims) || ss_wire_put_u32(rows, (uint32_t)matrix->score);
    for (size_t s = 0; !bad && s < matrix->skills; s++)
        bad = ss_wire_put_u32(rows, matrix->first_row[s + 1] - matrix->first_row[s]);
    if (bad || ss_buffer_add(rows, matrix->row_kind, matrix->rows))
        return ss_fail(err, SS_LIMIT, "the matrix's rows do not fit the buffer of %zu bytes", rows->limit);
    return 0;
}

/* The numbers at the head of the blob, checked against both blobs' sizes. */
static int read_head(ss_wire *wire, size_t values_len, ss_skill_matrix *head, ss_error *err)
{
    int foreign = wire->end - wire->at < 4 || memcmp(wire->at, magic, sizeof magic);
    if (!foreign) wire->at += sizeof magic;
    if (foreign || ss_wire_u32(wire) != VERSION) return ss_fail(err, SS_CORRUPT, "matrix/rows: not of a known format");
    head->skills = ss_wire_u32(wire);
    head->rows = ss_wire_u32(wire);
    head->dims = ss_wire_u32(wire);
    uint32_t score = ss_wire_u32(wire);
    size_t left = (size_t)(wire->end - wire->at);
    if (wire->bad || !head->skills || head->rows < head->skills || left != head->skills * 4 + head->rows)
        return ss_fail(err, SS_CORRUPT, "matrix/rows: %zu bytes do not hold %zu skills and %zu rows", left,
                       head->skills, head->rows);
    if (!head->dims || head->dims > MAX_DIMS || score > SS_SCORE_MEAN_LABEL_BEST)
        return ss_fail(err, SS_CORRUPT, "matrix/rows: %zu dimensions, score kind %u", head->dims, score);
    if (values_len != head->rows * head->dims * sizeof(float))
        return ss_fail(err, SS_CORRUPT, "matrix/values: %zu bytes are not %zu rows of %zu floats", values_len,
                       head->rows, head->dims);
    head->score = (ss_score_kind)score;
    return 0;
}

/* Rows of every skill and kind of every row: each skill has its label first and only there. */
static int read_rows(ss_wire *wire, ss_skill_matrix *matrix, ss_error *err)
{
    size_t row = 0;
    for (size_t s = 0; s < matrix->skills; s++) {
        uint32_t count = ss_wire_u32(wire);
        if (!count || count > matrix->rows - row)
            return ss_fail(err, SS_CORRUPT, "matrix/rows: skill %zu has %u rows", s, count);
        row += count;
        matrix->first_row[s + 1] = (uint32_t)row;
    }
    if (row != matrix->rows) return ss_fail(err, SS_CORRUPT, "matrix/rows: %zu rows too few", matrix->rows - row);
    memcpy(matrix->row_kind, wire->at, matrix->rows);
    for (size_t s = 0; s < matrix->skills; s++)
        for (row = matrix->first_row[s]; row < matrix->first_row[s + 1]; row++) {
            unsigned kind = matrix->row_kind[row];
            int first = row == matrix->first_row[s];
            if (first ? kind != SS_PROTOTYPE_LABEL
                      : kind != SS_PROTOTYPE_ALTERNATIVE && kind != SS_PROTOTYPE_DESCRIPTION)
                return ss_fail(err, SS_CORRUPT, "matrix/rows: row %zu has kind %u", row, kind);
        }
    return 0;
}

static int check_values(const float *values, size_t count, ss_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i])) return ss_fail(err, SS_CORRUPT, "matrix/values: value %zu is not a number", i);
    return 0;
}

ss_skill_matrix *ss_skill_matrix_decode(const void *rows, size_t rows_len, const void *values, size_t values_len,
                                        ss_error *err)
{
    const unsigned char *from = rows;
    ss_wire wire = {.at = from, .end = from + rows_len};
    ss_skill_matrix head = {0};
    if ((uintptr_t)values % sizeof(float)) {
        ss_fail(err, SS_INTERNAL, "matrix/values: not aligned");
        return NULL;
    }
    if (read_head(&wire, values_len, &head, err)) return NULL;
    ss_skill_matrix *matrix = new_matrix(head.skills, head.rows, head.dims, err);
    if (!matrix) return NULL;
    matrix->score = head.score;
    matrix->values = values;
    if (!read_rows(&wire, matrix, err) && !check_values(values, matrix->rows * matrix->dims, err)) {
        finish(matrix);
        return ready(matrix, err);
    }
    ss_skill_matrix_free(matrix);
    return NULL;
}
