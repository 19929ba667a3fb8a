/* html_tree.h - gumbo, kept within bounds (internal to common/text).
 *
 * gumbo 0.10 checks no allocation, and frees its tree by recursion. So it is given an
 * allocator over an arena: an allocation that fails leaves the parser by longjmp, and the
 * tree goes with the arena, without recursion. The tree is walked with a stack of our
 * own for the same reason.
 */
#ifndef SKILLSTREAM_TEXT_HTML_TREE_H
#define SKILLSTREAM_TEXT_HTML_TREE_H

#include <stddef.h>

#include "base/arena.h"
#include "text/html_writer.h"

/* Parses html[begin .. end) and writes its text; offsets count from `html`. The arena's memory is used for the tree and
 * may be reset afterwards. -1 when the arena is exhausted: part of the text may have been written then. */
int ss_html_tree_write(const char *html, size_t begin, size_t end, ss_arena *arena, ss_html_writer *writer);

/* Only decodes character references: every other byte stays as it is (the writer should be verbatim). */
int ss_html_tree_unescape(const char *html, size_t len, ss_arena *arena, ss_html_writer *writer);

#endif
