/* span_fold.c - see span_fold.h.
 *
 * ASCII, nearly everything, takes a short way; the rest goes through utf8proc one character at a time, so that every
 * folded byte knows the source bytes it came from.
 */
#include "match/span_fold.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "text/utf8.h"

enum { PIECES = 32 }; /* code points that one character may decompose into; Unicode's longest is 18 */

static int make_room(ss_folded *folded, size_t more)
{
    if (folded->len + more < folded->room) return 0;
    size_t room = folded->room ? folded->room * 2 : 512;
    while (room <= folded->len + more) room *= 2;
    char *text = realloc(folded->text, room);
    if (text) folded->text = text;
    uint32_t *begin = text ? realloc(folded->begin, room * sizeof *begin) : NULL;
    if (begin) folded->begin = begin;
    uint32_t *end = begin ? realloc(folded->end, room * sizeof *end) : NULL;
    if (!end) return -1;
    folded->end = end;
    folded->room = room;
    return 0;
}

static void put(ss_folded *folded, const char *bytes, size_t len, size_t begin, size_t end)
{
    for (size_t i = 0; i < len; i++) {
        folded->text[folded->len] = bytes[i];
        folded->begin[folded->len] = (uint32_t)begin;
        folded->end[folded->len++] = (uint32_t)end;
    }
}

/* A run of white space is one blank; at the beginning it is nothing. */
static void put_blank(ss_folded *folded, size_t begin, size_t end)
{
    if (folded->len && folded->text[folded->len - 1] == ' ')
        folded->end[folded->len - 1] = (uint32_t)end;
    else if (folded->len)
        put(folded, " ", 1, begin, end);
}

static void put_character(ss_folded *folded, uint32_t code, size_t begin, size_t end)
{
    const utf8proc_option_t rules =
        UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK | UTF8PROC_LUMP | UTF8PROC_IGNORE;
    utf8proc_int32_t pieces[PIECES];
    int boundary = 0;
    utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)code, pieces, PIECES, rules, &boundary);
    if (n == 0 && folded->len) folded->end[folded->len - 1] = (uint32_t)end; /* a mark belongs to its letter */
    for (utf8proc_ssize_t i = 0; i < n && i < PIECES; i++) {
        if (pieces[i] == ' ') {
            put_blank(folded, begin, end);
            continue;
        }
        char bytes[4];
        size_t len = ss_utf8_encode((uint32_t)pieces[i], bytes);
        put(folded, bytes, len, begin, end);
    }
}

int ss_fold(ss_folded *folded, const char *text, size_t len)
{
    folded->len = 0;
    if (len > UINT32_MAX) return -1;
    for (size_t at = 0; at < len;) {
        if (make_room(folded, (size_t)PIECES * 4)) return -1;
        unsigned char c = (unsigned char)text[at];
        if (c > ' ' && c < 0x7F) {
            char low = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
            put(folded, &low, 1, at, at + 1);
            at++;
            continue;
        }
        uint32_t code;
        size_t step = ss_utf8_decode(text + at, len - at, &code);
        if (code == SS_UTF8_INVALID)
            put(folded, "\xFF", 1, at, at + step);
        else if (ss_utf8_is_space(code))
            put_blank(folded, at, at + step);
        else
            put_character(folded, code, at, at + step);
        at += step;
    }
    if (make_room(folded, 1)) return -1;
    if (folded->len && folded->text[folded->len - 1] == ' ') folded->len--;
    folded->text[folded->len] = 0;
    return 0;
}

void ss_folded_free(ss_folded *folded)
{
    free(folded->text);
    free(folded->begin);
    free(folded->end);
    *folded = (ss_folded){0};
}

static int is_word(uint32_t code)
{
    if (code < 0x80)
        return (code >= 'a' && code <= 'z') || (code >= '0' && code <= '9') || (code >= 'A' && code <= 'Z') ||
               code == '_';
    if (code == SS_UTF8_INVALID) return 0;
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);
    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_ME) || category == UTF8PROC_CATEGORY_ND ||
           category == UTF8PROC_CATEGORY_NL;
}

int ss_fold_word_at(const char *text, size_t len, size_t at)
{
    uint32_t code;
    if (at >= len) return 0;
    ss_utf8_decode(text + at, len - at, &code);
    return is_word(code);
}

int ss_fold_word_before(const char *text, size_t at)
{
    size_t begin = at;
    uint32_t code;
    if (!at) return 0;
    do begin--;
    while (begin && at - begin < 4 && ((unsigned char)text[begin] & 0xC0) == 0x80);
    ss_utf8_decode(text + begin, at - begin, &code);
    return is_word(code);
}
