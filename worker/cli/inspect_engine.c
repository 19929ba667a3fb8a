/* inspect_engine.c - see inspect_engine.h. */
#include "worker/cli/inspect_engine.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "stream/wire_record.h"
#include "worker/extract/release_source.h"

struct ss_inspect_engine {
    const ss_extract_settings *settings;
    ss_pool *pool;
    ss_extractor *extractors[SS_INSPECT_RELEASES];
    size_t count;
    pthread_mutex_t one_at_a_time;
};

/* ---- Where releases come from ---- */

/* Where releases come from. */
typedef struct origin {
    ss_redis *redis; /* or NULL */
    ss_trusted_keys *trusted;
} origin;

static ss_release *fetch(const origin *from, const char *name, ss_error *err)
{
    char digest[SS_SHA256_HEX + 1];
    if (name ? ss_registry_resolve(from->redis, name, digest, err) : ss_release_in_use(from->redis, digest, err))
        return NULL;
    return ss_release_fetch(from->redis, digest, from->trusted, err);
}

static ss_release *open_release(const origin *from, const char *name, ss_error *err)
{
    if (name && (!from->redis || ss_file_exists(name))) return ss_release_open(name, err);
    return fetch(from, name, err);
}

static int add_release(ss_inspect_engine *engine, const origin *from, const char *name, ss_error *err)
{
    ss_release *release = ss_extract_settings_take(engine->settings, open_release(from, name, err), err);
    if (!release) return -1;
    ss_extract_options rules;
    ss_extract_settings_apply(engine->settings, NULL, &rules);
    rules.threshold = 0;
    rules.with_text = 1;
    ss_extractor *extractor = ss_extractor_new(release, &rules, engine->pool, NULL, err);
    ss_release_drop(release);
    if (!extractor) return -1;
    engine->extractors[engine->count++] = extractor;
    return 0;
}

static int add_releases(ss_inspect_engine *engine, const ss_inspect_sources *sources, ss_error *err)
{
    ss_redis_options options = {.url = sources->redis, .command_timeout_ms = 30000};
    origin from = {.redis = sources->redis ? ss_redis_new(&options, err) : NULL};
    int result =
        sources->redis && !from.redis ? -1 : ss_release_trusted_keys(sources->trusted_keys, &from.trusted, err);
    if (!result && from.redis && !(sources->names[0] && ss_file_exists(sources->names[0])))
        result = ss_redis_connect_within(from.redis, sources->patience_ms, err);
    if (!result) result = add_release(engine, &from, sources->names[0], err);
    if (!result && sources->names[1]) result = add_release(engine, &from, sources->names[1], err);
    ss_redis_free(from.redis);
    ss_trusted_keys_free(from.trusted);
    return result;
}

ss_inspect_engine *ss_inspect_engine_new(const ss_inspect_sources *sources, const ss_extract_settings *settings,
                                         ss_error *err)
{
    ss_inspect_engine *engine = calloc(1, sizeof *engine);
    if (!engine) {
        ss_fail_memory(err, "starting");
        return NULL;
    }
    pthread_mutex_init(&engine->one_at_a_time, NULL);
    engine->settings = settings;
    engine->pool = ss_pool_new((size_t)settings->threads, err);
    if (engine->pool && !add_releases(engine, sources, err)) return engine;
    ss_inspect_engine_free(engine);
    return NULL;
}

void ss_inspect_engine_free(ss_inspect_engine *engine)
{
    if (!engine) return;
    for (size_t i = 0; i < engine->count; i++) ss_extractor_free(engine->extractors[i]);
    ss_pool_free(engine->pool);
    pthread_mutex_destroy(&engine->one_at_a_time);
    free(engine);
}

size_t ss_inspect_engine_count(const ss_inspect_engine *engine)
{
    return engine->count;
}

const ss_release *ss_inspect_engine_release(const ss_inspect_engine *engine, size_t i)
{
    return ss_extractor_release(engine->extractors[i]);
}

double ss_inspect_engine_threshold(const ss_inspect_engine *engine, size_t i)
{
    if (!isnan(engine->settings->threshold)) return engine->settings->threshold;
    return ss_release_manifest(ss_inspect_engine_release(engine, i))->calibration.threshold;
}

/* ---- An ad ---- */

static int add_result(ss_extractor *extractor, const ss_ad *ad, ss_buffer *out, ss_error *err)
{
    ss_extraction extraction;
    double start = ss_now();
    if (ss_extract(extractor, ad, 1, &extraction, NULL, err)) return -1;
    if (extraction.reason) return ss_fail(err, SS_INPUT, "%s: %s", extraction.reason, extraction.error);
    if (ss_buffer_printf(out, "{\"seconds\":%.4f,\"record\":", ss_now() - start) ||
        ss_wire_record_json(&extraction.record, out, NULL) || ss_buffer_add_string(out, "}"))
        return ss_fail(err, SS_LIMIT, "the answer is longer than this server sends; give it a shorter ad");
    return 0;
}

int ss_inspect_extract(ss_inspect_engine *engine, const ss_ad *ad, ss_buffer *out, ss_error *err)
{
    int result = ss_buffer_add_string(out, "{\"results\":[");
    pthread_mutex_lock(&engine->one_at_a_time);
    for (size_t i = 0; !result && i < engine->count; i++) {
        if (i) result = ss_buffer_add_string(out, ",");
        if (!result) result = add_result(engine->extractors[i], ad, out, err);
    }
    pthread_mutex_unlock(&engine->one_at_a_time);
    return result || ss_buffer_add_string(out, "]}") ? -1 : 0;
}
