/* prompts.c - see prompts.h. */
#include "producer/prompts.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum { MOST = 64, LARGEST_FILE = 64 * 1024 };

struct ss_prompts {
    ss_prompt items[MOST];
    size_t count;
};

static int add(ss_prompts *all, const char *name, const char *text, size_t len, ss_error *err)
{
    if (all->count == MOST) return ss_fail(err, SS_CONFIG, "%s: more than %d prompt templates", name, MOST);
    ss_prompt *new = &all->items[all->count];
    if (ss_prompt_parse(name, text, len, new, err)) return -1;
    for (size_t i = 0; i < all->count; i++)
        if (!strcmp(all->items[i].version, new->version)) {
            ss_prompt_free(new);
            return ss_fail(err, SS_CONFIG, "%s: a second template of version %s", name, all->items[i].version);
        }
    all->count++;
    return 0;
}

static int add_folder(ss_prompts *all, const char *folder, ss_error *err)
{
    char pattern[4096];
    if (snprintf(pattern, sizeof pattern, "%s/*.txt", folder) >= (int)sizeof pattern)
        return ss_fail(err, SS_CONFIG, "the path of --prompts is too long");
    glob_t found = {0};
    int code = glob(pattern, 0, NULL, &found), result = 0;
    if (code) result = ss_fail(err, SS_CONFIG, "%s: no prompt templates (*.txt) there", folder);
    for (size_t i = 0; !result && i < found.gl_pathc; i++) {
        ss_buffer text;
        ss_buffer_init(&text, LARGEST_FILE);
        result = ss_file_read(found.gl_pathv[i], &text, err);
        if (!result) result = add(all, found.gl_pathv[i], text.data ? text.data : "", text.len, err);
        ss_buffer_free(&text);
    }
    if (!code) globfree(&found);
    return result;
}

ss_prompts *ss_prompts_load(const char *folder, ss_error *err)
{
    ss_prompts *all = calloc(1, sizeof *all);
    if (!all) {
        ss_fail_memory(err, "reading the prompt templates");
        return NULL;
    }
    int result = folder ? add_folder(all, folder, err) : 0;
    for (const ss_prompt_file *file = ss_prompt_files; !result && !folder && file->name; file++)
        result = add(all, file->name, file->text, strlen(file->text), err);
    if (!result) return all;
    ss_prompts_free(all);
    return NULL;
}

void ss_prompts_free(ss_prompts *prompts)
{
    if (!prompts) return;
    for (size_t i = 0; i < prompts->count; i++) ss_prompt_free(&prompts->items[i]);
    free(prompts);
}

size_t ss_prompts_count(const ss_prompts *prompts)
{
    return prompts->count;
}

const ss_prompt *ss_prompts_at(const ss_prompts *prompts, size_t i)
{
    return &prompts->items[i];
}

const ss_prompt *ss_prompts_choose(const ss_prompts *prompts, ss_pair_kind kind, uint64_t number)
{
    size_t of_kind = 0;
    for (size_t i = 0; i < prompts->count; i++) of_kind += prompts->items[i].kind == kind;
    if (!of_kind) return NULL;
    size_t wanted = (size_t)(number % of_kind);
    for (size_t i = 0; i < prompts->count; i++)
        if (prompts->items[i].kind == kind && !wanted--) return &prompts->items[i];
    return NULL;
}
