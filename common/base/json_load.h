/* json_load.h - json_loadb of jansson that survives memory running out.
 *
 * jansson 2.14 does not: a buffer that could not grow loses a character of a string without a word, is read before its
 * beginning (a crash), or is called a syntax error. For want of memory a good ad would become another ad or a dead
 * letter, a good release a damaged one. So jansson is given an allocator that leaves it when an allocation fails, and
 * then frees what this load had taken.
 *
 * The allocator is set by the first call and serves all of jansson in the process; apart from loads it is malloc and
 * free, so what jansson allocated before can be freed, and what json_dumps returns by free(). Threads: any.
 */
#ifndef SKILLSTREAM_BASE_JSON_LOAD_H
#define SKILLSTREAM_BASE_JSON_LOAD_H

#include <jansson.h>
#include <stddef.h>

/* As json_loadb; `where` may be NULL. NULL: no JSON, or ss_json_starved. */
json_t *ss_json_load(const void *bytes, size_t len, size_t flags, json_error_t *where);

/* 1: the last ss_json_load of this thread failed because memory ran out. */
int ss_json_starved(void);

#endif
