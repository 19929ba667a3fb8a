/* intake.c - from the topic to the log; see trainer_state.h.
 *
 * A batch is: decode and check its messages, append the good ones to the log and sync, then publish the dead letters of
 * the others together with the offsets. A crash after the sync makes the batch come again: its pairs are known by their
 * ids, its dead letters were not committed and are sent now. When the log cannot be written (disk full) the batch is
 * given back and comes again after a pause; the training goes on meanwhile.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "stream/kafka_dead_letter.h"
#include "stream/wire_pair.h"
#include "worker/train/pair_check.h"
#include "worker/train/trainer_state.h"

enum { POLL_MS = 200, HEART_MS = 120000, RETRY_MS = 5000, BLOCK = 64 * 1024 };

typedef struct intake {
    ss_trainer *trainer;
    ss_arena arena; /* of one batch */
    ss_output *outputs;
    const char **reasons; /* of the outputs */
    size_t output_count, output_room;
    size_t appended, repeated;
    int warned; /* of a gap, once */
} intake;

/* ---- one message ---- */

static int decode(const ss_message *message, ss_arena *arena, ss_pair *pair, ss_error *err)
{
    const char *bytes = message->value;
    if (!bytes || !message->value_len) return ss_fail(err, SS_INPUT, "an empty message");
    size_t at = 0;
    while (at < message->value_len && (bytes[at] == ' ' || bytes[at] == '\n' || bytes[at] == '\t')) at++;
    if (at < message->value_len && bytes[at] == '{')
        return ss_wire_read_pair(bytes, message->value_len, arena, pair, err);
    return ss_wire_decode_pair(bytes, message->value_len, arena, pair, err);
}

static int refuse(intake *in, const ss_message *message, const char *reason, const char *stage, const char *text,
                  ss_error *err)
{
    const ss_trainer *t = in->trainer;
    ss_dead_letter letter = {
        .topic = t->settings->dead_letters, .reason = reason, .stage = stage, .error = text, .program = t->program};
    in->reasons[in->output_count] = reason;
    return ss_dead_letter_output(message, &letter, &in->arena, &in->outputs[in->output_count++], err);
}

/* Into the log go URIs, whatever the message called the skills. */
static int append(intake *in, const ss_pair *pair, const ss_checked_pair *checked, ss_error *err)
{
    ss_slice uris[SS_PAIR_MAX_SKILLS];
    for (size_t i = 0; i < checked->skill_count; i++) {
        const char *uri = ss_taxonomy_skill(in->trainer->taxonomy, checked->skills[i])->uri;
        uris[i] = (ss_slice){.data = uri, .len = strlen(uri)};
    }
    ss_pair stored = *pair;
    stored.skill_uris = uris;
    stored.skill_count = checked->skill_count;
    stored.sentence = checked->sentence;
    stored.kind = checked->kind;
    if (!stored.id.len) stored.id = (ss_slice){.data = checked->made_id, .len = SS_PAIR_ID};
    int added = ss_pair_log_add(in->trainer->pairs, &stored, checked->id, err);
    if (added < 0) return -1;
    in->appended += (size_t)added;
    in->repeated += !added;
    return 0;
}

static int take_message(intake *in, const ss_message *message, ss_error *err)
{
    ss_trainer *t = in->trainer;
    ss_pair pair = {0};
    ss_checked_pair checked;
    ss_pair_fault fault;
    ss_error why = {0};
    if (ss_pair_log_move(t->pairs, message->topic, message->partition, message->offset + 1, err)) return -1;
    if (decode(message, &in->arena, &pair, &why)) {
        if (why.status != SS_MEMORY) return refuse(in, message, "bad-pair", "decode", why.text, err);
        if (err) *err = why;
        return -1;
    }
    int state =
        ss_pair_check(&pair, t->taxonomy, (size_t)t->settings->train.recipe.max_sentence, &checked, &fault, err);
    if (state < 0) return -1;
    return state ? refuse(in, message, fault.reason, "check", fault.text, err) : append(in, &pair, &checked, err);
}

/* ---- one batch ---- */

static int make_room(intake *in, size_t count, ss_error *err)
{
    if (count <= in->output_room) return 0;
    free(in->outputs);
    free(in->reasons);
    in->outputs = calloc(count, sizeof *in->outputs);
    in->reasons = calloc(count, sizeof *in->reasons);
    in->output_room = in->outputs && in->reasons ? count : 0;
    return in->output_room ? 0 : ss_fail_memory(err, "taking training pairs");
}

/* Messages were missed: the group has read on without this state folder. */
static void warn_of_gap(intake *in, const ss_message *first)
{
    const ss_trainer *t = in->trainer;
    if (in->warned || ss_pair_log_position(t->pairs, first->topic, first->partition) >= 0 || first->offset == 0) return;
    in->warned = 1;
    ss_log_event(t->log, SS_LOG_WARN, "the group has read this partition before, or it is cut off at its beginning",
                 SS_INT("partition", first->partition), SS_INT("first_offset", first->offset),
                 SS_TEXT("hint", "a new state folder needs a new --group to get all pairs"));
}

static int store(intake *in, const ss_batch *batch, ss_error *err)
{
    ss_trainer *t = in->trainer;
    ss_arena_reset(&in->arena);
    in->output_count = in->appended = in->repeated = 0;
    ss_pair_log_abandon(t->pairs);
    if (make_room(in, batch->count, err)) return -1;
    for (size_t i = 0; i < batch->count; i++) {
        warn_of_gap(in, &batch->messages[i]);
        if (take_message(in, &batch->messages[i], err)) return -1;
    }
    if (ss_pair_log_commit(t->pairs, err)) return -1;
    pthread_mutex_lock(&t->lock);
    ss_pair_log_positions_text(t->pairs, t->positions, sizeof t->positions);
    pthread_mutex_unlock(&t->lock);
    return 0;
}

/* A dead letter that is too large goes without its value. */
static int publish(intake *in, ss_batch *batch, ss_publish_result *result, ss_error *err)
{
    for (int round = 0; round < 2; round++) {
        *err = (ss_error){0};
        if (ss_exchange_publish(in->trainer->exchange, batch, in->outputs, in->output_count, result, err)) return -1;
        if (*result != SS_PUBLISH_REJECTED) return 0;
        for (size_t i = 0; i < in->output_count; i++)
            if (in->outputs[i].rejected) {
                in->outputs[i].value = NULL;
                in->outputs[i].value_len = 0;
                in->outputs[i].rejected = 0;
            }
    }
    ss_exchange_discard(in->trainer->exchange, batch);
    return ss_fail_in(err, "the brokers refuse even a dead letter without its value");
}

static int give_back(intake *in, ss_batch *batch, const ss_error *why)
{
    ss_trainer *t = in->trainer;
    ss_log_event(t->log, SS_LOG_ERROR, "pairs given back, they come again", SS_TEXT("why", why->text),
                 SS_INT("messages", (int64_t)batch->count));
    ss_pair_log_abandon(t->pairs);
    ss_exchange_discard(t->exchange, batch);
    ss_shutdown_wait(t->shutdown, RETRY_MS);
    return 0;
}

static int take_batch(intake *in, ss_batch *batch, ss_error *err)
{
    ss_trainer *t = in->trainer;
    ss_error why = {0};
    size_t count = batch->count;
    ss_publish_result result;
    if (store(in, batch, &why)) return give_back(in, batch, &why);
    ss_trainer_metrics_batch(t->metrics, count, in->appended, in->repeated, ss_pair_log_pairs(t->pairs));
    if (publish(in, batch, &result, err)) return -1;
    if (result == SS_PUBLISH_DROPPED) {
        ss_log_event(t->log, SS_LOG_WARN, "offsets not committed, the messages come again and are known",
                     SS_TEXT("why", err->text), SS_INT("messages", (int64_t)count));
        return 0;
    }
    for (size_t i = 0; i < in->output_count; i++) ss_trainer_metrics_dead_letter(t->metrics, in->reasons[i]);
    ss_log_event(t->log, SS_LOG_DEBUG, "pairs stored", SS_INT("messages", (int64_t)count),
                 SS_INT("appended", (int64_t)in->appended), SS_INT("repeated", (int64_t)in->repeated),
                 SS_INT("dead_letters", (int64_t)in->output_count));
    return 0;
}

/* ---- the thread ---- */

static void *intake_main(void *arg)
{
    ss_trainer *t = arg;
    intake in = {.trainer = t};
    ss_arena_init(&in.arena, BLOCK, 0);
    while (!ss_shutdown_requested(t->shutdown)) {
        ss_error err = {0};
        ss_batch *batch = NULL;
        ss_health_beat(t->health, "intake");
        int state = ss_exchange_next(t->exchange, POLL_MS, &batch, &err);
        if (state > 0) state = take_batch(&in, batch, &err);
        if (state < 0) {
            if (err.status != SS_STOPPED) ss_trainer_fail(t, &err);
            break;
        }
    }
    ss_arena_free(&in.arena);
    free(in.outputs);
    free(in.reasons);
    return NULL;
}

int ss_intake_start(ss_trainer *t, ss_error *err)
{
    ss_health_add_heart(t->health, "intake", (int64_t)HEART_MS * 5); /* a commit may wait for a broker that is away */
    int code = pthread_create(&t->intake, NULL, intake_main, t);
    if (code) return ss_fail(err, SS_MEMORY, "starting the intake thread: %s", strerror(code));
    t->taking = 1;
    return 0;
}

void ss_intake_join(ss_trainer *t)
{
    if (!t->taking) return;
    ss_shutdown_stage(t->shutdown, "the intake thread (Kafka transaction)");
    pthread_join(t->intake, NULL);
    t->taking = 0;
}
