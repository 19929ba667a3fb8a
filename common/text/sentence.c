/* sentence.c - see sentence.h: from lines to sentences.
 *
 * A text is cut into units (sentence_lines.c), a unit into sentences by one pass over
 * its bytes that stops only at the few bytes where something can happen
 * (sentence_rules.c says what does), and a sentence that is too long into pieces
 * (sentence_cut.c). Spans are collected in an array that doubles in the caller's arena.
 */
#include "text/sentence.h"

#include <string.h>

#include "text/sentence_cut.h"
#include "text/sentence_lines.h"
#include "text/sentence_marks.h"
#include "text/sentence_rules.h"
#include "text/text.h"
#include "text/utf8.h"

typedef struct splitter {
    const char *text;
    const ss_sentence_options *options;
    ss_arena *arena;
    ss_span *spans;
    size_t count, cap;
    int failed; /* the arena is exhausted: everything after is idle */
} splitter;

static void append(splitter *s, size_t begin, size_t end)
{
    if (s->failed) return;
    if (s->count == s->cap) {
        size_t cap = s->cap * 2;
        ss_span *spans = ss_arena_calloc(s->arena, cap, sizeof *spans);
        if (!spans) {
            s->failed = 1;
            return;
        }
        memcpy(spans, s->spans, s->count * sizeof *spans);
        s->spans = spans;
        s->cap = cap;
    }
    s->spans[s->count++] = (ss_span){.begin = (uint32_t)begin, .end = (uint32_t)end};
}

static void trim(const char *text, size_t *begin, size_t *end)
{
    uint32_t code;
    while (*begin < *end) {
        size_t used = ss_utf8_decode(text + *begin, *end - *begin, &code);
        if (!ss_utf8_is_space(code)) break;
        *begin += used;
    }
    while (*end > *begin) {
        size_t before = ss_utf8_before(text, *end);
        ss_utf8_decode(text + before, *end - before, &code);
        if (!ss_utf8_is_space(code)) break;
        *end = before;
    }
}

/* Adds the sentence text[begin .. end), in pieces if it is too long. Rules such as "-----" separate and say nothing. */
static void emit(splitter *s, size_t begin, size_t end)
{
    trim(s->text, &begin, &end);
    ss_unit sentence = {.text = s->text, .begin = begin, .end = end};
    if (!ss_has_word(&sentence)) return;
    end -= ss_trailing_rule(&sentence, begin);
    while (begin < end) {
        size_t stop = begin + ss_sentence_piece(s->text + begin, end - begin, s->options);
        size_t first = begin, last = stop;
        trim(s->text, &first, &last);
        if (last > first) append(s, first, last);
        begin = stop;
    }
}

/* Where a sentence stands: its first byte, and from where to look for its end. */
typedef struct opening {
    size_t start, look;
    ss_label label;
    const ss_inline_list *list; /* of the unit */
} opening;

/* Passes white space and bullets; a bullet in front of a number stays with it. */
static opening open_at(const ss_unit *unit, size_t at)
{
    opening out = {0};
    for (;;) {
        uint32_t code;
        size_t used = 0;
        while (at < unit->end) {
            used = ss_utf8_decode(unit->text + at, unit->end - at, &code);
            if (!ss_utf8_is_space(code)) break;
            at += used;
        }
        size_t bullet = at < unit->end ? ss_leading_bullet_at(unit, at) : 0;
        if (!bullet) break;
        size_t behind = at + bullet;
        while (behind < unit->end && unit->text[behind] == ' ') behind++;
        out.label = ss_label_at(unit, behind);
        if (out.label.len) {
            out.start = at;
            out.look = behind + out.label.len;
            return out;
        }
        at += bullet;
    }
    out.start = at;
    out.label = ss_label_at(unit, at);
    out.look = at + out.label.len;
    return out;
}

/* At a blank: 1 if the next item of the list that `here` began, or the first one behind a colon, follows. */
static int item_follows(const ss_unit *unit, const opening *here, size_t at)
{
    size_t item = at + 1;
    if (item >= unit->end || unit->text[item] == ' ') return 0;
    if (!here->label.len && unit->text[at - 1] != ':') return 0;
    ss_label label = ss_label_at(unit, item);
    if (!label.len) return 0;
    if (here->label.len) return ss_label_follows(&here->label, &label);
    return label.value == 1 && (label.form & 1);
}

/* The end of the sentence if one ends at this byte, else 0; *next = where to go on. */
static size_t end_at(const ss_unit *unit, const opening *here, size_t at, size_t *next)
{
    unsigned char byte = (unsigned char)unit->text[at];
    *next = at + 1;
    if (byte == '.' || byte == '?' || byte == '!') return ss_sentence_end_at(unit, here->start, at, next);
    if (byte == ' ') {
        if (at == here->start) return 0;
        return item_follows(unit, here, at) || ss_inline_item_at(unit, here->list, at + 1) ? at : 0;
    }
    if (byte < 0x80) return 0;
    uint32_t code;
    size_t used = ss_utf8_decode(unit->text + at, unit->end - at, &code);
    *next = at + used;
    if (code == 0x2026) return ss_sentence_end_at(unit, here->start, at, next);
    if (code == 0x2028 || code == 0x2029 || code == 0x85) return at;
    if (ss_is_cjk_stop(code)) return ss_cjk_sentence_end(unit, at, next);
    return ss_bullet_at(unit, at) ? at : 0;
}

static void split_unit(splitter *s, const ss_unit *unit)
{
    ss_inline_list list = ss_inline_list_of(unit);
    opening here = open_at(unit, unit->begin);
    here.list = &list;
    for (size_t at = here.look; at < unit->end;) {
        size_t next, end = end_at(unit, &here, at, &next);
        if (end > here.start) {
            emit(s, here.start, end);
            here = open_at(unit, end);
            here.list = &list;
            next = here.look;
        }
        at = next;
    }
    emit(s, here.start, unit->end);
}

int ss_sentences_split(const char *text, size_t len, const ss_sentence_options *options, ss_arena *arena, ss_span **out,
                       size_t *count, ss_error *err)
{
    static const ss_sentence_options none = {0};
    splitter s = {.text = text, .options = options ? options : &none, .arena = arena, .cap = len / 64 + 8};
    *out = NULL;
    *count = 0;
    if (len > SS_TEXT_MAX) return ss_fail(err, SS_LIMIT, "text of %zu bytes: at most %zu", len, SS_TEXT_MAX);
    s.spans = ss_arena_calloc(arena, s.cap, sizeof *s.spans);
    if (!s.spans) return ss_fail_memory(err, "splitting an ad into sentences");
    ss_wrapping wrapping = {0};
    if (!s.options->hard_lines) wrapping = ss_wrapping_of(text, len);
    for (size_t begin = 0; begin < len && !s.failed;) {
        ss_unit unit = {.text = text, .begin = begin, .end = ss_unit_end(&wrapping, text, len, begin)};
        split_unit(&s, &unit);
        begin = unit.end + 1;
    }
    if (s.failed) return ss_fail_memory(err, "splitting an ad into sentences");
    *out = s.spans;
    *count = s.count;
    return 0;
}
