/* test_kafka_clients.c - settings, checks, the plain producer and reader, dead letters and the embedded broker.
 * Expected values come from contracts (header names, messages with a way out) and from what was sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/clock.h"
#include "stream/kafka_dead_letter.h"
#include "stream/kafka_embedded.h"
#include "stream/kafka_exchange.h"
#include "stream/kafka_plain.h"

static ss_embedded *broker;

static int start(void **state)
{
    ss_error err = {0};
    (void)state;
    broker = ss_embedded_start(1, &err);
    return broker && !ss_embedded_topic(broker, "t", 3, &err) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    ss_embedded_stop(broker);
    return 0;
}

static ss_kafka_config config(void)
{
    return (ss_kafka_config){.bootstrap = ss_embedded_bootstrap(broker)};
}

/* --- settings --- */

static void assert_setting(const char *setting, const char *named, const char *not_quoted)
{
    ss_error err = {0};
    ss_kafka_config c = {.bootstrap = "127.0.0.1:1", .settings = &setting, .setting_count = 1};
    int failed = ss_kafka_check_settings(&c, &err);
    if (!named) {
        if (failed) fail_msg("%s: %s", setting, err.text);
        return;
    }
    assert_int_equal(failed, -1);
    assert_int_equal(err.status, SS_CONFIG);
    if (!strstr(err.text, named)) fail_msg("'%s' does not name %s", err.text, named);
    if (not_quoted && strstr(err.text, not_quoted)) fail_msg("'%s' tells a secret", err.text);
}

static void settings_are_checked_by_name(void **state)
{
    (void)state;
    assert_setting("security.protocol=SASL_SSL", NULL, NULL);
    assert_setting("sasl.password=hunter=2", NULL, NULL);
    assert_setting("linger.ms=7", NULL, NULL);
    assert_setting("linger.msec=7", "'linger.msec'", NULL);
    assert_setting("linger.ms=soon", "'linger.ms'", NULL);
    assert_setting("security.protocol=hunter2", "'security.protocol'", NULL);
    assert_setting("ssl.key.pem.x=hunter2", "'ssl.key.pem.x'", "hunter2");
    assert_setting("hunter2", "KEY=VALUE", "hunter2");
    assert_setting("=hunter2", "KEY=VALUE", "hunter2");
    const char *ours[] = {"group.id=x",
                          "transactional.id=x",
                          "enable.auto.commit=true",
                          "isolation.level=read_uncommitted",
                          "enable.idempotence=false",
                          "acks=1",
                          "bootstrap.servers=x"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) assert_setting(ours[i], "skillstream sets it", NULL);
    if (rd_kafka_version() < 0x020a0000)
        assert_setting("partition.assignment.strategy=cooperative-sticky", "librdkafka 2.10", NULL);
}

static void numbers_are_taken_whole_or_not_at_all(void **state)
{
    (void)state;
    static const char *const good[] = {"queued.max.messages.kbytes=65536",
                                       "queued.max.messages.kbytes=0x40",
                                       "queued.max.messages.kbytes=64 ",
                                       "socket.timeout.ms=60000",
                                       "retries=2147483647",
                                       "retry.backoff.ms=+7",
                                       "linger.ms=0.5",
                                       "linger.ms=899999.5", /* a double: comes back as 900000 */
                                       "compression.level=-1",
                                       "message.timeout.ms=300000", /* of topics */
                                       "request.timeout.ms=0x7530",
                                       "socket.keepalive.enable=1", /* booleans */
                                       "socket.keepalive.enable=true",
                                       "enable.gapless.guarantee=0",
                                       "compression.type=lz4", /* names */
                                       "auto.offset.reset=earliest",
                                       "debug=broker,topic", /* lists */
                                       "topic.blacklist=1,2",
                                       "sasl.username=007", /* texts */
                                       "sasl.username=64M",
                                       "sasl.password=12345678901234567890123456789012345678901234567890",
                                       "client.rack=0x10",
                                       "client.rack=1e3"};
    static const char *const bad[][2] = {{"queued.max.messages.kbytes=64M", "taken for 64;"},
                                         {"queued.max.messages.kbytes=64 MiB", "taken for 64;"},
                                         {"queued.max.messages.kbytes=64.7", "taken for 64;"},
                                         {"queued.max.messages.kbytes=1e5", "taken for 1;"},
                                         {"queued.max.messages.kbytes=0100", "taken for 64;"},
                                         {"queued.max.messages.kbytes=4294967360", "'4294967360'"}, /* 2^32 + 64 */
                                         {"retry.backoff.ms=100ms", "taken for 100;"},
                                         {"retries=10_000", "taken for 10;"},
                                         {"linger.ms=5ms", "taken for 5;"},
                                         {"linger.ms=0.5s", "taken for 0.5;"},
                                         {"compression.level=-1x", "taken for -1;"},
                                         {"message.timeout.ms=5min", "'message.timeout.ms'"},
                                         {"request.timeout.ms=30s", "'request.timeout.ms'"}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_setting(good[i], NULL, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_setting(bad[i][0], bad[i][1], NULL);
}

static void an_exchange_needs_its_names(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_exchange_config c = {.kafka = config()};
    assert_null(ss_exchange_open(&c, &err));
    assert_int_equal(err.status, SS_CONFIG);
}

/* --- checks --- */

static void check_tells_what_is_missing(void **state)
{
    (void)state;
    ss_error err = {0};
    const char *there[] = {"t"}, *wrong[] = {"bad name!"};
    ss_kafka_config c = config(), away = {.bootstrap = "127.0.0.1:1"};
    assert_int_equal(ss_kafka_check(&c, there, 1, 10000, &err), 0);
    assert_int_equal(ss_kafka_check(&away, there, 1, 1500, &err), -1);
    assert_int_equal(err.status, SS_NETWORK);
    assert_int_equal(err.remedy, SS_RETRY);
    assert_non_null(strstr(err.text, "no broker at 127.0.0.1:1"));
    assert_non_null(strstr(err.text, "Connection refused"));
    rd_kafka_mock_topic_set_error(ss_embedded_cluster(broker), "t", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    assert_int_equal(ss_kafka_check(&c, there, 1, 5000, &err), -1);
    assert_int_equal(err.status, SS_NOT_FOUND);
    assert_non_null(strstr(err.text, "'t'"));
    assert_non_null(strstr(err.text, "--create --topic t"));
    rd_kafka_mock_topic_set_error(ss_embedded_cluster(broker), "t", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    assert_int_equal(ss_kafka_check(&c, there, 1, 5000, &err), -1);
    assert_int_equal(err.status, SS_AUTH);
    rd_kafka_mock_topic_set_error(ss_embedded_cluster(broker), "bad name!", RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION);
    assert_int_equal(ss_kafka_check(&c, wrong, 1, 5000, &err), -1);
    assert_int_equal(err.status, SS_CONFIG);
}

/* --- plain producer and reader --- */

static void send_numbers(ss_producer *producer, unsigned from, unsigned count)
{
    ss_error err = {0};
    for (unsigned i = from; i < from + count; i++) {
        ss_kafka_header headers[2] = {{"content-type", "application/json", 16}, {"empty", NULL, 0}};
        ss_output out = {.topic = "t",
                         .key = &i,
                         .key_len = sizeof i,
                         .value = &i,
                         .value_len = sizeof i,
                         .headers = headers,
                         .header_count = 2};
        assert_int_equal(ss_producer_send(producer, &out, &err), 0);
    }
    if (ss_producer_flush(producer, 10000, &err)) fail_msg("%s", err.text);
}

static void what_is_sent_is_read_once(void **state)
{
    enum { COUNT = 500 };
    (void)state;
    ss_error err = {0};
    unsigned char seen[COUNT] = {0};
    ss_kafka_config c = config();
    ss_producer *producer = ss_producer_open(&c, &err);
    assert_non_null(producer);
    send_numbers(producer, 0, COUNT);
    ss_producer_stats stats = ss_producer_read_stats(producer);
    assert_int_equal(stats.sent, COUNT);
    assert_int_equal(stats.delivered, COUNT);
    assert_int_equal(stats.failed, 0);
    ss_reader *reader = ss_reader_open(&c, "t", 1, 10000, &err);
    assert_non_null(reader);
    int64_t deadline = ss_now_ms() + 20000;
    size_t count = 0;
    while (!ss_reader_at_end(reader) && ss_now_ms() < deadline) {
        ss_message m;
        unsigned number;
        char text[32];
        int got = ss_reader_next(reader, 500, &m, &err);
        assert_true(got >= 0);
        if (!got) continue;
        assert_int_equal(m.value_len, sizeof number);
        memcpy(&number, m.value, sizeof number);
        assert_memory_equal(m.key, &number, sizeof number);
        assert_true(number < COUNT && !seen[number]);
        seen[number] = 1;
        assert_int_equal(m.header_count, 2);
        assert_string_equal(ss_kafka_header_text(m.headers, 2, "content-type", text, sizeof text), "application/json");
        assert_string_equal(ss_kafka_header_text(m.headers, 2, "empty", text, sizeof text), "");
        assert_null(ss_kafka_header_find(m.headers, 2, "other"));
        count++;
    }
    assert_int_equal(count, COUNT);
    ss_reader_close(reader);
    ss_producer_close(producer);
}

static void a_reader_from_the_end_sees_only_what_comes_later(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_message m;
    ss_kafka_config c = config();
    ss_producer *producer = ss_producer_open(&c, &err);
    assert_non_null(producer);
    send_numbers(producer, 0, 10);
    ss_reader *reader = ss_reader_open(&c, "t", 0, 10000, &err);
    assert_non_null(reader);
    int64_t deadline = ss_now_ms() + 20000;
    while (!ss_reader_at_end(reader) && ss_now_ms() < deadline)
        assert_int_equal(ss_reader_next(reader, 200, &m, &err), 0);
    send_numbers(producer, 100, 1);
    int got = 0;
    while (!got && ss_now_ms() < deadline) got = ss_reader_next(reader, 500, &m, &err);
    assert_int_equal(got, 1);
    assert_int_equal(*(const unsigned char *)m.value, 100);
    ss_reader_close(reader);
    ss_producer_close(producer);
}

static void refused_messages_are_counted_and_named(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_kafka_config c = config();
    static const char *const small[] = {"message.max.bytes=1000000"}; /* the mock cluster itself has no limit */
    c.settings = small;
    c.setting_count = 1;
    ss_producer *producer = ss_producer_open(&c, &err);
    assert_non_null(producer);
    char *large = calloc(1, 2 << 20);
    assert_non_null(large);
    ss_output out = {.topic = "t", .value = large, .value_len = 2 << 20};
    assert_int_equal(ss_producer_send(producer, &out, &err), -1);
    assert_int_equal(err.status, SS_LIMIT);
    send_numbers(producer, 0, 1);
    rd_kafka_mock_push_request_errors(ss_embedded_cluster(broker), 0, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    out.value_len = 1;
    assert_int_equal(ss_producer_send(producer, &out, &err), 0);
    assert_int_equal(ss_producer_flush(producer, 10000, &err), -1);
    assert_int_equal(err.status, SS_AUTH);
    assert_int_equal(ss_producer_read_stats(producer).failed, 1);
    assert_int_equal(ss_producer_flush(producer, 10000, &err), 0); /* told once */
    free(large);
    ss_producer_close(producer);
}

static void a_topic_cannot_be_made_twice(void **state)
{
    (void)state;
    ss_error err = {0};
    assert_int_equal(ss_embedded_topic(broker, "t", 1, &err), -1);
    assert_int_equal(err.status, SS_INPUT);
}

/* --- dead letters --- */

static const char *header(const ss_output *out, const char *name, char text[128])
{
    return ss_kafka_header_text(out->headers, out->header_count, name, text, 128);
}

static void a_dead_letter_keeps_the_original_and_says_why(void **state)
{
    (void)state;
    ss_arena arena;
    char text[128];
    ss_arena_init(&arena, 0, 0);
    const ss_kafka_header original[] = {{"content-type", "text/x", 6}, {"trace", "\0\1", 2}};
    ss_message message = {.topic = "job-ads",
                          .partition = 3,
                          .offset = 5000000000,
                          .key = "k",
                          .key_len = 1,
                          .value = "v\0w",
                          .value_len = 3,
                          .headers = original,
                          .header_count = 2};
    ss_dead_letter letter = {.topic = "job-ads.dlq",
                             .reason = "bad-json",
                             .stage = "decode",
                             .error = "line 1",
                             .program = "skillstream-worker 0.1.0"};
    ss_output out;
    assert_int_equal(ss_dead_letter_output(&message, &letter, &arena, &out, NULL), 0);
    assert_string_equal(out.topic, "job-ads.dlq");
    assert_memory_equal(out.key, "k", out.key_len);
    assert_int_equal(out.value_len, 3);
    assert_memory_equal(out.value, "v\0w", 3);
    assert_int_equal(out.header_count, 8);
    assert_string_equal(header(&out, "content-type", text), "text/x");
    assert_int_equal(out.headers[1].len, 2);
    assert_string_equal(header(&out, "skillstream-reason", text), "bad-json");
    assert_string_equal(header(&out, "skillstream-stage", text), "decode");
    assert_string_equal(header(&out, "skillstream-error", text), "line 1");
    assert_string_equal(header(&out, "skillstream-attempt", text), "1");
    assert_string_equal(header(&out, "skillstream-source", text), "job-ads/3/5000000000");
    assert_string_equal(header(&out, "skillstream-program", text), "skillstream-worker 0.1.0");
    /* Sent round, it fails again: replaced headers, one more attempt. */
    ss_message again = message;
    again.headers = out.headers;
    again.header_count = out.header_count;
    letter.reason = "too-large";
    letter.without_value = 1;
    ss_output second;
    assert_int_equal(ss_dead_letter_output(&again, &letter, &arena, &second, NULL), 0);
    assert_int_equal(second.header_count, 8);
    assert_string_equal(header(&second, "skillstream-attempt", text), "2");
    assert_string_equal(header(&second, "skillstream-reason", text), "too-large");
    assert_null(second.value);
    ss_arena_free(&arena);
}

int main(void)
{
#ifdef __SANITIZE_THREAD__
    puts("skipped: librdkafka makes C11 threads, which this ThreadSanitizer does not know and crashes on");
    return 77;
#endif
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
    const struct CMUnitTest tests[] = {
        T(settings_are_checked_by_name),
        T(numbers_are_taken_whole_or_not_at_all),
        T(an_exchange_needs_its_names),
        T(check_tells_what_is_missing),
        T(what_is_sent_is_read_once),
        T(a_reader_from_the_end_sees_only_what_comes_later),
        T(refused_messages_are_counted_and_named),
        T(a_topic_cannot_be_made_twice),
        T(a_dead_letter_keeps_the_original_and_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
