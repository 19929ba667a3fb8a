/* buffer.h - a byte string that grows up to a limit given when it is made.
 *
 * As curl's dynbuf: whoever makes a buffer says how large it may ever get, so
 * hostile input cannot make it eat the machine. After a failed call the content
 * is unchanged. data is always NUL-terminated once something was added (the NUL
 * is not counted in len).
 *
 * Not thread safe.
 */
#ifndef SKILLSTREAM_BASE_BUFFER_H
#define SKILLSTREAM_BASE_BUFFER_H

#include <stddef.h>

#include "base/error.h"

typedef struct ss_buffer {
    char *data; /* NULL until something was added */
    size_t len;
    size_t cap;
    size_t limit; /* len never passes it */
    int starved;  /* 1: memory was out (rather than the limit reached) */
} ss_buffer;

void ss_buffer_init(ss_buffer *buffer, size_t limit);

/* Appends; 0, or -1 when memory or the limit is exhausted. */
int ss_buffer_add(ss_buffer *buffer, const void *bytes, size_t len);
int ss_buffer_add_string(ss_buffer *buffer, const char *string);
int ss_buffer_printf(ss_buffer *buffer, const char *format, ...) SS_PRINTF(2, 3);

/* Makes room for `more` further bytes and returns where they go (the caller then adds to len); NULL if it cannot. */
char *ss_buffer_reserve(ss_buffer *buffer, size_t more);

/* len = 0; keeps the memory. */
void ss_buffer_clear(ss_buffer *buffer);

/* Hands the bytes to the caller, who frees them with free(); the buffer is empty afterwards. Never NULL unless memory
 * is out. */
char *ss_buffer_take(ss_buffer *buffer, size_t *len);

void ss_buffer_free(ss_buffer *buffer);

#endif
