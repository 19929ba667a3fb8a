/* verdict.h - is a release better than another one? The same validation files for both, sentence by sentence. */
#ifndef SKILLSTREAM_WORKER_TRAIN_VERDICT_H
#define SKILLSTREAM_WORKER_TRAIN_VERDICT_H

#include "base/options.h"
#include "match/bootstrap.h"
#include "match/evaluate.h"
#include "match/release.h"
#include "worker/train/recipe.h"

/* One system's figures on all files. */
typedef struct ss_side {
    ss_evaluation *sets;     /* (count) */
    ss_query_figures **each; /* (count) */
    size_t count;
} ss_side;

int ss_side_measure(const ss_strings *files, const ss_taxonomy *taxonomy, const ss_skill_matrix *matrix,
                    const ss_ranker *ranker, ss_embedder *embedder, ss_side *out, ss_error *err);
/* The same with a release's encoder, matrix and ranking, or with an encoder folder whose skills are embedded first. */
int ss_side_measure_release(const ss_strings *files, const ss_release *release, ss_pool *pool, ss_side *out,
                            ss_error *err);
int ss_side_measure_encoder(const ss_strings *files, const char *encoder_dir, const ss_taxonomy *taxonomy,
                            const ss_recipe *recipe, ss_pool *pool, ss_side *out, ss_error *err);
void ss_side_free(ss_side *side);

typedef struct ss_verdict {
    int judged;          /* 0: there are no files, nothing else is set */
    int better;          /* the recipe's judge, margin and sure say so */
    ss_bootstrap figure; /* in points (x 100) */
} ss_verdict;

/* SS_INPUT: the sides were measured on different sentences. */
int ss_verdict_find(const ss_recipe *recipe, const ss_side *before, const ss_side *after, ss_verdict *out,
                    ss_error *err);

/* "RP@5 +4.12 points (95 %: 0.80 to 7.60), above 0 in 98.3 % of resamples; 95.0 % are asked for"; out: 200 bytes. */
void ss_verdict_text(const ss_recipe *recipe, const ss_verdict *verdict, char out[200]);

/* A file's name without folders and endings. */
void ss_set_name(const char *path, char out[64]);

#endif
