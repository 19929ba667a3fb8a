/* pages.h - memory given back while its address range is kept. */
#ifndef SKILLSTREAM_BASE_PAGES_H
#define SKILLSTREAM_BASE_PAGES_H

#include <stddef.h>

/* Gives the whole pages inside [data, data + len) back to the system and returns how many bytes that were. The range
 * may be read on: memory of the process (malloc and its like) holds zeros from then on, pages of a mapped file come
 * back from the file. No thread may be reading the range meanwhile. */
size_t ss_pages_give_back(const void *data, size_t len);

#endif
