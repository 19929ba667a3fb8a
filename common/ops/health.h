/* health.h - is this process alive, and should it get work?
 *
 * Ready: every named condition ("broker", "release", "redis") is met. Each is
 * added as not met, so a process is unready until all its parts have reported.
 * Live: every named heart beats: whoever owns a loop adds a heart with the
 * longest pause it may have, and beats it in each turn; a loop that hangs makes
 * the process not live, so the orchestrator restarts it. Losing the broker or
 * Redis makes a process not ready, never not live.
 *
 * Conditions and hearts are few (SS_HEALTH_MAX each) and added at start; names
 * are static strings or outlive the object. Thread safe.
 */
#ifndef SKILLSTREAM_OPS_HEALTH_H
#define SKILLSTREAM_OPS_HEALTH_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

#define SS_HEALTH_MAX 16
#define SS_HEALTH_REASON 200 /* bytes, cut when longer */

typedef struct ss_health ss_health;

ss_health *ss_health_new(ss_error *err);
void ss_health_free(ss_health *health);

/* Sets a condition (adding it if it is new), with a reason for people: "connected", "waiting for redis://...". */
void ss_health_set(ss_health *health, const char *name, int met, const char *format, ...) SS_PRINTF(4, 5);

/* A heart that must beat at least every `max_pause_ms`; adding it counts as a beat, doing so again changes the pause.
 */
void ss_health_add_heart(ss_health *health, const char *name, int64_t max_pause_ms);
void ss_health_beat(ss_health *health, const char *name);

/* 1 = live / ready; the text, one line per condition, is appended to `text` (may be NULL). No condition at all: not
 * ready. These two have the shape of ss_http_check: pass them with the ss_health as context. */
int ss_health_is_live(void *health, ss_buffer *text);
int ss_health_is_ready(void *health, ss_buffer *text);

#endif
