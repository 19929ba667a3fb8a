/* arena.c - see arena.h. */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 16, DEFAULT_BLOCK = 64 * 1024 };

struct ss_arena_block {
    ss_arena_block *next;
    size_t size; /* bytes behind this header */
    size_t used;
    size_t pad; /* keeps the data 16-aligned */
};

void ss_arena_init(ss_arena *arena, size_t block_size, size_t limit)
{
    *arena = (ss_arena){.block_size = block_size ? block_size : DEFAULT_BLOCK, .limit = limit};
}

static ss_arena_block *new_block(ss_arena *arena, size_t need)
{
    if (need <= arena->block_size && arena->spare) {
        ss_arena_block *block = arena->spare;
        arena->spare = block->next;
        block->used = 0;
        return block;
    }
    size_t size = need > arena->block_size ? need : arena->block_size;
    if (size > SIZE_MAX - sizeof(ss_arena_block)) return NULL;
    ss_arena_block *block = malloc(sizeof *block + size);
    if (!block) {
        arena->starved = 1;
        return NULL;
    }
    *block = (ss_arena_block){.size = size};
    return block;
}

void *ss_arena_alloc(ss_arena *arena, size_t size)
{
    if (size > SIZE_MAX - ALIGN) return NULL;
    size_t need = size ? (size + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
    if (arena->limit && (need > arena->limit || arena->used > arena->limit - need)) return NULL;
    ss_arena_block *block = arena->current;
    if (!block || block->size - block->used < need) {
        block = new_block(arena, need);
        if (!block) return NULL;
        block->next = arena->current;
        arena->current = block;
    }
    void *out = (char *)(block + 1) + block->used;
    block->used += need;
    arena->used += need;
    return out;
}

void *ss_arena_calloc(ss_arena *arena, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size) return NULL;
    void *out = ss_arena_alloc(arena, count * size);
    if (out) memset(out, 0, count * size);
    return out;
}

char *ss_arena_copy(ss_arena *arena, const void *bytes, size_t len)
{
    if (len == SIZE_MAX) return NULL;
    char *out = ss_arena_alloc(arena, len + 1);
    if (!out) return NULL;
    if (len) memcpy(out, bytes, len);
    out[len] = 0;
    return out;
}

void ss_arena_reset(ss_arena *arena)
{
    ss_arena_block *block = arena->current;
    while (block) {
        ss_arena_block *next = block->next;
        if (block->size == arena->block_size) {
            block->next = arena->spare;
            arena->spare = block;
        } else {
            free(block);
        }
        block = next;
    }
    arena->current = NULL;
    arena->used = 0;
    arena->starved = 0;
}

void ss_arena_free(ss_arena *arena)
{
    ss_arena_reset(arena);
    while (arena->spare) {
        ss_arena_block *next = arena->spare->next;
        free(arena->spare);
        arena->spare = next;
    }
}
