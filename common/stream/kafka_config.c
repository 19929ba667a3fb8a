/* kafka_config.c - settings and callbacks of Kafka handles; see kafka_config.h and kafka_client.h.
 *
 * Settings are checked by librdkafka itself (it knows some 150 keys and their ranges), key by key, so that the message
 * names the one that is wrong. librdkafka's own texts quote the value, which for some keys is a secret; therefore
 * messages are made here. Of a number it reads what it understands ("64M" is 64 to it), so numbers are read back.
 *
 * The capability rule: cooperative rebalancing loses or repeats messages in librdkafka before 2.10 when it meets
 * transactions, so a user's wish for it is refused there and never a default (a group must not mix both kinds, and the
 * workers of one group may have different library versions during an upgrade).
 */
#include "stream/kafka_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/x509_vfy.h>

#include "base/clock.h"
#include "stream/certificate_fault.h"
#include "stream/kafka_client.h"

enum { KEY_ROOM = 128, COOPERATIVE_FROM = 0x020a0000, REFUSED_MS = 20000, TELL_EVERY_MS = 30000 };

/* --- client --- */

int ss_kafka_client_init(ss_kafka_client *client, const ss_kafka_config *config, ss_error *err)
{
    *client = (ss_kafka_client){.log = config->log, .log_arg = config->log_arg};
    return pthread_mutex_init(&client->lock, NULL) ? ss_fail_memory(err, "opening a Kafka client") : 0;
}

void ss_kafka_client_free(ss_kafka_client *client)
{
    pthread_mutex_destroy(&client->lock);
}

rd_kafka_resp_err_t ss_kafka_client_error(ss_kafka_client *client, char *text, size_t size)
{
    pthread_mutex_lock(&client->lock);
    rd_kafka_resp_err_t code = client->last_error;
    if (text) snprintf(text, size, "%s", client->last_text);
    pthread_mutex_unlock(&client->lock);
    return code;
}

int ss_kafka_client_is_refused(ss_kafka_client *client, char *text, size_t size)
{
    pthread_mutex_lock(&client->lock);
    int refused = client->refused_ms && ss_now_ms() - client->refused_ms < REFUSED_MS;
    if (refused) snprintf(text, size, "%s", client->refused_text);
    pthread_mutex_unlock(&client->lock);
    return refused;
}

void ss_kafka_client_clear(ss_kafka_client *client)
{
    pthread_mutex_lock(&client->lock);
    client->last_error = RD_KAFKA_RESP_ERR_NO_ERROR;
    client->last_text[0] = 0;
    pthread_mutex_unlock(&client->lock);
}

void ss_kafka_client_say(ss_kafka_client *client, int level, const char *format, ...)
{
    char text[512];
    if (!client->log) return;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    client->log(client->log_arg, level, "SKILLSTREAM", text);
}

/* librdkafka tells of a refused certificate at each attempt of each of its connections: once in a while is enough. */
static int is_repeated(ss_kafka_client *client, const char *facility)
{
    if (strcmp(facility, "SSLCERTVRFY")) return 0;
    int64_t now = ss_now_ms();
    pthread_mutex_lock(&client->lock);
    int repeated = client->told_ms && now - client->told_ms < TELL_EVERY_MS;
    if (!repeated) client->told_ms = now;
    pthread_mutex_unlock(&client->lock);
    return repeated;
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    ss_kafka_client *client = rd_kafka_opaque(rk);
    /* CONFWARN: consumer settings given to a producer; both get the user's whole list. */
    if (!client || !client->log || !strcmp(facility, "CONFWARN")) return;
    if (is_repeated(client, facility)) return;
    client->log(client->log_arg, level, facility, text);
}

/* The certificate's own refusal is told by on_certificate, which knows why. */
static int is_refused_certificate(rd_kafka_resp_err_t code, const char *reason)
{
    return code == RD_KAFKA_RESP_ERR__SSL && reason && strstr(reason, "certificate verify failed");
}

/* Alerts by which a broker says that it wants a client's certificate, or another one. */
static int is_refusal_of_ours(const char *reason)
{
    return reason && strstr(reason, " alert ") && (strstr(reason, "certificate") || strstr(reason, "unknown ca"));
}

/* Lock held; last_text says why. */
static void note_refusal(ss_kafka_client *client)
{
    client->refused_ms = ss_now_ms();
    memcpy(client->refused_text, client->last_text, sizeof client->refused_text);
}

static void on_error(rd_kafka_t *rk, int number, const char *reason, void *opaque)
{
    ss_kafka_client *client = opaque;
    rd_kafka_resp_err_t code = (rd_kafka_resp_err_t)number;
    (void)rk;
    if (is_refused_certificate(code, reason)) return;
    if (is_refusal_of_ours(reason)) code = RD_KAFKA_RESP_ERR__AUTHENTICATION;
    if (code == RD_KAFKA_RESP_ERR__SSL) code = RD_KAFKA_RESP_ERR__TRANSPORT;
    pthread_mutex_lock(&client->lock);
    /* "All brokers down" only sums up; the reason before it is the one that helps. */
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || !client->last_error) {
        client->last_error = code;
        snprintf(client->last_text, sizeof client->last_text, "%s", reason ? reason : "");
    }
    if (ss_kafka_status(code) == SS_AUTH) note_refusal(client);
    pthread_mutex_unlock(&client->lock);
}

static const char *way_out(int x509_error)
{
    switch (ss_certificate_fault_of(x509_error)) {
    case SS_CERTIFICATE_AUTHORITY: return "name the authority to trust: --kafka ssl.ca.location=FILE";
    case SS_CERTIFICATE_NAME:
        return "the brokers must be named, in --bootstrap and by themselves, as their certificates name them";
    default: return "renew it at the broker";
    }
}

/* Asked for each certificate of a broker's chain, on librdkafka's threads. Decides nothing: OpenSSL's verdict stands.
 */
static int on_certificate(rd_kafka_t *rk, const char *broker, int32_t id, int *x509_error, int depth, const char *der,
                          size_t size, char *why, size_t why_size, void *opaque)
{
    ss_kafka_client *client = opaque;
    (void)rk, (void)id, (void)depth, (void)der, (void)size;
    if (!*x509_error) return 1;
    snprintf(why, why_size, "%s", X509_verify_cert_error_string(*x509_error));
    pthread_mutex_lock(&client->lock);
    client->last_error = RD_KAFKA_RESP_ERR__SSL;
    snprintf(client->last_text, sizeof client->last_text, "%.80s: %s; %s", broker, why, way_out(*x509_error));
    note_refusal(client);
    pthread_mutex_unlock(&client->lock);
    return 0;
}

/* --- settings --- */

static int is_secret(const char *key)
{
    static const char *PARTS[] = {"password", "secret", "pem", "jaas", "token", "sasl.oauthbearer.config"};
    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++)
        if (strcasestr(key, PARTS[i])) return 1;
    return 0;
}

/* Keys that are options of ours, or that exactly-once stands on. */
static int is_ours(const char *key)
{
    static const char *KEYS[] = {"bootstrap.servers",
                                 "metadata.broker.list",
                                 "client.id",
                                 "group.id",
                                 "transactional.id",
                                 "enable.auto.commit",
                                 "isolation.level",
                                 "enable.auto.offset.store",
                                 "enable.idempotence",
                                 "acks",
                                 "request.required.acks",
                                 "auto.commit.enable",
                                 "enable.partition.eof"};
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++)
        if (!strcmp(key, KEYS[i])) return 1;
    return 0;
}

/* librdkafka does not say which file it cannot read. */
static int check_file(const char *key, const char *value, ss_error *err)
{
    size_t len = strlen(key);
    if (strncmp(key, "ssl.", 4) || len < 9 || strcmp(key + len - 9, ".location") || !strcmp(value, "probe") || !*value)
        return 0;
    if (!access(value, R_OK)) return 0;
    return ss_fail(err, SS_CONFIG, "Kafka setting '%s': cannot read %s: %s", key, value, strerror(errno));
}

/* A property that comes back as a number must be the one that was given: 64, 0x40, but not 64M, 010 (octal to
 * librdkafka) or what an int cannot hold. Texts come back as they are, booleans and enumerations as words. A double
 * comes back with six digits. */
static int check_number(const rd_kafka_conf_t *conf, const char *key, const char *value, ss_error *err)
{
    char back[32] = "", *end;
    size_t size = sizeof back;
    if (rd_kafka_conf_get(conf, key, back, &size) || size > sizeof back || !strcmp(back, value)) return 0;
    double taken = strtod(back, &end);
    if (end == back || *end) return 0;
    double given = strtod(value, &end);
    if (end == value) return 0;
    end += strspn(end, " \t");
    double apart = given > taken ? given - taken : taken - given;
    if (!*end && apart <= (taken < 0 ? -taken : taken) * 1e-5) return 0;
    return ss_fail(err, SS_CONFIG,
                   "Kafka setting '%s': '%.80s' would be taken for %s; numbers are whole and without a unit", key,
                   value, back);
}

static int set(rd_kafka_conf_t *conf, const char *key, const char *value, ss_error *err)
{
    char text[256];
    switch (rd_kafka_conf_set(conf, key, value, text, sizeof text)) {
    case RD_KAFKA_CONF_OK: return check_number(conf, key, value, err);
    case RD_KAFKA_CONF_UNKNOWN: return ss_fail(err, SS_CONFIG, "Kafka setting '%s': librdkafka knows no such key", key);
    default: break;
    }
    if (is_secret(key)) return ss_fail(err, SS_CONFIG, "Kafka setting '%s': its value is not accepted", key);
    return ss_fail(err, SS_CONFIG, "Kafka setting '%s': '%.80s' is not accepted", key, value);
}

static int set_user(rd_kafka_conf_t *conf, const char *pair, ss_error *err)
{
    char key[KEY_ROOM];
    const char *equals = strchr(pair, '=');
    size_t len = equals ? (size_t)(equals - pair) : 0;
    if (!len || len >= sizeof key)
        return ss_fail(err, SS_CONFIG,
                       "a Kafka setting is not of the form KEY=VALUE"); /* may be a secret: not quoted */
    memcpy(key, pair, len);
    key[len] = 0;
    if (is_ours(key)) return ss_fail(err, SS_CONFIG, "Kafka setting '%s' is not the user's: skillstream sets it", key);
    if (!strcmp(key, "partition.assignment.strategy") && strstr(equals + 1, "cooperative") &&
        rd_kafka_version() < COOPERATIVE_FROM)
        return ss_fail(err, SS_CONFIG, "Kafka setting '%s': cooperative rebalancing needs librdkafka 2.10, this is %s",
                       key, rd_kafka_version_str());
    return check_file(key, equals + 1, err) || set(conf, key, equals + 1, err) ? -1 : 0;
}

/* Not where the user has switched it off: OpenSSL would ask the callback all the same. */
static int verifies_certificates(const rd_kafka_conf_t *conf)
{
    char value[16] = "";
    size_t size = sizeof value;
    return rd_kafka_conf_get(conf, "enable.ssl.certificate.verification", value, &size) || strcmp(value, "false") != 0;
}

rd_kafka_conf_t *ss_kafka_conf_new(const ss_kafka_config *config, ss_kafka_client *client, const ss_kafka_setting *ours,
                                   size_t count, ss_error *err)
{
    if (!config->bootstrap || !*config->bootstrap) {
        ss_fail(err, SS_CONFIG, "no Kafka bootstrap server is given");
        return NULL;
    }
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (set(conf, "bootstrap.servers", config->bootstrap, err) ||
        set(conf, "client.id", config->client_id ? config->client_id : "skillstream", err))
        goto fail;
    for (size_t i = 0; i < count; i++)
        if (!ours[i].fixed && set(conf, ours[i].key, ours[i].value, err)) goto fail;
    for (size_t i = 0; i < config->setting_count; i++)
        if (set_user(conf, config->settings[i], err)) goto fail;
    for (size_t i = 0; i < count; i++)
        if (ours[i].fixed && set(conf, ours[i].key, ours[i].value, err)) goto fail;
    rd_kafka_conf_set_opaque(conf, client);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    if (verifies_certificates(conf))
        rd_kafka_conf_set_ssl_cert_verify_cb(conf, on_certificate); /* fails only where librdkafka has no TLS */
    return conf;
fail:
    rd_kafka_conf_destroy(conf);
    return NULL;
}

rd_kafka_t *ss_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, ss_error *err)
{
    char text[300] = "";
    rd_kafka_t *rk = rd_kafka_new(type, conf, text, sizeof text);
    if (!rk) {
        /* Settings that do not fit together, or files (certificates) that cannot be read. */
        ss_fail(err, SS_CONFIG, "Kafka: %s", text);
        rd_kafka_conf_destroy(conf);
    }
    return rk;
}

void ss_kafka_end_queue(rd_kafka_queue_t *queue)
{
    if (!queue) return;
    rd_kafka_queue_forward(queue, NULL);
    rd_kafka_message_t *left;
    while ((left = rd_kafka_consume_queue(queue, 0))) rd_kafka_message_destroy(left);
    rd_kafka_queue_destroy(queue);
}

int ss_kafka_check_settings(const ss_kafka_config *config, ss_error *err)
{
    ss_kafka_client client;
    if (ss_kafka_client_init(&client, config, err)) return -1;
    rd_kafka_conf_t *conf = ss_kafka_conf_new(config, &client, NULL, 0, err);
    if (conf) rd_kafka_conf_destroy(conf);
    ss_kafka_client_free(&client);
    return conf ? 0 : -1;
}
