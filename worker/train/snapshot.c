/* snapshot.c - see snapshot.h. */
#include "worker/train/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "match/evaluate.h"
#include "match/prototypes.h"
#include "nn/embed.h"

typedef struct snapshot {
    unsigned char *weights;
    ss_named_bytes *items;
    ss_fileset files;
    ss_encoder *encoder;
    ss_embedder *embedder;
    ss_prototypes labels;
    ss_skill_matrix *matrix;
} snapshot;

static int load_encoder(snapshot *s, const ss_train_model *model, const ss_fileset *files, ss_pool *pool, ss_error *err)
{
    size_t len;
    if (ss_train_model_weights(model, &s->weights, &len, err)) return -1;
    s->items = calloc(files->count, sizeof *s->items);
    if (!s->items) return ss_fail_memory(err, "validating");
    s->files = (ss_fileset){.items = s->items, .count = files->count};
    for (size_t i = 0; i < files->count; i++) {
        s->items[i] = files->items[i];
        if (strcmp(s->items[i].name, "model.safetensors")) continue;
        s->items[i].data = s->weights;
        s->items[i].len = len;
    }
    s->encoder = ss_encoder_load(&s->files, err);
    s->embedder = s->encoder ? ss_embedder_new(s->encoder, pool, err) : NULL;
    return s->embedder ? 0 : -1;
}

static int evaluate_all(const snapshot *s, const ss_taxonomy *taxonomy, const ss_strings *validate, double *rp5,
                        double *mrr, ss_error *err)
{
    *rp5 = *mrr = 0;
    for (size_t i = 0; i < validate->count; i++) {
        ss_evaluation e;
        if (ss_evaluate(validate->items[i], 0, taxonomy, s->matrix, NULL, s->embedder, NULL, NULL, &e, err)) return -1;
        *rp5 += e.rp5 / (double)validate->count;
        *mrr += e.mrr / (double)validate->count;
    }
    return 0;
}

int ss_snapshot_evaluate(const ss_train_model *model, const ss_fileset *files, const ss_taxonomy *taxonomy,
                         const ss_strings *validate, ss_pool *pool, double *rp5, double *mrr, ss_error *err)
{
    snapshot s = {0};
    int result =
        load_encoder(&s, model, files, pool, err) || ss_prototypes_list(taxonomy, SS_PROTOTYPE_LABEL, &s.labels, err);
    if (!result) {
        s.matrix =
            ss_skill_matrix_build(s.embedder, &s.labels, ss_taxonomy_count(taxonomy), SS_SCORE_BEST, NULL, NULL, err);
        result = s.matrix ? evaluate_all(&s, taxonomy, validate, rp5, mrr, err) : -1;
    }
    ss_skill_matrix_free(s.matrix);
    ss_prototypes_free(&s.labels);
    ss_embedder_free(s.embedder);
    ss_encoder_free(s.encoder);
    free(s.items);
    free(s.weights);
    return result ? -1 : 0;
}
