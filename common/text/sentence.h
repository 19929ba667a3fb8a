/* sentence.h - text into sentences, tuned for job ads.
 *
 * A sentence is the unit that is embedded and that a record points into. Ads are
 * half prose and half lists, so a sentence ends
 *   - at the end of a line (the HTML step makes one line per block). In plain text,
 *     lines that were hard-wrapped at a fixed column are joined first;
 *   - at . ? ! … and their CJK forms, if what follows can begin a sentence and what
 *     precedes is not an abbreviation, initial, decimal number, URL, e-mail
 *     address or a name such as Node.js or .NET; also without a blank behind the full stop
 *     where the case shows it ("a great job.We are");
 *   - in front of a list item: behind bullets anywhere, behind "*" and "-" where a line holds a whole list, at numbers
 *     and letters ("2)", "b.") that continue a list which the line began.
 * A semicolon or colon ends nothing. A heading on its own line is a sentence.
 *
 * A bullet (- * • -- ### ...) is a separator and not part of the sentence, so that
 * the same requirement reads the same in every ad. A number or letter stays with its
 * sentence, together with a bullet in front of it.
 *
 * Guarantees: spans are ordered, do not overlap, are not empty, lie on code point
 * borders, neither begin nor end with Unicode white space, and every letter and
 * digit of the text lies in exactly one of them (but for an "o" that serves as a bullet). What
 * lies between two spans is a separator: white space, bullets, and stretches of signs without a letter
 * or digit ("-----", "* * *"). Same text and options, same spans.
 * The text must be valid UTF-8 (an ss_text is). Any length up to SS_TEXT_MAX; time is linear in it.
 *
 * Thread safety: no state; as text.h.
 */
#ifndef SKILLSTREAM_TEXT_SENTENCE_H
#define SKILLSTREAM_TEXT_SENTENCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

/* Bytes [begin, end) of a text. */
typedef struct ss_span {
    uint32_t begin, end;
} ss_span;

/* All zero is a good choice for plain text without a token limit. */
typedef struct ss_sentence_options {
    int hard_lines;    /* 1: every newline ends a sentence (text made from HTML); 0: hard-wrapped lines are joined */
    size_t max_tokens; /* longer sentences are cut: at a semicolon or comma, else at a blank, else between two code
                        * points; nothing is lost. 0 = no cutting */
    /* Tokens of a piece of text, without special tokens; never more than its bytes. Must be given if max_tokens > 0.
     * Called only for pieces with more than max_tokens bytes; the bytes counted are O(n log n) in all. */
    size_t (*count_tokens)(void *context, const char *text, size_t len);
    void *context;
} ss_sentence_options;

/* Spans of all sentences, in the arena; none for a text of white space (then *out is a valid pointer, *count 0).
 * options NULL = all zero. SS_LIMIT: text over SS_TEXT_MAX. SS_MEMORY: the arena is exhausted. */
int ss_sentences_split(const char *text, size_t len, const ss_sentence_options *options, ss_arena *arena, ss_span **out,
                       size_t *count, ss_error *err);

#endif
