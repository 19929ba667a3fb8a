/* first_stage.h - sentences that ask for no skill, told by their words before a vector is computed.
 *
 * Three of four sentences of an ad ask for nothing: the company's praise of itself, pay, place, how to apply. Embedding
 * them costs most of the time and gives nothing. The first stage is a logistic regression that knows such sentences:
 *
 *   logit(s) = bias + length(tokens of s) + sum of weight(t) over tokens t and pairs of neighbours of s
 *              + steps(largest overlap of a skill with s) + steps(mean of the four largest overlaps)      (overlap.h)
 *
 * A sentence is dropped if its logit is below the level's, names no skill (ss_span_named), and is written in words that
 * the table knows (more than half of its words, if it has any: another language passes untouched).
 *
 * Tokens: runs of ASCII letters, in lower case; a run of digits is "0"; every other character that is no blank stands
 * for itself; a web or mail address is one token, <url> or <mail>. Weights are in first_stage_words.inc, readable, made
 * by tests/accuracy/first_stage/fit.py: positives are sentences of real ads for which the whole pipeline had a
 * candidate with a probability above 0.05, and the sentences of data sets written for skills; negatives the ads' other
 * sentences. What each level costs is in common/match/README.md.
 *
 * An ss_first_stage is immutable and shared.
 */
#ifndef SKILLSTREAM_MATCH_FIRST_STAGE_H
#define SKILLSTREAM_MATCH_FIRST_STAGE_H

#include <stddef.h>

#include "match/span.h"

/* off: every sentence passes. careful: one sentence with a mention in a hundred is dropped, mostly a wrong mention.
 * fast: drops more, and more is lost. */
typedef enum ss_filter { SS_FILTER_OFF, SS_FILTER_CAREFUL, SS_FILTER_FAST } ss_filter;
#define SS_FILTER_WORDS "off|careful|fast"

/* One of SS_FILTER_WORDS; anything else is SS_FILTER_OFF. */
ss_filter ss_filter_of(const char *word);

typedef struct ss_first_stage ss_first_stage;

/* Fitted with a long list (ESCO): in a short one every word is common and overlaps are small, so that too much would be
 * dropped. With a taxonomy of fewer skills than this every sentence passes. */
enum { SS_FIRST_STAGE_LEAST_SKILLS = 3000 };

/* A stage for a taxonomy of that many skills. NULL without memory. */
ss_first_stage *ss_first_stage_new(ss_filter filter, size_t skills);
void ss_first_stage_free(ss_first_stage *stage);

/* The level it works by: the one asked for, or SS_FILTER_OFF for a short taxonomy. */
ss_filter ss_first_stage_filter(const ss_first_stage *stage);

/* 1 if the sentence may ask for a skill. `worded` is what ss_span_worded says of it. Microseconds. */
int ss_first_stage_passes(const ss_first_stage *stage, const ss_worded *worded, const char *text, size_t len);

/* What a sentence looks like to the first stage; for fitting and tests. */
typedef struct ss_first_stage_view {
    double logit;
    size_t tokens, letter_words, known_words;
    float most_overlap, mean_overlap; /* the largest, and the mean of the SS_FIRST_STAGE_OVERLAPS largest */
} ss_first_stage_view;

enum { SS_FIRST_STAGE_OVERLAPS = 4, SS_FIRST_STAGE_TOKEN = 32 };

ss_first_stage_view ss_first_stage_look(const ss_first_stage *stage, const ss_worded *worded, const char *text,
                                        size_t len);

/* The next token from *at on, as text ended by 0, cut to what `token` holds; moves *at behind it. 0: there is none. */
size_t ss_first_stage_token(const char *text, size_t len, size_t *at, char token[SS_FIRST_STAGE_TOKEN]);

#endif
