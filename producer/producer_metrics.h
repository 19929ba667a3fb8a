/* producer_metrics.h - what skillstream-producer tells Prometheus, and its HTTP server.
 *
 *     skillstream_pairs_total{kind}              pairs accepted (replay: streamed)
 *     skillstream_pairs_committed_total          pairs that a read_committed reader sees
 *     skillstream_pairs_flagged_total            pairs whose skill is not among the nearest ones of the release
 *     skillstream_rejects_total{reason}          sentences refused
 *     skillstream_llm_requests_total{verdict}    requests by how they ended (response.h)
 *     skillstream_llm_failures_total{reason}     of those not ok
 *     skillstream_llm_tokens_total{direction}    as billed
 *     skillstream_llm_cost                       money spent, in units of the prices
 *     skillstream_llm_requests_in_flight, skillstream_llm_breaker_open
 *     skillstream_skills, skillstream_skills_done
 *     skillstream_build_info{version,commit}
 *
 * Ready once the topic is read. The event loop copies its tally in; the server's thread only reads the registry.
 */
#ifndef SKILLSTREAM_PRODUCER_PRODUCER_METRICS_H
#define SKILLSTREAM_PRODUCER_PRODUCER_METRICS_H

#include "base/error.h"
#include "base/log.h"

typedef struct ss_producer_metrics ss_producer_metrics;
struct ss_run;

/* address "off": no server, but the registry all the same. */
ss_producer_metrics *ss_producer_metrics_start(const char *address, const ss_log *log, ss_error *err);
void ss_producer_metrics_stop(ss_producer_metrics *metrics);

void ss_producer_metrics_ready(ss_producer_metrics *metrics, int ready, const char *why);

/* Copies the run's numbers; does nothing when the last time was less than 200 ms ago, unless `now` is 1. Beats the
 * heart.
 */
void ss_producer_metrics_update(ss_producer_metrics *metrics, const struct ss_run *run, int now);

#endif
