/* sentence_cut.c - see sentence_cut.h.
 *
 * Counting tokens is expensive, and its result is only known to be at most the
 * number of bytes. So the longest piece that fits is sought by doubling from
 * max_tokens bytes and then by bisection: a piece of n bytes costs O(n log n)
 * counted bytes, and a text of many pieces the sum of that. The count need not grow with the
 * bytes (a tokenizer may make one token of an endless word): what is returned
 * was counted itself, or is a beginning of it that ends between two words.
 */
#include "text/sentence_cut.h"

#include <string.h>

static int is_border(const char *text, size_t len, size_t at)
{
    return at >= len || ((unsigned char)text[at] & 0xC0) != 0x80;
}

static size_t border_at_or_before(const char *text, size_t len, size_t at)
{
    while (at > 0 && !is_border(text, len, at)) at--;
    return at;
}

static size_t first_code(const char *text, size_t len)
{
    size_t at = 1;
    while (!is_border(text, len, at)) at++;
    return at;
}

static int fits(const char *text, size_t len, const ss_sentence_options *options)
{
    return len <= options->max_tokens || options->count_tokens(options->context, text, len) <= options->max_tokens;
}

/* A length that fits, close to the longest; 0 if not even max_tokens bytes hold a whole code point. */
static size_t longest_fit(const char *text, size_t len, const ss_sentence_options *options)
{
    size_t good = border_at_or_before(text, len, options->max_tokens < len ? options->max_tokens : len);
    size_t bad = good;
    while (bad == good && good < len) {
        bad = border_at_or_before(text, len, good < len / 2 && len > 8 ? (good < 4 ? 8 : 2 * good) : len);
        if (fits(text, bad, options)) good = bad;
    }
    while (bad - good > 1 + good / 32) {
        size_t middle = border_at_or_before(text, len, good + (bad - good) / 2);
        if (middle == good) break;
        if (fits(text, middle, options))
            good = middle;
        else
            bad = middle;
    }
    return good;
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* Behind the last "; " or ": " or ", " in the second half of a piece; failing that, behind its last blank; else `fit`.
 */
static size_t good_place(const char *text, size_t fit)
{
    static const char *const ranks[] = {";:", ","};
    for (size_t rank = 0; rank < 2; rank++)
        for (size_t at = fit; at > fit / 2 + 1; at--)
            if (is_blank(text[at - 1]) && strchr(ranks[rank], text[at - 2]) && text[at - 2]) return at;
    for (size_t at = fit; at > 1; at--)
        if (is_blank(text[at - 1])) return at;
    return fit;
}

size_t ss_sentence_piece(const char *text, size_t len, const ss_sentence_options *options)
{
    if (options->max_tokens == 0 || len <= options->max_tokens) return len;
    size_t fit = longest_fit(text, len, options);
    if (fit == len) return len;
    if (fit == 0) return first_code(text, len);
    /* A blank right behind the piece is as good a place as one inside it. */
    if (is_blank(text[fit])) fit++;
    return good_place(text, fit);
}
