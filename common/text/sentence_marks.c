/* sentence_marks.c - see sentence_marks.h. */
#include "text/sentence_marks.h"

#include <string.h>

size_t ss_bullet_at(const ss_unit *u, size_t at)
{
    size_t used;
    switch (ss_code_at(u, at, &used)) {
    case 0x2022: /* • */
    case 0x2023: /* ‣ */
    case 0x2043: /* ⁃ */
    case 0x25A0: /* ■ */
    case 0x25A1: /* □ */
    case 0x25AA: /* ▪ */
    case 0x25AB: /* ▫ */
    case 0x25BA: /* ► */
    case 0x25B6: /* ▶ */
    case 0x25C6: /* ◆ */
    case 0x25CF: /* ● */
    case 0x25E6: /* ◦ */
    case 0x2756: /* ❖ */
    case 0x27A2: /* ➢ */
    case 0x27A4: /* ➤ */
    case 0x2713: /* ✓ */
    case 0x2714: /* ✔ */
    case 0xF0A7: /* Symbol and Wingdings bullets as Word leaves them */
    case 0xF0B7:
    case 0xF0D8:
    case 0xF0FC: return used;
    case 0xB7:   /* · */
    case 0x2219: /* ∙ */
    case 0x25CB: /* ○ */
        return ss_kind_before(u, at) <= SS_CHAR_SPACE && ss_kind_at(u, at + used) == SS_CHAR_SPACE ? used : 0;
    default: return 0;
    }
}

static int is_decoration(char c)
{
    return c == '-' || c == '=' || c == '*' || c == '#' || c == '+' || c == '~' || c == '>' || c == '_';
}

size_t ss_leading_bullet_at(const ss_unit *u, size_t at)
{
    size_t strong = ss_bullet_at(u, at), used, run = at;
    if (strong) return strong;
    /* "-", "*", "--", "###", "=====", "->" and so on, before a blank */
    while (run < u->end && is_decoration(u->text[run])) run++;
    if (run > at && ss_kind_at(u, run) <= SS_CHAR_SPACE) return run - at;
    ss_char_kind behind;
    switch (ss_code_at(u, at, &used)) {
    case '-':
    case 0x2013: /* – */
    case 0x2014: /* — */
    case 0x2212: /* − */
        behind = ss_kind_at(u, at + used);
        return behind == SS_CHAR_SPACE || behind == SS_CHAR_UPPER || behind == SS_CHAR_LOWER ? used : 0;
    case 'o': return ss_kind_at(u, at + used) == SS_CHAR_SPACE ? used : 0;
    case 0xB7: /* · */ return used;
    default: return 0;
    }
}

size_t ss_trailing_rule(const ss_unit *u, size_t begin)
{
    size_t stop = u->end;
    while (stop > begin && is_decoration(u->text[stop - 1])) stop--;
    return u->end - stop >= 2 && stop > begin && ss_kind_before(u, stop) == SS_CHAR_SPACE ? u->end - stop : 0;
}

int ss_has_word(const ss_unit *u)
{
    for (size_t at = u->begin, used; at < u->end; at += used) {
        ss_char_kind k = ss_kind_of(ss_code_at(u, at, &used));
        if (k != SS_CHAR_SPACE && k != SS_CHAR_SIGN) return 1;
    }
    return 0;
}

/* An item of a list that lost its line breaks: behind a blank, "* " or "- " and what can begin an item. */
static size_t inline_mark_at(const ss_unit *u, size_t at, uint32_t *mark)
{
    size_t used;
    *mark = ss_code_at(u, at, &used);
    if (*mark != '*' && *mark != '-' && *mark != 0x2013) return 0;
    if (ss_kind_before(u, at) != SS_CHAR_SPACE || at + used >= u->end || u->text[at + used] != ' ') return 0;
    size_t item = at + used;
    while (item < u->end && u->text[item] == ' ') item++;
    if (item < u->end && u->text[item] == '(') item++;
    ss_char_kind k = ss_kind_at(u, item);
    int listed = *mark == '*' || (at > u->begin + 1 && u->text[at - 2] == ':');
    return k == SS_CHAR_UPPER || (listed && (k == SS_CHAR_LOWER || k == SS_CHAR_DIGIT)) ? used : 0;
}

ss_inline_list ss_inline_list_of(const ss_unit *u)
{
    enum { ENOUGH = 3 }; /* the mark that the line begins with counts */
    static const uint32_t marks[] = {'*', '-', 0x2013};
    size_t counts[3] = {0};
    ss_inline_list out = {0};
    for (size_t at = u->begin; at < u->end; at++) {
        const char *blank = memchr(u->text + at, ' ', u->end - at);
        if (!blank) break;
        at = (size_t)(blank - u->text);
        uint32_t mark;
        if (at + 1 >= u->end || !inline_mark_at(u, at + 1, &mark)) continue;
        size_t which = mark == '*' ? 0 : mark == '-' ? 1 : 2;
        counts[which] += at > u->begin && u->text[at - 1] == ':' ? ENOUGH : 1;
    }
    size_t used;
    uint32_t first = ss_code_at(u, ss_skip_space(u, u->begin), &used);
    for (size_t i = 0; i < 3; i++)
        if (counts[i] + (first == marks[i]) >= (first == '*' ? 2 : ENOUGH)) out.mark[i] = marks[i];
    return out;
}

size_t ss_inline_item_at(const ss_unit *u, const ss_inline_list *list, size_t at)
{
    uint32_t mark;
    size_t len = inline_mark_at(u, at, &mark);
    return len && (mark == list->mark[0] || mark == list->mark[1] || mark == list->mark[2]) ? len : 0;
}

ss_label ss_label_at(const ss_unit *u, size_t at)
{
    ss_label none = {0}, label = {0};
    size_t i = at;
    int opened = i < u->end && u->text[i] == '(';
    i += (size_t)opened;
    size_t digits = i;
    while (i < u->end && i - digits < 3 && ss_kind_at(u, i) == SS_CHAR_DIGIT && (unsigned char)u->text[i] < 0x80)
        label.value = label.value * 10 + (unsigned)(u->text[i++] - '0');
    char c = 0;
    if (i < u->end) c = u->text[i];
    int letter = 0;
    if (i == digits) {
        letter = c >= 'a' && c <= 'z' ? 'a' : c >= 'A' && c <= 'Z' ? 'A' : 0;
        if (!letter) return none;
        label.value = (unsigned)(c - letter) + 1;
        i++;
    }
    size_t dot = i < u->end && u->text[i] == '.';
    i += dot;
    size_t bracket = i < u->end && u->text[i] == ')';
    i += bracket;
    if ((!dot && !bracket) || (opened && !bracket)) return none;
    if (ss_kind_at(u, i) != SS_CHAR_SPACE && !(bracket && ss_kind_at(u, i) != SS_CHAR_SIGN)) return none;
    label.form = (unsigned)(letter << 3 | opened << 2 | (int)dot << 1 | (int)bracket);
    label.len = i - at;
    return label;
}

int ss_label_follows(const ss_label *label, const ss_label *next)
{
    int initial = next->form >> 3 == 'A' && !(next->form & 1); /* "A. ... B. Jones" */
    return next->len && label->len && next->form == label->form && next->value == label->value + 1 && !initial;
}
