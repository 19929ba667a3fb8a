/* cmd_inspect.c - `skillstream inspect`: a page on this machine that shows what a release finds in an ad.
 *
 * This file holds the options and the life of the parts: engine (releases), live view (Kafka), pages (HTTP). The main
 * thread only waits for the signal.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/harden.h"
#include "base/shutdown.h"
#include "stream/redis_client.h"
#include "worker/cli/command.h"
#include "worker/cli/inspect_pages.h"

enum { GRACE_MS = 20000, TICK_MS = 1000 };

typedef struct values {
    ss_common_values common;
    const char *http, *release, *compare, *redis, *bootstrap, *topic;
    ss_strings hosts, kafka, trusted_keys;
    int from_beginning;
    int64_t patience;
    uint64_t max_body;
    ss_extract_settings extract;
} values;

#define AT(member) offsetof(values, member)

static const ss_option table[] = {
    {"release", SS_OPT_STRING, AT(release), NULL, NULL, "FILE|DIGEST", "Releases",
     "The release to work with: a file, or with --redis the digest of one stored there, which may be shortened. "
     "Default: the one in use in Redis.",
     0},
    {"compare", SS_OPT_STRING, AT(compare), NULL, NULL, "FILE|DIGEST", NULL,
     "A second release; the page shows what each of the two finds.", 0},
    {"redis", SS_OPT_STRING, AT(redis), NULL, NULL, "URL", NULL, "Where releases are stored: " SS_REDIS_URL_FORMS, 0},
    {"trusted-key", SS_OPT_LIST, AT(trusted_keys), NULL, NULL, "FILE", NULL,
     "Take from Redis only releases that this key has signed (a NAME.pub of 'skillstream release keygen'); repeatable.",
     0},
    {"patience", SS_OPT_TIME, AT(patience), "10s", NULL, "TIME", NULL, "How long to try to reach Redis.", 0},
    {"threshold", SS_OPT_REAL, AT(extract.threshold), NULL, "0..1", "P", "Result",
     "Where the page's threshold stands at first. Default: the release's own.", 0},
    {"gate-threshold", SS_OPT_REAL, AT(extract.gate_threshold), "0", "0..1", "P", NULL,
     "Do not link a sentence whose probability to ask for any skill, by the release's gate, is below P.", 0},
    {"top", SS_OPT_COUNT, AT(extract.top), "5", "1..32", "N", NULL, "Keep at most N skills of a sentence.", 0},
    {"filter", SS_OPT_CHOICE, AT(extract.filter), "careful", SS_FILTER_WORDS, "LEVEL", NULL,
     "Which sentences are dropped before they are embedded, as `extract` and the worker do; off shows what is found in "
     "all of them.",
     0},
    {"precision", SS_OPT_CHOICE, AT(extract.precision), NULL, "fp32|int8", "P", NULL,
     "Arithmetic of the encoder. Default: the one that the release was made with.", 0},
    {"bootstrap", SS_OPT_STRING, AT(bootstrap), NULL, NULL, "HOST:PORT", "Live view",
     "Kafka, for the view of records as they come; without it there is none.", 0},
    {"topic", SS_OPT_STRING, AT(topic), "skill-records", NULL, "TOPIC", NULL, "Topic of skill records.", 0},
    {"from-beginning", SS_OPT_FLAG, AT(from_beginning), "false", NULL, NULL, NULL,
     "Start with the oldest record instead of the next new one; the last 200 are kept.", 0},
    {"kafka", SS_OPT_LIST, AT(kafka), NULL, NULL, "KEY=VALUE", NULL, "Setting for librdkafka.", 0},
    {"http", SS_OPT_STRING, AT(http), "127.0.0.1:8070", NULL, "HOST:PORT", "Server",
     "Where the page is served; port 0 takes a free one. There is no password: whoever reaches the address can use it.",
     0},
    {"allow-host", SS_OPT_LIST, AT(hosts), NULL, NULL, "NAME", NULL,
     "A further name by which browsers may call this server, e.g. that of a proxy before it. Loopback names and the "
     "host of --http are allowed anyway; others are refused (DNS rebinding).",
     0},
    {"max-body", SS_OPT_BYTES, AT(max_body), "256K", "1..16777216", "BYTES", NULL, "The largest ad that is taken.", 0},
    {"threads", SS_OPT_COUNT, AT(extract.threads), "0", "0..1024", "N", NULL,
     "Compute threads; 0: one per processor that this process may use. One ad at a time is worked on.", 0},
    {.name = NULL}};

static const ss_command command = {
    .name = "skillstream inspect",
    .summary = "a page in your browser: an ad, its sentences, the skills found and why",
    .arguments = "[ADS.jsonl...]",
    .description =
        "Serves one page on this machine. Paste an ad or pick one, and see its sentences with the words that name a "
        "skill marked, each skill's probability and score and its ESCO page. A slider moves the threshold. With "
        "--compare the page shows where two releases differ; with --bootstrap it shows skill records as a worker "
        "writes them. Ads on offer are those of the files, else some that are built in. Nothing is stored, nothing is "
        "fetched from elsewhere. Ends with Ctrl-C.",
    .examples = "  skillstream inspect --release esco.release\n"
                "  skillstream inspect --release old.release --compare new.release my-ads.jsonl\n"
                "  skillstream inspect --redis redis://localhost --bootstrap localhost:9092\n"
                "  ssh -L 8070:127.0.0.1:8070 SERVER    # then open http://127.0.0.1:8070/ here\n",
    .options = table,
    .size = sizeof(values)};

static void say(void *context, const char *text)
{
    (void)context;
    fprintf(stderr, "skillstream inspect: %s\n", text);
}

/* ---- Addresses ---- */

/* Names that Host may hold: the user's and that of --http, as a list that ends with NULL. */
typedef struct host_list {
    char bound[260];
    const char **names;
} host_list;

static int make_hosts(const values *v, host_list *out, ss_error *err)
{
    char host[256];
    int port;
    if (ss_http_split_address(v->http, host, &port, err)) return -1;
    out->names = calloc(v->hosts.count + 2, sizeof *out->names);
    if (!out->names) return ss_fail_memory(err, "starting");
    size_t n = 0;
    for (; n < v->hosts.count; n++) out->names[n] = v->hosts.items[n];
    snprintf(out->bound, sizeof out->bound, strchr(host, ':') ? "[%s]" : "%s", host);
    if (*host) out->names[n] = out->bound;
    return 0;
}

static void announce(const host_list *hosts, int port)
{
    static const char *const any[] = {"", "0.0.0.0", "[::]"}, *const own[] = {"localhost", "127.0.0.1", "[::1]"};
    const char *host = hosts->bound;
    int loopback = !strncmp(host, "127.", 4);
    for (size_t i = 0; i < 3; i++) {
        if (!strcmp(host, own[i])) loopback = 1;
        if (!strcmp(host, any[i])) host = "127.0.0.1";
    }
    if (!loopback)
        say(NULL, "warning: this address is reachable from other machines, and there is neither password nor TLS");
    printf("http://%s:%d/\n", host, port);
    fflush(stdout);
}

/* ---- Life ---- */

static int serve(const values *v, ss_inspect_pages *pages, ss_shutdown *shutdown, ss_error *err)
{
    host_list hosts;
    ss_http *http = NULL;
    if (make_hosts(v, &hosts, err)) return -1;
    http = ss_inspect_serve(pages, v->http, hosts.names, err);
    if (http) {
        announce(&hosts, ss_http_port(http));
        while (!ss_shutdown_wait(shutdown, TICK_MS)) {
        }
        ss_shutdown_stage(shutdown, "answering the last requests");
        ss_http_stop(http);
    }
    free(hosts.names);
    return http ? 0 : -1;
}

static int check(const values *v, ss_error *err)
{
    char host[256];
    int port;
    if (!v->release && !v->redis)
        return ss_fail(err, SS_USAGE, "a release is needed: --release FILE, or --redis URL for the one in use there");
    return ss_http_split_address(v->http, host, &port, err);
}

static int inspect(values *v, const ss_strings *files, ss_error *err)
{
    ss_kafka_config kafka = {.bootstrap = v->bootstrap,
                             .client_id = "skillstream-inspect",
                             .settings = (const char *const *)v->kafka.items,
                             .setting_count = v->kafka.count};
    ss_inspect_sources sources = {.names = {v->release, v->compare},
                                  .redis = v->redis,
                                  .patience_ms = v->patience,
                                  .trusted_keys = &v->trusted_keys};
    ss_inspect_pages pages = {.live_topic = v->topic, .body_max = (size_t)v->max_body, .top = (size_t)v->extract.top};
    int result = -1;
    v->extract.max_ad_bytes = v->extract.max_sentences = v->max_body; /* a sentence has a byte at least */
    ss_shutdown *shutdown = ss_shutdown_start(GRACE_MS, NULL, NULL, err);
    if (!shutdown || check(v, err) || ss_inspect_ads(&pages, files, say, err)) goto cleanup;
    if (!(pages.engine = ss_inspect_engine_new(&sources, &v->extract, err))) goto cleanup;
    if (v->bootstrap && !(pages.live = ss_inspect_live_start(&kafka, v->topic, v->from_beginning, err))) goto cleanup;
    result = serve(v, &pages, shutdown, err);
    ss_shutdown_stage(shutdown, "leaving Kafka");
cleanup:
    ss_inspect_live_stop(pages.live);
    ss_inspect_engine_free(pages.engine);
    ss_buffer_free(&pages.ads);
    ss_shutdown_end(shutdown);
    return result;
}

static int run(int argc, char **argv)
{
    values v;
    ss_options *options;
    ss_log log;
    int code;
    ss_error err = {0};
    if (!ss_command_begin(&command, argc, argv, &v, &options, &log, &code)) return code;
    ss_harden_process(); /* a server with ads and perhaps passwords in memory */
    if (inspect(&v, ss_options_arguments(options), &err)) code = ss_command_fail(&command, &err);
    ss_options_free(options);
    return code;
}

const ss_subcommand ss_inspect_subcommand = {"inspect", &command, run};
