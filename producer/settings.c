/* settings.c - see settings.h. */
#include "producer/settings.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "producer/language.h"

#define AT(member) offsetof(ss_producer_settings, member)

static const ss_option table[] = {
    {"bootstrap", SS_OPT_STRING, AT(bootstrap), NULL, NULL, "HOST:PORT", "Kafka",
     "Brokers to start from, separated by commas. Needed but for --dry-run and --batch-out, which without it count "
     "every skill as not yet done.",
     0},
    {"out", SS_OPT_STRING, AT(out), "training-pairs", NULL, "TOPIC", NULL, "Topic of training pairs.", 0},
    {"instance", SS_OPT_STRING, AT(instance), "", NULL, "ID", NULL,
     "Name of this producer, where several work on different skills of one topic. A second one of the same name and "
     "topic "
     "takes over: the first one ends.",
     0},
    {"kafka", SS_OPT_LIST, AT(kafka), NULL, NULL, "KEY=VALUE", NULL,
     "Setting for librdkafka, such as security.protocol=SASL_SSL. See its CONFIGURATION.md.", 0},
    {"wait-broker", SS_OPT_TIME, AT(wait_broker), "1h", NULL, "TIME", NULL,
     "How long to wait for a broker that does not answer.", 0},
    {"commit-every", SS_OPT_TIME, AT(commit_every), "20ms", "1..60000", "TIME", NULL,
     "A transaction is committed this long after its first pair.", 0},
    {"taxonomy", SS_OPT_STRING, AT(taxonomy), NULL, NULL, "FILE", "What to write",
     "Skills: ESCO's CSV or a list of one's own (id, label, alternatives, description).", 0},
    {"skills", SS_OPT_STRING, AT(skills), "all", NULL, "FILE|all", NULL,
     "File with URIs or preferred labels, one a line, of the skills to write for.", 0},
    {"sentences", SS_OPT_COUNT, AT(sentences), "10", "1..1000", "N", NULL, "Sentences for each skill.", 0},
    {"mix", SS_OPT_STRING, AT(mix), "literal=4,implied=4,multi=2", NULL, "KIND=SHARE,...", NULL,
     "How a skill's sentences are shared out: literal (the skill is named), implied (a duty that needs it), multi "
     "(several skills in one sentence).",
     0},
    {"none-sentences", SS_OPT_COUNT, AT(none_sentences), "0", "0..100000", "N", NULL,
     "Sentences without any skill, all together, for the filter in front of the matcher.", 0},
    {"per-request", SS_OPT_COUNT, AT(per_request), "20", "1..100", "N", NULL, "Most sentences asked for at once.", 0},
    {"language", SS_OPT_STRING, AT(language), "en", NULL, "TAG", NULL, "Language of the sentences (en, de, fr ...).",
     0},
    {"prompts", SS_OPT_STRING, AT(prompts), NULL, NULL, "DIR", NULL,
     "Prompt templates (*.txt) to use in place of the built-in ones; see producer/README.md.", 0},
    {"llm-url", SS_OPT_STRING, AT(llm_url), NULL, NULL, "URL", "Language model",
     "OpenAI-compatible endpoint: https://host/v1, or the whole path to chat/completions.", 0},
    {"llm-model", SS_OPT_STRING, AT(llm_model), NULL, NULL, "NAME", NULL, "Model to ask.", 0},
    {"llm-key", SS_OPT_SECRET, AT(llm_key), NULL, NULL, "KEY", NULL,
     "API key. Better in the environment (SKILLSTREAM_LLM_KEY) or in a file: a command line can be read by others.", 0},
    {"llm-key-file", SS_OPT_STRING, AT(llm_key_file), NULL, NULL, "FILE", NULL,
     "File whose first line is the key; an empty file is no key.", 0},
    {"header", SS_OPT_LIST, AT(header), NULL, NULL, "NAME: VALUE", NULL, "Further HTTP header of each request.", 0},
    {"proxy", SS_OPT_STRING, AT(proxy), NULL, NULL, "URL", NULL,
     "HTTP or SOCKS proxy. Default: https_proxy and the like in the environment; '' = none.", 0},
    {"ca-file", SS_OPT_STRING, AT(ca_file), NULL, NULL, "FILE", NULL,
     "Certificates (PEM) to trust in place of the system's. There is no option not to verify.", 0},
    {"temperature", SS_OPT_REAL, AT(temperature), "1", "0..2", "T", NULL, "Sampling temperature.", 0},
    {"top-p", SS_OPT_REAL, AT(top_p), NULL, "0..1", "P", NULL, "Nucleus sampling; not sent unless given.", 0},
    {"seed", SS_OPT_STRING, AT(seed), NULL, NULL, "N", NULL,
     "Number from which each request's seed is made; not sent unless given.", 0},
    {"max-tokens", SS_OPT_COUNT, AT(max_tokens), "0", "0..1000000", "N", NULL,
     "Most tokens of an answer; 0: 64 for each sentence and 128 more. Models that think before they answer need more.",
     0},
    {"max-tokens-field", SS_OPT_CHOICE, AT(max_tokens_field), "max_tokens", "max_tokens|max_completion_tokens", "NAME",
     NULL, "What the endpoint calls that limit.", 0},
    {"structured", SS_OPT_CHOICE, AT(structured), "auto", "auto|on|off", "WHEN", NULL,
     "Ask for JSON by schema (response_format). auto: until the endpoint says that it cannot.", 0},
    {"stream", SS_OPT_FLAG, AT(stream), "false", NULL, NULL, NULL,
     "Have answers streamed, so that a stalled one is noticed by --stall-timeout.", 0},
    {"connect-timeout", SS_OPT_TIME, AT(connect_timeout), "15s", "100..", "TIME", NULL, "For a connection.", 0},
    {"request-timeout", SS_OPT_TIME, AT(request_timeout), "3m", "100..", "TIME", NULL,
     "For a whole answer; with --stream there is no such limit.", 0},
    {"stall-timeout", SS_OPT_TIME, AT(stall_timeout), "60s", "1000..", "TIME", NULL,
     "With --stream: how long nothing may come.", 0},
    {"max-answer", SS_OPT_BYTES, AT(max_answer), "2M", "1024..1073741824", "BYTES", NULL,
     "A larger answer is cut off and not used.", 0},
    {"concurrency", SS_OPT_COUNT, AT(concurrency), "8", "1..1000", "N", "Limits",
     "Requests at a time. An answer counts until its pairs are committed, so that a kill costs no more than this many.",
     0},
    {"rpm", SS_OPT_COUNT, AT(rpm), "0", "0..10000000", "N", NULL, "Most requests a minute; 0 = no limit.", 0},
    {"tpm", SS_OPT_COUNT, AT(tpm), "0", "0..100000000000", "N", NULL,
     "Most tokens a minute, prompt and the most that may be answered; 0 = no limit.", 0},
    {"max-cost", SS_OPT_REAL, AT(max_cost), NULL, "0..1000000", "X", NULL,
     "Most money for this run, in the currency of the prices. No request goes that might pass it.", 0},
    {"price-in", SS_OPT_REAL, AT(price_in), NULL, "0..1000000", "P", NULL, "Price of a million prompt tokens.", 0},
    {"price-out", SS_OPT_REAL, AT(price_out), NULL, "0..1000000", "P", NULL, "Price of a million answered tokens.", 0},
    {"max-attempts", SS_OPT_COUNT, AT(max_attempts), "10", "1..100", "N", "Failures",
     "Answers in a row without one good sentence after which a skill is left short.", 0},
    {"max-retries", SS_OPT_COUNT, AT(max_retries), "50", "0..100000", "N", NULL,
     "Failed requests after which a skill is left for the next run. Those of an outage, while no request succeeds, do "
     "not "
     "count.",
     0},
    {"retry-base", SS_OPT_TIME, AT(retry_base), "500ms", "1..", "TIME", NULL,
     "First backoff; it doubles up to --retry-cap, each time a random part of it is waited.", 0},
    {"retry-cap", SS_OPT_TIME, AT(retry_cap), "60s", "1..", "TIME", NULL, "Longest backoff.", 0},
    {"breaker-failures", SS_OPT_COUNT, AT(breaker_failures), "8", "1..10000", "N", NULL,
     "Failures in a row after which only one request at a time tries whether the endpoint is back.", 0},
    {"breaker-cool-down", SS_OPT_TIME, AT(breaker_cool_down), "2s", "10..", "TIME", NULL,
     "Pause before the first such try; it doubles up to a minute.", 0},
    {"give-up", SS_OPT_TIME, AT(give_up), "1h", "100..", "TIME", NULL,
     "How long the endpoint may be away before the run ends.", 0},
    {"min-words", SS_OPT_COUNT, AT(min_words), "2", "1..100", "N", "Checks", "Fewest words of a sentence.", 0},
    {"max-words", SS_OPT_COUNT, AT(max_words), "60", "2..500", "N", NULL, "Most words of a sentence.", 0},
    {"near", SS_OPT_REAL, AT(near), "0.8", "0..2", "J", NULL,
     "A sentence with this Jaccard similarity to another one of its skill is a near duplicate; over 1 = never.", 0},
    {"release", SS_OPT_STRING, AT(release), NULL, NULL, "FILE", NULL,
     "Release whose encoder ranks each pair's skill and finds sentences that mean the same.", 0},
    {"meaning", SS_OPT_REAL, AT(meaning), "0.95", "0..2", "C", NULL,
     "With --release: cosine from which two sentences of a skill mean the same; over 1 = never.", 0},
    {"rank-top", SS_OPT_COUNT, AT(rank_top), "100", "1..1000000", "K", NULL,
     "With --release: pairs whose skill is not among the K nearest are counted as flagged; they are kept, the rank is "
     "in the pair.",
     0},
    {"threads", SS_OPT_COUNT, AT(threads), "0", "0..1024", "N", NULL,
     "Compute threads of the encoder; 0: one per processor.", 0},
    {"replay", SS_OPT_LIST, AT(replay), NULL, NULL, "FILE", "Other modes",
     "Stream existing pairs instead: JSON lines (TrainingPair, or {sentence, skill}) or CSV (sentence,skill), plain or "
     "gzip. Pairs that are on the topic already are left out. More files may follow as arguments.",
     0},
    {"batch-out", SS_OPT_STRING, AT(batch_out), NULL, NULL, "FILE", NULL,
     "Write the requests as a file for offline batch endpoints instead of sending them.", 0},
    {"batch-in", SS_OPT_STRING, AT(batch_in), NULL, NULL, "FILE", NULL, "Read the results of such a batch.", 0},
    {"dry-run", SS_OPT_FLAG, AT(dry_run), "false", NULL, NULL, NULL,
     "Print a prompt of each template, counts and an estimate of tokens and cost; send nothing.", 0},
    {"raw", SS_OPT_STRING, AT(raw), NULL, NULL, "FILE", "Operation", "Append each answer as a JSON line.", 0},
    {"report", SS_OPT_STRING, AT(report), "producer-report.html", NULL, "FILE", NULL,
     "Report of the run, one HTML file; 'off' for none.", 0},
    {"http", SS_OPT_STRING, AT(http), "127.0.0.1:0", NULL, "HOST:PORT", NULL,
     "Where /live, /ready and /metrics are served; port 0 takes a free one, which the log names; 'off' for none.", 0},
    {"grace", SS_OPT_TIME, AT(grace), "25s", "1000..", "TIME", NULL,
     "How long SIGTERM may take: answers on the way are waited for most of it, as they are paid for.", 0},
    {.name = NULL}};

static const ss_command command = {
    .name = "skillstream-producer",
    .summary = "has a language model write training pairs, checks them, streams them to Kafka",
    .arguments = "[FILE...]",
    .description =
        "For each skill a language model is asked for sentences as they stand in job ads; those that pass the checks "
        "go "
        "to the topic as skillstream.v1.TrainingPair, in transactions. The topic is the ledger: at start it is read, "
        "and "
        "what is there is not asked for again, so the program may be stopped or killed at any moment and go on "
        "elsewhere.",
    .examples =
        "  SKILLSTREAM_LLM_KEY=... skillstream-producer --bootstrap localhost:9092 --taxonomy skills_en.csv \\\n"
        "      --llm-url https://api.example.com/v1 --llm-model small --max-cost 20 --price-in 0.15 --price-out 0.60\n"
        "  skillstream-producer --taxonomy skills_en.csv --llm-url http://localhost:8089 --llm-model x --dry-run\n"
        "  skillstream-producer --bootstrap localhost:9092 --taxonomy skills_en.csv --replay pairs.jsonl.gz\n",
    .options = table,
    .size = sizeof(ss_producer_settings),
};

const ss_command *ss_producer_command(void)
{
    return &command;
}

ss_kafka_config ss_producer_kafka(const ss_producer_settings *s)
{
    return (ss_kafka_config){.bootstrap = s->bootstrap,
                             .client_id = "skillstream-producer",
                             .settings = (const char *const *)s->kafka.items,
                             .setting_count = s->kafka.count};
}

static int choose_mode(ss_producer_settings *s, const ss_strings *arguments, ss_error *err)
{
    int modes = s->dry_run + (s->replay.count > 0) + (s->batch_out != NULL) + (s->batch_in != NULL);
    if (modes > 1)
        return ss_fail(err, SS_USAGE, "only one of --dry-run, --replay, --batch-out and --batch-in can be had");
    if (arguments->count && !s->replay.count)
        return ss_fail(err, SS_USAGE, "'%.80s': only --replay takes files; see --help", arguments->items[0]);
    s->mode = s->dry_run        ? SS_MODE_DRY_RUN
              : s->replay.count ? SS_MODE_REPLAY
              : s->batch_out    ? SS_MODE_BATCH_OUT
              : s->batch_in     ? SS_MODE_BATCH_IN
                                : SS_MODE_GENERATE;
    return 0;
}

static int need(const char *value, const char *name, ss_error *err)
{
    return value ? 0 : ss_fail(err, SS_USAGE, "--%s is needed; see --help", name);
}

static int check_needed(const ss_producer_settings *s, ss_error *err)
{
    if (s->mode != SS_MODE_DRY_RUN && s->mode != SS_MODE_BATCH_OUT && need(s->bootstrap, "bootstrap", err)) return -1;
    if (s->mode == SS_MODE_REPLAY) return 0;
    if (need(s->taxonomy, "taxonomy", err)) return -1;
    if (s->mode == SS_MODE_GENERATE && need(s->llm_url, "llm-url", err)) return -1;
    return s->mode == SS_MODE_DRY_RUN ? 0 : need(s->llm_model, "llm-model", err);
}

/* Largest remainders: the shares of `total` by weight; equal remainders go to the earlier kind. */
static void share_out(unsigned total, const double weight[SS_PAIR_KINDS], unsigned out[SS_PAIR_KINDS])
{
    double sum = 0, rest[SS_PAIR_KINDS];
    unsigned given = 0;
    for (int k = 0; k < SS_PAIR_KINDS; k++) sum += weight[k];
    for (int k = 0; k < SS_PAIR_KINDS; k++) {
        double exact = total * weight[k] / sum;
        out[k] = (unsigned)exact;
        rest[k] = exact - out[k];
        given += out[k];
    }
    while (given < total) {
        int best = 0;
        for (int k = 1; k < SS_PAIR_KINDS; k++)
            if (rest[k] > rest[best] + 1e-9) best = k;
        out[best]++;
        rest[best] = -1;
        given++;
    }
}

static int parse_mix(ss_producer_settings *s, ss_error *err)
{
    static const char *const names[] = {
        [SS_PAIR_LITERAL] = "literal", [SS_PAIR_IMPLIED] = "implied", [SS_PAIR_MULTI] = "multi"};
    double weight[SS_PAIR_KINDS] = {0};
    int some = 0;
    for (const char *at = s->mix; *at;) {
        size_t len = strcspn(at, "=,");
        int kind = SS_PAIR_LITERAL;
        while (kind <= SS_PAIR_MULTI && (strlen(names[kind]) != len || strncasecmp(names[kind], at, len))) kind++;
        if (kind > SS_PAIR_MULTI)
            return ss_fail(err, SS_CONFIG, "mix: '%.*s' is none of literal, implied, multi", (int)(len < 40 ? len : 40),
                           at);
        at += len;
        double share = 1;
        if (*at == '=') {
            char *end;
            share = strtod(at + 1, &end);
            if (end == at + 1 || (*end && *end != ',') || !(share >= 0 && share <= 1000))
                return ss_fail(err, SS_CONFIG, "mix: the share of %s is not a number from 0 to 1000", names[kind]);
            at = end;
        }
        weight[kind] = share;
        some |= share > 0;
        at += *at == ',';
    }
    if (!some) return ss_fail(err, SS_CONFIG, "mix: all shares are 0");
    share_out((unsigned)s->sentences, weight, s->want);
    return 0;
}

static int check_values(const ss_producer_settings *s, ss_error *err)
{
    if (s->min_words > s->max_words) return ss_fail(err, SS_CONFIG, "min-words is larger than max-words");
    if (s->llm_key && s->llm_key_file) return ss_fail(err, SS_CONFIG, "llm-key and llm-key-file: only one can be used");
    if (!isnan(s->max_cost) && (isnan(s->price_in) || isnan(s->price_out)))
        return ss_fail(err, SS_CONFIG, "max-cost needs price-in and price-out (per million tokens)");
    if (s->seed) {
        char *end;
        strtoull(s->seed, &end, 10);
        if (!isdigit((unsigned char)*s->seed) || *end) return ss_fail(err, SS_CONFIG, "seed is not a number");
    }
    for (size_t i = 0; i < s->header.count; i++)
        if (!strchr(s->header.items[i], ':') || strpbrk(s->header.items[i], "\r\n"))
            return ss_fail(err, SS_CONFIG, "header: one is not of the form 'Name: value'");
    return 0;
}

int ss_producer_settings_check(ss_producer_settings *s, const ss_strings *arguments, ss_error *err)
{
    return choose_mode(s, arguments, err) || check_needed(s, err) || check_values(s, err) || parse_mix(s, err) ? -1 : 0;
}
