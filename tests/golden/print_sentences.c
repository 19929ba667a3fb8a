/* print_sentences.c - JSON lines with a "text" on standard input -> one JSON array of its sentences per line, for
 * sentences.py. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "text/sentence.h"

static int print_line(const char *line, size_t len, ss_arena *arena)
{
    json_t *document = json_loadb(line, len, 0, NULL), *sentences = json_array();
    const char *text = json_string_value(json_object_get(document, "text"));
    ss_span *spans = NULL;
    size_t count = 0;
    int failed = !text || ss_sentences_split(text, json_string_length(json_object_get(document, "text")), NULL, arena,
                                             &spans, &count, NULL) < 0;
    for (size_t i = 0; !failed && i < count; i++)
        failed = json_array_append_new(sentences, json_stringn(text + spans[i].begin, spans[i].end - spans[i].begin));
    if (!failed) failed = json_dumpf(sentences, stdout, JSON_COMPACT) < 0 || putchar('\n') == EOF;
    json_decref(sentences);
    json_decref(document);
    ss_arena_reset(arena);
    return failed;
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    ss_arena arena;
    int failed = 0;
    ss_arena_init(&arena, 0, 0);
    for (ssize_t len; !failed && (len = getline(&line, &cap, stdin)) > 0;)
        failed = print_line(line, (size_t)len, &arena);
    ss_arena_free(&arena);
    free(line);
    return failed ? 1 : 0;
}
