/* option_suggest.c - "did you mean": the nearest known word by edit distance (Damerau's optimal string alignment). */
#include <stdio.h>
#include <string.h>

#include "base/option_value.h"

enum { LONGEST = 48, MOST_WORDS = 256 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b), rows[3][LONGEST + 1];
    if (n > LONGEST || m > LONGEST) return LONGEST;
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= m; j++) last[j] = j;
    for (size_t i = 1; i <= n; i++) {
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t cost = a[i - 1] != b[j - 1];
            row[j] = least(least(last[j] + 1, row[j - 1] + 1), last[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        size_t *free_row = before;
        before = last;
        last = row;
        row = free_row;
    }
    return last[m];
}

const char *ss_nearest_word(const char *word, const char *const *words)
{
    size_t len = strlen(word), best = LONGEST;
    const char *nearest = NULL;
    for (; *words; words++) {
        size_t d = distance(word, *words);
        /* a word that only lacks its end ("thread" for "threads-per-core") is near as well */
        if (len >= 4 && !strncmp(*words, word, len)) d = least(d, 1);
        if (d < best) {
            best = d;
            nearest = *words;
        }
    }
    return nearest && best <= (len < 4 ? 1 : len / 3 + 1) ? nearest : NULL;
}

void ss_option_suggest(const ss_command *command, const char *name, char *out, size_t size)
{
    const char *words[MOST_WORDS + 1];
    size_t count = 0;
    for (const ss_option *o = command->options; o->name && count < MOST_WORDS; o++) words[count++] = o->name;
    for (const ss_option *o = ss_common_options(); o->name && count < MOST_WORDS; o++) words[count++] = o->name;
    words[count] = NULL;
    const char *nearest = ss_nearest_word(name, words);
    if (nearest)
        snprintf(out, size, "; did you mean '%s'?", nearest);
    else if (size)
        *out = 0;
}
