/* prototypes.c - see prototypes.h. */
#include "match/prototypes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The word we write, and the one we read as well: people type both. */
static const struct {
    ss_prototype_kind kind;
    const char *word, *other;
} kind_words[] = {
    {SS_PROTOTYPE_LABEL, "label", "labels"},
    {SS_PROTOTYPE_ALTERNATIVE, "alternatives", "alternative"},
    {SS_PROTOTYPE_DESCRIPTION, "description", "descriptions"},
};
enum { KINDS = sizeof kind_words / sizeof *kind_words };

static int word_is(const char *word, const char *text, size_t len)
{
    return strlen(word) == len && !memcmp(word, text, len);
}

int ss_prototype_kinds_parse(const char *text, unsigned *kinds, ss_error *err)
{
    unsigned found = 0;
    for (const char *at = text;; at++) {
        const char *word = at;
        size_t len = strcspn(at, ",");
        at += len;
        ss_trim(&word, &len);
        size_t i = 0;
        while (i < KINDS && !word_is(kind_words[i].word, word, len) && !word_is(kind_words[i].other, word, len)) i++;
        if (i == KINDS)
            return ss_fail(err, SS_USAGE, "prototypes: unknown kind '%.*s'; known: label, alternatives, description",
                           (int)(len < 80 ? len : 80), word);
        found |= kind_words[i].kind;
        if (!*at) break;
    }
    if (!(found & SS_PROTOTYPE_LABEL))
        return ss_fail(err, SS_USAGE, "prototypes: '%.80s' lacks 'label', which every skill has", text);
    *kinds = found;
    return 0;
}

void ss_prototype_kinds_text(unsigned kinds, char out[SS_PROTOTYPE_TEXT])
{
    out[0] = 0;
    size_t used = 0;
    for (size_t i = 0; i < KINDS; i++)
        if (kinds & kind_words[i].kind)
            used += (size_t)snprintf(out + used, SS_PROTOTYPE_TEXT - used, "%s%s", used ? "," : "", kind_words[i].word);
}

const char *ss_prototype_kind_word(ss_prototype_kind kind)
{
    for (size_t i = 0; i < KINDS; i++)
        if (kind_words[i].kind == kind) return kind_words[i].word;
    return "";
}

static size_t count_of(const ss_skill *skill, unsigned kinds)
{
    return 1 + (kinds & SS_PROTOTYPE_ALTERNATIVE ? skill->alternative_count : 0u) +
           (kinds & SS_PROTOTYPE_DESCRIPTION && *skill->description ? 1u : 0u);
}

static void add_skill(ss_prototypes *list, uint32_t number, const ss_skill *skill, unsigned kinds)
{
    list->items[list->count++] = (ss_prototype){number, SS_PROTOTYPE_LABEL, skill->label};
    for (uint32_t i = 0; kinds & SS_PROTOTYPE_ALTERNATIVE && i < skill->alternative_count; i++)
        list->items[list->count++] = (ss_prototype){number, SS_PROTOTYPE_ALTERNATIVE, skill->alternatives[i]};
    if (kinds & SS_PROTOTYPE_DESCRIPTION && *skill->description)
        list->items[list->count++] = (ss_prototype){number, SS_PROTOTYPE_DESCRIPTION, skill->description};
}

int ss_prototypes_list(const ss_taxonomy *taxonomy, unsigned kinds, ss_prototypes *out, ss_error *err)
{
    *out = (ss_prototypes){0};
    size_t count = 0, skills = ss_taxonomy_count(taxonomy);
    for (uint32_t i = 0; i < skills; i++) count += count_of(ss_taxonomy_skill(taxonomy, i), kinds);
    out->items = calloc(count ? count : 1, sizeof *out->items);
    if (!out->items) return ss_fail_memory(err, "listing the prototypes");
    for (uint32_t i = 0; i < skills; i++) add_skill(out, i, ss_taxonomy_skill(taxonomy, i), kinds);
    return 0;
}

void ss_prototypes_free(ss_prototypes *prototypes)
{
    free(prototypes->items);
    *prototypes = (ss_prototypes){0};
}
