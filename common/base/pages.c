/* pages.c - see pages.h. */
#include "base/pages.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

size_t ss_pages_give_back(const void *data, size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), before = (page - (uintptr_t)data % page) % page;
    if (len < before + page) return 0;
    size_t whole = (len - before) / page * page;
    /* Only a hint about memory: where the system does not take it, nothing changes. */
    return madvise((char *)(uintptr_t)data + before, whole, MADV_DONTNEED) ? 0 : whole;
}
