/* html.h - HTML to plain text, with a source map.
 *
 * The body is parsed as HTML5 says (gumbo), whatever is broken in it, as a
 * fragment or a whole document. From the tree:
 *   - block elements, <br>, <hr>, list items, table rows and cells, headings and
 *     options begin and end a line; lines are separated by one '\n', and no line
 *     is empty. Nothing is added in front of a list item;
 *   - white space is collapsed as CSS does it (a run of blank, tab and newline is one
 *     blank, none at the ends of a line); in <pre>, <textarea> and <listing> all
 *     of it stays. U+00A0 is not white space here;
 *   - head, script, style, template, noscript, svg, math, iframe, object, audio,
 *     video and canvas are dropped, and comments;
 *   - character references are decoded.
 * Some boards escape their HTML once more ("&lt;p&gt;We are ...&lt;/p&gt;"); such a body
 * is recognised, unescaped and then parsed, up to three levels.
 *
 * Cost. Trees of hostile documents cost quadratic time and memory in every HTML5
 * parser (deep nesting, formatting elements that are never closed, thousands of
 * attributes). Work and memory of the tree are therefore bounded beforehand and while
 * it is built. A document that passes a bound is not refused: it takes a linear
 * path, on which its tags are reduced to line breaks first and gumbo reads the
 * rest in pieces. The same path serves documents whose tree shows text in
 * another order than the source (text astray between table cells). Its text is
 * the tree's, except for white space (inside <pre>, and at tags that a tree ignores) and
 * that it also has what is in svg, noscript, template and the like. So the time per
 * byte has a bound, and no text is lost. Which path is taken depends on the body
 * and the limits alone, never on a clock.
 *
 * Thread safety: no state; as text.h.
 */
#ifndef SKILLSTREAM_TEXT_HTML_H
#define SKILLSTREAM_TEXT_HTML_H

#include "text/text.h"

/* Zero in any field means the default; NULL for the struct means all defaults. */
typedef struct ss_html_limits {
    size_t max_bytes;       /* longest body that is accepted, else SS_LIMIT; default 64 MiB */
    size_t max_tree_work;   /* bound on the parser's steps beyond one per byte (see html_guard.h); default 20 million */
    size_t max_tree_memory; /* bytes that the tree may take while it is built; default 64 MiB */
} ss_html_limits;

/* SS_LIMIT: body over max_bytes. SS_MEMORY: the arena, or memory for the tree, is exhausted.
 * The tree lives in memory of its own and is gone on return; only text and map stay in `arena`. */
int ss_text_from_html(const char *body, size_t len, const ss_html_limits *limits, ss_arena *arena, ss_text *out,
                      ss_error *err);

/* 1 if the body has no tag but at least one well-known tag in escaped form (&lt;p&gt;, or &amp;lt;p&amp;gt;), else 0.
 */
int ss_html_is_escaped(const char *body, size_t len);

#endif
