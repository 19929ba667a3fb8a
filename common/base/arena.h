/* arena.h - memory that is freed all at once.
 *
 * One batch of ads is one arena: text, sentences, mentions and records of the
 * batch are cut from a few large blocks, and ss_arena_reset gives everything
 * back between two batches without returning it to the system. So the hot path
 * makes no malloc per ad, and an error path has nothing to free piece by piece.
 * (nginx's ngx_palloc is the model.)
 *
 * Not thread safe: one arena belongs to one thread at a time.
 */
#ifndef SKILLSTREAM_BASE_ARENA_H
#define SKILLSTREAM_BASE_ARENA_H

#include <stddef.h>

typedef struct ss_arena_block ss_arena_block;

typedef struct ss_arena {
    ss_arena_block *current; /* newest block, allocations come from here */
    ss_arena_block *spare;   /* blocks kept by a reset */
    size_t block_size;       /* bytes of an ordinary block */
    size_t used;             /* bytes handed out since the last reset */
    size_t limit;            /* `used` never passes it; 0 = no limit */
    int starved;             /* 1: since the last reset, memory was out (rather than the limit reached) */
} ss_arena;

/* Makes an empty arena; takes no memory yet. block_size 0 = 64 KiB. */
void ss_arena_init(ss_arena *arena, size_t block_size, size_t limit);

/* `size` bytes aligned to 16, not cleared; NULL when memory or the limit is exhausted. size 0 gives a valid pointer. */
void *ss_arena_alloc(ss_arena *arena, size_t size);

/* Cleared array of count * size bytes; NULL on overflow, exhausted memory or limit. */
void *ss_arena_calloc(ss_arena *arena, size_t count, size_t size);

/* Copy of `len` bytes with a NUL behind them. */
char *ss_arena_copy(ss_arena *arena, const void *bytes, size_t len);

/* Forgets all allocations; keeps ordinary blocks for reuse, frees outsized ones. */
void ss_arena_reset(ss_arena *arena);

/* Frees everything. The arena can be used again. */
void ss_arena_free(ss_arena *arena);

#endif
