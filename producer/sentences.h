/* sentences.h - the model's text -> a list of sentences.
 *
 * Accepted, after white space, a leading <think>...</think> and one introductory line that ends with ':' are dropped:
 *     a JSON object with exactly one array member       {"sentences": ["..."]}; scalars beside it are ignored
 *     a JSON array                                      ["...", "..."]
 *         items: texts, or objects with exactly one text member (or one called "sentence" or "text")
 *     one of these as the only fenced block             ```json ... ```
 *     a numbered list from 1 without a gap              1. ... / 1) ...
 *     a bulleted list                                   - ... / * ... / (U+2022) ...
 * Everything else is refused as a whole: a sentence that was guessed out of prose would end up in training data. Two
 * fences, text behind a list, an item of another type, numbers that skip, a cut-off JSON: refused.
 *
 * Sentences come out without white space at both ends and, in lists, without one pair of quotation marks around them.
 * Nothing is said about their quality: see check.h. Pure; any thread.
 */
#ifndef SKILLSTREAM_PRODUCER_SENTENCES_H
#define SKILLSTREAM_PRODUCER_SENTENCES_H

#include <stddef.h>

#include "base/arena.h"
#include "stream/ad.h"

enum { SS_SENTENCES_MAX = 200 }; /* of one answer */

typedef struct ss_sentences {
    ss_slice *items; /* in the arena; NUL-terminated as well */
    size_t count;
} ss_sentences;

/* NULL when it worked, else one word for the report: "bad-json", "bad-schema", "bad-list", "too-many", "empty",
 * "memory". Static storage. */
const char *ss_sentences_read(const char *text, size_t len, ss_arena *arena, ss_sentences *out);

#endif
