/* prompt.h - one versioned prompt template: its text, its placeholders, its variations.
 *
 * A template is a text file:
 *
 *     # comment
 *     version: literal-line.1         stands in every pair made with it; change it with every change of the text
 *     kind: LITERAL                   LITERAL, IMPLIED, MULTI or NONE
 *     sector: a | b | c               one of them is chosen per request; may be absent
 *     register: x | y                 likewise
 *     ---
 *     text of the system message
 *     ---
 *     text of the user message
 *
 * Placeholders: {label} {alternatives} {description} {skills} {n} {language} {sector} {register}. A word in braces that
 * is none of them is an error, so a typing mistake is found at start and not in a bill. A line whose placeholders are
 * all empty is left out ("Also called: {alternatives}" for a skill without alternatives). Values are put in as they
 * are, once: braces inside them mean nothing.
 *
 * A template is immutable once parsed; any thread may render.
 */
#ifndef SKILLSTREAM_PRODUCER_PROMPT_H
#define SKILLSTREAM_PRODUCER_PROMPT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "stream/pair.h"

enum { SS_PROMPT_CHOICES = 32, SS_PROMPT_VERSION = 64 };

typedef struct ss_prompt {
    char version[SS_PROMPT_VERSION];
    ss_pair_kind kind;
    char *system, *user;
    char *sectors[SS_PROMPT_CHOICES], *registers[SS_PROMPT_CHOICES];
    size_t sector_count, register_count;
    char *memory; /* all strings lie here */
} ss_prompt;

typedef struct ss_prompt_values {
    const char *label, *alternatives, *description, *skills; /* NULL counts as empty */
    const char *language;                                    /* "English" */
    unsigned n;
    uint64_t variation; /* chooses sector and register */
} ss_prompt_values;

/* `name` stands in error texts. SS_CONFIG names what is wrong. */
int ss_prompt_parse(const char *name, const char *text, size_t len, ss_prompt *out, ss_error *err);
void ss_prompt_free(ss_prompt *prompt);

/* Appends both messages. -1 when a buffer is exhausted. */
int ss_prompt_render(const ss_prompt *prompt, const ss_prompt_values *values, ss_buffer *system, ss_buffer *user,
                     ss_error *err);

#endif
