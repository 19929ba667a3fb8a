/* labelled.h - sentences and the skills that people found in them, out of a CSV.
 *
 * Column `sentence` and one of
 *   label    a preferred label (or URI) a row; rows with the same sentence belong together
 *   skill    the same under another name
 *   skills   a list as Python prints it: ['a', "b's"]
 * LABEL NOT PRESENT, UNDERSPECIFIED and an empty label are no label. Gold skills of a sentence are a set.
 *
 * A set is immutable once read; its strings are its own.
 */
#ifndef SKILLSTREAM_MATCH_LABELLED_H
#define SKILLSTREAM_MATCH_LABELLED_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "match/taxonomy.h"
#include "nn/embed.h"

typedef enum ss_labelled_rule {
    SS_LABELLED_BENCHMARK, /* column `label`; labels compared without blanks at both ends */
    SS_LABELLED_EXACT,     /* column `label`; labels compared byte for byte */
    SS_LABELLED_TRAINING   /* any of the columns; URI, label or trimmed label; UNK is no label either */
} ss_labelled_rule;

typedef struct ss_labelled {
    ss_string_view sentence;
    uint32_t *gold;    /* (gold_count) skills; SS_NO_SKILL for a label that the taxonomy has not */
    size_t gold_count; /* 0 = a sentence without skill */
    size_t unknown;    /* how many of them are SS_NO_SKILL */
} ss_labelled;

typedef struct ss_labelled_set ss_labelled_set;

/* Errors: those of ss_csv_open, a missing column, a list that is none (row named). */
ss_labelled_set *ss_labelled_read(const char *path, ss_labelled_rule rule, const ss_taxonomy *taxonomy, ss_error *err);
void ss_labelled_free(ss_labelled_set *set);

size_t ss_labelled_count(const ss_labelled_set *set); /* distinct sentences, in the file's order */
const ss_labelled *ss_labelled_item(const ss_labelled_set *set, size_t i);

/* 0 if at least one sentence has a skill that the taxonomy knows, else SS_INPUT; `name` is the file's. */
int ss_labelled_check(const ss_labelled_set *set, const char *name, ss_error *err);

/* Embeddings (count,D) of all sentences, to be freed with free(); NULL on failure. `progress` may be NULL. */
float *ss_labelled_embed(const ss_labelled_set *set, ss_embedder *embedder, ss_embed_progress *progress, void *ctx,
                         ss_error *err);

#endif
