/* sentence_chars.c - see sentence_chars.h. ASCII is decided here, the rest by utf8proc's category. */
#include "text/sentence_chars.h"

#include <utf8proc.h>

#include "text/utf8.h"

ss_char_kind ss_kind_of(uint32_t code)
{
    if (code < 0x80) {
        if (code >= 'a' && code <= 'z') return SS_CHAR_LOWER;
        if (code >= 'A' && code <= 'Z') return SS_CHAR_UPPER;
        if (code >= '0' && code <= '9') return SS_CHAR_DIGIT;
        return ss_utf8_is_space(code) ? SS_CHAR_SPACE : SS_CHAR_SIGN;
    }
    if (ss_utf8_is_space(code)) return SS_CHAR_SPACE;
    switch (utf8proc_category((utf8proc_int32_t)code)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LT: return SS_CHAR_UPPER;
    case UTF8PROC_CATEGORY_LL: return SS_CHAR_LOWER;
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC: return SS_CHAR_LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return SS_CHAR_DIGIT;
    default: return SS_CHAR_SIGN;
    }
}

uint32_t ss_code_at(const ss_unit *u, size_t at, size_t *used)
{
    uint32_t code = 0;
    *used = at < u->end ? ss_utf8_decode(u->text + at, u->end - at, &code) : 0;
    return code;
}

ss_char_kind ss_kind_at(const ss_unit *u, size_t at)
{
    size_t used;
    uint32_t code = ss_code_at(u, at, &used);
    return used ? ss_kind_of(code) : SS_CHAR_END;
}

ss_char_kind ss_kind_before(const ss_unit *u, size_t at)
{
    return at > u->begin ? ss_kind_at(u, ss_utf8_before(u->text, at)) : SS_CHAR_END;
}

size_t ss_skip_space(const ss_unit *u, size_t at)
{
    size_t used;
    while (at < u->end && ss_utf8_is_space(ss_code_at(u, at, &used))) at += used;
    return at;
}
