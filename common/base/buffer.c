/* buffer.c - see buffer.h. */
#include "base/buffer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 256 };

void ss_buffer_init(ss_buffer *buffer, size_t limit)
{
    *buffer = (ss_buffer){.limit = limit < SIZE_MAX - 1 ? limit : SIZE_MAX - 1};
}

char *ss_buffer_reserve(ss_buffer *buffer, size_t more)
{
    if (more > buffer->limit || buffer->len > buffer->limit - more) return NULL;
    size_t need = buffer->len + more + 1;
    if (need > buffer->cap) {
        size_t cap = buffer->cap ? buffer->cap : FIRST_SIZE;
        while (cap < need) cap = cap > SIZE_MAX / 2 ? need : cap * 2;
        char *data = realloc(buffer->data, cap);
        if (!data) {
            buffer->starved = 1;
            return NULL;
        }
        buffer->data = data;
        buffer->cap = cap;
    }
    return buffer->data + buffer->len;
}

int ss_buffer_add(ss_buffer *buffer, const void *bytes, size_t len)
{
    char *to = ss_buffer_reserve(buffer, len);
    if (!to) return -1;
    if (len) memcpy(to, bytes, len);
    buffer->len += len;
    buffer->data[buffer->len] = 0;
    return 0;
}

int ss_buffer_add_string(ss_buffer *buffer, const char *string)
{
    return ss_buffer_add(buffer, string, strlen(string));
}

int ss_buffer_printf(ss_buffer *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0) return -1;
    char *to = ss_buffer_reserve(buffer, (size_t)len);
    if (!to) return -1;
    va_start(args, format);
    vsnprintf(to, (size_t)len + 1, format, args);
    va_end(args);
    buffer->len += (size_t)len;
    return 0;
}

void ss_buffer_clear(ss_buffer *buffer)
{
    buffer->len = 0;
    buffer->starved = 0;
    if (buffer->data) buffer->data[0] = 0;
}

char *ss_buffer_take(ss_buffer *buffer, size_t *len)
{
    if (!buffer->data && !ss_buffer_reserve(buffer, 0)) return NULL;
    buffer->data[buffer->len] = 0;
    if (len) *len = buffer->len;
    char *data = buffer->data;
    *buffer = (ss_buffer){.limit = buffer->limit};
    return data;
}

void ss_buffer_free(ss_buffer *buffer)
{
    free(buffer->data);
    *buffer = (ss_buffer){.limit = buffer->limit};
}
