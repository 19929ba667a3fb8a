/* html_reference.c - see html_reference.h. */
#include "text/html_reference.h"

#include <stdint.h>
#include <string.h>

enum { LAST_CODE_POINT = 0x10FFFF };

static const char too_large_decimal[] = "1114112", too_large_hex[] = "110000";

typedef struct number {
    size_t begin, end; /* its digits */
    int hex, too_large;
} number;

/* The value of a digit, or -1. */
static int digit_of(char c, int hex)
{
    if (c >= '0' && c <= '9') return c - '0';
    char lower = (char)(c | 0x20);
    return hex && lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The number behind the "&#" at `at`; without digits it is empty. */
static number read_number(const char *html, size_t len, size_t at)
{
    number n = {.begin = at + 2};
    uint32_t value = 0;
    if (n.begin < len && (html[n.begin] | 0x20) == 'x') {
        n.hex = 1;
        n.begin++;
    }
    for (n.end = n.begin; n.end < len; n.end++) {
        int digit = digit_of(html[n.end], n.hex);
        if (digit < 0) break;
        value = n.too_large ? value : value * (n.hex ? 16u : 10u) + (uint32_t)digit;
        n.too_large = value > LAST_CODE_POINT;
    }
    return n;
}

static void replace(char *html, number n)
{
    const char *digits = n.hex ? too_large_hex : too_large_decimal;
    size_t count = strlen(digits); /* a number that is too large has as many digits at least */
    memset(html + n.begin, '0', n.end - n.begin);
    memcpy(html + n.end - count, digits, count);
}

int ss_html_tame_references(const char **html, size_t len, ss_arena *arena)
{
    const char *in = *html, *found;
    char *copy = NULL;
    for (size_t at = 0; at < len && (found = memchr(in + at, '&', len - at)) != NULL;) {
        at = (size_t)(found - in) + 1;
        if (at >= len || in[at] != '#') continue;
        number n = read_number(in, len, at - 1);
        at = n.end;
        if (!n.too_large) continue;
        if (!copy) *html = copy = ss_arena_copy(arena, in, len);
        if (!copy) return -1;
        replace(copy, n);
    }
    return 0;
}
