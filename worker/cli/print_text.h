/* print_text.h - texts that somebody else chose (names in Redis, of files) on stdout. */
#ifndef SKILLSTREAM_WORKER_CLI_PRINT_TEXT_H
#define SKILLSTREAM_WORKER_CLI_PRINT_TEXT_H

#include <stddef.h>

/* For people: control characters, which a terminal would obey, and broken UTF-8 become '?'. Filled up with blanks to
 * `width` characters. */
void ss_print_plain(const char *text, size_t len, size_t width);

/* A JSON string with its quotes; broken UTF-8 becomes U+FFFD. */
void ss_print_json(const char *text, size_t len);

#endif
