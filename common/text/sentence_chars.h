/* sentence_chars.h - the characters of a unit, as the splitter sees them (internal to common/text).
 *
 * A unit is what can hold several sentences: one line, or hard-wrapped lines that
 * belong together. All offsets are bytes from `text`. At and behind the end there is the kind SS_CHAR_END, so
 * callers may ask for any offset from begin on.
 */
#ifndef SKILLSTREAM_TEXT_SENTENCE_CHARS_H
#define SKILLSTREAM_TEXT_SENTENCE_CHARS_H

#include <stddef.h>
#include <stdint.h>

typedef struct ss_unit {
    const char *text;
    size_t begin, end;
} ss_unit;

/* In this order: the first two are "nothing here". SS_CHAR_LETTER has no case; SS_CHAR_SIGN is everything else. */
typedef enum ss_char_kind {
    SS_CHAR_END,
    SS_CHAR_SPACE,
    SS_CHAR_UPPER,
    SS_CHAR_LOWER,
    SS_CHAR_DIGIT,
    SS_CHAR_LETTER,
    SS_CHAR_SIGN
} ss_char_kind;

ss_char_kind ss_kind_of(uint32_t code);

/* The code point at `at` and its bytes; 0 and 0 at the end. */
uint32_t ss_code_at(const ss_unit *unit, size_t at, size_t *used);

ss_char_kind ss_kind_at(const ss_unit *unit, size_t at);

/* Of the character that ends at `at`. */
ss_char_kind ss_kind_before(const ss_unit *unit, size_t at);

/* The first byte at or behind `at` that is not white space. */
size_t ss_skip_space(const ss_unit *unit, size_t at);

#endif
