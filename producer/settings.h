/* settings.h - the option table of skillstream-producer, and what of it is checked before anything starts. */
#ifndef SKILLSTREAM_PRODUCER_SETTINGS_H
#define SKILLSTREAM_PRODUCER_SETTINGS_H

#include "base/options.h"
#include "stream/kafka_config.h"
#include "stream/pair.h"

typedef enum ss_producer_mode {
    SS_MODE_GENERATE,
    SS_MODE_DRY_RUN,
    SS_MODE_REPLAY,
    SS_MODE_BATCH_OUT,
    SS_MODE_BATCH_IN
} ss_producer_mode;

typedef struct ss_producer_settings {
    ss_common_values common;
    const char *bootstrap, *out, *instance;
    ss_strings kafka;
    int64_t wait_broker;
    const char *taxonomy, *skills, *prompts, *mix, *language;
    uint64_t sentences, none_sentences, per_request;
    const char *llm_url, *llm_model, *llm_key, *llm_key_file, *proxy, *ca_file, *structured, *max_tokens_field;
    ss_strings header;
    double temperature, top_p;
    uint64_t max_tokens;
    const char *seed;
    int stream;
    int64_t connect_timeout, request_timeout, stall_timeout;
    uint64_t max_answer;
    uint64_t concurrency, rpm, tpm;
    double max_cost, price_in, price_out;
    uint64_t max_attempts, max_retries;
    int64_t give_up, retry_base, retry_cap;
    uint64_t breaker_failures;
    int64_t breaker_cool_down;
    uint64_t min_words, max_words;
    double near, meaning;
    const char *release;
    uint64_t rank_top, threads;
    ss_strings replay;
    const char *batch_out, *batch_in;
    int dry_run;
    const char *raw, *report, *http;
    int64_t commit_every, grace;

    /* made by ss_producer_settings_check */
    ss_producer_mode mode;
    unsigned want[SS_PAIR_KINDS]; /* sentences of a skill by kind; NONE: 0, see none_sentences */
} ss_producer_settings;

/* For main, `skillstream lint` and the reference page. */
const ss_command *ss_producer_command(void);

/* Checks what the table cannot, chooses the mode, shares the sentences out. `arguments` are the words that are not
 * options: further files for --replay. */
int ss_producer_settings_check(ss_producer_settings *settings, const ss_strings *arguments, ss_error *err);

/* What Kafka clients are opened with. Borrows from settings. */
ss_kafka_config ss_producer_kafka(const ss_producer_settings *settings);

#endif
