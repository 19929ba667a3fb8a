/* prompts.h - the prompt templates of a run: those built into the program, or a folder's.
 *
 * Built in are the files of producer/prompts/, so that the program alone is enough; `--prompts DIR` takes all *.txt
 * of DIR in their place. Several templates of one kind are for variety: each (skill, kind) gets one of them by the hash
 * of the skill's URI, so a run that is resumed asks the same way.
 *
 * Immutable once made.
 */
#ifndef SKILLSTREAM_PRODUCER_PROMPTS_H
#define SKILLSTREAM_PRODUCER_PROMPTS_H

#include "producer/prompt.h"

typedef struct ss_prompts ss_prompts;

/* folder NULL: the built-in ones. SS_CONFIG: a bad template, two with the same version, none at all. */
ss_prompts *ss_prompts_load(const char *folder, ss_error *err);
void ss_prompts_free(ss_prompts *prompts);

size_t ss_prompts_count(const ss_prompts *prompts);
const ss_prompt *ss_prompts_at(const ss_prompts *prompts, size_t i); /* in the order of their file names */

/* The template of a kind for this number, or NULL when there is none of that kind. */
const ss_prompt *ss_prompts_choose(const ss_prompts *prompts, ss_pair_kind kind, uint64_t number);

/* A built-in file; made by the build. `name` NULL ends the list. */
typedef struct ss_prompt_file {
    const char *name, *text;
} ss_prompt_file;
extern const ss_prompt_file ss_prompt_files[];

#endif
