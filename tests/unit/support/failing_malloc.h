/* failing_malloc.h - memory that runs out at a chosen allocation.
 *
 * A test that links with -Wl,--wrap for each function in failing_malloc.c has its own and the static libraries'
 * allocations counted, and jansson's, which base/json_load.h leads through ours. Other shared libraries' are not.
 * Between arm and disarm the allocation of that number fails; with `all` each one after it as well. Any thread may
 * allocate; one arms.
 */
#ifndef SKILLSTREAM_TESTS_FAILING_MALLOC_H
#define SKILLSTREAM_TESTS_FAILING_MALLOC_H

#include <stddef.h>

/* The n-th allocation from now on, counted from 1, fails; 0: none, they are only counted. */
void failing_malloc_arm(size_t n, int all);

/* Ends it. Returns how many allocations there were since. */
size_t failing_malloc_disarm(void);

#endif
