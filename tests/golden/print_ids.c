/* print_ids.c - token ids of texts, for tokenizer_oracle.py.
 *
 *   golden_print_ids MODEL_FOLDER MAX_TOKENS < texts > ids
 *
 * Input: one JSON string a line. Output, a line each: the count before truncation, then the ids.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/model_files.h"
#include "text/tokenizer.h"

static int print_line(const ss_tokenizer *tokenizer, ss_tokenizer_scratch *scratch, const json_t *text, size_t limit,
                      int32_t *ids, ss_error *err)
{
    size_t count, full;
    if (ss_tokenize(tokenizer, scratch, json_string_value(text), json_string_length(text), limit, ids, &count, &full,
                    err) != 0)
        return -1;
    printf("%zu", full);
    for (size_t i = 0; i < count; i++) printf(" %d", ids[i]);
    putchar('\n');
    return 0;
}

int main(int argc, char **argv)
{
    ss_error err = {0};
    if (argc != 3) {
        fprintf(stderr, "usage: %s MODEL_FOLDER MAX_TOKENS < texts\n", argv[0]);
        return 2;
    }
    size_t limit = strtoul(argv[2], NULL, 10), cap = 0;
    char *line = NULL;
    int result = -1;
    ss_model_files *files = ss_model_files_open(argv[1], &err);
    ss_tokenizer *tokenizer = files ? ss_tokenizer_load(ss_model_files_set(files), &err) : NULL;
    ss_tokenizer_scratch *scratch = tokenizer ? ss_tokenizer_scratch_new(&err) : NULL;
    int32_t *ids = calloc(limit, sizeof *ids);
    if (!scratch || !ids) goto done;
    result = 0;
    while (result == 0 && getline(&line, &cap, stdin) > 0) {
        json_t *text = json_loads(line, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        result = json_is_string(text) ? print_line(tokenizer, scratch, text, limit, ids, &err)
                                      : ss_fail(&err, SS_INPUT, "a line is not a JSON string");
        json_decref(text);
    }
done:
    if (result != 0) fprintf(stderr, "%s\n", err.text);
    free(line);
    free(ids);
    ss_tokenizer_scratch_free(scratch);
    ss_tokenizer_free(tokenizer);
    ss_model_files_close(files);
    return result == 0 ? 0 : 1;
}
