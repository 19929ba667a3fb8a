/* json_load.c - see json_load.h.
 *
 * While a load runs, its blocks are a list, so that they can be freed when it is left by longjmp. A block's link lies
 * behind its bytes, where malloc_usable_size finds it again: the block begins where jansson's bytes begin, and free()
 * takes it as it is. When a load has ended, the links of its blocks mean nothing any more.
 */
#include "base/json_load.h"

#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

enum { ALIGN = 16 };

typedef struct block {
    struct block *next, *before;
    void *bytes; /* what jansson was given */
} block;

typedef struct load {
    block head; /* of a ring */
    jmp_buf starved;
} load;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local load *running; /* NULL: no load in this thread */
static _Thread_local int starved;

static block *block_of(void *bytes)
{
    uintptr_t end = (uintptr_t)bytes + malloc_usable_size(bytes);
    return (block *)((end - sizeof(block)) / ALIGN * ALIGN);
}

static void *allocate(size_t size)
{
    if (!running) return malloc(size);
    void *bytes = size <= SIZE_MAX / 2 ? malloc(size + sizeof(block) + ALIGN) : NULL;
    if (!bytes) longjmp(running->starved, 1);
    block *b = block_of(bytes);
    *b = (block){.next = running->head.next, .before = &running->head, .bytes = bytes};
    b->next->before = b;
    running->head.next = b;
    return bytes;
}

static void release(void *bytes)
{
    if (running && bytes) {
        block *b = block_of(bytes);
        b->next->before = b->before;
        b->before->next = b->next;
    }
    free(bytes);
}

static void watch(void)
{
    json_set_alloc_funcs(allocate, release);
}

static void release_all(load *l)
{
    for (block *b = l->head.next, *next; b != &l->head; b = next) {
        next = b->next;
        free(b->bytes);
    }
}

json_t *ss_json_load(const void *bytes, size_t len, size_t flags, json_error_t *where)
{
    load l;
    pthread_once(&once, watch);
    l.head = (block){.next = &l.head, .before = &l.head};
    starved = 0;
    if (setjmp(l.starved)) {
        running = NULL;
        starved = 1;
        release_all(&l);
        return NULL;
    }
    running = &l;
    json_t *root = json_loadb(bytes, len, flags, where);
    running = NULL;
    return root;
}

int ss_json_starved(void)
{
    return starved;
}
