/* sentence_lines.c - see sentence_lines.h. Widths are in code points; a tab counts as one. */
#include "text/sentence_lines.h"

#include <string.h>

#include "text/sentence_marks.h"

enum { MIN_COLUMN = 40, MAX_COLUMN = 100, ENOUGH_JOINTS = 2 };

static size_t line_end(const char *text, size_t len, size_t begin)
{
    const char *newline = memchr(text + begin, '\n', len - begin);
    return newline ? (size_t)(newline - text) : len;
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Code points of a line without blanks at its end; stops counting behind MAX_COLUMN. */
static size_t width(const char *text, size_t begin, size_t end)
{
    while (end > begin && is_blank(text[end - 1])) end--;
    size_t count = 0;
    for (size_t i = begin; i < end && count <= MAX_COLUMN; i++) count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

/* 1 if the line text[begin .. end) is as full as `column` allows and the next line goes on; *small: with a small
 * letter. */
static int is_joint(const char *text, size_t len, size_t begin, size_t end, size_t column, int *small)
{
    size_t wide = width(text, begin, end);
    if (end >= len || wide < MIN_COLUMN || wide > column) return 0;
    size_t next_end = line_end(text, len, end + 1), word = end + 1;
    while (word < next_end && is_blank(text[word])) word++;
    if (word == next_end) return 0;
    ss_unit next = {.text = text, .begin = word, .end = next_end};
    if (ss_leading_bullet_at(&next, word) || ss_label_at(&next, word).len) return 0;
    size_t stop = word;
    while (stop < next_end && stop - word <= MAX_COLUMN && !is_blank(text[stop])) stop++;
    *small = text[word] >= 'a' && text[word] <= 'z';
    return wide + 1 + width(text, word, stop) > column;
}

ss_wrapping ss_wrapping_of(const char *text, size_t len)
{
    ss_wrapping out = {0};
    for (size_t begin = 0; begin < len;) {
        size_t end = line_end(text, len, begin), wide = width(text, begin, end);
        if (wide <= MAX_COLUMN && wide > out.column) out.column = wide;
        begin = end + 1;
    }
    if (out.column < MIN_COLUMN) return (ss_wrapping){0};
    int joints = 0;
    for (size_t begin = 0; begin < len && joints < ENOUGH_JOINTS;) {
        size_t end = line_end(text, len, begin);
        int small = 0;
        if (is_joint(text, len, begin, end, out.column, &small)) joints += small;
        begin = end + 1;
    }
    out.certain = joints >= ENOUGH_JOINTS;
    return out;
}

size_t ss_unit_end(const ss_wrapping *wrapping, const char *text, size_t len, size_t begin)
{
    size_t end = line_end(text, len, begin);
    while (wrapping->column) {
        int small = 0;
        if (!is_joint(text, len, begin, end, wrapping->column, &small) || !(small || wrapping->certain)) break;
        begin = end + 1;
        end = line_end(text, len, begin);
    }
    return end;
}
