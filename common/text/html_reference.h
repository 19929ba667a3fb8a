/* html_reference.h - numeric character references that gumbo cannot hold (internal to common/text).
 *
 * gumbo adds the digits up in an int. A number that passes its end wraps around: "&#4294967361;" becomes an A, and a
 * negative one comes out as a byte that is no UTF-8. HTML has U+FFFD for every number over U+10FFFF, so such a number
 * is replaced by the first one that is too large and of as many digits: nothing moves, and what is decoded is what HTML
 * says.
 */
#ifndef SKILLSTREAM_TEXT_HTML_REFERENCE_H
#define SKILLSTREAM_TEXT_HTML_REFERENCE_H

#include <stddef.h>

#include "base/arena.h"

/* Points *html to a copy in the arena where some number had to be replaced, and leaves it alone otherwise. -1 when the
 * arena is exhausted. */
int ss_html_tame_references(const char **html, size_t len, ss_arena *arena);

#endif
