/* serving.c - see serving.h. */
#include "serving.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum { MAX_LINE = 1 << 20 };

static int add_text(bench_texts *texts, size_t *room, const char *line, size_t len)
{
    if (texts->count == *room) {
        size_t larger = 2 * *room + 1024;
        ss_string_view *grown = realloc(texts->texts, larger * sizeof *grown);
        if (!grown) return -1;
        texts->texts = grown;
        *room = larger;
    }
    char *copy = malloc(len + 1);
    if (!copy) return -1;
    memcpy(copy, line, len);
    copy[len] = 0;
    texts->texts[texts->count++] = (ss_string_view){copy, len};
    return 0;
}

int bench_read_texts(const char *path, bench_texts *texts, ss_error *err)
{
    char *line;
    size_t len, room = 0;
    int got;
    *texts = (bench_texts){.texts = NULL};
    ss_lines *lines = ss_lines_open(path, MAX_LINE, err);
    if (!lines) return -1;
    while ((got = ss_lines_next(lines, &line, &len, err)) == 1)
        if (add_text(texts, &room, line, len)) {
            got = ss_fail_memory(err, "reading texts");
            break;
        }
    ss_lines_close(lines);
    return got;
}

void bench_free_texts(bench_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++) free((char *)texts->texts[i].data);
    free(texts->texts);
    *texts = (bench_texts){.texts = NULL};
}

int bench_serve(bench_pass *pass, bench_dump *dump, void *context, ss_error *err)
{
    char line[4096];
    size_t tokens;
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (strcmp(line, "go") == 0) {
            if (pass(context, &tokens, err)) return -1;
            printf("%zu\n", tokens);
        } else if (strncmp(line, "dump ", 5) == 0) {
            if (dump && dump(context, line + 5, err)) return -1;
            puts(dump ? "ok" : "no");
        }
        fflush(stdout);
    }
    return 0;
}
