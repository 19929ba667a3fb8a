/* Our splitter beside ICU's sentence iterator on the golden rules (48 in all, carried here) and on the web texts of
 * UD English EWT (../shared, optional): documents that are right as a whole, and F1 of the borders between sentences.
 * Borders are counted in non-blank bytes, so that it does not matter to which side white space goes. pySBD is compared
 * in tests/golden/sentences.py. */
#include "cases.h"
#include "icu_sentences.h"

enum { MAX_SENTENCES = 4096 };

typedef struct score {
    size_t right, total;          /* documents */
    size_t found, made, expected; /* borders: in both, ours, the gold's */
} score;

/* Non-blank bytes in front of byte `at`. */
static size_t dense(const char *text, size_t at)
{
    size_t count = 0;
    for (size_t i = 0; i < at; i++) count += !strchr(" \n\t", text[i]);
    return count;
}

/* Ends of the gold's sentences in the text. */
static size_t gold_ends(const char *text, const json_t *sentences, size_t *ends)
{
    const char *at = text;
    size_t count = json_array_size(sentences);
    assert_true(count <= MAX_SENTENCES);
    for (size_t i = 0; i < count; i++) {
        const char *sentence = json_string_value(json_array_get(sentences, i));
        at = strstr(at, sentence);
        assert_non_null(at);
        at += strlen(sentence);
        ends[i] = (size_t)(at - text);
    }
    return count;
}

/* Makes ends comparable: counted in non-blank bytes, without those of empty sentences and the last. */
static size_t borders(const char *text, size_t *ends, size_t count)
{
    size_t kept = 0, last = dense(text, strlen(text));
    for (size_t i = 0; i < count; i++) {
        size_t border = dense(text, ends[i]);
        if (border > 0 && border < last && (kept == 0 || border > ends[kept - 1])) ends[kept++] = border;
    }
    return kept;
}

static void add(score *to, const char *text, size_t *ends, size_t count, const size_t *gold, size_t gold_count)
{
    count = borders(text, ends, count);
    size_t found = 0;
    for (size_t i = 0, j = 0; i < count && j < gold_count;) {
        found += ends[i] == gold[j];
        if (ends[i] <= gold[j])
            i++;
        else
            j++;
    }
    to->total++;
    to->right += found == count && count == gold_count;
    to->found += found;
    to->made += count;
    to->expected += gold_count;
}

static double f1(const score *s)
{
    return 2.0 * (double)s->found / (double)(s->made + s->expected);
}

static size_t our_ends(const char *text, size_t *ends)
{
    ss_arena arena;
    ss_span *spans;
    size_t count;
    ss_arena_init(&arena, 0, 0);
    assert_int_equal(ss_sentences_split(text, strlen(text), NULL, &arena, &spans, &count, NULL), 0);
    assert_true(count <= MAX_SENTENCES);
    for (size_t i = 0; i < count; i++) ends[i] = spans[i].end;
    ss_arena_free(&arena);
    return count;
}

static void compare(const icu *library, FILE *file, score *ours, score *theirs)
{
    static size_t ends[MAX_SENTENCES], gold[MAX_SENTENCES];
    for (json_t *document; (document = next_case(file)) != NULL; json_decref(document)) {
        const char *text = json_string_value(json_object_get(document, "text"));
        size_t gold_count = borders(text, gold, gold_ends(text, json_object_get(document, "sentences"), gold));
        add(ours, text, ends, our_ends(text, ends), gold, gold_count);
        if (library) add(theirs, text, ends, icu_sentence_ends(library, text, ends, MAX_SENTENCES), gold, gold_count);
    }
}

static void print_score(const char *what, const score *s)
{
    print_message("%-20s %4zu of %4zu right, borders: precision %.4f recall %.4f F1 %.4f\n", what, s->right, s->total,
                  (double)s->found / (double)s->made, (double)s->found / (double)s->expected, f1(s));
}

static void at_least_as_good_as_icu_on(const char *path, const char *name, int optional, int by_f1)
{
    FILE *file = fopen(path, "r");
    if (!file && optional) {
        print_message("skipped: %s is not there\n", path);
        skip();
    }
    assert_non_null(file);
    icu library = {0};
    int loaded = icu_load(&library);
    score ours = {0}, theirs = {0};
    compare(loaded ? &library : NULL, file, &ours, &theirs);
    fclose(file);
    print_message("%s\n", name);
    print_score("  skillstream", &ours);
    if (!loaded) {
        print_message("  no libicuuc on this machine: not compared\n");
        skip();
    }
    print_score("  ICU", &theirs);
    if (by_f1)
        assert_true(f1(&ours) >= f1(&theirs));
    else
        assert_true(ours.right >= theirs.right);
}

static void golden_rules_are_kept_at_least_as_well_as_by_icu(void **state)
{
    (void)state;
    at_least_as_good_as_icu_on(SS_SOURCE_DIR "/tests/unit/text/data/golden_rules_en.jsonl", "golden rules", 0, 0);
}

static void web_text_is_split_at_least_as_well_as_by_icu(void **state)
{
    (void)state;
    at_least_as_good_as_icu_on(SS_SHARED_DIR "/data/sbd/ud_english_ewt_test.jsonl", "UD English EWT", 1, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_rules_are_kept_at_least_as_well_as_by_icu),
        cmocka_unit_test(web_text_is_split_at_least_as_well_as_by_icu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
