/* trainer_settings.c - see trainer_settings.h. */
#include "worker/train/trainer_settings.h"

#define AT(member) offsetof(ss_trainer_settings, member)

static const ss_option table[] = {
    {"bootstrap", SS_OPT_STRING, AT(bootstrap), NULL, NULL, "HOST:PORT", "Kafka",
     "Brokers to start from, separated by commas.", SS_OPT_REQUIRED},
    {"group", SS_OPT_STRING, AT(group), "skillstream-trainer", NULL, "NAME", NULL,
     "Consumer group. A state folder of its own needs a group of its own, or it misses what the group has read before.",
     0},
    {"instance", SS_OPT_STRING, AT(instance), NULL, NULL, "ID", NULL,
     "Name of this trainer, the same after a restart. Default: the host's name and a number.", 0},
    {"in", SS_OPT_STRING, AT(in), "training-pairs", NULL, "TOPIC", NULL, "Topic of training pairs.", 0},
    {"dead-letters", SS_OPT_STRING, AT(dead_letters), "training-pairs.dlq", NULL, "TOPIC", NULL,
     "Topic of pairs that cannot be used, with the reason in headers.", 0},
    {"kafka", SS_OPT_LIST, AT(kafka), NULL, NULL, "KEY=VALUE", NULL,
     "Setting for librdkafka, such as security.protocol=SASL_SSL. See its CONFIGURATION.md.", 0},
    {"wait-broker", SS_OPT_TIME, AT(wait_broker), "1h", NULL, "TIME", NULL,
     "How long to wait, not ready, for a broker that does not answer at start.", 0},
    {"batch-pairs", SS_OPT_COUNT, AT(batch_pairs), "500", "1..100000", "N", NULL,
     "Pairs are appended to the log, and their offsets committed, at N pairs ...", 0},
    {"linger", SS_OPT_TIME, AT(linger), "500ms", "0..60000", "TIME", NULL, "... or TIME after the first one.", 0},
    {"state", SS_OPT_STRING, AT(state), NULL, NULL, "DIR", "Training",
     "Folder of the pair log and the trainings; made if need be. One trainer at a time.", SS_OPT_REQUIRED},
    {"train-after", SS_OPT_COUNT, AT(train_after), "5000", "1..", "N", NULL,
     "Train when N pairs have come that the last training had not. Every training begins with --encoder and uses all "
     "pairs of the log.",
     0},
    {"keep-runs", SS_OPT_COUNT, AT(keep_runs), "5", "1..", "N", NULL,
     "Keep the folders of the newest N trainings (encoder, release, report); older ones are removed.", 0},
    {"redis", SS_OPT_STRING, AT(train.redis), NULL, NULL, "URL", NULL,
     "Redis with the releases. A trained release is compared with the one in use there, and published if it is better. "
     "Without it, releases stay in the state folder.",
     0},
    SS_TRAIN_KEY_OPTIONS(ss_trainer_settings, train) SS_TRAIN_OPTIONS(ss_trainer_settings, train){
        "http", SS_OPT_STRING, AT(http), "127.0.0.1:0", NULL, "HOST:PORT", "Operation",
        "Where /live, /ready and /metrics are served; port 0 takes a free one, which the log names; 'off' for none.",
        0},
    {"grace", SS_OPT_TIME, AT(grace), "25s", "1000..", "TIME", NULL,
     "How long SIGTERM may take to finish a step and write a checkpoint.", 0},
    {.name = NULL}};

static const ss_command command = {
    .name = "skillstream-trainer",
    .summary = "learns from a Kafka topic of training pairs and publishes better releases",
    .description =
        "Consumes training pairs (protobuf skillstream.v1.TrainingPair, or its JSON forms), appends them to a log of "
        "its "
        "own, and trains the encoder when enough new ones are there, while it goes on consuming. A trained release "
        "that "
        "is better than the one in use, on the validation files and by more than chance, is published; workers switch "
        "to "
        "it without a restart. Another one is kept aside, with a report that says why. Pairs that cannot be used go to "
        "the dead letter topic. Whatever is killed when: no pair is lost or stored twice, and an interrupted training "
        "goes on where it was. The topics must exist.",
    .examples =
        "  skillstream-trainer --bootstrap localhost:9092 --redis redis://localhost:6379 --state /var/lib/trainer \\\n"
        "      --encoder all-MiniLM-L6-v2 --taxonomy skills_en.csv --validate tech.csv --validate house.csv \\\n"
        "      --recipe worker/train/recipes/minilm.conf\n",
    .options = table,
    .size = sizeof(ss_trainer_settings),
};

const ss_command *ss_trainer_command(void)
{
    return &command;
}

int ss_trainer_settings_check(const ss_trainer_settings *settings, ss_error *err)
{
    return ss_train_settings_check(&settings->train, err);
}
