/* ad_text.c - see ad_text.h. */
#include "worker/extract/ad_text.h"

#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

#include "text/html.h"
#include "text/utf8.h"

typedef struct counter {
    const ss_tokenizer *tokenizer;
    ss_tokenizer_scratch *scratch;
    int failed;
} counter;

static size_t count_tokens(void *context, const char *text, size_t len)
{
    counter *c = context;
    size_t tokens = 0;
    if (ss_tokenizer_count(c->tokenizer, c->scratch, text, len, &tokens, NULL)) {
        c->failed = 1;
        return len; /* never too few: the sentence is cut small, and the failure is reported afterwards */
    }
    return tokens;
}

/* A tag or a character reference: "<p", "</", "<!--", "&amp;", "&lt;". Enough to tell scraped HTML from "a < b". */
static int looks_like_html(const char *body, size_t len)
{
    for (size_t i = 0; i + 2 < len; i++) {
        if (body[i] == '<') {
            char c = (char)(body[i + 1] | 0x20);
            if ((c >= 'a' && c <= 'z') || body[i + 1] == '/' || body[i + 1] == '!') return 1;
        } else if (body[i] == '&') {
            size_t end = i + 1;
            while (end < len && end < i + 10 &&
                   (body[end] == '#' || (body[end] >= '0' && body[end] <= '9') ||
                    ((body[end] | 0x20) >= 'a' && (body[end] | 0x20) <= 'z')))
                end++;
            if (end > i + 2 && end < len && body[end] == ';') return 1;
        }
    }
    return 0;
}

static void fault(ss_ad_text *out, ss_arena *arena, const char *reason, const char *error)
{
    char *copy = ss_arena_copy(arena, error, strlen(error));
    out->reason = reason;
    out->error = copy ? copy : reason;
}

/* The body is within max-ad-bytes, which is the only limit on its length. */
static int make_text(const ss_ad *ad, ss_slice body, ss_arena *arena, int *html, ss_text *text, ss_error *err)
{
    const ss_html_limits limits = {.max_bytes = body.len};
    *html = ad->body_format == SS_BODY_HTML ||
            (ad->body_format == SS_BODY_UNSPECIFIED && looks_like_html(body.data, body.len));
    return *html ? ss_text_from_html(body.data, body.len, &limits, arena, text, err)
                 : ss_text_from_plain(body.data, body.len, arena, text, err);
}

int ss_ad_text_make(const ss_ad *ad, const ss_ad_limits *limits, const ss_tokenizer *tokenizer,
                    ss_tokenizer_scratch *scratch, ss_arena *arena, ss_ad_text *out, ss_error *err)
{
    *out = (ss_ad_text){0};
    ss_slice body = ad->body.len ? ad->body : ad->title;
    if (!body.data) body = (ss_slice){.data = "", .len = 0};
    char text[160];
    if (limits->max_ad_bytes && body.len > limits->max_ad_bytes) {
        snprintf(text, sizeof text, "the ad has %zu bytes, the limit (max-ad-bytes) is %llu", body.len,
                 (unsigned long long)limits->max_ad_bytes);
        fault(out, arena, "too-large", text);
        return 0;
    }
    int html = 0;
    ss_error why = {0};
    counter count = {.tokenizer = tokenizer, .scratch = scratch};
    ss_sentence_options options = {.max_tokens = limits->max_tokens, .count_tokens = count_tokens, .context = &count};
    int bad = make_text(ad, body, arena, &html, &out->text, &why);
    options.hard_lines = html;
    if (!bad)
        bad = ss_sentences_split(out->text.bytes, out->text.len, &options, arena, &out->sentences, &out->sentence_count,
                                 &why);
    if (!bad && count.failed) bad = ss_fail_memory(&why, "counting tokens");
    if (bad && why.status == SS_MEMORY) {
        if (err) *err = why;
        return -1;
    }
    if (bad) {
        fault(out, arena, why.status == SS_LIMIT ? "too-large" : "bad-text", why.text);
    } else if (limits->max_sentences && out->sentence_count > limits->max_sentences) {
        snprintf(text, sizeof text, "the ad has %zu sentences, the limit (max-sentences) is %llu", out->sentence_count,
                 (unsigned long long)limits->max_sentences);
        fault(out, arena, "too-many-sentences", text);
    }
    return 0;
}

int ss_sentence_has_word(const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x80) {
            if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') return 1;
            i++;
            continue;
        }
        uint32_t code;
        i += ss_utf8_decode(text + i, len - i, &code);
        if (code == SS_UTF8_INVALID) continue;
        utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);
        if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) return 1;
    }
    return 0;
}

size_t ss_sentence_fold(const char *text, size_t len, char *out)
{
    size_t at = 0;
    int blank = 0;
    for (size_t i = 0; i < len;) {
        uint32_t code = (unsigned char)text[i];
        size_t width = 1;
        if (code >= 0x80) width = ss_utf8_decode(text + i, len - i, &code);
        if (code != SS_UTF8_INVALID && ss_utf8_is_space(code)) {
            blank = at > 0;
        } else {
            if (blank) out[at++] = ' ';
            blank = 0;
            memcpy(out + at, text + i, width);
            at += width;
        }
        i += width;
    }
    return at;
}
