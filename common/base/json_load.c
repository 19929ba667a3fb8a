/* json_load.c - see json_load.h. */
#include "base/json_load.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local int starved;

static void *allocate(size_t size)
{
    void *out = malloc(size);
    if (!out) starved = 1;
    return out;
}

static void watch(void)
{
    json_set_alloc_funcs(allocate, free);
}

json_t *ss_json_load(const void *bytes, size_t len, size_t flags, json_error_t *where)
{
    pthread_once(&once, watch);
    starved = 0;
    return json_loadb(bytes, len, flags, where);
}

int ss_json_starved(void)
{
    return starved;
}
