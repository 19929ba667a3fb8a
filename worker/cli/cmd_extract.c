/* cmd_extract.c - `skillstream extract`: ads in, records out, without Kafka and Redis.
 *
 * Ads are taken in batches, so that the encoder sees full micro-batches; records come in the order of the ads. An ad
 * that cannot be processed is reported on stderr and makes the exit code 1; the others still get their record.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"
#include "stream/wire_record.h"
#include "worker/cli/ads_input.h"
#include "worker/cli/command.h"
#include "worker/extract/extract_settings.h"

enum { BATCH_ADS = 64, BATCH_BYTES = 4 << 20, LARGEST = 1 << 30 };

typedef struct values {
    ss_common_values common;
    const char *release, *input_format;
    uint64_t cache_memory;
    int serve;
    ss_extract_settings extract;
} values;

#define AT(member) offsetof(values, member)

static const ss_option table[] = {
    {"release", SS_OPT_STRING, AT(release), NULL, NULL, "FILE", "Input", "The release to work with.", SS_OPT_REQUIRED},
    {"input-format", SS_OPT_CHOICE, AT(input_format), "jsonl", "jsonl|text|html", "FORMAT", NULL,
     "jsonl: an ad a line, as schema.org JobPosting or {\"id\",\"title\",\"text\"|\"html\",\"date\"}; text, html: each "
     "file is one ad.",
     0},
    SS_EXTRACT_OPTIONS(values, extract),
    {"cache-memory", SS_OPT_BYTES, AT(cache_memory), "64M", "0..68719476736", "BYTES", NULL,
     "Memory for sentences seen lately; 0 turns this cache off.", 0},
    {"serve", SS_OPT_FLAG, AT(serve), "false", NULL, NULL, NULL,
     "For benchmarks: prints 'ready', then works through the files once for each line 'go' on standard input, from an "
     "empty cache each time, and prints the number of tokens; records are made and thrown away.",
     0},
    {.name = NULL}};

static const ss_command command = {
    .name = "skillstream extract",
    .summary = "ads on standard input or in files -> one record per line",
    .arguments = "[FILE...]",
    .description = "Finds the skills that job ads ask for and prints one skill record per ad as a line of JSON (the "
                   "proto3 JSON form of skillstream.v1.SkillRecord), in the order of the ads. Needs no Kafka and no "
                   "Redis. Exit code 1 when an ad could not be read; the others are still printed.",
    .examples = "  skillstream extract --release esco.release ads.jsonl.gz > records.jsonl\n"
                "  skillstream extract --release esco.release --with-text < ads.jsonl\n"
                "  skillstream extract --release esco.release --input-format html page.html\n",
    .options = table,
    .size = sizeof(values)};

typedef struct session {
    const values *v;
    ss_extractor *extractor;
    ss_cache *cache; /* NULL = off */
    ss_arena arena;
    ss_ad ads[BATCH_ADS];
    ss_input_ad places[BATCH_ADS];
    ss_extraction out[BATCH_ADS];
    size_t n, bytes;
    ss_extract_stats stats;
    ss_buffer line;
    ss_progress bar;
    int quiet; /* records are thrown away */
} session;

static void say(void *context, const char *text)
{
    (void)context;
    fprintf(stderr, "skillstream extract: %s\n", text);
}

static int print_record(session *s, size_t i, ss_error *err)
{
    if (s->out[i].reason) {
        fprintf(stderr, "skillstream extract: %s:%zu: %s: %s\n", s->places[i].path, s->places[i].line, s->out[i].reason,
                s->out[i].error);
        return 0;
    }
    ss_buffer_clear(&s->line);
    if (ss_wire_record_json(&s->out[i].record, &s->line, err)) return -1;
    if (s->quiet) return 0;
    if (ss_buffer_add(&s->line, "\n", 1)) return ss_fail_memory(err, "printing a record");
    if (fwrite(s->line.data, 1, s->line.len, stdout) != s->line.len)
        return ss_fail(err, SS_IO, "cannot write to standard output");
    return 0;
}

static int finish_batch(session *s, ss_error *err)
{
    if (s->n && ss_extract(s->extractor, s->ads, s->n, s->out, &s->stats, err)) return -1;
    for (size_t i = 0; i < s->n; i++)
        if (print_record(s, i, err)) return -1;
    if (!s->quiet && s->n && fflush(stdout)) return ss_fail(err, SS_IO, "cannot write to standard output");
    s->n = s->bytes = 0;
    ss_arena_reset(&s->arena);
    if (!s->quiet) ss_progress_update(&s->bar, s->stats.ads, NULL);
    return 0;
}

static int one_pass(session *s, const ss_strings *files, size_t *bad, ss_error *err)
{
    ss_ads_input *input = ss_ads_input_open(files, s->v->input_format, say, NULL, err);
    if (!input) return -1;
    ss_input_ad ad;
    int state;
    while ((state = ss_ads_input_next(input, &s->arena, &ad, err)) > 0) {
        s->places[s->n] = ad;
        s->ads[s->n++] = ad.ad;
        s->bytes += ad.raw.len;
        if ((s->n == BATCH_ADS || s->bytes >= BATCH_BYTES) && finish_batch(s, err)) state = -1;
        if (state < 0) break;
    }
    /* What was read before a file failed is still answered. */
    ss_error last = {0};
    if (finish_batch(s, &last) && state >= 0) {
        state = -1;
        *err = last;
    }
    *bad = ss_ads_input_bad(input);
    ss_ads_input_close(input);
    return state < 0 ? -1 : 0;
}

static int serve(session *s, const ss_strings *files, ss_error *err)
{
    char word[64];
    size_t bad;
    s->quiet = 1;
    puts("ready");
    fflush(stdout);
    while (fgets(word, sizeof word, stdin)) {
        s->stats = (ss_extract_stats){0};
        if (s->cache) ss_cache_forget(s->cache);
        if (one_pass(s, files, &bad, err)) return -1;
        printf("%llu\n", (unsigned long long)s->stats.tokens);
        fflush(stdout);
    }
    return 0;
}

static int work(session *s, const ss_strings *files, ss_error *err)
{
    if (s->v->serve) return serve(s, files, err);
    size_t bad = 0;
    ss_progress_start(&s->bar, "extracting", "ads", 0);
    int result = one_pass(s, files, &bad, err);
    ss_progress_end(&s->bar, s->stats.ads);
    bad += s->stats.failed;
    if (!result && bad)
        result = ss_fail(err, SS_INPUT, "%zu ad%s could not be processed, see above; the others have their record", bad,
                         bad == 1 ? "" : "s");
    return result;
}

static int extract(const values *v, ss_options *options, ss_error *err)
{
    session *s = calloc(1, sizeof *s);
    if (!s) return ss_fail_memory(err, "starting");
    char digest[65];
    ss_extract_options rules;
    ss_cache_options cache_options = {.memory_bytes = (size_t)v->cache_memory, .hits_per_sentence = SS_EXTRACT_HITS};
    ss_pool *pool = NULL;
    int result = -1;
    s->v = v;
    ss_arena_init(&s->arena, 1 << 20, 0);
    ss_buffer_init(&s->line, LARGEST);
    ss_release *release = ss_extract_settings_take(&v->extract, ss_release_open(v->release, err), err);
    if (!release || ss_options_digest(options, digest, err)) goto cleanup;
    if (!(pool = ss_pool_new((size_t)v->extract.threads, err))) goto cleanup;
    if (v->cache_memory && !(s->cache = ss_cache_new(&cache_options, err))) goto cleanup;
    ss_extract_settings_apply(&v->extract, digest, &rules);
    if (!(s->extractor = ss_extractor_new(release, &rules, pool, s->cache, err))) goto cleanup;
    result = work(s, ss_options_arguments(options), err);
cleanup:
    ss_extractor_free(s->extractor);
    ss_cache_free(s->cache);
    ss_pool_free(pool);
    ss_release_drop(release);
    ss_buffer_free(&s->line);
    ss_arena_free(&s->arena);
    free(s);
    return result;
}

static int run(int argc, char **argv)
{
    values v;
    ss_options *options;
    ss_log log;
    int code, bad = 0;
    ss_error err = {0};
    if (!ss_command_begin(&command, argc, argv, &v, &options, &log, &code)) return code;
    if (v.serve && !ss_options_arguments(options)->count)
        bad = ss_fail(&err, SS_USAGE, "--serve needs the files as arguments: standard input carries its commands");
    if (bad || extract(&v, options, &err)) code = ss_command_fail(&command, &err);
    ss_options_free(options);
    return code;
}

const ss_subcommand ss_extract_subcommand = {"extract", &command, run};
