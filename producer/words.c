/* words.c - see words.h. Folding is NFD with marks dropped, then lower case (common/text/normalise.h). */
#include "producer/words.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/hash.h"
#include "text/normalise.h"
#include "text/utf8.h"

enum { LARGEST = 1 << 20 };

ss_words *ss_words_new(ss_error *err)
{
    ss_words *words = calloc(1, sizeof *words);
    if (words)
        ss_buffer_init(&words->text, LARGEST);
    else
        ss_fail_memory(err, "checking sentences");
    return words;
}

void ss_words_free(ss_words *words)
{
    if (!words) return;
    ss_buffer_free(&words->text);
    free(words);
}

static int is_letter(uint32_t code)
{
    utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)code);
    return c == UTF8PROC_CATEGORY_LU || c == UTF8PROC_CATEGORY_LL || c == UTF8PROC_CATEGORY_LT ||
           c == UTF8PROC_CATEGORY_LM || c == UTF8PROC_CATEGORY_LO;
}

static int is_latin(uint32_t code)
{
    return code < 0x250 || (code >= 0x1E00 && code < 0x1F00) || (code >= 0xFB00 && code < 0xFB07);
}

static int in_word(ss_words *w, uint32_t code)
{
    if (code == SS_UTF8_INVALID) return 0;
    if (is_letter(code)) {
        w->letters++;
        w->latin += (size_t)is_latin(code);
        return 1;
    }
    return code == '+' || code == '#' || utf8proc_category((utf8proc_int32_t)code) == UTF8PROC_CATEGORY_ND;
}

/* Cuts the folded text into words and closes the gaps between them, in place. */
static void cut(ss_words *w)
{
    char *text = w->text.data;
    size_t len = w->text.len, out = 0, begin = 0;
    int inside = 0;
    for (size_t at = 0; at < len && w->count < SS_WORDS_MAX;) {
        uint32_t code;
        size_t step = ss_utf8_decode(text + at, len - at, &code);
        int word = in_word(w, code);
        if (word && !inside) {
            if (out) text[out++] = ' ';
            begin = out;
        }
        if (word) {
            memmove(text + out, text + at, step); /* out <= at: what is overwritten was read */
            out += step;
        } else if (inside) {
            w->items[w->count++] = (ss_slice){text + begin, out - begin};
        }
        inside = word;
        at += step;
    }
    if (inside && w->count < SS_WORDS_MAX) w->items[w->count++] = (ss_slice){text + begin, out - begin};
    w->text.len = out;
    if (text) text[out] = 0;
}

int ss_words_read(ss_words *w, const char *text, size_t len, ss_error *err)
{
    static const ss_normaliser fold = {.clean = 1, .accents = 1, .lower = 1};
    ss_buffer_clear(&w->text);
    w->count = w->letters = w->latin = 0;
    if (ss_normalise(&fold, text, len, &w->text)) return ss_fail_memory(err, "checking a sentence");
    cut(w);
    for (size_t i = 0; i < w->count; i++) w->hashes[i] = ss_hash64(w->items[i].data, w->items[i].len);
    return 0;
}

uint64_t ss_words_hash(const ss_words *w, size_t first, size_t count)
{
    return ss_hash64(w->hashes + first, count * sizeof *w->hashes);
}
