/* shutdown.h - leaving in order: SIGTERM and SIGINT, a grace time, and a watchdog.
 *
 * ss_shutdown_start blocks the two signals for this thread and all it makes
 * later, and waits for them in a thread of its own; so call it first in main.
 * The first signal only raises a flag that the program's loops look at. When
 * the program has not called ss_shutdown_end within the grace time, the
 * watchdog calls `stuck` with the name of the stage that was entered last and
 * ends the process with exit code 1: a stuck thread is named, not waited for
 * (fluent-bit's idea). A second signal ends the process at once.
 */
#ifndef SKILLSTREAM_BASE_SHUTDOWN_H
#define SKILLSTREAM_BASE_SHUTDOWN_H

#include <stdint.h>

#include "base/error.h"

typedef struct ss_shutdown ss_shutdown;

/* `stuck` is called from the watchdog's thread right before _exit(1); may be NULL. */
ss_shutdown *ss_shutdown_start(int64_t grace_ms, void (*stuck)(void *context, const char *stage), void *context,
                               ss_error *err);

int ss_shutdown_requested(const ss_shutdown *shutdown); /* any thread */
void ss_shutdown_request(ss_shutdown *shutdown);        /* as if a SIGTERM had come */

/* Names what is being waited for; static string. */
void ss_shutdown_stage(ss_shutdown *shutdown, const char *stage);

/* Sleeps up to ms, wakes early on a request; returns ss_shutdown_requested. */
int ss_shutdown_wait(ss_shutdown *shutdown, int64_t ms);

/* Ends the watchdog; the process is about to exit by itself. */
void ss_shutdown_end(ss_shutdown *shutdown);

#endif
