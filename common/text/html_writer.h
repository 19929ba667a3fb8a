/* html_writer.h - collapses white space and keeps the source map (internal to common/text).
 *
 * Characters come in reading order, line breaks as requests: a break, like a blank, is
 * written only when a visible character follows, so no line is empty and none
 * begins or ends with a blank, whatever order tags and blanks come in.
 */
#ifndef SKILLSTREAM_TEXT_HTML_WRITER_H
#define SKILLSTREAM_TEXT_HTML_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

typedef struct ss_html_writer {
    char *bytes;
    uint32_t *source; /* offsets in the HTML that is being read */
    size_t len, cap;
    uint32_t last;        /* source of the byte written last: the next may not lie before it */
    uint32_t blank_at;    /* source of the pending blank or break */
    int blank, line;      /* a blank, a break is pending */
    unsigned verbatim;    /* > 0: inside elements that keep their white space */
    int disordered, full; /* text came in another order than its source; a write did not fit */
} ss_html_writer;

/* Room for the text of `html_len` bytes of HTML. -1 when the arena is exhausted. */
int ss_html_writer_init(ss_html_writer *writer, size_t html_len, ss_arena *arena);
void ss_html_writer_clear(ss_html_writer *writer);

/* A line ends here (once, however often it is said). */
void ss_html_write_break(ss_html_writer *writer, uint32_t source);

/* One code point of 1-4 bytes. exact: it stands in the source as it is, so that its bytes map one by one. */
void ss_html_write_code(ss_html_writer *writer, const char *bytes, size_t len, uint32_t source, int exact);

/* The verbatim '\n' etc. at the end of the text are dropped, the NUL and the last map entry are added. */
void ss_html_writer_end(ss_html_writer *writer, size_t html_len);

#endif
