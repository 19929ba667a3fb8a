/* tokenizer.c - text to token ids, and tokenizer files that come with a release.
 *
 * The first byte decides: 'j' the rest is a tokenizer.json, 'v' a vocab.txt, 'c' a tokenizer_config.json beside a good
 * vocab.txt; anything else: all of it is text for a good tokenizer. A tokenizer that loads must work.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "text/tokenizer.h"

enum { MOST = 64 };

static char vocab_name[] = "vocab.txt", json_name[] = "tokenizer.json", config_name[] = "tokenizer_config.json";
static const char vocabulary[] =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nun\n##aff\n##able\n##ab\naff\na\n##b\nb\n.\n,\nx\n"
    "##x\n##o\no\nr\n##r\n\xe4\xb8\xad\n\xc3\x9f\n##\xc3\x9f\n";
static ss_tokenizer *good;
static ss_tokenizer_scratch *scratch;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    ss_named_bytes item = {vocab_name, (const unsigned char *)vocabulary, sizeof vocabulary - 1};
    good = ss_tokenizer_load(&(ss_fileset){.items = &item, .count = 1}, NULL);
    scratch = ss_tokenizer_scratch_new(NULL);
    FUZZ_CHECK(good && scratch);
    return 0;
}

/* Ids in range, cut at the limit, and what was cut is the beginning of the whole. */
static void check(const ss_tokenizer *tokenizer, const char *text, size_t len)
{
    size_t specials = ss_tokenizer_specials(tokenizer), count, full, some, tokens;
    int32_t *ids = malloc(MOST * sizeof *ids), *fewer = malloc((specials + 1) * sizeof *fewer);
    FUZZ_CHECK(ids && fewer && specials < MOST);
    FUZZ_CHECK(!ss_tokenize(tokenizer, scratch, text, len, MOST, ids, &count, &full, NULL));
    FUZZ_CHECK(count == (full < MOST ? full : MOST) && count >= specials);
    for (size_t i = 0; i < count; i++) FUZZ_CHECK(ids[i] >= 0 && (size_t)ids[i] < ss_tokenizer_vocabulary(tokenizer));
    FUZZ_CHECK(!ss_tokenizer_count(tokenizer, scratch, text, len, &tokens, NULL));
    FUZZ_CHECK(tokens == full - specials && tokens <= len);
    FUZZ_CHECK(!ss_tokenize(tokenizer, scratch, text, len, specials + 1, fewer, &some, NULL, NULL));
    FUZZ_CHECK(some == (tokens ? specials + 1 : specials));
    FUZZ_CHECK(!some || !count || !specials || fewer[0] == ids[0]);
    free(ids);
    free(fewer);
}

static void load(const ss_named_bytes *items, size_t count)
{
    ss_error err = {0};
    ss_fileset files = {.items = (ss_named_bytes *)(uintptr_t)items, .count = count};
    ss_tokenizer *tokenizer = ss_tokenizer_load(&files, &err);
    FUZZ_CHECK(tokenizer || (err.status != SS_OK && err.status != SS_INTERNAL && err.text[0]));
    if (!tokenizer) return;
    static const char text[] = "Un unaffable [MASK] \xc3\x84rger, <s>abx</s> \xe4\xb8\xad...";
    if (ss_tokenizer_specials(tokenizer) < MOST) check(tokenizer, text, sizeof text - 1);
    ss_tokenizer_free(tokenizer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int what = size ? data[0] : 0;
    ss_named_bytes vocab = {vocab_name, (const unsigned char *)vocabulary, sizeof vocabulary - 1};
    ss_named_bytes rest = {NULL, size ? data + 1 : data, size ? size - 1 : 0};
    if (what == 'j') {
        rest.name = json_name;
        load(&rest, 1);
    } else if (what == 'v') {
        rest.name = vocab_name;
        load(&rest, 1);
    } else if (what == 'c') {
        rest.name = config_name;
        load((const ss_named_bytes[]){vocab, rest}, 2);
    } else {
        check(good, (const char *)data, size);
    }
    return 0;
}
