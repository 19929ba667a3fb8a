/* span_named.c - which skills a sentence names; see span.h.
 *
 * Preferred labels are indexed by the hash of their first word. At every place of the folded sentence where a word
 * begins, its first word is looked up (and once more without a plural "s"), and the few labels that begin so are
 * compared. The cost per sentence is its words times the labels with that first word ("manage" begins 600 of ESCO's), a
 * few microseconds.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "match/everyday_words.h"
#include "match/span_parts.h"

enum { EXACT_CASE_UP_TO = 3 };

/* Bytes of the first word: a run of word characters, or one byte where there is none (".NET", "+"). */
static size_t first_word(const char *text, size_t len)
{
    size_t at = 0;
    while (at < len && ss_fold_word_at(text, len, at)) {
        at++;
        while (at < len && ((unsigned char)text[at] & 0xC0) == 0x80) at++;
    }
    return at ? at : 1;
}

static size_t slot_of(const ss_named_index *index, const char *word, size_t len)
{
    return ss_hash64(word, len) & (index->slot_count - 1);
}

static int add(ss_span_labels *labels, ss_folded *work, uint32_t skill, const char *text, size_t len, int exact)
{
    ss_named_index *index = &labels->named;
    if (ss_fold(work, text, len)) return -1;
    if (!work->len) return 0;
    char *copy = ss_arena_copy(&labels->arena, work->text, work->len);
    if (!copy) return -1;
    size_t slot = slot_of(index, copy, first_word(copy, work->len));
    index->labels[index->count] = (ss_named_label){.text = copy,
                                                   .same = exact ? text : NULL,
                                                   .len = (uint32_t)work->len,
                                                   .same_len = (uint32_t)len,
                                                   .skill = skill,
                                                   .next = index->slots[slot]};
    index->slots[slot] = (uint32_t)++index->count;
    return 0;
}

/* 1 if the label must be written as the taxonomy writes it: a name, one word, that is short or an everyday word too. */
static int needs_case(const ss_everyday_words *words, const char *label, size_t len)
{
    int upper = 0;
    for (size_t i = 0; i < len; i++) {
        if (label[i] == ' ') return 0;
        upper |= label[i] >= 'A' && label[i] <= 'Z';
    }
    return upper && (len <= EXACT_CASE_UP_TO || ss_everyday_words_has(words, label, len));
}

static int add_skill(ss_span_labels *labels, ss_folded *work, const ss_everyday_words *words, uint32_t skill,
                     const char *label)
{
    size_t len = strlen(label), shorter = ss_label_without_bracket(label, len);
    while (len && label[len - 1] == ' ') len--;
    while (shorter && label[shorter - 1] == ' ') shorter--;
    if (add(labels, work, skill, label, len, !shorter && len > EXACT_CASE_UP_TO && needs_case(words, label, len)))
        return -1;
    return shorter ? add(labels, work, skill, label, shorter, needs_case(words, label, shorter)) : 0;
}

int ss_named_index_build(ss_span_labels *labels, const ss_taxonomy *taxonomy)
{
    ss_named_index *index = &labels->named;
    ss_folded work = {0};
    ss_everyday_words words;
    index->slot_count = 64;
    while (index->slot_count < labels->skills * 2) index->slot_count *= 2;
    index->labels = calloc(labels->skills * 2 + 1, sizeof *index->labels);
    index->slots = calloc(index->slot_count, sizeof *index->slots);
    int bad = ss_everyday_words_collect(&words, taxonomy) || !index->labels || !index->slots;
    for (uint32_t s = 0; !bad && s < labels->skills; s++) /* the taxonomy outlives the index */
        bad = add_skill(labels, &work, &words, s, ss_taxonomy_skill(taxonomy, s)->label);
    ss_everyday_words_free(&words);
    ss_folded_free(&work);
    return bad ? -1 : 0;
}

void ss_named_index_free(ss_named_index *index)
{
    free(index->labels);
    free(index->slots);
}

static int stands_at(const ss_span_finder *finder, const ss_named_label *label, size_t at)
{
    const ss_folded *in = &finder->sentence;
    if (in->len - at < label->len || memcmp(in->text + at, label->text, label->len)) return 0;
    if (!ss_span_end_of_word(in, at + label->len)) return 0;
    if (!label->same) return 1;
    size_t begin = in->begin[at], end = in->end[at + label->len - 1];
    return end - begin == label->same_len && !memcmp(finder->source + begin, label->same, label->same_len);
}

static int holds(const uint32_t *skills, size_t count, uint32_t skill)
{
    for (size_t i = 0; i < count; i++)
        if (skills[i] == skill) return 1;
    return 0;
}

static size_t look_up(const ss_span_finder *finder, size_t at, size_t word, uint32_t *skills, size_t count, size_t max)
{
    const ss_named_index *index = &finder->labels->named;
    uint32_t i = index->slots[slot_of(index, finder->sentence.text + at, word)];
    for (; i && count < max; i = index->labels[i - 1].next) {
        const ss_named_label *label = &index->labels[i - 1];
        if (stands_at(finder, label, at) && !holds(skills, count, label->skill)) skills[count++] = label->skill;
    }
    return count;
}

size_t ss_span_named(const ss_span_finder *finder, uint32_t *skills, size_t max)
{
    const ss_folded *in = &finder->sentence;
    size_t count = 0;
    for (size_t at = 0; at < in->len && count < max;) {
        size_t word = first_word(in->text + at, in->len - at);
        if (in->text[at] != ' ' && ss_span_begins_word(in, at)) {
            count = look_up(finder, at, word, skills, count, max);
            if (word > 1 && in->text[at + word - 1] == 's') count = look_up(finder, at, word - 1, skills, count, max);
        }
        at += word;
        while (at < in->len && ((unsigned char)in->text[at] & 0xC0) == 0x80) at++;
    }
    return count;
}
