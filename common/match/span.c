/* span.c - see span.h.
 *
 * All labels are folded once, when a release is opened, into one arena: per skill a list, longest first. A sentence is
 * folded once with a map back to its bytes. A hit then costs one memmem per label of its skill, which is linear in the
 * sentence, and the first label that stands on word borders is the longest.
 */
#include "match/span_parts.h"

#include <stdlib.h>
#include <string.h>

size_t ss_label_without_bracket(const char *text, size_t len)
{
    while (len && text[len - 1] == ' ') len--;
    if (!len || text[len - 1] != ')') return 0;
    size_t depth = 0;
    while (len--) {
        if (text[len] == ')') depth++;
        if (text[len] == '(' && --depth == 0) break;
    }
    return depth || len == SIZE_MAX ? 0 : len;
}

static int add_folded(ss_span_labels *labels, ss_folded *work, const char *text, size_t len)
{
    if (ss_fold(work, text, len)) return -1;
    if (!work->len) return 0;
    char *copy = ss_arena_copy(&labels->arena, work->text, work->len);
    if (!copy) return -1;
    labels->labels[labels->count++] = (ss_folded_label){copy, work->len};
    return 0;
}

static int add_label(ss_span_labels *labels, ss_folded *work, const char *text)
{
    size_t len = strlen(text), shorter = ss_label_without_bracket(text, len);
    if (add_folded(labels, work, text, len)) return -1;
    return shorter ? add_folded(labels, work, text, shorter) : 0;
}

static int by_falling_length(const void *a, const void *b)
{
    const ss_folded_label *x = a, *y = b;
    if (x->len != y->len) return x->len < y->len ? 1 : -1;
    return strcmp(x->text, y->text);
}

static int fold_all(ss_span_labels *labels, const ss_taxonomy *taxonomy)
{
    ss_folded work = {0};
    int bad = 0;
    for (uint32_t s = 0; !bad && s < labels->skills; s++) {
        const ss_skill *skill = ss_taxonomy_skill(taxonomy, s);
        labels->first[s] = labels->count;
        bad = add_label(labels, &work, skill->label);
        for (uint32_t i = 0; !bad && i < skill->alternative_count; i++)
            bad = add_label(labels, &work, skill->alternatives[i]);
        qsort(labels->labels + labels->first[s], labels->count - labels->first[s], sizeof *labels->labels,
              by_falling_length);
    }
    labels->first[labels->skills] = labels->count;
    ss_folded_free(&work);
    if (bad || ss_named_index_build(labels, taxonomy)) return -1;
    labels->overlap = ss_overlap_index_new(taxonomy);
    return labels->overlap ? 0 : -1;
}

ss_span_labels *ss_span_labels_new(const ss_taxonomy *taxonomy, ss_error *err)
{
    ss_span_labels *labels = calloc(1, sizeof *labels);
    if (labels) {
        size_t most = 0;
        labels->skills = ss_taxonomy_count(taxonomy);
        for (uint32_t s = 0; s < labels->skills; s++)
            most += 2 * (1 + (size_t)ss_taxonomy_skill(taxonomy, s)->alternative_count);
        ss_arena_init(&labels->arena, 1 << 18, 0);
        labels->first = calloc(labels->skills + 1, sizeof *labels->first);
        labels->labels = calloc(most + 1, sizeof *labels->labels);
        if (labels->first && labels->labels && !fold_all(labels, taxonomy)) return labels;
    }
    ss_span_labels_free(labels);
    ss_fail_memory(err, "folding the labels");
    return NULL;
}

void ss_span_labels_free(ss_span_labels *labels)
{
    if (!labels) return;
    ss_arena_free(&labels->arena);
    ss_named_index_free(&labels->named);
    ss_overlap_index_free(labels->overlap);
    free(labels->labels);
    free(labels->first);
    free(labels);
}

ss_span_finder *ss_span_finder_new(const ss_span_labels *labels, ss_error *err)
{
    ss_span_finder *finder = calloc(1, sizeof *finder);
    if (finder) {
        finder->labels = labels;
        finder->overlap = ss_overlap_scratch_new(labels->overlap);
        if (finder->overlap) return finder;
    }
    free(finder);
    ss_fail_memory(err, "making a span finder");
    return NULL;
}

void ss_span_finder_free(ss_span_finder *finder)
{
    if (!finder) return;
    ss_folded_free(&finder->sentence);
    ss_overlap_scratch_free(finder->overlap);
    free(finder);
}

int ss_span_sentence(ss_span_finder *finder, const char *text, size_t len, ss_error *err)
{
    finder->source = text;
    finder->len = len;
    if (!ss_fold(&finder->sentence, text, len) && !ss_overlap_take(finder->overlap, &finder->sentence)) return 0;
    finder->sentence.len = 0;
    return ss_fail_memory(err, "looking for labels in a sentence");
}

int ss_span_begins_word(const ss_folded *in, size_t at)
{
    if (!at) return 1;
    if (ss_fold_word_before(in->text, at)) return 0;
    return !(in->text[at - 1] == '.' && ss_fold_word_at(in->text, in->len, at));
}

/* 1 if a label that ends before `at` is not the head of a longer name: "C" in "C++", "C#", "node" in "Node.js". */
static int ends_word(const ss_folded *in, size_t at)
{
    if (at >= in->len) return 1;
    char next = in->text[at];
    if (!ss_fold_word_before(in->text, at)) return next != in->text[at - 1];
    if (ss_fold_word_at(in->text, in->len, at) || next == '#') return 0;
    if (next == '.') return !ss_fold_word_at(in->text, in->len, at + 1);
    return !(next == '+' && at + 1 < in->len && in->text[at + 1] == '+');
}

size_t ss_span_end_of_word(const ss_folded *in, size_t at)
{
    if (ends_word(in, at)) return at;
    if (ss_fold_word_before(in->text, at) && in->text[at] == 's' && ends_word(in, at + 1)) return at + 1;
    return 0;
}

/* Leftmost place of the label on word borders: its first byte, and *end behind the last; SIZE_MAX if there is none. */
static size_t find_label(const ss_folded *in, const ss_folded_label *label, size_t *end)
{
    size_t from = 0;
    while (in->len - from >= label->len) {
        const char *found = memmem(in->text + from, in->len - from, label->text, label->len);
        if (!found) break;
        size_t at = (size_t)(found - in->text);
        *end = ss_span_begins_word(in, at) ? ss_span_end_of_word(in, at + label->len) : 0;
        if (*end) return at;
        from = at + 1;
    }
    return SIZE_MAX;
}

ss_label_span ss_span_find(const ss_span_finder *finder, uint32_t skill)
{
    const ss_span_labels *labels = finder->labels;
    const ss_folded *in = &finder->sentence;
    for (size_t i = labels->first[skill]; in->len && i < labels->first[skill + 1]; i++) {
        size_t end, at = find_label(in, &labels->labels[i], &end);
        if (at != SIZE_MAX) return (ss_label_span){in->begin[at], in->end[end - 1], 1};
    }
    return (ss_label_span){0, finder->len, 0};
}

float ss_span_overlap(const ss_span_finder *finder, uint32_t skill)
{
    return ss_overlap_of(finder->overlap, skill);
}

void ss_span_add_overlaps(ss_span_finder *finder, float weight, float *scores)
{
    const uint32_t *skills;
    size_t count = ss_overlap_all(finder->overlap, &skills);
    for (size_t i = 0; i < count; i++) scores[skills[i]] += weight * ss_overlap_found(finder->overlap, skills[i]);
}

ss_worded ss_span_worded(ss_span_finder *finder, ss_worded_room *room)
{
    ss_overlap_hit hits[SS_SPAN_OVERLAPPING];
    ss_worded worded = {.named = room->named, .overlapping = room->overlapping, .overlaps = room->overlaps};
    worded.named_count = ss_span_named(finder, room->named, SS_SPAN_NAMED_ROOM);
    worded.overlapping_count = ss_overlap_best(finder->overlap, hits, SS_SPAN_OVERLAPPING);
    for (size_t i = 0; i < worded.overlapping_count; i++) {
        room->overlapping[i] = hits[i].skill;
        room->overlaps[i] = hits[i].overlap;
    }
    return worded;
}
