/* kafka_embedded.c - see kafka_embedded.h.
 *
 * The mock cluster needs some client handle to live on; a producer that never connects anywhere serves. Its threads log
 * nothing: a demo's terminal belongs to the demo.
 */
#include "stream/kafka_embedded.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>

struct ss_embedded {
    rd_kafka_t *host;
    rd_kafka_mock_cluster_t *cluster;
};

static void no_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk, (void)level, (void)facility, (void)text;
}

ss_embedded *ss_embedded_start(int brokers, ss_error *err)
{
    char text[256] = "";
    ss_embedded *embedded = calloc(1, sizeof *embedded);
    if (!embedded) {
        ss_fail_memory(err, "starting the embedded broker");
        return NULL;
    }
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, no_log);
    embedded->host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (!embedded->host)
        rd_kafka_conf_destroy(conf);
    else
        embedded->cluster = rd_kafka_mock_cluster_new(embedded->host, brokers);
    if (embedded->cluster) return embedded;
    ss_fail(err, SS_INTERNAL, "the embedded broker does not start%s%s", *text ? ": " : "", text);
    ss_embedded_stop(embedded);
    return NULL;
}

int ss_embedded_topic(ss_embedded *embedded, const char *topic, int partitions, ss_error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(embedded->cluster, topic, partitions, 1);
    return code ? ss_fail(err, SS_INPUT, "creating topic '%s': %s", topic, rd_kafka_err2str(code)) : 0;
}

const char *ss_embedded_bootstrap(const ss_embedded *embedded)
{
    return rd_kafka_mock_cluster_bootstraps(embedded->cluster);
}

void *ss_embedded_cluster(ss_embedded *embedded)
{
    return embedded->cluster;
}

void ss_embedded_stop(ss_embedded *embedded)
{
    if (!embedded) return;
    if (embedded->cluster) rd_kafka_mock_cluster_destroy(embedded->cluster);
    if (embedded->host) rd_kafka_destroy(embedded->host);
    free(embedded);
}
