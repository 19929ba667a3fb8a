/* html_scan.h - where tags begin and end, without a tree (internal to common/text).
 *
 * The parts of HTML's tokenizer that can be told from the bytes alone; used by the guard,
 * by the linear path and to follow a text node through its source. All functions
 * are linear in the bytes they pass over and never read at or beyond `end`.
 */
#ifndef SKILLSTREAM_TEXT_HTML_SCAN_H
#define SKILLSTREAM_TEXT_HTML_SCAN_H

#include <gumbo.h>
#include <stddef.h>

/* What an element means for the text. */
typedef enum ss_html_role {
    SS_HTML_INLINE,   /* nothing */
    SS_HTML_BLOCK,    /* begins and ends a line */
    SS_HTML_VERBATIM, /* a block that keeps its white space */
    SS_HTML_DROPPED   /* not part of the text, with all that is in it */
} ss_html_role;

ss_html_role ss_html_role_of(GumboTag tag);

typedef enum ss_html_markup_kind {
    SS_HTML_NO_MARKUP, /* this '<' is text */
    SS_HTML_START_TAG,
    SS_HTML_END_TAG,
    SS_HTML_COMMENT /* also doctype, processing instruction and what HTML calls bogus comments */
} ss_html_markup_kind;

typedef struct ss_html_markup {
    ss_html_markup_kind kind;
    const char *name; /* of a tag; in the source, any case */
    size_t name_len;
    const char *end;   /* behind the '>'; the end of the source if there is none */
    size_t separators; /* blanks, slashes and quotes in a start tag: at least the number of its attributes minus one */
} ss_html_markup;

/* What begins at the '<' at `at`. */
ss_html_markup ss_html_markup_at(const char *at, const char *end);

int ss_html_is_letter(char c);
/* Equal without regard to ASCII case; `lower` is in lower case. */
int ss_html_name_is(const char *name, size_t len, const char *lower);

#endif
