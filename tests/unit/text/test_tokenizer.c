/* test_tokenizer.c - WordPiece on a small vocabulary against a plain search, special tokens, limits, both file forms,
 * and files that are not what they should be. Agreement with Hugging Face is proved by the golden tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/tokenizer.h"
#include "text/wordpiece.h"

static const char vocab_txt[] =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nun\n##aff\n##able\n##ab\naff\na\n##b\nb\n.\n,\nx\n##x\n\xe4\xb8\xad\n";
enum { PAD, UNK, CLS, SEP, MASK, UN, AFF_, ABLE_, AB_, AFF, A, B_, B, DOT, COMMA, X, X_, ZHONG };

/* The same vocabulary with everything that tokenizer.json can say; %s: added tokens, post-processor. */
static const char json_form[] =
    "{\"added_tokens\":[%s],\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,"
    "\"handle_chinese_chars\":true,\"strip_accents\":null,\"lowercase\":true},"
    "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},\"post_processor\":%s,"
    "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\","
    "\"max_input_chars_per_word\":10,\"vocab\":{\"[PAD]\":0,\"[UNK]\":1,\"[CLS]\":2,\"[SEP]\":3,\"[MASK]\":4,\"un\":5,"
    "\"##aff\":6,\"##able\":7,\"##ab\":8,\"aff\":9,\"a\":10,\"##b\":11,\"b\":12,\".\":13,\",\":14,\"x\":15,\"##x\":16,"
    "\"\xe4\xb8\xad\":17}}}";
static const char bert_processor[] = "{\"type\":\"BertProcessing\",\"sep\":[\"[SEP]\",3],\"cls\":[\"[CLS]\",2]}";
static const char mask_token[] =
    "{\"id\":4,\"content\":\"[MASK]\",\"special\":true,\"normalized\":false,\"lstrip\":true}";

static ss_tokenizer *load(const char *name, const char *text, const char *config, ss_error *err)
{
    ss_named_bytes items[2] = {{(char *)(uintptr_t)name, (const unsigned char *)text, strlen(text)}};
    ss_fileset files = {.items = items, .count = 1};
    if (config)
        items[files.count++] = (ss_named_bytes){(char *)(uintptr_t) "tokenizer_config.json",
                                                (const unsigned char *)config, strlen(config)};
    return ss_tokenizer_load(&files, err);
}

static ss_tokenizer *load_json(const char *added, const char *processor, ss_error *err)
{
    char text[4096];
    snprintf(text, sizeof text, json_form, added, processor);
    return load("tokenizer.json", text, NULL, err);
}

/* Tokens of `text` without the special ones around it: the ids in `...`, ended by -1. */
static void expect(const ss_tokenizer *tokenizer, const char *text, ...)
{
    ss_tokenizer_scratch *scratch = ss_tokenizer_scratch_new(NULL);
    int32_t ids[64];
    size_t count, full, tokens;
    assert_int_equal(ss_tokenize(tokenizer, scratch, text, strlen(text), 64, ids, &count, &full, NULL), 0);
    assert_int_equal(ss_tokenizer_count(tokenizer, scratch, text, strlen(text), &tokens, NULL), 0);
    va_list expected;
    va_start(expected, text);
    size_t n = 1;
    for (int id; (id = va_arg(expected, int)) >= 0; n++) {
        if (n >= count - 1 || ids[n] != id) fail_msg("'%s': token %zu is %d, not %d", text, n, ids[n], id);
    }
    va_end(expected);
    assert_int_equal(count, n + 1);
    assert_int_equal(full, count);
    assert_int_equal(tokens, count - 2);
    assert_int_equal(ids[0], CLS);
    assert_int_equal(ids[count - 1], SEP);
    ss_tokenizer_scratch_free(scratch);
}

static void words_become_longest_pieces(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_tokenizer *forms[2] = {load("vocab.txt", vocab_txt, NULL, &err), load_json(mask_token, bert_processor, &err)};
    for (size_t i = 0; i < 2; i++) {
        assert_non_null(forms[i]);
        assert_int_equal(ss_tokenizer_vocabulary(forms[i]), 18);
        assert_int_equal(ss_tokenizer_specials(forms[i]), 2);
        assert_int_equal(ss_tokenizer_id(forms[i], "##able"), ABLE_);
        assert_int_equal(ss_tokenizer_id(forms[i], "able"), -1);
        assert_true(ss_tokenizer_lowers(forms[i]));
        expect(forms[i], "", -1);
        expect(forms[i], "  \n", -1);
        expect(forms[i], "UNaffable", UN, AFF_, ABLE_, -1);
        expect(forms[i], "a.b,, a", A, DOT, B, COMMA, COMMA, A, -1);
        expect(forms[i], "unaffq un", UNK, UN, -1);
        expect(forms[i], "abable xablb", A, B_, ABLE_, UNK, -1);
        expect(forms[i],
               "\xe4\xb8\xad\xe4\xb8\xad"
               "a",
               ZHONG, ZHONG, A, -1);
        expect(forms[i], "a[MASK]b [mask]", A, MASK, B, UNK, UNK, UNK, -1);
        expect(forms[i], "\xc3\xa1", A, -1);
        ss_tokenizer_free(forms[i]);
    }
}

static void long_words_are_unknown(void **state)
{
    (void)state;
    ss_tokenizer *tokenizer = load_json("", bert_processor, NULL);
    expect(tokenizer, "xxxxxxxxxx", X, X_, X_, X_, X_, X_, X_, X_, X_, X_, -1);
    expect(tokenizer, "xxxxxxxxxxx", UNK, -1);
    ss_tokenizer_free(tokenizer);
}

static void texts_are_cut_at_the_limit(void **state)
{
    (void)state;
    ss_tokenizer *tokenizer = load_json(mask_token, bert_processor, NULL);
    ss_tokenizer_scratch *scratch = ss_tokenizer_scratch_new(NULL);
    static const char text[] = "a unaffable [MASK] b";
    static const int32_t all[] = {A, UN, AFF_, ABLE_, MASK, B};
    for (size_t limit = 2; limit < 12; limit++) {
        int32_t *ids = malloc(limit * sizeof *ids); /* exact: ASan sees a write beyond */
        size_t count, full, kept = limit - 2 < 6 ? limit - 2 : 6;
        assert_non_null(ids);
        for (int wanted = 0; wanted < 2; wanted++) {
            assert_int_equal(
                ss_tokenize(tokenizer, scratch, text, strlen(text), limit, ids, &count, wanted ? &full : NULL, NULL),
                0);
            assert_int_equal(count, kept + 2);
            assert_memory_equal(ids + 1, all, kept * sizeof *ids);
            assert_int_equal(ids[count - 1], SEP);
        }
        assert_int_equal(full, 8);
        free(ids);
    }
    ss_error err = {0};
    size_t count;
    assert_int_equal(ss_tokenize(tokenizer, scratch, text, strlen(text), 1, NULL, &count, NULL, &err), -1);
    assert_int_equal(err.status, SS_LIMIT);
    ss_tokenizer_scratch_free(scratch);
    ss_tokenizer_free(tokenizer);
}

static void added_tokens_follow_their_flags(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_tokenizer *tokenizer = load_json("{\"id\":20,\"content\":\"B2B\",\"normalized\":true},"
                                        "{\"id\":21,\"content\":\"a-b\",\"normalized\":false,\"single_word\":true},"
                                        "{\"id\":22,\"content\":\"a-\",\"normalized\":false},"
                                        "{\"id\":23,\"content\":\"\",\"normalized\":false}",
                                        bert_processor, &err);
    assert_non_null(tokenizer);
    assert_int_equal(ss_tokenizer_vocabulary(tokenizer), 24);
    expect(tokenizer, "x b2b B2B xB2Bx", X, 20, 20, X, 20, X, -1); /* in normalised text, also inside words */
    expect(tokenizer, "a-b a-B b a-", 21, 22, B, B, 22, -1);       /* raw text; the longest first */
    expect(tokenizer, "xa-b x a-bx a-\xc3\xa9", UNK, UNK, B, X, A, UNK, B, X_, 22, UNK, -1);
    ss_tokenizer_free(tokenizer);
}

static void mpnet_has_its_own_special_tokens(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_tokenizer *tokenizer =
        load("vocab.txt", "<s>\n<pad>\n</s>\n<unk>\n[UNK]\na\n<mask>\n",
             "{\"tokenizer_class\":\"MPNetTokenizer\",\"mask_token\":{\"content\":\"<mask>\"}}", &err);
    assert_string_equal(err.text, "");
    ss_tokenizer_scratch *scratch = ss_tokenizer_scratch_new(NULL);
    int32_t ids[16];
    size_t count;
    static const int32_t right[] = {0, 5, 4, 6, 2, 2};
    assert_int_equal(ss_tokenize(tokenizer, scratch, "A q<mask></s>", 13, 16, ids, &count, NULL, NULL), 0);
    assert_int_equal(count, 6);
    assert_memory_equal(ids, right, sizeof right);
    ss_tokenizer_scratch_free(scratch);
    ss_tokenizer_free(tokenizer);
}

static void expect_refused(ss_tokenizer *tokenizer, const ss_error *err, ss_status status, const char *named)
{
    assert_null(tokenizer);
    assert_int_equal(err->status, status);
    if (!strstr(err->text, named)) fail_msg("'%s' does not name '%s'", err->text, named);
}

static void bad_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *config;
        ss_status status;
        const char *named;
    } cases[] = {
        {"other.txt", "", NULL, SS_NOT_FOUND, "tokenizer.json"},
        {"tokenizer.json", "", NULL, SS_INPUT, "tokenizer.json"},
        {"tokenizer.json", "[1]", NULL, SS_INPUT, "object"},
        {"tokenizer.json", "{\"model\":", NULL, SS_INPUT, "line"},
        {"tokenizer.json", "{}", NULL, SS_UNSUPPORTED, "normalizer"},
        {"tokenizer.json", "{\"normalizer\":{\"type\":\"NFC\"}}", NULL, SS_UNSUPPORTED, "NFC"},
        {"tokenizer.json", "{\"normalizer\":{\"type\":\"BertNormalizer\"},\"pre_tokenizer\":{\"type\":\"Metaspace\"}}",
         NULL, SS_UNSUPPORTED, "Metaspace"},
        {"vocab.txt", "", NULL, SS_INPUT, "empty"},
        {"vocab.txt", "a\nb\n", NULL, SS_INPUT, "[CLS]"},
        {"vocab.txt", vocab_txt, "{\"tokenizer_class\":\"RobertaTokenizer\"}", SS_UNSUPPORTED, "RobertaTokenizer"},
        {"vocab.txt", vocab_txt, "{\"cls_token\":\"<cls>\"}", SS_INPUT, "<cls>"},
        {"vocab.txt", vocab_txt, "{", SS_INPUT, "line"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ss_error err = {0};
        expect_refused(load(cases[i].name, cases[i].text, cases[i].config, &err), &err, cases[i].status,
                       cases[i].named);
    }
    static const struct {
        const char *added, *processor;
        ss_status status;
        const char *named;
    } parts[] = {
        {"{}", "null", SS_INPUT, "added token 0"},
        {"{\"content\":\"q\",\"id\":-1}", "null", SS_INPUT, "'q'"},
        {"{\"content\":\"q\",\"id\":99999999999}", "null", SS_INPUT, "'q'"},
        {"", "{\"type\":\"ByteLevel\"}", SS_UNSUPPORTED, "ByteLevel"},
        {"", "{\"type\":\"BertProcessing\"}", SS_INPUT, "cls"},
        {"", "{\"type\":\"TemplateProcessing\",\"single\":[]}", SS_INPUT, "0 sequences"},
        {"", "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"[CLS]\"}}]}", SS_INPUT, "ids"}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        ss_error err = {0};
        expect_refused(load_json(parts[i].added, parts[i].processor, &err), &err, parts[i].status, parts[i].named);
    }
}

/* Every prefix of a good file is refused, or loads something that works. */
static void cut_files_do_no_harm(void **state)
{
    (void)state;
    char text[4096];
    snprintf(text, sizeof text, json_form, mask_token, bert_processor);
    for (size_t len = 0; text[len]; len++) {
        char cut[4096];
        memcpy(cut, text, len);
        cut[len] = 0;
        assert_null(load("tokenizer.json", cut, NULL, NULL));
    }
    for (size_t len = 0; len < sizeof vocab_txt; len++) {
        char cut[sizeof vocab_txt];
        memcpy(cut, vocab_txt, len);
        cut[len] = 0;
        ss_tokenizer *tokenizer = load("vocab.txt", cut, NULL, NULL);
        if (tokenizer) expect(tokenizer, "", -1);
        ss_tokenizer_free(tokenizer);
    }
}

/* ---- the trie against a plain search ---- */

enum { ENTRIES = 400, ENTRY = 8 };

static int32_t plain_find(char texts[][ENTRY], size_t count, const char *text, size_t len)
{
    for (size_t i = count; i-- > 0;)
        if (strlen(texts[i]) == len && memcmp(texts[i], text, len) == 0) return (int32_t)i;
    return -1;
}

static size_t plain_cut(char texts[][ENTRY], size_t count, const char *word, size_t len, int32_t unknown, int32_t *ids)
{
    size_t n = 0;
    for (size_t at = 0; at < len;) {
        char piece[64];
        int32_t id = -1;
        size_t end = len;
        for (; end > at && id < 0; end--) {
            int width = snprintf(piece, sizeof piece, "%s%.*s", at ? "##" : "", (int)(end - at), word + at);
            id = plain_find(texts, count, piece, (size_t)width);
        }
        if (id < 0) {
            ids[0] = unknown;
            return 1;
        }
        ids[n++] = id;
        at = end + 1;
    }
    return n;
}

static void the_trie_finds_what_a_plain_search_finds(void **state)
{
    (void)state;
    static char texts[ENTRIES][ENTRY];
    for (int round = 0; round < 30; round++) {
        size_t count = (size_t)rand() % ENTRIES + 1;
        ss_vocabulary_entry entries[ENTRIES];
        for (size_t i = 0; i < count; i++) { /* small alphabets make many common prefixes and equal texts */
            size_t len = (size_t)rand() % 4 + 1, prefix = rand() % 2 ? 2 : 0;
            memcpy(texts[i], "##", 2);
            for (size_t j = 0; j < len; j++)
                texts[i][prefix + j] = (char)(rand() % 20 ? 'a' + rand() % (round + 1) % 26 : 0xe0 + rand() % 16);
            texts[i][prefix + len] = 0;
            entries[i] = (ss_vocabulary_entry){texts[i], (int32_t)i};
        }
        ss_wordpiece *pieces = ss_wordpiece_new(entries, count, "##", 12345, 100, NULL);
        assert_non_null(pieces);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(ss_wordpiece_find(pieces, texts[i], strlen(texts[i])),
                             plain_find(texts, count, texts[i], strlen(texts[i])));
        for (int word = 0; word < 300; word++) {
            char text[16];
            int32_t ours[16], right[16];
            size_t len = (size_t)rand() % 12 + 1;
            for (size_t j = 0; j < len; j++) text[j] = (char)('a' + rand() % (round + 1) % 26);
            size_t n = ss_wordpiece_cut(pieces, text, len, ours);
            assert_int_equal(n, plain_cut(texts, count, text, len, 12345, right));
            assert_memory_equal(ours, right, n * sizeof *ours);
        }
        ss_wordpiece_free(pieces);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(words_become_longest_pieces),
                                       cmocka_unit_test(long_words_are_unknown),
                                       cmocka_unit_test(texts_are_cut_at_the_limit),
                                       cmocka_unit_test(added_tokens_follow_their_flags),
                                       cmocka_unit_test(mpnet_has_its_own_special_tokens),
                                       cmocka_unit_test(bad_files_are_refused),
                                       cmocka_unit_test(cut_files_do_no_harm),
                                       cmocka_unit_test(the_trie_finds_what_a_plain_search_finds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
