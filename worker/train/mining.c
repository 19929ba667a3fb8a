/* mining.c - see mining.h. */
#include "worker/train/mining.h"

#include <stdlib.h>
#include <string.h>

/* Hits asked for beyond those wanted, as some are right or too near. */
enum { SPARE = 24, CHUNK = 4096 };

float *ss_train_vectors(ss_train_engine *engine, ss_batch_maker *maker, const ss_string_view *texts, size_t count,
                        ss_error *err)
{
    size_t dims = ss_train_model_dims(ss_train_engine_model(engine));
    float *vectors = malloc((count ? count : 1) * dims * sizeof *vectors);
    if (!vectors) {
        ss_fail_memory(err, "embedding while training");
        return NULL;
    }
    for (size_t at = 0; at < count; at += CHUNK) {
        size_t n = count - at < CHUNK ? count - at : CHUNK;
        ss_train_texts tokens;
        if (ss_batch_texts(maker, texts + at, n, &tokens, err) ||
            ss_train_embed(engine, &tokens, vectors + at * dims, err)) {
            free(vectors);
            return NULL;
        }
    }
    return vectors;
}

ss_skill_matrix *ss_label_matrix(ss_train_engine *engine, ss_batch_maker *maker, const ss_taxonomy *taxonomy,
                                 ss_error *err)
{
    size_t skills = ss_taxonomy_count(taxonomy);
    ss_prototypes labels = {0};
    ss_skill_matrix *matrix = NULL;
    float *vectors = NULL;
    ss_string_view *texts = calloc(skills, sizeof *texts);
    if (!texts) {
        ss_fail_memory(err, "embedding the skills");
        return NULL;
    }
    for (uint32_t s = 0; s < skills; s++) {
        const char *label = ss_taxonomy_skill(taxonomy, s)->label;
        texts[s] = (ss_string_view){.data = label, .len = strlen(label)};
    }
    if (!ss_prototypes_list(taxonomy, SS_PROTOTYPE_LABEL, &labels, err))
        vectors = ss_train_vectors(engine, maker, texts, skills, err);
    if (vectors)
        matrix = ss_skill_matrix_from_values(vectors, ss_train_model_dims(ss_train_engine_model(engine)), &labels,
                                             skills, SS_SCORE_BEST, err);
    free(vectors);
    ss_prototypes_free(&labels);
    free(texts);
    return matrix;
}

static void choose(const ss_recipe *recipe, const ss_example *own, float own_score, const ss_hit *hits, size_t count,
                   uint32_t *negatives)
{
    size_t have = 0, passed = 0;
    float limit = own_score > 0 ? own_score * (float)recipe->hard_limit : own_score;
    for (size_t i = 0; i < recipe->hard_negatives; i++) negatives[i] = SS_NO_SKILL;
    for (size_t i = 0; i < count && have < recipe->hard_negatives; i++) {
        if (hits[i].skill == own->skill || hits[i].skill == own->second || hits[i].score > limit) continue;
        if (passed++ < recipe->hard_skip) continue;
        negatives[have++] = hits[i].skill;
    }
}

static int mine_chunk(ss_train_engine *engine, ss_batch_maker *maker, const ss_recipe *recipe, const ss_dataset *set,
                      const ss_skill_matrix *matrix, ss_match_scratch *scratch, size_t k, const uint32_t *examples,
                      size_t count, uint32_t *negatives, ss_error *err)
{
    size_t dims = ss_skill_matrix_dims(matrix);
    ss_string_view *texts = calloc(count, sizeof *texts);
    ss_hit *hits = calloc(count * k, sizeof *hits);
    uint32_t *counts = calloc(count, sizeof *counts);
    float *vectors = NULL;
    if (!texts || !hits || !counts) {
        ss_fail_memory(err, "looking for hard negatives");
    } else {
        for (size_t i = 0; i < count; i++) {
            const ss_example *e = &set->pairs.items[examples[i]];
            texts[i] = (ss_string_view){.data = e->text, .len = e->len};
        }
        vectors = ss_train_vectors(engine, maker, texts, count, err);
    }
    if (vectors) {
        ss_skill_matrix_top(matrix, scratch, vectors, count, k, hits, counts);
        for (size_t i = 0; i < count; i++) {
            const ss_example *e = &set->pairs.items[examples[i]];
            choose(recipe, e, ss_skill_matrix_score_of(matrix, e->skill, vectors + i * dims), hits + i * k, counts[i],
                   negatives + i * recipe->hard_negatives);
        }
    }
    int result = vectors ? 0 : -1;
    free(vectors);
    free(counts);
    free(hits);
    free(texts);
    return result;
}

int ss_mine(ss_train_engine *engine, ss_batch_maker *maker, const ss_recipe *recipe, const ss_dataset *set,
            const uint32_t *examples, size_t count, uint32_t *negatives, ss_error *err)
{
    size_t skills = ss_taxonomy_count(set->taxonomy), k = (size_t)(recipe->hard_negatives + recipe->hard_skip) + SPARE;
    if (k > skills) k = skills;
    ss_skill_matrix *matrix = ss_label_matrix(engine, maker, set->taxonomy, err);
    ss_match_scratch *scratch = matrix ? ss_match_scratch_new(matrix, k, err) : NULL;
    int result = scratch ? 0 : -1;
    for (size_t at = 0; at < count && !result; at += CHUNK)
        result = mine_chunk(engine, maker, recipe, set, matrix, scratch, k, examples + at,
                            count - at < CHUNK ? count - at : CHUNK, negatives + at * recipe->hard_negatives, err);
    ss_match_scratch_free(scratch);
    ss_skill_matrix_free(matrix);
    return result;
}
