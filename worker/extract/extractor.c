/* extractor.c - the seven steps in order; see extractor.h.
 *
 * Per thread: an arena for what its ads produced, a tokenizer scratch, a span finder, a match scratch. Shared: one
 * arena for the batch (distinct sentences, vectors, hits), which only the calling thread allocates from. All arenas are
 * reset at the start of the next call.
 */
#include "worker/extract/extractor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "match/candidates.h"
#include "nn/embed.h"
#include "worker/extract/ad_text.h"
#include "worker/extract/distinct.h"
#include "worker/extract/mention.h"

enum { MATCH_PIECE = 64, NEAREST = SS_CANDIDATES_NEAREST };

/* Changes with what is kept of a sentence: values that other versions left in Redis are other values. 1: skills that
 * overlap are among the candidates. 2: int8 layers are balanced. */
enum { CANDIDATES_VERSION = 2 };

#define NOT_SCORED UINT32_MAX

typedef struct thread_state {
    ss_arena arena;
    ss_tokenizer_scratch *tokens;
    ss_span_finder *finder;
    ss_match_scratch *match;
    ss_error error; /* of the last failed piece */
} thread_state;

struct ss_extractor {
    ss_release *release;
    ss_extract_options options;
    char digest[SS_SHA256_HEX + 1]; /* of the options */
    ss_pool *pool;
    ss_cache *cache;
    ss_embedder *embedder;
    ss_first_stage *first_stage;
    ss_ad_limits limits;
    ss_mention_rules rules;
    ss_cache_release cache_release;
    uint64_t salt; /* of cache keys: another precision or filter gives other hits */
    thread_state *threads;
    size_t thread_count;
    ss_arena arena;
};

/* One call's work, shared by its pieces. */
typedef struct work {
    ss_extractor *x;
    const ss_ad *ads;
    size_t n;
    ss_extraction *out;
    ss_ad_text *texts;   /* (n) */
    uint32_t **sentence; /* (n) per ad: the distinct number of each sentence, or NOT_SCORED */
    ss_distinct distinct;
    ss_hit_value *hits; /* (distinct, SS_EXTRACT_HITS) */
    ss_cached *found;   /* (distinct) */
    uint32_t *unknown;  /* (unknown_count) distinct numbers that the cache does not know; first the wanted ones, */
    size_t unknown_count;
    size_t wanted_count; /* which the first stage lets through */
    ss_worded *worded;   /* (distinct) the skills whose words stand there; set for wanted ones */
    float *vectors;      /* (wanted_count, D) */
    ss_extract_stats *stats;
} work;

/* ---- making and freeing ---- */

static int start_thread(ss_extractor *x, thread_state *t, ss_error *err)
{
    ss_arena_init(&t->arena, 1 << 18, 0);
    t->tokens = ss_tokenizer_scratch_new(err);
    if (!t->tokens) return -1;
    t->finder = ss_span_finder_new(ss_release_span_labels(x->release), err);
    if (!t->finder) return -1;
    t->match = ss_match_scratch_new(ss_release_matrix(x->release), SS_EXTRACT_HITS, err);
    return t->match ? 0 : -1;
}

static void take_options(ss_extractor *x, const ss_extract_options *options)
{
    const ss_manifest *manifest = ss_release_manifest(x->release);
    const ss_encoder *encoder = ss_release_encoder(x->release);
    size_t specials = ss_tokenizer_specials(ss_encoder_tokenizer(encoder));
    x->options = *options;
    if (options->options_digest) memcpy(x->digest, options->options_digest, strlen(options->options_digest) + 1);
    x->options.options_digest = x->digest;
    x->limits = (ss_ad_limits){.max_ad_bytes = options->max_ad_bytes,
                               .max_sentences = options->max_sentences,
                               .max_tokens = ss_encoder_max_tokens(encoder) - specials};
    x->rules = (ss_mention_rules){
        .threshold = isnan(options->threshold) ? manifest->calibration.threshold : options->threshold,
        .top = options->top < SS_EXTRACT_HITS ? (size_t)options->top : SS_EXTRACT_HITS,
        .gate_threshold = options->gate_threshold,
        .with_text = options->with_text,
    };
    x->cache_release = (ss_cache_release){.digest = ss_release_digest(x->release),
                                          .dims = (uint32_t)ss_encoder_dims(encoder),
                                          .skills = (uint32_t)ss_taxonomy_count(ss_release_taxonomy(x->release))};
}

static uint64_t salt_of(const ss_extractor *x)
{
    const char *precision = ss_precision_name(ss_encoder_precision(ss_release_encoder(x->release)));
    uint64_t filter = ss_first_stage_filter(x->first_stage);
    return ss_hash64(precision, strlen(precision)) + CANDIDATES_VERSION + (filter << 32);
}

ss_extractor *ss_extractor_new(ss_release *release, const ss_extract_options *options, ss_pool *pool, ss_cache *cache,
                               ss_error *err)
{
    if (options->options_digest && strlen(options->options_digest) > SS_SHA256_HEX) {
        ss_fail(err, SS_INTERNAL, "an options digest has at most %d characters", SS_SHA256_HEX);
        return NULL;
    }
    ss_extractor *x = calloc(1, sizeof *x);
    if (!x) {
        ss_fail_memory(err, "starting the extractor");
        return NULL;
    }
    x->release = ss_release_keep(release);
    x->pool = pool;
    x->cache = cache;
    ss_arena_init(&x->arena, 1 << 20, 0);
    take_options(x, options);
    x->thread_count = ss_pool_threads(pool);
    x->threads = calloc(x->thread_count, sizeof *x->threads);
    x->first_stage = ss_first_stage_new(options->filter, x->cache_release.skills);
    if (x->first_stage) x->salt = salt_of(x);
    x->embedder = x->threads && x->first_stage ? ss_embedder_new(ss_release_encoder(release), pool, err) : NULL;
    if (!x->threads || !x->first_stage) ss_fail_memory(err, "starting the extractor");
    int bad = !x->embedder;
    for (size_t i = 0; !bad && i < x->thread_count; i++) bad = start_thread(x, &x->threads[i], err);
    if (bad) {
        ss_extractor_free(x);
        return NULL;
    }
    return x;
}

void ss_extractor_free(ss_extractor *x)
{
    if (!x) return;
    for (size_t i = 0; x->threads && i < x->thread_count; i++) {
        ss_match_scratch_free(x->threads[i].match);
        ss_span_finder_free(x->threads[i].finder);
        ss_tokenizer_scratch_free(x->threads[i].tokens);
        ss_arena_free(&x->threads[i].arena);
    }
    free(x->threads);
    ss_embedder_free(x->embedder);
    ss_first_stage_free(x->first_stage);
    ss_arena_free(&x->arena);
    ss_release_drop(x->release);
    free(x);
}

const ss_release *ss_extractor_release(const ss_extractor *x)
{
    return x->release;
}

/* Runs the pieces on the pool; an error of any thread becomes the call's. */
static int over_pieces(work *w, size_t pieces, ss_piece_fn *piece, ss_error *err)
{
    for (size_t i = 0; i < w->x->thread_count; i++) w->x->threads[i].error = (ss_error){0};
    if (!ss_pool_run(w->x->pool, pieces, piece, w)) return 0;
    for (size_t i = 0; i < w->x->thread_count; i++)
        if (w->x->threads[i].error.status) {
            if (err) *err = w->x->threads[i].error;
            return -1;
        }
    return ss_fail(err, SS_INTERNAL, "a compute thread failed without a reason");
}

/* ---- 1: text ---- */

static int text_piece(void *job, size_t thread, size_t piece)
{
    work *w = job;
    thread_state *t = &w->x->threads[thread];
    const ss_tokenizer *tokenizer = ss_encoder_tokenizer(ss_release_encoder(w->x->release));
    return ss_ad_text_make(&w->ads[piece], &w->x->limits, tokenizer, t->tokens, &t->arena, &w->texts[piece], &t->error);
}

/* ---- 2: distinct sentences ---- */

static int add_sentence(work *w, const ss_ad_text *ad, size_t s, uint32_t *number)
{
    ss_span span = ad->sentences[s];
    const char *text = ad->text.bytes + span.begin;
    size_t len = span.end - span.begin;
    *number = NOT_SCORED;
    if (!ss_sentence_has_word(text, len)) {
        w->stats->filtered++;
        return 0;
    }
    char *folded = ss_arena_alloc(&w->x->arena, len);
    if (!folded) return -1;
    len = ss_sentence_fold(text, len, folded);
    size_t before = w->distinct.count;
    ss_hash128 key = ss_hash128_of(folded, len);
    key.low ^= w->x->salt;
    *number = ss_distinct_add(&w->distinct, key, (ss_string_view){.data = folded, .len = len});
    if (w->distinct.count == before) w->stats->repeated++;
    return 0;
}

static int find_distinct(work *w, ss_error *err)
{
    ss_arena *arena = &w->x->arena;
    size_t total = 0;
    for (size_t i = 0; i < w->n; i++) total += w->texts[i].reason ? 0 : w->texts[i].sentence_count;
    int bad = ss_distinct_init(&w->distinct, total, arena);
    for (size_t i = 0; !bad && i < w->n; i++) {
        const ss_ad_text *ad = &w->texts[i];
        if (ad->reason) continue;
        w->stats->sentences += ad->sentence_count;
        w->sentence[i] = ss_arena_alloc(arena, ad->sentence_count * sizeof **w->sentence);
        bad = !w->sentence[i];
        for (size_t s = 0; !bad && s < ad->sentence_count; s++) bad = add_sentence(w, ad, s, &w->sentence[i][s]);
    }
    return bad ? ss_fail_memory(err, "collecting sentences") : 0;
}

/* ---- 3: look-up ---- */

static int look_up(work *w, ss_error *err)
{
    ss_arena *arena = &w->x->arena;
    size_t n = w->distinct.count;
    w->hits = ss_arena_alloc(arena, n * SS_EXTRACT_HITS * sizeof *w->hits);
    w->found = ss_arena_alloc(arena, n * sizeof *w->found);
    w->unknown = ss_arena_alloc(arena, n * sizeof *w->unknown);
    if (!w->hits || !w->found || !w->unknown) return ss_fail_memory(err, "looking up sentences");
    for (size_t i = 0; i < n; i++) w->found[i] = (ss_cached){.count = SS_CACHE_MISS};
    if (w->x->cache && n)
        w->stats->cached += ss_cache_lookup(w->x->cache, &w->x->cache_release, w->distinct.keys, n, w->hits, w->found);
    for (size_t i = 0; i < n; i++)
        if (w->found[i].count == SS_CACHE_MISS) w->unknown[w->unknown_count++] = (uint32_t)i;
    return 0;
}

/* ---- 4: words, and the filter ---- */

/* A dropped sentence has no candidates; every other one has some. */
enum { DROPPED = 0 };

/* A copy whose arrays are the arena's. */
static int keep_worded(const ss_worded *from, ss_arena *arena, ss_worded *to)
{
    size_t named = from->named_count * sizeof *from->named;
    size_t overlapping = from->overlapping_count * sizeof *from->overlapping;
    char *copy = ss_arena_alloc(arena, named + overlapping);
    if (!copy) return -1;
    memcpy(copy, from->named, named);
    memcpy(copy + named, from->overlapping, overlapping);
    *to = (ss_worded){.named = (const uint32_t *)(const void *)copy,
                      .overlapping = (const uint32_t *)(const void *)(copy + named),
                      .named_count = from->named_count,
                      .overlapping_count = from->overlapping_count};
    return 0;
}

static int words_piece(void *job, size_t thread, size_t piece)
{
    work *w = job;
    thread_state *t = &w->x->threads[thread];
    size_t end = (piece + 1) * MATCH_PIECE < w->unknown_count ? (piece + 1) * MATCH_PIECE : w->unknown_count;
    for (size_t i = piece * MATCH_PIECE; i < end; i++) {
        ss_worded_room room;
        uint32_t number = w->unknown[i];
        ss_string_view text = w->distinct.texts[number];
        if (ss_span_sentence(t->finder, text.data, text.len, &t->error)) return -1;
        ss_worded worded = ss_span_worded(t->finder, &room);
        if (!ss_first_stage_passes(w->x->first_stage, &worded, text.data, text.len))
            w->found[number] = (ss_cached){.count = DROPPED};
        else if (keep_worded(&worded, &t->arena, &w->worded[number]))
            return ss_fail_memory(&t->error, "looking at words");
    }
    return 0;
}

/* Wanted ones to the front, in their order. */
static int filter(work *w, ss_error *err)
{
    size_t n = w->unknown_count, dropped = 0;
    if (!n) return 0;
    uint32_t *others = ss_arena_alloc(&w->x->arena, n * sizeof *others);
    w->worded = ss_arena_alloc(&w->x->arena, w->distinct.count * sizeof *w->worded);
    if (!others || !w->worded) return ss_fail_memory(err, "filtering sentences");
    if (over_pieces(w, (n + MATCH_PIECE - 1) / MATCH_PIECE, words_piece, err)) return -1;
    for (size_t i = 0; i < n; i++)
        if (w->found[w->unknown[i]].count == DROPPED)
            others[dropped++] = w->unknown[i];
        else
            w->unknown[w->wanted_count++] = w->unknown[i];
    memcpy(w->unknown + w->wanted_count, others, dropped * sizeof *others);
    w->stats->filtered += dropped;
    return 0;
}

/* ---- 5: embed ---- */

static int embed(work *w, ss_error *err)
{
    ss_arena *arena = &w->x->arena;
    size_t n = w->wanted_count, dims = w->x->cache_release.dims;
    if (!n) return 0;
    ss_string_view *texts = ss_arena_alloc(arena, n * sizeof *texts);
    w->vectors = ss_arena_alloc(arena, n * dims * sizeof *w->vectors);
    if (!texts || !w->vectors) return ss_fail_memory(err, "embedding sentences");
    for (size_t i = 0; i < n; i++) texts[i] = w->distinct.texts[w->unknown[i]];
    size_t tokens = ss_embedder_tokens(w->x->embedder);
    if (ss_embed_texts(w->x->embedder, texts, n, w->vectors, NULL, NULL, err)) return -1;
    w->stats->embedded += n;
    w->stats->tokens += ss_embedder_tokens(w->x->embedder) - tokens;
    return 0;
}

/* ---- 6: match ---- */

/* Named skills join the nearest ones, and the sentence's hits go to their place. */
static void settle_sentence(work *w, size_t unknown, ss_hit *hits, size_t count)
{
    uint32_t number = w->unknown[unknown];
    const float *vector = w->vectors + unknown * w->x->cache_release.dims;
    const ss_gate *gate = ss_release_gate(w->x->release);
    count = ss_candidates_add_worded(ss_release_matrix(w->x->release), &w->worded[number], vector, hits, count,
                                     SS_EXTRACT_HITS);
    w->found[number] = (ss_cached){.count = (int32_t)count, .gate = gate ? ss_gate_logit(gate, vector) : 0};
    for (size_t k = 0; k < count; k++)
        w->hits[(size_t)number * SS_EXTRACT_HITS + k] = (ss_hit_value){.skill = hits[k].skill, .score = hits[k].score};
}

static int match_piece(void *job, size_t thread, size_t piece)
{
    work *w = job;
    thread_state *t = &w->x->threads[thread];
    size_t from = piece * MATCH_PIECE, n = w->wanted_count - from;
    if (n > MATCH_PIECE) n = MATCH_PIECE;
    ss_hit hits[MATCH_PIECE * NEAREST];
    uint32_t counts[MATCH_PIECE];
    ss_skill_matrix_top(ss_release_matrix(w->x->release), t->match, w->vectors + from * w->x->cache_release.dims, n,
                        NEAREST, hits, counts);
    for (size_t i = 0; i < n; i++) {
        ss_hit own[SS_EXTRACT_HITS];
        memcpy(own, hits + i * NEAREST, counts[i] * sizeof *own);
        settle_sentence(w, from + i, own, counts[i]);
    }
    return 0;
}

static int match(work *w, ss_error *err)
{
    size_t n = w->unknown_count;
    if (!n) return 0;
    if (w->wanted_count && over_pieces(w, (w->wanted_count + MATCH_PIECE - 1) / MATCH_PIECE, match_piece, err))
        return -1;
    if (!w->x->cache) return 0;
    ss_arena *arena = &w->x->arena;
    ss_hash128 *keys = ss_arena_alloc(arena, n * sizeof *keys);
    ss_cached *values = ss_arena_alloc(arena, n * sizeof *values);
    ss_hit_value *hits = ss_arena_alloc(arena, n * SS_EXTRACT_HITS * sizeof *hits);
    if (!keys || !values || !hits) return ss_fail_memory(err, "storing sentences");
    for (size_t i = 0; i < n; i++) {
        size_t number = w->unknown[i];
        keys[i] = w->distinct.keys[number];
        values[i] = w->found[number];
        memcpy(hits + i * SS_EXTRACT_HITS, w->hits + number * SS_EXTRACT_HITS, SS_EXTRACT_HITS * sizeof *hits);
    }
    ss_cache_store(w->x->cache, &w->x->cache_release, keys, n, hits, values);
    return 0;
}

/* ---- 7: records ---- */

static ss_slice slice_of(const char *text)
{
    return (ss_slice){.data = text, .len = strlen(text)};
}

static void start_record(const ss_extractor *x, const ss_ad *ad, const ss_ad_text *text, ss_record *record)
{
    const ss_taxonomy *taxonomy = ss_release_taxonomy(x->release);
    *record = (ss_record){
        .ad_id = ad->id,
        .release = slice_of(ss_release_digest(x->release)),
        .taxonomy_name = slice_of(ss_taxonomy_name(taxonomy)),
        .taxonomy_version = slice_of(ss_taxonomy_version(taxonomy)),
        .options_digest = slice_of(x->digest),
        .sentence_count = (uint32_t)text->sentence_count,
        .title = ad->title,
        .language = ad->language,
        .employer = ad->employer,
        .location = ad->location,
        .source_url = ad->source_url,
        .posted_at = ad->posted_at,
        .attributes = ad->attributes,
        .attribute_count = ad->attribute_count,
    };
    if (x->options.with_text) record->text = (ss_slice){.data = text->text.bytes, .len = text->text.len};
}

static int record_piece(void *job, size_t thread, size_t piece)
{
    work *w = job;
    thread_state *t = &w->x->threads[thread];
    const ss_ad_text *text = &w->texts[piece];
    ss_extraction *out = &w->out[piece];
    if (text->reason) {
        *out = (ss_extraction){.reason = text->reason, .stage = "text", .error = text->error};
        return 0;
    }
    out->reason = NULL;
    start_record(w->x, &w->ads[piece], text, &out->record);
    ss_sentence_hits *hits = ss_arena_calloc(&t->arena, text->sentence_count, sizeof *hits);
    if (!hits) return ss_fail_memory(&t->error, "writing a record");
    for (size_t s = 0; s < text->sentence_count; s++) {
        uint32_t number = w->sentence[piece][s];
        if (number == NOT_SCORED || w->found[number].count == DROPPED) continue;
        out->record.scored_sentence_count++;
        hits[s] = (ss_sentence_hits){.hits = w->hits + (size_t)number * SS_EXTRACT_HITS,
                                     .count = (size_t)w->found[number].count,
                                     .gate = w->found[number].gate};
    }
    return ss_mentions_make(w->x->release, &w->x->rules, text, hits, t->finder, &t->arena, &out->record, &t->error);
}

/* ---- the call ---- */

/* Seconds since *mark; moves the mark to now. */
static double lap(double *mark)
{
    double now = ss_now(), seconds = now - *mark;
    *mark = now;
    return seconds;
}

static void count_mentions(const ss_record *record, ss_extract_stats *stats)
{
    stats->mentions += record->mention_count;
    for (size_t i = 0; i < record->mention_count; i++) {
        float probability = record->mentions[i].probability;
        size_t tenth = probability > 0 ? (size_t)(probability * SS_EXTRACT_TENTHS) : 0;
        stats->by_probability[tenth < SS_EXTRACT_TENTHS ? tenth : SS_EXTRACT_TENTHS - 1]++;
    }
}

static void count_records(work *w)
{
    w->stats->ads += w->n;
    for (size_t i = 0; i < w->n; i++) {
        if (w->out[i].reason)
            w->stats->failed++;
        else
            count_mentions(&w->out[i].record, w->stats);
    }
}

int ss_extract(ss_extractor *x, const ss_ad *ads, size_t n, ss_extraction *out, ss_extract_stats *stats, ss_error *err)
{
    ss_extract_stats unwanted = {0};
    work w = {.x = x, .ads = ads, .n = n, .out = out, .stats = stats ? stats : &unwanted};
    ss_arena_reset(&x->arena);
    for (size_t i = 0; i < x->thread_count; i++) ss_arena_reset(&x->threads[i].arena);
    w.texts = ss_arena_calloc(&x->arena, n, sizeof *w.texts);
    w.sentence = ss_arena_calloc(&x->arena, n, sizeof *w.sentence);
    if (!w.texts || !w.sentence) return ss_fail_memory(err, "starting a batch");
    double mark = ss_now();
    if (over_pieces(&w, n, text_piece, err) || find_distinct(&w, err)) return -1;
    w.stats->text_seconds += lap(&mark);
    if (look_up(&w, err)) return -1;
    w.stats->lookup_seconds += lap(&mark);
    if (filter(&w, err)) return -1;
    w.stats->match_seconds += lap(&mark); /* what words tell of skills */
    if (embed(&w, err)) return -1;
    w.stats->embed_seconds += lap(&mark);
    if (match(&w, err)) return -1;
    w.stats->match_seconds += lap(&mark);
    if (over_pieces(&w, n, record_piece, err)) return -1;
    w.stats->mention_seconds += lap(&mark);
    count_records(&w);
    return 0;
}
