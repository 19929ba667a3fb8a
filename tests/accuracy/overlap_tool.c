/* overlap_tool.c - TAXONOMY.csv < lines: for each line, "LINE<TAB>SKILL<TAB>OVERLAP" of every skill that overlaps with
 * it, asked in both ways that there are. test_overlap.py computes the same in Python. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "match/span.h"

static int print_line(ss_span_finder *finder, size_t line, const char *text, size_t skills, float *sums)
{
    ss_error err = {0};
    if (ss_span_sentence(finder, text, strlen(text), &err)) return -1;
    memset(sums, 0, skills * sizeof *sums);
    ss_span_add_overlaps(finder, 1, sums);
    for (uint32_t s = 0; s < skills; s++) {
        float alone = ss_span_overlap(finder, s);
        if (fabsf(alone - sums[s]) > 1e-5f) {
            fprintf(stderr, "line %zu, skill %u: %g alone, %g among all\n", line, s, (double)alone, (double)sums[s]);
            return -1;
        }
        if (alone > 0) printf("%zu\t%u\t%.7g\n", line, s, (double)alone);
    }
    return 0;
}

int main(int argc, char **argv)
{
    ss_error err = {0};
    ss_taxonomy *taxonomy = argc == 2 ? ss_taxonomy_read(argv[1], NULL, NULL, &err) : NULL;
    ss_span_labels *labels = taxonomy ? ss_span_labels_new(taxonomy, &err) : NULL;
    ss_span_finder *finder = labels ? ss_span_finder_new(labels, &err) : NULL;
    size_t skills = taxonomy ? ss_taxonomy_count(taxonomy) : 0, room = 0, number = 0;
    float *sums = calloc(skills + 1, sizeof *sums);
    char *line = NULL;
    int bad = !finder || !sums;
    for (ssize_t len; !bad && (len = getline(&line, &room, stdin)) > 0;) {
        if (line[len - 1] == '\n') line[len - 1] = 0;
        bad = print_line(finder, number++, line, skills, sums);
    }
    if (bad) fprintf(stderr, "overlap_tool: %s\n", err.text);
    free(line);
    free(sums);
    ss_span_finder_free(finder);
    ss_span_labels_free(labels);
    ss_taxonomy_free(taxonomy);
    return bad ? 1 : 0;
}
