/* sentence_rules.c - see sentence_rules.h.
 *
 * The decision at a full stop looks at three things: the word before it (is it an
 * abbreviation, an initial, a number?), what stands between (closing quotes, a
 * blank or nothing) and how the text goes on (capital, small letter, digit,
 * sign). Each of the small functions below answers one such question.
 */
#include "text/sentence_rules.h"

#include <string.h>

#include "text/sentence_words.h"
#include "text/utf8.h"

/* No word, address or run of signs longer than this is looked through to its end. */
enum { LOOK = 96 };

static int is_closer(uint32_t code)
{
    switch (code) {
    case ')':
    case ']':
    case '}':
    case '"':
    case '\'':
    case '*':
    case '_':
    case 0xBB:   /* » */
    case 0x2019: /* ’ */
    case 0x201D: /* ” */
    case 0x203A: /* › */
    case 0x300D: /* 」 */
    case 0x300F: /* 』 */
    case 0x3011: /* 】 */
    case 0xFF09: /* ） */ return 1;
    default: return 0;
    }
}

static int is_opener(uint32_t code)
{
    switch (code) {
    case '(':
    case '[':
    case '{':
    case '"':
    case '\'':
    case '*':
    case '_':
    case 0xA1:   /* ¡ */
    case 0xAB:   /* « */
    case 0xBF:   /* ¿ */
    case 0x2018: /* ‘ */
    case 0x201C: /* “ */
    case 0x201E: /* „ */
    case 0x2039: /* ‹ */ return 1;
    default: return 0;
    }
}

static size_t skip_closers(const ss_unit *u, size_t at)
{
    size_t used;
    while (at < u->end && is_closer(ss_code_at(u, at, &used))) at += used;
    return at;
}

/* The word before a full stop: letters, digits, inner full stops. */
typedef struct word {
    const char *text;
    size_t begin, len;
} word;

static word word_before(const ss_unit *u, size_t start, size_t at)
{
    size_t begin = at;
    while (begin > start && at - begin < LOOK) {
        size_t before = ss_utf8_before(u->text, begin), used;
        uint32_t code = ss_code_at(u, before, &used);
        ss_char_kind k = ss_kind_of(code);
        if (k == SS_CHAR_SPACE || (k == SS_CHAR_SIGN && code != '.' && code != 0xB0 && code != '&')) break;
        begin = before;
    }
    return (word){.text = u->text + begin, .begin = begin, .len = at - begin};
}

static size_t word_length(const ss_unit *u, size_t at)
{
    size_t stop = at, used;
    while (stop < u->end && stop - at < LOOK) {
        uint32_t code = ss_code_at(u, stop, &used);
        ss_char_kind k = ss_kind_of(code);
        if (k == SS_CHAR_SPACE || (k == SS_CHAR_SIGN && code != '\'' && code != 0x2019)) break;
        stop += used;
    }
    return stop - at;
}

static int is_all(const word *w, ss_char_kind wanted)
{
    for (size_t at = 0; at < w->len;) {
        uint32_t code;
        at += ss_utf8_decode(w->text + at, w->len - at, &code);
        if (ss_kind_of(code) != wanted) return 0;
    }
    return w->len > 0;
}

/* "U.S", "B.Sc", "Ph.D": short pieces with full stops between them. */
static int is_acronym(const word *w)
{
    size_t piece = 0, pieces = 1;
    for (size_t i = 0; i < w->len; i++) {
        char c = w->text[i];
        if (c == '.') {
            if (piece == 0 || (pieces == 1 && piece > 2)) return 0;
            piece = 0;
            pieces++;
        } else {
            if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) || ++piece > 4) return 0;
        }
    }
    return pieces > 1 && piece > 0;
}

/* How the text goes on: the kind of the first letter, digit or sign behind opening quotes and brackets. */
typedef struct sequel {
    ss_char_kind kind;
    int starter;     /* a word that usually begins a sentence */
    int capitalised; /* a capital and a small letter, or a capital alone */
    size_t at;       /* of that character */
} sequel;

static sequel sequel_at(const ss_unit *u, size_t at)
{
    size_t used;
    while (at < u->end && is_opener(ss_code_at(u, at, &used))) at += used;
    sequel out = {.kind = ss_kind_at(u, at), .at = at};
    if (out.kind != SS_CHAR_UPPER && out.kind != SS_CHAR_LOWER) return out;
    size_t len = word_length(u, at);
    out.starter = ss_is_sentence_starter(u->text + at, len);
    ss_code_at(u, at, &used);
    ss_char_kind second = ss_kind_at(u, at + used);
    out.capitalised = out.kind == SS_CHAR_UPPER && second != SS_CHAR_UPPER && second != SS_CHAR_DIGIT;
    /* iOS, eBay: names that keep their small letter at the beginning of a sentence. */
    if (out.kind == SS_CHAR_LOWER && second == SS_CHAR_UPPER) out.kind = SS_CHAR_UPPER;
    return out;
}

/* Words between the sentence's beginning and `at`, up to 3. */
static int words_before(const ss_unit *u, size_t start, size_t at)
{
    int count = at - start > LOOK ? 3 : 0;
    for (size_t i = start; i < at && count < 3; i++)
        if (u->text[i] == ' ' && i + 1 < at && u->text[i + 1] != ' ') count++;
    return count;
}

/* A single letter: the initial of a name goes on, the pronoun I and letters that name something ("in C.") may end. */
static int ends_after_letter(const ss_unit *u, size_t start, const word *w, const sequel *next)
{
    size_t gap = w->begin;
    while (gap > start && u->text[gap - 1] == ' ') gap--;
    if (gap == start) return 0;
    word before = word_before(u, start, gap);
    if (!is_all(&before, SS_CHAR_LOWER)) return 0;
    return w->text[0] == 'I' || next->starter;
}

static int ends_after_abbreviation(const ss_unit *u, size_t start, const word *w, ss_abbreviation kind,
                                   const sequel *next)
{
    if (next->kind != SS_CHAR_UPPER && next->kind != SS_CHAR_LETTER) return 0;
    switch (kind) {
    case SS_ABBREVIATION_NEVER: return 0;
    case SS_ABBREVIATION_UNIT:
        /* "At 5 a.m. Mr. Smith ...": nothing has been said yet. */
        return !is_acronym(w) || words_before(u, start, w->begin) >= 3;
    case SS_ABBREVIATION_NUMBER: return !is_all(w, SS_CHAR_UPPER);
    default: return next->starter;
    }
}

/* Full stop, blank, small letter: the next sentence of a sloppy writer, or an abbreviation that nobody listed. The word
 * before decides: whole words are longer and have a vowel. */
static int ends_before_small_letter(const word *w)
{
    if (is_all(w, SS_CHAR_DIGIT)) return w->len >= 4;
    if (w->len < 2 ||
        !(is_all(w, SS_CHAR_LOWER) || is_all(w, SS_CHAR_UPPER) || (w->len > 5 && !memchr(w->text, '.', w->len))))
        return 0;
    for (size_t i = 0; i < w->len; i++)
        if (strchr("aeiouyAEIOUY", w->text[i])) return 1;
    return w->len > 2 && is_all(w, SS_CHAR_UPPER);
}

/* Two capitals with a vowel are a state or a code (CA, ID, AL) and not what they abbreviate in small letters. */
static int is_code(const word *w)
{
    return w->len == 2 && is_all(w, SS_CHAR_UPPER) && (strchr("AEIOU", w->text[0]) || strchr("AEIOU", w->text[1]));
}

/* Smileys stand behind the full stop of the sentence that they belong to. Behind one at `at`, else `end`. */
static size_t behind_smiley(const ss_unit *u, size_t at, size_t end)
{
    if (u->end - at < 2 || !strchr(":;=", u->text[at])) return end;
    size_t mouth = at + 1 + (u->text[at + 1] == '-');
    if (mouth >= u->end || !u->text[mouth] || !strchr(")(DPp", u->text[mouth])) return end;
    return ss_kind_at(u, mouth + 1) <= SS_CHAR_SPACE ? mouth + 1 : end;
}

/* After ". " with `w` before it. */
static int ends_at_full_stop(const ss_unit *u, size_t start, const word *w, const sequel *next, int closed)
{
    int listed = !closed && !is_code(w);
    ss_abbreviation kind = listed ? ss_abbreviation_of(w->text, w->len) : SS_ABBREVIATION_NONE;
    if (next->kind == SS_CHAR_LOWER) return !closed && kind == SS_ABBREVIATION_NONE && ends_before_small_letter(w);
    if (kind == SS_ABBREVIATION_NONE && !closed && is_acronym(w)) kind = SS_ABBREVIATION_NAME;
    if (kind != SS_ABBREVIATION_NONE) return ends_after_abbreviation(u, start, w, kind, next);
    size_t used;
    ss_code_at(u, w->begin, &used);
    if (!closed && w->len > 0 && used == w->len && ss_kind_at(u, w->begin) == SS_CHAR_UPPER)
        return ends_after_letter(u, start, w, next);
    if (next->kind == SS_CHAR_DIGIT && is_all(w, SS_CHAR_DIGIT) && w->len < 4) return 0;
    return 1;
}

/* After marks with ? or ! and a blank. Before a small letter only if it cannot be part of a name (Yahoo!). */
static int ends_at_marks(const ss_unit *u, const word *w, size_t marks, const sequel *next, int closed)
{
    if (next->kind != SS_CHAR_LOWER) return 1;
    return !closed && (marks > 1 || w->len == 0 || ss_kind_at(u, w->begin) == SS_CHAR_LOWER);
}

/* The address-like run of non-blanks around `at` has a mark of a URL, path or e-mail address. */
static int is_in_address(const ss_unit *u, size_t start, size_t at)
{
    size_t begin = at, end = at;
    while (begin > start && at - begin < LOOK && u->text[begin - 1] != ' ' && u->text[begin - 1] != '\n') begin--;
    while (end < u->end && end - at < LOOK && u->text[end] != ' ' && u->text[end] != '\n') end++;
    const char *text = u->text + begin;
    size_t len = end - begin;
    return memchr(text, '@', len) || memmem(text, len, "://", 3) || memmem(text, len, "www.", 4);
}

/* "a great job.We are": no blank, but the case shows two sentences. Not java.lang.String, Node.js, ASP.NET. */
static int ends_without_blank(const ss_unit *u, size_t start, size_t at, size_t behind)
{
    sequel next = sequel_at(u, behind);
    if (!next.capitalised || next.at != behind || is_in_address(u, start, at)) return 0;
    size_t len = word_length(u, behind);
    if (behind + len < u->end && u->text[behind + len] == '.' && ss_kind_at(u, behind + len + 1) != SS_CHAR_SPACE &&
        behind + len + 1 < u->end)
        return 0;
    if (u->text[behind - 1] != '.') return ss_kind_before(u, at) != SS_CHAR_SIGN;
    word w = word_before(u, start, at);
    if (w.len == 0) return next.starter || (at > start && (u->text[at - 1] == ')' || u->text[at - 1] == '%'));
    if (memchr(w.text, '.', w.len) || ss_abbreviation_of(w.text, w.len) == SS_ABBREVIATION_NEVER) return 0;
    return next.starter ? w.len > 1 : is_all(&w, SS_CHAR_LOWER) && w.len > 1;
}

static int is_stop(uint32_t code)
{
    return code == '.' || code == '?' || code == '!' || code == 0x2026 || code == 0x203D || code == 0x2047 ||
           code == 0x2048 || code == 0x2049;
}

/* ". . . ." at `at`: the number of full stops; *stop = behind the last. */
static size_t spaced_dots(const ss_unit *u, size_t at, size_t *stop)
{
    size_t count = 1;
    *stop = at + 1;
    while (*stop + 1 < u->end && u->text[*stop] == ' ' && u->text[*stop + 1] == '.') {
        *stop += 2;
        count++;
    }
    return count;
}

/* Points of omission with blanks: three stand inside a sentence, a fourth is its full stop, first or last. */
static size_t end_at_spaced_dots(const ss_unit *u, size_t at, size_t count, size_t stop)
{
    size_t behind = ss_skip_space(u, stop);
    if (count < 4 || behind == stop || sequel_at(u, behind).kind != SS_CHAR_UPPER) return 0;
    return ss_kind_before(u, at) == SS_CHAR_SPACE ? stop : at + 1;
}

size_t ss_sentence_end_at(const ss_unit *u, size_t start, size_t at, size_t *next)
{
    size_t spaced_stop, used;
    size_t spaced = u->text[at] == '.' ? spaced_dots(u, at, &spaced_stop) : 0;
    if (spaced >= 3) {
        size_t end = end_at_spaced_dots(u, at, spaced, spaced_stop);
        *next = spaced_stop;
        return end;
    }
    size_t run = at, dots = 0, others = 0, omission = 0;
    for (;; run += used) {
        uint32_t code = ss_code_at(u, run, &used);
        if (!used || !is_stop(code)) break;
        if (code == '.')
            dots++;
        else if (code == 0x2026)
            omission = 1;
        else
            others++;
    }
    omission |= dots >= 3 || (dots == 2 && ss_kind_at(u, ss_skip_space(u, run)) == SS_CHAR_LOWER);
    size_t end = skip_closers(u, run);
    *next = end;
    if (omission && at > start && (u->text[at - 1] == '[' || u->text[at - 1] == '(')) return 0;
    size_t behind = ss_skip_space(u, end);
    if (behind == u->end) return 0;                                      /* the unit ends here anyway */
    if (behind > end && is_stop(ss_code_at(u, behind, &used))) return 0; /* "? ?": the last mark decides */
    if (behind == end) {
        if (end != run || omission) return 0;
        return ends_without_blank(u, start, at, end) ? end : 0;
    }
    sequel then = sequel_at(u, behind);
    if (omission && !others)
        return then.kind == SS_CHAR_UPPER && !(u->text[then.at] == 'I' && word_length(u, then.at) == 1) ? end : 0;
    word w = word_before(u, start, at);
    int closed = end != run;
    int ends = others ? ends_at_marks(u, &w, others, &then, closed) : ends_at_full_stop(u, start, &w, &then, closed);
    return ends ? behind_smiley(u, behind, end) : 0;
}

int ss_is_cjk_stop(uint32_t code)
{
    return code == 0x3002 || code == 0xFF01 || code == 0xFF1F || code == 0xFF61;
}

size_t ss_cjk_sentence_end(const ss_unit *u, size_t at, size_t *next)
{
    size_t used;
    while (at < u->end && ss_is_cjk_stop(ss_code_at(u, at, &used))) at += used;
    *next = skip_closers(u, at);
    return *next;
}
