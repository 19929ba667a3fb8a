/* llm_answer.c - what a language model's endpoint sends, and the model's text in it.
 *
 * The first byte decides: 't' the rest is the model's text; 's' a stream of events; '4', '5' a body with status 400,
 * 500; otherwise all of it is the body of a 200. Sentences that come out of it are text that can be judged.
 */
#include <string.h>

#include "fuzz/fuzz.h"
#include "producer/check.h"
#include "producer/prompts.h"
#include "producer/response.h"
#include "producer/sentences.h"

static const char skills[] = "id,label,alternatives,description\n"
                             "s/java,Java,JVM|Java SE,To write programs in Java and to test them with care.\n"
                             "s/weld,weld metal,,To join pieces of metal.\n";
static ss_taxonomy *taxonomy;
static ss_prompts *prompts;
static ss_checker *checker;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    static const ss_check_rules rules = {.language = "en", .min_words = 3, .max_words = 60};
    taxonomy = ss_taxonomy_parse("skills", skills, sizeof skills - 1, NULL, NULL, NULL);
    prompts = ss_prompts_load(NULL, NULL);
    checker = taxonomy && prompts ? ss_checker_new(&rules, taxonomy, NULL) : NULL;
    FUZZ_CHECK(checker);
    return 0;
}

static void judge(const ss_sentences *sentences)
{
    for (size_t p = 0; p < ss_prompts_count(prompts); p++) {
        const ss_prompt *prompt = ss_prompts_at(prompts, p);
        uint32_t skill = 0;
        FUZZ_CHECK(!ss_checker_begin(checker, prompt, &skill, prompt->kind == SS_PAIR_NONE ? 0 : 1, NULL));
        for (size_t i = 0; i < sentences->count; i++) {
            const char *reason = "";
            FUZZ_CHECK(!ss_checker_judge(checker, sentences->items[i].data, sentences->items[i].len, &reason, NULL));
            FUZZ_CHECK(reason || (sentences->items[i].len <= 1000 &&
                                  !memchr(sentences->items[i].data, '\n', sentences->items[i].len)));
        }
    }
}

static void read_text(const char *text, size_t size)
{
    ss_arena arena;
    ss_sentences sentences = {0};
    ss_arena_init(&arena, 0, 0);
    const char *reason = ss_sentences_read(text, size, &arena, &sentences);
    FUZZ_CHECK(!reason || strcmp(reason, "memory"));
    if (!reason) {
        FUZZ_CHECK(sentences.count && sentences.count <= SS_SENTENCES_MAX);
        for (size_t i = 0; i < sentences.count; i++) {
            ss_slice item = sentences.items[i];
            FUZZ_CHECK(item.data[item.len] == 0);
            FUZZ_CHECK(!item.len || (!strchr(" \t\n\r", item.data[0]) && !strchr(" \t\n\r", item.data[item.len - 1])));
        }
        judge(&sentences);
    }
    ss_arena_free(&arena);
}

static void read_body(int status, int streamed, const char *body, size_t size)
{
    ss_response response;
    ss_response_read(SS_TRANSFER_DONE, status, 0, streamed, body, size, &response);
    FUZZ_CHECK(response.verdict < SS_VERDICTS && response.reason && response.reason[0]);
    FUZZ_CHECK(memchr(response.text, 0, sizeof response.text));
    ss_slice content = {response.content.data, response.content.len};
    FUZZ_CHECK(response.verdict != SS_VERDICT_OK || (status == 200 && content.len));
    if (content.len) {
        FUZZ_CHECK(fuzz_is_text(content));
        read_text(content.data, content.len);
    }
    ss_response_free(&response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int what = size ? data[0] : 0;
    const char *all = (const char *)data, *rest = all + (size != 0);
    if (what == 't')
        read_text(rest, size - 1);
    else if (what == 's')
        read_body(200, 1, rest, size - 1);
    else if (what == '4' || what == '5')
        read_body(100 * (what - '0'), 0, rest, size - 1);
    else
        read_body(200, 0, all, size);
    return 0;
}
