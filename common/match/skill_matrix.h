/* skill_matrix.h - every skill of a taxonomy as vectors, and the nearest ones of a sentence.
 *
 * The matrix is P prototypes x D dimensions, rows sorted by skill. A sentence's scores against all rows are a matrix
 * product; the score of a skill is taken from its rows:
 *   best              the largest of its prototypes
 *   mean-label-best   half its label, half its best prototype (the label counts as a prototype)
 * With L2-normalised embeddings a score is a cosine.
 *
 * Top-k walks the matrix in tiles that fit the cache: one product per tile for all sentences of the micro-batch, in 8
 * bits where the CPU has such products (coarse.h), then one pass that keeps the best k of each sentence, so the N x P
 * scores never exist as a whole. Whatever could be among the best k is scored anew in fp32, in a fixed order of
 * summation: the k best are exactly those of these scores, and do not depend on the other sentences of the batch, on N,
 * or on the CPU.
 *
 * An ss_skill_matrix is immutable and shared by all threads; each thread brings its own ss_match_scratch. BLAS must be
 * held to one thread (ss_blas_prepare).
 */
#ifndef SKILLSTREAM_MATCH_SKILL_MATRIX_H
#define SKILLSTREAM_MATCH_SKILL_MATRIX_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "match/prototypes.h"
#include "nn/embed.h"

typedef enum ss_score_kind { SS_SCORE_BEST = 0, SS_SCORE_MEAN_LABEL_BEST = 1 } ss_score_kind;

/* "best", "mean-label-best"; SS_USAGE names the known words. */
int ss_score_kind_parse(const char *text, ss_score_kind *kind, ss_error *err);
const char *ss_score_kind_word(ss_score_kind kind);

typedef struct ss_hit {
    uint32_t skill;
    float score;
} ss_hit;

typedef struct ss_skill_matrix ss_skill_matrix;
typedef struct ss_match_scratch ss_match_scratch;

/* Embeds all prototypes (the long part of `skillstream index`). `progress` may be NULL; it counts prototypes. */
ss_skill_matrix *ss_skill_matrix_build(ss_embedder *embedder, const ss_prototypes *prototypes, size_t skills,
                                       ss_score_kind score, ss_embed_progress *progress, void *ctx, ss_error *err);

/* From vectors that exist already: values (P,D) row i belongs to prototypes->items[i]; copied. Every skill
 * 0 .. skills-1 needs a row, labels first, as ss_prototypes_list makes them: SS_INPUT. */
ss_skill_matrix *ss_skill_matrix_from_values(const float *values, size_t dims, const ss_prototypes *prototypes,
                                             size_t skills, ss_score_kind score, ss_error *err);

void ss_skill_matrix_free(ss_skill_matrix *matrix);

size_t ss_skill_matrix_skills(const ss_skill_matrix *matrix);
size_t ss_skill_matrix_rows(const ss_skill_matrix *matrix); /* P */
size_t ss_skill_matrix_dims(const ss_skill_matrix *matrix); /* D */
ss_score_kind ss_skill_matrix_score(const ss_skill_matrix *matrix);
unsigned ss_skill_matrix_kinds(const ss_skill_matrix *matrix); /* set of ss_prototype_kind */

/* The matrix as the two blobs of a release: `rows` (head, then skill and kind of every row) is written to a buffer;
 * `values` is the matrix's own memory, little-endian float32 (P,D). */
int ss_skill_matrix_encode_rows(const ss_skill_matrix *matrix, ss_buffer *rows, ss_error *err);
const float *ss_skill_matrix_values(const ss_skill_matrix *matrix);

/* Back from the blobs. `values` is used in place: it must stay alive and be aligned to 4 (64 is fastest). Everything
 * is checked: sizes against each other, rows sorted, every skill present, no NaN: SS_CORRUPT. */
ss_skill_matrix *ss_skill_matrix_decode(const void *rows, size_t rows_len, const void *values, size_t values_len,
                                        ss_error *err);

/* One thread's memory for ss_skill_matrix_top, for one matrix; taken at once. max_k bounds k. */
ss_match_scratch *ss_match_scratch_new(const ss_skill_matrix *matrix, size_t max_k, ss_error *err);
void ss_match_scratch_free(ss_match_scratch *scratch);

/* The k best skills of each of n sentences, by falling score, equal scores by skill number.
 *   vectors  (n,D) embeddings
 *   k        1 .. max_k
 *   out      (n,k) row i: hits of sentence i; only the first counts[i] are set
 *   counts   (n) min(k, skills); less for a vector with NaN, whose scores are no numbers
 * Cannot fail. */
void ss_skill_matrix_top(const ss_skill_matrix *matrix, ss_match_scratch *scratch, const float *vectors, size_t n,
                         size_t k, ss_hit *out, uint32_t *counts);

/* The score of one skill for one vector (D), as ss_skill_matrix_top gives it. */
float ss_skill_matrix_score_of(const ss_skill_matrix *matrix, uint32_t skill, const float *vector);

/* All scores: out (n, skills), each as ss_skill_matrix_score_of gives it, so that equal prototypes have equal scores.
 * For evaluation, where the rank of a given skill is wanted. */
void ss_skill_matrix_scores(const ss_skill_matrix *matrix, const float *vectors, size_t n, float *out);

#endif
