/* kafka_error.c - librdkafka's error codes as errors of ours, with the way out; messages and outputs as views. */
#include <stdio.h>
#include <string.h>

#include "stream/kafka_client.h"

enum { SCRAM_FROM = 0x020601ff };

ss_status ss_kafka_status(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR: return SS_OK;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL: /* see ss_kafka_client_error */
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED: return SS_AUTH;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART: return SS_NOT_FOUND;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE: return SS_LIMIT;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT: return SS_TIMEOUT;
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_INVALID_GROUP_ID:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL: return SS_CONFIG;
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION: return SS_UNSUPPORTED;
    case RD_KAFKA_RESP_ERR__STATE: return SS_INTERNAL;
    default: return SS_NETWORK;
    }
}

/* A user who is known and lacks a right. */
static int is_unauthorised(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
           code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
           code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
}

int ss_kafka_fail(ss_error *err, rd_kafka_resp_err_t code, const char *what, const char *text)
{
    ss_status status = ss_kafka_status(code);
    ss_remedy remedy = status == SS_NETWORK || status == SS_TIMEOUT || status == SS_NOT_FOUND ? SS_RETRY : SS_GIVE_UP;
    return ss_fail_with(err, status, remedy, "%s: %s%s", what, text && *text ? text : rd_kafka_err2str(code),
                        is_unauthorised(code) ? "; the user lacks a right, which kafka-acls.sh --add gives" : "");
}

/* librdkafka before 2.6.1 repeats its nonce in SCRAM's last message; brokers that look at it (Kafka 4) refuse that. */
static const char *what_to_check(const char *text)
{
    if (strstr(text, " alert ")) return "ssl.certificate.location and ssl.key.location of --kafka";
    if (strstr(text, "Unsupported SASL mechanism")) return "sasl.mechanism of --kafka";
    if (strstr(text, "SCRAM") && rd_kafka_version() < SCRAM_FROM)
        return "sasl.username and sasl.password of --kafka; for SCRAM with Kafka 4 this librdkafka is too old: take "
               "2.6.1 "
               "or newer, or sasl.mechanism=PLAIN over TLS, or a client certificate";
    return "sasl.mechanism, sasl.username and sasl.password of --kafka";
}

int ss_kafka_fail_away(ss_error *err, ss_kafka_client *client, const char *bootstrap, int64_t waited_ms)
{
    char text[256];
    rd_kafka_resp_err_t code = ss_kafka_client_error(client, text, sizeof text);
    if (code == RD_KAFKA_RESP_ERR__SSL)
        return ss_fail(err, SS_AUTH, "the certificate of a broker is refused: %s", text);
    if (ss_kafka_status(code) == SS_AUTH && code)
        return ss_fail(err, SS_AUTH, "the broker at %s refuses the credentials (check %s): %s", bootstrap,
                       what_to_check(text), text);
    return ss_fail_with(err, SS_NETWORK, SS_RETRY, "no broker at %s after %lld s%s%s", bootstrap,
                        (long long)((waited_ms + 999) / 1000), *text ? ": " : "", text);
}

int ss_kafka_fail_topic(ss_error *err, const char *topic, const char *bootstrap)
{
    return ss_fail_with(
        err, SS_NOT_FOUND, SS_RETRY,
        "topic '%s' does not exist; create it: kafka-topics.sh --bootstrap-server %s --create --topic %s "
        "--partitions 6",
        topic, bootstrap, topic);
}

const ss_kafka_header *ss_kafka_header_find(const ss_kafka_header *headers, size_t count, const char *name)
{
    while (count--)
        if (!strcmp(headers[count].name, name)) return &headers[count];
    return NULL;
}

const char *ss_kafka_header_text(const ss_kafka_header *headers, size_t count, const char *name, char *out, size_t size)
{
    const ss_kafka_header *header = ss_kafka_header_find(headers, count, name);
    if (!header || !size) return NULL;
    size_t len = header->len < size - 1 ? header->len : size - 1;
    if (len) memcpy(out, header->value, len);
    out[len] = 0;
    return out;
}

int ss_kafka_view(const rd_kafka_message_t *raw, ss_arena *arena, ss_message *out)
{
    rd_kafka_headers_t *headers = NULL;
    size_t count = 0;
    if (!rd_kafka_message_headers(raw, &headers)) count = rd_kafka_header_cnt(headers);
    ss_kafka_header *list = count ? ss_arena_calloc(arena, count, sizeof *list) : NULL;
    if (count && !list) return -1;
    for (size_t i = 0; i < count; i++) {
        const void *value = NULL;
        rd_kafka_header_get_all(headers, i, &list[i].name, &value, &list[i].len);
        list[i].value = value;
    }
    *out = (ss_message){.topic = rd_kafka_topic_name(raw->rkt),
                        .partition = raw->partition,
                        .offset = raw->offset,
                        .timestamp_ms = rd_kafka_message_timestamp(raw, NULL),
                        .key = raw->key,
                        .key_len = raw->key_len,
                        .value = raw->payload,
                        .value_len = raw->len,
                        .headers = list,
                        .header_count = count};
    return 0;
}

rd_kafka_resp_err_t ss_kafka_produce(rd_kafka_t *producer, const ss_output *output, void *opaque)
{
    rd_kafka_headers_t *headers = NULL;
    if (output->header_count) headers = rd_kafka_headers_new(output->header_count);
    for (size_t i = 0; i < output->header_count; i++) {
        const ss_kafka_header *h = &output->headers[i];
        rd_kafka_header_add(headers, h->name, -1, h->value, (ssize_t)h->len);
    }
    rd_kafka_vu_t args[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = output->topic},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {.ptr = (void *)(uintptr_t)output->key, .size = output->key_len}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {.ptr = (void *)(uintptr_t)output->value, .size = output->value_len}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = opaque},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers}};
    size_t count = sizeof args / sizeof *args - (headers ? 0 : 1);
    rd_kafka_error_t *error = rd_kafka_produceva(producer, args, count);
    if (!error) return RD_KAFKA_RESP_ERR_NO_ERROR; /* the headers are the message's now */
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    if (headers) rd_kafka_headers_destroy(headers);
    return code;
}
