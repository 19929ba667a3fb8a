/* recipe.h - everything that decides what a training gives, as one table of options.
 *
 * `skillstream train` and skillstream-trainer share it as a macro list, as extract_settings.h does; a recipe file is a
 * file of these options (`--recipe FILE`). Defaults are the paper's values (Decorte et al. 2023, arXiv 2307.10778).
 * Options flagged SS_OPT_RESULT change the weights: a checkpoint can only be resumed under the same ones
 * (ss_recipe_text). The others say how fast and how safely it goes, and what is made of the weights.
 */
#ifndef SKILLSTREAM_WORKER_TRAIN_RECIPE_H
#define SKILLSTREAM_WORKER_TRAIN_RECIPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/options.h"
#include "match/ranking.h"

typedef struct ss_recipe {
    /* data */
    uint64_t seed, epochs, max_steps, batch, max_tokens, max_sentence;
    double hold_out;
    const char *first_stage;
    uint64_t first_stage_epochs;
    double weight_literal, weight_implied, weight_multi;
    double alternative_positives, description_positives;
    double join, join_none;
    const char *second;
    /* loss and updates */
    double scale, symmetric, dropout;
    uint64_t hard_negatives, hard_every, hard_skip;
    double hard_limit;
    double lr, warm_up, weight_decay, clip;
    /* while it runs */
    uint64_t validate_every, patience, checkpoint_every, threads, activation_memory;
    int keep_best;
    /* the release */
    const char *prototypes, *score;
    double named_weight, overlap_weight;
    const char *calibrate, *gate, *name, *judge;
    double margin, sure;
} ss_recipe;

#define SS_RECIPE_ROW(S, m, name, type, member, fallback, range, value, group, help, flags)                            \
    {name, type, offsetof(S, m.member), fallback, range, value, group, help, flags},

/* Table rows for a struct `S` that holds an ss_recipe as its member `m`. */
/* clang-format off */
#define SS_RECIPE_OPTIONS(S, m)                                                                                        \
    SS_RECIPE_ROW(S, m, "seed", SS_OPT_COUNT, seed, "1", NULL, "N", "Training data",                                   \
        "All chance (order, partners, dropout) follows from this number.", SS_OPT_RESULT)                              \
    SS_RECIPE_ROW(S, m, "epochs", SS_OPT_COUNT, epochs, "1", "1..1000", "N", NULL,                                     \
        "How often every pair is seen.", SS_OPT_RESULT)                                                                \
    SS_RECIPE_ROW(S, m, "max-steps", SS_OPT_COUNT, max_steps, "0", NULL, "N", NULL,                                    \
        "Stop after N steps, with the learning rate's schedule cut to them; 0: no limit.", SS_OPT_RESULT)              \
    SS_RECIPE_ROW(S, m, "batch", SS_OPT_COUNT, batch, "64", "2..16384", "N", NULL,                                     \
        "Pairs of a step. Every other skill of the batch is a negative.", SS_OPT_RESULT)                               \
    SS_RECIPE_ROW(S, m, "max-tokens", SS_OPT_COUNT, max_tokens, "64", "8..512", "N", NULL,                             \
        "Sentences and skill texts are cut to N tokens.", SS_OPT_RESULT)                                               \
    SS_RECIPE_ROW(S, m, "max-sentence", SS_OPT_BYTES, max_sentence, "4k", "16..16384", "BYTES", NULL,                  \
        "A pair with a longer sentence is refused.", SS_OPT_RESULT)                                                    \
    SS_RECIPE_ROW(S, m, "hold-out", SS_OPT_REAL, hold_out, "0", "0..0.5", "SHARE", NULL,                               \
        "Hold back this share of the skills with all their sentences as a validation set of its own.", SS_OPT_RESULT)  \
    SS_RECIPE_ROW(S, m, "first-stage", SS_OPT_CHOICE, first_stage, "none", "none|descriptions|alternatives|both",      \
        "KIND", NULL, "Before the sentences, train on pairs out of the taxonomy: description and label, alternative "  \
        "label and label, or both.", SS_OPT_RESULT)                                                                    \
    SS_RECIPE_ROW(S, m, "first-stage-epochs", SS_OPT_COUNT, first_stage_epochs, "1", "1..100", "N", NULL,              \
        "How often the first stage's pairs are seen.", SS_OPT_RESULT)                                                  \
    SS_RECIPE_ROW(S, m, "weight-literal", SS_OPT_REAL, weight_literal, "1", "0..100", "W", NULL,                       \
        "Weight of LITERAL pairs in the loss; 0 leaves them out.", SS_OPT_RESULT)                                      \
    SS_RECIPE_ROW(S, m, "weight-implied", SS_OPT_REAL, weight_implied, "1", "0..100", "W", NULL,                       \
        "Weight of IMPLIED pairs, and of those without a kind.", SS_OPT_RESULT)                                        \
    SS_RECIPE_ROW(S, m, "weight-multi", SS_OPT_REAL, weight_multi, "1", "0..100", "W", NULL,                           \
        "Weight of MULTI pairs.", SS_OPT_RESULT)                                                                       \
    SS_RECIPE_ROW(S, m, "alternative-positives", SS_OPT_REAL, alternative_positives, "0", "0..1", "P", NULL,           \
        "How often a skill is shown by one of its alternative labels instead of its label.", SS_OPT_RESULT)            \
    SS_RECIPE_ROW(S, m, "description-positives", SS_OPT_REAL, description_positives, "0", "0..1", "P", NULL,           \
        "How often it is shown by its description.", SS_OPT_RESULT)                                                    \
    SS_RECIPE_ROW(S, m, "join", SS_OPT_REAL, join, "1", "0..1", "P", NULL,                                             \
        "How often a sentence is joined, before or after, with a random other one.", SS_OPT_RESULT)                    \
    SS_RECIPE_ROW(S, m, "join-none", SS_OPT_REAL, join_none, "0", "0..1", "P", NULL,                                   \
        "How often that other one is a sentence without a skill, if there are any.", SS_OPT_RESULT)                    \
    SS_RECIPE_ROW(S, m, "second", SS_OPT_CHOICE, second, "positive", "positive|masked|negative", "RULE", NULL,         \
        "What the skill of the other sentence is to the joined one: a second positive, no negative, or a negative "    \
        "like any other.", SS_OPT_RESULT)                                                                              \
    SS_RECIPE_ROW(S, m, "scale", SS_OPT_REAL, scale, "20", "0.1..1000", "S", "Loss and updates",                       \
        "Cosines are multiplied with it; 1 / temperature.", SS_OPT_RESULT)                                             \
    SS_RECIPE_ROW(S, m, "symmetric", SS_OPT_REAL, symmetric, "0", "0..1", "W", NULL,                                   \
        "Weight of the loss with skills and sentences exchanged.", SS_OPT_RESULT)                                      \
    SS_RECIPE_ROW(S, m, "dropout", SS_OPT_REAL, dropout, NULL, "0..0.9", "P", NULL,                                    \
        "Dropout while training. Default: what the encoder's config.json says.", SS_OPT_RESULT)                        \
    SS_RECIPE_ROW(S, m, "hard-negatives", SS_OPT_COUNT, hard_negatives, "0", "0..16", "N", NULL,                       \
        "Add to the batch, for each pair, the N wrong skills that are nearest to its sentence under the encoder as "   \
        "it then is.", SS_OPT_RESULT)                                                                                  \
    SS_RECIPE_ROW(S, m, "hard-every", SS_OPT_COUNT, hard_every, "200", "1..", "STEPS", NULL,                           \
        "Look for hard negatives anew every STEPS steps.", SS_OPT_RESULT)                                              \
    SS_RECIPE_ROW(S, m, "hard-skip", SS_OPT_COUNT, hard_skip, "0", "0..100", "N", NULL,                                \
        "Pass over the N nearest wrong skills.", SS_OPT_RESULT)                                                        \
    SS_RECIPE_ROW(S, m, "hard-limit", SS_OPT_REAL, hard_limit, "0.95", "0..10", "SHARE", NULL,                         \
        "Pass over wrong skills with more than this share of the right one's score: they are probably right, too "     \
        "(arXiv 2407.15831).", SS_OPT_RESULT)                                                                          \
    SS_RECIPE_ROW(S, m, "lr", SS_OPT_REAL, lr, "2e-5", "0..1", "RATE", NULL,                                           \
        "Highest learning rate of AdamW.", SS_OPT_RESULT)                                                              \
    SS_RECIPE_ROW(S, m, "warm-up", SS_OPT_REAL, warm_up, "0.05", "0..1", "SHARE", NULL,                                \
        "Share of the steps in which the rate rises to it; afterwards it falls linearly to 0.", SS_OPT_RESULT)         \
    SS_RECIPE_ROW(S, m, "weight-decay", SS_OPT_REAL, weight_decay, "0.01", "0..1", "W", NULL,                          \
        "Weight decay of AdamW; never on biases and LayerNorm.", SS_OPT_RESULT)                                        \
    SS_RECIPE_ROW(S, m, "clip", SS_OPT_REAL, clip, "1", "0..", "NORM", NULL,                                           \
        "Largest norm of the gradient; 0: no clipping.", SS_OPT_RESULT)                                                \
    SS_RECIPE_ROW(S, m, "activation-memory", SS_OPT_BYTES, activation_memory, "640M", "1048576..", "BYTES", NULL,      \
        "Memory for activations. A batch that needs more is cut, and its parts are computed twice (GradCache).",       \
        SS_OPT_RESULT)                                                                                                 \
    SS_RECIPE_ROW(S, m, "validate-every", SS_OPT_COUNT, validate_every, "0", NULL, "STEPS", "While training",          \
        "Rank the validation files by labels alone every STEPS steps, for the curve; 0: not.", SS_OPT_RESULT)          \
    SS_RECIPE_ROW(S, m, "keep-best", SS_OPT_FLAG, keep_best, "false", NULL, NULL, NULL,                                \
        "End with the weights of the best of these validations instead of the last ones.", SS_OPT_RESULT)              \
    SS_RECIPE_ROW(S, m, "patience", SS_OPT_COUNT, patience, "0", NULL, "N", NULL,                                      \
        "Stop early after N validations without a better one; 0: never.", SS_OPT_RESULT)                               \
    SS_RECIPE_ROW(S, m, "checkpoint-every", SS_OPT_COUNT, checkpoint_every, "100", "1..", "STEPS", NULL,               \
        "Write a checkpoint every STEPS steps.", 0)                                                                    \
    SS_RECIPE_ROW(S, m, "threads", SS_OPT_COUNT, threads, "0", "0..1024", "N", NULL,                                   \
        "Compute threads; 0: one per processor. Results do not depend on it.", 0)                                      \
    SS_RECIPE_ROW(S, m, "prototypes", SS_OPT_STRING, prototypes, "label", NULL, "KINDS", "Release",                    \
        "Which texts of a skill are embedded: label,alternatives,description.", 0)                                     \
    SS_RECIPE_ROW(S, m, "score", SS_OPT_CHOICE, score, "best", "best|mean-label-best", "HOW", NULL,                    \
        "Score of a skill from its prototypes: the best one, or half the label's and half the best one's.", 0)         \
    SS_RECIPE_ROW(S, m, "named-weight", SS_OPT_REAL, named_weight, "0", "0..10", "W", NULL,                            \
        "Added to the score that ranks a skill whose preferred label stands in the sentence.", 0)                      \
    SS_RECIPE_ROW(S, m, "overlap-weight", SS_OPT_REAL, overlap_weight, "0", "0..10", "W", NULL,                        \
        "Times the overlap of a skill's names with the sentence, word by word (0 to some 3), added likewise.", 0)      \
    SS_RECIPE_ROW(S, m, "calibrate", SS_OPT_STRING, calibrate, NULL, NULL, "FILE.csv", NULL,                           \
        "Labelled sentences to which probability and threshold are fitted, as for `skillstream index`.", 0)            \
    SS_RECIPE_ROW(S, m, "gate", SS_OPT_STRING, gate, "pairs", NULL, "FILE.csv", NULL,                                  \
        "Labelled sentences from which a skill/no-skill gate is fitted to the trained encoder, as for `skillstream "   \
        "index`; 'pairs': the training's own, if there are some without a skill; 'off': no gate.", 0)                  \
    SS_RECIPE_ROW(S, m, "name", SS_OPT_STRING, name, NULL, NULL, "NAME", NULL, "Name of the release, for people.", 0)  \
    SS_RECIPE_ROW(S, m, "judge", SS_OPT_CHOICE, judge, "rp5", "rp5|mrr|mean", "FIGURE", NULL,                          \
        "The figure that decides: RP@5, MRR, or the mean of both; averaged over the validation files.", 0)             \
    SS_RECIPE_ROW(S, m, "margin", SS_OPT_REAL, margin, "0", "0..100", "POINTS", NULL,                                  \
        "A release is better when the figure is more than POINTS higher ...", 0)                                       \
    SS_RECIPE_ROW(S, m, "sure", SS_OPT_REAL, sure, "0.95", "0..1", "P", NULL,                                          \
        "... in at least this share of resamples of the validation sentences (paired bootstrap).", 0)
/* clang-format on */

/* How skills are ranked: for the figures, and in the release. */
ss_ranking ss_recipe_ranking(const ss_recipe *recipe);

/* Checks what the table cannot: options that contradict each other. SS_CONFIG. */
int ss_recipe_check(const ss_recipe *recipe, ss_error *err);

/* The options that change the weights, a line each: name=value. Two trainings on the same data with the same text give
 * the same weights (on the same kind of CPU). */
int ss_recipe_text(const ss_recipe *recipe, ss_buffer *out, ss_error *err);

/* The first line in which two such texts differ: "epochs=1 instead of epochs=2"; out holds `size` bytes. */
void ss_recipe_difference(const char *now, const char *then, char *out, size_t size);

/* A command whose options are the recipe alone, for `skillstream lint --program recipe`. */
const ss_command *ss_recipe_command(void);

#endif
