/* failing_malloc.c - see failing_malloc.h. The linker leads each call of NAME to __wrap_NAME, which calls __real_NAME:
 * the C library's, or AddressSanitizer's.
 * Only programs that wrap them link this file (tests/CMakeLists.txt).
 */
#include "support/failing_malloc.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC diagnostic ignored "-Wmissing-prototypes" /* the linker calls these, no header does */
#pragma GCC diagnostic ignored "-Wpedantic"           /* names that begin with two underlines are the linker's choice */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);

static atomic_size_t count, fails_at; /* fails_at 0: none */
static atomic_int counting, all_after;

/* 1 if this one is to fail. */
static int fails(void)
{
    if (!atomic_load(&counting)) return 0;
    size_t number = atomic_fetch_add(&count, 1) + 1, at = atomic_load(&fails_at);
    int failing = at && (number == at || (number > at && atomic_load(&all_after)));
    if (failing) errno = ENOMEM;
    return failing;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
    return fails() ? NULL : __real_reallocarray(old, n, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t len)
{
    return fails() ? NULL : __real_strndup(text, len);
}

void failing_malloc_arm(size_t n, int all)
{
    atomic_store(&count, 0);
    atomic_store(&fails_at, n);
    atomic_store(&all_after, all);
    atomic_store(&counting, 1);
}

size_t failing_malloc_disarm(void)
{
    atomic_store(&counting, 0);
    return atomic_load(&count);
}
