/* wire_text.h - text that came over the wire, made fit to go on (inside common/stream).
 *
 * The rules for broken bytes are those of the Unicode Standard (table 3-7) and the WHATWG Encoding Standard. The text
 * module has the same rules with a source map; stream may not depend on it, and needs no map.
 *
 * Thread safe: no state.
 */
#ifndef SKILLSTREAM_STREAM_WIRE_TEXT_H
#define SKILLSTREAM_STREAM_WIRE_TEXT_H

#include "base/arena.h"
#include "stream/ad.h"

/* The slice of a NUL-terminated string. */
ss_slice ss_slice_of(const char *string);
int ss_slice_equals(ss_slice slice, const char *string);
/* Without white space (ASCII) at both ends. */
ss_slice ss_slice_trim(ss_slice slice);

/* How many bytes of bytes[0 .. len), len > 0, form the first character; *bad = 1 when they are the maximal subpart of
 * an ill-formed sequence. */
size_t ss_wire_utf8_step(const unsigned char *bytes, size_t len, int *bad);

/* Makes *text valid UTF-8 without NUL, in `arena` when it has to change. -1 when the arena is exhausted. */
int ss_wire_repair(ss_arena *arena, ss_slice *text);

typedef enum ss_wire_clean { SS_WIRE_CLEAN_OK = 0, SS_WIRE_CLEAN_TOO_DEEP, SS_WIRE_CLEAN_MEMORY } ss_wire_clean;

/* Makes *json acceptable to a strict parser where it is only sloppy: byte order mark, broken UTF-8 or windows-1252, raw
 * control characters in strings, lone surrogate escapes. Checks that nesting is at most max_depth. One pass; a copy (in
 * the arena) only when something changes. */
ss_wire_clean ss_wire_clean_json(ss_arena *arena, size_t max_depth, ss_slice *json);

/* 1 when the text holds something like an HTML tag ('<' and a letter, '/' or '!', later a '>'). */
int ss_wire_has_tag(ss_slice text);

/* Undoes one level of &lt; &gt; &amp; &quot; &apos; &#39; &#34; &nbsp; (to a space). -1 when the arena is exhausted. */
int ss_wire_unescape(ss_arena *arena, ss_slice *text);

#endif
