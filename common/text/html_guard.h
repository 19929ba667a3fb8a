/* html_guard.h - documents that would cost a tree parser too much (internal to common/text).
 *
 * Two quadratic traps of the HTML standard's tree construction, as measured with gumbo:
 *   - every tag may walk the stack of open elements (about 2 ns per element): a
 *     million nested <div> take a quarter of an hour,
 *   - every tag or text re-opens all formatting elements that were left open (about
 *     60 ns each, and memory): 2,000 times <b id=N><p> take 500 MB,
 *   - every attribute is compared with those before it in its tag.
 * The guard adds up an upper bound of these steps in one pass; the linear path
 * turns the document into one that has none of them.
 */
#ifndef SKILLSTREAM_TEXT_HTML_GUARD_H
#define SKILLSTREAM_TEXT_HTML_GUARD_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/* 1 if a tree of this document surely costs at most `budget` steps (one step: one open element looked at); 0 if not, or
 * if the arena is exhausted. Errs on the side of 0: an end tag closes only the element opened last, and everything that
 * might be a start tag, even in a comment, counts as one. */
int ss_html_is_cheap(const char *html, size_t len, size_t budget, ss_arena *arena);

/* HTML without depth: "<p>" where a line ends, "</>" (which HTML ignores) where another tag or a comment was, text and
 * character references as they were; scripts, styles and other raw text that is not shown left out. */
typedef struct ss_html_flat {
    char *html;
    size_t len;       /* at most the original's */
    uint32_t *source; /* [len + 1]: offsets in the original */
} ss_html_flat;

/* -1 when the arena is exhausted. */
int ss_html_flatten(const char *html, size_t len, ss_arena *arena, ss_html_flat *out);

#endif
