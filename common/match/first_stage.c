/* first_stage.c - see first_stage.h. */
#include "match/first_stage.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "text/utf8.h"

typedef struct word_weight {
    const char *text; /* a token, or two with a blank between them */
    int weight;       /* in hundredths */
} word_weight;

/* WORDS, BIAS, LENGTHS, MOST_STEPS, MEAN_STEPS and the levels CAREFUL and FAST; all in hundredths. */
#include "match/first_stage_words.inc"

enum {
    WORD_COUNT = sizeof words / sizeof *words,
    SLOTS = 1 << 14, /* far more than words: most look-ups end at an empty slot */
    LENGTH_COUNT = sizeof lengths / sizeof *lengths,
    KNOWN = 50, /* per cent */
    MAIL_LOCAL = 64
};
_Static_assert(WORD_COUNT * 2 < SLOTS, "the table of words needs more slots");

/* A step of the functions of an overlap is a quarter. */
#define STEP 0.25f

struct ss_first_stage {
    ss_filter filter;
    struct {
        uint64_t key; /* hash of the text; 0: free */
        int16_t weight;
    } slots[SLOTS];
};

ss_filter ss_filter_of(const char *word)
{
    if (word && strcmp(word, "careful") == 0) return SS_FILTER_CAREFUL;
    if (word && strcmp(word, "fast") == 0) return SS_FILTER_FAST;
    return SS_FILTER_OFF;
}

static uint64_t key_of(const char *text, size_t len)
{
    uint64_t key = ss_hash64(text, len);
    return key ? key : 1;
}

ss_first_stage *ss_first_stage_new(ss_filter filter, size_t skills)
{
    ss_first_stage *stage = calloc(1, sizeof *stage);
    if (stage) stage->filter = skills < SS_FIRST_STAGE_LEAST_SKILLS ? SS_FILTER_OFF : filter;
    for (size_t i = 0; stage && i < WORD_COUNT; i++) {
        uint64_t key = key_of(words[i].text, strlen(words[i].text));
        size_t at = key % SLOTS;
        while (stage->slots[at].key) at = (at + 1) % SLOTS;
        stage->slots[at].key = key;
        stage->slots[at].weight = (int16_t)words[i].weight;
    }
    return stage;
}

void ss_first_stage_free(ss_first_stage *stage)
{
    free(stage);
}

ss_filter ss_first_stage_filter(const ss_first_stage *stage)
{
    return stage->filter;
}

/* The weight of a token or pair; *known says whether it is in the table. */
static int weight_of(const ss_first_stage *stage, const char *text, size_t len, int *known)
{
    uint64_t key = key_of(text, len);
    size_t at = key % SLOTS;
    while (stage->slots[at].key && stage->slots[at].key != key) at = (at + 1) % SLOTS;
    *known = stage->slots[at].key != 0;
    return stage->slots[at].weight;
}

static int is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Bytes of the run that begins at `at`: letters, digits, or one character. */
static size_t run_length(const char *text, size_t len, size_t at)
{
    size_t end = at;
    if (is_letter(text[at]))
        while (end < len && is_letter(text[end])) end++;
    else if (is_digit(text[at]))
        while (end < len && is_digit(text[end])) end++;
    else {
        uint32_t code;
        end += (unsigned char)text[at] < 0x80 ? 1 : ss_utf8_decode(text + at, len - at, &code);
    }
    return end - at;
}

/* A character of another script or with an accent, as far as blocks of Unicode tell: no punctuation, no symbol. */
static int is_other_letter(const char *text, size_t len)
{
    uint32_t code = 0;
    if ((unsigned char)*text >= 0x80) ss_utf8_decode(text, len, &code);
    return code >= 0xC0 && code != 0xD7 && code != 0xF7 && (code < 0x2000 || code >= 0x2C00) && code != SS_UTF8_INVALID;
}

static int is_blank(const char *text, size_t len)
{
    uint32_t code = (unsigned char)*text;
    if (code >= 0x80) ss_utf8_decode(text, len, &code);
    return code != SS_UTF8_INVALID && ss_utf8_is_space(code);
}

/* Bytes of the web address that begins here, up to the next blank; 0 if there is none. */
static size_t url_length(const char *text, size_t len)
{
    static const char *const begins[] = {"http://", "https://", "www."};
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        size_t at = strlen(begins[i]);
        if (len < at || strncasecmp(text, begins[i], at) != 0) continue;
        while (at < len && !is_blank(text + at, len - at)) at += run_length(text, len, at);
        return at;
    }
    return 0;
}

static size_t run_of(const char *text, size_t len, const char *others)
{
    size_t at = 0;
    while (at < len && (is_letter(text[at]) || is_digit(text[at]) || (text[at] && strchr(others, text[at])))) at++;
    return at;
}

/* The same for a mail address. Local parts have at most 64 bytes (RFC 5321, 4.5.3.1), which bounds the look ahead. */
static size_t mail_length(const char *text, size_t len)
{
    size_t local = run_of(text, len < MAIL_LOCAL + 1 ? len : MAIL_LOCAL + 1, "._%+-");
    if (!local || local > MAIL_LOCAL || local >= len || text[local] != '@') return 0;
    size_t host = run_of(text + local + 1, len - local - 1, ".-");
    return host ? local + 1 + host : 0;
}

static size_t special_token(const char *name, char token[SS_FIRST_STAGE_TOKEN])
{
    size_t n = strlen(name);
    memcpy(token, name, n + 1);
    return n;
}

size_t ss_first_stage_token(const char *text, size_t len, size_t *at, char token[SS_FIRST_STAGE_TOKEN])
{
    while (*at < len && is_blank(text + *at, len - *at)) *at += run_length(text, len, *at);
    if (*at >= len) return 0;
    size_t address = url_length(text + *at, len - *at), mail = address ? 0 : mail_length(text + *at, len - *at);
    *at += address + mail;
    if (address) return special_token("<url>", token);
    if (mail) return special_token("<mail>", token);
    const char *from = text + *at;
    size_t run = run_length(text, len, *at);
    *at += run;
    size_t n = is_digit(*from) ? 1 : run < SS_FIRST_STAGE_TOKEN ? run : SS_FIRST_STAGE_TOKEN - 1;
    for (size_t i = 0; i < n; i++) token[i] = is_letter(from[i]) ? (char)(from[i] | 0x20) : from[i];
    if (is_digit(*from)) token[0] = '0';
    token[n] = 0;
    return n;
}

/* Weights of tokens and pairs, and how many words there are. */
static int weigh_words(const ss_first_stage *stage, const char *text, size_t len, ss_first_stage_view *view)
{
    char pair[2 * SS_FIRST_STAGE_TOKEN + 1], token[SS_FIRST_STAGE_TOKEN];
    size_t at = 0, n, before = 0; /* length of the token before, at the front of `pair` */
    int sum = 0, known;
    while ((n = ss_first_stage_token(text, len, &at, token))) {
        sum += weight_of(stage, token, n, &known);
        view->tokens++;
        view->letter_words += is_letter(token[0]) || is_other_letter(token, n);
        view->known_words += is_letter(token[0]) && known;
        if (before) {
            pair[before] = ' ';
            memcpy(pair + before + 1, token, n);
            sum += weight_of(stage, pair, before + 1 + n, &known);
        }
        memcpy(pair, token, n);
        before = n;
    }
    return sum;
}

/* The sum of the steps that x has passed: the first lies at STEP. */
static int climb(const short *steps, size_t count, float x)
{
    int sum = 0;
    for (size_t i = 0; i < count && x >= STEP * (float)(i + 1); i++) sum += steps[i];
    return sum;
}

static size_t bits_of(size_t n)
{
    size_t bits = 0;
    for (; n; n >>= 1) bits++;
    return bits;
}

ss_first_stage_view ss_first_stage_look(const ss_first_stage *stage, const ss_worded *worded, const char *text,
                                        size_t len)
{
    ss_first_stage_view view = {0};
    for (size_t i = 0; i < worded->overlapping_count && i < SS_FIRST_STAGE_OVERLAPS; i++) {
        if (!i) view.most_overlap = worded->overlaps[i];
        view.mean_overlap += worded->overlaps[i] / SS_FIRST_STAGE_OVERLAPS;
    }
    int sum = BIAS + weigh_words(stage, text, len, &view);
    size_t length = bits_of(view.tokens);
    sum += lengths[length < LENGTH_COUNT ? length : LENGTH_COUNT - 1];
    sum += climb(most_steps, sizeof most_steps / sizeof *most_steps, view.most_overlap);
    sum += climb(mean_steps, sizeof mean_steps / sizeof *mean_steps, view.mean_overlap);
    view.logit = sum / 100.0;
    return view;
}

int ss_first_stage_passes(const ss_first_stage *stage, const ss_worded *worded, const char *text, size_t len)
{
    if (stage->filter == SS_FILTER_OFF || worded->named_count) return 1;
    ss_first_stage_view view = ss_first_stage_look(stage, worded, text, len);
    if (view.logit * 100 >= (stage->filter == SS_FILTER_FAST ? FAST : CAREFUL)) return 1;
    return view.letter_words && view.known_words * 100 <= view.letter_words * KNOWN;
}
