/* worker_settings.h - the option table of skillstream-worker. */
#ifndef SKILLSTREAM_WORKER_EXTRACT_WORKER_SETTINGS_H
#define SKILLSTREAM_WORKER_EXTRACT_WORKER_SETTINGS_H

#include "base/options.h"
#include "worker/extract/extract_settings.h"

typedef struct ss_worker_settings {
    ss_common_values common;
    const char *bootstrap, *group, *instance, *in, *out, *dead_letters;
    ss_strings kafka, trusted_keys;
    const char *redis, *release;
    int follow, redis_cache;
    uint64_t cache_memory;
    int64_t cache_ttl, poll_release;
    uint64_t batch_ads, batch_bytes;
    int64_t linger, wait_broker, grace;
    const char *framing;
    uint64_t schema_id, max_json_depth;
    const char *http;
    ss_extract_settings extract;
} ss_worker_settings;

/* For main, `skillstream lint` and the reference page. */
const ss_command *ss_worker_command(void);

/* Checks what the table cannot (a release must come from somewhere). */
int ss_worker_settings_check(const ss_worker_settings *settings, ss_error *err);

#endif
