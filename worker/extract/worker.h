/* worker.h - the extraction worker: ads from a topic, records to a topic, exactly once. */
#ifndef SKILLSTREAM_WORKER_EXTRACT_WORKER_H
#define SKILLSTREAM_WORKER_EXTRACT_WORKER_H

#include "base/log.h"
#include "base/options.h"
#include "base/shutdown.h"
#include "worker/extract/worker_settings.h"

/* Runs until a shutdown is asked for (0) or something fails for good (-1, *err says what). `options` gives the digest
 * that goes into records. */
int ss_worker_run(const ss_worker_settings *settings, const ss_options *options, const ss_log *log,
                  ss_shutdown *shutdown, ss_error *err);

#endif
