/* breaker.h - a circuit breaker: stops knocking at a door that does not open.
 *
 *     closed      requests go; `threshold` failures in a row open it
 *     open        none goes for the cool-down, which doubles from first_ms to most_ms with each opening in a row
 *     half open   one goes; success closes the breaker, failure opens it again
 *
 * What counts as failure is the caller's choice (here: no connection, 5xx, time-outs, answers that are no answers).
 * Time as in bucket.h. One thread.
 */
#ifndef SKILLSTREAM_PRODUCER_BREAKER_H
#define SKILLSTREAM_PRODUCER_BREAKER_H

#include <stdint.h>

typedef enum ss_breaker_state { SS_BREAKER_CLOSED, SS_BREAKER_OPEN, SS_BREAKER_HALF_OPEN } ss_breaker_state;

typedef struct ss_breaker {
    ss_breaker_state state;
    unsigned threshold, failures; /* failures in a row */
    int64_t first_ms, most_ms, cool_ms;
    int64_t open_until;
    int probing; /* half open: the one request is out */
} ss_breaker;

void ss_breaker_init(ss_breaker *breaker, unsigned threshold, int64_t first_ms, int64_t most_ms);

/* 0: a request may go (tell ss_breaker_sent); else ms to wait, INT64_MAX while the probe is out. */
int64_t ss_breaker_wait(ss_breaker *breaker, int64_t now);
void ss_breaker_sent(ss_breaker *breaker);
void ss_breaker_success(ss_breaker *breaker);
void ss_breaker_failure(ss_breaker *breaker, int64_t now);
/* The request ended in a way that says nothing about the server (it was told to slow down, or stopped by us). */
void ss_breaker_neutral(ss_breaker *breaker);

#endif
