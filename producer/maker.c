/* maker.c - see maker.h. */
#include "producer/maker.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "producer/sentences.h"
#include "stream/wire_pair.h"
#include "stream/wire_text.h"

enum { ARENA_MOST = 16 << 20 };

struct ss_maker {
    ss_maker_config config;
    ss_checker *checker;
    ss_reference *reference; /* NULL: no --release */
    ss_known_limits limits;
    ss_arena arena; /* of one answer */
    FILE *raw;
};

/* What the run's arguments are about: one answer. */
typedef struct answer {
    const ss_task *task;
    ss_slice uris[SS_TASK_SKILLS];
    ss_known *known;
    unsigned accepted;
} answer;

/* A sentence that passed the checks that need no other one. */
typedef struct candidate {
    ss_slice text;
    uint64_t exact;
    ss_minhash near;
    size_t words;
} candidate;

ss_maker *ss_maker_new(const ss_maker_config *config, ss_error *err)
{
    const ss_producer_settings *s = config->settings;
    ss_maker *m = calloc(1, sizeof *m);
    if (!m) {
        ss_fail_memory(err, "starting");
        return NULL;
    }
    m->config = *config;
    ss_arena_init(&m->arena, 1 << 16, ARENA_MOST);
    ss_check_rules rules = {.language = s->language, .min_words = s->min_words, .max_words = s->max_words};
    m->checker = ss_checker_new(&rules, config->taxonomy, err);
    int bad = !m->checker;
    if (!bad && s->release) {
        m->reference = ss_reference_open(s->release, (size_t)s->threads, err);
        bad = !m->reference;
    }
    if (!bad && s->raw && !(m->raw = fopen(s->raw, "ae")))
        bad = ss_fail(err, SS_IO, "%s: cannot write: %s", s->raw, strerror(errno));
    m->limits = (ss_known_limits){.near = s->near, .meaning = s->meaning};
    if (m->reference) m->limits.dims = ss_reference_dims(m->reference);
    if (!bad) return m;
    ss_maker_free(m);
    return NULL;
}

void ss_maker_free(ss_maker *m)
{
    if (!m) return;
    ss_checker_free(m->checker);
    ss_reference_close(m->reference);
    ss_arena_free(&m->arena);
    if (m->raw) fclose(m->raw);
    free(m);
}

/* ---- one sentence ---- */

static void keep_example(ss_maker *m, const answer *a, const ss_pair *pair, const float *vector)
{
    ss_example *e = ss_tally_example(m->config.tally);
    if (!e) return;
    const char *labels[SS_TALLY_NEAREST];
    *e = (ss_example){.kind = pair->kind, .rank = pair->rank};
    e->sentence = strndup(pair->sentence.data, pair->sentence.len);
    e->label = strdup(a->task->skill_count ? ss_taxonomy_skill(m->config.taxonomy, a->task->skills[0])->label : "");
    e->nearest_count = ss_reference_nearest(m->reference, vector, SS_TALLY_NEAREST, labels, e->score);
    for (size_t i = 0; i < e->nearest_count; i++) e->nearest[i] = strdup(labels[i]);
}

static void rank(ss_maker *m, const answer *a, ss_pair *pair, const float *vector)
{
    if (!vector) return;
    if (pair->skill_count) {
        const char *uri = ss_taxonomy_skill(m->config.taxonomy, a->task->skills[0])->uri;
        pair->rank = ss_reference_rank(m->reference, vector, uri);
    }
    if (pair->rank) ss_tally_rank(m->config.tally, pair->rank, m->config.settings->rank_top);
    keep_example(m, a, pair, vector);
}

/* Books the pair and sends it off. 1: it is new; 0: its id is on the topic already; -1. */
static int publish(ss_maker *m, answer *a, const candidate *c, const float *vector, ss_error *err)
{
    const ss_producer_settings *s = m->config.settings;
    int64_t now = ss_wall_ms();
    char id[SS_PAIR_ID + 1];
    ss_pair pair = {.sentence = c->text,
                    .skill_uris = a->uris,
                    .skill_count = a->task->skill_count,
                    .kind = a->task->kind,
                    .language = ss_slice_of(s->language),
                    .model = ss_slice_of(s->llm_model ? s->llm_model : ""),
                    .prompt_version = ss_slice_of(a->task->prompt->version),
                    .created_at = {.seconds = now / 1000, .nanos = (int32_t)(now % 1000) * 1000000, .has = 1}};
    if (ss_pair_make_id(&pair, id, err)) return -1;
    pair.id = ss_slice_of(id);
    if (ss_ledger_has(m->config.ledger, pair.id)) return 0;
    rank(m, a, &pair, vector);
    if (ss_known_add(a->known, &m->limits, c->exact, &c->near, vector))
        return ss_fail_memory(err, "keeping a sentence");
    if (ss_outlet_put(m->config.outlet, &pair, err)) return -1;
    return ss_ledger_book(m->config.ledger, &pair, err) < 0 ? -1 : 1;
}

static int take_candidate(ss_maker *m, answer *a, const candidate *c, const float *vector, ss_error *err)
{
    const char *again = ss_known_find(a->known, &m->limits, c->exact, &c->near, vector);
    if (!again) {
        int new = publish(m, a, c, vector, err);
        if (new < 0) return -1;
        if (!new) again = "duplicate";
    }
    if (again) {
        ss_tally_reject(m->config.tally, again);
        return 0;
    }
    a->accepted++;
    m->config.tally->pairs++;
    m->config.tally->by_kind[a->task->kind]++;
    ss_tally_length(m->config.tally, c->words);
    return 0;
}

/* ---- one answer ---- */

/* The sentences that pass the single checks; *count of them in *out. */
static int sift(ss_maker *m, const ss_sentences *sentences, candidate *out, size_t *count, ss_error *err)
{
    *count = 0;
    for (size_t i = 0; i < sentences->count; i++) {
        const char *reason;
        ss_slice text = sentences->items[i];
        if (ss_checker_judge(m->checker, text.data, text.len, &reason, err)) return -1;
        if (reason) {
            ss_tally_reject(m->config.tally, reason);
            continue;
        }
        const ss_words *words = ss_checker_words(m->checker);
        candidate *c = &out[(*count)++];
        *c = (candidate){.text = text, .words = words->count};
        c->exact = ss_hash64(words->text.data, words->text.len);
        ss_minhash_of(words->text.data, words->text.len, &c->near);
    }
    return 0;
}

static int embed(ss_maker *m, const candidate *candidates, size_t count, const float **vectors, ss_error *err)
{
    *vectors = NULL;
    if (!m->reference || !count) return 0;
    ss_slice texts[SS_SENTENCES_MAX];
    for (size_t i = 0; i < count; i++) texts[i] = candidates[i].text;
    return ss_reference_embed(m->reference, texts, count, vectors, err);
}

static int take_sentences(ss_maker *m, answer *a, const ss_sentences *sentences, ss_error *err)
{
    const float *vectors;
    size_t count;
    candidate *candidates = ss_arena_calloc(&m->arena, sentences->count, sizeof *candidates);
    if (!candidates) return ss_fail_memory(err, "checking an answer");
    if (ss_checker_begin(m->checker, a->task->prompt, a->task->skills, a->task->skill_count, err) ||
        sift(m, sentences, candidates, &count, err) || embed(m, candidates, count, &vectors, err))
        return -1;
    for (size_t i = 0; i < count; i++) {
        const float *vector = vectors ? vectors + i * m->limits.dims : NULL;
        if (a->accepted == a->task->n)
            ss_tally_reject(m->config.tally, "surplus");
        else if (take_candidate(m, a, &candidates[i], vector, err))
            return -1;
    }
    return 0;
}

int ss_maker_take(ss_maker *m, const ss_task *task, const char *content, size_t len, unsigned *accepted, ss_error *err)
{
    answer a = {.task = task};
    uint32_t first = task->skill_count ? task->skills[0] : SS_LEDGER_NONE;
    ss_sentences sentences;
    *accepted = 0;
    ss_arena_reset(&m->arena);
    a.known = ss_ledger_known(m->config.ledger, first);
    for (size_t i = 0; i < task->skill_count; i++)
        a.uris[i] = ss_slice_of(ss_taxonomy_skill(m->config.taxonomy, task->skills[i])->uri);
    const char *wrong = ss_sentences_read(content, len, &m->arena, &sentences);
    if (wrong && !strcmp(wrong, "memory")) return ss_fail_memory(err, "reading an answer");
    if (wrong) {
        ss_tally_reason(m->config.tally->request_reasons, wrong);
        return 0;
    }
    int result = take_sentences(m, &a, &sentences, err);
    *accepted = a.accepted;
    return result;
}

int ss_maker_keep_raw(ss_maker *m, const ss_task *task, const ss_response *response, ss_error *err)
{
    if (!m->raw) return 0;
    const char *uri = task->skill_count ? ss_taxonomy_skill(m->config.taxonomy, task->skills[0])->uri : "";
    char now[32];
    ss_wall_text(ss_wall_ms(), now);
    json_t *line = json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:I, s:I, s:s%}", "at", now, "skill", uri,
                             "prompt_version", task->prompt->version, "kind", ss_pair_kind_word(task->kind), "n",
                             (int)task->n, "verdict", response->reason, "tokens_in", (json_int_t)response->tokens_in,
                             "tokens_out", (json_int_t)response->tokens_out, "answer",
                             response->content.data ? response->content.data : "", response->content.len);
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    json_decref(line);
    if (!text) return ss_fail_memory(err, "keeping an answer");
    int bad = fprintf(m->raw, "%s\n", text) < 0 || fflush(m->raw);
    free(text);
    return bad ? ss_fail(err, SS_IO, "%s: cannot write: %s", m->config.settings->raw, strerror(errno)) : 0;
}
