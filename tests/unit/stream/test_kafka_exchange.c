/* test_kafka_exchange.c - the exchange against librdkafka's mock cluster with errors put into every request that a
 * transaction or a membership is made of. Expected outcomes come from the rules at the top of kafka_transaction.c:
 * retriable = committed all the same, abortable = dropped and read again, fatal = a new producer.
 *
 * The mock keeps no offsets that were sent in a transaction, so after a rewind everything since the assignment comes
 * again. What can be seen here: every message ends up in a committed batch, messages of a dropped batch come again,
 * offsets within a batch rise, nothing hangs. That each comes exactly once is proved on a real broker (tests/stream).
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/clock.h"
#include "stream/kafka_embedded.h"
#include "stream/kafka_exchange.h"
#include "stream/kafka_plain.h"

enum { PARTITIONS = 2, MAX_MESSAGES = 4096, PATIENCE_MS = 40000, HANG_S = 280 };

/* Request numbers of the Kafka protocol. */
enum {
    PRODUCE = 0,
    FETCH = 1,
    OFFSET_FETCH = 9,
    FIND_COORDINATOR = 10,
    JOIN_GROUP = 11,
    HEARTBEAT = 12,
    SYNC_GROUP = 14,
    INIT_PRODUCER_ID = 22,
    ADD_PARTITIONS_TO_TXN = 24,
    ADD_OFFSETS_TO_TXN = 25,
    END_TXN = 26,
    TXN_OFFSET_COMMIT = 28
};

/* librdkafka 2.0.2 leaks a request of its own, made on its own thread, when a producer with a fatal error is destroyed;
 * it depends on timing. Its library is stripped, so only its name can be told apart. What we leak through its public
 * functions the other programs that use them show (kafka_clients, the stream tests' clean exit). */
__attribute__((visibility("default"))) const char *
__asan_default_options(void); /* asked for by the sanitizer's library */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);

const char *__asan_default_options(void)
{
    return "fast_unwind_on_malloc=0";
}

const char *__lsan_default_suppressions(void)
{
    return "leak:librdkafka.so\n";
}

typedef struct fixture {
    ss_embedded *broker;
    ss_producer *producer;
    ss_exchange *exchange;
    size_t sent;
    unsigned committed[MAX_MESSAGES]; /* how often message i was in a committed batch */
    size_t dropped;                   /* batches */
    char group[32];
} fixture;

static fixture fx;

static void send_messages(size_t count)
{
    ss_error err = {0};
    for (size_t i = 0; i < count; i++, fx.sent++) {
        char value[32];
        assert_true(fx.sent < MAX_MESSAGES);
        int len = snprintf(value, sizeof value, "%zu", fx.sent);
        ss_kafka_header header = {.name = "n", .value = value, .len = (size_t)len};
        ss_output out = {.topic = "in",
                         .key = value,
                         .key_len = (size_t)len,
                         .value = value,
                         .value_len = (size_t)len,
                         .headers = &header,
                         .header_count = 1};
        if (ss_producer_send(fx.producer, &out, &err)) fail_msg("%s", err.text);
    }
    if (ss_producer_flush(fx.producer, 10000, &err)) fail_msg("%s", err.text);
}

static ss_exchange *open_exchange(const char *instance, int same_thread, ss_error *err)
{
    static const char *TOPICS[] = {"in"};
    static const char *SETTINGS[] = {"session.timeout.ms=6000", "heartbeat.interval.ms=300",
                                     "message.max.bytes=1000000"}; /* the mock cluster itself has no limit */
    ss_exchange_config config = {.kafka = {.bootstrap = ss_embedded_bootstrap(fx.broker),
                                           .group = fx.group,
                                           .instance = instance,
                                           .settings = SETTINGS,
                                           .setting_count = 3},
                                 .topics = TOPICS,
                                 .topic_count = 1,
                                 .max_messages = 8,
                                 .linger_ms = 20,
                                 .commit_patience_ms = 8000,
                                 .recover_patience_ms = 15000,
                                 .revoke_patience_ms = 5000,
                                 .same_thread = same_thread};
    return ss_exchange_open(&config, err);
}

static int start(void **state)
{
    static unsigned number;
    ss_error err = {0};
    (void)state;
    memset(&fx, 0, sizeof fx);
    alarm(HANG_S);
    snprintf(fx.group, sizeof fx.group, "group-%u", number++);
    fx.broker = ss_embedded_start(1, &err);
    if (!fx.broker || ss_embedded_topic(fx.broker, "in", PARTITIONS, &err) ||
        ss_embedded_topic(fx.broker, "out", PARTITIONS, &err))
        return -1;
    ss_kafka_config config = {.bootstrap = ss_embedded_bootstrap(fx.broker)};
    fx.producer = ss_producer_open(&config, &err);
    return fx.producer ? 0 : -1;
}

static int stop(void **state)
{
    ss_error err = {0};
    (void)state;
    if (ss_exchange_close(fx.exchange, 5000, &err)) return -1;
    ss_producer_close(fx.producer);
    ss_embedded_stop(fx.broker);
    alarm(0);
    return 0;
}

static void open_or_fail(int same_thread)
{
    ss_error err = {0};
    fx.exchange = open_exchange("a", same_thread, &err);
    if (!fx.exchange) fail_msg("%s", err.text);
}

static void assert_batch(const ss_batch *batch)
{
    int64_t last[PARTITIONS] = {-1, -1};
    assert_true(batch->count >= 1 && batch->count <= 8);
    for (size_t i = 0; i < batch->count; i++) {
        const ss_message *m = &batch->messages[i];
        assert_string_equal(m->topic, "in");
        assert_true(m->offset > last[m->partition]);
        last[m->partition] = m->offset;
        assert_int_equal(m->header_count, 1);
        assert_int_equal(m->headers[0].len, m->value_len);
        assert_memory_equal(m->headers[0].value, m->value, m->value_len);
    }
}

/* Publishes one output per message; 0 or -1, as ss_exchange_publish. */
static int publish(ss_exchange *exchange, ss_batch *batch, ss_publish_result *result, ss_error *err)
{
    ss_output outputs[8] = {0};
    size_t count = batch->count, numbers[8];
    assert_batch(batch);
    for (size_t i = 0; i < count; i++) {
        const ss_message *m = &batch->messages[i];
        char text[32] = "";
        memcpy(text, m->value, m->value_len < sizeof text ? m->value_len : sizeof text - 1);
        numbers[i] = strtoul(text, NULL, 10);
        outputs[i] = (ss_output){.topic = "out",
                                 .key = m->key,
                                 .key_len = m->key_len,
                                 .value = m->value,
                                 .value_len = m->value_len,
                                 .headers = m->headers,
                                 .header_count = m->header_count};
    }
    int failed = ss_exchange_publish(exchange, batch, outputs, count, result, err);
    if (failed) return -1;
    if (*result == SS_PUBLISH_DROPPED) fx.dropped++;
    for (size_t i = 0; i < count && *result == SS_PUBLISH_COMMITTED; i++) fx.committed[numbers[i]]++;
    return 0;
}

static size_t count_committed(void)
{
    size_t count = 0;
    for (size_t i = 0; i < fx.sent; i++) count += fx.committed[i] > 0;
    return count;
}

/* Runs until every message sent so far is committed. 0, or -1 with the error of next or publish. */
static int run(ss_error *err)
{
    int64_t deadline = ss_now_ms() + PATIENCE_MS;
    while (count_committed() < fx.sent) {
        ss_batch *batch;
        ss_publish_result result;
        if (ss_now_ms() > deadline)
            fail_msg("%zu of %zu messages after %d ms", count_committed(), fx.sent, PATIENCE_MS);
        int got = ss_exchange_next(fx.exchange, 200, &batch, err);
        if (got < 0 || (got > 0 && publish(fx.exchange, batch, &result, err))) return -1;
    }
    return 0;
}

static void run_or_fail(void)
{
    ss_error err = {0};
    if (run(&err)) fail_msg("%s", err.text);
}

static ss_exchange_stats stats_of(ss_exchange *exchange)
{
    ss_exchange_stats stats;
    ss_exchange_read_stats(exchange, &stats, NULL, 0);
    return stats;
}

static void inject(int api, rd_kafka_resp_err_t code, int times)
{
    for (int i = 0; i < times; i++)
        rd_kafka_mock_push_request_errors(ss_embedded_cluster(fx.broker), (int16_t)api, 1, code);
}

/* --- no errors --- */

static void every_message_is_committed_once_without_errors(void **state)
{
    (void)state;
    open_or_fail(1);
    send_messages(100);
    run_or_fail();
    for (size_t i = 0; i < fx.sent; i++) assert_int_equal(fx.committed[i], 1);
    ss_exchange_partition partitions[4];
    ss_exchange_stats stats;
    assert_int_equal(ss_exchange_read_stats(fx.exchange, &stats, partitions, 4), PARTITIONS);
    assert_int_equal(stats.messages, 100);
    assert_int_equal(stats.committed, stats.batches);
    assert_true(stats.batches >= 100 / 8);
    assert_int_equal(stats.aborted + stats.failed + stats.rejected + stats.rewinds + stats.out, 0);
    assert_int_equal(stats.producers, 1);
    assert_int_equal(partitions[0].committed + partitions[1].committed, 100);
}

static void nothing_to_read_returns_in_time(void **state)
{
    ss_error err = {0};
    ss_batch *batch;
    (void)state;
    open_or_fail(1);
    int64_t before = ss_now_ms();
    assert_int_equal(ss_exchange_next(fx.exchange, 300, &batch, &err), 0);
    assert_in_range(ss_now_ms() - before, 250, 2000);
}

/* --- errors in a transaction --- */

/* RENEWS: aborted in order, but the broker has refused a message, after which the producer is replaced. */
typedef enum outcome { COMMITS, DROPS, RENEWS, REPLACES, REFUSES } outcome;

typedef struct injection {
    int api;
    rd_kafka_resp_err_t code;
    int times;
    outcome expected;
} injection;

static const injection INJECTIONS[] = {
    {PRODUCE, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, 2, COMMITS},
    {PRODUCE, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, 1, COMMITS},
    {PRODUCE, RD_KAFKA_RESP_ERR_INVALID_RECORD, 1, RENEWS},
    {ADD_PARTITIONS_TO_TXN, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 3, COMMITS},
    {ADD_PARTITIONS_TO_TXN, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, 3, COMMITS},
    {ADD_PARTITIONS_TO_TXN, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, 2, COMMITS},
    {ADD_PARTITIONS_TO_TXN, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, 1, REPLACES},
    {ADD_PARTITIONS_TO_TXN, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, 1, REPLACES},
    {ADD_OFFSETS_TO_TXN, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, 2, COMMITS},
    {ADD_OFFSETS_TO_TXN, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, 1, REPLACES},
    {TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 2, COMMITS},
    {TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, 1, COMMITS},
    {TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, 1, DROPS},
    {TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, 1, DROPS},
    {TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, 1, DROPS},
    {END_TXN, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, 2, COMMITS},
    {END_TXN, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, 1, COMMITS},
    {END_TXN, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, 2, COMMITS},
    {END_TXN, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, 1, REPLACES},
    {END_TXN, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING, 1, DROPS} /* KIP-360: a new epoch helps */,
};

static void assert_outcome(const injection *c, const ss_exchange_stats *before, const ss_exchange_stats *after,
                           size_t dropped)
{
    uint64_t aborted = after->aborted - before->aborted, failed = after->failed - before->failed;
    uint64_t producers = after->producers - before->producers;
    int as_expected = c->expected == COMMITS  ? !aborted && !failed && !producers && !dropped
                      : c->expected == DROPS  ? aborted == 1 && !failed && !producers && dropped == 1
                      : c->expected == RENEWS ? aborted == 1 && !failed && producers == 1 && dropped == 1
                                              : !aborted && failed == 1 && producers == 1 && dropped == 1;
    if (!as_expected)
        fail_msg("request %d, %s: expected %d; %d aborted, %d failed, %d new producers, %d batches dropped", c->api,
                 rd_kafka_err2name(c->code), c->expected, (int)aborted, (int)failed, (int)producers, (int)dropped);
}

static void each_error_of_a_transaction_has_the_outcome_of_its_class(void **state)
{
    (void)state;
    open_or_fail(1);
    send_messages(4);
    run_or_fail();
    for (size_t i = 0; i < sizeof INJECTIONS / sizeof *INJECTIONS; i++) {
        ss_exchange_stats before = stats_of(fx.exchange);
        size_t dropped = fx.dropped;
        send_messages(3);
        inject(INJECTIONS[i].api, INJECTIONS[i].code, INJECTIONS[i].times);
        run_or_fail();
        ss_exchange_stats after = stats_of(fx.exchange);
        assert_outcome(&INJECTIONS[i], &before, &after, fx.dropped - dropped);
        assert_int_equal(after.out, 0);
    }
}

static void missing_rights_end_it_with_an_auth_error(void **state)
{
    (void)state;
    const injection CASES[] = {{ADD_PARTITIONS_TO_TXN, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 1, REFUSES},
                               {ADD_OFFSETS_TO_TXN, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, 1, REFUSES},
                               {TXN_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, 1, REFUSES},
                               {PRODUCE, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 1, REFUSES}};
    open_or_fail(1);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        ss_error err = {0};
        send_messages(2);
        inject(CASES[i].api, CASES[i].code, 1);
        assert_int_equal(run(&err), -1);
        if (err.status != SS_AUTH) fail_msg("request %d: %s", CASES[i].api, err.text);
        assert_int_equal(stats_of(fx.exchange).out, 0);
        run_or_fail(); /* the right was given: nothing was lost */
    }
}

static void being_fenced_again_and_again_names_the_instance(void **state)
{
    (void)state;
    ss_error err = {0};
    open_or_fail(1);
    send_messages(2);
    run_or_fail();
    for (int i = 0; i < 3; i++) {
        inject(END_TXN, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, 1);
        send_messages(1);
        run_or_fail();
    }
    assert_int_equal(stats_of(fx.exchange).fenced, 3);
    inject(END_TXN, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, 1);
    send_messages(1);
    assert_int_equal(run(&err), -1);
    assert_int_equal(err.status, SS_CONFIG);
    assert_non_null(strstr(err.text, "instance name 'a'"));
    /* Every further publish says so too, and gives its batch back. */
    assert_int_equal(run(&err), -1);
    assert_int_equal(stats_of(fx.exchange).out, 0);
}

static void a_broker_that_goes_away_and_comes_back_loses_nothing(void **state)
{
    (void)state;
    open_or_fail(1);
    send_messages(20);
    run_or_fail();
    send_messages(20);
    rd_kafka_mock_broker_set_down(ss_embedded_cluster(fx.broker), 1);
    ss_error err = {0};
    ss_batch *batch;
    for (int i = 0; i < 5; i++) { /* whatever is there already fails or waits, within the patience */
        int got = ss_exchange_next(fx.exchange, 100, &batch, &err);
        assert_true(got >= 0);
        if (!got) continue;
        ss_exchange_discard(fx.exchange, batch);
    }
    rd_kafka_mock_broker_set_up(ss_embedded_cluster(fx.broker), 1);
    run_or_fail();
}

/* --- errors of the membership --- */

static void each_error_of_a_membership_is_overcome(void **state)
{
    (void)state;
    static const injection CASES[] = {
        {JOIN_GROUP, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 1, COMMITS},
        {SYNC_GROUP, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, 1, COMMITS},
        {OFFSET_FETCH, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 1, COMMITS},
        {INIT_PRODUCER_ID, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 2, COMMITS},
        {INIT_PRODUCER_ID, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, 2, COMMITS},
        {FIND_COORDINATOR, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, 2, COMMITS},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) inject(CASES[i].api, CASES[i].code, CASES[i].times);
    open_or_fail(1);
    send_messages(10);
    run_or_fail();
    static const rd_kafka_resp_err_t BEATS[] = {RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
                                                RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
                                                RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION};
    for (size_t i = 0; i < sizeof BEATS / sizeof *BEATS; i++) {
        ss_exchange_stats before = stats_of(fx.exchange);
        ss_error err = {0};
        ss_batch *batch;
        inject(HEARTBEAT, BEATS[i], 1);
        int64_t deadline = ss_now_ms() + PATIENCE_MS;
        while (stats_of(fx.exchange).rebalances == before.rebalances && ss_now_ms() < deadline)
            if (ss_exchange_next(fx.exchange, 100, &batch, &err) == 1) ss_exchange_discard(fx.exchange, batch);
        assert_true(stats_of(fx.exchange).rebalances > before.rebalances);
        send_messages(4);
        run_or_fail();
    }
    assert_true(stats_of(fx.exchange).lost >= 1);
}

static void a_batch_of_lost_partitions_is_never_committed(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_batch *batch = NULL, *other;
    ss_publish_result result;
    open_or_fail(1);
    send_messages(4);
    while (ss_exchange_next(fx.exchange, 200, &batch, &err) == 0) {
    }
    inject(HEARTBEAT, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, 1);
    int64_t deadline = ss_now_ms() + PATIENCE_MS;
    while (!stats_of(fx.exchange).lost && ss_now_ms() < deadline)
        if (ss_exchange_next(fx.exchange, 100, &other, &err) == 1) ss_exchange_discard(fx.exchange, other);
    assert_int_equal(publish(fx.exchange, batch, &result, &err), 0);
    assert_int_equal(result, SS_PUBLISH_DROPPED);
    assert_int_equal(stats_of(fx.exchange).committed, 0);
    run_or_fail();
}

static void open_fails_with_auth_when_the_transactional_id_is_not_allowed(void **state)
{
    (void)state;
    ss_error err = {0};
    send_messages(1); /* so that the fixture's own producer has its id */
    inject(INIT_PRODUCER_ID, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, 1);
    assert_null(open_exchange("a", 1, &err));
    assert_int_equal(err.status, SS_AUTH);
}

/* --- what the caller does --- */

static void discarded_batches_and_those_after_them_come_again(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_batch *first = NULL, *second = NULL;
    ss_publish_result result;
    open_or_fail(1);
    send_messages(32);
    while (ss_exchange_next(fx.exchange, 200, &first, &err) == 0) {
    }
    while (ss_exchange_next(fx.exchange, 200, &second, &err) == 0) {
    }
    ss_exchange_discard(fx.exchange, first);
    assert_int_equal(publish(fx.exchange, second, &result, &err), 0);
    assert_int_equal(result, SS_PUBLISH_DROPPED);
    assert_int_equal(count_committed(), 0);
    run_or_fail();
    for (size_t i = 0; i < fx.sent; i++) assert_int_equal(fx.committed[i], 1);
}

/* As many batches out as may be, and a third that fills up and waits for longer than a second. */
static void block_with_two_batches_out(ss_batch *out[2])
{
    ss_error err = {0};
    ss_batch *third;
    open_or_fail(1);
    send_messages(64);
    for (int i = 0; i < 2; i++)
        while (ss_exchange_next(fx.exchange, 200, &out[i], &err) == 0) {
        }
    for (int i = 0; i < 8; i++) assert_int_equal(ss_exchange_next(fx.exchange, 200, &third, &err), 0);
}

static void no_more_batches_than_allowed_are_out_and_waiting_messages_are_not_lost(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_batch *out[2];
    ss_publish_result result;
    block_with_two_batches_out(out);
    assert_int_equal(stats_of(fx.exchange).out, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(publish(fx.exchange, out[i], &result, &err), 0);
        assert_int_equal(result, SS_PUBLISH_COMMITTED);
    }
    run_or_fail();
    for (size_t i = 0; i < fx.sent; i++) assert_int_equal(fx.committed[i], 1);
    assert_int_equal(stats_of(fx.exchange).rewinds, 0);
}

static void a_too_large_output_is_rejected_and_can_be_replaced(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_batch *batch = NULL;
    ss_publish_result result;
    size_t size = 2 << 20; /* over message.max.bytes */
    char *large = calloc(1, size);
    assert_non_null(large);
    open_or_fail(1);
    send_messages(1);
    while (ss_exchange_next(fx.exchange, 200, &batch, &err) == 0) {
    }
    ss_output outputs[3] = {{.topic = "out", .value = "a", .value_len = 1},
                            {.topic = "out", .value = large, .value_len = size},
                            {.topic = "out", .value = "c", .value_len = 1}};
    assert_int_equal(ss_exchange_publish(fx.exchange, batch, outputs, 3, &result, &err), 0);
    assert_int_equal(result, SS_PUBLISH_REJECTED);
    assert_int_equal(outputs[0].rejected, 0);
    assert_int_equal(outputs[1].rejected, 1);
    assert_int_equal(outputs[2].rejected, 0);
    outputs[1].value_len = 10;
    assert_int_equal(ss_exchange_publish(fx.exchange, batch, outputs, 3, &result, &err), 0);
    assert_int_equal(result, SS_PUBLISH_COMMITTED);
    free(large);
}

/* The caller has two rounds for each output, so what is to be replaced must be told at once: by client and broker, in
 * one request or several. Whichever requests meet the broker's refusals, the first publish meets all of them. */
static void all_outputs_that_are_too_large_are_told_at_once(void **state)
{
    (void)state;
    ss_error err = {0};
    size_t size = 2 << 20; /* over message.max.bytes */
    char *large = calloc(1, size);
    assert_non_null(large);
    open_or_fail(1);
    for (int refusals = 0; refusals <= 3; refusals++)
        for (int with_large = 0; with_large < 2; with_large++) {
            ss_batch *batch = NULL;
            ss_publish_result result;
            send_messages(1);
            while (ss_exchange_next(fx.exchange, 200, &batch, &err) == 0) {
            }
            ss_output outputs[5];
            for (size_t i = 0; i < 5; i++) /* keys: both partitions */
                outputs[i] =
                    (ss_output){.topic = "out", .key = &"abcde"[i], .key_len = 1, .value = large, .value_len = 1};
            if (with_large) outputs[4].value_len = size;
            if (refusals) inject(PRODUCE, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, refusals);
            assert_int_equal(ss_exchange_publish(fx.exchange, batch, outputs, 5, &result, &err), 0);
            if (with_large) assert_int_equal(result, SS_PUBLISH_REJECTED);
            if (with_large) assert_int_equal(outputs[4].rejected, 1);
            if (result == SS_PUBLISH_REJECTED) {
                outputs[4].value_len = 1;
                assert_int_equal(ss_exchange_publish(fx.exchange, batch, outputs, 5, &result, &err), 0);
            }
            assert_int_equal(result, SS_PUBLISH_COMMITTED);
        }
    free(large);
}

static void close_refuses_while_a_batch_is_out(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_batch *batch = NULL;
    open_or_fail(1);
    send_messages(1);
    while (ss_exchange_next(fx.exchange, 200, &batch, &err) == 0) {
    }
    assert_int_equal(ss_exchange_close(fx.exchange, 100, &err), -1);
    assert_int_equal(err.status, SS_TIMEOUT);
    ss_exchange_discard(fx.exchange, batch);
    assert_int_equal(ss_exchange_next(fx.exchange, 1000, &batch, &err), -1);
    assert_int_equal(err.status, SS_STOPPED);
}

/* --- two members, two threads --- */

typedef struct worker {
    ss_exchange *exchange;
    pthread_mutex_t lock;
    pthread_cond_t ready;
    ss_batch *queue[4];
    size_t queued;
    int done;
    size_t dropped;
} worker;

static void *publish_slowly(void *argument)
{
    worker *w = argument;
    for (;;) {
        pthread_mutex_lock(&w->lock);
        while (!w->queued && !w->done) pthread_cond_wait(&w->ready, &w->lock);
        if (!w->queued) break;
        ss_batch *batch = w->queue[0];
        memmove(w->queue, w->queue + 1, --w->queued * sizeof *w->queue);
        pthread_mutex_unlock(&w->lock);
        ss_sleep_ms(150);
        ss_publish_result result;
        ss_error err = {0};
        if (publish(w->exchange, batch, &result, &err)) abort();
        w->dropped += result == SS_PUBLISH_DROPPED;
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void a_rebalance_waits_for_batches_that_are_being_computed(void **state)
{
    (void)state;
    ss_error err = {0};
    worker w = {.lock = PTHREAD_MUTEX_INITIALIZER, .ready = PTHREAD_COND_INITIALIZER};
    pthread_t thread;
    open_or_fail(0);
    w.exchange = fx.exchange;
    send_messages(200);
    assert_int_equal(pthread_create(&thread, NULL, publish_slowly, &w), 0);
    ss_exchange *second = NULL;
    int64_t deadline = ss_now_ms() + PATIENCE_MS;
    while (stats_of(fx.exchange).rebalances < 2 && ss_now_ms() < deadline) {
        ss_batch *batch;
        int got = ss_exchange_next(fx.exchange, 100, &batch, &err);
        assert_true(got >= 0);
        if (!second && stats_of(fx.exchange).batches > 2) {
            second = open_exchange("b", 1, &err);
            assert_non_null(second);
        }
        ss_batch *other;
        if (second && ss_exchange_next(second, 10, &other, &err) == 1) ss_exchange_discard(second, other);
        if (!got) continue;
        pthread_mutex_lock(&w.lock);
        w.queue[w.queued++] = batch;
        pthread_cond_signal(&w.ready);
        pthread_mutex_unlock(&w.lock);
    }
    pthread_mutex_lock(&w.lock);
    w.done = 1;
    pthread_cond_signal(&w.ready);
    pthread_mutex_unlock(&w.lock);
    pthread_join(thread, NULL);
    assert_true(stats_of(fx.exchange).rebalances >= 2);
    assert_int_equal(stats_of(fx.exchange).lost, 0);
    assert_int_equal(w.dropped, 0);
    assert_int_equal(ss_exchange_close(second, 5000, &err), 0);
}

/* (Where waiting is done by pausing, librdkafka keeps a partition paused when it is taken away and given back.) */
static void partitions_that_went_while_waiting_are_read_when_they_come_back(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_batch *out[2], *other;
    ss_publish_result result;
    block_with_two_batches_out(out);
    ss_exchange *second = open_exchange("b", 1, &err);
    assert_non_null(second);
    int64_t deadline = ss_now_ms() + PATIENCE_MS;
    /* Between what it gave up and what it is given next, the first one has no partition for a moment. */
    while (
        (stats_of(fx.exchange).rebalances < 2 || !stats_of(second).partitions || !stats_of(fx.exchange).partitions) &&
        ss_now_ms() < deadline) {
        assert_int_equal(ss_exchange_next(fx.exchange, 50, &other, &err), 0);
        if (ss_exchange_next(second, 50, &other, &err) == 1) ss_exchange_discard(second, other);
    }
    assert_int_equal(stats_of(fx.exchange).partitions, 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(publish(fx.exchange, out[i], &result, &err), 0);
        assert_int_equal(result, SS_PUBLISH_DROPPED);
    }
    while (ss_exchange_next(fx.exchange, 200, &out[0], &err) == 0) { /* goes on with the one partition that it has */
    }
    assert_int_equal(publish(fx.exchange, out[0], &result, &err), 0);
    assert_int_equal(ss_exchange_close(second, 5000, &err), 0);
    run_or_fail();
}

/* A frozen or new leader may say that our offset is out of range; librdkafka then begins again at the first one. The
 * group's commits decide where to go on, by a rewind; what came again is not taken as if it were new. */
static void an_offset_said_to_be_out_of_range_leads_to_a_rewind(void **state)
{
    (void)state;
    open_or_fail(1);
    send_messages(40);
    run_or_fail();
    uint64_t before = stats_of(fx.exchange).rewinds;
    inject(FETCH, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, 1);
    int64_t deadline = ss_now_ms() + PATIENCE_MS;
    ss_error err = {0};
    ss_batch *batch;
    ss_publish_result result;
    while (stats_of(fx.exchange).rewinds == before && ss_now_ms() < deadline) {
        int got = ss_exchange_next(fx.exchange, 100, &batch, &err);
        assert_true(got >= 0);
        /* Messages that came again may be handed out behind the rewind, not before it. */
        assert_true(!got || stats_of(fx.exchange).rewinds > before);
        if (got) assert_int_equal(publish(fx.exchange, batch, &result, &err), 0);
    }
    assert_true(stats_of(fx.exchange).rewinds > before);
    send_messages(8);
    run_or_fail();
}

int main(void)
{
#ifdef __SANITIZE_THREAD__
    puts("skipped: librdkafka makes C11 threads, which this ThreadSanitizer does not know and crashes on");
    return 77;
#endif
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
    const struct CMUnitTest tests[] = {
        T(every_message_is_committed_once_without_errors),
        T(nothing_to_read_returns_in_time),
        T(each_error_of_a_transaction_has_the_outcome_of_its_class),
        T(missing_rights_end_it_with_an_auth_error),
        T(being_fenced_again_and_again_names_the_instance),
        T(a_broker_that_goes_away_and_comes_back_loses_nothing),
        T(each_error_of_a_membership_is_overcome),
        T(a_batch_of_lost_partitions_is_never_committed),
        T(open_fails_with_auth_when_the_transactional_id_is_not_allowed),
        T(discarded_batches_and_those_after_them_come_again),
        T(no_more_batches_than_allowed_are_out_and_waiting_messages_are_not_lost),
        T(a_too_large_output_is_rejected_and_can_be_replaced),
        T(all_outputs_that_are_too_large_are_told_at_once),
        T(close_refuses_while_a_batch_is_out),
        T(a_rebalance_waits_for_batches_that_are_being_computed),
        T(partitions_that_went_while_waiting_are_read_when_they_come_back),
        T(an_offset_said_to_be_out_of_range_leads_to_a_rewind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
