/* utf8.h - code points in and out of UTF-8, and bytes that are not quite UTF-8.
 *
 * Source: The Unicode Standard, table 3-7 (well-formed sequences: no surrogates,
 * no overlong forms, nothing above U+10FFFF) and the WHATWG Encoding Standard
 * (one U+FFFD per maximal subpart of an ill-formed sequence).
 */
#ifndef SKILLSTREAM_TEXT_UTF8_H
#define SKILLSTREAM_TEXT_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "text/text.h"

#define SS_UTF8_INVALID UINT32_MAX
#define SS_UTF8_REPLACEMENT 0xFFFDu

/* Decodes the code point at bytes[0 .. len), len > 0. Returns how many bytes it takes (1-4). For an ill-formed sequence
 * *code is SS_UTF8_INVALID and the result is the length of its maximal subpart (1-3). */
size_t ss_utf8_decode(const char *bytes, size_t len, uint32_t *code);

/* Begin of the code point that ends at `at` (> 0) in valid UTF-8. */
size_t ss_utf8_before(const char *bytes, size_t at);

/* Writes a code point as 1-4 bytes and returns how many; surrogates and values over U+10FFFF become U+FFFD. */
size_t ss_utf8_encode(uint32_t code, char out[4]);

/* 1 if all of it is well-formed, else 0. */
int ss_utf8_valid(const char *bytes, size_t len);

/* 1 if ss_utf8_repair would change nothing (beyond that it also treats U+FEFF anywhere as not clean), else 0. */
int ss_utf8_is_clean(const char *bytes, size_t len);

/* White space by Unicode's White_Space property, plus U+200B (zero width space) and U+FEFF, which scraped pages are
 * full of and which show as nothing. */
int ss_utf8_is_space(uint32_t code);

/* Any bytes to valid UTF-8 with a source map, by the rules that text.h lists. */
int ss_utf8_repair(const char *bytes, size_t len, ss_arena *arena, ss_text *out, ss_error *err);

#endif
