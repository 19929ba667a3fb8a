/* worker_settings.c - see worker_settings.h. */
#include "worker/extract/worker_settings.h"

#include <string.h>

#include "stream/redis_client.h"

#define AT(member) offsetof(ss_worker_settings, member)

static const ss_option table[] = {
    {"bootstrap", SS_OPT_STRING, AT(bootstrap), NULL, NULL, "HOST:PORT", "Kafka",
     "Brokers to start from, separated by commas.", SS_OPT_REQUIRED},
    {"group", SS_OPT_STRING, AT(group), "skillstream", NULL, "NAME", NULL,
     "Consumer group. Workers of one group share the ads.", 0},
    {"instance", SS_OPT_STRING, AT(instance), NULL, NULL, "ID", NULL,
     "Name of this worker, unique among the live ones of its group and the same after a restart (a pod's name). "
     "Default: the host's name and the first number that no other worker of the group on this host has.",
     0},
    {"in", SS_OPT_STRING, AT(in), "job-ads", NULL, "TOPIC", NULL, "Topic of ads.", 0},
    {"out", SS_OPT_STRING, AT(out), "skill-records", NULL, "TOPIC", NULL, "Topic of skill records.", 0},
    {"dead-letters", SS_OPT_STRING, AT(dead_letters), "job-ads.dlq", NULL, "TOPIC", NULL,
     "Topic of ads that cannot be processed, with the reason in headers.", 0},
    {"kafka", SS_OPT_LIST, AT(kafka), NULL, NULL, "KEY=VALUE", NULL,
     "Setting for librdkafka, such as security.protocol=SASL_SSL. See its CONFIGURATION.md.", 0},
    {"wait-broker", SS_OPT_TIME, AT(wait_broker), "1h", NULL, "TIME", NULL,
     "How long to wait, not ready, for a broker that does not answer at start.", 0},
    {"framing", SS_OPT_CHOICE, AT(framing), "plain", "plain|confluent", "KIND", NULL,
     "How record bytes are framed: plain protobuf, or with the Schema Registry header of Confluent's clients.", 0},
    {"schema-id", SS_OPT_COUNT, AT(schema_id), "0", "0..2147483647", "ID", NULL,
     "Schema Registry id of SkillRecord, for --framing confluent.", 0},
    {"max-json-depth", SS_OPT_COUNT, AT(max_json_depth), "64", "1..1000", "N", NULL,
     "An ad in JSON that is nested more deeply becomes a dead letter (bad-json). HTML may nest as it likes: its cost "
     "is "
     "bounded otherwise.",
     0},
    {"redis", SS_OPT_STRING, AT(redis), NULL, NULL, "URL", "Release and cache",
     "Redis with the releases and the sentence cache: " SS_REDIS_URL_FORMS, 0},
    {"release", SS_OPT_STRING, AT(release), NULL, NULL, "FILE", NULL,
     "Release file to start with, so that no Redis is needed for starting. With --redis and --follow, the release in "
     "use there takes over once it is loaded.",
     0},
    {"trusted-key", SS_OPT_LIST, AT(trusted_keys), NULL, NULL, "FILE", NULL,
     "Take from Redis only releases that this key has signed (the NAME.pub of 'skillstream release keygen'); "
     "repeatable, and a file may hold several keys. One that is not signed is refused and the worker goes on with the "
     "release it has. A file given by --release is taken as it is.",
     0},
    {"follow", SS_OPT_FLAG, AT(follow), "true", NULL, NULL, NULL,
     "Switch to another release when Redis names one, between two batches.", 0},
    {"poll-release", SS_OPT_TIME, AT(poll_release), "2s", "100..3600000", "TIME", NULL,
     "How often Redis is asked which release is in use.", 0},
    {"cache-memory", SS_OPT_BYTES, AT(cache_memory), "64M", "0..68719476736", "BYTES", NULL,
     "Memory for sentences seen lately; 0 turns this cache off.", 0},
    {"redis-cache", SS_OPT_FLAG, AT(redis_cache), "true", NULL, NULL, NULL,
     "Share results of sentences between workers through Redis.", 0},
    {"cache-ttl", SS_OPT_TIME, AT(cache_ttl), "7d", "1000..", "TIME", NULL, "How long a sentence stays in Redis.", 0},
    {"batch-ads", SS_OPT_COUNT, AT(batch_ads), "64", "1..100000", "N", "Batches",
     "A batch, which is one transaction, closes at N ads ...", 0},
    {"batch-bytes", SS_OPT_BYTES, AT(batch_bytes), "1M", "1..1073741824", "BYTES", NULL, "... or BYTES bytes ...", 0},
    {"linger", SS_OPT_TIME, AT(linger), "50ms", "0..60000", "TIME", NULL, "... or TIME after its first ad.", 0},
    {"http", SS_OPT_STRING, AT(http), "127.0.0.1:0", NULL, "HOST:PORT", "Operation",
     "Where /live, /ready and /metrics are served; port 0 takes a free one, which the log names; 'off' for none.", 0},
    {"grace", SS_OPT_TIME, AT(grace), "25s", "1000..", "TIME", NULL,
     "How long SIGTERM may take to finish or abort the batches at work.", 0},
    SS_EXTRACT_OPTIONS(ss_worker_settings, extract),
    {.name = NULL}};

static const ss_command command = {
    .name = "skillstream-worker",
    .summary = "tags job ads from a Kafka topic with skills, exactly once",
    .description =
        "Consumes ads (protobuf skillstream.v1.JobAd, or schema.org JobPosting JSON), finds the skills they ask for, "
        "and "
        "publishes one record (skillstream.v1.SkillRecord) per ad in the transaction that commits the ad's offset: a "
        "reader with isolation.level=read_committed sees each ad once. Ads that cannot be processed go, unchanged and "
        "with the reason in headers, to the dead letter topic. Workers keep no state; start as many as the topic has "
        "partitions. The topics must exist.",
    .examples =
        "  skillstream-worker --bootstrap localhost:9092 --redis redis://localhost:6379\n"
        "  skillstream-worker --bootstrap b1:9093 --redis rediss://r:6379 --kafka security.protocol=SASL_SSL \\\n"
        "      --kafka sasl.mechanism=SCRAM-SHA-512 --config secrets.conf --http :9180\n"
        "  skillstream-worker --config worker.conf   # where secrets belong: kafka = \"sasl.password=...\"\n",
    .options = table,
    .size = sizeof(ss_worker_settings),
};

const ss_command *ss_worker_command(void)
{
    return &command;
}

int ss_worker_settings_check(const ss_worker_settings *settings, ss_error *err)
{
    if (!settings->redis && !settings->release)
        return ss_fail(err, SS_USAGE,
                       "--redis URL or --release FILE is needed: the worker must get its release from "
                       "somewhere; see --help");
    if (settings->trusted_keys.count && !settings->redis)
        return ss_fail(err, SS_USAGE,
                       "--trusted-key is about releases from Redis, and there is no --redis; the file of --release is "
                       "taken as it is: keep it where only you can write");
    if (!settings->batch_ads) return ss_fail(err, SS_CONFIG, "batch-ads must be at least 1");
    return 0;
}
