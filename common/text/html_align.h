/* html_align.h - follows the decoded text of a tree's node through its source (internal to common/text).
 *
 * gumbo says where a text node begins, not where each of its characters comes
 * from. Between the two lie character references and tags that the parser
 * ignored. This walks both side by side. It needs no table of the 2,231 references:
 * a numeric one shows its length; a named one ends at its ';', except the 106
 * old names that need none, and those stand for one Latin-1 character each, by
 * which they are told from longer names that begin alike (checked over the
 * whole table of the HTML standard: no two such names share their character).
 */
#ifndef SKILLSTREAM_TEXT_HTML_ALIGN_H
#define SKILLSTREAM_TEXT_HTML_ALIGN_H

#include <stddef.h>

#include "text/html_writer.h"

typedef enum ss_html_content {
    SS_HTML_NORMAL,    /* tags and references */
    SS_HTML_ESCAPABLE, /* references only: <textarea>, and text that is unescaped */
    SS_HTML_RAW        /* neither: <xmp>, <plaintext> */
} ss_html_content;

/* Writes `decoded` (NUL-terminated) with the offsets it has in html[at .. len). Returns the offset behind it. If the
 * two part ways, characters map to the place where they did, until they meet again. */
size_t ss_html_align(ss_html_writer *writer, const char *decoded, const char *html, size_t at, size_t len,
                     ss_html_content content);

#endif
