/* bucket.h - a token bucket that keeps a limit per minute in every window.
 *
 * A bucket of capacity B that refills at r per second lets at most B + r*w through in any window of w seconds. So that
 * no minute ever holds more than the limit L, B + 60 r must not be more than L: r = (L - B) / 61. (61, not 60: what
 * counts is when requests arrive, and the first one on a new connection arrives later than it was sent.) B is small: a
 * hundredth of a second's worth, at least 1; it grows to the largest amount that was ever asked for. With B = 1 and
 * amounts of 1, r = L / 61 keeps the limit already, since the (L+1)-th comes 61 s after the first.
 *
 * Time is given by the caller, in milliseconds of one monotonic clock, so tests need not wait. One thread.
 */
#ifndef SKILLSTREAM_PRODUCER_BUCKET_H
#define SKILLSTREAM_PRODUCER_BUCKET_H

#include <stdint.h>

typedef struct ss_bucket {
    double limit;    /* per minute; 0 = no limit */
    double capacity; /* B */
    double rate;     /* per millisecond */
    double level;
    int64_t updated; /* ms */
} ss_bucket;

/* Begins full. */
void ss_bucket_init(ss_bucket *bucket, uint64_t per_minute, int64_t now);

/* How many ms to wait until `amount` can be taken; 0 = now; -1 = never (more than half of a minute's limit). */
int64_t ss_bucket_wait(ss_bucket *bucket, uint64_t amount, int64_t now);

/* Takes it; call only after ss_bucket_wait said 0. */
void ss_bucket_take(ss_bucket *bucket, uint64_t amount, int64_t now);

/* What was taken turned out to be `more` larger: the next ones wait for it. */
void ss_bucket_owe(ss_bucket *bucket, uint64_t more);

#endif
