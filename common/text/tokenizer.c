/* tokenizer.c - the way of a text through the tokenizer; see tokenizer.h. Loading is in tokenizer_load.c.
 *
 *   text -> split at raw added tokens -> normalise -> split at normalised added tokens -> words -> pieces -> ids
 *
 * Each stage walks its input once and hands what it finds to the next; nothing is allocated beyond the scratch buffer
 * that the normalised text is written to. When the caller does not want the full count, all stages stop as soon as the
 * ids are full.
 */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "text/tokenizer_parts.h"
#include "text/utf8.h"

enum { MAX_NORMALISED = 1 << 30 };

/* Where ids go: the first `room` are kept, all are counted. */
typedef struct output {
    const ss_tokenizer *tokenizer;
    ss_tokenizer_scratch *scratch;
    int32_t *ids;
    size_t room, count;
    int count_all;
} output;

static int full(const output *out)
{
    return !out->count_all && out->count >= out->room;
}

static void put(output *out, const int32_t *ids, size_t count)
{
    for (size_t i = 0; i < count && out->count + i < out->room; i++) out->ids[out->count + i] = ids[i];
    out->count += count;
}

/* What an ASCII character is to the pre-tokeniser. */
enum { WORD = 0, BLANK = 1, MARK = 2, WIDE = 3 };
#define B BLANK
#define M MARK
#define W WIDE
static const unsigned char char_class[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, B, B, B, B, B, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* control */
    B, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, M, M, M, M, M, M, /* space to ? */
    M, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, M, M, M, M, M, /* @ to _ */
    M, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, M, M, M, M, 0, /* ` to DEL */
    W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, /* UTF-8 */
    W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, /* */
    W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, /* */
    W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W, W};
#undef B
#undef M
#undef W

/* Class of the character at text[*at]; moves *at behind it. */
static int next_class(const char *text, size_t len, size_t *at)
{
    int class = char_class[(unsigned char)text[*at]];
    if (class != WIDE) {
        (*at)++;
        return class;
    }
    uint32_t c;
    *at += ss_utf8_decode(text + *at, len - *at, &c);
    return ss_char_is_blank((int32_t)c) ? BLANK : ss_char_is_punctuation((int32_t)c) ? MARK : WORD;
}

/* Normalised text without added tokens: words and single punctuation marks into pieces. */
static void put_words(output *out, const char *text, size_t len)
{
    const ss_wordpiece *pieces = out->tokenizer->pieces;
    int32_t *ids = out->scratch->pieces;
    size_t start = 0, at = 0;
    while (at < len && !full(out)) {
        size_t here = at;
        int class = next_class(text, len, &at);
        if (class == WORD && at < len) continue;
        size_t end = class == WORD ? at : here;
        if (end > start) put(out, ids, ss_wordpiece_cut(pieces, text + start, end - start, ids));
        if (class == MARK) put(out, ids, ss_wordpiece_cut(pieces, text + here, at - here, ids));
        start = at;
    }
}

/* Whether text[0..len) begins with a letter, mark, digit or connecting punctuation: \w of regular expressions. */
static int starts_with_word(const char *text, size_t len)
{
    uint32_t c;
    ss_utf8_decode(text, len, &c);
    if (c == SS_UTF8_INVALID) return 0;
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_ND) || category == UTF8PROC_CATEGORY_PC;
}

/* Whether a letter, digit or mark touches text[start..end) on either side. */
static int touches_word(const char *text, size_t len, size_t start, size_t end)
{
    if (start > 0) {
        size_t before = start - 1;
        while (before > 0 && ((unsigned char)text[before] & 0xc0) == 0x80) before--;
        if (starts_with_word(text + before, start - before)) return 1;
    }
    return end < len && starts_with_word(text + end, len - end);
}

static const ss_added_token *added_at(const ss_added_tokens *added, const char *text, size_t left)
{
    for (size_t i = 0; i < added->count; i++) {
        const ss_added_token *token = &added->items[i];
        if (token->len <= left && memcmp(text, token->text, token->len) == 0) return token;
    }
    return NULL;
}

/* Finds the next added token from *at on: its start is written to *start and *at moves behind it. NULL: none left. */
static const ss_added_token *next_added(const ss_added_tokens *added, const char *text, size_t len, size_t *at,
                                        size_t *start)
{
    if (added->count == 0) return NULL;
    for (size_t i = *at; i < len; i++) {
        if (!added->starts[(unsigned char)text[i]]) continue;
        const ss_added_token *token = added_at(added, text + i, len - i);
        if (!token) continue;
        if (!token->single_word || !touches_word(text, len, i, i + token->len)) {
            *start = i;
            *at = i + token->len;
            return token;
        }
        i += token->len - 1; /* as Hugging Face: a match that is refused hides what overlaps it */
    }
    return NULL;
}

static int put_piece(output *out, const char *text, size_t len)
{
    ss_buffer *normal = &out->scratch->text;
    ss_buffer_clear(normal);
    if (ss_normalise(&out->tokenizer->normaliser, text, len, normal) != 0) return -1;
    size_t from = 0, at = 0, start = 0;
    const ss_added_token *token;
    while (!full(out) && (token = next_added(&out->tokenizer->normalised, normal->data, normal->len, &at, &start))) {
        put_words(out, normal->data + from, start - from);
        put(out, &token->id, 1);
        from = at;
    }
    put_words(out, normal->data + from, normal->len - from);
    return 0;
}

static int put_text(output *out, const char *text, size_t len)
{
    size_t from = 0, at = 0, start = 0;
    const ss_added_token *token;
    while (!full(out) && (token = next_added(&out->tokenizer->raw, text, len, &at, &start))) {
        if (start > from && put_piece(out, text + from, start - from) != 0) return -1;
        put(out, &token->id, 1);
        from = at;
    }
    return len > from && !full(out) ? put_piece(out, text + from, len - from) : 0;
}

static int prepare(const ss_tokenizer *tokenizer, ss_tokenizer_scratch *scratch)
{
    if (scratch->pieces_cap >= tokenizer->max_chars) return 0;
    int32_t *pieces = realloc(scratch->pieces, tokenizer->max_chars * sizeof *pieces);
    if (!pieces) return -1;
    scratch->pieces = pieces;
    scratch->pieces_cap = tokenizer->max_chars;
    return 0;
}

int ss_tokenize(const ss_tokenizer *tokenizer, ss_tokenizer_scratch *scratch, const char *text, size_t len,
                size_t max_tokens, int32_t *ids, size_t *count, size_t *full_count, ss_error *err)
{
    size_t specials = ss_tokenizer_specials(tokenizer);
    if (max_tokens < specials)
        return ss_fail(err, SS_LIMIT, "a token limit of %zu has no room for %zu special tokens", max_tokens, specials);
    output out = {.tokenizer = tokenizer,
                  .scratch = scratch,
                  .ids = ids + tokenizer->before_count,
                  .room = max_tokens - specials,
                  .count_all = full_count != NULL};
    if (prepare(tokenizer, scratch) != 0 || put_text(&out, text, len) != 0)
        return ss_fail_memory(err, "tokenising a text");
    size_t kept = out.count < out.room ? out.count : out.room;
    for (size_t i = 0; i < tokenizer->before_count; i++) ids[i] = tokenizer->before[i];
    for (size_t i = 0; i < tokenizer->after_count; i++) out.ids[kept + i] = tokenizer->after[i];
    *count = kept + specials;
    if (full_count) *full_count = out.count + specials;
    return 0;
}

int ss_tokenizer_count(const ss_tokenizer *tokenizer, ss_tokenizer_scratch *scratch, const char *text, size_t len,
                       size_t *tokens, ss_error *err)
{
    output out = {.tokenizer = tokenizer, .scratch = scratch, .count_all = 1};
    if (prepare(tokenizer, scratch) != 0 || put_text(&out, text, len) != 0)
        return ss_fail_memory(err, "counting tokens");
    *tokens = out.count;
    return 0;
}

ss_tokenizer_scratch *ss_tokenizer_scratch_new(ss_error *err)
{
    ss_tokenizer_scratch *scratch = calloc(1, sizeof *scratch);
    if (!scratch) {
        ss_fail_memory(err, "starting a tokenizer");
        return NULL;
    }
    ss_buffer_init(&scratch->text, MAX_NORMALISED);
    return scratch;
}

void ss_tokenizer_scratch_free(ss_tokenizer_scratch *scratch)
{
    if (!scratch) return;
    ss_buffer_free(&scratch->text);
    free(scratch->pieces);
    free(scratch);
}

size_t ss_tokenizer_vocabulary(const ss_tokenizer *tokenizer)
{
    return tokenizer->vocabulary;
}

size_t ss_tokenizer_specials(const ss_tokenizer *tokenizer)
{
    return tokenizer->before_count + tokenizer->after_count;
}

int ss_tokenizer_lowers(const ss_tokenizer *tokenizer)
{
    return tokenizer->normaliser.lower;
}

int32_t ss_tokenizer_id(const ss_tokenizer *tokenizer, const char *token)
{
    return ss_wordpiece_find(tokenizer->pieces, token, strlen(token));
}
