/* The engine: a record depends on the ad, the release and the options, and on nothing else. Oracles: the same ad alone;
 * the sentence splitter and the label finder called by hand; the contract's rules on order. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "extract/tiny_release.h"
#include "stream/wire_record.h"
#include "worker/extract/ad_text.h"
#include "worker/extract/extractor.h"

enum { ADS = 40 };

static tiny_release tiny;

static int set_up(void **state)
{
    (void)state;
    tiny_release_make(&tiny);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tiny_release_free(&tiny);
    return 0;
}

static const ss_extract_options loose = {.threshold = 0, .top = 5, .with_text = 1, .options_digest = "d"};

typedef struct engine {
    ss_pool *pool;
    ss_cache *cache;
    ss_extractor *extractor;
} engine;

static engine start(ss_extract_options options, size_t threads, size_t cache_bytes)
{
    engine e = {0};
    ss_error err = {0};
    ss_cache_options cache = {.memory_bytes = cache_bytes, .hits_per_sentence = SS_EXTRACT_HITS};
    e.pool = ss_pool_new(threads, &err);
    if (cache_bytes) e.cache = ss_cache_new(&cache, &err);
    e.extractor = ss_extractor_new(tiny.release, &options, e.pool, e.cache, &err);
    if (!e.extractor) fail_msg("%s", err.text);
    return e;
}

static void stop(engine *e)
{
    ss_extractor_free(e->extractor);
    ss_cache_free(e->cache);
    ss_pool_free(e->pool);
}

static ss_slice slice(const char *text)
{
    return (ss_slice){.data = text, .len = strlen(text)};
}

/* Ads of different lengths that share sentences. */
static void make_ads(ss_ad *ads, char bodies[ADS][2048], char names[ADS][16])
{
    static const char *const sentences[] = {"You write Java and Python.",
                                            "We manage staff and SQL databases.",
                                            "Show empathy.",
                                            "----",
                                            "Operate forklift trucks all day long, in three shifts.",
                                            "Requirements:",
                                            "Free coffee!",
                                            "caf\xC3\xA9 d\xC3\xA9j\xC3\xA0 vu"};
    unsigned seed = 5;
    for (int i = 0; i < ADS; i++) {
        bodies[i][0] = 0;
        int html = i % 2, count = (int)((seed = seed * 1103515245u + 12345u) >> 16) % 12;
        for (int k = 0; k < count; k++) {
            const char *sentence = sentences[((seed = seed * 1103515245u + 12345u) >> 16) % 8];
            size_t len = strlen(bodies[i]);
            snprintf(bodies[i] + len, 2048 - len, html ? "<li>%s</li>" : "%s\n\n", sentence);
        }
        snprintf(names[i], 16, "ad-%d", i);
        ads[i] = (ss_ad){.id = slice(names[i]), .body = slice(bodies[i]), .title = slice("Job")};
    }
}

static char *json_of(const ss_extraction *extraction)
{
    ss_buffer out;
    ss_error err = {0};
    ss_buffer_init(&out, 1 << 20);
    assert_null(extraction->reason);
    assert_int_equal(ss_wire_record_json(&extraction->record, &out, &err), 0);
    return ss_buffer_take(&out, NULL);
}

static void a_record_is_the_same_alone_in_any_batch_and_from_the_cache(void **state)
{
    (void)state;
    static char bodies[ADS][2048], names[ADS][16];
    static ss_ad ads[ADS];
    make_ads(ads, bodies, names);
    char *alone[ADS];
    engine e = start(loose, 1, 0);
    ss_extraction out[ADS];
    for (int i = 0; i < ADS; i++) {
        assert_int_equal(ss_extract(e.extractor, &ads[i], 1, out, NULL, NULL), 0);
        alone[i] = json_of(out);
    }
    stop(&e);
    for (size_t threads = 1; threads <= 3; threads++) {
        e = start(loose, threads, threads == 2 ? 1 << 20 : 0);
        for (int round = 0; round < 2; round++) { /* the second time from the cache, where there is one */
            ss_extract_stats stats = {0};
            assert_int_equal(ss_extract(e.extractor, ads, ADS, out, &stats, NULL), 0);
            assert_int_equal(stats.ads, ADS);
            if (e.cache && round) assert_int_equal(stats.embedded, 0);
            assert_int_equal(stats.embedded + stats.cached + stats.repeated + stats.filtered, stats.sentences);
            for (int i = 0; i < ADS; i++) {
                char *got = json_of(&out[i]);
                assert_string_equal(got, alone[i]);
                free(got);
            }
        }
        stop(&e);
    }
    for (int i = 0; i < ADS; i++) free(alone[i]);
}

static void mentions_keep_the_contracts_rules(void **state)
{
    (void)state;
    static char bodies[ADS][2048], names[ADS][16];
    static ss_ad ads[ADS];
    make_ads(ads, bodies, names);
    ss_extract_options options = loose;
    options.top = 3;
    engine e = start(options, 2, 0);
    ss_extraction out[ADS];
    assert_int_equal(ss_extract(e.extractor, ads, ADS, out, NULL, NULL), 0);
    for (int i = 0; i < ADS; i++) {
        const ss_record *r = &out[i].record;
        assert_true(r->scored_sentence_count <= r->sentence_count);
        assert_memory_equal(r->release.data, ss_release_digest(tiny.release), 64);
        for (size_t k = 0; k < r->mention_count; k++) {
            const ss_record_mention *m = &r->mentions[k];
            assert_true(m->sentence_index < r->sentence_count);
            assert_true(m->sentence_begin <= m->begin && m->begin < m->end && m->end <= m->sentence_end);
            assert_true(m->sentence_end <= r->text.len);
            assert_true(m->score >= -1.0001f && m->score <= 1.0001f && m->probability >= 0 && m->probability <= 1);
            assert_int_equal(m->text.len, m->end - m->begin);
            assert_memory_equal(m->text.data, r->text.data + m->begin, m->text.len);
            if (!k) continue;
            const ss_record_mention *before = &r->mentions[k - 1];
            assert_true(before->sentence_index <= m->sentence_index);
            if (before->sentence_index == m->sentence_index) assert_true(before->probability >= m->probability);
            size_t in_sentence = 0;
            for (size_t j = 0; j < r->mention_count; j++) {
                if (r->mentions[j].sentence_index != m->sentence_index) continue;
                in_sentence++;
                if (j != k) assert_true(r->mentions[j].skill_uri.data != m->skill_uri.data); /* once per sentence */
            }
            assert_true(in_sentence <= 3);
        }
    }
    stop(&e);
}

static void a_named_skill_is_found_whatever_the_encoder_thinks(void **state)
{
    (void)state;
    engine e = start((ss_extract_options){.threshold = NAN, .top = 5, .with_text = 1}, 1, 0);
    ss_ad ad = {
        .id = slice("x"), .body = slice("<p>Welding, SQL and python, please.</p>"), .body_format = SS_BODY_HTML};
    ss_extraction out;
    assert_int_equal(ss_extract(e.extractor, &ad, 1, &out, NULL, NULL), 0);
    const char *uris[] = {"s/weld", "s/sql", "s/python"}, *words[] = {"Welding", "SQL", "python"};
    for (int w = 0; w < 3; w++) {
        int found = 0;
        for (size_t k = 0; k < out.record.mention_count; k++) {
            const ss_record_mention *m = &out.record.mentions[k];
            if (m->skill_uri.len != strlen(uris[w]) || memcmp(m->skill_uri.data, uris[w], m->skill_uri.len)) continue;
            found = m->text.len == strlen(words[w]) && !memcmp(m->text.data, words[w], m->text.len);
        }
        if (!found) fail_msg("%s is not among the mentions", uris[w]);
    }
    stop(&e);
}

static void faults_of_one_ad_leave_the_others_alone(void **state)
{
    (void)state;
    ss_extract_options options = loose;
    options.max_ad_bytes = 100;
    options.max_sentences = 3;
    engine e = start(options, 2, 0);
    char big[200];
    memset(big, 'a', sizeof big);
    ss_ad ads[] = {{.body = slice("Java.")},
                   {.body = {.data = big, .len = sizeof big}},
                   {.body = slice("One a.\n\nTwo b.\n\nThree c.\n\nFour d.")},
                   {.body = {0}},
                   {.body = slice("\xFF\xFE broken \xC3 Java")},
                   {.title = slice("SQL developer")}};
    ss_extraction out[6];
    ss_extract_stats stats = {0};
    assert_int_equal(ss_extract(e.extractor, ads, 6, out, &stats, NULL), 0);
    assert_null(out[0].reason);
    assert_string_equal(out[1].reason, "too-large");
    assert_string_equal(out[2].reason, "too-many-sentences");
    assert_non_null(strstr(out[2].error, "max-sentences"));
    assert_null(out[3].reason);
    assert_int_equal(out[3].record.sentence_count, 0);
    assert_int_equal(out[3].record.mention_count, 0);
    assert_null(out[4].reason);
    assert_int_equal(out[4].record.sentence_count, 1);
    assert_int_equal(out[5].record.sentence_count, 1); /* an ad that is only a title is read as its title */
    assert_int_equal(stats.failed, 2);
    stop(&e);
}

/* --max-ad-bytes goes up to 256 MiB, for HTML as for plain text. */
static void html_may_be_as_large_as_any_ad(void **state)
{
    (void)state;
    const size_t size = (size_t)65 << 20;
    ss_extract_options options = loose;
    options.max_ad_bytes = (uint64_t)256 << 20;
    engine e = start(options, 1, 0);
    char *body = malloc(size);
    assert_non_null(body);
    memset(body, ' ', size);
    memcpy(body, "<!--", 4);
    memcpy(body + size / 2, "--><p>Java.</p>", 15);
    ss_ad ad = {.body = {.data = body, .len = size}, .body_format = SS_BODY_HTML};
    ss_extraction out;
    assert_int_equal(ss_extract(e.extractor, &ad, 1, &out, NULL, NULL), 0);
    if (out.reason) fail_msg("%s: %s", out.reason, out.error);
    assert_int_equal(out.record.sentence_count, 1);
    stop(&e);
    free(body);
}

static void words_and_folding(void **state)
{
    (void)state;
    assert_int_equal(ss_sentence_has_word("---- 50 % !", 11), 0);
    assert_int_equal(ss_sentence_has_word("", 0), 0);
    assert_int_equal(ss_sentence_has_word("\xE2\x82\xAC 5", 5), 0); /* a sign is no letter */
    assert_int_equal(ss_sentence_has_word("\xE4\xB8\xAD", 3), 1);   /* a CJK character is */
    assert_int_equal(ss_sentence_has_word("5 \xC3\xA9", 4), 1);
    assert_int_equal(ss_sentence_has_word("\xC3", 1), 0);
    char out[64];
    size_t len = ss_sentence_fold("  a \t\n b\xC2\xA0 c  ", 13, out);
    assert_int_equal(len, 5);
    assert_memory_equal(out, "a b c", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_the_same_alone_in_any_batch_and_from_the_cache),
        cmocka_unit_test(mentions_keep_the_contracts_rules),
        cmocka_unit_test(a_named_skill_is_found_whatever_the_encoder_thinks),
        cmocka_unit_test(faults_of_one_ad_leave_the_others_alone),
        cmocka_unit_test(html_may_be_as_large_as_any_ad),
        cmocka_unit_test(words_and_folding),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
