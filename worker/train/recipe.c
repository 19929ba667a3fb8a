/* recipe.c - see recipe.h. */
#include "worker/train/recipe.h"

#include <math.h>
#include <string.h>

#include "match/prototypes.h"

typedef struct holder {
    ss_common_values common;
    ss_recipe recipe;
} holder;

static const ss_option table[] = {SS_RECIPE_OPTIONS(holder, recipe){.name = NULL}};

static const ss_command command = {.name = "recipe",
                                   .summary = "a training recipe",
                                   .description = "Options of skillstream train that a recipe file may hold.",
                                   .options = table,
                                   .size = sizeof(holder)};

const ss_command *ss_recipe_command(void)
{
    return &command;
}

ss_ranking ss_recipe_ranking(const ss_recipe *recipe)
{
    return (ss_ranking){.named = recipe->named_weight, .overlap = recipe->overlap_weight};
}

int ss_recipe_check(const ss_recipe *r, ss_error *err)
{
    unsigned kinds;
    if (r->alternative_positives + r->description_positives > 1)
        return ss_fail(err, SS_CONFIG, "alternative-positives and description-positives are more than 1 together");
    if (r->weight_literal + r->weight_implied + r->weight_multi <= 0)
        return ss_fail(err, SS_CONFIG, "all weights are 0: there would be nothing to train on");
    if ((r->keep_best || r->patience) && !r->validate_every)
        return ss_fail(err, SS_CONFIG, "%s needs validate-every", r->keep_best ? "keep-best" : "patience");
    if (ss_prototype_kinds_parse(r->prototypes, &kinds, err)) {
        if (err) err->status = SS_CONFIG;
        return -1;
    }
    return 0;
}

static int add_line(const ss_option *option, const void *at, ss_buffer *out)
{
    switch (option->type) {
    case SS_OPT_COUNT:
    case SS_OPT_BYTES:
        return ss_buffer_printf(out, "%s=%llu\n", option->name, (unsigned long long)*(const uint64_t *)at);
    case SS_OPT_REAL:
        return isnan(*(const double *)at) ? ss_buffer_printf(out, "%s=\n", option->name)
                                          : ss_buffer_printf(out, "%s=%.17g\n", option->name, *(const double *)at);
    case SS_OPT_FLAG: return ss_buffer_printf(out, "%s=%s\n", option->name, *(const int *)at ? "true" : "false");
    default: return ss_buffer_printf(out, "%s=%s\n", option->name, *(char *const *)at ? *(char *const *)at : "");
    }
}

int ss_recipe_text(const ss_recipe *recipe, ss_buffer *out, ss_error *err)
{
    for (const ss_option *option = table; option->name; option++) {
        const char *at = (const char *)recipe + (option->at - offsetof(holder, recipe));
        if ((option->flags & SS_OPT_RESULT) && add_line(option, at, out))
            return ss_fail_memory(err, "writing down the recipe");
    }
    return 0;
}

void ss_recipe_difference(const char *now, const char *then, char *out, size_t size)
{
    size_t line = 0, i = 0;
    for (; now[i] && now[i] == then[i]; i++)
        if (now[i] == '\n') line = i + 1;
    int a = (int)strcspn(now + line, "\n"), b = (int)strcspn(then + line, "\n");
    snprintf(out, size, "%.*s instead of %.*s", a, now + line, b, then + line);
}
