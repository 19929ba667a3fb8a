/* clock.c - see clock.h. */
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

double ss_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int64_t ss_now_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

int64_t ss_wall_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}

void ss_sleep_ms(int64_t ms)
{
    if (ms <= 0) return;
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&t, &t) == -1 && errno == EINTR) {
    }
}

void ss_wall_text(int64_t wall_ms, char out[32])
{
    int64_t ms = wall_ms % 1000;
    if (ms < 0) ms += 1000;
    time_t seconds = (time_t)((wall_ms - ms) / 1000);
    struct tm tm = {0};
    gmtime_r(&seconds, &tm);
    size_t len = strftime(out, 24, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + len, 32 - len, ".%03dZ", (int)ms);
}

int64_t ss_backoff_ms(unsigned attempt, int64_t base_ms, int64_t cap_ms, uint64_t *seed)
{
    int64_t top = base_ms;
    for (unsigned i = 0; i < attempt && top < cap_ms; i++) top *= 2;
    if (top > cap_ms) top = cap_ms;
    /* splitmix64 (Steele et al. 2014): enough to keep workers from knocking at the same moment. */
    uint64_t z = (*seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (int64_t)(z % (uint64_t)(top + 1));
}
