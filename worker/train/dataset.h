/* dataset.h - the pairs of a training, in memory.
 *
 * Examples with a skill and sentences without one (kind NONE) are two lists: the first is what the encoder learns from;
 * the second serves as partners of joined sentences, and is what a skill/no-skill gate learns from besides.
 * A pair whose id is there already is ignored. The order is that in which pairs are added; with the taxonomy it makes
 * the digest that a checkpoint remembers.
 *
 * One thread while it is filled; afterwards any number may read.
 */
#ifndef SKILLSTREAM_WORKER_TRAIN_DATASET_H
#define SKILLSTREAM_WORKER_TRAIN_DATASET_H

#include "base/arena.h"
#include "base/hash.h"
#include "worker/train/id_set.h"
#include "worker/train/pair_check.h"

typedef struct ss_example {
    const char *text; /* NUL-terminated */
    uint32_t len;
    uint32_t skill;  /* SS_NO_SKILL for NONE */
    uint32_t second; /* another skill of the same sentence, or SS_NO_SKILL */
    ss_pair_kind kind;
} ss_example;

typedef struct ss_examples {
    ss_example *items;
    size_t count, room;
} ss_examples;

typedef struct ss_dataset {
    const ss_taxonomy *taxonomy; /* borrowed */
    ss_examples pairs, none, held_out;
    size_t kinds[SS_PAIR_KINDS]; /* how many of each, held back ones not counted */
    size_t duplicates;
    /* internal */
    ss_arena arena;
    ss_id_set ids;
    ss_sha256 *sha;
    double hold_out;
    uint64_t seed;
} ss_dataset;

/* hold_out: share of the skills whose pairs go to held_out instead; which ones depends on the seed and their URIs. */
int ss_dataset_init(ss_dataset *set, const ss_taxonomy *taxonomy, double hold_out, uint64_t seed, ss_error *err);

/* Copies the pair. 1: added; 0: it was there already; -1: memory is out. */
int ss_dataset_add(ss_dataset *set, const ss_checked_pair *pair, ss_error *err);

/* Pairs out of the taxonomy itself: (description, label) and (alternative label, label). */
int ss_dataset_add_definitions(ss_dataset *set, int descriptions, int alternatives, ss_error *err);

/* SHA-256 over everything that was added and the taxonomy's skills. No more can be added afterwards. */
int ss_dataset_digest(ss_dataset *set, char digest[SS_SHA256_HEX + 1], ss_error *err);

/* The held-back examples as a benchmark CSV (sentence,label), written atomically. */
int ss_dataset_write_held_out(const ss_dataset *set, const char *path, ss_error *err);

/* Sentences for a skill/no-skill gate (match/gate.h) as the same kind of CSV: all without a skill, and of those with
 * one twice as many at most, evenly chosen. */
int ss_dataset_write_gate(const ss_dataset *set, const char *path, ss_error *err);

void ss_dataset_free(ss_dataset *set);

#endif
