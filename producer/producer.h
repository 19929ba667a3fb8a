/* producer.h - one run of skillstream-producer, from settings to exit. */
#ifndef SKILLSTREAM_PRODUCER_PRODUCER_H
#define SKILLSTREAM_PRODUCER_PRODUCER_H

#include "base/log.h"
#include "base/shutdown.h"
#include "producer/settings.h"

/* Runs until the work is done or a signal comes. `arguments`: further files of --replay. SS_STOPPED: asked to stop
 * before there was anything to finish. */
int ss_producer_run(const ss_producer_settings *settings, const ss_strings *arguments, const ss_log *log,
                    ss_shutdown *shutdown, ss_error *err);

#endif
