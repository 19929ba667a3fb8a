/* tokenizer_load.c - a tokenizer from the model's files; see tokenizer.h for what is supported.
 *
 * tokenizer.json says everything explicitly. The older form, vocab.txt with tokenizer_config.json, leaves the rest to
 * the tokenizer's class, so the two classes that we know (BertTokenizer, MPNetTokenizer) bring their defaults.
 *
 * Both ways end in finish(): vocabulary into the trie, added tokens sorted longest first. A half-filled ss_tokenizer
 * can always be freed, so every error path is just a return.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_load.h"
#include "text/tokenizer.h"
#include "text/tokenizer_parts.h"

enum { MAX_ID = 1 << 24, MAX_WORD_CHARS = 1 << 16, DEFAULT_WORD_CHARS = 100, MAX_TOKEN_BYTES = 1 << 16 };

/* The vocabulary while it is being read. */
typedef struct vocabulary {
    ss_vocabulary_entry *entries;
    size_t count;
    char *text; /* owns the lines of vocab.txt; NULL for tokenizer.json, where jansson owns the strings */
} vocabulary;

static int unsupported(ss_error *err, const char *what, const char *value)
{
    return ss_fail(err, SS_UNSUPPORTED, "%s '%.60s' is not supported", what, value ? value : "(none)");
}

static const char *string_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* A flag that may be absent or null, which mean `otherwise`. */
static int flag_at(const json_t *object, const char *key, int otherwise)
{
    const json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

static json_t *parse(const ss_named_bytes *file, ss_error *err)
{
    json_error_t at;
    json_t *root = ss_json_load(file->data, file->len, 0, &at);
    if (!root) {
        if (ss_json_starved())
            ss_fail_memory(err, "reading the tokenizer");
        else
            ss_fail(err, SS_INPUT, "line %d: %s", at.line, at.text);
        return NULL;
    }
    if (!json_is_object(root)) {
        json_decref(root);
        ss_fail(err, SS_INPUT, "not a JSON object");
        return NULL;
    }
    return root;
}

static int check_id(json_int_t id, const char *token, ss_error *err)
{
    if (id >= 0 && id < MAX_ID) return 0;
    return ss_fail(err, SS_INPUT, "token '%.60s' has the id %lld", token, (long long)id);
}

static void see_id(ss_tokenizer *tokenizer, int32_t id)
{
    if ((size_t)id >= tokenizer->vocabulary) tokenizer->vocabulary = (size_t)id + 1;
}

/* ---- added tokens ---- */

static int add_token(ss_tokenizer *tokenizer, const char *text, int32_t id, int single_word, int normalised,
                     ss_error *err)
{
    ss_added_tokens *added = normalised ? &tokenizer->normalised : &tokenizer->raw;
    ss_buffer copy;
    ss_buffer_init(&copy, MAX_TOKEN_BYTES);
    static const ss_normaliser as_is = {0};
    const ss_normaliser *rules = normalised ? &tokenizer->normaliser : &as_is;
    ss_added_token *items = realloc(added->items, (added->count + 1) * sizeof *items);
    if (items) added->items = items;
    if (!items || ss_normalise(rules, text, strlen(text), &copy) != 0) {
        ss_buffer_free(&copy);
        return ss_fail_memory(err, "reading added tokens");
    }
    see_id(tokenizer, id);
    if (copy.len == 0) {
        ss_buffer_free(&copy);
        return 0;
    }
    ss_added_token *token = &items[added->count++];
    *token = (ss_added_token){.len = copy.len, .id = id, .single_word = single_word};
    token->text = ss_buffer_take(&copy, NULL);
    added->starts[(unsigned char)token->text[0]] = 1;
    return 0;
}

static int longest_first(const void *a, const void *b)
{
    const ss_added_token *x = a, *y = b;
    return (x->len < y->len) - (x->len > y->len);
}

static int read_added_tokens(ss_tokenizer *tokenizer, const json_t *list, ss_error *err)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        const char *content = string_at(item, "content");
        const json_t *id = json_object_get(item, "id");
        if (!content || !json_is_integer(id)) return ss_fail(err, SS_INPUT, "added token %zu has no content or id", i);
        if (check_id(json_integer_value(id), content, err) != 0) return -1;
        int special = flag_at(item, "special", 0);
        if (add_token(tokenizer, content, (int32_t)json_integer_value(id), flag_at(item, "single_word", 0),
                      flag_at(item, "normalized", !special), err) != 0)
            return -1;
    }
    return 0;
}

/* ---- special tokens around the text ---- */

static int append_id(int32_t **ids, size_t *count, int32_t id, ss_error *err)
{
    int32_t *grown = realloc(*ids, (*count + 1) * sizeof *grown);
    if (!grown) return ss_fail_memory(err, "reading special tokens");
    *ids = grown;
    grown[(*count)++] = id;
    return 0;
}

static int put_around(ss_tokenizer *tokenizer, int behind_text, json_int_t id, ss_error *err)
{
    if (check_id(id, "of the post-processor", err) != 0) return -1;
    see_id(tokenizer, (int32_t)id);
    return behind_text ? append_id(&tokenizer->after, &tokenizer->after_count, (int32_t)id, err)
                       : append_id(&tokenizer->before, &tokenizer->before_count, (int32_t)id, err);
}

/* "single": [{"SpecialToken": {"id": "[CLS]"}}, {"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "[SEP]"}}] */
static int read_template(ss_tokenizer *tokenizer, const json_t *processor, ss_error *err)
{
    size_t i, j, sequences = 0;
    json_t *part, *id;
    const json_t *specials = json_object_get(processor, "special_tokens");
    json_array_foreach(json_object_get(processor, "single"), i, part)
    {
        if (json_object_get(part, "Sequence")) {
            sequences++;
            continue;
        }
        const char *name = string_at(json_object_get(part, "SpecialToken"), "id");
        const json_t *ids = name ? json_object_get(json_object_get(specials, name), "ids") : NULL;
        if (!json_is_array(ids))
            return ss_fail(err, SS_INPUT, "post_processor: part %zu of the template has no ids", i);
        json_array_foreach(ids, j, id)
        {
            if (put_around(tokenizer, sequences > 0, json_integer_value(id), err) != 0) return -1;
        }
    }
    return sequences == 1 ? 0 : ss_fail(err, SS_INPUT, "post_processor: the template has %zu sequences", sequences);
}

static int read_post_processor(ss_tokenizer *tokenizer, const json_t *processor, ss_error *err)
{
    if (!processor || json_is_null(processor)) return 0;
    const char *type = string_at(processor, "type");
    if (!type) return ss_fail(err, SS_INPUT, "post_processor has no type");
    if (strcmp(type, "TemplateProcessing") == 0) return read_template(tokenizer, processor, err);
    if (strcmp(type, "BertProcessing") != 0 && strcmp(type, "RobertaProcessing") != 0)
        return unsupported(err, "post_processor", type);
    const json_t *cls = json_array_get(json_object_get(processor, "cls"), 1);
    const json_t *sep = json_array_get(json_object_get(processor, "sep"), 1);
    if (!json_is_integer(cls) || !json_is_integer(sep))
        return ss_fail(err, SS_INPUT, "post_processor has no cls or sep");
    return put_around(tokenizer, 0, json_integer_value(cls), err) != 0
               ? -1
               : put_around(tokenizer, 1, json_integer_value(sep), err);
}

/* ---- the common end ---- */

static int finish(ss_tokenizer *tokenizer, vocabulary *words, const char *unknown, const char *prefix, ss_error *err)
{
    int32_t unknown_id = -1;
    for (size_t i = 0; i < words->count; i++) {
        see_id(tokenizer, words->entries[i].id);
        if (strcmp(words->entries[i].text, unknown) == 0) unknown_id = words->entries[i].id;
    }
    if (unknown_id < 0) return ss_fail(err, SS_INPUT, "the unknown token '%.60s' is not in the vocabulary", unknown);
    tokenizer->pieces = ss_wordpiece_new(words->entries, words->count, prefix, unknown_id, tokenizer->max_chars, err);
    if (!tokenizer->pieces) return -1;
    if (tokenizer->raw.count > 0)
        qsort(tokenizer->raw.items, tokenizer->raw.count, sizeof *tokenizer->raw.items, longest_first);
    if (tokenizer->normalised.count > 0)
        qsort(tokenizer->normalised.items, tokenizer->normalised.count, sizeof *tokenizer->normalised.items,
              longest_first);
    return 0;
}

/* ---- tokenizer.json ---- */

static int read_vocabulary(const json_t *vocab, vocabulary *words, ss_error *err)
{
    if (!json_is_object(vocab) || json_object_size(vocab) == 0) return ss_fail(err, SS_INPUT, "model has no vocab");
    words->entries = calloc(json_object_size(vocab), sizeof *words->entries);
    if (!words->entries) return ss_fail_memory(err, "reading the vocabulary");
    /* jansson's iterator hands out keys without const, so the read-only view is cast once here. */
    json_t *object = (json_t *)(uintptr_t)vocab;
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        const char *text = json_object_iter_key(at);
        const json_t *id = json_object_iter_value(at);
        if (!json_is_integer(id)) return ss_fail(err, SS_INPUT, "token '%.60s' has no number", text);
        if (check_id(json_integer_value(id), text, err) != 0) return -1;
        if (*text) words->entries[words->count++] = (ss_vocabulary_entry){text, (int32_t)json_integer_value(id)};
    }
    return 0;
}

static int read_model(ss_tokenizer *tokenizer, const json_t *model, vocabulary *words, ss_error *err)
{
    const char *type = string_at(model, "type");
    if (!type || strcmp(type, "WordPiece") != 0) return unsupported(err, "tokenizer model", type);
    const json_t *limit = json_object_get(model, "max_input_chars_per_word");
    json_int_t chars = json_is_integer(limit) ? json_integer_value(limit) : DEFAULT_WORD_CHARS;
    if (chars < 1 || chars > MAX_WORD_CHARS)
        return ss_fail(err, SS_INPUT, "max_input_chars_per_word is %lld", (long long)chars);
    tokenizer->max_chars = (size_t)chars;
    return read_vocabulary(json_object_get(model, "vocab"), words, err);
}

static int read_normaliser(ss_tokenizer *tokenizer, const json_t *root, ss_error *err)
{
    const json_t *normaliser = json_object_get(root, "normalizer");
    const char *type = string_at(normaliser, "type");
    if (!type || strcmp(type, "BertNormalizer") != 0) return unsupported(err, "normalizer", type);
    const char *split = string_at(json_object_get(root, "pre_tokenizer"), "type");
    if (!split || strcmp(split, "BertPreTokenizer") != 0) return unsupported(err, "pre_tokenizer", split);
    int lower = flag_at(normaliser, "lowercase", 1);
    tokenizer->normaliser = (ss_normaliser){.clean = flag_at(normaliser, "clean_text", 1),
                                            .cjk = flag_at(normaliser, "handle_chinese_chars", 1),
                                            .accents = flag_at(normaliser, "strip_accents", lower),
                                            .lower = lower};
    return 0;
}

static int load_json(ss_tokenizer *tokenizer, const ss_named_bytes *file, ss_error *err)
{
    json_t *root = parse(file, err);
    if (!root) return -1;
    vocabulary words = {0};
    const json_t *model = json_object_get(root, "model");
    const char *unknown = string_at(model, "unk_token"), *prefix = string_at(model, "continuing_subword_prefix");
    int failed = read_normaliser(tokenizer, root, err) != 0 || read_model(tokenizer, model, &words, err) != 0 ||
                 read_added_tokens(tokenizer, json_object_get(root, "added_tokens"), err) != 0 ||
                 read_post_processor(tokenizer, json_object_get(root, "post_processor"), err) != 0 ||
                 finish(tokenizer, &words, unknown ? unknown : "[UNK]", prefix ? prefix : "##", err) != 0;
    free(words.entries);
    json_decref(root);
    return failed ? -1 : 0;
}

/* ---- vocab.txt and tokenizer_config.json ---- */

/* The special tokens of a tokenizer class; each may be renamed by tokenizer_config.json. */
enum { CLS, SEP, UNK, PAD, MASK, NAMES };
static const char *const special_keys[NAMES] = {"cls_token", "sep_token", "unk_token", "pad_token", "mask_token"};
static const char *const bert_names[NAMES] = {"[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]"};
static const char *const mpnet_names[NAMES] = {"<s>", "</s>", "[UNK]", "<pad>", "<mask>"};

static int read_lines(const ss_named_bytes *file, vocabulary *words, ss_error *err)
{
    size_t lines = 0, number = 0;
    if (memchr(file->data, 0, file->len)) return ss_fail(err, SS_INPUT, "a NUL byte in the vocabulary");
    for (size_t i = 0; i < file->len; i++) lines += file->data[i] == '\n';
    words->text = malloc(file->len + 1);
    words->entries = calloc(lines + 1, sizeof *words->entries);
    if (!words->text || !words->entries) return ss_fail_memory(err, "reading the vocabulary");
    memcpy(words->text, file->data, file->len);
    words->text[file->len] = 0;
    for (char *line = words->text; *line; number++) {
        if (check_id((json_int_t)number, "of a line", err) != 0) return -1;
        size_t len = strcspn(line, "\n");
        char *next = line + len + (line[len] == '\n');
        line[len] = 0;
        if (len > 0 && line[len - 1] == '\r') line[len - 1] = 0;
        if (*line) words->entries[words->count++] = (ss_vocabulary_entry){line, (int32_t)number};
        line = next;
    }
    return words->count ? 0 : ss_fail(err, SS_INPUT, "the vocabulary is empty");
}

static int32_t id_of(const vocabulary *words, const char *text)
{
    int32_t id = -1;
    for (size_t i = 0; i < words->count; i++)
        if (strcmp(words->entries[i].text, text) == 0) id = words->entries[i].id;
    return id;
}

/* What a special token is called: a string, or an object with "content", or the class's default. */
static const char *special_name(const json_t *config, int which, const char *const *defaults)
{
    const json_t *value = json_object_get(config, special_keys[which]);
    const char *name = json_is_object(value) ? string_at(value, "content") : json_string_value(value);
    return name ? name : defaults[which];
}

static int read_class(ss_tokenizer *tokenizer, const json_t *config, vocabulary *words, ss_error *err)
{
    const char *class = string_at(config, "tokenizer_class"), *unknown = NULL;
    int mpnet = class && strncmp(class, "MPNetTokenizer", strlen("MPNetTokenizer")) == 0;
    if (class && !mpnet && strncmp(class, "BertTokenizer", strlen("BertTokenizer")) != 0)
        return unsupported(err, "tokenizer class", class);
    for (int i = 0; i < NAMES; i++) {
        const char *name = special_name(config, i, mpnet ? mpnet_names : bert_names);
        int32_t id = id_of(words, name);
        if (id < 0) return ss_fail(err, SS_INPUT, "special token '%.60s' is not in the vocabulary", name);
        if (add_token(tokenizer, name, id, 0, 0, err) != 0) return -1;
        if ((i == CLS || i == SEP) && put_around(tokenizer, i == SEP, id, err) != 0) return -1;
        if (i == UNK) unknown = name;
    }
    int lower = flag_at(config, "do_lower_case", 1);
    tokenizer->normaliser = (ss_normaliser){.clean = 1,
                                            .cjk = flag_at(config, "tokenize_chinese_chars", 1),
                                            .accents = flag_at(config, "strip_accents", lower),
                                            .lower = lower};
    tokenizer->max_chars = DEFAULT_WORD_CHARS;
    return finish(tokenizer, words, unknown, "##", err);
}

static int load_vocabulary(ss_tokenizer *tokenizer, const ss_named_bytes *file, const ss_named_bytes *config_file,
                           ss_error *err)
{
    json_t *config = config_file ? parse(config_file, err) : json_object();
    if (!config) return config_file ? -1 : ss_fail_memory(err, "reading the vocabulary");
    vocabulary words = {0};
    int failed = read_lines(file, &words, err) != 0 || read_class(tokenizer, config, &words, err) != 0;
    free(words.entries);
    free(words.text);
    json_decref(config);
    return failed ? -1 : 0;
}

/* ---- the public end ---- */

ss_tokenizer *ss_tokenizer_load(const ss_fileset *files, ss_error *err)
{
    const ss_named_bytes *json = ss_fileset_find(files, "tokenizer.json");
    const ss_named_bytes *vocab = ss_fileset_find(files, "vocab.txt");
    if (!json && !vocab) {
        ss_fail(err, SS_NOT_FOUND, "the model has neither tokenizer.json nor vocab.txt");
        return NULL;
    }
    ss_tokenizer *tokenizer = calloc(1, sizeof *tokenizer);
    if (!tokenizer) {
        ss_fail_memory(err, "loading a tokenizer");
        return NULL;
    }
    int result = json ? load_json(tokenizer, json, err)
                      : load_vocabulary(tokenizer, vocab, ss_fileset_find(files, "tokenizer_config.json"), err);
    if (result == 0) return tokenizer;
    ss_fail_in(err, "%s", json ? "tokenizer.json" : "vocab.txt");
    ss_tokenizer_free(tokenizer);
    return NULL;
}

static void free_added(ss_added_tokens *added)
{
    for (size_t i = 0; i < added->count; i++) free(added->items[i].text);
    free(added->items);
}

void ss_tokenizer_free(ss_tokenizer *tokenizer)
{
    if (!tokenizer) return;
    ss_wordpiece_free(tokenizer->pieces);
    free_added(&tokenizer->raw);
    free_added(&tokenizer->normalised);
    free(tokenizer->before);
    free(tokenizer->after);
    free(tokenizer);
}
