/* test_model.c - weights in, weights out: names, untrained tensors, folders, and files that are not as they should be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "nn/encoder.h"
#include "nn/safetensors.h"
#include "nn/train/model.h"
#include "support/temp_folder.h"
#include "tests/unit/train/tiny_family.h"

static ss_safetensors *open_weights(const ss_fileset *files)
{
    const ss_named_bytes *bytes = ss_fileset_find(files, "model.safetensors");
    ss_safetensors *file = bytes ? ss_safetensors_open(bytes->data, bytes->len, NULL) : NULL;
    assert_non_null(file);
    return file;
}

static void parameters_are_the_tensors_of_the_file(void **state)
{
    (void)state;
    for (int family = SS_BERT; family <= SS_MPNET; family++) {
        tiny_family tiny;
        tiny_family_make(&tiny, (tiny_options){.family = (ss_family)family, .seed = 1});
        ss_train_model *model = tiny_family_load(&tiny);
        ss_safetensors *file = open_weights(&tiny.files);
        size_t count, floats = 0;
        const ss_parameter *parameters = ss_train_model_parameters(model, &count);
        assert_int_equal(count + 1, ss_safetensors_count(file)); /* all but the pooler's */
        for (size_t i = 0; i < count; i++) {
            const ss_tensor *tensor = ss_safetensors_find(file, parameters[i].name);
            assert_non_null(tensor);
            assert_int_equal(parameters[i].at, floats);
            assert_int_equal(parameters[i].count, tensor->count);
            assert_memory_equal(ss_train_model_values(model) + floats, tensor->data, tensor->len);
            floats += tensor->count;
        }
        assert_int_equal(ss_train_model_size(model), floats);
        assert_near(ss_train_model_hidden_dropout(model), 0.1, 1e-6);
        assert_near(ss_train_model_attention_dropout(model), 0.2, 1e-6);
        assert_int_equal(ss_train_model_dims(model), TINY_HIDDEN);
        ss_safetensors_close(file);
        ss_train_model_free(model);
        tiny_family_free(&tiny);
    }
}

static void written_weights_are_read_again(void **state)
{
    (void)state;
    ss_error err = {0};
    tiny_family tiny;
    unsigned char *bytes;
    size_t len;
    tiny_family_make(&tiny, (tiny_options){.family = SS_MPNET, .seed = 2});
    ss_train_model *model = tiny_family_load(&tiny);
    float *values = ss_train_model_values(model);
    for (size_t i = 0; i < ss_train_model_size(model); i++) values[i] = 1.0f / (float)(i + 1);
    assert_int_equal(ss_train_model_weights(model, &bytes, &len, &err), 0);
    ss_safetensors *before = open_weights(&tiny.files), *after = ss_safetensors_open(bytes, len, &err);
    assert_non_null(after);
    assert_int_equal(ss_safetensors_count(before), ss_safetensors_count(after));
    assert_non_null(strstr((const char *)bytes + 8, "\"format\":\"pt\""));
    const char *untrained = "pooler.dense.bias", *trained = "encoder.layer.1.attention.attn.v.weight";
    assert_memory_equal(ss_safetensors_find(before, untrained)->data, ss_safetensors_find(after, untrained)->data,
                        TINY_HIDDEN * sizeof(float));
    assert_memory_not_equal(ss_safetensors_find(before, trained)->data, ss_safetensors_find(after, trained)->data,
                            TINY_HIDDEN * sizeof(float));
    for (size_t i = 0; i < tiny.files.count; i++) {
        if (strcmp(tiny.items[i].name, "model.safetensors") != 0) continue;
        free((void *)(uintptr_t)tiny.items[i].data);
        tiny.items[i].data = bytes;
        tiny.items[i].len = len;
    }
    ss_train_model *again = tiny_family_load(&tiny);
    assert_memory_equal(values, ss_train_model_values(again), ss_train_model_size(model) * sizeof *values);
    assert_true(ss_train_model_layout(model) == ss_train_model_layout(again));
    ss_encoder *encoder = ss_encoder_load(&tiny.files, &err);
    assert_non_null(encoder);
    ss_encoder_free(encoder);
    ss_safetensors_close(before);
    ss_safetensors_close(after);
    ss_train_model_free(model);
    ss_train_model_free(again);
    tiny_family_free(&tiny);
}

static void other_layouts_have_another_number(void **state)
{
    (void)state;
    tiny_family bert, mpnet;
    tiny_family_make(&bert, (tiny_options){.family = SS_BERT, .seed = 1});
    tiny_family_make(&mpnet, (tiny_options){.family = SS_MPNET, .seed = 1});
    ss_train_model *a = tiny_family_load(&bert), *b = tiny_family_load(&mpnet);
    assert_true(ss_train_model_layout(a) != ss_train_model_layout(b));
    ss_train_model_free(a);
    ss_train_model_free(b);
    tiny_family_free(&bert);
    tiny_family_free(&mpnet);
}

static void write_folder(const tiny_family *tiny, const char *folder)
{
    assert_int_equal(mkdir(temp_path(folder, "1_Pooling"), 0755), 0);
    for (size_t i = 0; i < tiny->files.count; i++)
        temp_write(folder, tiny->items[i].name, tiny->items[i].data, tiny->items[i].len);
    temp_write_text(folder, "README.md", "# a model\n");
    temp_write_text(folder, "empty.txt", "");
    temp_write_text(folder, ".gitattributes", "x");
    temp_write_text(folder, "pytorch_model.bin", "old weights");
    assert_int_equal(mkdir(temp_path(folder, "onnx"), 0755), 0);
    temp_write_text(folder, "onnx/model.onnx", "old weights");
}

static void a_saved_folder_is_a_whole_model_with_the_new_weights_only(void **state)
{
    (void)state;
    ss_error err = {0};
    tiny_family tiny;
    char *from = temp_folder_make(), *to = temp_folder_make();
    tiny_family_make(&tiny, (tiny_options){.family = SS_BERT, .seed = 3});
    write_folder(&tiny, from);
    ss_train_model *model = tiny_family_load(&tiny);
    ss_train_model_values(model)[5] = 42.0f;
    char target[1024];
    snprintf(target, sizeof target, "%s/new", to); /* a folder that does not exist yet */
    for (int round = 0; round < 2; round++)
        if (ss_train_model_save(model, from, target, &err) != 0) fail_msg("%s", err.text);
    static const char *const there[] = {"README.md", "empty.txt", "vocab.txt", "1_Pooling/config.json"};
    static const char *const gone[] = {".gitattributes", "pytorch_model.bin", "onnx/model.onnx", "onnx"};
    for (size_t i = 0; i < sizeof there / sizeof there[0]; i++)
        assert_true(ss_file_exists(temp_path(target, there[i])));
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) assert_false(ss_file_exists(temp_path(target, gone[i])));
    ss_model_files *files = ss_model_files_open(target, &err);
    assert_non_null(files);
    ss_train_model *again = ss_train_model_load(ss_model_files_set(files), &err);
    assert_non_null(again);
    assert_memory_equal(ss_train_model_values(model), ss_train_model_values(again),
                        ss_train_model_size(model) * sizeof(float));
    assert_int_equal(ss_train_model_save(model, "/nowhere/at/all", target, &err), -1);
    assert_int_equal(err.status, SS_NOT_FOUND);
    assert_int_equal(ss_train_model_save(model, from, temp_path(from, "README.md/below"), &err), -1);
    assert_int_equal(err.status, SS_IO);
    ss_train_model_free(model);
    ss_train_model_free(again);
    ss_model_files_close(files);
    tiny_family_free(&tiny);
    temp_folder_remove(from);
    temp_folder_remove(to);
}

/* Loads after one file has been given other content; `item` NULL for none at all. */
static ss_status status_with(const char *name, const char *content)
{
    ss_error err = {0};
    tiny_family tiny;
    tiny_family_make(&tiny, (tiny_options){.family = SS_BERT, .seed = 1});
    for (size_t i = 0; i < tiny.files.count; i++) {
        ss_named_bytes *item = &tiny.items[i];
        if (strcmp(item->name, name) != 0) continue;
        free((void *)(uintptr_t)item->data);
        item->data = (const unsigned char *)strdup(content);
        item->len = strlen(content);
    }
    assert_null(ss_train_model_load(&tiny.files, &err));
    tiny_family_free(&tiny);
    return err.status;
}

static void bad_files_are_refused(void **state)
{
    (void)state;
    static const char *const config =
        "{\"model_type\":\"bert\",\"hidden_act\":\"gelu\",\"hidden_size\":24,\"intermediate_size\":%s,"
        "\"num_hidden_layers\":2,\"num_attention_heads\":3,\"max_position_embeddings\":26,"
        "\"type_vocab_size\":2,\"vocab_size\":40,\"hidden_dropout_prob\":%s}";
    char text[512];
    snprintf(text, sizeof text, config, "41", "0.1");
    assert_int_equal(status_with("config.json", text), SS_INPUT);
    snprintf(text, sizeof text, config, "40", "1.0");
    assert_int_equal(status_with("config.json", text), SS_INPUT);
    snprintf(text, sizeof text, config, "40", "\"much\"");
    assert_int_equal(status_with("config.json", text), SS_INPUT);
    assert_int_equal(status_with("model.safetensors", "short"), SS_INPUT);
    assert_int_equal(status_with("1_Pooling/config.json", "{\"pooling_mode_max_tokens\":true}"), SS_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parameters_are_the_tensors_of_the_file),
                                       cmocka_unit_test(written_weights_are_read_again),
                                       cmocka_unit_test(other_layouts_have_another_number),
                                       cmocka_unit_test(a_saved_folder_is_a_whole_model_with_the_new_weights_only),
                                       cmocka_unit_test(bad_files_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
