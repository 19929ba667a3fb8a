/* sentence_marks.h - what stands in front of list items and around headings (internal to common/text). */
#ifndef SKILLSTREAM_TEXT_SENTENCE_MARKS_H
#define SKILLSTREAM_TEXT_SENTENCE_MARKS_H

#include "text/sentence_chars.h"

/* A bullet at `at` that may begin a list item anywhere in a line (•, ▪, ✓ ...): its length in bytes, else 0. */
size_t ss_bullet_at(const ss_unit *unit, size_t at);

/* A bullet at the beginning of a line or sentence, where '-' and '*' are some too: its length, else 0. */
size_t ss_leading_bullet_at(const ss_unit *unit, size_t at);

/* Bytes of a decoration at the end of the unit ("Who we are ====="), else 0. */
size_t ss_trailing_rule(const ss_unit *unit, size_t begin);

/* 1 if there is a letter or a digit in it. */
int ss_has_word(const ss_unit *unit);

/* Scraped lists often come as one line: "We need: - Java - SQL - Git". '*' and dashes are marks of items there if there
 * are at least three of them in the line (two of '*' if it begins with one), or if one stands behind a colon; dashes
 * only before a capital or behind the colon. */
typedef struct ss_inline_list {
    uint32_t mark[3]; /* those that separate items in this unit; 0 = none */
} ss_inline_list;

ss_inline_list ss_inline_list_of(const ss_unit *unit);

/* Length of such a mark at `at`, else 0. */
size_t ss_inline_item_at(const ss_unit *unit, const ss_inline_list *list, size_t at);

/* "2." "2)" "(2)" "2.)" "b." "b)" "(b)" in front of a list item. */
typedef struct ss_label {
    size_t len;     /* bytes; 0: none */
    unsigned form;  /* what is around the number; equal for items of one list */
    unsigned value; /* the number, or the letter's place in the alphabet */
} ss_label;

ss_label ss_label_at(const ss_unit *unit, size_t at);

/* 1 if `next` continues the list that has `label`. */
int ss_label_follows(const ss_label *label, const ss_label *next);

#endif
