/* json_load.h - json_loadb of jansson, with memory that ran out told from text that is no JSON.
 *
 * jansson calls both a syntax error, so that for want of memory a good ad would become a dead letter for ever and a
 * good release would be refused as damaged. Its allocations are therefore watched: the first call gives it functions
 * (malloc and free themselves otherwise, so what it allocated before can be freed) that note a failure for the thread
 * it happens in.
 *
 * Threads: any.
 */
#ifndef SKILLSTREAM_BASE_JSON_LOAD_H
#define SKILLSTREAM_BASE_JSON_LOAD_H

#include <jansson.h>
#include <stddef.h>

/* As json_loadb; `where` may be NULL. */
json_t *ss_json_load(const void *bytes, size_t len, size_t flags, json_error_t *where);

/* 1: memory ran out in jansson in this thread since its last ss_json_load began. */
int ss_json_starved(void);

#endif
