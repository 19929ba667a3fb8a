/* test_kafka_nth.c - the n-th request of each kind fails, for every n of a few batches' life and for a new member's
 * start.
 *
 * Each row of the table is a process of its own with a mock cluster of its own (rows mostly wait, so all run at once).
 * In it the exchange handles lives of four batches; in life n the n-th request of the row's kind is answered with the
 * row's error, once. What must hold, whatever the error:
 *
 *   nothing lost    the messages of a committed batch follow, in each partition, right behind those committed before
 *   nothing twice   a batch whose transaction the broker took is never given up: with an error that may be retried no
 *                   batch is dropped and nothing comes again; with another one exactly the batch that it hit is
 *   told            where the exchange ends, the error says why, and a fresh exchange finishes the same messages
 *
 * The mock keeps no offsets of transactions. After a rewind, and for a fresh exchange, everything comes again from the
 * start; a real broker would begin at what was committed, and so does this test: it passes over what is below that.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/clock.h"
#include "stream/kafka_embedded.h"
#include "stream/kafka_exchange.h"
#include "stream/kafka_plain.h"

enum { PARTITIONS = 2, BATCH = 8, BATCHES = 4, MAX_MESSAGES = 1024, PATIENCE_MS = 30000, ROW_S = 110 };

/* As in test_kafka_exchange.c: librdkafka 2.0.2 leaks a request of its own when a producer with a fatal error goes. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);

const char *__asan_default_options(void)
{
    return "fast_unwind_on_malloc=0";
}

const char *__lsan_default_suppressions(void)
{
    return "leak:librdkafka.so\n";
}

/* ---- The table ---- */

/* COMMITS: tried again, nobody notices. DROPS: one batch comes again. RENEWS, REPLACES: the same with a new producer,
 * after an abort or without one. REWINDS: read again, no transaction suffers. ENDS: publish or next fails for good.
 * STARTS: hits a new member; it comes up or says why not. */
typedef enum outcome { COMMITS, DROPS, RENEWS, REPLACES, REWINDS, ENDS, STARTS } outcome;

typedef struct row {
    const char *request;
    int16_t api;
    rd_kafka_resp_err_t code;
    outcome expected;
} row;

#define ROW(request, api, code, expected)                                                                              \
    {                                                                                                                  \
        request, api, RD_KAFKA_RESP_ERR_##code, expected                                                               \
    }

static const row rows[] = {
    ROW("Produce", 0, NOT_LEADER_FOR_PARTITION, COMMITS),
    ROW("Produce", 0, INVALID_RECORD, RENEWS),
    ROW("Produce", 0, TOPIC_AUTHORIZATION_FAILED, ENDS),
    ROW("Fetch", 1, NOT_LEADER_FOR_PARTITION, COMMITS),
    ROW("Fetch", 1, OFFSET_OUT_OF_RANGE, REWINDS),
    ROW("AddPartitionsToTxn", 24, COORDINATOR_LOAD_IN_PROGRESS, COMMITS),
    ROW("AddPartitionsToTxn", 24, CONCURRENT_TRANSACTIONS, COMMITS),
    ROW("AddPartitionsToTxn", 24, INVALID_TXN_STATE, REPLACES),
    ROW("AddPartitionsToTxn", 24, TOPIC_AUTHORIZATION_FAILED, ENDS),
    ROW("AddOffsetsToTxn", 25, COORDINATOR_NOT_AVAILABLE, COMMITS),
    ROW("AddOffsetsToTxn", 25, INVALID_TXN_STATE, REPLACES),
    ROW("AddOffsetsToTxn", 25, GROUP_AUTHORIZATION_FAILED, ENDS),
    ROW("TxnOffsetCommit", 28, NOT_COORDINATOR, COMMITS),
    ROW("TxnOffsetCommit", 28, ILLEGAL_GENERATION, DROPS),
    ROW("TxnOffsetCommit", 28, GROUP_AUTHORIZATION_FAILED, ENDS),
    ROW("EndTxn", 26, COORDINATOR_NOT_AVAILABLE, COMMITS),
    ROW("EndTxn", 26, CONCURRENT_TRANSACTIONS, COMMITS),
    ROW("EndTxn", 26, INVALID_PRODUCER_ID_MAPPING, DROPS),
    ROW("EndTxn", 26, INVALID_TXN_STATE, REPLACES),
    ROW("OffsetFetch", 9, NOT_COORDINATOR, COMMITS),
    ROW("OffsetFetch", 9, COORDINATOR_LOAD_IN_PROGRESS, COMMITS),
    ROW("Metadata", 3, LEADER_NOT_AVAILABLE, STARTS),
    ROW("OffsetFetch", 9, NOT_COORDINATOR, STARTS),
    ROW("OffsetFetch", 9, GROUP_AUTHORIZATION_FAILED, STARTS),
    ROW("FindCoordinator", 10, COORDINATOR_NOT_AVAILABLE, STARTS),
    ROW("FindCoordinator", 10, GROUP_AUTHORIZATION_FAILED, STARTS),
    ROW("JoinGroup", 11, UNKNOWN_MEMBER_ID, STARTS),
    ROW("SyncGroup", 14, REBALANCE_IN_PROGRESS, STARTS),
    ROW("InitProducerId", 22, COORDINATOR_LOAD_IN_PROGRESS, STARTS),
    ROW("InitProducerId", 22, TRANSACTIONAL_ID_AUTHORIZATION_FAILED, STARTS),
};

enum { ROWS = sizeof rows / sizeof *rows };

/* ---- One row's world; a process has one ---- */

static struct world {
    const row *row;
    int n;
    ss_embedded *broker;
    ss_producer *producer;
    ss_exchange *exchange;
    size_t sent, committed;    /* messages */
    int64_t next[PARTITIONS];  /* offset behind the last committed message */
    unsigned dropped, replays; /* batches; messages that a real broker would not have sent again */
} w;

static void fail_row(const char *format, ...) SS_PRINTF(1, 2);

static void fail_row(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s %d: %s: ", w.row->request, w.n, rd_kafka_err2name(w.row->code));
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    _exit(1);
}

static void send_life(void)
{
    ss_error err = {0};
    for (int i = 0; i < BATCH * BATCHES; i++, w.sent++) {
        char value[24];
        int len = snprintf(value, sizeof value, "%zu", w.sent);
        ss_output out = {.topic = "in", .key = value, .key_len = (size_t)len, .value = value, .value_len = (size_t)len};
        if (ss_producer_send(w.producer, &out, &err)) fail_row("%s", err.text);
    }
    if (ss_producer_flush(w.producer, 10000, &err)) fail_row("%s", err.text);
}

static int open_exchange(ss_error *err)
{
    static const char *const topics[] = {"in"}, *settings[] = {"session.timeout.ms=6000", "heartbeat.interval.ms=500"};
    ss_exchange_config config = {.kafka = {.bootstrap = ss_embedded_bootstrap(w.broker),
                                           .group = "g",
                                           .instance = "a",
                                           .settings = settings,
                                           .setting_count = 2},
                                 .topics = topics,
                                 .topic_count = 1,
                                 .max_messages = BATCH,
                                 .linger_ms = 20,
                                 .commit_patience_ms = 8000,
                                 .recover_patience_ms = 15000,
                                 .revoke_patience_ms = 5000,
                                 .same_thread = 1};
    w.exchange = ss_exchange_open(&config, err);
    return w.exchange ? 0 : -1;
}

static void close_exchange(void)
{
    ss_error err = {0};
    if (ss_exchange_close(w.exchange, 5000, &err)) fail_row("closing: %s", err.text);
    w.exchange = NULL;
}

static void start_cluster(void)
{
    ss_error err = {0};
    w.broker = ss_embedded_start(1, &err);
    if (!w.broker || ss_embedded_topic(w.broker, "in", PARTITIONS, &err) ||
        ss_embedded_topic(w.broker, "out", PARTITIONS, &err))
        fail_row("%s", err.text);
    w.producer = ss_producer_open(&(ss_kafka_config){.bootstrap = ss_embedded_bootstrap(w.broker)}, &err);
    if (!w.producer) fail_row("%s", err.text);
}

static void stop_cluster(void)
{
    close_exchange();
    ss_producer_close(w.producer);
    ss_embedded_stop(w.broker);
}

/* The n-th request from now on fails, once. */
static void inject(void)
{
    for (int i = 1; i < w.n; i++)
        rd_kafka_mock_push_request_errors(ss_embedded_cluster(w.broker), w.row->api, 1, RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_mock_push_request_errors(ss_embedded_cluster(w.broker), w.row->api, 1, w.row->code);
}

static void clear(void)
{
    rd_kafka_mock_clear_request_errors(ss_embedded_cluster(w.broker), w.row->api);
}

/* ---- The ledger ---- */

/* A committed batch: each message is the next of its partition, or one that a real broker would not have sent again. */
static void enter(const int32_t *partitions, const int64_t *offsets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t *next = &w.next[partitions[i]];
        if (offsets[i] > *next)
            fail_row("partition %d: offset %lld is committed, %lld is not: lost", partitions[i], (long long)offsets[i],
                     (long long)*next);
        if (offsets[i] < *next) {
            w.replays++;
            continue;
        }
        ++*next;
        w.committed++;
    }
}

static int publish(ss_batch *batch, ss_error *err)
{
    ss_output outputs[BATCH] = {0};
    int32_t partitions[BATCH];
    int64_t offsets[BATCH];
    size_t count = batch->count;
    ss_publish_result result;
    for (size_t i = 0; i < count; i++) {
        const ss_message *m = &batch->messages[i];
        partitions[i] = m->partition;
        offsets[i] = m->offset;
        outputs[i] = (ss_output){
            .topic = "out", .key = m->key, .key_len = m->key_len, .value = m->value, .value_len = m->value_len};
    }
    if (ss_exchange_publish(w.exchange, batch, outputs, count, &result, err)) return -1;
    if (result == SS_PUBLISH_REJECTED) fail_row("a small output was rejected");
    if (result == SS_PUBLISH_DROPPED) w.dropped++;
    if (result == SS_PUBLISH_COMMITTED) enter(partitions, offsets, count);
    return 0;
}

/* Until all that was sent is committed. -1 with the error that ended it. */
static int run(ss_error *err)
{
    int64_t deadline = ss_now_ms() + PATIENCE_MS;
    while (w.committed < w.sent) {
        ss_batch *batch;
        if (ss_now_ms() > deadline) fail_row("%zu of %zu messages after %d ms", w.committed, w.sent, PATIENCE_MS);
        int got = ss_exchange_next(w.exchange, 100, &batch, err);
        if (got < 0 || (got > 0 && publish(batch, err))) return -1;
    }
    return 0;
}

/* The exchange has ended or did not come up: with a reason, and a fresh one does the rest. */
static void expect_told_and_finish(const ss_error *why)
{
    ss_error err = {0};
    if (why->status != SS_AUTH || why->remedy != SS_GIVE_UP || !why->text[0])
        fail_row("ended by '%s' (%s)", why->text, ss_status_word(why->status));
    clear();
    close_exchange();
    if (open_exchange(&err) || run(&err)) fail_row("a fresh exchange does not finish: %s", err.text);
}

/* ---- Lives ---- */

static void expect_outcome(const ss_exchange_stats *before, unsigned dropped)
{
    ss_exchange_stats after;
    ss_exchange_read_stats(w.exchange, &after, NULL, 0);
    unsigned long long aborted = after.aborted - before->aborted, failed = after.failed - before->failed;
    unsigned long long producers = after.producers - before->producers, rewinds = after.rewinds - before->rewinds;
    int good = 0;
    switch (w.row->expected) {
    case COMMITS: good = !aborted && !failed && !producers && !dropped && !rewinds && !w.replays; break;
    case DROPS: good = aborted == 1 && !failed && !producers && dropped == 1; break;
    case RENEWS: good = aborted == 1 && !failed && producers == 1 && dropped == 1; break;
    case REPLACES: good = !aborted && failed == 1 && producers == 1 && dropped == 1; break;
    case REWINDS: good = !failed && !producers; break;
    default: break;
    }
    if (!good || after.out)
        fail_row(
            "expected outcome %d; %llu aborted, %llu failed, %llu producers, %llu rewinds, %u dropped, %u replays, "
            "%zu out",
            (int)w.row->expected, aborted, failed, producers, rewinds, dropped, w.replays, after.out);
}

static void one_life(void)
{
    ss_error err = {0};
    ss_exchange_stats before;
    unsigned dropped = w.dropped;
    send_life();
    ss_exchange_read_stats(w.exchange, &before, NULL, 0);
    inject();
    int ended = run(&err);
    if (ended && w.row->expected != ENDS) fail_row("%s", err.text);
    if (!ended && w.row->expected == ENDS) fail_row("nothing was told");
    if (ended)
        expect_told_and_finish(&err);
    else
        expect_outcome(&before, w.dropped - dropped);
    clear();
}

static void row_of_lives(void)
{
    ss_error err = {0};
    start_cluster();
    send_life();
    if (open_exchange(&err) || run(&err)) fail_row("%s", err.text);
    for (w.n = 1; w.n <= BATCHES; w.n++) one_life();
    stop_cluster();
}

/* A new member each time: what it asks before its first batch. */
static void row_of_starts(void)
{
    for (w.n = 1; w.n <= 3; w.n++) {
        ss_error err = {0};
        start_cluster();
        send_life();
        inject();
        if (open_exchange(&err) || run(&err)) expect_told_and_finish(&err);
        stop_cluster();
        w.sent = w.committed = 0;
        memset(w.next, 0, sizeof w.next);
    }
}

static void run_row(const row *r)
{
    w.row = r;
    alarm(ROW_S); /* a hang ends the process by a signal, which is a failure */
    if (r->expected == STARTS)
        row_of_starts();
    else
        row_of_lives();
}

static void whatever_request_fails_each_message_is_committed_once(void **state)
{
    (void)state;
    pid_t pids[ROWS];
    int bad = 0;
    for (size_t i = 0; i < ROWS; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i]) continue;
        run_row(&rows[i]);
        exit(0); /* with the sanitizers' last look */
    }
    for (size_t i = 0; i < ROWS; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        if (!status) continue;
        fprintf(stderr, "row %zu, %s %s: status %x\n", i, rows[i].request, rd_kafka_err2name(rows[i].code),
                (unsigned)status);
        bad++;
    }
    assert_int_equal(bad, 0);
}

int main(int argc, char **argv)
{
#ifdef __SANITIZE_THREAD__
    puts("skipped: librdkafka makes C11 threads, which this ThreadSanitizer does not know and crashes on");
    return 77;
#endif
    if (argc == 2) { /* one row, by its number, for looking into it */
        run_row(&rows[strtoul(argv[1], NULL, 10) % ROWS]);
        return 0;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(whatever_request_fails_each_message_is_committed_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
