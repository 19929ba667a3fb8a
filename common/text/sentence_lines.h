/* sentence_lines.h - which newlines of a plain text are only there to fit a screen (internal to common/text).
 *
 * Mail and old boards break lines at some column near 72-80. Such a line is as
 * full as it could be: the next line's first word would not have fitted. That alone
 * also holds for the longest line of a list by chance, so a line is joined with the next
 * only if this one is at least 40 columns wide, none that counts is wider than 100,
 * the next begins no list item, and the next begins with a small letter or the text has
 * shown at least two such joints elsewhere.
 */
#ifndef SKILLSTREAM_TEXT_SENTENCE_LINES_H
#define SKILLSTREAM_TEXT_SENTENCE_LINES_H

#include <stddef.h>

typedef struct ss_wrapping {
    size_t column; /* widest line that can have been wrapped; 0: nothing is joined */
    int certain;   /* joints were seen that only wrapping explains */
} ss_wrapping;

/* Looks at all lines of a text, in one pass each for width and evidence. */
ss_wrapping ss_wrapping_of(const char *text, size_t len);

/* End of the unit that begins at `begin`: behind its last line's last byte, before the newline (or len). */
size_t ss_unit_end(const ss_wrapping *wrapping, const char *text, size_t len, size_t begin);

#endif
