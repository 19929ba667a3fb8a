/* test_model_files.c - folders and configurations: what is right is read, what is wrong is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nn/encoder.h"
#include "nn/model_files.h"
#include "support/temp_folder.h"
#include "support/tiny_model.h"

static void a_complete_folder_opens(void **state)
{
    (void)state;
    char *folder = temp_folder_make();
    tiny_model_write(folder, 7);
    ss_error err = {0};
    ss_model_files *files = ss_model_files_open(folder, &err);
    assert_string_equal(err.text, "");
    ss_model_config config;
    assert_int_equal(ss_model_config_read(ss_model_files_set(files), &config, &err), 0);
    assert_int_equal(config.family, SS_BERT);
    assert_int_equal(config.hidden, TINY_MODEL_DIMS);
    assert_int_equal(config.max_tokens, TINY_MODEL_MAX_TOKENS);
    assert_true(config.normalise);
    assert_int_equal(config.pooling, SS_POOL_MEAN);
    ss_encoder *encoder = ss_encoder_load(ss_model_files_set(files), &err);
    assert_non_null(encoder);
    ss_encoder_free(encoder);
    ss_model_files_close(files);
    temp_folder_remove(folder);
}

static void missing_files_are_named(void **state)
{
    (void)state;
    static const char *const needed[] = {"modules.json", "config.json", "model.safetensors", "vocab.txt",
                                         "1_Pooling/config.json"};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        char *folder = temp_folder_make();
        tiny_model_write(folder, 7);
        assert_int_equal(unlink(temp_path(folder, needed[i])), 0);
        ss_error err = {0};
        assert_null(ss_model_files_open(folder, &err));
        assert_int_equal(err.status, SS_NOT_FOUND);
        if (!strstr(err.text, needed[i])) fail_msg("'%s' does not name '%s'", err.text, needed[i]);
        temp_folder_remove(folder);
    }
    ss_error err = {0};
    assert_null(ss_model_files_open("/nonexistent", &err));
    assert_int_equal(err.status, SS_NOT_FOUND);
}

/* ---- configurations in memory ---- */

enum { MODULES, CONFIG, LIMIT, POOLING, FILES };

static const char *const file_names[FILES] = {"modules.json", "config.json", "sentence_bert_config.json",
                                              "1_Pooling/config.json"};
static const char *const good[FILES] = {
    "[{\"type\":\"sentence_transformers.models.Transformer\",\"path\":\"\"},"
    "{\"type\":\"sentence_transformers.models.Pooling\",\"path\":\"1_Pooling\"},"
    "{\"type\":\"sentence_transformers.models.Normalize\",\"path\":\"2_Normalize\"}]",
    "{\"model_type\":\"mpnet\",\"hidden_act\":\"gelu\",\"hidden_size\":768,\"num_hidden_layers\":12,"
    "\"num_attention_heads\":12,\"intermediate_size\":3072,\"vocab_size\":30527,\"max_position_embeddings\":514,"
    "\"layer_norm_eps\":1e-05,\"pad_token_id\":1,\"relative_attention_num_buckets\":32}",
    "{\"max_seq_length\":384,\"do_lower_case\":false}",
    "{\"word_embedding_dimension\":768,\"pooling_mode_cls_token\":false,\"pooling_mode_mean_tokens\":true}"};

/* Reads the good files with one of them replaced (text NULL: left out). */
static int read_with(size_t replaced, const char *text, ss_model_config *config, ss_error *err)
{
    ss_named_bytes items[FILES];
    ss_fileset files = {.items = items};
    for (size_t i = 0; i < FILES; i++) {
        const char *content = i == replaced ? text : good[i];
        if (!content) continue;
        items[files.count++] = (ss_named_bytes){
            .name = (char *)(uintptr_t)file_names[i], .data = (const unsigned char *)content, .len = strlen(content)};
    }
    return ss_model_config_read(&files, config, err);
}

static void mpnet_is_read(void **state)
{
    (void)state;
    ss_model_config config;
    ss_error err = {0};
    assert_int_equal(read_with(FILES, NULL, &config, &err), 0);
    assert_int_equal(config.family, SS_MPNET);
    assert_int_equal(config.layers, 12);
    assert_int_equal(config.max_tokens, 384);
    assert_int_equal(config.types, 0);
    assert_int_equal(config.buckets, 32);
    /* without a limit of its own: the position table less the rows up to the padding's */
    assert_int_equal(read_with(LIMIT, NULL, &config, &err), 0);
    assert_int_equal(config.max_tokens, 512);
    assert_int_equal(read_with(LIMIT, "{\"max_seq_length\":null}", &config, &err), 0);
    assert_int_equal(read_with(LIMIT, "{\"max_seq_length\":9999}", &config, &err), 0);
    assert_int_equal(config.max_tokens, 512);
    /* newer sentence-transformers write other module paths */
    assert_int_equal(
        read_with(MODULES,
                  "[{\"type\":\"sentence_transformers.base.modules.transformer.Transformer\",\"path\":\"\"},"
                  "{\"type\":\"sentence_transformers.models.pooling.Pooling\",\"path\":\"1_Pooling\"}]",
                  &config, &err),
        0);
    assert_false(config.normalise);
}

static void what_we_cannot_do_is_named(void **state)
{
    (void)state;
    static const struct {
        size_t file;
        const char *text, *named;
    } cases[] = {{MODULES,
                  "[{\"type\":\"m.Transformer\",\"path\":\"\"},{\"type\":\"m.Pooling\",\"path\":\"1_Pooling\"},{"
                  "\"type\":\"m.Dense\",\"path\":\"2_Dense\"}]",
                  "Dense"},
                 {MODULES,
                  "[{\"type\":\"m.Transformer\",\"path\":\"0_T\"},{\"type\":\"m.Pooling\",\"path\":\"1_Pooling\"}]",
                  "folder"},
                 {MODULES, "[{\"type\":\"m.StaticEmbedding\",\"path\":\"\"}]", "StaticEmbedding"},
                 {MODULES, "[]", "Transformer"},
                 {CONFIG, "{\"model_type\":\"t5\"}", "t5"},
                 {CONFIG, "{\"model_type\":\"bert\",\"hidden_act\":\"silu\"}", "silu"},
                 {CONFIG, "{\"model_type\":\"bert\",\"position_embedding_type\":\"relative_key\"}", "relative_key"},
                 {POOLING, "{\"pooling_mode_weightedmean_tokens\":true}", "weightedmean"},
                 {POOLING, "{\"pooling_mode_mean_tokens\":true,\"pooling_mode_cls_token\":true}", "2 pooling modes"},
                 {POOLING, "{}", "0 pooling modes"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ss_model_config config;
        ss_error err = {0};
        assert_int_equal(read_with(cases[i].file, cases[i].text, &config, &err), -1);
        assert_int_equal(err.status, SS_UNSUPPORTED);
        if (!strstr(err.text, cases[i].named)) fail_msg("'%s' does not name '%s'", err.text, cases[i].named);
    }
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{",
        "null",
        "3",
        "[1,2]",
        "{\"model_type\":\"bert\"}",
        "[{\"type\":\"m.Transformer\",\"path\":\"\"},{\"type\":\"m.Pooling\",\"path\":\"../x\"}]"};
    for (size_t file = 0; file < FILES; file++)
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
            ss_model_config config;
            ss_error err = {0};
            int result = read_with(file, texts[i], &config, &err);
            assert_true(result == -1 || file == LIMIT); /* the limit's file has nothing that must be in it */
            assert_true((result == 0) == (err.status == SS_OK));
        }
    /* one number of config.json after the other made impossible */
    static const char *const keys[] = {"hidden_size\":768",        "num_hidden_layers\":12",
                                       "num_attention_heads\":12", "intermediate_size\":3072",
                                       "vocab_size\":30527",       "max_position_embeddings\":514"};
    static const char *const values[] = {"0", "-1", "1e3", "99999999999", "\"12\"", "null"};
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            char text[512];
            const char *at = strstr(good[CONFIG], keys[k]);
            size_t colon = strcspn(keys[k], ":") + 1;
            snprintf(text, sizeof text, "%.*s%.*s%s%s", (int)(at - good[CONFIG]), good[CONFIG], (int)colon, at,
                     values[v], at + strlen(keys[k]));
            ss_model_config config;
            ss_error err = {0};
            assert_int_equal(read_with(CONFIG, text, &config, &err), -1);
            assert_int_equal(err.status, SS_INPUT);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_complete_folder_opens),
                                       cmocka_unit_test(missing_files_are_named), cmocka_unit_test(mpnet_is_read),
                                       cmocka_unit_test(what_we_cannot_do_is_named),
                                       cmocka_unit_test(nonsense_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
