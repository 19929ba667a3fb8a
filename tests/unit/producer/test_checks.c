/* test_checks.c - words, languages, leaks, refusals, and duplicates by MinHash against exact Jaccard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "base/file.h"
#include "base/hash.h"
#include "producer/check.h"
#include "producer/known.h"
#include "producer/language.h"
#include "producer/minhash.h"
#include "producer/pairs_input.h"
#include "producer/prompts.h"

static const char SKILLS[] = "id,label,alternatives,description\n"
                             "u0,maintain ovens,look after ovens|ovens,Keep all the ovens of a bakery clean and in "
                             "good working order every day.\n"
                             "u1,Java (computer programming),J2EE,The techniques of software development.\n"
                             "u2,manage staff rotas,,\n";

static ss_words *words_of(const char *text)
{
    ss_error err = {0};
    ss_words *w = ss_words_new(&err);
    assert_non_null(w);
    assert_int_equal(ss_words_read(w, text, strlen(text), &err), 0);
    return w;
}

static void words_are_folded_and_counted(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
        size_t count, letters, latin;
    } cases[] = {
        {"", "", 0, 0, 0},
        {" ... - ", "", 0, 0, 0},
        {"Caf\xc3\xa9-Crew, C++ & C#; don't!", "cafe crew c++ c# don t", 6, 14, 14},
        {"5 x \xd0\x9f\xd0\xb5\xd1\x87\xd1\x8c", "5 x \xd0\xbf\xd0\xb5\xd1\x87\xd1\x8c", 3, 5, 1},
        {"\xc3\x9c"
         "BER \xc3\x9f",
         "uber \xc3\x9f", 2, 5, 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ss_words *w = words_of(cases[i].text);
        assert_string_equal(w->text.data ? w->text.data : "", cases[i].words);
        assert_int_equal(w->count, cases[i].count);
        assert_int_equal(w->letters, cases[i].letters);
        assert_int_equal(w->latin, cases[i].latin);
        ss_words_free(w);
    }
}

static void languages_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *tag, *text;
        int fits;
    } cases[] = {
        {"en", "You will work with the team to keep our ovens clean.", 1},
        {"en", "Python, SQL, Docker", 1},
        {"en", "Knowledge of the Java ecosystem and CI/CD", 1},
        {"en",
         "Wir suchen eine Person mit Erfahrung in der Wartung von \xc3\x96"
         "fen.",
         0},
        {"en", "Vous travaillez avec notre \xc3\xa9quipe dans les boulangeries.", 0},
        {"en", "Buscamos una persona con experiencia en la limpieza de los hornos.", 0},
        {"en",
         "\xd0\xa0\xd0\xb0\xd0\xb1\xd0\xbe\xd1\x82\xd0\xb0 \xd1\x81 \xd0\xbf\xd0\xb5\xd1\x87\xd0\xb0\xd0\xbc\xd0\xb8",
         0},
        {"en-GB", "Wir suchen eine Person mit Erfahrung in der Wartung.", 0},
        {"de",
         "Wir suchen eine Person mit Erfahrung in der Wartung von \xc3\x96"
         "fen.",
         1},
        {"de", "You will work with the team to keep our ovens clean.", 0},
        {"fr", "Vous travaillez avec notre \xc3\xa9quipe dans les boulangeries.", 1},
        {"ru",
         "\xd0\xa0\xd0\xb0\xd0\xb1\xd0\xbe\xd1\x82\xd0\xb0 \xd1\x81 \xd0\xbf\xd0\xb5\xd1\x87\xd0\xb0\xd0\xbc\xd0\xb8 "
         "Siemens",
         1},
        {"ru", "You will work with the team", 0},
        {"xx", "Whatever this may be", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ss_words *w = words_of(cases[i].text);
        if (ss_language_fits(w, cases[i].tag) != cases[i].fits) fail_msg("%s: %s", cases[i].tag, cases[i].text);
        ss_words_free(w);
    }
    assert_string_equal(ss_language_name("de-AT"), "German");
    assert_null(ss_language_name("xx"));
}

typedef struct fixture {
    ss_taxonomy *taxonomy;
    ss_checker *checker;
    ss_prompt prompts[SS_PAIR_KINDS];
} fixture;

static fixture set_up(void)
{
    fixture f = {0};
    ss_error err = {0};
    ss_check_rules rules = {.language = "en", .min_words = 2, .max_words = 20};
    f.taxonomy = ss_taxonomy_parse("s.csv", SKILLS, sizeof SKILLS - 1, NULL, NULL, &err);
    assert_non_null(f.taxonomy);
    f.checker = ss_checker_new(&rules, f.taxonomy, &err);
    assert_non_null(f.checker);
    static const char *const kinds[] = {"", "LITERAL", "IMPLIED", "MULTI", "NONE"};
    for (int k = 1; k < SS_PAIR_KINDS; k++) {
        char text[400];
        snprintf(text, sizeof text,
                 "version: v%d\nkind: %s\n---\nYou write.\n---\nWrite {n} lines for {label} {skills} in the everyday "
                 "words of "
                 "people who do the work. No numbering, no quotes.",
                 k, kinds[k]);
        assert_int_equal(ss_prompt_parse("t", text, strlen(text), &f.prompts[k], &err), 0);
    }
    return f;
}

static void tear_down(fixture *f)
{
    for (int k = 1; k < SS_PAIR_KINDS; k++) ss_prompt_free(&f->prompts[k]);
    ss_checker_free(f->checker);
    ss_taxonomy_free(f->taxonomy);
}

static void every_reason_has_its_sentence(void **state)
{
    (void)state;
    static const struct {
        ss_pair_kind kind;
        uint32_t skill;
        const char *text, *reason;
    } cases[] = {
        {SS_PAIR_LITERAL, 0, "You maintain ovens with great care", NULL},
        {SS_PAIR_LITERAL, 1, "Solid Java and J2EE skills are a must", NULL},
        {SS_PAIR_LITERAL, 0, "Ovens!", "too-short"},
        {SS_PAIR_LITERAL, 0, "a b c d e f g h i j k l m n o p q r s t u", "too-long"},
        {SS_PAIR_LITERAL, 0, "a b c d e f g h i j k l m n o p q r s t", NULL},
        {SS_PAIR_LITERAL, 0, "The most important skill in baking is to:", "unfinished"},
        {SS_PAIR_LITERAL, 0, "The way to keep a warm oven is to keep a warm oven", "repetition"},
        {SS_PAIR_LITERAL, 0, "Day after day, oven after oven, loaf after loaf", NULL},
        {SS_PAIR_LITERAL, 0, "Everyday words", "prompt-leak"},
        {SS_PAIR_LITERAL, 0, "First line\nsecond line of it", "not-text"},
        {SS_PAIR_LITERAL, 0, "We look for {label} people here", "not-text"},
        {SS_PAIR_LITERAL, 0, "Keep the **ovens** in good shape", "not-text"},
        {SS_PAIR_LITERAL, 0, "Apply at https://example.com for this job", "not-text"},
        {SS_PAIR_LITERAL, 0, "As an AI, I have never seen an oven", "refusal"},
        {SS_PAIR_LITERAL, 0, "I'm sorry, but I cannot write about ovens", "refusal"},
        {SS_PAIR_LITERAL, 0, "I can\xe2\x80\x99t help with that request today", "refusal"},
        {SS_PAIR_LITERAL, 0, "You are never sorry, but always honest about mistakes", NULL},
        {SS_PAIR_LITERAL, 0, "Train a large language model on oven data", NULL},
        {SS_PAIR_LITERAL, 0, "Here are 4 lines about ovens", "chatter"},
        {SS_PAIR_LITERAL, 0, "Sure, here you go with some lines", "chatter"},
        {SS_PAIR_LITERAL, 0,
         "Wir suchen eine Person mit Erfahrung in der B\xc3\xa4"
         "ckerei",
         "language"},
        {SS_PAIR_LITERAL, 0, "It uses the everyday words of people who do the work", "prompt-leak"},
        {SS_PAIR_LITERAL, 0, "No numbering, no quotes.", "prompt-leak"},
        {SS_PAIR_LITERAL, 0, "You keep all the ovens of a bakery clean and shiny", "prompt-leak"},
        {SS_PAIR_LITERAL, 0, "You keep the ovens of a bakery clean and shiny", NULL},
        {SS_PAIR_IMPLIED, 0, "Each night you Maintain Ovens in the back room", "label-leak"},
        {SS_PAIR_IMPLIED, 0, "Each night you look after ovens in the back room", "label-leak"},
        {SS_PAIR_IMPLIED, 0, "Each night you clean our ovens in the back room", NULL},
        {SS_PAIR_IMPLIED, 1, "You write Java for our customers", "label-leak"},
        {SS_PAIR_IMPLIED, 1, "You write JavaScript for our customers", NULL},
        {SS_PAIR_NONE, 9, "We offer 30 days of leave", NULL},
        {SS_PAIR_NONE, 9, "You manage staff rotas with our software", "names-a-skill"},
        {SS_PAIR_NONE, 9, "We look after ovens here", "names-a-skill"},
    };
    fixture f = set_up();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ss_error err = {0};
        const char *reason;
        assert_int_equal(ss_checker_begin(f.checker, &f.prompts[cases[i].kind], &cases[i].skill,
                                          cases[i].kind == SS_PAIR_NONE ? 0 : 1, &err),
                         0);
        assert_int_equal(ss_checker_judge(f.checker, cases[i].text, strlen(cases[i].text), &reason, &err), 0);
        if (!reason != !cases[i].reason || (reason && strcmp(reason, cases[i].reason)))
            fail_msg("'%s': %s", cases[i].text, reason ? reason : "fit");
    }
    tear_down(&f);
}

/* Sentences that were written with care must pass: of the carried set fewer than one in a thousand may be refused. */
static void good_sentences_pass(void **state)
{
    (void)state;
    static const char pairs[] = SS_SHARED_DIR "/data/synthetic/pairs.jsonl.gz",
                      esco[] = SS_SHARED_DIR "/data/esco/skills_en.csv.gz";
    if (!ss_file_exists(pairs) || !ss_file_exists(esco)) {
        puts("SKIP: no ../shared/data/synthetic and ../shared/data/esco");
        skip();
    }
    ss_error err = {0};
    ss_check_rules rules = {.language = "en", .min_words = 2, .max_words = 60};
    ss_taxonomy *taxonomy = ss_taxonomy_read(esco, NULL, NULL, &err);
    ss_checker *checker = ss_checker_new(&rules, taxonomy, &err);
    ss_prompts *prompts = ss_prompts_load(NULL, &err);
    ss_pairs_input *in = ss_pairs_input_open(pairs, taxonomy, &err);
    assert_true(taxonomy && checker && prompts && in);
    ss_arena arena;
    ss_pair pair;
    size_t all = 0, refused = 0;
    ss_arena_init(&arena, 0, 0);
    while (ss_pairs_input_next(in, &arena, &pair, &err) > 0) {
        char uri[256];
        const char *reason;
        snprintf(uri, sizeof uri, "%.*s", (int)pair.skill_uris[0].len, pair.skill_uris[0].data);
        uint32_t skill = ss_taxonomy_by_uri(taxonomy, uri);
        const ss_prompt *prompt = ss_prompts_choose(prompts, pair.kind, all);
        assert_int_equal(ss_checker_begin(checker, prompt, &skill, 1, &err), 0);
        assert_int_equal(ss_checker_judge(checker, pair.sentence.data, pair.sentence.len, &reason, &err), 0);
        all++;
        refused += reason != NULL;
        ss_arena_reset(&arena);
    }
    assert_true(all > 40000 && refused * 1000 < all);
    ss_pairs_input_close(in);
    ss_prompts_free(prompts);
    ss_checker_free(checker);
    ss_taxonomy_free(taxonomy);
    ss_arena_free(&arena);
}

/* ---- MinHash ---- */

static uint32_t seed = 5;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)(seed >> 8) * n) >> 24);
}

/* Exact Jaccard similarity of the two sets of shingles (ASCII texts). */
static double jaccard(const char *a, const char *b)
{
    const char *texts[2] = {a, b};
    static uint64_t sets[2][4096];
    size_t counts[2] = {0}, both = 0;
    for (int t = 0; t < 2; t++) {
        size_t len = strlen(texts[t]), last = len > SS_SHINGLE ? len - SS_SHINGLE : 0;
        for (size_t i = 0; i <= last; i++) {
            uint64_t hash = ss_hash64(texts[t] + i, len < SS_SHINGLE ? len : SS_SHINGLE);
            size_t k = 0;
            while (k < counts[t] && sets[t][k] != hash) k++;
            if (k == counts[t]) sets[t][counts[t]++] = hash;
        }
    }
    for (size_t i = 0; i < counts[0]; i++)
        for (size_t k = 0; k < counts[1]; k++) both += sets[0][i] == sets[1][k];
    return (double)both / (double)(counts[0] + counts[1] - both);
}

static void minhash_estimates_jaccard(void **state)
{
    (void)state;
    enum { PAIRS = 600 };
    double squares = 0, sum = 0;
    for (int i = 0; i < PAIRS; i++) {
        char a[400], b[400];
        size_t len = 20 + random_below(300);
        for (size_t k = 0; k < len; k++) a[k] = "abcdefghij klmnop"[random_below(17)];
        a[len] = 0;
        strcpy(b, a);
        for (uint32_t edits = random_below(1 + (uint32_t)len / 6); edits; edits--) b[random_below((uint32_t)len)] = 'z';
        ss_minhash x, y;
        ss_minhash_of(a, strlen(a), &x);
        ss_minhash_of(b, strlen(b), &y);
        double error = ss_minhash_similarity(&x, &y) - jaccard(a, b);
        sum += error;
        squares += error * error;
        assert_true(fabs(error) < 0.25); /* more than five standard errors of 0.044 */
    }
    assert_true(fabs(sum / PAIRS) < 0.01);                         /* unbiased */
    assert_true(sqrt(squares / PAIRS) < 0.5 / sqrt(SS_MINHASHES)); /* sqrt(J (1-J) / k) is at most this */
    ss_minhash x, y;
    ss_minhash_of("abc", 3, &x);
    ss_minhash_of("abc", 3, &y);
    assert_true(ss_minhash_similarity(&x, &y) == 1.0);
    ss_minhash_of("", 0, &y);
    assert_true(ss_minhash_similarity(&x, &y) < 0.1);
}

static void known_sentences_are_found_again(void **state)
{
    (void)state;
    static const char *const texts[] = {"you keep the ovens clean every single morning", "we pay well"};
    ss_known known = {0};
    ss_known_limits limits = {.near = 0.8, .meaning = 0.95, .dims = 2};
    const float vectors[2][2] = {{1, 0}, {0.6f, 0.8f}};
    for (int i = 0; i < 2; i++) {
        ss_minhash near;
        ss_minhash_of(texts[i], strlen(texts[i]), &near);
        assert_int_equal(ss_known_add(&known, &limits, ss_hash64(texts[i], strlen(texts[i])), &near, vectors[i]), 0);
    }
    static const struct {
        const char *text;
        float vector[2];
        const char *found;
    } cases[] = {
        {"we pay well", {0, 1}, "duplicate"},
        {"you keep the ovens clean every single mornings", {0, 1}, "near-duplicate"},
        {"something else altogether", {0.999f, 0.04f}, "same-meaning"},
        {"something else altogether", {0, 1}, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ss_minhash near;
        ss_minhash_of(cases[i].text, strlen(cases[i].text), &near);
        const char *found =
            ss_known_find(&known, &limits, ss_hash64(cases[i].text, strlen(cases[i].text)), &near, cases[i].vector);
        if (!found != !cases[i].found || (found && strcmp(found, cases[i].found)))
            fail_msg("%s: %s", cases[i].text, found);
    }
    ss_known_free(&known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_folded_and_counted),  cmocka_unit_test(languages_are_told_apart),
        cmocka_unit_test(every_reason_has_its_sentence), cmocka_unit_test(good_sentences_pass),
        cmocka_unit_test(minhash_estimates_jaccard),     cmocka_unit_test(known_sentences_are_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
