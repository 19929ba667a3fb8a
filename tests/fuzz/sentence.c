/* sentence.c - text into sentences: every guarantee of sentence.h, for text that was wrapped and text that was not,
 * with and without a token limit. */
#include <string.h>
#include <utf8proc.h>

#include "fuzz/fuzz.h"
#include "text/sentence.h"
#include "text/utf8.h"

enum { MAX_TOKENS = 8 };

/* A tokenizer of sorts: a token for each byte that is not white space. */
static size_t count_tokens(void *context, const char *text, size_t len)
{
    size_t tokens = 0;
    (void)context;
    for (size_t i = 0; i < len; i++) tokens += text[i] != ' ' && text[i] != '\n';
    return tokens;
}

static uint32_t code_at(const ss_text *text, size_t at, size_t *width)
{
    uint32_t code;
    *width = ss_utf8_decode(text->bytes + at, text->len - at, &code);
    FUZZ_CHECK(code != SS_UTF8_INVALID);
    return code;
}

/* Between two sentences there are separators only: no letter or digit but the "o" that serves as a bullet. */
static void check_gap(const ss_text *text, size_t from, size_t to)
{
    size_t width;
    for (size_t at = from; at < to; at += width) {
        uint32_t code = code_at(text, at, &width);
        utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);
        int counts =
            (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) || category == UTF8PROC_CATEGORY_ND;
        FUZZ_CHECK(!counts || code == 'o');
    }
}

static void check_sentence(const ss_text *text, ss_span span, const ss_sentence_options *options)
{
    size_t width, last = ss_utf8_before(text->bytes, span.end);
    FUZZ_CHECK(!ss_utf8_is_space(code_at(text, span.begin, &width)));
    FUZZ_CHECK(!ss_utf8_is_space(code_at(text, last, &width)));
    FUZZ_CHECK(last + width == span.end);
    FUZZ_CHECK(ss_utf8_valid(text->bytes + span.begin, span.end - span.begin));
    if (!options->max_tokens) return;
    size_t tokens = count_tokens(NULL, text->bytes + span.begin, span.end - span.begin);
    FUZZ_CHECK(tokens <= options->max_tokens);
}

static void check(const ss_text *text, const ss_sentence_options *options, ss_arena *arena)
{
    ss_span *spans, *again;
    size_t count, same, at = 0;
    FUZZ_CHECK(!ss_sentences_split(text->bytes, text->len, options, arena, &spans, &count, NULL));
    for (size_t i = 0; i < count; i++) {
        FUZZ_CHECK(spans[i].begin >= at && spans[i].begin < spans[i].end && spans[i].end <= text->len);
        check_gap(text, at, spans[i].begin);
        check_sentence(text, spans[i], options);
        at = spans[i].end;
    }
    check_gap(text, at, text->len);
    FUZZ_CHECK(!ss_sentences_split(text->bytes, text->len, options, arena, &again, &same, NULL));
    FUZZ_CHECK(count == same && !memcmp(spans, again, count * sizeof *spans));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ss_arena arena;
    ss_text text;
    ss_arena_init(&arena, 0, 0);
    FUZZ_CHECK(!ss_text_from_plain((const char *)data, size, &arena, &text, NULL));
    for (int hard = 0; hard < 2; hard++) {
        ss_sentence_options options = {.hard_lines = hard};
        check(&text, &options, &arena);
        options.max_tokens = MAX_TOKENS;
        options.count_tokens = count_tokens;
        check(&text, &options, &arena);
    }
    ss_arena_free(&arena);
    return 0;
}
