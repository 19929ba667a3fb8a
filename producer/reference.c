/* reference.c - see reference.h. */
#include "producer/reference.h"

#include <stdlib.h>

#include "base/pool.h"

enum { MOST_NEAREST = 8 };

struct ss_reference {
    ss_release *release;
    ss_pool *pool;
    ss_embedder *embedder;
    ss_match_scratch *scratch;
    float *vectors; /* (room, D) */
    ss_string_view *views;
    size_t room, dims;
    float *scores; /* (skills) of one vector */
};

ss_reference *ss_reference_open(const char *path, size_t threads, ss_error *err)
{
    ss_reference *r = calloc(1, sizeof *r);
    if (!r) {
        ss_fail_memory(err, "opening the release");
        return NULL;
    }
    r->release = ss_release_open(path, err);
    if (r->release) r->pool = ss_pool_new(threads, err);
    if (r->pool) r->embedder = ss_embedder_new(ss_release_encoder(r->release), r->pool, err);
    if (r->embedder) r->scratch = ss_match_scratch_new(ss_release_matrix(r->release), MOST_NEAREST, err);
    if (r->scratch) {
        r->dims = ss_encoder_dims(ss_release_encoder(r->release));
        r->scores = calloc(ss_skill_matrix_skills(ss_release_matrix(r->release)), sizeof *r->scores);
        if (r->scores) return r;
        ss_fail_memory(err, "opening the release");
    }
    ss_reference_close(r);
    return NULL;
}

void ss_reference_close(ss_reference *r)
{
    if (!r) return;
    ss_match_scratch_free(r->scratch);
    ss_embedder_free(r->embedder);
    ss_pool_free(r->pool);
    ss_release_drop(r->release);
    free(r->vectors);
    free(r->views);
    free(r->scores);
    free(r);
}

size_t ss_reference_dims(const ss_reference *r)
{
    return r->dims;
}

int ss_reference_embed(ss_reference *r, const ss_slice *sentences, size_t n, const float **vectors, ss_error *err)
{
    if (n > r->room) {
        float *grown = reallocarray(r->vectors, n * r->dims, sizeof *grown);
        if (grown) r->vectors = grown;
        ss_string_view *views = reallocarray(r->views, n, sizeof *views);
        if (views) r->views = views;
        if (!grown || !views) return ss_fail_memory(err, "embedding sentences");
        r->room = n;
    }
    for (size_t i = 0; i < n; i++) r->views[i] = (ss_string_view){sentences[i].data, sentences[i].len};
    *vectors = r->vectors;
    return ss_embed_texts(r->embedder, r->views, n, r->vectors, NULL, NULL, err);
}

uint32_t ss_reference_rank(ss_reference *r, const float *vector, const char *uri)
{
    uint32_t skill = ss_taxonomy_by_uri(ss_release_taxonomy(r->release), uri);
    if (skill == SS_NO_SKILL) return 0;
    const ss_skill_matrix *matrix = ss_release_matrix(r->release);
    ss_skill_matrix_scores(matrix, vector, 1, r->scores);
    uint32_t better = 0;
    for (size_t i = 0; i < ss_skill_matrix_skills(matrix); i++) better += r->scores[i] > r->scores[skill];
    return better + 1;
}

size_t ss_reference_nearest(ss_reference *r, const float *vector, size_t k, const char **labels, float *scores)
{
    ss_hit hits[MOST_NEAREST];
    uint32_t count = 0;
    ss_skill_matrix_top(ss_release_matrix(r->release), r->scratch, vector, 1, k < MOST_NEAREST ? k : MOST_NEAREST, hits,
                        &count);
    for (uint32_t i = 0; i < count; i++) {
        labels[i] = ss_taxonomy_skill(ss_release_taxonomy(r->release), hits[i].skill)->label;
        scores[i] = hits[i].score;
    }
    return count;
}
