/* check.h - is one sentence fit to be a training example? Everything that needs no other sentence.
 *
 *     reason           when
 *     "not-text"       control characters, line breaks, or what is left of JSON, Markdown or a placeholder
 *     "unfinished"     it ends with one of : , ; - (
 *     "too-short"      fewer words than min_words
 *     "too-long"       more words than max_words, or more than 1000 bytes
 *     "repetition"     the same four words stand in it twice
 *     "refusal"        the model speaks about itself instead ("As an AI ...", "I'm sorry, but ...")
 *     "chatter"        the model speaks to its user ("Here are ten sentences", "Sure, ...")
 *     "language"       language.h
 *     "prompt-leak"    six words in a row stand in the template (or all of a shorter sentence), or eight in the
 *                      skill's description
 *     "label-leak"     kind IMPLIED: the skill's label, without what is in brackets, or an alternative of two or more
 *                      words stands in it
 *     "names-a-skill"  kind NONE: some label of the taxonomy of two or more words stands in it
 *
 * Reasons are static strings and the label values of skillstream_rejects_total. One thread per checker.
 */
#ifndef SKILLSTREAM_PRODUCER_CHECK_H
#define SKILLSTREAM_PRODUCER_CHECK_H

#include "base/error.h"
#include "match/taxonomy.h"
#include "producer/prompt.h"
#include "producer/words.h"

typedef struct ss_check_rules {
    const char *language; /* BCP 47; outlives the checker */
    size_t min_words, max_words;
} ss_check_rules;

typedef struct ss_checker ss_checker;

/* Borrows the taxonomy. */
ss_checker *ss_checker_new(const ss_check_rules *rules, const ss_taxonomy *taxonomy, ss_error *err);
void ss_checker_free(ss_checker *checker);

/* What the next sentences were asked for. skills: the one asked for first; none for kind NONE. */
int ss_checker_begin(ss_checker *checker, const ss_prompt *prompt, const uint32_t *skills, size_t skill_count,
                     ss_error *err);

/* 0 with *reason NULL (fit) or one of the words above; -1 when memory is out. */
int ss_checker_judge(ss_checker *checker, const char *sentence, size_t len, const char **reason, ss_error *err);

/* The words of the sentence that was judged last. */
const ss_words *ss_checker_words(const ss_checker *checker);

#endif
