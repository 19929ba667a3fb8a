/* clock.h - time: monotonic for durations, wall clock only for people and records. */
#ifndef SKILLSTREAM_BASE_CLOCK_H
#define SKILLSTREAM_BASE_CLOCK_H

#include <stdint.h>

double ss_now(void);      /* monotonic seconds */
int64_t ss_now_ms(void);  /* monotonic milliseconds */
int64_t ss_wall_ms(void); /* milliseconds since 1970-01-01 UTC */
void ss_sleep_ms(int64_t ms);

/* RFC 3339 in UTC with milliseconds, "2026-11-26T00:36:39.123Z"; out holds 32 bytes. */
void ss_wall_text(int64_t wall_ms, char out[32]);

/* Backoff with full jitter: a random wait in [0, min(cap, base * 2^attempt)] ms. `seed` is the caller's own state. */
int64_t ss_backoff_ms(unsigned attempt, int64_t base_ms, int64_t cap_ms, uint64_t *seed);

#endif
