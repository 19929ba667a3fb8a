/* text.h - the plain text of one ad, and where each of its bytes came from.
 *
 * Everything behind this point (sentences, tokens, spans, records) counts in
 * bytes of the ad's plain text. The source map leads back from there to the
 * bytes that were received, so that a user can mark a skill in the page he
 * scraped.
 *
 * Both makers accept any bytes at all. The result is always valid UTF-8:
 *   - a UTF-8 byte order mark at the start is dropped,
 *   - a body that is not UTF-8 and has no valid multi-byte sequence anywhere is
 *     taken for windows-1252 (what browsers do with "Latin-1"),
 *   - other invalid bytes become U+FFFD, one per maximal subpart (WHATWG),
 *   - NUL and other C0 controls (and DEL) become a blank; \t and \n stay; \r\n
 *     and a lone \r become \n.
 *
 * Thread safety: functions keep no state; different arenas may be used from
 * different threads at once.
 */
#ifndef SKILLSTREAM_TEXT_TEXT_H
#define SKILLSTREAM_TEXT_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

/* All memory is in the arena that the maker was given. */
typedef struct ss_text {
    const char *bytes;      /* valid UTF-8, NUL-terminated; the NUL is not counted in len */
    size_t len;             /* bytes */
    const uint32_t *source; /* [len + 1]: offset in the ad's body of the construct that byte i came from (the '&' of an
                             * entity, the first byte of an invalid sequence, the next tag for a line break that a tag
                             * made); non-decreasing; source[len] = length of the body */
} ss_text;

/* The longest body that can be mapped: offsets have 32 bits, and one more value is needed for the end. */
#define SS_TEXT_MAX ((size_t)UINT32_MAX - 1)

/* A body that is plain text. Lines stay as they are (see sentence.h for hard-wrapped text).
 * SS_LIMIT: body over SS_TEXT_MAX. SS_MEMORY: the arena is exhausted. */
int ss_text_from_plain(const char *body, size_t len, ss_arena *arena, ss_text *out, ss_error *err);

#endif
