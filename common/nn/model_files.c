/* model_files.c - finding, mapping and checking the files of an encoder; see model_files.h.
 *
 * Where the pooling's configuration lies is said by modules.json, so that file is read first, both when a folder is
 * opened (to know what to map) and when a set of files is read (to know what to do). Sizes are checked here against
 * limits far above any encoder of these families, so that later arithmetic on them cannot overflow.
 */
#include "nn/model_files.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_load.h"

enum {
    MAX_FILES = 16,
    MAX_PATH = 4096,
    MAX_LAYERS = 256,
    MAX_HIDDEN = 1 << 14,
    MAX_INNER = 1 << 16,
    MAX_ROWS = 1 << 24, /* of vocabulary and position tables */
    MAX_HEADS = 256,
    MPNET_BUCKETS = 32
};

/* ---- the chain in modules.json ---- */

typedef struct module_chain {
    char pooling[128]; /* path of the pooling's config.json; empty: the chain has no pooling */
    int transformer, normalise;
} module_chain;

static const char *string_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static json_t *parse(const ss_named_bytes *file, ss_error *err)
{
    json_error_t at;
    json_t *root = ss_json_load(file->data, file->len, 0, &at);
    if (!root && ss_json_starved())
        ss_fail_memory(err, file->name);
    else if (!root)
        ss_fail(err, SS_INPUT, "%s, line %d: %s", file->name, at.line, at.text);
    return root;
}

/* "sentence_transformers.models.Pooling", or "...models.pooling.Pooling" in newer versions: the last part counts. */
static const char *module_name(const json_t *module)
{
    const char *type = string_at(module, "type");
    const char *dot = type ? strrchr(type, '.') : NULL;
    return dot ? dot + 1 : type;
}

static int read_module(module_chain *chain, const json_t *module, size_t index, ss_error *err)
{
    const char *name = module_name(module), *path = string_at(module, "path");
    if (!name || !path) return ss_fail(err, SS_INPUT, "modules.json: module %zu has no type or path", index);
    if (strcmp(name, "Transformer") == 0 && index == 0) {
        if (*path) return ss_fail(err, SS_UNSUPPORTED, "modules.json: the transformer lies in a folder of its own");
        chain->transformer = 1;
    } else if (strcmp(name, "Pooling") == 0 && index == 1) {
        int len = snprintf(chain->pooling, sizeof chain->pooling, "%s/config.json", path);
        if (len < 0 || (size_t)len >= sizeof chain->pooling || strstr(path, ".."))
            return ss_fail(err, SS_INPUT, "modules.json: the path of the pooling module is not usable");
    } else if (strcmp(name, "Normalize") == 0 && index == 2) {
        chain->normalise = 1;
    } else {
        return ss_fail(err, SS_UNSUPPORTED, "modules.json: module %zu, '%.60s', is not supported in this place", index,
                       name);
    }
    return 0;
}

static int read_chain(const ss_named_bytes *file, module_chain *chain, ss_error *err)
{
    *chain = (module_chain){.transformer = 0};
    if (!file) return ss_fail(err, SS_NOT_FOUND, "modules.json is missing");
    json_t *root = parse(file, err), *module;
    if (!root) return -1;
    size_t i;
    int result = 0;
    json_array_foreach(root, i, module)
    {
        if ((result = read_module(chain, module, i, err)) != 0) break;
    }
    json_decref(root);
    if (result == 0 && (!chain->transformer || !chain->pooling[0]))
        return ss_fail(err, SS_UNSUPPORTED, "modules.json: need a Transformer and a Pooling module");
    return result;
}

/* ---- the folder ---- */

struct ss_model_files {
    ss_fileset set;
    ss_named_bytes items[MAX_FILES];
    ss_bytes maps[MAX_FILES];
    char missing[256]; /* names, for the error message */
};

typedef enum file_need { NEEDED, OPTIONAL } file_need;

static int add_file(ss_model_files *files, const char *dir, const char *name, file_need need, ss_error *err)
{
    char path[MAX_PATH];
    int len = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (len < 0 || (size_t)len >= sizeof path) return ss_fail(err, SS_INPUT, "the path is too long");
    if (!ss_file_exists(path)) {
        if (need == OPTIONAL) return 0;
        size_t used = strlen(files->missing);
        snprintf(files->missing + used, sizeof files->missing - used, "%s%s", used ? ", " : "", name);
        return 0;
    }
    size_t at = files->set.count;
    if (ss_file_map(path, &files->maps[at], err) != 0) return -1;
    files->set.count++;
    files->items[at].data = files->maps[at].data;
    files->items[at].len = files->maps[at].len;
    files->items[at].name = strdup(name);
    return files->items[at].name ? 0 : ss_fail_memory(err, "opening a model");
}

static int add_all(ss_model_files *files, const char *dir, ss_error *err)
{
    static const struct {
        const char *name;
        file_need need;
    } list[] = {{"config.json", NEEDED},      {"model.safetensors", NEEDED}, {"sentence_bert_config.json", OPTIONAL},
                {"tokenizer.json", OPTIONAL}, {"vocab.txt", OPTIONAL},       {"tokenizer_config.json", OPTIONAL}};
    if (add_file(files, dir, "modules.json", NEEDED, err) != 0) return -1;
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
        if (add_file(files, dir, list[i].name, list[i].need, err) != 0) return -1;
    if (!ss_fileset_find(&files->set, "tokenizer.json") && !ss_fileset_find(&files->set, "vocab.txt") &&
        add_file(files, dir, "vocab.txt", NEEDED, err) != 0) /* only to be named as missing */
        return -1;
    const ss_named_bytes *modules = ss_fileset_find(&files->set, "modules.json");
    module_chain chain;
    if (modules && (read_chain(modules, &chain, err) != 0 || add_file(files, dir, chain.pooling, NEEDED, err) != 0))
        return -1;
    if (!files->missing[0]) return 0;
    return ss_fail(err, SS_NOT_FOUND, "not a sentence-transformers model: %s missing", files->missing);
}

ss_model_files *ss_model_files_open(const char *dir, ss_error *err)
{
    ss_model_files *files = calloc(1, sizeof *files);
    if (!files) {
        ss_fail_memory(err, "opening a model");
        return NULL;
    }
    files->set.items = files->items;
    if (add_all(files, dir, err) != 0) {
        ss_fail_in(err, "%s", dir);
        ss_model_files_close(files);
        return NULL;
    }
    return files;
}

const ss_fileset *ss_model_files_set(const ss_model_files *files)
{
    return &files->set;
}

void ss_model_files_close(ss_model_files *files)
{
    if (!files) return;
    for (size_t i = 0; i < files->set.count; i++) {
        ss_bytes_free(&files->maps[i]);
        free(files->items[i].name);
    }
    free(files);
}

/* ---- config.json and its companions ---- */

/* A whole number in [low, high]; absent means `otherwise`, unless that is negative. */
static int number_at(const json_t *object, const char *key, long long low, long long high, long long otherwise,
                     size_t *out, ss_error *err)
{
    const json_t *value = json_object_get(object, key);
    if ((!value || json_is_null(value)) && otherwise >= 0) {
        *out = (size_t)otherwise;
        return 0;
    }
    if (!json_is_integer(value)) return ss_fail(err, SS_INPUT, "config.json: no number '%s'", key);
    long long number = json_integer_value(value);
    if (number < low || number > high)
        return ss_fail(err, SS_INPUT, "config.json: %s is %lld, not in %lld..%lld", key, number, low, high);
    *out = (size_t)number;
    return 0;
}

static int read_family(const json_t *root, ss_model_config *config, ss_error *err)
{
    const char *type = string_at(root, "model_type"), *act = string_at(root, "hidden_act");
    if (type && strcmp(type, "bert") == 0)
        config->family = SS_BERT;
    else if (type && strcmp(type, "mpnet") == 0)
        config->family = SS_MPNET;
    else
        return ss_fail(err, SS_UNSUPPORTED, "config.json: model_type '%.60s' (supported: bert, mpnet)",
                       type ? type : "(none)");
    if (!act || strcmp(act, "gelu") == 0)
        config->activation = SS_GELU;
    else if (strcmp(act, "gelu_new") == 0 || strcmp(act, "gelu_pytorch_tanh") == 0)
        config->activation = SS_GELU_TANH;
    else if (strcmp(act, "relu") == 0)
        config->activation = SS_RELU;
    else
        return ss_fail(err, SS_UNSUPPORTED, "config.json: hidden_act '%.60s' (supported: gelu, gelu_new, relu)", act);
    const char *position = string_at(root, "position_embedding_type");
    if (position && strcmp(position, "absolute") != 0)
        return ss_fail(err, SS_UNSUPPORTED, "config.json: position_embedding_type '%.60s'", position);
    return 0;
}

static int read_sizes(const json_t *root, ss_model_config *config, ss_error *err)
{
    size_t pad = 0;
    int bert = config->family == SS_BERT;
    if (number_at(root, "hidden_size", 1, MAX_HIDDEN, -1, &config->hidden, err) != 0 ||
        number_at(root, "num_hidden_layers", 1, MAX_LAYERS, -1, &config->layers, err) != 0 ||
        number_at(root, "num_attention_heads", 1, MAX_HEADS, -1, &config->heads, err) != 0 ||
        number_at(root, "intermediate_size", 1, MAX_INNER, -1, &config->inner, err) != 0 ||
        number_at(root, "vocab_size", 1, MAX_ROWS, -1, &config->vocabulary, err) != 0 ||
        number_at(root, "max_position_embeddings", 1, MAX_ROWS, -1, &config->positions, err) != 0 ||
        number_at(root, "type_vocab_size", 1, MAX_ROWS, 2, &config->types, err) != 0 ||
        number_at(root, "relative_attention_num_buckets", 1, MAX_ROWS, MPNET_BUCKETS, &config->buckets, err) != 0 ||
        number_at(root, "pad_token_id", 0, MAX_ROWS, bert ? 0 : 1, &pad, err) != 0)
        return -1;
    if (config->hidden % config->heads != 0)
        return ss_fail(err, SS_INPUT, "config.json: hidden_size %zu is not a multiple of num_attention_heads %zu",
                       config->hidden, config->heads);
    config->pad_id = (int)pad;
    if (!bert && config->buckets != MPNET_BUCKETS)
        return ss_fail(err, SS_UNSUPPORTED, "config.json: %zu relative position buckets (supported: %d)",
                       config->buckets, MPNET_BUCKETS);
    if (bert)
        config->buckets = 0;
    else
        config->types = 0;
    const json_t *epsilon = json_object_get(root, "layer_norm_eps");
    config->norm_epsilon = json_is_number(epsilon) ? (float)json_number_value(epsilon) : 1e-12f;
    if (!(config->norm_epsilon >= 0.0f && config->norm_epsilon < 1.0f))
        return ss_fail(err, SS_INPUT, "config.json: layer_norm_eps is not a small positive number");
    /* MPNet's positions begin behind the padding's (as in fairseq), so the first pad_id + 1 rows are not for tokens. */
    size_t reserved = bert ? 0 : pad + 1;
    if (config->positions <= reserved) return ss_fail(err, SS_INPUT, "config.json: no room for positions");
    config->max_tokens = config->positions - reserved;
    return 0;
}

static int read_limit(const ss_named_bytes *file, ss_model_config *config, ss_error *err)
{
    if (!file) return 0;
    json_t *root = parse(file, err);
    if (!root) return -1;
    const json_t *limit = json_object_get(root, "max_seq_length");
    int bad = limit && !json_is_null(limit) && (!json_is_integer(limit) || json_integer_value(limit) < 2);
    if (!bad && json_is_integer(limit) && (size_t)json_integer_value(limit) < config->max_tokens)
        config->max_tokens = (size_t)json_integer_value(limit);
    config->lower_case = json_is_true(json_object_get(root, "do_lower_case"));
    json_decref(root);
    return bad ? ss_fail(err, SS_INPUT, "%s: max_seq_length is not a token limit", file->name) : 0;
}

static int read_pooling(const ss_named_bytes *file, ss_model_config *config, ss_error *err)
{
    static const struct {
        const char *key;
        ss_pooling mode;
    } modes[] = {{"pooling_mode_mean_tokens", SS_POOL_MEAN},
                 {"pooling_mode_cls_token", SS_POOL_CLS},
                 {"pooling_mode_max_tokens", SS_POOL_MAX}};
    json_t *root = parse(file, err), *value;
    if (!root) return -1;
    size_t chosen = 0;
    const char *key, *other = NULL;
    json_object_foreach(root, key, value)
    {
        if (strncmp(key, "pooling_mode_", strlen("pooling_mode_")) != 0 || !json_is_true(value)) continue;
        size_t i = 0;
        while (i < sizeof modes / sizeof modes[0] && strcmp(modes[i].key, key) != 0) i++;
        if (i == sizeof modes / sizeof modes[0])
            other = key;
        else
            config->pooling = modes[i].mode;
        chosen++;
    }
    const json_t *dims = json_object_get(root, "word_embedding_dimension");
    int result = 0;
    if (other)
        result = ss_fail(err, SS_UNSUPPORTED, "%s: %.60s (supported: mean, cls and max)", file->name, other);
    else if (chosen != 1)
        result = ss_fail(err, SS_UNSUPPORTED, "%s: %zu pooling modes are on, need one", file->name, chosen);
    else if (json_is_integer(dims) && (size_t)json_integer_value(dims) != config->hidden)
        result = ss_fail(err, SS_INPUT, "%s: word_embedding_dimension differs from hidden_size", file->name);
    json_decref(root);
    return result;
}

int ss_model_config_read(const ss_fileset *files, ss_model_config *config, ss_error *err)
{
    *config = (ss_model_config){.family = SS_BERT};
    module_chain chain;
    if (read_chain(ss_fileset_find(files, "modules.json"), &chain, err) != 0) return -1;
    const ss_named_bytes *main_file = ss_fileset_find(files, "config.json");
    const ss_named_bytes *pooling = ss_fileset_find(files, chain.pooling);
    if (!main_file || !pooling)
        return ss_fail(err, SS_NOT_FOUND, "%s is missing", main_file ? chain.pooling : "config.json");
    config->normalise = chain.normalise;
    json_t *root = parse(main_file, err);
    if (!root) return -1;
    int result = read_family(root, config, err) != 0 ? -1 : read_sizes(root, config, err);
    json_decref(root);
    if (result != 0 || read_limit(ss_fileset_find(files, "sentence_bert_config.json"), config, err) != 0) return -1;
    return read_pooling(pooling, config, err);
}
