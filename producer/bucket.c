/* bucket.c - see bucket.h. */
#include "producer/bucket.h"

#include <math.h>

enum { MINUTE_SECONDS = 61 };

/* Of unit requests one at a time no more than L fit into a minute at L per 61 s; larger amounts need the room of one.
 */
static void set_capacity(ss_bucket *b, double capacity)
{
    b->capacity = capacity;
    b->rate = (capacity > 1 ? b->limit - capacity : b->limit) / (MINUTE_SECONDS * 1000.0);
}

void ss_bucket_init(ss_bucket *b, uint64_t per_minute, int64_t now)
{
    *b = (ss_bucket){.limit = (double)per_minute, .updated = now};
    double hundredth = floor(b->limit / 6000); /* of a second's worth */
    set_capacity(b, hundredth < 1 ? 1 : hundredth);
    b->level = b->capacity;
}

static void refill(ss_bucket *b, int64_t now)
{
    if (now <= b->updated) return;
    b->level = fmin(b->capacity, b->level + b->rate * (double)(now - b->updated));
    b->updated = now;
}

int64_t ss_bucket_wait(ss_bucket *b, uint64_t amount, int64_t now)
{
    double want = (double)amount;
    if (b->limit <= 0) return 0;
    refill(b, now);
    if (want > b->capacity) {
        if (want > b->limit / 2) return -1;
        set_capacity(b, want); /* the level stays: a larger bucket is no gift */
    }
    if (b->level >= want) return 0;
    double ms = ceil((want - b->level) / b->rate);
    return ms < 1 ? 1 : (int64_t)ms;
}

void ss_bucket_take(ss_bucket *b, uint64_t amount, int64_t now)
{
    if (b->limit <= 0) return;
    refill(b, now);
    b->level -= (double)amount;
}

void ss_bucket_owe(ss_bucket *b, uint64_t more)
{
    if (b->limit > 0) b->level -= (double)more;
}
