/* first_stage_tool.c - TAXONOMY.csv < lines: what the first stage sees in each line, for fit.py and its test:
 *   LOGIT  NAMED  MOST_OVERLAP  MEAN_OVERLAP  PASSES_CAREFUL  PASSES_FAST  TOKEN TOKEN ...       (tabs between fields)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "match/first_stage.h"

static void print_line(const ss_first_stage *careful, const ss_first_stage *fast, ss_span_finder *finder,
                       const char *text, size_t len)
{
    ss_error err = {0};
    if (ss_span_sentence(finder, text, len, &err)) exit(1);
    ss_worded_room room;
    ss_worded worded = ss_span_worded(finder, &room);
    ss_first_stage_view view = ss_first_stage_look(careful, &worded, text, len);
    printf("%.2f\t%d\t%.6g\t%.6g\t%d\t%d\t", view.logit, worded.named_count > 0, (double)view.most_overlap,
           (double)view.mean_overlap, ss_first_stage_passes(careful, &worded, text, len),
           ss_first_stage_passes(fast, &worded, text, len));
    char token[SS_FIRST_STAGE_TOKEN];
    for (size_t at = 0, n = 0; ss_first_stage_token(text, len, &at, token); n++) printf("%s%s", n ? " " : "", token);
    putchar('\n');
}

int main(int argc, char **argv)
{
    ss_error err = {0};
    ss_taxonomy *taxonomy = argc == 2 ? ss_taxonomy_read(argv[1], NULL, NULL, &err) : NULL;
    ss_span_labels *labels = taxonomy ? ss_span_labels_new(taxonomy, &err) : NULL;
    ss_span_finder *finder = labels ? ss_span_finder_new(labels, &err) : NULL;
    size_t skills = taxonomy ? ss_taxonomy_count(taxonomy) : 0;
    ss_first_stage *careful = ss_first_stage_new(SS_FILTER_CAREFUL, skills);
    ss_first_stage *fast = ss_first_stage_new(SS_FILTER_FAST, skills);
    char *line = NULL;
    size_t room = 0;
    if (!finder || !careful || !fast) {
        fprintf(stderr, "first_stage_tool: %s\n", err.text);
        return 1;
    }
    for (ssize_t len; (len = getline(&line, &room, stdin)) > 0;)
        print_line(careful, fast, finder, line, (size_t)len - (line[len - 1] == '\n'));
    free(line);
    ss_first_stage_free(careful);
    ss_first_stage_free(fast);
    ss_span_finder_free(finder);
    ss_span_labels_free(labels);
    ss_taxonomy_free(taxonomy);
    return 0;
}
