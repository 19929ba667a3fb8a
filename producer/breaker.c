/* breaker.c - see breaker.h. */
#include "producer/breaker.h"

void ss_breaker_init(ss_breaker *b, unsigned threshold, int64_t first_ms, int64_t most_ms)
{
    *b = (ss_breaker){.threshold = threshold, .first_ms = first_ms, .most_ms = most_ms, .cool_ms = first_ms};
}

int64_t ss_breaker_wait(ss_breaker *b, int64_t now)
{
    if (b->state == SS_BREAKER_OPEN) {
        if (now < b->open_until) return b->open_until - now;
        b->state = SS_BREAKER_HALF_OPEN;
        b->probing = 0;
    }
    return b->state == SS_BREAKER_HALF_OPEN && b->probing ? INT64_MAX : 0;
}

void ss_breaker_sent(ss_breaker *b)
{
    if (b->state == SS_BREAKER_HALF_OPEN) b->probing = 1;
}

void ss_breaker_success(ss_breaker *b)
{
    b->state = SS_BREAKER_CLOSED;
    b->failures = 0;
    b->probing = 0;
    b->cool_ms = b->first_ms;
}

void ss_breaker_failure(ss_breaker *b, int64_t now)
{
    b->failures++;
    /* Requests sent before it opened still fail while it is open: they must not prolong the pause. */
    if (b->state == SS_BREAKER_OPEN) return;
    if (b->state == SS_BREAKER_CLOSED && b->failures < b->threshold) return;
    b->state = SS_BREAKER_OPEN;
    b->probing = 0;
    b->open_until = now + b->cool_ms;
    b->cool_ms = b->cool_ms > b->most_ms / 2 ? b->most_ms : b->cool_ms * 2;
}

void ss_breaker_neutral(ss_breaker *b)
{
    if (b->state == SS_BREAKER_HALF_OPEN) b->probing = 0;
}
