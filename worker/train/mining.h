/* mining.h - hard negatives: the wrong skills that the encoder, as it is now, takes for right.
 *
 * For each sentence, the skills whose labels are nearest to it, less its own ones, less the nearest `hard_skip`, and
 * less those with more than `hard_limit` times the score of its own skill: with near-synonyms among 13,891 skills those
 * are mostly right as well (positive-aware mining, Moreira et al. 2024, arXiv 2407.15831).
 */
#ifndef SKILLSTREAM_WORKER_TRAIN_MINING_H
#define SKILLSTREAM_WORKER_TRAIN_MINING_H

#include "match/skill_matrix.h"
#include "worker/train/batch.h"

/* The labels of all skills as a matrix under the model's present weights. */
ss_skill_matrix *ss_label_matrix(ss_train_engine *engine, ss_batch_maker *maker, const ss_taxonomy *taxonomy,
                                 ss_error *err);

/* Vectors (count, D) of texts, to be freed with free(); NULL on failure. */
float *ss_train_vectors(ss_train_engine *engine, ss_batch_maker *maker, const ss_string_view *texts, size_t count,
                        ss_error *err);

/* negatives (count, recipe->hard_negatives) for the examples, nearest first, filled up with SS_NO_SKILL. */
int ss_mine(ss_train_engine *engine, ss_batch_maker *maker, const ss_recipe *recipe, const ss_dataset *set,
            const uint32_t *examples, size_t count, uint32_t *negatives, ss_error *err);

#endif
