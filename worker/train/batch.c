/* batch.c - see batch.h. */
#include "worker/train/batch.h"

#include <stdlib.h>
#include <string.h>

#include "worker/train/random.h"

struct ss_batch_maker {
    const ss_recipe *recipe;
    const ss_tokenizer *tokenizer;
    const ss_taxonomy *taxonomy;
    ss_tokenizer_scratch *scratch;
    size_t max_tokens;
    ss_second_rule second;
    int use_second; /* 0: the partner's skill is a negative like any other */

    int32_t *ids; /* of all texts */
    size_t id_count, id_room;
    uint32_t *starts; /* (text_room + 1) */
    size_t text_count, text_room;
    int32_t *labels; /* (columns) */
    size_t column_count, column_room;
    int32_t *seconds; /* (rows) */
    float *weights;   /* (rows) */
    size_t row_room;
    uint64_t *stamp; /* (skills) the batch, by `made`, that has a column of the skill */
    uint64_t made;
    char *joined; /* a sentence and its partner */
    size_t joined_room;
};

ss_batch_maker *ss_batch_maker_new(const ss_recipe *recipe, const ss_model_config *config,
                                   const ss_tokenizer *tokenizer, const ss_taxonomy *taxonomy, ss_error *err)
{
    ss_batch_maker *m = calloc(1, sizeof *m);
    if (!m) {
        ss_fail_memory(err, "making batches");
        return NULL;
    }
    m->recipe = recipe;
    m->tokenizer = tokenizer;
    m->taxonomy = taxonomy;
    m->max_tokens = recipe->max_tokens < config->max_tokens ? (size_t)recipe->max_tokens : config->max_tokens;
    m->second = strcmp(recipe->second, "masked") ? SS_SECOND_POSITIVE : SS_SECOND_MASKED;
    m->use_second = strcmp(recipe->second, "negative") != 0;
    m->scratch = ss_tokenizer_scratch_new(err);
    m->stamp = calloc(ss_taxonomy_count(taxonomy), sizeof *m->stamp);
    if (m->scratch && m->stamp) return m;
    if (!m->stamp) ss_fail_memory(err, "making batches");
    ss_batch_maker_free(m);
    return NULL;
}

void ss_batch_maker_free(ss_batch_maker *m)
{
    if (!m) return;
    ss_tokenizer_scratch_free(m->scratch);
    free(m->ids);
    free(m->starts);
    free(m->labels);
    free(m->seconds);
    free(m->weights);
    free(m->stamp);
    free(m->joined);
    free(m);
}

/* ---- memory ---- */

/* `items` with room for at least `need` of `size` bytes each; NULL without memory, when they stay what they were. */
static void *with_room(void *items, size_t *room, size_t need, size_t size)
{
    if (items && need <= *room) return items;
    size_t more = *room * 2 > need ? *room * 2 : need;
    void *grown = realloc(items, more * size);
    if (grown) *room = more;
    return grown;
}

static int make_rows(ss_batch_maker *m, size_t rows)
{
    if (rows <= m->row_room) return 0;
    free(m->seconds);
    free(m->weights);
    m->seconds = malloc(rows * sizeof *m->seconds);
    m->weights = malloc(rows * sizeof *m->weights);
    m->row_room = m->seconds && m->weights ? rows : 0;
    return m->row_room ? 0 : -1;
}

static void clear(ss_batch_maker *m)
{
    m->id_count = m->text_count = m->column_count = 0;
}

static int add_text(ss_batch_maker *m, const char *text, size_t len, ss_error *err)
{
    size_t starts_room = m->text_room ? m->text_room + 1 : 0, count;
    int32_t *ids = with_room(m->ids, &m->id_room, m->id_count + m->max_tokens, sizeof *ids);
    if (!ids) return ss_fail_memory(err, "making a batch");
    m->ids = ids;
    uint32_t *starts = with_room(m->starts, &starts_room, m->text_count + 2, sizeof *starts);
    if (!starts) return ss_fail_memory(err, "making a batch");
    m->starts = starts;
    m->text_room = starts_room - 1;
    if (ss_tokenize(m->tokenizer, m->scratch, text, len, m->max_tokens, m->ids + m->id_count, &count, NULL, err))
        return -1;
    m->starts[m->text_count++] = (uint32_t)m->id_count;
    m->id_count += count;
    m->starts[m->text_count] = (uint32_t)m->id_count;
    return 0;
}

static ss_train_texts all_texts(const ss_batch_maker *m)
{
    return (ss_train_texts){.ids = m->ids, .starts = m->starts, .count = m->text_count};
}

/* ---- rows ---- */

static const ss_example *choose_partner(const ss_batch_maker *m, const ss_dataset *set, ss_random *random)
{
    if (set->none.count && ss_random_real(random) < m->recipe->join_none)
        return &set->none.items[ss_random_below(random, set->none.count)];
    return &set->pairs.items[ss_random_below(random, set->pairs.count)];
}

/* "first second" in m->joined. */
static int join(ss_batch_maker *m, const ss_example *first, const ss_example *second, size_t *len, ss_error *err)
{
    *len = (size_t)first->len + 1 + second->len;
    char *joined = with_room(m->joined, &m->joined_room, *len, 1);
    if (!joined) return ss_fail_memory(err, "making a batch");
    m->joined = joined;
    memcpy(m->joined, first->text, first->len);
    m->joined[first->len] = ' ';
    memcpy(m->joined + first->len + 1, second->text, second->len);
    return 0;
}

static float weight_of(const ss_recipe *r, ss_pair_kind kind)
{
    return (float)(kind == SS_PAIR_LITERAL ? r->weight_literal
                   : kind == SS_PAIR_MULTI ? r->weight_multi
                                           : r->weight_implied);
}

static int add_row(ss_batch_maker *m, const ss_dataset *set, int definitions, size_t row, uint32_t example,
                   ss_random *random, ss_error *err)
{
    const ss_example *own = &set->pairs.items[example];
    uint32_t second = own->second;
    m->weights[row] = definitions ? 1.0F : weight_of(m->recipe, own->kind);
    m->seconds[row] = SS_NO_LABEL;
    if (!definitions && ss_random_real(random) < m->recipe->join) {
        const ss_example *partner = choose_partner(m, set, random);
        int before = ss_random_next(random) & 1;
        size_t len;
        if (join(m, before ? partner : own, before ? own : partner, &len, err) || add_text(m, m->joined, len, err))
            return -1;
        if (partner->skill != SS_NO_SKILL && partner->skill != own->skill) second = partner->skill;
    } else if (add_text(m, own->text, own->len, err)) {
        return -1;
    }
    if (m->use_second && second != SS_NO_SKILL && second != own->skill) m->seconds[row] = (int32_t)second;
    return 0;
}

/* ---- columns ---- */

static const char *show_skill(const ss_batch_maker *m, const ss_skill *skill, int definitions, ss_random *random)
{
    const ss_recipe *r = m->recipe;
    if (definitions || r->alternative_positives + r->description_positives <= 0) return skill->label;
    double chance = ss_random_real(random);
    if (chance < r->alternative_positives)
        return skill->alternative_count ? skill->alternatives[ss_random_below(random, skill->alternative_count)]
                                        : skill->label;
    return chance < r->alternative_positives + r->description_positives && *skill->description ? skill->description
                                                                                               : skill->label;
}

static int add_column(ss_batch_maker *m, uint32_t skill, int definitions, ss_random *random, ss_error *err)
{
    int32_t *labels = with_room(m->labels, &m->column_room, m->column_count + 1, sizeof *labels);
    if (!labels) return ss_fail_memory(err, "making a batch");
    m->labels = labels;
    m->labels[m->column_count++] = (int32_t)skill;
    m->stamp[skill] = m->made;
    const char *text = show_skill(m, ss_taxonomy_skill(m->taxonomy, skill), definitions, random);
    return add_text(m, text, strlen(text), err);
}

/* The same for a skill that need not be there twice. */
static int add_other_column(ss_batch_maker *m, uint32_t skill, int definitions, ss_random *random, ss_error *err)
{
    if (skill == SS_NO_SKILL || m->stamp[skill] == m->made) return 0;
    return add_column(m, skill, definitions, random, err);
}

int ss_batch_make(ss_batch_maker *m, const ss_dataset *set, int definitions, const uint32_t *examples, size_t rows,
                  const uint32_t *negatives, uint64_t step, ss_training_batch *out, ss_error *err)
{
    ss_random random = ss_random_stream(m->recipe->seed, SS_RANDOM_BATCH, step, 0);
    clear(m);
    m->made++;
    if (make_rows(m, rows)) return ss_fail_memory(err, "making a batch");
    for (size_t i = 0; i < rows; i++)
        if (add_row(m, set, definitions, i, examples[i], &random, err)) return -1;
    for (size_t i = 0; i < rows; i++)
        if (add_column(m, set->pairs.items[examples[i]].skill, definitions, &random, err)) return -1;
    for (size_t i = 0; i < rows && m->second == SS_SECOND_POSITIVE; i++)
        if (m->seconds[i] != SS_NO_LABEL && add_other_column(m, (uint32_t)m->seconds[i], definitions, &random, err))
            return -1;
    for (size_t i = 0; negatives && i < rows * m->recipe->hard_negatives; i++)
        if (add_other_column(m, negatives[i], definitions, &random, err)) return -1;
    *out = (ss_training_batch){.texts = all_texts(m),
                               .labels = {.pairs = rows,
                                          .candidates = m->column_count,
                                          .labels = m->labels,
                                          .seconds = m->seconds,
                                          .weights = m->weights},
                               .examples = examples};
    return 0;
}

int ss_batch_texts(ss_batch_maker *m, const ss_string_view *texts, size_t count, ss_train_texts *out, ss_error *err)
{
    clear(m);
    for (size_t i = 0; i < count; i++)
        if (add_text(m, texts[i].data, texts[i].len, err)) return -1;
    *out = all_texts(m);
    return 0;
}
